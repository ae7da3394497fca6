//! `ekshybrid_aws_auth_entry`, listed: every entry of aws-auth.

use framework::diagnostic::Result;
use framework::list::{Found, List};
use framework::model::{Model, Text};
use framework::permission::Permissions;

use crate::attributes::permissions::{CLUSTER, kube};
use crate::attributes::{ClusterName, Region};
use crate::resources::aws_auth_entry::{AwsAuthEntry, listed};
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
pub enum AwsAuthEntryList {}

impl List for AwsAuthEntryList {
    type Resource = AwsAuthEntry;
    type Args = Args;

    const DESCRIPTION: &'static str = "\
Every entry of the ConfigMap `kube-system/aws-auth` of a cluster, whoever made it, for `terraform query` and bulk \
import. Of several entries for one role or user, the last: it is the one that takes effect. Roles of nodes may be \
managed by `ekshybrid_node_access` instead.";
    const PERMISSIONS: Permissions = &[CLUSTER, &[kube(&["get"], "kube-system:configmaps")]];

    async fn list(args: &Args, found: &mut Found<AwsAuthEntry>, cx: &Context) -> Result<()> {
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        for (identity, state) in listed(&place, cx).await? {
            let (role, user) = (identity.role_arn.as_ref().map(Text::text), identity.user_arn.as_ref().map(Text::text));
            let name = format!("{} ({})", role.or(user).unwrap_or_default(), state.outputs.username);
            if !found.push(&identity, name, &state).await {
                break;
            }
        }
        Ok(())
    }
}
