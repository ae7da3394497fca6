//! What every call runs in: a task of its own, which turns a panic into a message and can be stopped.

use std::sync::{Mutex, PoisonError};

use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

use crate::diagnostic::{Diagnostic, Diagnostics, panic_message};

/// Fires in all calls under way when the host asks to stop.
///
/// Later calls start afresh: a process that is being debugged serves the next Terraform run too.
#[derive(Debug)]
pub struct Stop {
    /// Fires at the end of the process.
    end: CancellationToken,
    current: Mutex<CancellationToken>,
}

impl Stop {
    /// Nothing is stopped before `end` fires.
    pub fn within(end: CancellationToken) -> Self {
        Self { current: Mutex::new(end.child_token()), end }
    }

    /// A token for one call.
    pub fn token(&self) -> CancellationToken {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).child_token()
    }

    /// Stops the calls under way.
    pub fn now(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, self.end.child_token()).cancel();
    }
}

/// One call.
pub struct Call {
    /// The call's name in the protocol.
    pub rpc: &'static str,
    /// The type or function that it is about; empty for the provider itself.
    pub subject: String,
    /// Fires when the call is to stop.
    pub cancel: CancellationToken,
}

impl Call {
    /// Runs `work` in a task of its own. A host that goes away while it runs makes it stop as if it had asked to: work
    /// that is half done is never just dropped.
    pub fn start<T: Send + 'static>(self, work: impl Future<Output = T> + Send + 'static) -> Running<T> {
        let Self { rpc, subject, cancel } = self;
        // At the level of errors, so that every level has the fields.
        let span = tracing::error_span!("call", tf_rpc = rpc, tf_type = subject);
        let stops_when_dropped = cancel.drop_guard();
        let task = tokio::spawn(
            async move {
                tracing::trace!("Call begins");
                let done = work.await;
                tracing::trace!("Call ends");
                done
            }
            .instrument(span),
        );
        Running { rpc, subject, task, stops_when_dropped }
    }
}

/// A call under way.
pub struct Running<T> {
    rpc: &'static str,
    subject: String,
    task: tokio::task::JoinHandle<T>,
    stops_when_dropped: DropGuard,
}

impl<T> Running<T> {
    /// Its outcome; a panic is a message for the person who runs Terraform.
    pub async fn finished(self) -> Result<T, Diagnostics> {
        let Self { rpc, subject, task, stops_when_dropped } = self;
        let outcome = task.await;
        // The call is over; nothing is left to stop.
        let _ = stops_when_dropped.disarm();
        outcome.map_err(|error| {
            let about = if subject.is_empty() { String::new() } else { format!(" for `{subject}`") };
            let why = match error.try_into_panic() {
                Ok(payload) => format!("failed unexpectedly: {}.", panic_message(payload.as_ref())),
                // Tasks are only cancelled when the runtime shuts down.
                Err(_) => "was cut off, because the provider is shutting down.".to_owned(),
            };
            Diagnostic::bug(format!("The call {rpc}{about} {why}")).into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(cancel: CancellationToken) -> Call {
        Call { rpc: "ReadResource", subject: "sample_thing".to_owned(), cancel }
    }

    #[tokio::test]
    async fn a_panic_is_reported() {
        let running = call(CancellationToken::new()).start(async { panic!("the number was {}", 7) });
        let failed: Result<(), _> = running.finished().await;
        let detail = failed.expect_err("a panic").0[0].detail();
        assert!(
            detail.starts_with("The call ReadResource for `sample_thing` failed unexpectedly: the number was 7."),
            "{detail}"
        );
    }

    #[tokio::test]
    async fn stopping_reaches_calls_under_way_and_no_later_ones() {
        let end = CancellationToken::new();
        let stop = Stop::within(end.clone());
        let before = stop.token();
        stop.now();
        assert!(before.is_cancelled());
        let after = stop.token();
        assert!(!after.is_cancelled());
        end.cancel();
        assert!(after.is_cancelled(), "the end of the process stops all");
    }

    #[tokio::test]
    async fn a_host_that_goes_away_stops_the_call_but_does_not_drop_it() {
        let cancel = CancellationToken::new();
        let (done, finished) = tokio::sync::oneshot::channel();
        let seen = cancel.clone();
        let running = call(cancel).start(async move {
            seen.cancelled().await;
            done.send("ended in order")
        });
        drop(running);
        assert_eq!(finished.await, Ok("ended in order"));
    }
}
