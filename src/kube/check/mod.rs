//! Checks the network of a cluster from inside: a pod on each node answers, and another one on each node asks them all,
//! a service, the NodePort of every node, the cluster's DNS and the API server.
//!
//! The answers come back as termination messages, which the API server holds: neither `exec` nor logs are used, so the
//! check works where the API server cannot reach kubelets. All objects have the label [`LABEL`] with the run's own
//! value, and the pods are owned by the service, so that deleting it deletes them too.
//!
//! [`objects`] has what is created, [`answers`] what comes back, [`run`] the work.

mod answers;
mod objects;
mod run;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

pub use self::answers::{Answer, Answers};
use super::node::{Node, Taint};

/// Label of every object of a check. Its value names the run.
pub const LABEL: &str = "ekshybrid/network-check";
/// The image that is used by default: the shell, server and client are busybox's. From Amazon ECR Public, which has
/// all platforms and does not limit nodes in AWS as Docker Hub does.
pub const IMAGE: &str = "public.ecr.aws/docker/library/busybox:1.37.0";
/// The most nodes of a check: the number of pairs is the square.
pub const MOST_NODES: usize = 200;

/// What is checked, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckOptions {
    /// Label selector of the nodes. `None`: all nodes.
    pub selector: Option<String>,
    /// Namespace of the pods.
    pub namespace: String,
    /// Image of the pods.
    pub image: String,
    /// Secrets with which the image is pulled.
    pub image_pull_secrets: Vec<String>,
    /// Taints that the pods tolerate.
    pub tolerations: Vec<Toleration>,
    /// How long the check may take.
    pub timeout: Duration,
}

/// A toleration. The words are those of Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toleration {
    /// Key of the taints; `None` tolerates every key.
    pub key: Option<String>,
    /// Value of the taints; `None` tolerates every value.
    pub value: Option<String>,
    /// Effect of the taints; `None` tolerates every effect.
    pub effect: Option<String>,
}

impl Toleration {
    fn covers(&self, taint: &Taint) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        is(&self.key, &taint.key)
            && is(&self.value, taint.value.as_deref().unwrap_or_default())
            && is(&self.effect, &taint.effect)
    }
}

/// How far a check is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckStep {
    /// These nodes are checked, and those are not, each with the reason.
    Chosen {
        /// Number of nodes that are checked.
        nodes: usize,
        /// Nodes that are not.
        skipped: BTreeMap<String, String>,
    },
    /// This many of the pods that answer are running.
    Serving {
        /// Pods that run.
        running: usize,
        /// Pods in all.
        of: usize,
    },
    /// This many of the pods that ask have finished.
    Asking {
        /// Pods that have finished.
        finished: usize,
        /// Pods in all.
        of: usize,
    },
    /// The objects of the check were deleted.
    CleanedUp,
}

impl fmt::Display for CheckStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen { nodes, skipped } => {
                write!(f, "Checking {nodes} nodes")?;
                skipped.iter().try_for_each(|(node, why)| write!(f, "; skipping {node}: {why}"))
            }
            Self::Serving { running, of } => write!(f, "{running} of {of} pods are running"),
            Self::Asking { finished, of } => write!(f, "{finished} of {of} nodes have finished their checks"),
            Self::CleanedUp => f.write_str("Pods and service were deleted"),
        }
    }
}

/// The outcome of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// It was made.
    Done(CheckReport),
    /// None of the selected nodes can be checked, each for this reason.
    NoNode(BTreeMap<String, String>),
    /// More than [`MOST_NODES`] nodes are selected.
    TooMany(usize),
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// The nodes that were checked, by name.
    pub nodes: Vec<Checked>,
    /// Selected nodes that were not checked, and why.
    pub skipped: BTreeMap<String, String>,
    /// The port that was checked on every node.
    pub node_port: u16,
}

/// One node of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Name of the node.
    pub node: String,
    /// Address of the pod that answers on it, if one started.
    pub pod_address: Option<String>,
    /// What the pod that asks saw, or why there is no answer.
    pub outcome: Outcome,
}

/// What became of a node's pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What the pod that asks saw.
    Answers(Answers),
    /// A pod did not start, and why.
    NotStarted(String),
    /// The pod that asks did not finish, and why.
    NotFinished(String),
}

