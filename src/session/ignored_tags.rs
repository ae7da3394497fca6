//! Tags that others manage: the provider's `ignore_tags`.

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::path::{Path, Step};

type Tags = BTreeMap<String, String>;

/// Tags that the provider's `ignore_tags` leaves to others: they are no part of states and plans, and are never written
/// or removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignored {
    /// Whole keys.
    pub keys: BTreeSet<String>,
    /// Beginnings of keys.
    pub key_prefixes: BTreeSet<String>,
}

impl Ignored {
    /// Whether tags with this key are ignored.
    #[must_use]
    pub fn covers(&self, key: &str) -> bool {
        self.keys.contains(key) || self.key_prefixes.iter().any(|prefix| key.starts_with(prefix.as_str()))
    }

    /// The tags that are managed here: without AWS's own and the ignored ones.
    pub(super) fn managed(&self, found: Tags) -> Tags {
        found.into_iter().filter(|(key, _)| !self.covers(key) && !key.starts_with("aws:")).collect()
    }

    /// Keys of `before` that are not in `after`, and that may be removed from an object.
    pub(super) fn dropped(&self, before: &Tags, after: &Tags) -> Vec<String> {
        before.keys().filter(|key| !after.contains_key(*key) && !self.covers(key)).cloned().collect()
    }

    /// Refuses tags that are set and ignored at once: they would be shown as a change by every plan.
    ///
    /// # Errors
    /// One for each such tag, at the `attribute` that sets it.
    pub fn refuse(&self, set: &Tags, attribute: &str) -> Result<()> {
        let mut faults = Diagnostics::new();
        for key in set.keys().filter(|key| self.covers(key)) {
            let cause = format!("`{attribute}` sets `{key}`, and the provider's `ignore_tags` leaves it to others.");
            faults.push(
                Diagnostic::error("Tag is set and ignored", cause)
                    .remedy(format!("Remove the tag from `{attribute}`, or from `ignore_tags`."))
                    .at(Path::attribute(attribute).then(Step::Key(key.clone()))),
            );
        }
        if faults.has_errors() { Err(faults) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(entries: &[(&str, &str)]) -> Tags {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn ignored_tags_are_neither_seen_nor_removed() {
        let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let ignored = Ignored { keys: set(&["owner"]), key_prefixes: set(&["cost:"]) };
        let found = tags(&[("owner", "x"), ("owner2", "x"), ("cost:center", "7"), ("cost", "8"), ("aws:x", "1")]);
        assert_eq!(ignored.managed(found.clone()), tags(&[("owner2", "x"), ("cost", "8")]));
        assert_eq!(ignored.dropped(&found, &tags(&[("cost", "9")])), ["aws:x", "owner2"]);
        assert!(ignored.refuse(&tags(&[("cost", "8")]), "tags").is_ok());
        let faults = ignored.refuse(&tags(&[("owner", "x"), ("cost:a", "b")]), "tags").expect_err("both are ignored");
        assert_eq!(faults.0.len(), 2);
    }
}
