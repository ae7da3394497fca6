//! An operation before its chart is rendered: if a chart has `crds/`, they are applied first, and an interruption in
//! between must not be forgotten.

use helm::{ApplyMethod, Chart, Release, Status, Values};
use jiff::Timestamp;

use super::Options;
use super::error::{Error, Left, Result};
use super::recover::History;
use super::store::{Record, Store};
use crate::net::causes::chain;

/// Labels that Helm sets itself.
const OWN_LABELS: [&str; 6] = ["name", "owner", "status", "version", "createdAt", "modifiedAt"];

/// An operation that has started to apply the chart's `crds/`, before its manifests are known.
pub(super) struct Begun {
    /// The record of a first installation. An upgrade has that of the previous revision.
    pub(super) record: Option<Record>,
    pub(super) release: Release,
}

impl Begun {
    /// Runs the work, and renews the sign of life meanwhile.
    pub(super) async fn alive(&self, work: impl Future<Output = Result<()>>) -> Result<()> {
        let Some(record) = &self.record else { return work.await };
        tokio::select! {
            biased;
            ended = record.keep_alive() => Err(ended),
            worked = work => worked,
        }
    }

    /// Records that the operation ends here, and returns what is left behind.
    pub(super) async fn give_up(mut self, error: &Error) -> Left {
        let Some(record) = self.record else { return Left::Definitions };
        let revision = self.release.revision;
        if matches!(error, Error::AnotherWriter { .. }) {
            return Left::Unfinished { revision };
        }
        self.release.status = Status::Failed;
        self.release.description = format!("Release {:?} failed: {}", self.release.name, chain(error));
        match record.write_at_last(&self.release).await {
            Ok(()) => Left::Failed { revision },
            Err(_) => Left::Unfinished { revision },
        }
    }
}

/// A revision before its chart is rendered; `last` is the previous one.
pub(super) fn new_release(
    store: &Store,
    history: &History,
    chart: &Chart,
    values: &Values,
    options: &Options,
    last: Option<&Release>,
) -> Release {
    let is_upgrade = history.last_good().is_some();
    let now = Timestamp::now();
    let mut labels = last.map_or_else(|| options.first_labels.clone(), |last| last.labels.clone());
    labels.extend(options.labels.clone());
    labels.retain(|key, _| !OWN_LABELS.contains(&key.as_str()));
    Release {
        name: store.name.clone(),
        namespace: store.namespace.clone(),
        revision: history.newest().map_or(1, |newest| newest.revision + 1),
        status: if is_upgrade { Status::PendingUpgrade } else { Status::PendingInstall },
        first_deployed: last.and_then(|last| last.first_deployed).or(Some(now)),
        last_deployed: Some(now),
        deleted: None,
        description: if is_upgrade { "Preparing upgrade" } else { "Initial install underway" }.to_owned(),
        rollback_revision: None,
        notes: String::new(),
        manifest: String::new(),
        hooks: Vec::new(),
        chart: chart.clone(),
        config: values.as_map().clone(),
        labels,
        apply_method: ApplyMethod::ServerSide,
    }
}
