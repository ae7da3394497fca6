//! Labels and label selectors of Kubernetes: their rules, and the text that the API takes.
//! Source of the rules: Kubernetes, "Labels and Selectors".

use std::collections::BTreeMap;

use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::model::Maybe;
use framework::path::{Path, Step};

use super::names::is_subdomain;

/// Checks a map of labels, or of labels to select by, as far as it is known.
pub fn check(labels: &Maybe<Option<BTreeMap<String, String>>>, attribute: &str, faults: &mut Diagnostics) {
    let mut fault = |at: Path, summary: &str, detail: String| faults.push(Diagnostic::error(summary, detail).at(at));
    check_at(labels.set(), &Path::attribute(attribute), &mut fault);
}

/// The same of labels that are known; `fault` takes path, summary and detail of each fault.
pub fn check_at(labels: Option<&BTreeMap<String, String>>, at: &Path, fault: &mut impl FnMut(Path, &str, String)) {
    for (key, value) in labels.into_iter().flatten() {
        let at = at.clone().then(Step::Key(key.clone()));
        if !is_key(key) {
            fault(at.clone(), "Invalid label", key_refused(key));
        }
        if !is_value(value) {
            let detail = format!(
                "`{value}` cannot be the value of a label. It is empty, or has letters, digits, `-`, `_` and `.`, begins and ends with a letter or digit, and has at most 63 characters."
            );
            fault(at, "Invalid label", detail);
        }
    }
}

/// Why a text cannot be the key of a label or an annotation.
#[must_use]
pub fn key_refused(key: &str) -> String {
    format!(
        "`{key}` cannot be the key of a label or annotation. A key is a name of at most 63 letters, digits, `-`, `_` and `.` that begins and ends with a letter or digit, with a DNS domain and a slash before it when it has one, such as `topology.kubernetes.io/zone`."
    )
}

/// Whether the text can be the key of a label or an annotation.
#[must_use]
pub fn is_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((domain, name)) => is_subdomain(domain) && !name.is_empty() && is_value(name),
        None => !key.is_empty() && is_value(key),
    }
}

fn is_value(value: &str) -> bool {
    let end = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = value.as_bytes();
    bytes.len() <= 63
        && end(bytes.first())
        && end(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// The selector of objects that have all of these labels: `a=1,b=2`.
#[must_use]
pub fn selector(labels: &BTreeMap<String, String>) -> String {
    let one = |(key, value): (&String, &String)| format!("{key}={value}");
    labels.iter().map(one).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values() {
        let long = "a".repeat(64);
        for (key, value, faults) in [
            ("topology.kubernetes.io/zone", "us-west-2a", 0),
            ("a", "", 0),
            ("A_b.C", "1.2_3", 0),
            ("", "a", 1),
            ("a/", "a", 1),
            ("/a", "a", 1),
            ("Upper.example/a", "a", 1),
            ("a/b/c", "a", 1),
            ("a", "-a", 1),
            ("a", "a b", 1),
            ("a-", "a.", 2),
            (&long, &long, 2),
        ] {
            let labels = BTreeMap::from([(key.to_owned(), value.to_owned())]);
            let mut found = Diagnostics::new();
            check(&Maybe::Known(Some(labels)), "labels", &mut found);
            assert_eq!(found.0.len(), faults, "{key}={value}: {found:?}");
        }
    }

    #[test]
    fn a_selector_asks_for_all_labels() {
        let labels = [("b", "2"), ("a/x", "1")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(selector(&labels.into()), "a/x=1,b=2");
    }
}
