//! ApplyResourceChange of a deletion: the object is removed.

use super::answer::{Answer, Kept};
use super::step::{caught, kept, timeout};
use crate::context::Context;
use crate::resource::{Form, Resource, results_over};
use crate::value::Value;

pub(super) async fn delete<R: Resource>(form: &Form<R>, prior: Value, cx: Context<R::Clients>) -> Answer<Kept> {
    let cx = cx.with_timeout(timeout(&prior, "delete"));
    let outcome = match form.decode_or_explain(&prior) {
        Ok(state) => caught("Deleting", R::NAME, R::delete(&state, &cx)).await,
        Err(errors) => Err(errors),
    };
    let (removed, diagnostics) = cx.ended(outcome);
    if removed.is_some() {
        return Answer { value: kept(form, Value::Null, Vec::new()), diagnostics };
    }
    let state = match cx.take_saved() {
        Some(saved) => results_over(&prior, saved).known_or_null(),
        None => prior,
    };
    // What the deletion noted before it failed is the record of what is left to do.
    Answer { value: kept(form, state, cx.private_bytes()), diagnostics }
}
