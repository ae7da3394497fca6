//! Hosts that are off, and what they keep from becoming ready.
//!
//! A DaemonSet's controller counts every eligible node, including one that is switched off, and a rollout that waits
//! for all of them never completes while one is off. What matters is that every node that responds runs the newest
//! pods: the others get theirs from the same controller when they are back.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::client::Client;
use super::error::Result;
use super::object::{Resource, labels, name, owned_by_uid, selector_of};
use super::placement::allows;
use super::rollout::Rollout;

/// The label that names the DaemonSet revision of a pod.
const REVISION: &str = "controller-revision-hash";

/// Why a node counts as off; `None` if it does not. Without a network, a kubelet reports that it is not ready too,
/// but it is online, and waits for the CNI.
///
/// Source: Kubernetes, node lifecycle controller (Unknown: "Kubelet stopped posting node status") and kubelet
/// (`container runtime network not ready`).
#[must_use]
pub fn why_off(node: &Json) -> Option<String> {
    let conditions = node.pointer("/status/conditions").and_then(Json::as_array).into_iter().flatten();
    let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready")?;
    let text = |member: &str| ready[member].as_str().map(str::trim).filter(|text| !text.is_empty());
    let off = match ready["status"].as_str()? {
        "Unknown" => true,
        "False" => !text("message").is_some_and(|message| message.contains("network")),
        _ => false,
    };
    off.then(|| match (text("reason"), text("message")) {
        (Some(reason), Some(message)) => format!("{reason}: {message}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "not Ready".to_owned(),
    })
}

/// The nodes in `objects` that are off.
#[must_use]
pub fn off(nodes: &[Json]) -> BTreeMap<String, String> {
    nodes.iter().filter_map(|node| Some((name(node).to_owned(), why_off(node)?))).collect()
}

impl Client {
    /// The nodes that are off and lack a DaemonSet's newest pod, each with why it counts as off, if the DaemonSet
    /// waits for nothing else. `None` if something else is missing, or nothing is.
    ///
    /// # Errors
    /// Those of the requests: nodes, pods and controller revisions are listed.
    pub async fn daemon_set_offline(
        &self,
        daemon_set: &Json,
        nodes: &[Json],
    ) -> Result<Option<BTreeMap<String, String>>> {
        if off(nodes).is_empty() || !Rollout::of(daemon_set).observed {
            return Ok(None);
        }
        let Some(selector) = selector_of(&daemon_set["spec"]["selector"]) else { return Ok(None) };
        let namespace = daemon_set.pointer("/metadata/namespace").and_then(Json::as_str);
        let pods = self.list(&Resource::POD, namespace, Some(&selector)).await?;
        let revisions = self.list(&Resource::CONTROLLER_REVISION, namespace, Some(&selector)).await?;
        Ok(daemon_set_waits_for(daemon_set, nodes, &pods, &revisions))
    }

    /// The nodes that are off and that a Deployment's missing pods need, if the Deployment waits for nothing else. A
    /// pod bound to such a node stays there if it tolerates every taint, as Cilium's operator up to 1.17 does; one
    /// that is not bound yet counts only if other pods of the Deployment are available.
    ///
    /// # Errors
    /// Those of the requests: pods and replica sets are listed.
    pub async fn deployment_offline(
        &self,
        deployment: &Json,
        nodes: &[Json],
    ) -> Result<Option<BTreeMap<String, String>>> {
        if off(nodes).is_empty() {
            return Ok(None);
        }
        let Some(selector) = selector_of(&deployment["spec"]["selector"]) else { return Ok(None) };
        let namespace = deployment.pointer("/metadata/namespace").and_then(Json::as_str);
        let pods = self.list(&Resource::POD, namespace, Some(&selector)).await?;
        let sets = self.list(&Resource::REPLICA_SET, namespace, Some(&selector)).await?;
        Ok(deployment_waits_for(deployment, nodes, &pods, &sets))
    }
}

fn daemon_set_waits_for(
    daemon_set: &Json,
    nodes: &[Json],
    pods: &[Json],
    revisions: &[Json],
) -> Option<BTreeMap<String, String>> {
    let own = |object: &&Json| owned_by_uid(object, daemon_set);
    let newest = revisions.iter().filter(own).max_by_key(|one| one["revision"].as_i64())?;
    let hash = labels(newest).remove(REVISION)?;
    let is_newest = |pod: &Json| labels(pod).get(REVISION) == Some(&hash);
    let mut found: BTreeMap<&str, bool> = BTreeMap::new();
    for pod in pods.iter().filter(own) {
        let Some(node) = node_of(pod) else { continue };
        let done = is_newest(pod) && is_ready(pod) && !is_going(pod);
        *found.entry(node).or_default() |= done;
    }
    let spec = &daemon_set["spec"]["template"]["spec"];
    let off: BTreeMap<String, String> = off(nodes)
        .into_iter()
        // A node that is no longer eligible may still run a pod.
        .filter(|(name, _)| nodes.iter().any(|node| self::name(node) == name && allows(spec, node)))
        .filter(|(name, _)| !found.get(name.as_str()).copied().unwrap_or_default())
        .collect();
    let others_done = found.iter().filter(|(node, _)| !off.contains_key(**node)).all(|(_, done)| *done);
    let done = u64::try_from(found.values().filter(|done| **done).count()).ok()?;
    let missing = u64::try_from(off.len()).ok()?;
    (missing > 0 && others_done && done + missing >= Rollout::of(daemon_set).desired).then_some(off)
}

fn deployment_waits_for(
    deployment: &Json,
    nodes: &[Json],
    pods: &[Json],
    sets: &[Json],
) -> Option<BTreeMap<String, String>> {
    const NUMBER: &str = "deployment.kubernetes.io/revision";
    let generation = |pointer: &str| deployment.pointer(pointer).and_then(Json::as_i64);
    if generation("/metadata/generation") != generation("/status/observedGeneration") {
        return None;
    }
    let runs_somewhere = deployment["status"]["availableReplicas"].as_i64().unwrap_or_default() > 0;
    let number = super::object::annotations(deployment).remove(NUMBER)?;
    let newest = sets
        .iter()
        .find(|set| owned_by_uid(set, deployment) && super::object::annotations(set).get(NUMBER) == Some(&number))?;
    let off = off(nodes);
    let mut needed = BTreeMap::new();
    let mut behind = false;
    for pod in pods.iter().filter(|pod| owned_by_uid(pod, newest) && !is_going(pod) && !is_ready(pod)) {
        behind = true;
        let suits = |name: &str| nodes.iter().any(|node| self::name(node) == name && allows(&pod["spec"], node));
        let of: Vec<(&String, &String)> = match node_of(pod) {
            Some(node) => off.iter().filter(|(name, _)| *name == node).collect(),
            None if runs_somewhere && is_unplaced(pod) => off.iter().filter(|(name, _)| suits(name)).collect(),
            None => Vec::new(),
        };
        if of.is_empty() {
            return None;
        }
        needed.extend(of.into_iter().map(|(name, why)| (name.clone(), why.clone())));
    }
    behind.then_some(needed)
}

/// The node of a pod, even before it is scheduled: pods of DaemonSets are created for one node each.
fn node_of(pod: &Json) -> Option<&str> {
    let placed = pod.pointer("/spec/nodeName").and_then(Json::as_str).filter(|name| !name.is_empty());
    let meant = || {
        pod.pointer("/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms")?
            .as_array()?
            .iter()
            .flat_map(|term| term["matchFields"].as_array().into_iter().flatten())
            .find(|field| field["key"] == "metadata.name")?["values"][0]
            .as_str()
    };
    placed.or_else(meant)
}

fn condition<'p>(pod: &'p Json, kind: &str) -> Option<&'p Json> {
    let conditions = pod.pointer("/status/conditions").and_then(Json::as_array);
    conditions.into_iter().flatten().find(|condition| condition["type"] == kind)
}

