//! Resets a used machine to its fresh state.
//!
//! Everything a cluster leaves behind is in etcd, so that is where it is removed: new keys are deleted, and changed
//! or deleted ones are restored to their previous value. The API server and the controllers see these like any other
//! deletions and changes. This is repeated until nothing differs for a while: controllers react to what they see.
//! Finally, the API server must have forgotten the kinds defined by custom resource definitions.
//!
//! Objects that take effect some time after they are stored, with no way to see when, make a machine unfit for
//! another cluster, and so does a long audit log.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    Error, audit,
    etcd::{Change, Kept},
    machine::{Machine, PATIENCE},
};

/// Pause between two polls.
const BETWEEN: Duration = Duration::from_millis(60);
/// How many polls in a row must find no difference.
const CALM: u32 = 4;
/// After this, starting a new machine is cheaper.
const LONGEST: Duration = Duration::from_secs(20);
/// The API server starts another file at 100 MB.
const LONGEST_LOG: u64 = 40 << 20;

/// Keys that an API server changes constantly by itself, below a machine's prefix.
const RESTLESS: [&str; 3] = ["/masterleases/", "/leases/kube-system/apiserver-", "/leases/kube-node-lease/"];
/// Objects that take effect later than they are stored.
const LATE: [&str; 8] = [
    "/validatingadmissionpolicies/",
    "/validatingadmissionpolicybindings/",
    "/validatingwebhookconfigurations/",
    "/mutatingwebhookconfigurations/",
    "/mutatingadmissionpolicies/",
    "/mutatingadmissionpolicybindings/",
    "/flowschemas/",
    "/prioritylevelconfigurations/",
];
/// Objects that create other objects: removed before those, so that they are not recreated.
const MAKERS: [&str; 7] = [
    "/daemonsets/",
    "/deployments/",
    "/statefulsets/",
    "/replicasets/",
    "/jobs/",
    "/cronjobs/",
    "/customresourcedefinitions/",
];

/// The data of a fresh machine.
#[derive(Default)]
pub struct Fresh {
    /// By key below the machine's prefix.
    objects: BTreeMap<String, Kept>,
    /// Its groups, versions and API paths.
    offers: Value,
}

impl Fresh {
    /// Taken once nothing changes any more.
    pub async fn of(machine: &Machine) -> Result<Self, Error> {
        let begun = Instant::now();
        let mut calm = 0;
        let mut before = settled(machine).await?;
        while calm < 2 * CALM {
            if begun.elapsed() > PATIENCE {
                return Err(Error::TooSlow(PATIENCE.as_secs()));
            }
            tokio::time::sleep(BETWEEN).await;
            let now = settled(machine).await?;
            calm = if now == before { calm + 1 } else { 0 };
            before = now;
        }
        let objects = machine.store.objects().await.map_err(Error::Etcd)?;
        Ok(Self { objects, offers: offers(machine).await? })
    }
}

/// The revisions of all keys that do not change by themselves.
async fn settled(machine: &Machine) -> Result<BTreeMap<String, i64>, Error> {
    let mut all = machine.store.revisions().await.map_err(Error::Etcd)?;
    all.retain(|key, _| !is_any_of(key, &RESTLESS));
    Ok(all)
}

fn is_any_of(key: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| key.contains(part))
}

/// The API that the API server reports it serves.
async fn offers(machine: &Machine) -> Result<Value, Error> {
    let groups = machine.api.get("/apis").await?;
    // JSON without that content type. Each path has a digest of its content.
    let paths = machine.api.get("/openapi/v3").await?;
    let paths: Value = paths.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(paths);
    let paths: Vec<&String> = paths["paths"].as_object().into_iter().flatten().map(|(path, _)| path).collect();
    Ok(serde_json::json!({"groups": groups["groups"], "paths": paths}))
}

/// Resets a machine to its fresh state. False = it is unfit for another cluster.
pub async fn reset(machine: &Machine) -> Result<bool, Error> {
    if machine.is_worn() || audit::length(&machine.audit_log()) > LONGEST_LOG {
        return Ok(false);
    }
    let begun = Instant::now();
    // A restored key has a new revision.
    let mut given_back: BTreeMap<String, i64> = BTreeMap::new();
    let mut calm = 0;
    while calm < CALM {
        if begun.elapsed() > LONGEST {
            return Ok(false);
        }
        let changes = changes(&machine.fresh.objects, &given_back, &settled(machine).await?);
        if changes.iter().any(|change| is_any_of(change.key(), &LATE)) {
            return Ok(false);
        }
        if changes.is_empty() {
            calm += 1;
        } else {
            calm = 0;
            for key in machine.store.write(&changes).await.map_err(Error::Etcd)? {
                given_back.insert(key.0, key.1);
            }
        }
        tokio::time::sleep(BETWEEN).await;
    }
    while offers(machine).await? != machine.fresh.offers {
        if begun.elapsed() > LONGEST {
            return Ok(false);
        }
        tokio::time::sleep(BETWEEN).await;
    }
    // Something may have changed during the wait for the API paths.
    Ok(changes(&machine.fresh.objects, &given_back, &settled(machine).await?).is_empty())
}

/// The changes to make, creators first.
fn changes(
    fresh: &BTreeMap<String, Kept>,
    given_back: &BTreeMap<String, i64>,
    now: &BTreeMap<String, i64>,
) -> Vec<Change> {
    let new = now.keys().filter(|key| !fresh.contains_key(*key)).map(|key| Change::Delete(key.clone()));
    let other = fresh.iter().filter(|(key, kept)| {
        let revision = given_back.get(*key).unwrap_or(&kept.revision);
        !is_any_of(key, &RESTLESS) && now.get(*key) != Some(revision)
    });
    let other = other.map(|(key, kept)| Change::Put(key.clone(), kept.value.clone()));
    let mut all: Vec<Change> = new.chain(other).collect();
    all.sort_by_key(|change| !is_any_of(change.key(), &MAKERS));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_goes_and_what_was_there_comes_back() {
        let kept = |revision, value: &str| Kept { revision, value: value.to_owned() };
        let fresh = BTreeMap::from([
            ("/a/same".to_owned(), kept(1, "s")),
            ("/a/changed".to_owned(), kept(2, "c")),
            ("/a/gone".to_owned(), kept(3, "g")),
            ("/a/back".to_owned(), kept(4, "b")),
            ("/masterleases/x".to_owned(), kept(5, "l")),
        ]);
        let now = BTreeMap::from([
            ("/a/same".to_owned(), 1),
            ("/a/changed".to_owned(), 7),
            ("/a/back".to_owned(), 9),
            ("/pods/x".to_owned(), 10),
            ("/daemonsets/x".to_owned(), 11),
        ]);
        let given_back = BTreeMap::from([("/a/back".to_owned(), 9)]);
        assert_eq!(
            changes(&fresh, &given_back, &now),
            [
                Change::Delete("/daemonsets/x".to_owned()),
                Change::Delete("/pods/x".to_owned()),
                Change::Put("/a/changed".to_owned(), "c".to_owned()),
                Change::Put("/a/gone".to_owned(), "g".to_owned()),
            ]
        );
        let after = BTreeMap::from([("/a/same".to_owned(), 1), ("/a/changed".to_owned(), 12)]);
        let given_back = BTreeMap::from([("/a/changed".to_owned(), 12), ("/a/gone".to_owned(), 13)]);
        // A restored key was removed again.
        assert_eq!(
            changes(&fresh, &given_back, &after),
            [Change::Put("/a/back".to_owned(), "b".to_owned()), Change::Put("/a/gone".to_owned(), "g".to_owned()),]
        );
    }
}
