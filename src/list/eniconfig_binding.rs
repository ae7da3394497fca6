//! `ekshybrid_eniconfig_binding`, listed: every ENIConfig that nodes are annotated with.

use framework::diagnostic::Result;
use framework::list::{Found, List};
use framework::model::Model;
use framework::permission::Permissions;

use crate::attributes::permissions::{CLUSTER, kube};
use crate::attributes::{ClusterName, Region};
use crate::resources::eniconfig_binding::{EniConfigBinding, listed};
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
pub enum EniConfigBindingList {}

impl List for EniConfigBindingList {
    type Resource = EniConfigBinding;
    type Args = Args;

    const DESCRIPTION: &'static str = "\
Every ENIConfig that nodes of a cluster are annotated with (`k8s.amazonaws.com/eniConfig`), whoever wrote the \
annotations, for `terraform query` and bulk import. Other annotations are not searched.";
    const PERMISSIONS: Permissions = &[CLUSTER, &[kube(&["list"], "nodes")]];

    async fn list(args: &Args, found: &mut Found<EniConfigBinding>, cx: &Context) -> Result<()> {
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        for (identity, state) in listed(&place, cx).await? {
            let nodes = state.outputs.bound_nodes.len();
            let name = format!(
                "{}/{} ({nodes} {})",
                place.cluster,
                identity.eniconfig,
                if nodes == 1 { "node" } else { "nodes" }
            );
            if !found.push(&identity, name, &state).await {
                break;
            }
        }
        Ok(())
    }
}
