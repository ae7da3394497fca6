//! Rollouts of DaemonSets: how far one is, and what its pods say where it does not go on.

use std::fmt;

use serde_json::Value as Json;

use super::client::Client;
use super::error::Result;
use super::object::{Resource, name};

/// How far a DaemonSet's newest specification is on its nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rollout {
    /// The controller has seen the newest specification.
    pub observed: bool,
    /// Nodes that are to run a pod.
    pub desired: u64,
    /// Nodes whose pod is of the newest specification.
    pub updated: u64,
    /// Nodes whose pod is available.
    pub available: u64,
}

impl Rollout {
    /// Reads the status of a DaemonSet. Source: API reference of Kubernetes, DaemonSetStatus.
    #[must_use]
    pub fn of(daemon_set: &Json) -> Self {
        let status = &daemon_set["status"];
        let count = |member: &str| status[member].as_u64().unwrap_or_default();
        let generation = daemon_set.pointer("/metadata/generation").and_then(Json::as_u64).unwrap_or_default();
        Self {
            observed: count("observedGeneration") >= generation,
            desired: count("desiredNumberScheduled"),
            updated: count("updatedNumberScheduled"),
            available: count("numberAvailable"),
        }
    }

    /// Every node that is to run it runs the newest specification. Without nodes there is nothing to wait for.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.observed && self.updated >= self.desired && self.available >= self.desired
    }
}

impl fmt::Display for Rollout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.observed {
            return f.write_str("the DaemonSet controller has not seen the change yet");
        }
        write!(
            f,
            "{} of {} nodes run the new specification, on {} its pod is available",
            self.updated, self.desired, self.available
        )
    }
}

/// Why a pod is not ready, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The pod.
    pub pod: String,
    /// Its node; empty while it has none.
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

impl Client {
    /// What keeps the pods that `selector` chooses from being ready; empty when all are.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn troubles(&self, namespace: &str, selector: &str) -> Result<Vec<Trouble>> {
        let mut found = Vec::new();
        self.pages(&Resource::POD, Some(namespace), Some(selector), |pod| found.extend(trouble(&pod))).await?;
        Ok(found)
    }
}

/// Why a pod is not ready; `None` when it is. The most telling reason comes first: a container that cannot start, one
/// that ended, a pod without a place, and only then that it is not ready.
fn trouble(pod: &Json) -> Option<Trouble> {
    let conditions = pod.pointer("/status/conditions").and_then(Json::as_array);
    let condition = |kind: &str| conditions.into_iter().flatten().find(|one| one["type"] == kind);
    if condition("Ready").is_some_and(|ready| ready["status"] == "True") {
        return None;
    }
    let containers = ["initContainerStatuses", "containerStatuses"].map(|list| pod["status"][list].as_array());
    let containers = || containers.iter().flatten().flat_map(|list| list.iter());
    let waiting = containers().map(|one| &one["state"]["waiting"]).find(|state| {
        // A container that waits for its turn tells nothing.
        state["reason"].as_str().is_some_and(|reason| !matches!(reason, "PodInitializing" | "ContainerCreating"))
    });
    let ended = || {
        let states = containers().flat_map(|one| [&one["state"]["terminated"], &one["lastState"]["terminated"]]);
        states.into_iter().find(|state| state["exitCode"].as_i64().is_some_and(|code| code != 0)).map(|state| {
            let code = state["exitCode"].as_i64().unwrap_or_default();
            format!("{} (exit code {code})", told(state).unwrap_or_else(|| "Error".to_owned()))
        })
    };
    let unplaced = || condition("PodScheduled").filter(|one| one["status"] == "False").and_then(told);
    let why = waiting
        .and_then(told)
        .or_else(ended)
        .or_else(unplaced)
        .or_else(|| condition("Ready").and_then(told))
        .unwrap_or_else(|| format!("its phase is {}", pod["status"]["phase"].as_str().unwrap_or("unknown")));
    let node = pod.pointer("/spec/nodeName").and_then(Json::as_str).unwrap_or_default().to_owned();
    Some(Trouble { pod: name(pod).to_owned(), node, why })
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
    fn done_only_when_every_node_runs_it() {
        for (done, generation, status) in [
            (false, 2, json!({})),
            (false, 2, json!({ "observedGeneration": 1 })),
            (true, 2, json!({ "observedGeneration": 2, "desiredNumberScheduled": 0 })),
            (false, 2, json!({ "observedGeneration": 2, "desiredNumberScheduled": 3, "numberAvailable": 3 })),
            (
                false,
                2,
                json!({ "observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2 }),
            ),
            (
                true,
                2,
                json!({ "observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3 }),
            ),
        ] {
            let object = json!({ "metadata": { "generation": generation }, "status": status });
            assert_eq!(Rollout::of(&object).is_done(), done, "{object}");
        }
    }

    #[test]
    fn a_pod_tells_its_own_reason() {
        let not_ready =
            json!({ "type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "unready" });
        for (status, why) in [
            (
                json!({
                    "conditions": [not_ready],
                    "initContainerStatuses": [{ "state": { "waiting": { "reason": "PodInitializing" } } }],
                    "containerStatuses": [{ "state": { "waiting": { "reason": "ImagePullBackOff", "message": "no such image" } } }],
                }),
                "ImagePullBackOff: no such image",
            ),
            (
                json!({
                    "conditions": [not_ready],
                    "containerStatuses": [{ "state": {}, "lastState": { "terminated": { "exitCode": 1, "reason": "Error", "message": "no eniconfig" } } }],
                }),
                "Error: no eniconfig (exit code 1)",
            ),
            (
                json!({ "conditions": [
                    { "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes" }, not_ready,
                ] }),
                "Unschedulable: 0/3 nodes",
            ),
            (json!({ "conditions": [not_ready] }), "ContainersNotReady: unready"),
            (json!({ "phase": "Pending" }), "its phase is Pending"),
        ] {
            let pod = json!({ "metadata": { "name": "p" }, "spec": { "nodeName": "n" }, "status": status });
            let found = trouble(&pod).expect("it is in trouble");
            assert_eq!(found.to_string(), format!("pod p on node n: {why}"));
        }
        let ready = json!({ "status": { "conditions": [{ "type": "Ready", "status": "True" }] } });
        assert_eq!(trouble(&ready), None);
    }
}
