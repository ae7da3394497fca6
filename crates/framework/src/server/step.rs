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

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::context::Context;

    #[test]
    fn the_time_of_a_verb_is_what_the_configuration_says() {
        let default = Duration::from_mins(5);
        let timeouts = Value::map([("create", Value::from("1h30m")), ("update", Value::Null)]);
        let object = Value::map([("timeouts", timeouts)]);
        for (object, verb, expected) in [
            (&object, "create", Duration::from_mins(90)),
            (&object, "update", default),
            (&object, "delete", default),
            (&Value::map([("timeouts", Value::Null)]), "create", default),
            (&Value::map([("name", Value::from("a"))]), "create", default),
        ] {
            let cx = Context::<()>::new(None, CancellationToken::new()).with_timeout(timeout(object, verb));
            assert_eq!(cx.timeout(default), expected, "{verb}");
            let left = cx.time_left(default);
            assert!(left <= expected && left > expected / 2, "{left:?}");
            assert_eq!(left == default, expected == default, "only a configured time is that of the whole call");
        }
    }

    #[test]
    fn no_time_is_too_long() {
        let cx = Context::<()>::new(None, CancellationToken::new());
        assert!(cx.deadline(Duration::MAX) > std::time::Instant::now() + Duration::from_hours(24));
    }
}
