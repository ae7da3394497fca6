//! A panic hook can distinguish a panic that becomes an error from a bug. In a program of its own: the hook is the whole
//! program's.

use std::panic::{catch_unwind, set_hook};
use std::sync::atomic::{AtomicUsize, Ordering};

static PRINTED: AtomicUsize = AtomicUsize::new(0);

#[test]
fn a_panic_that_is_caught_is_not_printed() {
    set_hook(Box::new(|_| {
        if !helm::is_catching() {
            PRINTED.fetch_add(1, Ordering::SeqCst);
        }
    }));
    // The YAML scanner panics here.
    for text in ["a: [!!str, b]", "a: {b: !x,}"] {
        let error = helm::Values::from_yaml(text).expect_err(text).to_string();
        assert!(error.contains("did not find expected whitespace or line break"), "{error}");
    }
    assert_eq!(PRINTED.load(Ordering::SeqCst), 0, "a caught panic was printed");
    assert!(catch_unwind(|| panic!("a bug")).is_err());
    assert_eq!(PRINTED.load(Ordering::SeqCst), 1, "an unexpected panic is printed");
}
