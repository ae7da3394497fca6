//! UpgradeResourceState and UpgradeResourceIdentity: what an older version stored, in the present form.

use super::answer::Answer;
use crate::diagnostic::Diagnostic;
use crate::resource::{Form, Resource, write_only};
use crate::value::{Value, json};

pub(super) fn upgrade_state<R: Resource>(
    form: &Form<R>,
    version: i64,
    state: serde_json::Value,
) -> Answer<Option<Value>> {
    let upgraded = if version == R::VERSION { Ok(state) } else { R::upgrade(version, state) };
    match upgraded {
        Ok(state) => match json::decode(&state, &form.schema().ty()) {
            Ok(state) => Answer::of(Some(write_only::removed(&form.attributes, state))),
            Err(mismatch) => Diagnostic::error(
                "Stored state does not fit",
                format!("The stored state of this `{}` cannot be read: {mismatch}.", R::NAME),
            )
            .into(),
        },
        Err(errors) => errors.into(),
    }
}

pub(super) fn upgrade_identity<R: Resource>(identity: &serde_json::Value) -> Answer<Option<Value>> {
    match json::decode(identity, &Form::<R>::identity_schema().ty()) {
        Ok(identity) => Answer::of(Some(identity)),
        Err(mismatch) => {
            Diagnostic::error("Stored identity does not fit", format!("The identity cannot be read: {mismatch}."))
                .into()
        }
    }
}
