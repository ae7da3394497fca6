//! ReadResource: the object as it is now.

use super::answer::{Answer, Host, Kept, Private};
use super::step::caught;
use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::model::Model;
use crate::path::Path;
use crate::resource::{Form, Resource};
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
    let mut faults = Diagnostics::new();
    let Some(identity) = R::Identity::decode(&form.identity(&request.state), &Path::root(), &mut faults) else {
        return unchanged(request, faults);
    };
    let outcome = caught("Reading", R::NAME, R::read(&identity, prior.as_ref(), &cx)).await;
    let (seen, diagnostics) = cx.ended(outcome);
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

/// What the host had before, when nothing could be read.
fn unchanged(request: ReadRequest, diagnostics: Diagnostics) -> Answer<Kept> {
    let identity = (!request.identity.is_null()).then_some(request.identity);
    Answer { value: Kept { state: Some(request.state), private: request.private, identity }, diagnostics }
}
