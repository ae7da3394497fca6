//! `ekshybrid_node_recycle`: replaces EC2 nodes, a few at a time, when its triggers change.

mod apply;
mod plan;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Bounded, Maybe, Model, Span};
use framework::path::Path;
use framework::permission::Permissions;
use framework::resource::{Plan, Resource, State};
use names::Word as _;

use crate::attributes::permissions::{ANY, CLUSTER, DRAIN, INSTANCES, aws, kube};
use crate::attributes::{ClusterName, Region, labels};
use crate::session::place::placed;
use crate::session::{Clients, Context};

/// The label of the nodes of a managed node group. Source: EKS user guide, "Managed node groups".
const NODE_GROUP_LABEL: &str = "eks.amazonaws.com/nodegroup";

/// Arguments.
#[derive(Clone, Debug, Model)]
#[model(exactly_one_of(node_group_name, node_selector))]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    #[attr(replace)]
    pub cluster_name: Option<ClusterName>,
    /// Replace the nodes of this managed node group. Conflicts with `node_selector`.
    #[attr(replace)]
    pub node_group_name: Option<String>,
    /// Replace the nodes with all of these labels, such as `"example.com/pool" = "workers"`. All of them must be EC2
    /// instances of Auto Scaling groups. Conflicts with `node_group_name`.
    #[attr(replace)]
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Values whose change replaces the nodes, such as `{ subnet = ekshybrid_eniconfig.a.subnet_id }`. The first
    /// ones, on creation, after an import or when there were none, are only recorded.
    pub triggers: Option<BTreeMap<String, String>>,
    /// Whether creating this resource replaces the nodes that exist at that time. Default: `false`, only a later change
    /// of `triggers` replaces nodes.
    #[attr(default = false)]
    pub recycle_on_create: bool,
    /// How many nodes may be cordoned, drained or missing at the same time. Default: 1.
    #[attr(default = one())]
    pub max_unavailable: Bounded<1, 100>,
    /// How nodes are drained.
    pub drain: Option<Drain>,
    /// Region of the cluster. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
    /// How long replacing all nodes may take (default: 20 minutes for each node).
    pub timeouts: Option<Timeouts>,
}

/// How nodes are drained. PodDisruptionBudgets are always respected.
#[derive(Clone, Debug, Model)]
pub struct Drain {
    /// How long pods get to end, instead of their own `terminationGracePeriodSeconds`, such as `30s`.
    pub grace_period: Option<Span>,
    /// Whether pods without a controller are evicted too. Nothing recreates them. Default: `false`, a node with such a
    /// pod is not drained.
    pub force: Option<bool>,
    /// Whether pods with `emptyDir` volumes are evicted. Their data is lost. Default: `false`, a node with such a pod
    /// is not drained.
    pub delete_emptydir_data: Option<bool>,
}

/// How long replacing the nodes may take. Destroy replaces nothing.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// On creation with `recycle_on_create`, such as `1h`.
    pub create: Option<Span>,
    /// On a change.
    pub update: Option<Span>,
}

/// Outputs.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Name of the cluster.
    #[attr(keep)]
    pub cluster_name: ClusterName,
    /// Names of the nodes that the latest recycling replaced.
    #[attr(keep)]
    pub recycled_nodes: BTreeSet<String>,
    /// Names of the nodes that the next apply replaces, because an apply did not finish. Empty after an apply.
    #[attr(keep)]
    pub pending_nodes: BTreeSet<String>,
    /// Label selector of the nodes, such as `eks.amazonaws.com/nodegroup=workers`.
    #[attr(keep)]
    pub selector: String,
    /// Region of the cluster.
    #[attr(keep)]
    pub region: Region,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// EKS cluster.
    pub cluster_name: ClusterName,
    /// The nodes, as a label selector: `eks.amazonaws.com/nodegroup=workers`.
    pub selector: String,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

/// Checks which nodes are selected.
pub(crate) fn check_selection(
    selector: &Maybe<Option<BTreeMap<String, String>>>,
    group: &Maybe<Option<String>>,
    faults: &mut Diagnostics,
) {
    labels::check(selector, Args::NAMES.node_selector, faults);
    if selector.set().is_some_and(BTreeMap::is_empty) {
        let name = Args::NAMES.node_selector;
        let cause = format!("`{name}` is empty, which would select every node. Name at least one label.");
        faults.push(Diagnostic::error("No node is selected", cause).at(Path::attribute(name)));
    }
    if group.set().is_some_and(|name| name.is_empty() || names::LabelValue::parse(name).is_err()) {
        let cause = "It is 1 to 63 letters, digits, `-` and `_`, and begins with a letter or a digit.";
        let at = Path::attribute(Args::NAMES.node_group_name);
        faults.push(Diagnostic::error("Invalid name of a node group", cause).at(at));
    }
}

pub(crate) fn one() -> Bounded<1, 100> {
    // Within the bounds, as a test shows.
    Bounded::new(1).unwrap_or_else(|| unreachable!("1 is in its bounds"))
}

/// The label selector of the nodes.
fn selected(args: &Args) -> String {
    match (&args.node_group_name, &args.node_selector) {
        (Some(group), _) => format!("{NODE_GROUP_LABEL}={group}"),
        (None, Some(labels)) => labels::selector(labels),
        // A rule of the model rejects this case.
        (None, None) => String::new(),
    }
}

/// The resource.
#[derive(Debug)]
pub enum NodeRecycle {}

placed!(NodeRecycle);

impl Resource for NodeRecycle {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_node_recycle";
    const DESCRIPTION: &'static str = "\
Replaces EC2 nodes when `triggers` change, because what changed reaches only new nodes: the subnet and the security \
groups of custom networking, the maximum number of pods, another CNI.

Each node is cordoned and drained, its instance is terminated, and the next one follows when the Auto Scaling group's \
replacement is Ready. PodDisruptionBudgets are respected. A plan that replaces nodes lists them in a warning. An apply \
that is stopped or fails names the remaining nodes in `pending_nodes`, and the next apply continues with them.

Only EC2 nodes of Auto Scaling groups (managed or self-managed node groups) can be replaced. Hybrid nodes, Fargate, EKS \
Auto Mode and Karpenter nodes are refused: nothing would replace them one for one. Destroy and import replace nothing.";
    const IMPORT_ID: &'static str = "`CLUSTER/LABEL=VALUE`, or `CLUSTER/LABEL=VALUE@REGION` if the cluster is in another \
        region than the provider's; `eks.amazonaws.com/nodegroup=NAME` becomes `node_group_name`";
    const PERMISSIONS: Permissions = &[
        CLUSTER,
        DRAIN,
        &[
            aws(&["ec2:DescribeInstances"], ANY),
            aws(&["ec2:TerminateInstances"], INSTANCES),
            kube(&["delete"], "nodes"),
        ],
    ];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        check_selection(&args.node_selector, &args.node_group_name, faults);
    }

    async fn plan(plan: &mut Plan<Self>, cx: &Context) -> Result<()> {
        plan::plan(plan, cx).await
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

    /// Nodes are not part of this resource: there is nothing to delete.
    async fn delete(_: &State<Self>, _: &Context) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_within_the_bounds() {
        assert_eq!(one().get(), 1);
    }
}
