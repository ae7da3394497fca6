//! Panics, printed so that the host understands them.

use std::backtrace::Backtrace;
use std::io::Write;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;

use crate::diagnostic::panic_message;
use crate::mask::masked;

/// Who says that a panic is expected.
static EXPECTED: OnceLock<fn() -> bool> = OnceLock::new();

/// From now on nothing is printed of a panic of which `is_expected` says, on the thread that panics, that it is about to
/// be caught by whoever asked for the work, and reported as an error of the input: by a library around a parser that panics,
/// say. A printed panic would make Terraform say that the provider crashed. The first call counts.
pub fn expect(is_expected: fn() -> bool) {
    // A process has one provider.
    let _ = EXPECTED.set(is_expected);
}

/// From now on a panic prints `panic: …` first. Terraform looks for these words: without them it only says that the
/// request was cancelled.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        if EXPECTED.get().is_some_and(|is_expected| is_expected()) {
            return;
        }
        let report = report(info, &Backtrace::force_capture());
        // The process may be about to end, so this does not go through the thread for lines. When standard error is
        // closed nobody reads it.
        let _ = std::io::stderr().lock().write_all(report.as_bytes());
    }));
}

fn report(info: &PanicHookInfo<'_>, backtrace: &Backtrace) -> String {
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name");
    // Line by line: a line of 64 KiB would be cut by the host.
    let report = format!("panic: {}\nat {place}, in the thread {thread}\n{backtrace}\n", panic_message(info.payload()));
    masked(&report).into_owned()
}
