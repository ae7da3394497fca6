//! The DaemonSet of the VPC CNI, taken away and put back.
//!
//! Before it is deleted it is written into a ConfigMap beside it. So it can be put back whatever becomes of the state,
//! and a run that was cut off in between loses nothing.

use serde_json::{Value as Json, json};

use crate::kube::{Client, Error, Resource, Result};

pub(super) const NAMESPACE: &str = "kube-system";
pub(super) const NAME: &str = "aws-node";
/// The ConfigMap that keeps it.
pub(super) const KEPT: &str = "ekshybrid-aws-node";
const MEMBER: &str = "daemonset.json";
/// The manager under which EKS itself applies aws-node.
const EKS: &str = "eks";

/// Takes the DaemonSet away. `true`: it was there.
///
/// # Errors
/// Those of the requests.
pub(super) async fn remove(client: &Client) -> Result<bool> {
    let Some(found) = client.get(&Resource::DAEMON_SET, Some(NAMESPACE), NAME).await? else { return Ok(false) };
    let kept = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": KEPT, "namespace": NAMESPACE },
        "data": { MEMBER: kept(&found).to_string() },
    });
    client.apply(&Resource::CONFIG_MAP, Some(NAMESPACE), &kept, true).await?;
    client.delete(&Resource::DAEMON_SET, Some(NAMESPACE), NAME).await?;
    Ok(true)
}

/// What became of a restoration.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Restored {
    /// It is back.
    Back,
    /// Somebody else has made one meanwhile, which stays.
    Another,
    /// None was kept.
    Nothing,
}

/// Puts the DaemonSet back.
///
/// # Errors
/// Those of the requests.
pub(super) async fn restore(client: &Client) -> Result<Restored> {
    let Some(map) = client.get(&Resource::CONFIG_MAP, Some(NAMESPACE), KEPT).await? else {
        return Ok(Restored::Nothing);
    };
    let text = map["data"][MEMBER].as_str().unwrap_or_default();
    let Ok(object) = serde_json::from_str::<Json>(text) else { return Ok(Restored::Nothing) };
    let outcome = if client.get(&Resource::DAEMON_SET, Some(NAMESPACE), NAME).await?.is_some() {
        Restored::Another
    } else {
        put(client, &object).await?;
        Restored::Back
    };
    client.delete(&Resource::CONFIG_MAP, Some(NAMESPACE), KEPT).await?;
    Ok(outcome)
}

async fn put(client: &Client, kept: &Json) -> std::result::Result<(), Error> {
    let object = &kept["object"];
    if kept["applied_by_eks"] == true {
        // Whoever held its fields holds them again: else EKS would meet a stranger's when it upgrades aws-node.
        client.as_manager(EKS).apply(&Resource::DAEMON_SET, Some(NAMESPACE), object, true).await?;
    } else {
        client.create(&Resource::DAEMON_SET, Some(NAMESPACE), object).await?;
    }
    Ok(())
}

/// The object as it can be made anew, and who applied it.
fn kept(found: &Json) -> Json {
    let applied_by_eks = found
        .pointer("/metadata/managedFields")
        .and_then(Json::as_array)
        .is_some_and(|list| list.iter().any(|one| one["manager"] == EKS && one["operation"] == "Apply"));
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
    json!({ "object": object, "applied_by_eks": applied_by_eks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_can_be_made_anew() {
        let found = json!({
            "metadata": {
                "name": "aws-node", "namespace": "kube-system", "uid": "1", "resourceVersion": "7", "generation": 3,
                "labels": { "k8s-app": "aws-node" },
                "annotations": { "deprecated.daemonset.template.generation": "3" },
                "managedFields": [{ "manager": "eks", "operation": "Apply" }],
            },
            "spec": { "template": { "spec": { "hostNetwork": true } } },
            "status": { "numberReady": 1 },
        });
        assert_eq!(
            kept(&found),
            json!({
                "object": {
                    "apiVersion": "apps/v1", "kind": "DaemonSet",
                    "metadata": { "name": "aws-node", "namespace": "kube-system", "labels": { "k8s-app": "aws-node" } },
                    "spec": { "template": { "spec": { "hostNetwork": true } } },
                },
                "applied_by_eks": true,
            })
        );
    }
}
