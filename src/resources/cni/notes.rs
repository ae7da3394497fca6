//! What is remembered in addition to the state, in private notes and on the release itself: all notes of this resource.
//! Nothing else reads or writes them.
//!
//! A private note is unknown where Terraform does not pass it on, as in the removal of a tainted object and after an
//! import; unknown differs from none. What must survive that, namely the definitions that existed before the CNI and
//! the places of hidden values, is also kept in labels of the release's Secret, which Helm copies from revision to
//! revision.

use std::collections::{BTreeMap, BTreeSet};

use framework::note::Note;
use helm::Release;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Outputs;
use crate::cni::{fingerprint, hidden::Hidden};
use crate::kube::release::Objects;
use crate::session::Context;

/// Label that marks the other labels as complete, even if there are none.
const NOTED: &str = "ekshybrid/definitions";
/// Prefix of the name of each definition that existed.
const BEFORE: &str = "before.ekshybrid/";

/// Names of the definitions that existed before, if the release does not record them.
const DEFINITIONS: Note<BTreeSet<String>> = Note::named("definitions_before");
/// The images that the plan has shown.
const PROMISED: Note<BTreeSet<String>> = Note::named("images");
/// A change that is not completed, and whether aws-node was removed before it. The steps after the release's upgrade
/// can fail when the state already has the new arguments, and would be forgotten.
const UNFINISHED: Note<bool> = Note::named("unfinished");
/// Digest of the manifests that this resource has last applied.
const APPLIED: Note<String> = Note::named("applied");
/// The revision that this resource has last created.
const REVISION: Note<i64> = Note::named("revision");
/// The state is as an import created it.
const IMPORTED: Note<Imported> = Note::named("imported");
/// Where values are hidden.
const HIDDEN: Note<Json> = Note::named("hidden");
/// The revision in which others have changed hidden values.
const HIDDEN_CHANGED: Note<i64> = Note::named("hidden_changed_in");
/// Names of the nodes that were off during the last change of the CNI.
const OFFLINE: Note<BTreeSet<String>> = Note::named("offline_nodes");
/// Some of them are back, and do not run the CNI yet.
const BACK: Note<bool> = Note::named("offline_nodes_back");

// --- definitions that existed before ---------------------------------------------------------------

/// The labels that record these definitions.
pub(super) fn labels(before: &BTreeSet<String>) -> BTreeMap<String, String> {
    let each = before.iter().map(|name| (format!("{BEFORE}{name}"), String::new()));
    each.chain([(NOTED.to_owned(), "noted".to_owned())]).collect()
}

/// The definitions that labels record; `None` if they record none.
fn of_labels(labels: &BTreeMap<String, String>) -> Option<BTreeSet<String>> {
    labels.contains_key(NOTED).then(|| {
        let names = labels.keys().filter_map(|key| key.strip_prefix(BEFORE));
        names.map(str::to_owned).collect()
    })
}

/// The definitions that existed before; `None` if unknown, which differs from none.
pub(super) fn before(release: Option<&Release>, cx: &Context) -> Option<BTreeSet<String>> {
    release.and_then(|release| of_labels(&release.labels)).or_else(|| private(cx))
}

/// Whether the release itself records them.
pub(super) fn is_noted(release: &Release) -> bool {
    of_labels(&release.labels).is_some()
}

fn private(cx: &Context) -> Option<BTreeSet<String>> {
    cx.noted(&DEFINITIONS).says().cloned()
}

/// Keeps in a private note what the release does not record, until its next revision does.
pub(super) fn keep(before: &BTreeSet<String>, cx: &Context) {
    cx.note(&DEFINITIONS, before);
}

/// Labels for the next revision, from the private note.
pub(super) fn labels_to_add(cx: &Context) -> BTreeMap<String, String> {
    private(cx).map(|before| labels(&before)).unwrap_or_default()
}

/// Forgets the notes of an object that is replaced.
pub(super) fn forget_replaced(cx: &Context) {
    cx.forget(&UNFINISHED);
    cx.forget(&DEFINITIONS);
}

// --- a change that was begun -----------------------------------------------------------------------

/// Notes that a change has begun, and whether aws-node was removed before it.
pub(super) fn begin(was_removed: bool, cx: &Context) {
    cx.note(&UNFINISHED, &was_removed);
}

/// Whether aws-node was removed before a change that is not completed; `None` if no such change is known.
pub(super) fn unfinished(cx: &Context) -> Option<bool> {
    cx.noted(&UNFINISHED).says().copied()
}