fn is_ready(pod: &Json) -> bool {
    condition(pod, "Ready").is_some_and(|ready| ready["status"] == "True")
}

fn is_unplaced(pod: &Json) -> bool {
    condition(pod, "PodScheduled").is_some_and(|placed| placed["status"] == "False")
}

fn is_going(pod: &Json) -> bool {
    pod.pointer("/metadata/deletionTimestamp").is_some()
}

/// What keeps a rollout from reaching the nodes that respond: the nodes that are off use up all of maxUnavailable.
/// Source: Kubernetes, DaemonSet controller, rollingUpdate.
pub(super) fn uses_up(daemon_set: &Json, nodes: &[Json]) -> Option<String> {
    let spec = &daemon_set["spec"]["template"]["spec"];
    let of_its_own: Vec<&Json> = nodes.iter().filter(|node| allows(spec, node)).collect();
    let off = of_its_own.iter().filter(|node| why_off(node).is_some()).count();
    let most = &daemon_set["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"];
    let most = match most.as_str().and_then(|text| text.strip_suffix('%')?.parse::<usize>().ok()) {
        Some(percent) => (of_its_own.len() * percent).div_ceil(100),
        None => usize::try_from(most.as_u64().unwrap_or(1)).unwrap_or(usize::MAX),
    };
    (off > 0 && off >= most).then(|| {
        format!(
            "{off} of its nodes are not reachable, and it may be unavailable on {most} at a time (`updateStrategy.rollingUpdate.maxUnavailable`), so no other node gets a new pod"
        )
    })
}

