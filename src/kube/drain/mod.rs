//! Draining a node: it is cordoned, its pods are evicted within their PodDisruptionBudgets, and the drain ends when
//! they are gone.
//!
//! Nothing is polled: pods, budgets and the node itself are watched ([`super::watch`]), so an eviction that a budget
//! refused is repeated when the budget allows one. [`pods`] has the rules, [`run`] the work.

mod budgets;
mod pods;
mod run;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use self::pods::{Class, classify};
pub use self::pods::{PodName, Refusal, Skip};
use super::client::Client;
use super::error::{Attempt, Kind, Result, Verb};
use super::object::Resource;
use super::watch::Seen;

/// What a drain may do. The words are kubectl's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrainOptions {
    /// Evict pods that no controller owns: nothing creates them again.
    pub force: bool,
    /// Evict pods with emptyDir volumes: their data is lost.
    pub delete_emptydir_data: bool,
    /// Grace period of the pods. `None`: each pod's own.
    pub grace_period_seconds: Option<u32>,
    /// Do not wait for pods that have been terminating for longer than this, such as those of a host that is off.
    pub skip_wait_for_delete: Option<Duration>,
}

/// The outcome of making a node schedulable or unschedulable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cordon {
    /// It was changed.
    Done,
    /// It was like that before.
    Already,
    /// The node does not exist.
    NodeGone,
}

/// What a drain would do with each pod of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrainPlan {
    /// It evicts these.
    pub evict: Vec<PodName>,
    /// It leaves these on the node.
    pub skipped: Vec<(PodName, Skip)>,
    /// It does nothing while these are on the node.
    pub refused: Vec<(PodName, Refusal)>,
}

impl DrainPlan {
    fn of<'a>(pods: impl IntoIterator<Item = &'a Json>, options: &DrainOptions) -> Self {
        let (mut plan, now) = (Self::default(), Timestamp::now());
        for pod in pods {
            let name = PodName::of(pod);
            match classify(pod, options, now) {
                Class::Evict => plan.evict.push(name),
                Class::Skip(why) => plan.skipped.push((name, why)),
                Class::Refuse(why) => plan.refused.push((name, why)),
            }
        }
        plan
    }
}

/// A step of a drain, for whoever follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DrainStep {
    /// The node was cordoned.
    Cordoned,
    /// What is on the node.
    Planned {
        /// Number of pods to evict.
        evict: usize,
        /// Pods that stay on the node.
        skipped: Vec<(PodName, Skip)>,
    },
    /// The API server accepted the eviction of a pod.
    Evicted(PodName),
    /// A pod cannot be evicted now; it is tried again.
    Blocked {
        /// The pod.
        pod: PodName,
        /// What the API server says.
        why: String,
    },
    /// A pod is gone.
    Gone {
        /// The pod.
        pod: PodName,
        /// Number of pods that are still to go.
        left: usize,
    },
}

impl fmt::Display for DrainStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cordoned => f.write_str("cordoned"),
            Self::Planned { evict, skipped } => {
                write!(f, "{evict} pods to evict")?;
                skipped.iter().try_for_each(|(pod, why)| write!(f, "; skips {pod}, {why}"))
            }
            Self::Evicted(pod) => write!(f, "evicted pod {pod}"),
            Self::Blocked { pod, why } => write!(f, "pod {pod} has to wait: {why}"),
            Self::Gone { pod, left } => write!(f, "pod {pod} is gone, {left} left"),
        }
    }
}

/// A pod that a drain could not remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// The pod.
    pub pod: PodName,
    /// What keeps it.
    pub why: String,
}

impl fmt::Display for Remaining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pod {}: {}", self.pod, self.why)
    }
}

