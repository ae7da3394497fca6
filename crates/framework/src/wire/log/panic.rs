//! Panics, told so that the host understands them.

use std::any::Any;
use std::backtrace::Backtrace;
use std::io::Write;
use std::panic::PanicHookInfo;

use super::mask::masked;

/// From now on a panic prints `panic: …` first. Terraform looks for these words: without them it only says that the
/// request was cancelled.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        let report = report(info, &Backtrace::force_capture());
        // The process may be about to end, so this does not go through the thread for lines. When standard error is
        // closed there is nobody left to tell.
        let _ = std::io::stderr().lock().write_all(report.as_bytes());
    }));
}

fn report(info: &PanicHookInfo<'_>, backtrace: &Backtrace) -> String {
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name");
    // Line by line: a line of 64 KiB would be cut by the host.
    let report = format!("panic: {}\nat {place}, in the thread {thread}\n{backtrace}\n", message(info.payload()));
    masked(&report).into_owned()
}

/// What a panic said.
pub fn message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_either_kind() {
        for (payload, expected) in [
            (Box::new("plain") as Box<dyn Any + Send>, "plain"),
            (Box::new("formatted 3".to_owned()), "formatted 3"),
            (Box::new(3), "no message"),
        ] {
            assert_eq!(message(payload.as_ref()), expected);
        }
    }
}