/// `NODE (why)` for the first few.
#[must_use]
pub fn named(off: &BTreeMap<String, String>) -> String {
    const MOST: usize = 5;
    let mut seen = BTreeSet::new();
    let mut texts: Vec<String> = Vec::new();
    for (node, why) in off.iter().take(MOST) {
        // They usually all have the same reason.
        texts.push(if seen.insert(why) { format!("{node} ({why})") } else { node.clone() });
    }
    if off.len() > MOST {
        texts.push(format!("and {} more", off.len() - MOST));
    }
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GONE: &str = "Kubelet stopped posting node status.";

    fn node(name: &str, status: &str, message: &str) -> Json {
        json!({
            "metadata": { "name": name, "labels": { "type": if name.starts_with('h') { "hybrid" } else { "ec2" } } },
            "status": { "conditions": [{ "type": "Ready", "status": status, "reason": "R", "message": message }] },
        })
    }

    fn pod(node: &str, owner: &str, hash: &str, ready: bool) -> Json {
        json!({
            "metadata": {
                "name": format!("p-{node}-{hash}"), "ownerReferences": [{ "uid": owner }],
                "labels": { "controller-revision-hash": hash },
            },
            "spec": { "nodeName": node },
            "status": { "conditions": [{ "type": "Ready", "status": if ready { "True" } else { "False" } }] },
        })
    }

    #[test]
    fn a_node_without_a_network_is_not_off() {
        for (off, status, message) in [
            (false, "True", "kubelet is posting ready status"),
            (true, "Unknown", GONE),
            (false, "False", "container runtime network not ready: NetworkReady=false"),
            (true, "False", "[container runtime is down, PLEG is not healthy]"),
        ] {
            assert_eq!(why_off(&node("n", status, message)).is_some(), off, "{status} {message}");
        }
        assert_eq!(why_off(&json!({ "metadata": { "name": "new" } })), None, "its kubelet has said nothing yet");
        assert_eq!(why_off(&node("n", "Unknown", GONE)).as_deref(), Some("R: Kubelet stopped posting node status."));
    }

    #[test]
    fn a_daemon_set_waits_for_nodes_that_answer_alone() {
        let set = |desired: u64| {
            json!({
                "metadata": { "uid": "d", "generation": 2 },
                "spec": { "template": { "spec": { "nodeSelector": { "type": "hybrid" } } } },
                "status": { "observedGeneration": 2, "desiredNumberScheduled": desired },
            })
        };
        let revision = |number: i64, hash: &str| {
            json!({
                "revision": number,
                "metadata": { "ownerReferences": [{ "uid": "d" }], "labels": { "controller-revision-hash": hash } },
            })
        };
        let revisions = [revision(1, "old"), revision(2, "new")];
        let up = |name: &str| node(name, "True", "");
        let down = |name: &str| node(name, "Unknown", GONE);
        let going = |node: &str| {
            let mut pod = pod(node, "d", "old", false);
            pod["metadata"]["deletionTimestamp"] = json!("2026-11-30T00:00:00Z");
            pod
        };
        let waiting = json!({
            "metadata": { "ownerReferences": [{ "uid": "d" }], "labels": { "controller-revision-hash": "new" } },
            "spec": { "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{ "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["h2"] }] }] } } } },
        });
        for (expected, desired, nodes, pods) in [
            // The new pod of the host that is off waits for its kubelet, or its old pod waits to terminate.
            (
                Some("h2"),
                2,
                vec![up("h1"), down("h2")],
                vec![pod("h1", "d", "new", true), pod("h2", "d", "new", false)],
            ),
            (Some("h2"), 2, vec![up("h1"), down("h2")], vec![pod("h1", "d", "new", true), going("h2")]),
            (Some("h2"), 2, vec![up("h1"), down("h2")], vec![pod("h1", "d", "new", true), waiting]),
            // A node that responds is not done.
            (None, 2, vec![up("h1"), down("h2")], vec![pod("h1", "d", "old", true), going("h2")]),
            (None, 2, vec![up("h1"), down("h2")], vec![pod("h1", "d", "new", false), going("h2")]),
            (None, 3, vec![up("h1"), down("h2"), up("h3")], vec![pod("h1", "d", "new", true), going("h2")]),
            // Everything is available, or the host that is off is not eligible.
            (None, 1, vec![up("h1"), down("e2")], vec![pod("h1", "d", "new", false)]),
            (None, 2, vec![up("h1"), up("h2")], vec![pod("h1", "d", "new", true), going("h2")]),
            // The pod belongs to another DaemonSet with the same label.
            (None, 2, vec![up("h1"), down("h2")], vec![pod("h1", "other", "new", true), going("h2")]),
            // It went off after its pod was ready: nothing is missing there, but elsewhere.
            (None, 2, vec![up("h1"), down("h2")], vec![pod("h1", "d", "old", true), pod("h2", "d", "new", true)]),
        ] {
            let found = daemon_set_waits_for(&set(desired), &nodes, &pods, &revisions);
            let names = found.map(|off| off.into_keys().collect::<Vec<_>>().join(","));
            assert_eq!(names.as_deref(), expected, "{pods:?}");
        }
    }

    #[test]
    fn a_deployment_needs_a_node_that_is_off() {
        let deployment = |available: i64| {
            json!({
                "metadata": { "uid": "o", "generation": 1, "annotations": { "deployment.kubernetes.io/revision": "2" } },
                "status": { "observedGeneration": 1, "availableReplicas": available },
            })
        };
        let set = |uid: &str, number: &str| {
            json!({ "metadata": {
            "uid": uid, "ownerReferences": [{ "uid": "o" }], "annotations": { "deployment.kubernetes.io/revision": number },
        } })
        };
        let sets = [set("old", "1"), set("new", "2")];
        let nodes = [node("h1", "True", ""), node("h2", "Unknown", GONE)];
        let unplaced = |kind: &str| {
            json!({
                "metadata": { "ownerReferences": [{ "uid": "new" }] }, "spec": { "nodeSelector": { "type": kind } },
                "status": { "conditions": [{ "type": "PodScheduled", "status": "False", "reason": "Unschedulable" }] },
            })
        };
        let ready = || pod("h1", "new", "x", true);
        for (expected, available, pods) in [
            (Some("h2"), 1, vec![ready(), unplaced("hybrid")]),
            (Some("h2"), 1, vec![ready(), pod("h2", "new", "x", false)]),
            // The node that is off would not help this pod.
            (None, 1, vec![ready(), unplaced("ec2")]),
            (None, 1, vec![ready(), pod("h1", "new", "x", false)]),
            (None, 1, vec![ready()]),
            // Nothing runs at all: why a pod is not bound is unknown, but a bound one waits for its node alone.
            (None, 0, vec![unplaced("hybrid")]),
            (Some("h2"), 0, vec![pod("h2", "new", "x", false)]),
            (None, 0, vec![pod("h2", "new", "x", false), pod("h1", "new", "x", false)]),
            (None, 0, vec![pod("h2", "new", "x", false), unplaced("hybrid")]),
        ] {
            let found = deployment_waits_for(&deployment(available), &nodes, &pods, &sets);
            let names = found.map(|off| off.into_keys().collect::<Vec<_>>().join(","));
            assert_eq!(names.as_deref(), expected, "{pods:?}");
        }
    }

    #[test]
    fn nodes_that_are_off_use_up_what_may_be_unavailable() {
        let set = |most: Json| {
            json!({ "spec": {
            "updateStrategy": { "rollingUpdate": { "maxUnavailable": most } },
            "template": { "spec": { "nodeSelector": { "type": "hybrid" } } },
        } })
        };
        let nodes =
            [node("h1", "True", ""), node("h2", "Unknown", GONE), node("h3", "True", ""), node("e1", "Unknown", GONE)];
        for (used_up, most) in
            [(true, json!(1)), (false, json!(2)), (true, Json::Null), (true, json!("10%")), (false, json!("50%"))]
        {
            assert_eq!(uses_up(&set(most.clone()), &nodes).is_some(), used_up, "{most}");
        }
        assert_eq!(uses_up(&set(json!(1)), &nodes[..1]), None);
    }

    #[test]
    fn nodes_are_named_once_with_their_reason() {
        let off: BTreeMap<String, String> = (1..8).map(|number| (format!("h{number}"), GONE.to_owned())).collect();
        assert_eq!(named(&off), format!("h1 ({GONE}), h2, h3, h4, h5, and 2 more"));
    }
}
