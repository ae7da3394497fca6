//! Why a workload is not ready, from its pods and events.

use serde_json::Value as Json;

use super::super::client::Client;
use super::super::error::{Attempt, Verb};
use super::super::object::{Resource, name, selector_of};
use super::super::pod::{Trouble, why};
use super::super::request::Call;

/// Reasons reported per object.
const MOST: usize = 5;
/// Kinds whose pods are queried.
const WORKLOADS: [&str; 5] = ["DaemonSet", "Deployment", "Job", "ReplicaSet", "StatefulSet"];

/// Reasons from the pods and events of `object`; empty if there are none or they cannot be read.
pub(super) async fn reasons(client: &Client, object: &Json) -> Vec<String> {
    let kind = object["kind"].as_str().unwrap_or_default();
    let namespace = object.pointer("/metadata/namespace").and_then(Json::as_str).unwrap_or_default();
    let mut found = Vec::new();
    let mut speakers = vec![(kind.to_owned(), name(object).to_owned())];
    if kind == "Pod" {
        found.extend(why(object));
    } else if WORKLOADS.contains(&kind)
        && let Some(selector) = selector_of(&object["spec"]["selector"])
        && let Ok(pods) = client.list(&Resource::POD, Some(namespace), Some(&selector)).await
    {
        for trouble in pods.iter().filter_map(Trouble::of).take(MOST) {
            found.push(trouble.to_string());
            speakers.push(("Pod".to_owned(), trouble.pod));
        }
    }
    // A workload whose pods cannot even be created reports that in its own events.
    for (kind, name) in speakers.into_iter().take(3) {
        found.extend(warnings(client, namespace, &kind, &name).await);
    }
    // Pods of one kind report the same, except for their names.
    found.dedup();
    found.truncate(MOST);
    found
}

/// The newest warning event of an object.
async fn warnings(client: &Client, namespace: &str, kind: &str, name: &str) -> Option<String> {
    let selector = format!("involvedObject.kind={kind},involvedObject.name={name},type=Warning");
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("fieldSelector", &selector)
        .append_pair("limit", "50")
        .finish();
    let path = format!("/api/v1/namespaces/{namespace}/events?{query}");
    let attempt = Attempt::new(Verb::List, "events");
    let events = client.call(Call { attempt, path, body: None }).await.ok()?;
    let newest = events["items"].as_array()?.iter().max_by_key(|event| {
        let time = |member: &str| event[member].as_str().map(str::to_owned);
        time("lastTimestamp").or_else(|| time("eventTime"))
    })?;
    let text = |member: &str| newest[member].as_str().unwrap_or_default().trim();
    Some(format!("event of {kind} {name}: {}: {}", text("reason"), text("message")))
}
