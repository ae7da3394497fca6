//! Waiting for something outside to reach a state: polled with backoff and jitter, reported in the log, ended at once
//! by a stop.

use std::time::Duration;

use tokio::time::Instant;

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Result};

/// How to wait.
#[derive(Clone, Debug)]
pub struct Wait {
    /// The awaited condition, as it continues "waiting for …".
    pub what: String,
    /// The longest time.
    pub timeout: Duration,
    /// The first pause.
    pub interval: Duration,
    /// The longest pause.
    pub max_interval: Duration,
}

/// What one look showed.
pub enum Seen<T> {
    /// The condition holds.
    Done(T),
    /// Not yet; the text says what was seen, for the log and for the message at timeout.
    Pending(String),
}

/// Looks repeatedly until the condition holds.
///
/// # Errors
/// What `look` fails with; a timeout with what was seen last; a stop, between two looks or within one.
pub async fn until<C, T, F, R>(cx: &Context<C>, wait: &Wait, mut look: F) -> Result<T>
where
    F: FnMut() -> R,
    R: Future<Output = Result<Seen<T>>>,
{
    let start = Instant::now();
    let mut pause = wait.interval;
    let mut last = "there was no answer yet".to_owned();
    loop {
        let seen = match look().await {
            Ok(Seen::Done(value)) => return Ok(value),
            Ok(Seen::Pending(seen)) => seen,
            // A look that is cut off by the stop fails with an error of its own, which says less.
            Err(failure) if cx.cancel().is_cancelled() => {
                tracing::debug!(?failure, "stopped within a look");
                return Err(stopped(wait, &last).into());
            }
            Err(failure) => return Err(failure),
        };
        let elapsed = start.elapsed();
        if elapsed >= wait.timeout {
            return Err(Diagnostic::error(
                format!("Timed out waiting for {}", wait.what),
                format!("Waited {} s for {}; last seen: {seen}.", elapsed.as_secs(), wait.what),
            )
            .left("What was done so far is kept.")
            .remedy("If it only needs longer, raise `timeouts`. Then apply again.")
            .into());
        }
        tracing::info!(elapsed_s = elapsed.as_secs(), "waiting for {}: {seen}", wait.what);
        let remaining = wait.timeout.saturating_sub(elapsed);
        if !cx.sleep(jitter(pause).min(remaining)).await {
            return Err(stopped(wait, &seen).into());
        }
        last = seen;
        pause = (pause * 3 / 2).min(wait.max_interval);
    }
}

fn stopped(wait: &Wait, seen: &str) -> Diagnostic {
    Diagnostic::error(
        format!("Stopped while waiting for {}", wait.what),
        format!("Terraform asked to stop; last seen: {seen}."),
    )
    .left("What was done so far is kept.")
    .remedy("Run Terraform again to continue.")
}

/// Between 75 % and 125 % of `pause`, so that many waiters do not ask at the same moment.
fn jitter(pause: Duration) -> Duration {
    pause.mul_f64(0.75 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio_util::sync::CancellationToken;

    use super::*;

    /// A wait of many hours.
    fn long() -> Wait {
        let hour = Duration::from_hours(1);
        Wait { what: "the thing".to_owned(), timeout: 9 * hour, interval: hour, max_interval: hour }
    }

    #[tokio::test]
    async fn a_stop_ends_it_between_two_looks_and_within_one() {
        for fails in [false, true] {
            let cancel = CancellationToken::new();
            let cx = Context::<()>::new(None, cancel.clone());
            let begun = std::time::Instant::now();
            let looks = AtomicUsize::new(0);
            let ended = until(&cx, &long(), || async {
                looks.fetch_add(1, Ordering::Relaxed);
                cancel.cancel();
                if fails {
                    return Err(Diagnostic::error("Could not look", "The call was cut off.").into());
                }
                Ok(Seen::<()>::Pending("nothing".to_owned()))
            })
            .await
            .expect_err("stopped");
            assert_eq!(ended.0[0].summary, "Stopped while waiting for the thing");
            assert_eq!(looks.load(Ordering::Relaxed), 1);
            // Terraform shows its own patience: two seconds are what a person takes for a hang.
            assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        }
    }

    #[tokio::test]
    async fn a_wait_after_a_stop_ends_at_once() {
        let cancel = CancellationToken::new();
        cancel.cancel();
        let cx = Context::<()>::new(None, cancel);
        assert!(!cx.sleep(Duration::from_hours(1)).await);
    }

    #[tokio::test]
    async fn the_longest_timeout_is_only_long() {
        let cx = Context::<()>::new(None, CancellationToken::new());
        let wait = Wait { timeout: Duration::MAX, interval: Duration::ZERO, ..long() };
        let looks = AtomicUsize::new(0);
        let seen = until(&cx, &wait, || async {
            Ok(match looks.fetch_add(1, Ordering::Relaxed) {
                0..3 => Seen::Pending("nothing".to_owned()),
                looks => Seen::Done(looks),
            })
        });
        assert_eq!(seen.await.expect("done"), 3);
    }
}
