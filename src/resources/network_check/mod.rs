//! `ekshybrid_network_check`: pods on every node reach each other, a service, NodePorts, DNS and the API server.

pub mod apply;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Model, Span};
use framework::path::Path;
use framework::permission::Permissions;
use framework::resource::{Plan, Resource, State};
use names::Cidr;

use crate::attributes::permissions::{CLUSTER, NETWORK_CHECK};
use crate::attributes::{ClusterName, ObjectName, Region, labels};
use crate::session::place::{PlannedPlace, placed};
use crate::session::{Clients, Context};

/// The selector of all nodes, in import ids and in the output.
const ALL: &str = "*";

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    #[attr(replace)]
    pub cluster_name: Option<ClusterName>,
    /// Check the nodes with all of these labels. Default: all nodes.
    #[attr(replace)]
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Ranges that the pods must have their addresses from, such as the CIDRs of the CNI, or of the subnets of custom
    /// networking. Default: any address.
    pub expected_cidrs: Option<BTreeSet<String>>,
    /// Values whose change runs the check again, such as `{ cni = ekshybrid_cni.cilium.revision }`.
    pub triggers: Option<BTreeMap<String, String>>,
    /// Taints that the pods tolerate. Nodes with other taints (NoSchedule or NoExecute) are skipped.
    pub tolerations: Option<Vec<Toleration>>,
    /// Image of the pods. It needs `/bin/sh` and busybox's `httpd`, `wget`, `nslookup` and `timeout`. Default:
    /// `public.ecr.aws/docker/library/busybox:1.37.0`. Set it to a copy in your registry if nodes cannot pull from
    /// Amazon ECR Public.
    pub image: Option<String>,
    /// Secrets in the namespace with which the image is pulled.
    pub image_pull_secrets: Option<BTreeSet<ObjectName>>,
    /// Namespace of the pods. It must exist. Network policies in it apply to the check. Default: `default`.
    pub namespace: Option<ObjectName>,
    /// Whether failures are only a warning, and listed in `failures`. Default: `false`, they fail the apply.
    pub warn_only: Option<bool>,
    /// Region of the cluster. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
    /// How long the check may take.
    pub timeouts: Option<Timeouts>,
}

/// A toleration, with the meaning that it has in a pod.
#[derive(Clone, Debug, Model)]
pub struct Toleration {
    /// Key of the taints. Default: every key.
    pub key: Option<String>,
    /// Value of the taints. Default: every value.
    pub value: Option<String>,
    /// Effect of the taints: `NoSchedule` or `NoExecute`. Default: every effect.
    pub effect: Option<String>,
}

/// How long the check may take.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// Timeout of the check when the resource is created, pulling the image included. Default: `5m`.
    pub create: Option<Span>,
    /// Timeout when it is run again. Default: `5m`.
    pub update: Option<Span>,
}

/// Outputs.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Name of the cluster.
    #[attr(keep)]
    pub cluster_name: ClusterName,
    /// Label selector of the nodes; `*` for all nodes.
    #[attr(keep)]
    pub selector: String,
    /// Region of the cluster.
    #[attr(keep)]
    pub region: Region,
    /// Results by node: what pods on this node reached. Each result is `ok` or the reason.
    pub matrix: BTreeMap<String, Row>,
    /// Failures, one sentence for each group of them. Empty unless `warn_only` is true.
    pub failures: Vec<String>,
    /// Selected nodes that were not checked, with the reason: not Ready, cordoned, or a taint that is not tolerated.
    pub skipped_nodes: BTreeMap<String, String>,
}

