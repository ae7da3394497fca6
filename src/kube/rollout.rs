//! DaemonSet rollouts: the progress of each, and what its pods report if it stalls.

use std::fmt;

use serde_json::Value as Json;

use super::client::Client;
use super::error::Result;
use super::object::Resource;
use super::pod::Trouble;

/// How far a DaemonSet's newest specification is rolled out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rollout {
    /// The controller has seen the newest specification.
    pub observed: bool,
    /// Nodes that should run a pod.
    pub desired: u64,
    /// Nodes whose pod has the newest specification.
    pub updated: u64,
    /// Nodes whose pod is available.
    pub available: u64,
}

impl Rollout {
    /// Reads the status of a DaemonSet. Source: Kubernetes API reference, DaemonSetStatus.
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

    /// Whether every node that should run it runs the newest specification. Without nodes, there is nothing to wait
    /// for.
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

impl Client {
    /// What keeps the pods that match `selector` from being ready; empty if all are.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn troubles(&self, namespace: &str, selector: &str) -> Result<Vec<Trouble>> {
        let mut found = Vec::new();
        self.pages(&Resource::POD, Some(namespace), Some(selector), |pod| found.extend(Trouble::of(&pod))).await?;
        Ok(found)
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
}
