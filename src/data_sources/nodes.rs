//! `ekshybrid_nodes`: the nodes of a cluster, waited for until enough of them are Ready.

use std::collections::BTreeMap;
use std::time::Duration;

use framework::data_source::DataSource;
use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Bounded, Model, Span};
use framework::path::Path;
use framework::wait::{self, Seen, Wait};

use crate::attributes::cluster::{Reached, connect, reach, told};
use crate::attributes::place::Place;
use crate::attributes::{ClusterName, ReadTimeouts, Region, labels};
use crate::kube;
use crate::provider::{Clients, Context};

/// How long Ready nodes are waited for when nothing is said.
const READY_TIMEOUT: Duration = Duration::from_mins(10);
/// As many nodes are told by name while they are waited for.
const MOST_TOLD: usize = 8;

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    pub cluster_name: Option<ClusterName>,
    /// Only nodes with all of these labels, such as `"eks.amazonaws.com/compute-type" = "hybrid"`.
    pub match_labels: Option<BTreeMap<String, String>>,
    /// Only nodes that this label selector chooses, in the words of `kubectl -l`, such as `zone in (a, d),!spot`.
    /// Counts together with `match_labels`.
    pub selector: Option<String>,
    /// Wait until so many of these nodes are Ready. Default: do not wait.
    pub wait_for_ready: Option<Bounded<1, 100_000>>,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
    /// `read` is how long `wait_for_ready` waits; default: `10m`.
    pub timeouts: Option<ReadTimeouts>,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Name of the cluster.
    pub cluster_name: ClusterName,
    /// Region of the cluster.
    pub region: Region,
    /// The nodes, in the order of their names.
    pub nodes: Vec<Node>,
    /// Their names.
    pub names: Vec<String>,
    /// How many of them are Ready.
    pub ready_count: i64,
}

/// One node.
#[derive(Clone, Debug, Model)]
pub struct Node {
    /// Name of the node.
    pub name: String,
    /// Kubelet reports that it can take pods.
    pub ready: bool,
    /// Why it is not ready, in kubelet's own words. Null when it is.
    pub not_ready_reason: Option<String>,
    /// It is cordoned: no new pods are placed on it.
    pub unschedulable: bool,
    /// Internal address.
    pub internal_ip: Option<String>,
    /// Availability zone, by the label `topology.kubernetes.io/zone`.
    pub zone: Option<String>,
    /// EC2 instance type, by the label `node.kubernetes.io/instance-type`.
    pub instance_type: Option<String>,
    /// Provider id: `aws:///ZONE/i-…`, or `eks-hybrid:///REGION/CLUSTER/mi-…`.
    pub provider_id: Option<String>,
    /// Id of the EC2 instance (`i-…`) or of the managed instance (`mi-…`).
    pub instance_id: Option<String>,
    /// By the label `eks.amazonaws.com/compute-type`: `hybrid`, `fargate`, `auto` …; null on most EC2 nodes.
    pub compute_type: Option<String>,
    /// EKS node group, by the label `eks.amazonaws.com/nodegroup`.
    pub node_group_name: Option<String>,
    /// Version of kubelet, such as `v1.34.3`.
    pub kubelet_version: Option<String>,
    /// Container runtime and its version.
    pub container_runtime_version: Option<String>,
    /// Operating system.
    pub os_image: Option<String>,
    /// `amd64` or `arm64`.
    pub architecture: Option<String>,
    /// Ranges of its pods' addresses, where the cluster gives them to nodes.
    pub pod_cidrs: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Taints.
    pub taints: Vec<Taint>,
}

/// One taint.
#[derive(Clone, Debug, Model)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value.
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

/// The data source.
#[derive(Debug)]
pub enum Nodes {}

impl DataSource for Nodes {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;

    const NAME: &'static str = "ekshybrid_nodes";
    const DESCRIPTION: &'static str = "\
The nodes of a cluster, all or by their labels. With `wait_for_ready` it waits until so many of them are Ready, and says \
at its timeout which are not, and why in their kubelets' words.";

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        labels::check(&args.match_labels, Args::NAMES.match_labels, faults);
    }

    async fn read(args: &Args, cx: &Context) -> Result<Outputs> {
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        let read = args.timeouts.as_ref().and_then(|timeouts| timeouts.read.as_ref()).map(Span::duration);
        let client = if args.wait_for_ready.is_some() {
            connect(&place.cluster, Some(&place.region), read, cx).await?
        } else {
            match reach(&place.cluster, Some(&place.region), cx).await? {
                Reached::Open(client) => client,
                Reached::Gone => return Err(not_there(&place)),
                Reached::Unknown => return Err(not_known()),
            }
        };
        let selector = selector(args);
        let wanted = args.wait_for_ready.map_or(0, Bounded::get);
        let wait = Wait {
            what: format!("{wanted} Ready nodes{} in cluster `{}`", of_selector(selector.as_deref()), place.cluster),
            timeout: read.unwrap_or(READY_TIMEOUT),
            interval: Duration::from_secs(1),
            max_interval: Duration::from_secs(10),
        };
        let mut nodes = wait::until(cx, &wait, || async {
            let nodes = match client.nodes(selector.as_deref()).await {
                Err(error) if matches!(error.kind(), kube::Kind::Invalid { .. }) && args.selector.is_some() => {
                    return Err(selector_refused(&error));
                }
                found => told(found, "Could not read the nodes", None, cx).await?,
            };
            Ok(if count_ready(&nodes) >= wanted { Seen::Done(nodes) } else { Seen::Pending(summary(&nodes)) })
        })
        .await?;
        nodes.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Outputs {
            cluster_name: place.cluster,
            region: place.region,
            names: nodes.iter().map(|node| node.name.clone()).collect(),
            ready_count: count_ready(&nodes),
            nodes: nodes.into_iter().map(node).collect(),
        })
    }
}

