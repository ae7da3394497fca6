//! What is remembered of the cluster as it was before the CNI: the definitions that existed already.
//!
//! It is kept in labels of the release's Secret, which Helm takes over from revision to revision: there it is found
//! whatever becomes of the state. Terraform hands no private note to the removal of a tainted object, and an import has
//! none. States of former versions have a private note, and so has a release that was imported and not changed since.

use std::collections::{BTreeMap, BTreeSet};

use framework::note::Note;
use helm::Release;

use crate::session::Context;

/// Label that says that the others are there, even if there are none.
const NOTED: &str = "ekshybrid/definitions";
/// Before the name of each definition that existed.
const BEFORE: &str = "before.ekshybrid/";
/// The private note.
const PRIVATE: Note<BTreeSet<String>> = Note::named("definitions_before");

/// The labels that note these definitions.
pub(super) fn labels(before: &BTreeSet<String>) -> BTreeMap<String, String> {
    let each = before.iter().map(|name| (format!("{BEFORE}{name}"), String::new()));
    each.chain([(NOTED.to_owned(), "noted".to_owned())]).collect()
}

/// What labels note; `None` when they do not.
fn of_labels(labels: &BTreeMap<String, String>) -> Option<BTreeSet<String>> {
    labels.contains_key(NOTED).then(|| {
        let names = labels.keys().filter_map(|key| key.strip_prefix(BEFORE));
        names.map(str::to_owned).collect()
    })
}

/// The definitions that existed before; `None` when that is not known, which is another thing than none.
pub(super) fn before(release: Option<&Release>, cx: &Context) -> Option<BTreeSet<String>> {
    release.and_then(|release| of_labels(&release.labels)).or_else(|| private(cx))
}

/// Whether the release itself tells it.
pub(super) fn is_noted(release: &Release) -> bool {
    of_labels(&release.labels).is_some()
}

fn private(cx: &Context) -> Option<BTreeSet<String>> {
    cx.noted(&PRIVATE).says().cloned()
}

/// Notes beside the state what the release does not tell, until its next revision does.
pub(super) fn keep(before: &BTreeSet<String>, cx: &Context) {
    cx.note(&PRIVATE, before);
}

/// Forgets the private note, which was that of an object that is replaced.
pub(super) fn forget(cx: &Context) {
    cx.forget(&PRIVATE);
}

/// Labels for the next revision: what the private note says.
pub(super) fn labels_to_add(cx: &Context) -> BTreeMap<String, String> {
    private(cx).map(|before| labels(&before)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_another_thing_than_not_known() {
        let some = BTreeSet::from(["ciliumnodes.cilium.io".to_owned()]);
        for before in [some, BTreeSet::new()] {
            assert_eq!(of_labels(&labels(&before)), Some(before));
        }
        let theirs = BTreeMap::from([("team".to_owned(), "net".to_owned())]);
        assert_eq!(of_labels(&theirs), None);
    }
}
