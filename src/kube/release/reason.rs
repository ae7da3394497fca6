//! Why a workload is not ready, in the words of its pods and of its events.

use serde_json::Value as Json;

use super::super::client::Client;
use super::super::error::{Attempt, Verb};
use super::super::object::{Resource, name};
use super::super::request::Call;

/// Reasons that are told of one object.
const MOST: usize = 5;
/// Kinds whose pods are asked.
const WORKLOADS: [&str; 5] = ["DaemonSet", "Deployment", "Job", "ReplicaSet", "StatefulSet"];

/// What the pods of `object` and its events say; empty where they say nothing or cannot be asked.
pub(super) async fn reasons(client: &Client, object: &Json) -> Vec<String> {
    let kind = object["kind"].as_str().unwrap_or_default();
    let namespace = object.pointer("/metadata/namespace").and_then(Json::as_str).unwrap_or_default();
    let mut found = Vec::new();
    let mut speakers = vec![(kind.to_owned(), name(object).to_owned())];
    if kind == "Pod" {
        found.extend(of_pod(object));
    } else if WORKLOADS.contains(&kind)
        && let Some(selector) = selector(&object["spec"]["selector"])
        && let Ok(pods) = client.list(&Resource::POD, Some(namespace), Some(&selector)).await
    {
        for pod in pods.iter().filter(|pod| of_pod(pod).is_some()).take(MOST) {
            let node = pod.pointer("/spec/nodeName").and_then(Json::as_str);
            let node = node.map(|node| format!(" on node {node}")).unwrap_or_default();
            found.extend(of_pod(pod).map(|why| format!("pod {}{node}: {why}", name(pod))));
            speakers.push(("Pod".to_owned(), name(pod).to_owned()));
        }
    }
    // A workload whose pods cannot even be made says so in its own events.
    for (kind, name) in speakers.into_iter().take(3) {
        found.extend(warnings(client, namespace, &kind, &name).await);
    }
    // Pods of one kind say the same, but for their names.
    found.dedup();
    found.truncate(MOST);
    found
}

/// The newest warning about an object.
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

/// A label selector in the form of a query; `None` where the object has none.
fn selector(selector: &Json) -> Option<String> {
    let mut terms: Vec<String> = Vec::new();
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        terms.push(format!("{key}={}", value.as_str()?));
    }
    for one in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = one["key"].as_str()?;
        let values: Vec<&str> = one["values"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        terms.push(match one["operator"].as_str()? {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        });
    }
    (!terms.is_empty()).then(|| terms.join(","))
}

/// Why a pod is not ready; `None` when it is, or has done its work. A container that cannot start says most, then one
/// that ended, then a pod without a place.
pub(super) fn of_pod(pod: &Json) -> Option<String> {
    let status = &pod["status"];
    let conditions = || status["conditions"].as_array().into_iter().flatten();
    if status["phase"] == "Succeeded"
        || conditions().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    {
        return None;
    }
    let lists = ["initContainerStatuses", "containerStatuses"];
    let containers = || lists.iter().flat_map(|list| status[*list].as_array().into_iter().flatten());
    let of = |container: &Json, why: String| format!("container {}: {why}", container["name"].as_str().unwrap_or("?"));
    let idle = |state: &Json| state["reason"] == "PodInitializing" || state["reason"] == "ContainerCreating";
    let ended = |container: &Json| {
        ["state", "lastState"].iter().find_map(|state| {
            let ended = &container[*state]["terminated"];
            let code = ended["exitCode"].as_i64().filter(|code| *code != 0)?;
            Some(format!("{}, exit code {code}", told(ended).unwrap_or_else(|| "ended".to_owned())))
        })
    };
    for container in containers() {
        let waiting = &container["state"]["waiting"];
        if let Some(why) = told(waiting).filter(|_| !idle(waiting)) {
            // A container that crashes waits; why it crashed is in how it ended last.
            let last = ended(container).map(|last| format!("; it ended before: {last}")).unwrap_or_default();
            return Some(of(container, format!("{why}{last}")));
        }
    }
    if let Some((container, why)) = containers().find_map(|container| Some((container, ended(container)?))) {
        return Some(of(container, why));
    }
    let unplaced = conditions().find(|one| one["type"] == "PodScheduled" && one["status"] == "False");
    let unready = || conditions().find(|one| one["type"] == "Ready");
    unplaced
        .and_then(told)
        .or_else(|| told(status))
        .or_else(|| unready().and_then(told))
        .or_else(|| Some(format!("its phase is {}", status["phase"].as_str().unwrap_or("unknown"))))
}

/// `REASON: MESSAGE`, or the one of them that is there.
fn told(state: &Json) -> Option<String> {
    let text = |member: &str| state[member].as_str().map(str::trim).filter(|text| !text.is_empty());
    match (text("reason"), text("message")) {
        (Some(reason), Some(message)) => Some(format!("{reason}: {message}")),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_says_why() {
        let unready =
            json!({ "type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "unready" });
        let container = |status: Json| json!({ "conditions": [unready], "containerStatuses": [status] });
        for (status, expected) in [
            (
                container(
                    json!({ "name": "agent", "state": { "waiting": { "reason": "ImagePullBackOff", "message": "no such image" } } }),
                ),
                Some("container agent: ImagePullBackOff: no such image"),
            ),
            (
                container(json!({
                    "name": "agent", "state": { "waiting": { "reason": "CrashLoopBackOff" } },
                    "lastState": { "terminated": { "exitCode": 1, "reason": "Error", "message": "no kernel" } },
                })),
                Some("container agent: CrashLoopBackOff; it ended before: Error: no kernel, exit code 1"),
            ),
            (
                container(json!({ "name": "run", "state": { "terminated": { "exitCode": 2 } } })),
                Some("container run: ended, exit code 2"),
            ),
            (
                json!({ "conditions": [
                    { "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes" }, unready,
                ] }),
                Some("Unschedulable: 0/3 nodes"),
            ),
            (json!({ "phase": "Failed", "reason": "Evicted", "message": "low memory" }), Some("Evicted: low memory")),
            (
                container(json!({ "name": "agent", "state": { "waiting": { "reason": "ContainerCreating" } } })),
                Some("ContainersNotReady: unready"),
            ),
            (json!({ "phase": "Pending" }), Some("its phase is Pending")),
            (json!({ "phase": "Succeeded" }), None),
            (json!({ "conditions": [{ "type": "Ready", "status": "True" }] }), None),
        ] {
            assert_eq!(of_pod(&json!({ "status": status })).as_deref(), expected, "{status}");
        }
    }

    #[test]
    fn selectors_as_queries() {
        let both = json!({
            "matchLabels": { "app": "cilium" },
            "matchExpressions": [
                { "key": "tier", "operator": "In", "values": ["a", "b"] }, { "key": "old", "operator": "DoesNotExist" },
            ],
        });
        assert_eq!(selector(&both).as_deref(), Some("app=cilium,tier in (a,b),!old"));
        assert_eq!(selector(&Json::Null), None);
    }
}
