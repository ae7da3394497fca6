//! MoveResourceState: the state of another type becomes one of this type.

use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Kept, Private};
use super::step::kept;
use crate::context::Context;
use crate::diagnostic::Diagnostic;
use crate::resource::{Form, MOVED, MoveSource, Resource, write_only};
use crate::value::json;

/// State of another resource type, perhaps of another provider, is to be moved.
#[derive(Debug)]
pub struct MoveRequest {
    /// The other provider's address, such as `registry.terraform.io/hashicorp/aws`.
    pub source_provider: String,
    /// The other type's name.
    pub source_type: String,
    /// Version of the other state's form.
    pub source_version: i64,
    /// The other state.
    pub source_state: serde_json::Value,
    /// Type name of the target.
    pub target_type: String,
    /// The other state's private bytes.
    pub source_private: Private,
}

pub(super) fn move_state<R: Resource>(form: &Form<R>, request: &MoveRequest) -> Answer<Kept> {
    let source = MoveSource {
        provider: &request.source_provider,
        type_name: &request.source_type,
        version: request.source_version,
        state: &request.source_state,
    };
    match R::move_from(&source) {
        Some(Ok(state)) => match json::decode(&state, &form.schema().ty()) {
            Ok(state) => {
                // Private bytes of others mean nothing here.
                let cx = Context::<R::Clients>::new(None, CancellationToken::new());
                cx.note(&MOVED, &request.source_type);
                let state = write_only::removed(&form.attributes, state);
                Answer::of(kept(form, state, cx.private_bytes()))
            }
            Err(mismatch) => Diagnostic::bug(format!("The moved state does not fit: {mismatch}.")).into(),
        },
        Some(Err(errors)) => errors.into(),
        None => Diagnostic::error(
            "State cannot be moved",
            format!(
                "`{}` cannot adopt the state of a `{}` of `{}`.",
                R::NAME,
                request.source_type,
                request.source_provider
            ),
        )
        .into(),
    }
}
