//! MoveResourceState: the state of another type becomes one of this type.

use super::answer::{Answer, Kept, Private};
use super::step::kept;
use crate::diagnostic::Diagnostic;
use crate::resource::{Form, MoveSource, Resource, write_only};
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
            Ok(state) => Answer::of(kept(form, write_only::removed(&form.attributes, state), Vec::new())),
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
