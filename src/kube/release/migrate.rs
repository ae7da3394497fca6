//! From client-side to server-side apply: fields that Helm set by patches become fields that it applied, or else they
//! would stay when a later revision has them no more.
//!
//! Source: Kubernetes, client-go/util/csaupgrade, which Helm 4 uses for the same.

use futures::FutureExt as _;
use serde_json::{Map, Value as Json, json};

use super::super::client::Client;
use super::super::error::Kind;
use super::apply::together;
use super::error::{Error, Result};
use super::objects::Object;

/// How often an object is tried that changes meanwhile.
const ATTEMPTS: u32 = 5;

/// Takes over, for the client's manager, what `objects` have by patches of Helm 3 or of its Terraform provider.
pub(super) async fn take_over(client: &Client, objects: &[Object]) -> Result<()> {
    let all = objects.iter().map(|object| take_over_one(client, object).boxed()).collect();
    together(all).await.into_iter().collect()
}

async fn take_over_one(client: &Client, object: &Object) -> Result<()> {
    let doing = || format!("take over the fields of {}", object.told());
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

fn is_helm(manager: &str) -> bool {
    manager == "helm" || manager.starts_with("terraform-provider-helm")
}

/// managedFields with Helm's patches as an application by `manager`; `None` when there are none.
fn upgraded(object: &Json, manager: &str) -> Option<Vec<Json>> {
    let entries = object.pointer("/metadata/managedFields")?.as_array()?;
    let whole = |entry: &Json| entry["subresource"].as_str().is_none_or(str::is_empty);
    let patched =
        |entry: &Json| entry["operation"] == "Update" && whole(entry) && entry["manager"].as_str().is_some_and(is_helm);
    let applied = |entry: &Json| entry["operation"] == "Apply" && whole(entry) && entry["manager"] == manager;
    let newest = entries.iter().rfind(|entry| patched(entry))?;
    let mut fields = Map::new();
    for entry in entries.iter().filter(|entry| patched(entry) || applied(entry)) {
        if let Some(more) = entry["fieldsV1"].as_object() {
            union(&mut fields, more);
        }
    }
    let mut kept: Vec<Json> = entries.iter().filter(|entry| !patched(entry) && !applied(entry)).cloned().collect();
    let mut own = newest.clone();
    own["manager"] = manager.into();
    own["operation"] = "Apply".into();
    own["fieldsV1"] = Json::Object(fields);
    kept.push(own);
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
}
