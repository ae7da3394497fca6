//! Makes this manager the owner of fields that others wrote for the release: fields that Helm set by patches, which
//! would otherwise stay when a later revision removes them; and fields of programs that install through Helm's
//! library under names of their own, which would otherwise all conflict.
//!
//! Source: Kubernetes, client-go/util/csaupgrade, which Helm 4 uses for the same.

use futures::FutureExt as _;
use serde_json::{Map, Value as Json, json};

use super::super::client::Client;
use super::super::error::Kind;
use super::apply::together;
use super::error::{Error, Result};
use super::objects::Object;

/// How often an object is retried if it changes in the meantime.
const ATTEMPTS: u32 = 5;
/// The annotation that marks an object of a release, in `fieldsV1` format.
const MARK: &str = "f:meta.helm.sh/release-name";

/// Transfers to the client's manager the fields in `objects` owned by Helm, its Terraform provider, and other
/// programs that install through its library.
pub(super) async fn take_over(client: &Client, objects: &[Object]) -> Result<()> {
    let all = objects.iter().map(|object| take_over_one(client, object).boxed()).collect();
    together(all).await.into_iter().collect()
}

async fn take_over_one(client: &Client, object: &Object) -> Result<()> {
    let doing = || format!("adopt the fields of {}", object.told());
    let at = object.namespace.as_deref();
    for attempt in 1.. {
        let live = match client.get(&object.resource, at, &object.name).await {
            Ok(Some(live)) => live,
            Ok(None) => return Ok(()),
            Err(error) if error.is_not_found() => return Ok(()),
            Err(source) => return Err(Error::Request { doing: doing(), source }),
        };
        let Some(managers) = upgraded(&live, client.manager()) else { return Ok(()) };
        let patch = json!([
            { "op": "replace", "path": "/metadata/managedFields", "value": managers },
            { "op": "replace", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"] },
        ]);
        match client.json_patch(&object.resource, at, &object.name, patch).await {
            Err(error) if *error.kind() == Kind::Changed && attempt < ATTEMPTS => {}
            other => return other.map(drop).map_err(Error::request(doing())),
        }
    }
    Ok(())
}

/// Helm's own manager names.
fn is_helm(manager: &str) -> bool {
    manager == "helm" || manager.starts_with("terraform-provider-helm")
}

/// Whether an entry was written by a program that installs through Helm's library: it is named after the program
/// (`cilium`, `helm-controller`, `pulumi-resource-kubernetes`), and owns the release annotation. Someone who adopts
/// an object with kubectl writes that annotation too, and keeps their fields.
/// Source: Helm, pkg/kube/client.go, getManagedFieldsManager.
fn installs(entry: &Json) -> bool {
    let manager = entry["manager"].as_str().unwrap_or_default();
    let annotations = &entry["fieldsV1"]["f:metadata"]["f:annotations"];
    is_helm(manager) || (annotations[MARK].is_object() && !manager.starts_with("kubectl"))
}

/// managedFields with the entries of Helm, or of another program using its library, converted to an Apply entry of
/// `manager`; `None` if there are no such entries.
fn upgraded(object: &Json, manager: &str) -> Option<Vec<Json>> {
    let entries = object.pointer("/metadata/managedFields")?.as_array()?;
    let whole = |entry: &Json| entry["subresource"].as_str().is_none_or(str::is_empty);
    let own = |entry: &Json| entry["operation"] == "Apply" && whole(entry) && entry["manager"] == manager;
    let theirs = |entry: &Json| {
        let is_known = entry["operation"] == "Update" || (entry["operation"] == "Apply" && !own(entry));
        is_known && whole(entry) && installs(entry)
    };
    let newest = entries.iter().rfind(|entry| theirs(entry))?;
    let mut fields = Map::new();
    for entry in entries.iter().filter(|entry| theirs(entry) || own(entry)) {
        if let Some(more) = entry["fieldsV1"].as_object() {
            union(&mut fields, more);
        }
    }
    let mut kept: Vec<Json> = entries.iter().filter(|entry| !theirs(entry) && !own(entry)).cloned().collect();
    let mut applied = newest.clone();
    applied["manager"] = manager.into();
    applied["operation"] = "Apply".into();
    applied["fieldsV1"] = Json::Object(fields);
    kept.push(applied);
    Some(kept)
}

fn union(into: &mut Map<String, Json>, from: &Map<String, Json>) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Json::Object(inner)), Json::Object(value)) => union(inner, value),
            (Some(_), _) => {}
            (None, value) => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_become_an_application() {
        let entry = |manager: &str, operation: &str, fields: Json| json!({ "manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsV1": fields });
        let status = json!({ "manager": "kube-controller-manager", "operation": "Update", "subresource": "status" });
        let object = json!({ "metadata": { "managedFields": [
            entry("terraform-provider-helm_v2.9_x5", "Update", json!({ "f:spec": { "f:a": {} } })),
            status,
            entry("helm", "Update", json!({ "f:spec": { "f:b": { "f:c": {} } } })),
            entry("helm", "Apply", json!({ "f:spec": { "f:b": { "f:d": {} } } })),
        ] } });
        assert_eq!(
            upgraded(&object, "helm"),
            Some(vec![
                status.clone(),
                entry("helm", "Apply", json!({ "f:spec": { "f:a": {}, "f:b": { "f:c": {}, "f:d": {} } } })),
            ])
        );
        let applied = json!({ "metadata": { "managedFields": [status, entry("helm", "Apply", json!({}))] } });
        assert_eq!(upgraded(&applied, "helm"), None);
    }

    #[test]
    fn whoever_holds_the_mark_is_taken_over_from() {
        let mark = json!({ "f:metadata": { "f:annotations": { MARK: {} } }, "f:data": { "f:a": {} } });
        let entry = |manager: &str, operation: &str, fields: &Json| json!({ "manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields });
        let plain = json!({ "f:data": { "f:b": {} } });
        for (manager, operation, fields, taken) in [
            ("cilium", "Update", &mark, true),
            ("cilium", "Apply", &mark, true),
            ("helm-controller", "Update", &mark, true),
            ("pulumi-resource-kubernetes", "Update", &mark, true),
            // Adopted by hand, or managed by a program without the release annotation.
            ("kubectl-annotate", "Update", &mark, false),
            ("cilium", "Update", &plain, false),
            ("argocd-controller", "Apply", &plain, false),
        ] {
            let others = entry("someone", "Update", &plain);
            let object = json!({ "metadata": { "managedFields": [others, entry(manager, operation, fields)] } });
            let expected = taken.then(|| vec![others.clone(), entry("helm", "Apply", fields)]);
            assert_eq!(upgraded(&object, "helm"), expected, "{manager} {operation}");
        }
    }
}
