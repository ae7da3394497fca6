//! Which pods a drain evicts, which it skips, and which it must not evict without being asked to.
//!
//! The rules are those of `kubectl drain --ignore-daemonsets`. Source: kubectl, pkg/drain/filters.go.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::DrainOptions;
use crate::kube::object::{annotations, name};

/// The annotation of a mirror pod: the kubelet's own report of a static pod.
const MIRROR: &str = "kubernetes.io/config.mirror";
/// The taint of a cordoned node.
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// A pod by name. Displays as `NAMESPACE/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl PodName {
    pub(super) fn of(pod: &Json) -> Self {
        let namespace = pod.pointer("/metadata/namespace").and_then(Json::as_str).unwrap_or_default();
        Self { namespace: namespace.to_owned(), name: name(pod).to_owned() }
    }
}

impl fmt::Display for PodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Why a pod stays on the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// A DaemonSet owns it, which would create it again at once.
    DaemonSet,
    /// It mirrors a static pod, which only the host itself can remove.
    Mirror,
    /// It has been terminating for longer than the drain is to wait.
    Terminating,
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DaemonSet => "owned by a DaemonSet",
            Self::Mirror => "mirror pod of a static pod",
            Self::Terminating => "terminating for too long to wait for it",
        })
    }
}

/// Why a pod must not be evicted without being asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// No controller owns it, so nothing creates it again.
    Unmanaged,
    /// It has an emptyDir volume, whose data would be lost.
    EmptyDir,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unmanaged => "no controller owns it, so nothing creates it again (`force` evicts it)",
            Self::EmptyDir => "it has an emptyDir volume, whose data would be lost (`delete_emptydir_data` evicts it)",
        })
    }
}

/// What a drain does with a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Evict,
    Skip(Skip),
    Refuse(Refusal),
}

pub(super) fn classify(pod: &Json, options: &DrainOptions, now: Timestamp) -> Class {
    if options.skip_wait_for_delete.is_some_and(|limit| has_terminated_for(pod, limit, now)) {
        return Class::Skip(Skip::Terminating);
    }
    let has_ended = matches!(pod.pointer("/status/phase").and_then(Json::as_str), Some("Succeeded" | "Failed"));
    let controller = controller(pod);
    if !has_ended && controller.is_some_and(|owner| owner["kind"] == "DaemonSet") {
        return Class::Skip(Skip::DaemonSet);
    }
    if annotations(pod).contains_key(MIRROR) {
        return Class::Skip(Skip::Mirror);
    }
    // Evicting an ended pod loses nothing that still runs, and one that is terminating already goes in any case.
    if has_ended || deletion(pod).is_some() {
        return Class::Evict;
    }
    let mut volumes = pod.pointer("/spec/volumes").and_then(Json::as_array).into_iter().flatten();
    if !options.delete_emptydir_data && volumes.any(|volume| !volume["emptyDir"].is_null()) {
        return Class::Refuse(Refusal::EmptyDir);
    }
    if controller.is_none() && !options.force {
        return Class::Refuse(Refusal::Unmanaged);
    }
    Class::Evict
}

fn controller(pod: &Json) -> Option<&Json> {
    let owners = pod.pointer("/metadata/ownerReferences").and_then(Json::as_array);
    owners.into_iter().flatten().find(|owner| owner["controller"] == true)
}

/// When the pod's grace period ends or ended; `None` unless it is terminating.
pub(super) fn deletion(pod: &Json) -> Option<&str> {
    pod.pointer("/metadata/deletionTimestamp").and_then(Json::as_str)
}

fn has_terminated_for(pod: &Json, limit: Duration, now: Timestamp) -> bool {
    let since = deletion(pod).and_then(|text| text.parse::<Timestamp>().ok());
    since.is_some_and(|since| Duration::try_from(now.duration_since(since)).is_ok_and(|passed| passed > limit))
}

/// Whether the pod may be scheduled to a cordoned node, so that evicting it would go on for ever.
pub(super) fn tolerates_cordon(pod: &Json) -> bool {
    let tolerations = pod.pointer("/spec/tolerations").and_then(Json::as_array).into_iter().flatten();
    tolerations.into_iter().any(|toleration| {
        let text = |member: &str| toleration[member].as_str().unwrap_or_default();
        (text("key") == UNSCHEDULABLE || (text("key").is_empty() && text("operator") == "Exists"))
            && matches!(text("effect"), "" | "NoSchedule")
    })
}

