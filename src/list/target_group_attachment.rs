//! `ekshybrid_target_group_attachment`, listed: every target group that hybrid nodes are registered with.

use framework::diagnostic::Result;
use framework::list::{Found, List};
use framework::model::Model;
use framework::permission::Permissions;

use crate::attributes::permissions::{ANY, CLUSTER, aws, kube};
use crate::attributes::{ClusterName, Region};
use crate::resources::target_group_attachment::{TargetGroupAttachment, listed};
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
pub enum TargetGroupAttachmentList {}

impl List for TargetGroupAttachmentList {
    type Resource = TargetGroupAttachment;
    type Args = Args;

    const DESCRIPTION: &'static str = "\
Every target group of the cluster's region in which addresses of the cluster's hybrid nodes are registered, whoever \
registered them, for `terraform query` and bulk import. Asks for the targets of each target group with target type `ip`.";
    const PERMISSIONS: Permissions = &[
        CLUSTER,
        &[
            aws(&["elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth"], ANY),
            kube(&["list"], "nodes"),
        ],
    ];

    async fn list(args: &Args, found: &mut Found<TargetGroupAttachment>, cx: &Context) -> Result<()> {
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        for (identity, state) in listed(&place, cx).await? {
            let count = state.outputs.targets.len();
            let name =
                format!("{} ({count} {})", identity.target_group_arn, if count == 1 { "target" } else { "targets" });
            if !found.push(&identity, name, &state).await {
                break;
            }
        }
        Ok(())
    }
}
