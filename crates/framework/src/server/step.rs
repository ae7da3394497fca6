//! What calls about a resource share: running a step of the type, its time, and what the host is to keep.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;

use super::answer::{Kept, Private};
use crate::diagnostic::{Diagnostic, Result, panic_message};
use crate::model::{Span, Text};
use crate::resource::{Form, Resource};
use crate::value::Value;

/// Runs a step of the type. A panic in it is an error like others, so that what was saved and noted before it is kept.
pub(super) async fn caught<T>(doing: &str, name: &str, step: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(step).catch_unwind().await.unwrap_or_else(|payload| {
        let why = panic_message(payload.as_ref());
        Err(Diagnostic::bug(format!("{doing} this `{name}` failed unexpectedly: {why}.")).into())
    })
}

/// How long the object's argument `timeouts` lets the verb take.
pub(super) fn timeout(object: &Value, verb: &str) -> Option<Duration> {
    let text = object.attribute("timeouts")?.attribute(verb)?.as_str()?;
    Span::parse(text).ok().map(|span| span.duration())
}

/// What the host is to keep of a state.
pub(super) fn kept<R: Resource>(form: &Form<R>, state: Value, private: Private) -> Kept {
    Kept { identity: form.known_identity(&state), state: Some(state), private }
}
