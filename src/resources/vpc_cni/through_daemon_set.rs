//! Sets the variables in the DaemonSet itself.

use serde_json::{Map, Value as Json, json};

use super::Owner;
use super::daemon_set::{NAME, NAMESPACE, NOTE, WRITTEN, borrowed, entry, path};
use super::notes::Record;
use super::settings::Wanted;
use crate::kube::{self, Client, FIELD_MANAGER, Owners, Resource};

/// The name and version of the object to be written, and the annotation.
fn head(daemon_set: &Json, record: &Record) -> Json {
    // A map of strings can always be written as JSON.
    let note = serde_json::to_string(&record.note()).unwrap_or_default();
    let mut annotations = Map::from_iter([(NOTE.to_owned(), Json::from(note))]);
    if record.owner == Owner::Addon {
        annotations.insert(WRITTEN.to_owned(), serde_json::to_string(&record.managed()).unwrap_or_default().into());
    }
    json!({
        "name": NAME, "namespace": NAMESPACE, "annotations": annotations,
        "resourceVersion": daemon_set["metadata"]["resourceVersion"],
    })
}

/// Sets only these variables, in the object as it was read: a change in between is [`kube::Kind::Changed`].
pub(super) async fn set(client: &Client, daemon_set: &Json, wanted: &Wanted, record: &Record) -> kube::Result<Json> {
    let variables: Vec<Json> = wanted
        .iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| json!({ "name": name, "value": value })))
        .collect();
    let mut object = marked(daemon_set, record);
    if !variables.is_empty() {
        object["spec"] = json!({ "template": { "spec": { "containers": [{ "name": NAME, "env": variables }] } } });
    }
    // Conflicts with others were checked on exactly the version that the request names.
    let mut after = client.apply(&Resource::DAEMON_SET, Some(NAMESPACE), &object, true).await?;
    let gone: Vec<&str> = wanted
        .iter()
        .filter(|(name, value)| value.is_none() && entry(&after, name).is_some())
        .map(|(name, _)| name.as_str())
        .collect();
    if !gone.is_empty() {
        let entries = gone.iter().map(|name| json!({ "name": name, "$patch": "delete" })).collect();
        after = patch(client, &after, entries, false).await?;
    }
    Ok(after)
}

/// Only marks the object as managed, with the annotation.
pub(super) async fn mark(client: &Client, daemon_set: &Json, record: &Record) -> kube::Result<Json> {
    client.apply(&Resource::DAEMON_SET, Some(NAMESPACE), &marked(daemon_set, record), true).await
}

fn marked(daemon_set: &Json, record: &Record) -> Json {
    json!({
        "apiVersion": Resource::DAEMON_SET.api_version(), "kind": Resource::DAEMON_SET.kind,
        "metadata": head(daemon_set, record),
    })
}

/// Removes variables that others have added.
pub(super) async fn remove(client: &Client, daemon_set: &Json, variables: &[&str]) -> kube::Result<Json> {
    let entries = variables.iter().map(|name| json!({ "name": name, "$patch": "delete" })).collect();
    patch(client, daemon_set, entries, false).await
}

/// A strategic merge patch of the variables in the object as it was read.
async fn patch(client: &Client, daemon_set: &Json, entries: Vec<Json>, unmark: bool) -> kube::Result<Json> {
    let mut metadata = Map::new();
    metadata.insert("resourceVersion".to_owned(), daemon_set["metadata"]["resourceVersion"].clone());
    if unmark {
        metadata.insert("annotations".to_owned(), json!({ NOTE: null, WRITTEN: null }));
    }
    let mut patch = json!({ "metadata": metadata });
    if !entries.is_empty() {
        patch["spec"] = json!({ "template": { "spec": { "containers": [{ "name": NAME, "env": entries }] } } });
    }
    client.strategic(&Resource::DAEMON_SET, Some(NAMESPACE), NAME, patch).await
}

/// Restores the entries of `variables`, and removes the annotation if `unmark` is set. [`hand_back`] restores their
/// owners afterwards.
pub(super) async fn restore(
    client: &Client,
    daemon_set: &Json,
    variables: &[&str],
    record: &Record,
    unmark: bool,
) -> kube::Result<()> {
    let entries = variables
        .iter()
        .map(|name| match record.variables.get(*name).and_then(|before| before.entry.as_ref()) {
            Some(entry) => json!({ "name": name, "value": entry["value"] }),
            None => json!({ "name": name, "$patch": "delete" }),
        })
        .collect();
    patch(client, daemon_set, entries, unmark).await.map(drop)
}

/// Returns the entries of `variables` to their former owners and, if `wholly` is set, drops this provider's ownership
/// of everything else.
pub(super) async fn hand_back(client: &Client, variables: &[&str], record: &Record, wholly: bool) -> kube::Result<()> {
    let change = |owners: &mut Owners| {
        for name in variables {
            // Without claims the owners are unknown: the current ones are kept.
            if let Some(before) = record.variables.get(*name).filter(|before| !before.claims.is_empty()) {
                owners.restore(&borrowed(&path(name)), &before.claims);
            }
        }
        if wholly {
            owners.dismiss(FIELD_MANAGER);
        }
    };
    client.change_owners(&Resource::DAEMON_SET, Some(NAMESPACE), NAME, change).await
}

/// Removes all owners of the entries of `variables` except EKS, so that EKS can set them.
pub(super) async fn release(client: &Client, variables: &[&str]) -> kube::Result<()> {
    let change = |owners: &mut Owners| {
        for name in variables {
            owners.release(&borrowed(&path(name)), |manager| manager != "eks");
        }
    };
    client.change_owners(&Resource::DAEMON_SET, Some(NAMESPACE), NAME, change).await
}
