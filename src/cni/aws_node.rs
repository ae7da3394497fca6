//! The DaemonSet of the VPC CNI, removed and restored.
//!
//! Before it is deleted, the DaemonSet is saved in a ConfigMap in the same namespace. So it can be restored whatever
//! happens to the state, and an interrupted run loses nothing. Each field is restored with its former field manager:
//! otherwise EKS would see fields owned by a stranger, or drop what others have set.

use serde_json::{Value as Json, json};

use crate::kube::{Client, Kind, Resource, Result};

pub(crate) const NAMESPACE: &str = "kube-system";
pub(crate) const NAME: &str = "aws-node";
/// The ConfigMap that holds the saved DaemonSet.
pub(crate) const KEPT: &str = "ekshybrid-aws-node";
const MEMBER: &str = "daemonset.json";
/// Key in the ConfigMap: the release for which the DaemonSet was removed.
const RELEASE: &str = "release";
/// Field manager under which EKS itself applies aws-node.
const EKS: &str = "eks";
/// Field manager for the restoration, until the fields have their former managers again.
const RESTORER: &str = "ekshybrid-restore";
/// Number of attempts if the DaemonSet changes in between.
const ATTEMPTS: u32 = 5;

/// The DaemonSet; `None` if the cluster has none.
///
/// # Errors
/// If the request fails.
pub(crate) async fn find(client: &Client) -> Result<Option<Json>> {
    client.get(&Resource::DAEMON_SET, Some(NAMESPACE), NAME).await
}

/// Removes the DaemonSet for a release `NAMESPACE/NAME`. Returns `true` if it existed. Its absence is recorded too, so
/// that nothing is missed afterwards.
///
/// # Errors
/// If a request fails.
pub(crate) async fn remove(client: &Client, release: &str) -> Result<bool> {
    let found = find(client).await?;
    // An interrupted run has already removed it.
    if found.is_none() && kept(client).await?.is_some() {
        return Ok(false);
    }
    let record = found.as_ref().map_or(Json::Null, record);
    let kept = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": KEPT, "namespace": NAMESPACE },
        "data": { MEMBER: record.to_string(), RELEASE: release },
    });
    client.apply(&Resource::CONFIG_MAP, Some(NAMESPACE), &kept, true).await?;
    if found.is_none() {
        return Ok(false);
    }
    client.delete(&Resource::DAEMON_SET, Some(NAMESPACE), NAME).await?;
    Ok(true)
}

/// The record of a removed DaemonSet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The release it was removed for, `NAMESPACE/NAME`; earlier versions did not record it.
    release: Option<String>,
    /// `None` if it cannot be read.
    record: Option<Json>,
}

impl Kept {
    /// Whether the DaemonSet was removed for this release.
    pub(crate) fn is_for(&self, release: &str) -> bool {
        self.release.as_deref().is_none_or(|noted| noted == release)
    }

    /// Whether there is a DaemonSet to restore.
    pub(crate) fn has_object(&self) -> bool {
        self.record != Some(Json::Null)
    }

    fn of(map: &Json) -> Self {
        let text = |member: &str| map["data"][member].as_str();
        Self {
            release: text(RELEASE).map(str::to_owned),
            record: text(MEMBER).and_then(|text| serde_json::from_str(text).ok()),
        }
    }
}

/// The current record.
///
/// # Errors
/// If the request fails.
pub(crate) async fn kept(client: &Client) -> Result<Option<Kept>> {
    let map = client.get(&Resource::CONFIG_MAP, Some(NAMESPACE), KEPT).await?;
    Ok(map.as_ref().map(Kept::of))
}

/// Outcome of a restoration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Restored {
    /// It was restored.
    Back,
    /// It had not been deleted, or had not existed.
    Untouched,
    /// Someone else has created another one in the meantime, which is kept.
    Another,
    /// It does not exist, and there is no usable record to restore it from.
    Lost,
}

/// Restores the DaemonSet.
///
/// # Errors
/// If a request fails.
pub(crate) async fn restore(client: &Client, kept: Option<&Kept>) -> Result<Restored> {
    let live = find(client).await?;
    let Some(kept) = kept else {
        return Ok(if live.is_some() { Restored::Another } else { Restored::Lost });
    };
    let outcome = match (live, &kept.record) {
        (_, Some(Json::Null)) => Restored::Untouched,
        (Some(live), Some(record)) if live["metadata"]["uid"] == record["uid"] => Restored::Untouched,
        (Some(live), Some(record)) if is_held(&live, RESTORER) => {
            give_fields_back(client, record).await?;
            Restored::Back
        }
        (Some(_), _) => Restored::Another,
        (None, Some(record)) => {
            put(client, record).await?;
            Restored::Back
        }
        // Someone who can read the record may still need it.
        (None, None) => return Ok(Restored::Lost),
    };
    client.delete(&Resource::CONFIG_MAP, Some(NAMESPACE), KEPT).await?;
    Ok(outcome)
}

