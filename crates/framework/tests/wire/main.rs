//! The wire, from outside: a provider in a process of its own, driven as a host drives it.
//!
//! This program is both sides. Started with a host's cookie or with `-debug` it is the sample provider; otherwise it
//! runs the tests, which start it again.

mod calls;
mod client;
mod process;
mod sample;

use std::process::ExitCode;

use framework::wire::{ServeOptions, log, serve};

macro_rules! trials {
    ($($name:ident),+ $(,)?) => {
        vec![$(libtest_mimic::Trial::test(stringify!($name), || {
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on($name()).map_err(|error| libtest_mimic::Failed::from(error.to_string()))
        })),+]
    };
}

pub(crate) use trials;

const OPTIONS: ServeOptions =
    ServeOptions { name: "sample", address: "example.test/acme/sample", version: "1.2.3", log_targets: &["wire"] };

fn main() -> ExitCode {
    let asked = |name: &str| std::env::args().any(|argument| argument == name);
    if std::env::var_os("SAMPLE_PROVIDER").is_some() || std::env::var_os(client::COOKIE.0).is_some() || asked("-debug")
    {
        log::expect_panics(sample::is_catching);
        return serve(sample::Sample::new, &OPTIONS);
    }
    let arguments = libtest_mimic::Arguments::from_args();
    let tests = calls::all().into_iter().chain(process::all()).collect();
    libtest_mimic::run(&arguments, tests).exit_code()
}
