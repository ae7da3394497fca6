//! ReadResource: the object as it is now.

use super::answer::{Answer, Host, Kept, Private};
use super::step::caught;
use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::Model;
use crate::path::Path;
use crate::resource::{Form, MOVED, Resource};
use crate::value::Value;

/// The present state is asked for.
#[derive(Debug)]
pub struct ReadRequest {
    /// Type name.
    pub type_name: String,
    /// The state as last known.
    pub state: Value,
    /// What was kept with it.
    pub private: Private,
    /// The identity, if any.
    pub identity: Value,
    /// What the host is able to do.
    pub host: Host,
}

pub(super) async fn read<R: Resource>(form: &Form<R>, request: ReadRequest, cx: Context<R::Clients>) -> Answer<Kept> {
    let prior = form.decode(&request.state);
    let moved = cx.noted(&MOVED).says().cloned();
    cx.forget(&MOVED);
    let mut parts = form.identity(&request.state);
    if prior.is_none() {
        parts = match R::complete(parts, &cx) {
            Ok(parts) => parts,
            Err(faults) => return unchanged(request, faults),
        };
    }
    let mut faults = Diagnostics::new();
    let Some(identity) = R::Identity::decode(&parts, &Path::root(), &mut faults) else {
        return unchanged(request, faults);
    };
    let outcome = caught("Reading", R::NAME, R::read(&identity, prior.as_ref(), &cx)).await;
    let (seen, mut diagnostics) = cx.ended(outcome);
    if let (Some(None), Some(source)) = (&seen, &moved) {
        // Creating another object is not what a `moved` block asks for, and this may be the wrong place.
        diagnostics.push(lost(R::NAME, source, &parts));
        return unchanged(request, diagnostics);
    }
    let kept = match seen {
        Some(Some(state)) => {
            let state = form.keep_spelling(&request.state, Form::encode(&state));
            let identity = Some(form.identity(&state));
            Kept { state: Some(state), private: cx.private_bytes(), identity }
        }
        Some(None) => Kept { state: Some(Value::Null), private: Vec::new(), identity: None },
        None => return unchanged(request, diagnostics),
    };
    Answer { value: kept, diagnostics }
}

/// The error for a moved object that does not exist.
fn lost(name: &str, source: &str, identity: &Value) -> Diagnostic {
    let parts: Vec<String> = match identity {
        Value::Map(parts) => {
            parts.iter().filter_map(|(name, value)| Some(format!("{name} `{}`", value.as_str()?))).collect()
        }
        _ => Vec::new(),
    };
    Diagnostic::error(
        "Moved object not found",
        format!("The state of a `{source}` was moved to this `{name}`, but the object does not exist: {}.", parts.join(", ")),
    )
    .left("Nothing was changed, and the state still contains the object at its former address.")
    .remedy(format!(
        "Check the account, region and cluster in the provider's configuration. If the object was deleted, remove the `{source}` from the state with `terraform state rm`, and apply again."
    ))
}

/// What the host had before, when nothing could be read.
fn unchanged(request: ReadRequest, diagnostics: Diagnostics) -> Answer<Kept> {
    let identity = (!request.identity.is_null()).then_some(request.identity);
    Answer { value: Kept { state: Some(request.state), private: request.private, identity }, diagnostics }
}