/// The outcome of a drain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drain {
    /// Only pods that are skipped are left on the node.
    Done {
        /// Pods that were on the node and are gone.
        evicted: usize,
        /// Whether this drain cordoned the node.
        cordoned: Cordon,
    },
    /// The node does not exist, or was deleted meanwhile.
    NodeGone,
    /// Pods that the options do not allow to evict. None of them was evicted.
    Refused {
        /// The pods.
        pods: Vec<(PodName, Refusal)>,
        /// Whether this drain cordoned the node; `None` if it did not try, and nothing was changed.
        cordoned: Option<Cordon>,
    },
    /// The node was made schedulable during the drain, and these pods were left on it.
    Uncordoned(Vec<Remaining>),
    /// The time is over; these pods are left on the node, which stays cordoned.
    TimedOut(Vec<Remaining>),
}

impl Client {
    /// Makes a node unschedulable: no new pods come to it, and those that run stay.
    ///
    /// # Errors
    /// Those of the requests.
    pub async fn cordon(&self, node: &str) -> Result<Cordon> {
        self.set_unschedulable(node, true).await
    }

    /// Makes a node schedulable again.
    ///
    /// # Errors
    /// Those of the requests.
    pub async fn uncordon(&self, node: &str) -> Result<Cordon> {
        self.set_unschedulable(node, false).await
    }

    async fn set_unschedulable(&self, node: &str, unschedulable: bool) -> Result<Cordon> {
        let Some(object) = self.get(&Resource::NODE, None, node).await? else { return Ok(Cordon::NodeGone) };
        if is_unschedulable(&object) == unschedulable {
            return Ok(Cordon::Already);
        }
        let value = if unschedulable { json!(true) } else { Json::Null };
        match self.merge(&Resource::NODE, None, node, json!({ "spec": { "unschedulable": value } })).await {
            Err(error) if *error.kind() == Kind::NotFound => Ok(Cordon::NodeGone),
            changed => changed.map(|_| Cordon::Done),
        }
    }

    /// What a drain of a node would do now. Changes nothing.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn pods_to_drain(&self, node: &str, options: &DrainOptions) -> Result<DrainPlan> {
        use futures::StreamExt as _;
        let mut pods = self.watched(&Resource::POD, Some(on_node(node)));
        // The first of a watch is the whole listing.
        match pods.next().await {
            Some(Ok(Seen::All(pods))) => Ok(DrainPlan::of(&pods, options)),
            Some(Err(error)) => Err(error),
            Some(Ok(_)) | None => Ok(DrainPlan::default()),
        }
    }

    /// Cordons a node if it is not, evicts its pods, and returns when they are gone, at the latest after `timeout`.
    /// `report` is called with each step.
    ///
    /// The caller needs, in the core group, `get`, `list`, `watch` and `patch` on nodes, `list` and `watch` on pods and
    /// `create` on pods/eviction, and `list` and `watch` on poddisruptionbudgets in group policy. Without the last
    /// two, evictions that a budget refused are repeated every few seconds.
    ///
    /// # Errors
    /// Those of the requests; [`Kind::Cancelled`] if Terraform asked to stop.
    pub async fn drain(
        &self,
        node: &str,
        options: &DrainOptions,
        timeout: Duration,
        report: &(dyn Fn(DrainStep) + Send + Sync),
    ) -> Result<Drain> {
        let deadline = tokio::time::Instant::now().checked_add(timeout);
        // Refused before anything is changed where that can be known by now.
        let plan = self.pods_to_drain(node, options).await?;
        if !plan.refused.is_empty() {
            return Ok(Drain::Refused { pods: plan.refused, cordoned: None });
        }
        let cordoned = self.cordon(node).await?;
        match cordoned {
            Cordon::NodeGone => return Ok(Drain::NodeGone),
            Cordon::Done => report(DrainStep::Cordoned),
            Cordon::Already => {}
        }
        run::Run::new(self, node, options, cordoned, report).until(deadline).await
    }
}

fn is_unschedulable(node: &Json) -> bool {
    node.pointer("/spec/unschedulable").and_then(Json::as_bool).unwrap_or(false)
}

fn on_node(node: &str) -> String {
    format!("spec.nodeName={node}")
}

/// What a drain attempts when it sends nothing.
fn waiting(node: &str) -> Attempt {
    Attempt::new(Verb::Wait, format!("for the pods of {}", Resource::NODE.told(None, node)))
}
