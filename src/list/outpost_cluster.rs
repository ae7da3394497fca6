//! `ekshybrid_outpost_cluster`, listed: every local cluster of a region.

use framework::diagnostic::Result;
use framework::list::{Found, List};
use framework::model::{Model, Text};
use framework::permission::Permissions;
use framework::resource::Resource as _;

use crate::attributes::permissions::{ACCESS_ENTRIES, ANY, CLUSTER, CLUSTERS, aws, kube};
use crate::attributes::{ClusterName, Region};
use crate::resources::outpost_cluster::{Identity, OutpostCluster};
use crate::session::{Context, aws_region, explain};

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// Region to list. Default: the provider's.
    pub region: Option<Region>,
}

/// The list.
#[derive(Debug)]
pub enum OutpostClusterList {}

impl List for OutpostClusterList {
    type Resource = OutpostCluster;
    type Args = Args;

    const DESCRIPTION: &'static str = "\
Every local cluster on an Outpost of a region, for `terraform query` and bulk import. Clusters whose control plane is in \
the Region are left out.";
    const PERMISSIONS: Permissions = &[
        CLUSTER,
        &[
            aws(&["ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces"], ANY).when("whole objects are listed"),
            aws(&["eks:ListAccessEntries"], CLUSTERS).when("whole objects are listed"),
            aws(&["eks:DescribeAccessEntry", "eks:ListAssociatedAccessPolicies"], ACCESS_ENTRIES)
                .when("whole objects are listed"),
            kube(&["get"], "kube-system:configmaps").when("whole objects are listed"),
        ],
    ];

    async fn list(args: &Args, found: &mut Found<OutpostCluster>, cx: &Context) -> Result<()> {
        let region = aws_region(args.region.as_ref(), cx).await?;
        let eks = cx.clients()?.aws()?.eks(Some(region.as_str()));
        let failed = |error: crate::aws::Error| explain("Could not list the local clusters", &error, None);
        for name in eks.list_clusters().await.map_err(failed)? {
            let cluster = match eks.cluster(&name).await {
                Ok(cluster) => cluster,
                // Deleted since it was listed.
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(failed(error)),
            };
            // What EKS lists are clusters; one whose name had another form could not be managed.
            let (Some(outpost), Ok(name)) = (&cluster.outpost, ClusterName::parse(&name)) else { continue };
            let shown = format!("{name} ({})", outpost.arns.join(", "));
            let identity = Identity { name, region: Some(region.clone()) };
            let Some(state) = OutpostCluster::read(&identity, None, cx).await? else { continue };
            if !found.push(&identity, shown, &state).await {
                break;
            }
        }
        Ok(())
    }
}