async fn put(client: &Client, record: &Json) -> Result<()> {
    let object = &record["object"];
    if record["managers"].is_array() {
        client.as_manager(RESTORER).create(&Resource::DAEMON_SET, Some(NAMESPACE), object).await?;
        return give_fields_back(client, record).await;
    }
    // Format of earlier versions.
    if record["applied_by_eks"] == true {
        client.as_manager(EKS).apply(&Resource::DAEMON_SET, Some(NAMESPACE), object, true).await?;
    } else {
        client.create(&Resource::DAEMON_SET, Some(NAMESPACE), object).await?;
    }
    Ok(())
}

/// Replaces the restoring field manager with the former ones.
async fn give_fields_back(client: &Client, record: &Json) -> Result<()> {
    for attempt in 1.. {
        let Some(live) = find(client).await? else { return Ok(()) };
        let patch = json!([
            { "op": "replace", "path": "/metadata/managedFields", "value": managers(record, &live) },
            { "op": "replace", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"] },
        ]);
        match client.as_manager(RESTORER).json_patch(&Resource::DAEMON_SET, Some(NAMESPACE), NAME, patch).await {
            Err(error) if *error.kind() == Kind::Changed && attempt < ATTEMPTS => {}
            other => return other.map(drop),
        }
    }
    Ok(())
}

/// The recorded managers, and those that have written the object since its restoration.
fn managers(record: &Json, live: &Json) -> Vec<Json> {
    let recorded = record["managers"].as_array().into_iter().flatten();
    let since = entries(live).filter(|entry| entry["manager"] != RESTORER);
    recorded.chain(since).cloned().collect()
}

fn entries(object: &Json) -> impl Iterator<Item = &Json> {
    object.pointer("/metadata/managedFields").and_then(Json::as_array).into_iter().flatten()
}

fn is_held(object: &Json, manager: &str) -> bool {
    entries(object).any(|entry| entry["manager"] == manager)
}

/// The object in a form that can be recreated, its former UID, and the managers of its fields. The status is omitted:
/// controllers write it again.
fn record(found: &Json) -> Json {
    let managers: Vec<&Json> =
        entries(found).filter(|entry| entry["subresource"].as_str().is_none_or(str::is_empty)).collect();
    let (managers, uid) = (json!(managers), found["metadata"]["uid"].clone());
    let mut object = found.clone();
    if let Some(root) = object.as_object_mut() {
        root.remove("status");
        root.insert("apiVersion".to_owned(), "apps/v1".into());
        root.insert("kind".to_owned(), "DaemonSet".into());
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for member in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink"] {
            metadata.remove(member);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Json::as_object_mut) {
            // The controller writes it.
            annotations.remove("deprecated.daemonset.template.generation");
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    json!({ "object": object, "uid": uid, "managers": managers })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_can_be_made_anew() {
        let eks = json!({ "manager": "eks", "operation": "Apply", "fieldsV1": { "f:spec": {} } });
        let by_hand =
            json!({ "manager": "kubectl-set", "operation": "Update", "fieldsV1": { "f:spec": { "f:a": {} } } });
        let status = json!({ "manager": "kube-controller-manager", "operation": "Update", "subresource": "status" });
        let found = json!({
            "metadata": {
                "name": "aws-node", "namespace": "kube-system", "uid": "1", "resourceVersion": "7", "generation": 3,
                "labels": { "k8s-app": "aws-node" },
                "annotations": { "deprecated.daemonset.template.generation": "3" },
                "managedFields": [eks, by_hand, status],
            },
            "spec": { "template": { "spec": { "hostNetwork": true } } },
            "status": { "numberReady": 1 },
        });
        let record = record(&found);
        assert_eq!(
            record,
            json!({
                "object": {
                    "apiVersion": "apps/v1", "kind": "DaemonSet",
                    "metadata": { "name": "aws-node", "namespace": "kube-system", "labels": { "k8s-app": "aws-node" } },
                    "spec": { "template": { "spec": { "hostNetwork": true } } },
                },
                "uid": "1",
                "managers": [eks, by_hand],
            })
        );
        let restorer = json!({ "manager": RESTORER, "operation": "Update" });
        let live = json!({ "metadata": { "managedFields": [restorer, status] } });
        assert!(is_held(&live, RESTORER));
        assert_eq!(managers(&record, &live), [eks, by_hand, status]);
    }

    #[test]
    fn it_is_kept_for_a_release() {
        let map = |release: Option<&str>| {
            let data = release.map_or(json!({}), |release| json!({ RELEASE: release }));
            Kept::of(&json!({ "data": data }))
        };
        assert!(map(Some("kube-system/cilium")).is_for("kube-system/cilium"));
        assert!(!map(Some("kube-system/calico")).is_for("kube-system/cilium"));
        assert!(map(None).is_for("kube-system/cilium"), "former versions have not noted it");
        assert!(map(None).has_object(), "what cannot be read may still be one");
        assert!(!Kept::of(&json!({ "data": { MEMBER: "null" } })).has_object());
    }
}
