//! Rules over several attributes of one object, checked before any call.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::path::Path;
use crate::value::Value;

/// A rule over attributes that are named by it. An unknown attribute counts as possibly set: only what is certain is
/// refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// One must be set, and only one.
    ExactlyOneOf(&'static [&'static str]),
    /// One must be set.
    AtLeastOneOf(&'static [&'static str]),
    /// At the most one may be set.
    AtMostOneOf(&'static [&'static str]),
    /// All must be set, or none.
    Together(&'static [&'static str]),
}

impl Rule {
    /// The rule in words, for documentation and messages.
    pub fn sentence(&self) -> String {
        match self {
            Self::ExactlyOneOf(names) => format!("Exactly one of {} must be set", list(names, "or")),
            Self::AtLeastOneOf(names) => format!("At least one of {} must be set", list(names, "or")),
            Self::AtMostOneOf(names) => format!("At most one of {} may be set", list(names, "or")),
            Self::Together(names) => format!("{} are set together or not at all", list(names, "and")),
        }
    }
}

fn list(names: &[&str], conjunction: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} {conjunction} {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// Checks the rules over `object`.
pub fn check_rules(rules: &[Rule], object: &Value, at: &Path, faults: &mut Diagnostics) {
    for rule in rules {
        check(*rule, object, at, faults);
    }
}

fn check(rule: Rule, object: &Value, at: &Path, faults: &mut Diagnostics) {
    let value = |name: &str| object.attribute(name).unwrap_or(&Value::Null);
    let (Rule::ExactlyOneOf(names) | Rule::AtLeastOneOf(names) | Rule::AtMostOneOf(names) | Rule::Together(names)) =
        rule;
    let set: Vec<&str> =
        names.iter().copied().filter(|name| !value(name).is_null() && !value(name).is_unknown()).collect();
    let unset: Vec<&str> = names.iter().copied().filter(|name| value(name).is_null()).collect();
    let too_many = matches!(rule, Rule::ExactlyOneOf(_) | Rule::AtMostOneOf(_)) && set.len() > 1;
    let none = matches!(rule, Rule::ExactlyOneOf(_) | Rule::AtLeastOneOf(_)) && unset.len() == names.len();
    let torn = matches!(rule, Rule::Together(_)) && !set.is_empty() && !unset.is_empty();
    if too_many {
        let detail = format!("{}, but {} are set.", rule.sentence(), list(&set, "and"));
        for name in &set {
            faults.push(Diagnostic::error("Conflicting arguments", detail.clone()).at(at.dot(*name)));
        }
    } else if none {
        let detail = format!("{}, but none of them is.", rule.sentence());
        faults.push(Diagnostic::error("Missing argument", detail).at(at.clone()));
    } else if torn {
        let detail = format!("{}, but {} is missing.", rule.sentence(), list(&unset, "and"));
        for name in &set {
            faults.push(Diagnostic::error("Incomplete arguments", detail.clone()).at(at.dot(*name)));
        }
    }
}
