//! `ekshybrid_nodes`: the current nodes of a cluster. It never waits: every plan reads data sources, even the plan of a
//! destroy.

use std::collections::BTreeMap;

use framework::data_source::DataSource;
use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::Model;
use framework::path::Path;
use framework::permission::Permissions;

use crate::attributes::permissions::{CLUSTER, kube};
use crate::attributes::{ClusterName, Region, labels};
use crate::kube;
use crate::session::cluster::{Connection, reach};
use crate::session::explain::explained;
use crate::session::place::{DEFERRED, Place};
use crate::session::{Clients, Context};

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    pub cluster_name: Option<ClusterName>,
    /// Only nodes with all these labels, such as `"eks.amazonaws.com/compute-type" = "hybrid"`.
    pub match_labels: Option<BTreeMap<String, String>>,
    /// Only nodes that match this label selector, in the syntax of `kubectl -l`, such as `zone in (a, d),!spot`.
    /// Combines with `match_labels`.
    pub selector: Option<String>,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Name of the cluster.
    pub cluster_name: ClusterName,
    /// Region of the cluster.
    pub region: Region,
    /// Nodes, sorted by name.
    pub nodes: Vec<Node>,
    /// Names of the nodes.
    pub names: Vec<String>,
    /// Number of nodes that are Ready.
    pub ready_count: i64,
    /// Names of the nodes that are not Ready. For the reasons, see `nodes`.
    pub not_ready_names: Vec<String>,
}

/// One node.
#[derive(Clone, Debug, Model)]
pub struct Node {
    /// Name of the node.
    pub name: String,
    /// Whether the node is Ready: the kubelet reports that it accepts pods.
    pub ready: bool,
    /// Why the node is not Ready, in the kubelet's words. Null if it is Ready.
    pub not_ready_reason: Option<String>,
    /// Whether the node is cordoned: no new pods are scheduled on it.
    pub unschedulable: bool,
    /// Internal IP address.
    pub internal_ip: Option<String>,
    /// Availability zone, from the label `topology.kubernetes.io/zone`.
    pub zone: Option<String>,
    /// EC2 instance type, from the label `node.kubernetes.io/instance-type`.
    pub instance_type: Option<String>,
    /// Provider id: `aws:///ZONE/i-…`, or `eks-hybrid:///REGION/CLUSTER/mi-…`.
    pub provider_id: Option<String>,
    /// Id of the EC2 instance (`i-…`) or of the managed instance (`mi-…`).
    pub instance_id: Option<String>,
    /// Compute type, from the label `eks.amazonaws.com/compute-type`: `hybrid`, `fargate`, `auto` and others; null on
    /// most EC2 nodes.
    pub compute_type: Option<String>,
    /// EKS node group, from the label `eks.amazonaws.com/nodegroup`.
    pub node_group_name: Option<String>,
    /// Version of the kubelet, such as `v1.34.3`.
    pub kubelet_version: Option<String>,
    /// Name and version of the container runtime.
    pub container_runtime_version: Option<String>,
    /// Operating system.
    pub os_image: Option<String>,
    /// CPU architecture: `amd64` or `arm64`.
    pub architecture: Option<String>,
    /// CIDR ranges of the node's pods, if the cluster assigns ranges to nodes.
    pub pod_cidrs: Vec<String>,
    /// Labels of the node.
    pub labels: BTreeMap<String, String>,
    /// Taints of the node.
    pub taints: Vec<Taint>,
}

/// One taint.
#[derive(Clone, Debug, Model)]
pub struct Taint {
    /// Key of the taint.
    pub key: String,
    /// Value of the taint.
    pub value: Option<String>,
    /// Effect of the taint: `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
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
The nodes of a cluster, all or by their labels, as they are now.

The data source never waits: every plan reads it, also that of a destroy, and a host that is off must not block the plan \
that repairs it. Let a `check` block judge `ready_count` and `not_ready_names`; `wait_for_nodes` of `ekshybrid_cni` \
waits for nodes during an apply.";
    const PERMISSIONS: Permissions = &[CLUSTER, &[kube(&["list", "watch", "get"], "nodes")]];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        labels::check(&args.match_labels, Args::NAMES.match_labels, faults);
    }

    async fn read(args: &Args, cx: &Context) -> Result<Outputs> {
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        let client = match reach(&place.cluster, Some(&place.region), cx).await? {
            Connection::Open(client) => client,
            Connection::Gone => return Err(not_there(&place)),
            Connection::Unknown(why) => return Err(why),
        };
        let mut nodes = match client.nodes(selector(args).as_deref()).await {
            Err(error) if matches!(error.kind(), kube::Kind::Invalid { .. }) && args.selector.is_some() => {
                return Err(selector_refused(&error));
            }
            found => explained(found, "Could not read the nodes", None, cx).await?,
        };
        nodes.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Outputs {
            cluster_name: place.cluster,
            region: place.region,
            names: nodes.iter().map(|node| node.name.clone()).collect(),
            ready_count: count_ready(&nodes),
            not_ready_names: nodes.iter().filter(|node| !node.ready).map(|node| node.name.clone()).collect(),
            nodes: nodes.into_iter().map(node).collect(),
        })
    }
}

/// Both filters, combined into one label selector.
fn selector(args: &Args) -> Option<String> {
    let labels = args.match_labels.as_ref().filter(|labels| !labels.is_empty()).map(labels::selector);
    let parts: Vec<String> = labels.into_iter().chain(args.selector.clone()).filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(","))
}

fn count_ready(nodes: &[kube::Node]) -> i64 {
    let ready = nodes.iter().filter(|node| node.ready).count();
    i64::try_from(ready).unwrap_or(i64::MAX)
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
        format!("{place} does not exist.\n\nCheck the name and the region. {DEFERRED}"),
    )
    .at(Path::attribute(Args::NAMES.cluster_name))
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
            region: None,
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
}
