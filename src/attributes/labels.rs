//! Labels and label selectors of Kubernetes: faults in a map of labels, and the text of a selector.

use std::collections::BTreeMap;

use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::model::Maybe;
use framework::path::{Path, Step};
use names::{LabelKey, LabelValue, Word as _};

/// Checks a map of labels, or of labels to select by, as far as it is known.
pub fn check(labels: &Maybe<Option<BTreeMap<String, String>>>, attribute: &str, faults: &mut Diagnostics) {
    let mut fault = |at: Path, summary: &str, detail: String| faults.push(Diagnostic::error(summary, detail).at(at));
    check_at(labels.set(), &Path::attribute(attribute), &mut fault);
}

/// The same of labels that are known; `fault` takes path, summary and detail of each fault.
pub fn check_at(labels: Option<&BTreeMap<String, String>>, at: &Path, fault: &mut impl FnMut(Path, &str, String)) {
    for (key, value) in labels.into_iter().flatten() {
        let at = at.clone().then(Step::Key(key.clone()));
        if let Err(invalid) = LabelKey::parse(key) {
            fault(at.clone(), "Invalid label", format!("{invalid}."));
        }
        if let Err(invalid) = LabelValue::parse(value) {
            fault(at, "Invalid label", format!("{invalid}."));
        }
    }
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
