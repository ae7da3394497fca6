//! The wire, from outside: a provider in a process of its own, driven as a host drives it.
//!
//! This program is both sides. Started with a host's cookie or with `-debug` it is the sample provider; otherwise it
//! runs the tests, which start it again.

mod cases;
mod client;
mod sample;

use std::process::ExitCode;

use framework::wire::{ServeOptions, log, serve};

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
    libtest_mimic::run(&arguments, cases::all()).exit_code()
}
