//! Objects held by finalizers of Calico's operator, which nothing releases once the operator cannot run any more.
//!
//! Source: tigera/operator, pkg/render/finalizers.go and node.go (CNIFinalizer).

use serde_json::{Value as Json, json};

use crate::cni::definitions::OPERATOR_GROUP;
use crate::kube::{self, Client, Kind, Resource, Result};

/// Finalizers on the operator's own kinds.
const FINALIZERS: &[&str] = &[
    "tigera.io/operator-cleanup",
    "operator.tigera.io/apiserver-controller",
    "operator.tigera.io/gatewayapi-controller",
    "operator.tigera.io/goldmane-controller",
    "operator.tigera.io/guardian-controller",
    "operator.tigera.io/installation-controller",
    "operator.tigera.io/whisker-controller",
];
/// Finalizer on what the CNI plugin needs while pods exist.
const PROTECTOR: &str = "tigera.io/cni-protector";
const NAMESPACE: &str = "calico-system";
const PROTECTED: [&str; 2] = ["calico-node", "calico-cni-plugin"];
/// Number of attempts for an object that changes in between.
const ATTEMPTS: u32 = 5;

const fn kind(group: &'static str, version: &'static str, kind: &'static str, plural: &'static str) -> Resource {
    Resource {
        group: std::borrow::Cow::Borrowed(group),
        version: std::borrow::Cow::Borrowed(version),
        kind: std::borrow::Cow::Borrowed(kind),
        plural: std::borrow::Cow::Borrowed(plural),
    }
}

/// Whether an object is held by a finalizer of Calico's operator.
pub(crate) fn holds(object: &Json) -> bool {
    without_own(object).is_some()
}

/// Whether only Calico's operator removes this finalizer.
fn is_own(finalizer: &str) -> bool {
    finalizer == PROTECTOR || FINALIZERS.contains(&finalizer)
}

/// Removes the operator's own finalizers, by name, from objects that are being deleted, and from those that only its
/// Installation owns. The operator must no longer exist: it would add them again.
///
/// # Errors
/// If a request fails.
pub(crate) async fn free(client: &Client) -> Result<()> {
    const RBAC: &str = "rbac.authorization.k8s.io";
    for (name, plural) in [
        ("Installation", "installations"),
        ("APIServer", "apiservers"),
        ("Goldmane", "goldmanes"),
        ("Whisker", "whiskers"),
        ("GatewayAPI", "gatewayapis"),
    ] {
        let resource = kind(OPERATOR_GROUP, "v1", name, plural);
        let listed = match client.list(&resource, None, None).await {
            Ok(listed) => listed,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error),
        };
        for object in listed.iter().filter(|object| is_going(object)) {
            free_one(client, &resource, None, kube::name(object)).await?;
        }
    }
    for name in PROTECTED {
        free_one(client, &kind("", "v1", "ServiceAccount", "serviceaccounts"), Some(NAMESPACE), name).await?;
        free_one(client, &kind(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings"), None, name).await?;
        free_one(client, &kind(RBAC, "v1", "ClusterRole", "clusterroles"), None, name).await?;
    }
    Ok(())
}

fn is_going(object: &Json) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some()
}

/// Removes the operator's own finalizers from one object; other finalizers are kept.
///
/// # Errors
/// If a request fails.
pub(crate) async fn free_one(client: &Client, resource: &Resource, namespace: Option<&str>, name: &str) -> Result<()> {
    for attempt in 1.. {
        let live = match client.get(resource, namespace, name).await {
            Ok(Some(live)) => live,
            Ok(None) => return Ok(()),
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        };
        let Some(others) = without_own(&live) else { return Ok(()) };
        tracing::info!("freeing {} of the finalizers of Calico's operator", resource.told(namespace, name));
        let version = &live["metadata"]["resourceVersion"];
        let patch = json!({ "metadata": { "finalizers": others, "resourceVersion": version } });
        match client.merge(resource, namespace, name, patch).await {
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) if *error.kind() == Kind::Changed && attempt < ATTEMPTS => {}
            other => return other.map(drop),
        }
    }
    Ok(())
}

/// Finalizers of others; `None` if the operator has none on the object.
fn without_own(object: &Json) -> Option<Vec<&str>> {
    let finalizers = object.pointer("/metadata/finalizers").and_then(Json::as_array)?;
    let all: Vec<&str> = finalizers.iter().filter_map(Json::as_str).collect();
    let others: Vec<&str> = all.iter().filter(|one| !is_own(one)).copied().collect();
    (others.len() < all.len()).then_some(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_operators_finalizers_are_taken() {
        let object = |finalizers: Json| json!({ "metadata": { "finalizers": finalizers } });
        let held = object(json!(["tigera.io/operator-cleanup", "example.com/theirs", "tigera.io/cni-protector"]));
        assert_eq!(without_own(&held), Some(vec!["example.com/theirs"]));
        assert_eq!(without_own(&object(json!(["example.com/theirs"]))), None);
        assert_eq!(without_own(&json!({})), None);
    }
}
