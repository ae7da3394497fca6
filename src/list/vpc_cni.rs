//! `ekshybrid_vpc_cni`, listed: the VPC CNI of a cluster.

use framework::diagnostic::Result;
use framework::list::{Found, List};
use framework::model::Model;
use framework::permission::Permissions;
use framework::resource::Resource as _;

use crate::attributes::permissions::{ADDONS, CLUSTER, aws, kube};
use crate::attributes::{ClusterName, Region};
use crate::resources::vpc_cni::{Identity, VpcCni};
use crate::session::Context;
use crate::session::cluster::reach_to_list;
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
pub enum VpcCniList {}

impl List for VpcCniList {
    type Resource = VpcCni;
    type Args = Args;

    const DESCRIPTION: &'static str = "\
The VPC CNI of a cluster, if the cluster has the DaemonSet `kube-system/aws-node`, for `terraform query`. As after an \
import, no setting is managed until the configuration names it.";
    const PERMISSIONS: Permissions =
        &[CLUSTER, &[aws(&["eks:DescribeAddon"], ADDONS), kube(&["get"], "kube-system:daemonsets.apps")]];

    async fn list(args: &Args, found: &mut Found<VpcCni>, cx: &Context) -> Result<()> {
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        if reach_to_list(&place, cx).await?.is_none() {
            return Ok(());
        }
        let identity = Identity { cluster_name: place.cluster.clone(), region: Some(place.region.clone()) };
        if let Some(state) = VpcCni::read(&identity, None, cx).await? {
            let version = state.outputs.version.as_deref().unwrap_or("unknown version");
            let name = format!("{} (aws-node {version})", place.cluster);
            found.push(&identity, name, &state).await;
        }
        Ok(())
    }
}
