//! `ekshybrid_node`, listed: every hybrid node of a cluster.

use framework::diagnostic::Result;
use framework::list::{Found, List};
use framework::model::Model;
use framework::permission::Permissions;

use crate::attributes::permissions::{ANY, CLUSTER, aws, kube};
use crate::attributes::{ClusterName, Region};
use crate::resources::node::{Node, listed};
use crate::session::Context;
use crate::session::place::Place;

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    pub cluster_name: Option<ClusterName>,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

/// The list.
#[derive(Debug)]
pub enum NodeList {}

impl List for NodeList {
    type Resource = Node;
    type Args = Args;

    const DESCRIPTION: &'static str = "\
Every hybrid node of a cluster, however it joined, for `terraform query` and bulk import. The cluster does not know \
how to log in to a host: complete `ssh` of a generated configuration.";
    const PERMISSIONS: Permissions = &[
        CLUSTER,
        &[
            kube(&["list"], "nodes"),
            aws(&["ssm:DescribeInstanceInformation"], ANY).when("hosts are registered with Systems Manager"),
        ],
    ];

    async fn list(args: &Args, found: &mut Found<Node>, cx: &Context) -> Result<()> {
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        for (identity, state) in listed(&place, cx).await? {
            let address = state.outputs.internal_ip.as_deref().unwrap_or("no address");
            let node = identity.node_name.as_deref().unwrap_or_default();
            let name = format!("{node} ({address}, {})", state.outputs.kubelet_version.as_deref().unwrap_or_default());
            if !found.push(&identity, name, &state).await {
                break;
            }
        }
        Ok(())
    }
}
