//! `ekshybrid_eniconfig`, listed: every ENIConfig of a cluster.

use framework::diagnostic::Result;
use framework::list::{Found, List};
use framework::model::{Model, Text};
use framework::permission::Permissions;

use crate::attributes::permissions::{ANY, CLUSTER, aws, kube};
use crate::attributes::{ClusterName, ObjectName, Region};
use crate::kube::{self, Resource as ObjectKind};
use crate::resources::eniconfig::{EniConfig, Identity, state};
use crate::session::Context;
use crate::session::cluster::reach_to_list;
use crate::session::explain::explained;
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
pub enum EniConfigList {}

impl List for EniConfigList {
    type Resource = EniConfig;
    type Args = Args;

    const DESCRIPTION: &'static str = "\
Every ENIConfig of a cluster, whoever made it, for `terraform query` and bulk import. A cluster that does not exist, and \
one without the VPC CNI, has none.";
    const PERMISSIONS: Permissions = &[
        CLUSTER,
        &[
            kube(&["list"], "eniconfigs.crd.k8s.amazonaws.com"),
            aws(&["ec2:DescribeSubnets"], ANY).when("the zones of the subnets are shown; optional"),
        ],
    ];

    async fn list(args: &Args, found: &mut Found<EniConfig>, cx: &Context) -> Result<()> {
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        let Some(client) = reach_to_list(&place, cx).await? else { return Ok(()) };
        let objects = match client.list(&ObjectKind::ENI_CONFIG, None, None).await {
            Err(error) if error.is_not_found() => Vec::new(),
            other => explained(other, "Could not list the ENIConfigs", None, cx).await?,
        };
        for object in objects {
            // The API server's rule for names is the same, so none is left out.
            let Ok(name) = ObjectName::parse(kube::name(&object)) else { continue };
            let state = state(&object, None, place.clone(), cx).await?;
            let zone = state.outputs.availability_zone.as_ref().map(|zone| format!(" in {zone}")).unwrap_or_default();
            let display_name = format!("{}/{name} ({}{zone})", place.cluster, state.args.subnet_id);
            let identity = Identity { cluster_name: place.cluster.clone(), name, region: Some(place.region.clone()) };
            if !found.push(&identity, display_name, &state).await {
                break;
            }
        }
        Ok(())
    }
}
