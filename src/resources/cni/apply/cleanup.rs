//! What a CNI has created in the cluster by itself and its release's removal leaves behind: custom resource definitions
//! and their objects.
//!
//! Only definitions known by name are deleted, provided they did not exist before and hold no objects of others.
//! Anything unknown is kept and reported.

use std::collections::BTreeSet;
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Result};
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::cni::{calico::finalizers, definitions, product::Wanted};
use crate::kube::{self, Client, Resource};
use crate::session::{Context, explain::explained};

/// How long the API server may take to delete objects without finalizers.
const PATIENCE: Duration = Duration::from_secs(5);
/// Number of objects of one kind that a message names.
const NAMED: usize = 3;
const DEFINITION: Resource = Resource::CUSTOM_RESOURCE_DEFINITION;
const SUMMARY: &str = "Could not remove what the CNI created";

/// The operation that the cleanup follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// A destroy; the release's record still exists.
    Destroy,
    /// A failed installation that was removed again.
    FailedInstallation,
}

impl After {
    /// What is left if the cleanup fails.
    fn left(self) -> &'static str {
        match self {
            Self::Destroy => {
                "The objects of the release are removed; its record stays, so that another destroy goes on."
            }
            Self::FailedInstallation => {
                "The objects of the release are removed. Custom resource definitions that it created may still exist."
            }
        }
    }

    /// How to continue.
    fn again(self) -> &'static str {
        match self {
            Self::Destroy => "Then destroy again.",
            Self::FailedInstallation => {
                "Then delete these definitions (`kubectl delete crd NAME`), or apply again: an installation reuses them."
            }
        }
    }
}

/// What may be removed.
pub(crate) struct Cleanup<'a> {
    pub(crate) wanted: &'a Wanted,
    /// The definitions that existed before; `None` if unknown.
    pub(crate) before: Option<BTreeSet<String>>,
    /// Ranges that pods have got their addresses from.
    pub(crate) pool: BTreeSet<String>,
    /// Also delete definitions that hold objects created by people.
    pub(crate) with_objects: bool,
    pub(crate) after: After,
}