/// Why a pod that was evicted still exists.
pub(super) fn why_terminating(pod: &Json) -> String {
    let finalizers = pod.pointer("/metadata/finalizers").and_then(Json::as_array).into_iter().flatten();
    let finalizers: Vec<String> = finalizers.filter_map(Json::as_str).map(|name| format!("`{name}`")).collect();
    let held = match finalizers.as_slice() {
        [] => String::new(),
        [one] => format!("; its finalizer {one} holds it"),
        many => format!("; its finalizers {} hold it", many.join(", ")),
    };
    format!("terminating, with a grace period until {}{held}", deletion(pod).unwrap_or("an unknown time"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(owner: Option<&str>, more: &Json) -> Json {
        let mut pod =
            json!({ "metadata": { "namespace": "n", "name": "p" }, "spec": {}, "status": { "phase": "Running" } });
        if let Some(kind) = owner {
            pod["metadata"]["ownerReferences"] = json!([{ "kind": "Node" }, { "kind": kind, "controller": true }]);
        }
        for (pointer, value) in more.as_object().into_iter().flatten() {
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            pod.pointer_mut(parent).unwrap()[member] = value.clone();
        }
        pod
    }

    #[test]
    fn pods_by_kubectls_rules() {
        let now: Timestamp = "2026-11-30T12:00:00Z".parse().unwrap();
        let none = DrainOptions::default();
        let forced = DrainOptions { force: true, ..none.clone() };
        let emptied = DrainOptions { delete_emptydir_data: true, ..none.clone() };
        let impatient = DrainOptions { skip_wait_for_delete: Some(Duration::from_mins(1)), ..none.clone() };
        let scratch = json!({ "/spec/volumes": [{ "name": "a", "configMap": {} }, { "name": "b", "emptyDir": {} }] });
        let ended = json!({ "/status/phase": "Succeeded", "/spec/volumes": [{ "name": "b", "emptyDir": {} }] });
        let since = |time: &str| json!({ "/metadata/deletionTimestamp": time });
        for (class, pod, options) in [
            (Class::Evict, pod(Some("ReplicaSet"), &json!({})), &none),
            (Class::Refuse(Refusal::Unmanaged), pod(None, &json!({})), &none),
            (Class::Evict, pod(None, &json!({})), &forced),
            (Class::Skip(Skip::DaemonSet), pod(Some("DaemonSet"), &json!({})), &forced),
            (Class::Evict, pod(Some("DaemonSet"), &json!({ "/status/phase": "Failed" })), &none),
            (
                Class::Skip(Skip::Mirror),
                pod(Some("Node"), &json!({ "/metadata/annotations": { MIRROR: "x" } })),
                &forced,
            ),
            (Class::Refuse(Refusal::EmptyDir), pod(Some("ReplicaSet"), &scratch), &forced),
            (Class::Evict, pod(Some("ReplicaSet"), &scratch), &emptied),
            (Class::Evict, pod(None, &ended), &none),
            (Class::Evict, pod(None, &since("2026-11-30T11:58:00Z")), &none),
            (Class::Skip(Skip::Terminating), pod(None, &since("2026-11-30T11:58:00Z")), &impatient),
            (Class::Evict, pod(None, &since("2026-11-30T11:59:30Z")), &impatient),
        ] {
            assert_eq!(classify(&pod, options, now), class, "{pod} {options:?}");
        }
    }

    #[test]
    fn who_comes_back_to_a_cordoned_node() {
        for (comes, toleration) in [
            (true, json!({ "operator": "Exists" })),
            (true, json!({ "key": UNSCHEDULABLE, "effect": "NoSchedule" })),
            (false, json!({ "key": UNSCHEDULABLE, "effect": "NoExecute" })),
            (false, json!({ "key": "node.kubernetes.io/not-ready", "operator": "Exists" })),
        ] {
            assert_eq!(tolerates_cordon(&json!({ "spec": { "tolerations": [toleration] } })), comes, "{toleration}");
        }
        assert!(!tolerates_cordon(&json!({})));
    }

    #[test]
    fn what_holds_a_pod() {
        let pod = |finalizers: &[&str]| json!({ "metadata": { "deletionTimestamp": "T", "finalizers": finalizers } });
        let until = "terminating, with a grace period until T";
        assert_eq!(why_terminating(&pod(&[])), until);
        assert_eq!(why_terminating(&pod(&["a/b"])), format!("{until}; its finalizer `a/b` holds it"));
        assert_eq!(why_terminating(&pod(&["a", "b"])), format!("{until}; its finalizers `a`, `b` hold it"));
    }
}
