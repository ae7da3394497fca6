//! Notes kept with the state of a node. Nothing else reads or writes them.
//!
//! A join that failed is in the state as a tainted object, which Terraform replaces: it deletes the object and creates
//! it again. The deletion must then keep what the creation continues from. Terraform passes the notes of the plan to
//! it, where [`PLANNED`] says what is to be created; the plan of a destroy has no such note.

use framework::note::Note;
use serde::{Deserialize, Serialize};

use super::Outputs;
use crate::session::Context;
use crate::session::place::Place;

/// In a plan that creates a node: which one. In the deletion, it means a replacement.
const PLANNED: Note<Planned> = Note::named("planned");
/// The id of a one-use activation that may still exist.
const ACTIVATION: Note<String> = Note::named("activation");
/// An upgrade has cordoned the node, and has to make it schedulable again.
const CORDONED: Note<bool> = Note::named("cordoned");

/// A node that is to be created, as far as the plan knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Planned {
    pub(super) cluster: Option<String>,
    pub(super) region: Option<String>,
    pub(super) host: Option<String>,
}

/// Notes what a plan creates; `None`: it creates nothing.
pub(super) fn plan(planned: Option<&Planned>, cx: &Context) {
    match planned {
        Some(planned) => cx.note(&PLANNED, planned),
        None => cx.forget(&PLANNED),
    }
}

/// Whether the deletion is half of a replacement by the same host in the same cluster.
pub(super) fn is_replaced_by_itself(outputs: &Outputs, host: &str, cx: &Context) -> bool {
    let place = Place { cluster: outputs.cluster_name.clone(), region: outputs.region.clone() };
    cx.noted(&PLANNED).says().is_some_and(|planned| {
        planned.cluster.as_deref() == Some(place.cluster.as_str())
            && planned.region.as_deref() == Some(place.region.as_str())
            && planned.host.as_deref() == Some(host)
    })
}

/// The notes of the plan end with the creation.
pub(super) fn begun(cx: &Context) {
    cx.forget(&PLANNED);
    cx.forget(&CORDONED);
}

/// Notes a one-use activation, before anything uses it.
pub(super) fn activation_created(id: &str, cx: &Context) {
    cx.note(&ACTIVATION, &id.to_owned());
}

/// It has been deleted.
pub(super) fn activation_deleted(cx: &Context) {
    cx.forget(&ACTIVATION);
}

/// A one-use activation that may still exist.
pub(super) fn activation(cx: &Context) -> Option<String> {
    cx.noted(&ACTIVATION).says().cloned()
}

/// Notes that an upgrade has cordoned the node.
pub(super) fn cordoned(cx: &Context) {
    cx.note(&CORDONED, &true);
}

/// Whether an upgrade has cordoned the node and not made it schedulable again.
pub(super) fn is_cordoned(cx: &Context) -> bool {
    cx.noted(&CORDONED).is(&true)
}

/// The node is schedulable again.
pub(super) fn uncordoned(cx: &Context) {
    cx.forget(&CORDONED);
}