/// Both ways to select, as one selector of the API.
fn selector(args: &Args) -> Option<String> {
    let labels = args.match_labels.as_ref().filter(|labels| !labels.is_empty()).map(labels::selector);
    let parts: Vec<String> = labels.into_iter().chain(args.selector.clone()).filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(","))
}

fn of_selector(selector: Option<&str>) -> String {
    selector.map(|selector| format!(" with `{selector}`")).unwrap_or_default()
}

fn count_ready(nodes: &[kube::Node]) -> i64 {
    let ready = nodes.iter().filter(|node| node.ready).count();
    i64::try_from(ready).unwrap_or(i64::MAX)
}

/// How many are Ready, and what keeps the others from it.
fn summary(nodes: &[kube::Node]) -> String {
    if nodes.is_empty() {
        return "there is no such node".to_owned();
    }
    let trouble = |node: &kube::Node| format!("`{}` ({})", node.name, node.trouble.as_deref().unwrap_or_default());
    let waiting: Vec<String> = nodes.iter().filter(|node| !node.ready).map(trouble).collect();
    let ready = format!("{} of {} nodes are Ready", count_ready(nodes), nodes.len());
    if waiting.is_empty() {
        return ready;
    }
    let more =
        if waiting.len() > MOST_TOLD { format!(" and {} more", waiting.len() - MOST_TOLD) } else { String::new() };
    format!("{ready}; not yet: {}{more}", waiting.iter().take(MOST_TOLD).cloned().collect::<Vec<_>>().join(", "))
}

fn node(node: kube::Node) -> Node {
    let label = |key: &str| node.labels.get(key).cloned();
    Node {
        zone: label("topology.kubernetes.io/zone"),
        instance_type: label("node.kubernetes.io/instance-type"),
        compute_type: label("eks.amazonaws.com/compute-type"),
        node_group_name: label("eks.amazonaws.com/nodegroup"),
        instance_id: node.instance_id().map(str::to_owned),
        name: node.name,
        ready: node.ready,
        not_ready_reason: node.trouble,
        unschedulable: node.unschedulable,
        internal_ip: node.internal_ip,
        provider_id: node.provider_id,
        kubelet_version: node.kubelet_version,
        container_runtime_version: node.container_runtime_version,
        os_image: node.os_image,
        architecture: node.architecture,
        pod_cidrs: node.pod_cidrs,
        labels: node.labels,
        taints: node
            .taints
            .into_iter()
            .map(|taint| Taint { key: taint.key, value: taint.value, effect: taint.effect })
            .collect(),
    }
}

fn selector_refused(error: &kube::Error) -> Diagnostics {
    Diagnostic::error(
        "Invalid label selector",
        format!(
            "The API server says: {}.\n\nWrite it as for `kubectl -l`, such as `topology.kubernetes.io/zone in (us-west-2a, us-west-2d)`.",
            error.kind()
        ),
    )
    .at(Path::attribute(Args::NAMES.selector))
    .into()
}

fn not_there(place: &Place) -> Diagnostics {
    Diagnostic::error(
        "Cluster cannot be asked for its nodes",
        format!(
            "Cluster `{}` in {} does not exist, or EKS is still making it.\n\nCheck the name and the region. For a cluster that the same apply makes, refer to its resource's `name`, so that this is read after it; with `wait_for_ready` the cluster is waited for.",
            place.cluster, place.region
        ),
    )
    .at(Path::attribute(Args::NAMES.cluster_name))
    .into()
}

fn not_known() -> Diagnostics {
    Diagnostic::error(
        "Provider configuration not known yet",
        "The cluster must be asked for its nodes, and the provider's configuration is known only after apply. Apply what it depends on first, or set it to a known value.",
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_selectors_count() {
        let args = |labels: &[(&str, &str)], selector: Option<&str>| Args {
            cluster_name: None,
            match_labels: Some(labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()),
            selector: selector.map(str::to_owned),
            wait_for_ready: None,
            region: None,
            timeouts: None,
        };
        for (args, expected) in [
            (args(&[], None), None),
            (args(&[], Some("")), None),
            (args(&[("a", "1"), ("b", "2")], None), Some("a=1,b=2")),
            (args(&[("a", "1")], Some("c in (x, y)")), Some("a=1,c in (x, y)")),
        ] {
            assert_eq!(selector(&args).as_deref(), expected);
        }
    }

    #[test]
    fn those_that_are_not_ready_are_told_with_their_reason() {
        let node = |name: &str, trouble: Option<&str>| kube::Node {
            name: name.to_owned(),
            ready: trouble.is_none(),
            trouble: trouble.map(str::to_owned),
            ..kube::Node::default()
        };
        assert_eq!(summary(&[]), "there is no such node");
        assert_eq!(
            summary(&[node("a", None), node("b", Some("KubeletNotReady: no network"))]),
            "1 of 2 nodes are Ready; not yet: `b` (KubeletNotReady: no network)"
        );
        let many: Vec<kube::Node> = (0..10).map(|number| node(&format!("n{number}"), Some("x"))).collect();
        assert!(summary(&many).ends_with("`n7` (x) and 2 more"), "{}", summary(&many));
    }
}
