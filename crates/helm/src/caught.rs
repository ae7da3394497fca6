//! Panics of libraries that are errors here.
//!
//! A panic hook runs before a panic is caught, and prints what nobody needs to see. A program that installs a hook can
//! ask [`is_catching`] whether this one is an error of the input.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static CATCHING: Cell<u32> = const { Cell::new(0) };
}

/// Whether this thread is at work whose panic is caught and becomes an error.
pub fn is_catching() -> bool {
    CATCHING.get() > 0
}

/// Runs `work`; `None` when it panics. Nothing that `work` has touched may be used after that.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    CATCHING.set(CATCHING.get() + 1);
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    CATCHING.set(CATCHING.get() - 1);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_while_work_is_under_way() {
        assert!(!is_catching());
        assert_eq!(caught(|| (is_catching(), caught(is_catching), is_catching())), Some((true, Some(true), true)));
        assert_eq!(caught(|| Vec::<i32>::new().remove(0)), None);
        assert!(!is_catching(), "also after a panic");
    }
}