impl Cleanup<'_> {
    /// Deletes definitions, waits until they no longer exist, and warns about those that are kept. Returns the number
    /// of deleted definitions.
    ///
    /// # Errors
    /// If a request fails, and if a definition is not deleted in time.
    pub(crate) async fn run(&self, client: &Client, timeout: Duration, cx: &Context) -> Result<usize> {
        let left = Some(self.after.left());
        let product = &self.wanted.product;
        let existing = explained(definitions::existing(client, product).await, SUMMARY, left, cx).await?;
        let Some(before) = &self.before else {
            if !existing.is_empty() {
                cx.report(self.unknown(&existing));
            }
            return Ok(0);
        };
        let mut kept = Vec::new();
        let mut going = Vec::new();
        for name in existing.difference(before) {
            let looked = self.others(client, name).await;
            match explained(looked, SUMMARY, left, cx).await? {
                Some(others) if !others.is_empty() && !self.with_objects => kept.push(held(name, &others)),
                Some(_) => going.push(name.as_str()),
                None => {}
            }
        }
        if !kept.is_empty() {
            cx.report(self.kept(&kept));
        }
        let count = going.len();
        self.remove(client, going, timeout, cx).await.map(|()| count)
    }

    /// Objects of a kind that others have created; `None` if the definition no longer exists.
    async fn others(&self, client: &Client, name: &str) -> kube::Result<Option<Vec<String>>> {
        let Some(definition) = client.get(&DEFINITION, None, name).await? else { return Ok(None) };
        let Some(resource) = resource(&definition) else {
            // What is stored of it cannot be found out.
            return Ok(Some(vec!["its objects cannot be listed".to_owned()]));
        };
        if definitions::is_internal(&self.wanted.product, name) {
            return Ok(Some(Vec::new()));
        }
        let mut others = Vec::new();
        let each = |object: Json| {
            if !definitions::is_own(&self.wanted.product, name, &object, &self.pool) {
                let namespace = object.pointer("/metadata/namespace").and_then(Json::as_str);
                let name = kube::name(&object);
                others.push(namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}")));
            }
        };
        match client.pages(&resource, None, None, each).await {
            Err(error) if error.is_not_found() => {}
            other => other?,
        }
        Ok(Some(others))
    }

    async fn remove(&self, client: &Client, going: Vec<&str>, timeout: Duration, cx: &Context) -> Result<()> {
        let (begun, after) = (Instant::now(), self.after);
        let left_behind = Some(after.left());
        tracing::info!(count = going.len(), "removing the custom resource definitions of the CNI");
        for name in &going {
            explained(client.delete(&DEFINITION, None, name).await, SUMMARY, left_behind, cx).await?;
        }
        let mut left = going;
        loop {
            let mut there = Vec::new();
            for name in left {
                if let Some(found) =
                    explained(client.get(&DEFINITION, None, name).await, SUMMARY, left_behind, cx).await?
                {
                    there.push((name, found));
                }
            }
            if there.is_empty() {
                return Ok(());
            }
            if begun.elapsed() >= timeout {
                let names: Vec<&str> = there.iter().map(|(name, _)| *name).collect();
                return Err(Diagnostic::error(
                    SUMMARY,
                    format!(
                        "After {} s these custom resource definitions of cluster `{}` still exist: {}. {}\n\nFind out which finalizers hold their objects (`kubectl get RESOURCE --all-namespaces -o yaml`), and who should remove them; finalizers of others are never taken away here. {}",
                        begun.elapsed().as_secs(),
                        client.cluster(),
                        names.join(", "),
                        after.left(),
                        after.again(),
                    ),
                )
                .into());
            }
            if begun.elapsed() >= PATIENCE {
                for (_, definition) in &there {
                    // The program that would remove the finalizers no longer runs.
                    explained(free(client, definition).await, SUMMARY, left_behind, cx).await?;
                }
            }
            if !cx.sleep(Duration::from_millis(250)).await {
                return Err(Diagnostic::error(
                    SUMMARY,
                    format!("Terraform was stopped. {}\n\n{}", after.left(), after.again()),
                )
                .into());
            }
            left = there.into_iter().map(|(name, _)| name).collect();
        }
    }

    fn unknown(&self, existing: &BTreeSet<String>) -> Diagnostic {
        let names: Vec<&str> = existing.iter().map(String::as_str).collect();
        Diagnostic::warning(
            format!("Custom resource definitions of {} are kept", self.wanted.name()),
            format!(
                "Which of them existed before the installation is not recorded, so none is deleted: {}.\n\nIf nobody else needs them and their objects, delete them: `kubectl delete crd {}`.",
                names.join(", "),
                names.join(" ")
            ),
        )
    }

    fn kept(&self, kept: &[String]) -> Diagnostic {
        let or_else = match self.after {
            After::Destroy => ", or set `cleanup_objects_on_destroy` and apply before a destroy",
            After::FailedInstallation => "",
        };
        Diagnostic::warning(
            format!("Custom resource definitions of {} are kept", self.wanted.name()),
            format!(
                "They hold objects that {} did not create: {}.\n\nDelete these objects and the definitions by hand if they are not needed any more{or_else}.",
                self.wanted.name(),
                kept.join("; ")
            ),
        )
    }
}

/// `ciliumnetworkpolicies.cilium.io (web/deny, web/allow and 2 more)`.
fn held(definition: &str, others: &[String]) -> String {
    let named = others.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match others.len().saturating_sub(NAMED) {
        0 => format!("{definition} ({named})"),
        more => format!("{definition} ({named} and {more} more)"),
    }
}

/// Removes the finalizers of Calico's operator from all objects of a kind.
async fn free(client: &Client, definition: &Json) -> kube::Result<()> {
    let Some(resource) = resource(definition) else { return Ok(()) };
    let objects = match client.list(&resource, None, None).await {
        Ok(objects) => objects,
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(error),
    };
    for object in objects.iter().filter(|object| finalizers::holds(object)) {
        let namespace = object.pointer("/metadata/namespace").and_then(Json::as_str);
        finalizers::free_one(client, &resource, namespace, kube::name(object)).await?;
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
    use serde_json::json;

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

    #[test]
    fn what_holds_a_definition() {
        let others = |count: usize| (0..count).map(|one| format!("n/{one}")).collect::<Vec<_>>();
        assert_eq!(held("a.b", &others(1)), "a.b (n/0)");
        assert_eq!(held("a.b", &others(5)), "a.b (n/0, n/1, n/2 and 2 more)");
    }
}
