//! What is remembered of an ENIConfig in addition to the state.

use std::collections::BTreeSet;

use framework::note::Note;
use serde_json::Value as Json;

use super::read::object;
use crate::kube::FieldConflict;
use crate::session::Context;

/// Field managers of tools that act only when somebody runs them: the default of the Kubernetes provider, and kubectl.
/// An import or a `moved` block says that this provider manages the object from now on, so their fields are ours.
const HAND_OVER: [&str; 3] = ["Terraform", "kubectl", "kubectl-client-side-apply"];

/// Those of [`HAND_OVER`] that had written the object when it was imported or moved.
const HANDED_OVER: Note<BTreeSet<String>> = Note::named("handed_over");

/// Notes who has handed the object over. Controllers and `helm`, which write again, never do.
pub(super) fn hand_over(object: &Json, cx: &Context) {
    let managers: BTreeSet<String> =
        object::managers(object).into_iter().filter(|manager| HAND_OVER.contains(&manager.as_str())).collect();
    if !managers.is_empty() {
        cx.note(&HANDED_OVER, &managers);
    }
}

/// The conflicts with managers that have not handed the object over.
pub(super) fn with_others(conflicts: &[FieldConflict], cx: &Context) -> Vec<FieldConflict> {
    let noted = cx.noted(&HANDED_OVER);
    let handed = |manager: &String| noted.says().is_some_and(|managers| managers.contains(manager));
    conflicts.iter().filter(|conflict| !handed(&conflict.manager)).cloned().collect()
}
