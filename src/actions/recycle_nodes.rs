//! `ekshybrid_recycle_nodes`: replaces EC2 nodes, once.

use std::collections::BTreeMap;

use framework::action::Action;
use framework::diagnostic::{Diagnostics, Result};
use framework::model::{Bounded, Model, Span};
use framework::permission::Permissions;
use framework::resource::Resource as _;

use crate::attributes::permissions::{ANY, CLUSTER, DRAIN, INSTANCES, aws, kube};
use crate::attributes::{ClusterName, Region};
use crate::resources::node_recycle::{self, Drain};
use crate::session::{Clients, Context};

/// Arguments.
#[derive(Clone, Debug, Model)]
#[model(exactly_one_of(node_group_name, node_selector))]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    pub cluster_name: Option<ClusterName>,
    /// Replace the nodes of this managed node group. Conflicts with `node_selector`.
    pub node_group_name: Option<String>,
    /// Replace the nodes with all of these labels, such as `"example.com/pool" = "workers"`. All of them must be EC2
    /// instances of Auto Scaling groups. Conflicts with `node_group_name`.
    pub node_selector: Option<BTreeMap<String, String>>,
    /// How many nodes may be cordoned, drained or missing at the same time. Default: 1.
    pub max_unavailable: Option<Bounded<1, 100>>,
    /// How nodes are drained.
    pub drain: Option<Drain>,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
    /// How long the action may take.
    pub timeouts: Option<Timeouts>,
}

/// How long the action may take.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// Timeout for all nodes together. Default: 20 minutes for each node.
    pub invoke: Option<Span>,
}

/// The action.
#[derive(Debug)]
pub enum RecycleNodes {}

impl Action for RecycleNodes {
    type Clients = Clients;
    type Args = Args;

    const NAME: &'static str = "ekshybrid_recycle_nodes";
    const DESCRIPTION: &'static str = "\
Replaces EC2 nodes once, as `ekshybrid_node_recycle` does whenever its triggers change: each node is cordoned and \
drained, its instance is terminated, and the next one follows when the Auto Scaling group's replacement is Ready. \
PodDisruptionBudgets are respected.

Only EC2 nodes of Auto Scaling groups (managed or self-managed node groups) can be replaced. Hybrid nodes, Fargate, EKS \
Auto Mode and Karpenter nodes are refused before anything is changed: nothing would replace them one for one.

The nodes are marked first, so an action that fails or is stopped can be invoked again: it replaces the remaining ones \
of these nodes only.";
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
        node_recycle::check_selection(&args.node_selector, &args.node_group_name, faults);
    }

    async fn invoke(args: &Args, cx: &Context) -> Result<()> {
        let recycle = node_recycle::Args {
            cluster_name: args.cluster_name.clone(),
            node_group_name: args.node_group_name.clone(),
            node_selector: args.node_selector.clone(),
            // The mark of the nodes differs from those of resources.
            triggers: Some(BTreeMap::from([("action".to_owned(), Self::NAME.to_owned())])),
            recycle_on_create: true,
            max_unavailable: args.max_unavailable.unwrap_or_else(node_recycle::one),
            drain: args.drain.clone(),
            region: args.region.clone(),
            timeouts: None,
        };
        let done = node_recycle::NodeRecycle::create(&recycle, cx).await?;
        let count = done.recycled_nodes.len();
        cx.progress(format!("{count} {} replaced", if count == 1 { "node is" } else { "nodes are" })).await;
        Ok(())
    }
}
