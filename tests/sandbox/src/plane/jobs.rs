//! Add-on jobs: done in the background of the calls that request them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{ClusterKey, addons::managed, cluster::ControlPlane, cluster_of};
use crate::{
    eks::addons::{Addon, Content, Job},
    store::Shared,
};

/// Pause between two polls of an add-on's pods: at first, while a client may be waiting, and later.
const BETWEEN: Duration = Duration::from_millis(200);
const LATER: Duration = Duration::from_secs(1);

/// Changes the record of an add-on, if it still exists.
pub fn tell(shared: &Shared, key: &ClusterKey, name: &str, change: impl FnOnce(&mut Addon)) {
    shared.change(|world| {
        if key.exists(world)
            && let Some(addon) = cluster_of(world, key).and_then(|cluster| cluster.addons.get_mut(name))
        {
            change(addon);
        }
    });
}

/// Runs the job with this number. Returns when it is done or rejected; the pods are monitored further, until all are
/// Ready.
pub async fn work(shared: &Arc<Shared>, plane: &Arc<ControlPlane>, name: &str, number: u64) {
    let key = &plane.key;
    let job = shared.look(|world| {
        let account = world.accounts.get(&key.account)?;
        let addon = account.regions.get(&key.region)?.eks.clusters.get(&key.name)?.addons.get(name)?;
        let patience = u64::try_from(account.settings.addon_patience_seconds).unwrap_or_default();
        addon.job(number, Duration::from_secs(patience))
    });
    let (api, facts) = (&plane.api, &plane.facts);
    match job {
        Some(Job::Apply { before, after, resolve, patience }) => {
            if let Err(failure) = managed::apply(api, facts, name, before.as_ref(), &after, resolve).await {
                tell(shared, key, name, |addon| addon.refused(number, failure.issue()));
                return;
            }
            tell(shared, key, name, |addon| addon.applied(number));
            follow(shared, plane, name, number, &after, patience).await;
        }
        Some(Job::Remove(content)) => match managed::remove(api, facts, name, &content).await {
            Ok(()) => tell(shared, key, name, |addon| addon.done(number, Vec::new())),
            Err(failure) => tell(shared, key, name, |addon| addon.refused(number, failure.issue())),
        },
        // Superseded by a later job.
        None => {}
    }
}

/// Waits for the pods. If they take too long, the add-on is reported as unhealthy, and a task continues to wait.
async fn follow(
    shared: &Arc<Shared>,
    plane: &Arc<ControlPlane>,
    name: &str,
    number: u64,
    content: &Content,
    patience: Duration,
) {
    let begun = Instant::now();
    loop {
        if let Ok(issues) = managed::health(&plane.api, &plane.facts, name, content).await
            && (issues.is_empty() || begun.elapsed() >= patience)
        {
            let whole = issues.is_empty();
            tell(shared, &plane.key, name, |addon| addon.done(number, issues));
            if whole {
                return;
            }
            break;
        }
        tokio::time::sleep(BETWEEN).await;
    }
    let (shared, plane, name, content) = (Arc::clone(shared), Arc::downgrade(plane), name.to_owned(), content.clone());
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(LATER).await;
            // Ends with the control plane, and with the next job.
            let Some(plane) = plane.upgrade() else { return };
            let mut current = false;
            tell(&shared, &plane.key, &name, |addon| current = addon.is_current(number));
            if !current {
                return;
            }
            if let Ok(issues) = managed::health(&plane.api, &plane.facts, &name, &content).await
                && issues.is_empty()
            {
                tell(&shared, &plane.key, &name, |addon| addon.done(number, issues));
                return;
            }
        }
    });
}
