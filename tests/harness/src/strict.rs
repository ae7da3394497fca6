//! What a run leaves out, and when that is a failure.
//!
//! Where EKSHYBRID_STRICT is 1, as on CI, everything that is left out fails: a machine without a control plane, charts
//! or Helm would otherwise be green by doing nothing. `left_out.txt` beside the cases names what cannot be had anywhere.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

/// Whether leaving something out fails the run.
pub fn is_on() -> bool {
    std::env::var_os("EKSHYBRID_STRICT").is_some_and(|value| value == "1")
}

/// For a test of cargo's own harness that cannot do its work here: says why, where that is allowed. The suite reads the
/// line and counts the test as left out, since cargo counts it as passed.
///
/// # Panics
///
/// In a strict run.
pub fn nothing_done(reason: &str) {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    assert!(!is_on(), "left out, which a strict run does not allow: {reason}");
    // Not by the macros: what they print of a passing test is discarded. Without stderr there is nowhere to report it.
    let _ = std::io::stderr().write_all(format!("nothing done: {test}: {reason}\n").as_bytes());
}

/// What may be left out: by layer and case, with the reason.
pub type Allowed = BTreeMap<(String, String), String>;

/// Reads `left_out.txt`: `LAYER CASE: REASON`, and lines that begin with `#`. No file is an empty list.
///
/// # Errors
///
/// A line has another form.
pub fn allowed(cases: &Path) -> Result<Allowed, String> {
    let text = std::fs::read_to_string(cases.join("left_out.txt")).unwrap_or_default();
    let mut allowed = Allowed::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let parts = line.split_once(": ").and_then(|(what, why)| Some((what.split_once(' ')?, why)));
        let ((layer, case), why) = parts.ok_or_else(|| format!("left_out.txt: `{line}` is no `LAYER CASE: REASON`"))?;
        allowed.insert((layer.to_owned(), case.to_owned()), why.to_owned());
    }
    Ok(allowed)
}
