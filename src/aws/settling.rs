//! Retries while a new IAM role propagates: services that a new role is passed to reject it for a while.

use std::time::{Duration, Instant};

use super::clients::Clients;
use super::error::{Error, Result};

/// How long to retry for such a role by default.
pub(super) const SETTLES_WITHIN: Duration = Duration::from_mins(2);
/// Pauses between attempts; the last one repeats.
pub(super) const PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(5)];

/// A role that is not yet visible to another service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settling {
    /// How long the wait has taken so far.
    pub waited: Duration,
    /// AWS's message.
    pub message: String,
}

/// One wait for a role.
pub(super) struct Patience {
    within: Duration,
    started: Instant,
    /// Sum of the pauses; in tests no time passes.
    waited: Duration,
    pauses: std::slice::Iter<'static, Duration>,
}

impl Patience {
    pub(super) fn new(within: Duration) -> Self {
        Self { within, started: Instant::now(), waited: Duration::ZERO, pauses: PAUSES.iter() }
    }

    /// Waits before the next attempt and reports to `progress`; returns `error` once the time is up.
    pub(super) async fn wait(
        &mut self,
        clients: &Clients,
        error: Error,
        progress: &mut (impl FnMut(&Settling) + Send),
    ) -> Result<()> {
        let waited = self.waited.max(self.started.elapsed());
        if waited >= self.within {
            return Err(error);
        }
        progress(&Settling { waited, message: error.message().unwrap_or_default().to_owned() });
        let pause = self.pauses.next().copied().unwrap_or(PAUSES[3]).min(self.within.saturating_sub(self.waited));
        clients.pause(pause).await?;
        self.waited += pause;
        Ok(())
    }
}