/// Taints that go away on their own soon after a node has become Ready: its pods wait for that.
const PASSING: [&str; 3] = [
    "node.kubernetes.io/not-ready",
    "node.cilium.io/agent-not-ready",
    "node.cloudprovider.kubernetes.io/uninitialized",
];

/// Why a node cannot be checked; `None` if it can.
fn obstacle(node: &Node, tolerations: &[Toleration]) -> Option<String> {
    if !node.ready {
        return Some(format!("it is not Ready ({})", node.trouble.as_deref().unwrap_or("no reason is given")));
    }
    if node.labels.get("kubernetes.io/os").is_some_and(|system| system != "linux") {
        return Some("it does not run Linux".to_owned());
    }
    let repels = |taint: &&Taint| {
        (taint.effect == "NoSchedule" || taint.effect == "NoExecute") && !PASSING.contains(&taint.key.as_str())
    };
    let mut taints = node.taints.iter().filter(repels);
    let taint = taints.find(|taint| !tolerations.iter().any(|toleration| toleration.covers(taint)));
    if let Some(Taint { key, value, effect }) = taint {
        if key == "node.kubernetes.io/unschedulable" {
            return Some("it is cordoned".to_owned());
        }
        let value = value.as_deref().filter(|value| !value.is_empty()).map(|value| format!("={value}"));
        return Some(format!("it has the taint {key}{}:{effect}", value.unwrap_or_default()));
    }
    // The taint of a cordon follows the cordon.
    let tolerates_cordon = || {
        let taint =
            Taint { key: "node.kubernetes.io/unschedulable".to_owned(), value: None, effect: "NoSchedule".to_owned() };
        tolerations.iter().any(|toleration| toleration.covers(&taint))
    };
    (node.unschedulable && !tolerates_cordon()).then(|| "it is cordoned".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taint(key: &str, value: &str, effect: &str) -> Taint {
        Taint {
            key: key.to_owned(),
            value: Some(value.to_owned()).filter(|it| !it.is_empty()),
            effect: effect.to_owned(),
        }
    }

    #[test]
    fn only_nodes_on_which_pods_can_start_are_checked() {
        let ready = Node { name: "n".to_owned(), ready: true, ..Node::default() };
        let tainted = |taint: Taint| Node { taints: vec![taint], ..ready.clone() };
        let gpu = Toleration { key: Some("gpu".to_owned()), ..Toleration::default() };
        let all = Toleration::default();
        let windows = [("kubernetes.io/os".to_owned(), "windows".to_owned())].into();
        for (node, tolerations, expected) in [
            (ready.clone(), vec![], None),
            (
                Node { ready: false, trouble: Some("KubeletNotReady: no network".to_owned()), ..ready.clone() },
                vec![all.clone()],
                Some("it is not Ready (KubeletNotReady: no network)"),
            ),
            (Node { labels: windows, ..ready.clone() }, vec![], Some("it does not run Linux")),
            (Node { unschedulable: true, ..ready.clone() }, vec![gpu.clone()], Some("it is cordoned")),
            (Node { unschedulable: true, ..ready.clone() }, vec![all], None),
            (tainted(taint("node.kubernetes.io/unschedulable", "", "NoSchedule")), vec![], Some("it is cordoned")),
            (tainted(taint("gpu", "yes", "NoSchedule")), vec![], Some("it has the taint gpu=yes:NoSchedule")),
            (tainted(taint("gpu", "yes", "NoSchedule")), vec![gpu.clone()], None),
            (tainted(taint("gpu", "", "PreferNoSchedule")), vec![], None),
            (tainted(taint("node.cilium.io/agent-not-ready", "", "NoExecute")), vec![], None),
            (
                tainted(taint("gpu", "yes", "NoExecute")),
                vec![Toleration { effect: Some("NoSchedule".to_owned()), ..gpu.clone() }],
                Some("it has the taint gpu=yes:NoExecute"),
            ),
            (
                tainted(taint("gpu", "yes", "NoSchedule")),
                vec![Toleration { value: Some("no".to_owned()), ..gpu }],
                Some("it has the taint gpu=yes:NoSchedule"),
            ),
        ] {
            assert_eq!(obstacle(&node, &tolerations).as_deref(), expected, "{node:?}");
        }
    }
}
