//! Ends of pods. Nothing is executed on nodes that kwok simulates, so a pod runs until it is deleted; here it can be
//! given the end that its program would have had: an exit code and a termination message.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{api::Content, cluster::ControlPlane};
use crate::moment::Moment;

/// Pause between two polls of the running pods.
const BETWEEN: Duration = Duration::from_millis(150);

/// Body of `POST …/pods`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Pods with all of these labels.
    labels: BTreeMap<String, String>,
    /// Only those of this node.
    node: Option<String>,
    #[serde(default)]
    exit_code: i32,
    #[serde(default)]
    message: String,
}

/// The ends that the pods of a cluster meet; of those that fit, the latest.
#[derive(Default)]
pub struct Ends(Mutex<Vec<End>>);

impl End {
    /// Whether it selects any pods.
    pub fn selects(&self) -> bool {
        !self.labels.is_empty()
    }
}

impl Ends {
    fn all(&self) -> MutexGuard<'_, Vec<End>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn clear(&self) {
        self.all().clear();
    }

    fn of(&self, pod: &Value) -> Option<End> {
        let fits = |end: &&End| {
            end.node.as_deref().is_none_or(|node| pod["spec"]["nodeName"] == node)
                && end.labels.iter().all(|(key, value)| pod["metadata"]["labels"][key] == value.as_str())
        };
        self.all().iter().rev().find(fits).cloned()
    }
}

/// Adds an end. From then on, running pods are looked at for as long as there is one.
pub fn add(plane: &Arc<ControlPlane>, end: End) {
    let is_first = {
        let mut all = plane.ends.all();
        all.push(end);
        all.len() == 1
    };
    if is_first {
        let plane = Arc::downgrade(plane);
        tokio::spawn(async move {
            while look(&plane).await {
                tokio::time::sleep(BETWEEN).await;
            }
        });
    }
}

/// One poll; whether there is another.
async fn look(plane: &Weak<ControlPlane>) -> bool {
    let Some(plane) = plane.upgrade() else { return false };
    if plane.ends.all().is_empty() {
        return false;
    }
    // The API server may be down for a while: the next poll will tell.
    let Ok(pods) = plane.api.get("/api/v1/pods?fieldSelector=status.phase%3DRunning").await else { return true };
    for pod in pods["items"].as_array().into_iter().flatten() {
        let on = pod["spec"]["nodeName"].as_str().unwrap_or_default();
        if !pod["metadata"]["deletionTimestamp"].is_null() || !plane.network.is_simulated(on) {
            continue;
        }
        if let Some(end) = plane.ends.of(pod) {
            let text = |name: &str| pod["metadata"][name].as_str().unwrap_or_default();
            let path = format!("/api/v1/namespaces/{}/pods/{}/status", text("namespace"), text("name"));
            // A pod that was deleted meanwhile has no end.
            let _ = plane.api.exchange("PATCH", &path, Some((Content::StrategicMergePatch, &ended(pod, &end)))).await;
        }
    }
    true
}

/// The status of a pod after its containers have ended, as a kubelet reports it.
fn ended(pod: &Value, end: &End) -> Value {
    let (phase, reason) = if end.exit_code == 0 { ("Succeeded", "Completed") } else { ("Failed", "Error") };
    let now = Moment::now().iso();
    let containers = pod["status"]["containerStatuses"].as_array().into_iter().flatten().map(|container| {
        let mut container = container.clone();
        let mut terminated = json!({
            "exitCode": end.exit_code, "reason": reason,
            "startedAt": container["state"]["running"]["startedAt"], "finishedAt": now,
        });
        if !end.message.is_empty() {
            // A kubelet keeps the first 4096 bytes.
            terminated["message"] = end.message.chars().take(4096).collect::<String>().into();
        }
        container["ready"] = false.into();
        container["started"] = false.into();
        container["state"] = json!({"terminated": terminated});
        container
    });
    let condition = |kind: &str| {
        let reason = if end.exit_code == 0 { "PodCompleted" } else { "PodFailed" };
        json!({"type": kind, "status": "False", "reason": reason, "lastTransitionTime": now})
    };
    json!({"status": {
        "phase": phase, "containerStatuses": containers.collect::<Vec<_>>(),
        "conditions": [condition("Ready"), condition("ContainersReady")],
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_end_that_fits_is_met() {
        let end = |node: Option<&str>, message: &str| End {
            labels: [("app".to_owned(), "a".to_owned())].into(),
            node: node.map(str::to_owned),
            exit_code: 0,
            message: message.to_owned(),
        };
        let ends = Ends(Mutex::new(vec![end(None, "all"), end(Some("n1"), "one")]));
        let pod = |app: &str, node: &str| json!({"metadata": {"labels": {"app": app}}, "spec": {"nodeName": node}});
        let message = |pod: Value| ends.of(&pod).map(|end| end.message);
        assert_eq!(message(pod("a", "n1")).as_deref(), Some("one"));
        assert_eq!(message(pod("a", "n2")).as_deref(), Some("all"));
        assert_eq!(message(pod("b", "n1")), None);
    }
}
