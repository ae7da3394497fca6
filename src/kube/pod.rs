//! Why a pod is not ready, in its own words.

use std::fmt;

use serde_json::Value as Json;

use super::object::name;

/// A pod that is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The pod.
    pub pod: String,
    /// Its node; empty if it has none yet.
    pub node: String,
    /// Reason and message: `ImagePullBackOff: Back-off pulling image …`.
    pub why: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = if self.node.is_empty() { String::new() } else { format!(" on node {}", self.node) };
        write!(f, "pod {}{node}: {}", self.pod, self.why)
    }
}

impl Trouble {
    /// `None` if the pod is ready or completed.
    pub(super) fn of(pod: &Json) -> Option<Self> {
        let node = pod.pointer("/spec/nodeName").and_then(Json::as_str).unwrap_or_default().to_owned();
        Some(Self { pod: name(pod).to_owned(), node, why: why(pod)? })
    }
}

/// Why a pod is not ready; `None` if it is ready or completed. In order of significance: a container that cannot
/// start, one that terminated, a pod that is not scheduled.
pub(super) fn why(pod: &Json) -> Option<String> {
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
            // A crashing container is in the state waiting; why it crashed is in its last termination.
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

/// `REASON: MESSAGE`, or whichever exists.
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
            assert_eq!(why(&json!({ "status": status })).as_deref(), expected, "{status}");
        }
    }

    #[test]
    fn a_pod_in_trouble_is_named() {
        let pod = |spec: Json, phase: &str| json!({ "metadata": { "name": "p" }, "spec": spec, "status": { "phase": phase } });
        let text = |pod: Json| Trouble::of(&pod).map(|trouble| trouble.to_string());
        let why = "its phase is Pending";
        assert_eq!(text(pod(json!({ "nodeName": "n" }), "Pending")), Some(format!("pod p on node n: {why}")));
        assert_eq!(text(pod(json!({}), "Pending")), Some(format!("pod p: {why}")));
        assert_eq!(text(pod(json!({}), "Succeeded")), None);
    }
}
