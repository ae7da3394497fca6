//! Unfinished revisions, and how to determine that nobody works on them any more.
//!
//! While this provider works on a revision, it writes a sign of life to the Secret every
//! [`BEAT`](super::store::BEAT).
//!
//! - A revision with signs of life is watched for the length of a lease. If nothing is written in that time, its
//!   writer no longer runs. This does not depend on clocks, with one shortcut: a sign older than [`SURELY_OVER`] need
//!   not be watched, because two clocks whose signatures AWS accepts do not differ that much (5 minutes each).
//! - A revision without them is from Helm, or another tool, which gives no sign until it ends. It counts as abandoned
//!   if it was written more than [`FOREIGN_OVER`] ago; before that, the operation is refused.
//!
//! An abandoned revision is marked as failed, with the resourceVersion that was read, so that only one of two
//! concurrent recoveries succeeds.

use std::time::Duration;

use helm::Status;
use jiff::Timestamp;

use super::error::{Error, Result};
use super::store::{Entry, Store};
use super::wait::{Deadline, pause};
use super::{Progress, Releases};

/// How long a revision with signs of life must be without one: several intervals, in case the API server is slow.
pub(super) const LEASE: Duration = Duration::from_secs(30);
/// A sign of life older than this is not watched any more.
const SURELY_OVER: Duration = Duration::from_mins(15);
/// Age after which a revision without signs of life counts as abandoned: longer than Helm's operations take.
const FOREIGN_OVER: Duration = Duration::from_hours(1);

/// The revisions of a release, oldest first.
pub(super) struct History(pub(super) Vec<Entry>);

impl History {
    pub(super) fn newest(&self) -> Option<&Entry> {
        self.0.last()
    }

    /// The revisions since the release was last uninstalled; older ones exist if Helm kept its history.
    fn since_removal(&self) -> &[Entry] {
        let removed = self.0.iter().rposition(|entry| entry.status == Status::Uninstalled);
        &self.0[removed.map_or(0, |removed| removed + 1)..]
    }

    /// The newest revision that ever succeeded.
    pub(super) fn last_good(&self) -> Option<&Entry> {
        let was_good = |entry: &&Entry| matches!(entry.status, Status::Deployed | Status::Superseded);
        self.since_removal().iter().rfind(was_good)
    }

    /// The revisions whose objects may be in the cluster: the deployed one, else the last good one, and all after it.
    pub(super) fn standing(&self) -> &[Entry] {
        let entries = self.since_removal();
        let deployed = entries.iter().rfind(|entry| entry.status == Status::Deployed);
        let first = deployed.or_else(|| self.last_good()).map_or(0, |good| good.revision);
        &entries[entries.partition_point(|entry| entry.revision < first)..]
    }
}

impl Releases {
    /// The history, after the newest revision has been marked as failed if it was left unfinished; with a warning in
    /// that case.
    ///
    /// This is the history on which the caller bases its decisions: a write after it was read is detected as another
    /// writer when the next revision is stored.
    pub(super) async fn settled(
        &self,
        store: &Store,
        entries: Vec<Entry>,
        deadline: Deadline,
        progress: Progress<'_>,
    ) -> Result<(History, Option<String>)> {
        let Some(newest) = entries.last().filter(|entry| entry.is_unfinished()).cloned() else {
            return Ok((History(entries), None));
        };
        let newest = self.given_up(store, newest, deadline, progress).await?;
        let Some(mut revision) = store.read(&newest).await? else {
            return Err(store.another_writer(newest.revision));
        };
        if revision.entry.version != newest.version {
            return Err(store.another_writer(newest.revision));
        }
        let was = newest.status.name();
        revision.release.status = Status::Failed;
        revision.release.description = format!("Given up while it was {was}");
        store.adopt(&newest).write(&revision.release).await?;
        let warning = format!(
            "Revision {} of release `{}` was {was}, and nobody works on it any more. It is now marked as failed",
            newest.revision, store.name
        );
        let entries = store.entries().await?;
        if let Some(later) = entries.last().filter(|entry| entry.revision != newest.revision) {
            return Err(store.another_writer(later.revision));
        }
        Ok((History(entries), Some(warning)))
    }

    /// Returns the entry once nobody works on it.
    async fn given_up(&self, store: &Store, entry: Entry, deadline: Deadline, progress: Progress<'_>) -> Result<Entry> {
        let in_progress = |entry: &Entry| Error::InProgress {
            name: store.name.clone(),
            revision: entry.revision,
            status: entry.status,
            since: entry.written,
            by_this_provider: entry.alive.is_some(),
        };
        let is_over = |time: Timestamp, after: Duration| {
            let age = Timestamp::now().duration_since(time);
            age.is_positive() && age.unsigned_abs() > after
        };
        match entry.alive {
            None if entry.written.is_some_and(|written| is_over(written, FOREIGN_OVER)) => return Ok(entry),
            None => return Err(in_progress(&entry)),
            Some(alive) if is_over(alive, SURELY_OVER) => return Ok(entry),
            Some(_) => {}
        }
        progress(&format!(
            "revision {} of release {} is {}; watching for {} s whether somebody works on it",
            entry.revision,
            store.name,
            entry.status.name(),
            self.lease.as_secs()
        ));
        let mut seen = entry;
        let mut since = std::time::Instant::now();
        loop {
            pause(
                &self.client,
                (self.lease / 6).min(Duration::from_secs(2)),
                "whether somebody works on an unfinished revision",
            )
            .await?;
            let newest = store.entries().await?.pop();
            match newest {
                Some(newest) if newest.revision == seen.revision && newest.is_unfinished() => {
                    if newest.version != seen.version {
                        since = std::time::Instant::now();
                    }
                    seen = newest;
                }
                _ => return Err(store.another_writer(seen.revision)),
            }
            if since.elapsed() >= self.lease {
                return Ok(seen);
            }
            if deadline.is_over() {
                return Err(in_progress(&seen));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_stand_in_the_cluster() {
        use Status::{Deployed, Failed, Superseded, Uninstalled};
        for (statuses, expected) in [
            (vec![], vec![]),
            (vec![Deployed], vec![1]),
            (vec![Superseded, Deployed], vec![2]),
            (vec![Superseded, Deployed, Failed, Failed], vec![2, 3, 4]),
            // Helm was killed between the two writes at the end of an upgrade.
            (vec![Superseded, Superseded, Failed], vec![2, 3]),
            (vec![Deployed, Superseded, Failed], vec![1, 2, 3]),
            (vec![Failed, Failed], vec![1, 2]),
            // Uninstalled by Helm with its history kept, and installed again.
            (vec![Superseded, Uninstalled], vec![]),
            (vec![Superseded, Uninstalled, Failed], vec![3]),
        ] {
            let entry = |(index, status): (usize, &Status)| Entry {
                revision: i64::try_from(index).expect("small") + 1,
                status: *status,
                written: None,
                by_this_provider: true,
                secret: String::new(),
                version: String::new(),
                alive: None,
            };
            let history = History(statuses.iter().enumerate().map(entry).collect());
            let standing: Vec<_> = history.standing().iter().map(|entry| entry.revision).collect();
            assert_eq!(standing, expected, "{statuses:?}");
        }
    }
}