/// Whether the last change is not completed.
pub(super) fn is_unfinished(cx: &Context) -> bool {
    unfinished(cx).is_some()
}

/// Notes that the change is completed.
pub(super) fn complete(cx: &Context) {
    cx.forget(&UNFINISHED);
}

// --- what a plan has shown -------------------------------------------------------------------------

/// Notes the images that a plan shows, so that the apply does the same or nothing.
pub(super) fn promise(images: &BTreeSet<String>, cx: &Context) {
    cx.note(&PROMISED, images);
}

/// The images that the plan has shown.
pub(super) fn promised(cx: &Context) -> Option<BTreeSet<String>> {
    cx.noted(&PROMISED).says().cloned()
}

/// Forgets the images of the plan: the change is done.
pub(super) fn forget_promise(cx: &Context) {
    cx.forget(&PROMISED);
}

// --- what was applied ------------------------------------------------------------------------------

/// Notes what is in the cluster now, to detect another release that results from the same arguments.
pub(super) fn note_applied(outputs: &Outputs, cx: &Context) {
    cx.note(&APPLIED, &outputs.manifest_digest);
    cx.note(&REVISION, &outputs.revision);
    forget_hidden_change(cx);
}

/// Notes the revision of a failed change: its hidden values are this resource's own, not a change by others.
pub(super) fn note_failed(revision: i64, cx: &Context) {
    cx.note(&REVISION, &revision);
}

/// The revision that this resource has last created.
pub(super) fn own_revision(cx: &Context) -> Option<i64> {
    cx.noted(&REVISION).says().copied()
}

/// The last digest that [`note_applied`] has noted.
pub(super) fn applied(cx: &Context) -> Option<String> {
    cx.noted(&APPLIED).says().cloned()
}

// --- imports ---------------------------------------------------------------------------------------

/// The note about an imported release.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Imported {
    /// Whether this provider created it; its images may then come from a mirror, which the release does not show.
    #[serde(rename = "by_this_provider")]
    pub(super) by_us: bool,
    /// [`fingerprint::fingerprint`] of its manifests.
    pub(super) manifests: String,
}

impl Imported {
    /// `None` if this resource has created or changed the release.
    pub(super) fn of(cx: &Context) -> Option<Self> {
        cx.noted(&IMPORTED).says().cloned()
    }

    pub(super) fn note(by_us: bool, objects: &Objects, cx: &Context) {
        cx.note(&IMPORTED, &Self { by_us, manifests: fingerprint::fingerprint(objects) });
    }

    /// Forgets the import: from now on the configuration's arguments count.
    pub(super) fn forget(cx: &Context) {
        cx.forget(&IMPORTED);
    }
}

// --- hidden values ---------------------------------------------------------------------------------

/// Where values are hidden; `None` if nothing is noted.
pub(super) fn hidden(cx: &Context) -> Option<Hidden> {
    Hidden::read(cx.noted(&HIDDEN).says()?.clone())
}

/// Notes the places of hidden values, never a value.
pub(super) fn note_hidden(hidden: &Hidden, cx: &Context) {
    cx.note(&HIDDEN, &hidden.places());
}

/// Notes that others have changed hidden values in this revision.
pub(super) fn note_hidden_change(revision: i64, cx: &Context) {
    cx.note(&HIDDEN_CHANGED, &revision);
}

/// The revision in which others have changed hidden values.
pub(super) fn hidden_changed_in(cx: &Context) -> Option<i64> {
    cx.noted(&HIDDEN_CHANGED).says().copied()
}

/// Forgets the change of hidden values: what was applied counts from now on.
pub(super) fn forget_hidden_change(cx: &Context) {
    cx.forget(&HIDDEN_CHANGED);
}

// --- nodes that were off ---------------------------------------------------------------------------

/// Nodes that were off during the last change of the CNI.
pub(super) fn offline(cx: &Context) -> BTreeSet<String> {
    cx.noted(&OFFLINE).says().cloned().unwrap_or_default()
}

/// Notes the nodes that are off, and whether some are back without the CNI.
pub(super) fn note_offline(nodes: &BTreeSet<String>, back: bool, cx: &Context) {
    cx.forget(&BACK);
    if nodes.is_empty() {
        cx.forget(&OFFLINE);
        return;
    }
    cx.note(&OFFLINE, nodes);
    if back {
        cx.note(&BACK, &true);
    }
}

/// Whether nodes that were off are back without the CNI.
pub(super) fn are_back(cx: &Context) -> bool {
    cx.noted(&BACK).is(&true)
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
