//! What a CNI has made in the cluster by itself, and leaves there when its release is removed: custom resource
//! definitions, with objects whose finalizers nobody would ever take away.

use std::collections::BTreeSet;
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Result};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::wanted::Product;
use crate::attributes::cluster::told;
use crate::kube::{self, Client, Resource};
use crate::provider::Context;

/// How long the API server may take to remove objects without finalizers.
const PATIENCE: Duration = Duration::from_secs(5);
const SUMMARY: &str = "Could not remove what the CNI has made";

/// Groups of kinds that a CNI's own programs define.
fn groups(product: &Product) -> &'static [&'static str] {
    match product {
        Product::Cilium(_) => &["cilium.io"],
        Product::Operator(_) => &["crd.projectcalico.org", "operator.tigera.io", "projectcalico.org"],
        // They are in the manifest.
        Product::Manifest(_) => &[],
    }
}

/// Names of the definitions that there are.
///
/// # Errors
/// Those of the request.
pub(super) async fn definitions(client: &Client, product: &Product) -> kube::Result<BTreeSet<String>> {
    Ok(found(client, product).await?.iter().map(|one| kube::name(one).to_owned()).collect())
}

async fn found(client: &Client, product: &Product) -> kube::Result<Vec<Json>> {
    let groups = groups(product);
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let listed = client.list(&Resource::CUSTOM_RESOURCE_DEFINITION, None, None).await?;
    let is_own = |one: &Json| one["spec"]["group"].as_str().is_some_and(|group| groups.contains(&group));
    Ok(listed.into_iter().filter(is_own).collect())
}

/// Removes the definitions except `before`, and waits until they are gone.
///
/// # Errors
/// Those of the requests, and when some do not go.
pub(super) async fn remove(
    client: &Client,
    product: &Product,
    before: &BTreeSet<String>,
    timeout: Duration,
    cx: &Context,
) -> Result<()> {
    let begun = Instant::now();
    let mut first = true;
    loop {
        let mut left = told(found(client, product).await, SUMMARY, None, cx).await?;
        left.retain(|one| !before.contains(kube::name(one)));
        if left.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = left.iter().map(kube::name).collect();
        if begun.elapsed() >= timeout {
            return Err(Diagnostic::error(
                SUMMARY,
                format!(
                    "After {} s these custom resource definitions of cluster `{}` are still there: {}.\n\nThe release itself is removed. See which finalizers hold them or their objects, take those away, and destroy again.",
                    begun.elapsed().as_secs(),
                    client.cluster(),
                    names.join(", ")
                ),
            )
            .into());
        }
        if first {
            tracing::info!(count = names.len(), "removing the custom resource definitions of the CNI");
            for name in &names {
                let gone = client.delete(&Resource::CUSTOM_RESOURCE_DEFINITION, None, name).await;
                told(gone, SUMMARY, Some("The release itself is removed."), cx).await?;
            }
            first = false;
        } else if begun.elapsed() >= PATIENCE {
            for definition in &left {
                // The program that would do it is gone.
                let freed = free(client, definition).await;
                told(freed, SUMMARY, Some("The release itself is removed."), cx).await?;
            }
        }
        if !cx.sleep(Duration::from_millis(250)).await {
            return Err(Diagnostic::error(SUMMARY, "Terraform was stopped. Destroy again to go on.").into());
        }
    }
}

/// Takes the finalizers of all objects of a kind away.
async fn free(client: &Client, definition: &Json) -> kube::Result<()> {
    let Some(resource) = resource(definition) else { return Ok(()) };
    let objects = match client.list(&resource, None, None).await {
        Ok(objects) => objects,
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(error),
    };
    for object in objects {
        if object.pointer("/metadata/finalizers").and_then(Json::as_array).is_none_or(Vec::is_empty) {
            continue;
        }
        let namespace = object.pointer("/metadata/namespace").and_then(Json::as_str);
        let patch = json!({ "metadata": { "finalizers": null } });
        match client.merge(&resource, namespace, kube::name(&object), patch).await {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The kind that a definition defines.
fn resource(definition: &Json) -> Option<Resource> {
    let spec = &definition["spec"];
    let text = |value: &Json| value.as_str().map(str::to_owned);
    let versions = spec["versions"].as_array()?;
    let version = versions.iter().find(|one| one["served"] == true)?;
    Some(Resource {
        group: text(&spec["group"])?.into(),
        version: text(&version["name"])?.into(),
        kind: text(&spec["names"]["kind"])?.into(),
        plural: text(&spec["names"]["plural"])?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_definitions() {
        let definition = json!({ "spec": {
            "group": "cilium.io", "names": { "kind": "CiliumNode", "plural": "ciliumnodes" },
            "versions": [{ "name": "v1", "served": false }, { "name": "v2", "served": true }],
        } });
        let found = resource(&definition).expect("complete");
        assert_eq!(found.path(None, None), "/apis/cilium.io/v2/ciliumnodes");
        assert_eq!(resource(&json!({ "spec": {} })), None);
    }
}
