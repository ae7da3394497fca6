//! The command line of a program that makes or checks a provider's pages.

use std::path::Path;
use std::process::ExitCode;

use super::{DocsError, Page, compare, pages, write};
use crate::provider::{Provider, ProviderServer};

/// Makes the pages of `P` from its declarations and `examples` into the folder that the arguments name. With `--check`
/// nothing is written: pages that are not up to date are named, and the exit code is 1. `renew` is the command that a
/// person then runs.
pub fn run<P: Provider>(examples: &Path, arguments: &[String], renew: &str) -> ExitCode {
    let check = arguments.iter().any(|argument| argument == "--check");
    let folders: Vec<&String> = arguments.iter().filter(|argument| *argument != "--check").collect();
    let [folder] = folders.as_slice() else {
        eprintln!("Give one folder for the pages, with `--check` before it to compare only.");
        return ExitCode::from(2);
    };
    let folder = Path::new(folder);
    match pages(&ProviderServer::<P>::new(), examples).and_then(|pages| act(&pages, folder, check, renew)) {
        Ok(code) => code,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            eprintln!("{error}{cause}");
            ExitCode::FAILURE
        }
    }
}

fn act(pages: &[Page], folder: &Path, check: bool, renew: &str) -> Result<ExitCode, DocsError> {
    let differences = if check { compare(pages, folder)? } else { write(pages, folder)? };
    let count = pages.len();
    if differences.is_empty() {
        println!("{count} pages are up to date.");
        return Ok(ExitCode::SUCCESS);
    }
    for difference in &differences {
        if check {
            println!("{difference}");
        } else {
            let (super::Difference::Missing(path)
            | super::Difference::Left(path)
            | super::Difference::Stale { path, .. }) = difference;
            println!("{path}");
        }
    }
    if !check {
        println!("{} of {count} pages were renewed.", differences.len());
        return Ok(ExitCode::SUCCESS);
    }
    println!("\n{} pages are not up to date. Renew them with `{renew}` and commit them.", differences.len());
    Ok(ExitCode::FAILURE)
}
