//! The engine against Helm: what it prints must be what Helm prints, errors included.
//!
//! Recorded outputs of Helm lie next to the inputs, so that something is compared everywhere. If a
//! Python with helm-python-sdk is available (`EKSHYBRID_HELM_PYTHON`, or .cache/python/bin/python in the checkout) Helm
//! also renders the same inputs again, random templates, and the published charts (`EKSHYBRID_CHARTS`, or
//! ../shared/charts next to the checkout). What is left out without them is reported.

mod broken;
mod command_line;
#[path = "../fuzz/corpus.rs"]
#[allow(dead_code, reason = "only the fuzz targets use all of it")]
mod corpus;
#[path = "../fuzz/mutate.rs"]
#[allow(dead_code, reason = "only the fuzz targets use all of it")]
mod mutate;
mod oracle;
mod published;
mod random;
mod regexps;
#[path = "../../examples/render.rs"]
mod render;
mod snippets;
mod structure;

use libtest_mimic::{Arguments, Trial};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    if std::env::var_os(command_line::AS_EXAMPLE).is_some() {
        return render::main();
    }
    // Dates without a zone are local; the expected ones were made in UTC.
    if std::env::var("TZ").as_deref() != Ok("UTC") {
        let Ok(program) = std::env::current_exe() else { return ExitCode::FAILURE };
        let status = Command::new(program).args(std::env::args().skip(1)).env("TZ", "UTC").status();
        return match status {
            Ok(status) if status.success() => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        };
    }
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = snippets::trials();
    trials.extend(structure::trials());
    trials.extend(command_line::trials());
    match oracle::python() {
        Some(_) => {
            trials.extend(snippets::live_trials());
            trials.extend(random::trials());
            trials.extend(regexps::trials());
            trials.extend(broken::trials());
            trials.extend(published::trials());
        }
        None => {
            let reason = "no Python with helm-python-sdk (EKSHYBRID_HELM_PYTHON or .cache/python/bin/python)";
            trials.push(left_out("a running Helm", reason));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    oracle::stop_all();
    conclusion.exit_code()
}

/// What cannot be compared here: counted as ignored, and a failure in a strict run, such as CI's.
fn left_out(what: &str, reason: &str) -> Trial {
    let text = format!("left out: {what}: {reason}");
    eprintln!("{text}");
    let is_strict = std::env::var_os("EKSHYBRID_STRICT").is_some_and(|value| value == "1");
    Trial::test(format!("left out: {what}"), move || Err(text.into())).with_ignored_flag(!is_strict)
}