/// Results of one node.
#[derive(Clone, Debug, Model)]
pub struct Row {
    /// Address of the pod on this node. Null if it did not start.
    pub pod_address: Option<String>,
    /// Pods by the name of their node.
    pub pods: BTreeMap<String, String>,
    /// NodePort of a service, by node.
    pub node_ports: BTreeMap<String, String>,
    /// ClusterIP of a service.
    pub service: String,
    /// Resolution of `kubernetes.default` by the cluster's DNS.
    pub dns: String,
    /// API server, at its ClusterIP.
    pub api_server: String,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// EKS cluster.
    pub cluster_name: ClusterName,
    /// The nodes, as a label selector: `eks.amazonaws.com/compute-type=hybrid`; `*` for all nodes.
    pub selector: String,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

/// The resource.
#[derive(Debug)]
pub enum NetworkCheck {}

placed!(NetworkCheck);

impl Resource for NetworkCheck {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_network_check";
    const DESCRIPTION: &'static str = "\
Checks the network of a cluster from inside, when it is created and when `triggers` change. A failed check fails the \
apply, with a sentence for each broken connection or group of them, and with what to look at.

A pod on each selected node answers, and a second one asks: the pod on every node (also with answers larger than a \
packet, which shows a wrong MTU), the ClusterIP of a service, the NodePort on every node, the cluster's DNS, and the API \
server. `expected_cidrs` checks where pods get their addresses from.

Nodes that are not Ready, are cordoned, or have taints that `tolerations` does not name are skipped; they are listed in \
a warning and in `skipped_nodes`. At most 200 nodes can be checked at a time.

The pods run unprivileged and meet the Pod Security Standard `restricted`. Results come back through the API server, so \
neither logs nor `exec` are needed, and the API server need not reach kubelets. Pods and service are deleted at the \
end, also when the check fails or is stopped. If Terraform is killed, the pods end on their own after the timeout, and \
the next check in the namespace deletes them.

AmazonEKSClusterAdminPolicy includes the permissions below. Destroy deletes nothing in the cluster.";
    const IMPORT_ID: &'static str = "`CLUSTER/LABEL=VALUE`, or `CLUSTER/*` for all nodes; with `@REGION` at the end if \
        the cluster is in another region than the provider's. An import runs no check";
    const PERMISSIONS: Permissions = &[CLUSTER, NETWORK_CHECK];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        labels::check(&args.node_selector, Args::NAMES.node_selector, faults);
        check_cidrs(&args.expected_cidrs, Args::NAMES.expected_cidrs, faults);
    }

    async fn plan(plan: &mut Plan<Self>, cx: &Context) -> Result<()> {
        PlannedPlace::plan(plan, cx).await?;
        if let (Maybe::Known(selector), true) = (&plan.args.node_selector, plan.is_create() || plan.is_replaced()) {
            plan.outputs.selector = Maybe::Known(selected(selector.as_ref()));
        }
        Ok(())
    }

    async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
        apply::create(args, cx).await
    }

    async fn read(identity: &Identity, prior: Option<&State<Self>>, cx: &Context) -> Result<Option<State<Self>>> {
        read::read(identity, prior, cx).await
    }

    async fn update(prior: &State<Self>, args: &Args, cx: &Context) -> Result<Outputs> {
        apply::update(prior, args, cx).await
    }

    /// A check leaves nothing in the cluster.
    async fn delete(_: &State<Self>, _: &Context) -> Result<()> {
        Ok(())
    }
}

/// The label selector of the nodes, as the output has it.
fn selected(selector: Option<&BTreeMap<String, String>>) -> String {
    match selector {
        Some(labels) if !labels.is_empty() => labels::selector(labels),
        _ => ALL.to_owned(),
    }
}

/// Checks the ranges, as far as they are known. The action takes them too.
pub fn check_cidrs(ranges: &Maybe<Option<BTreeSet<String>>>, attribute: &str, faults: &mut Diagnostics) {
    for range in ranges.set().into_iter().flatten() {
        if let Err(invalid) = range.parse::<Cidr>() {
            faults.push(Diagnostic::error("Invalid range", format!("{invalid}.")).at(Path::attribute(attribute)));
        }
    }
}
