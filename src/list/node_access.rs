//! `ekshybrid_node_access`, listed: every role that may join a cluster as its nodes.

use framework::diagnostic::Result;
use framework::list::{Found, List};
use framework::model::{Model, Text};
use framework::permission::Permissions;

use crate::attributes::permissions::{ACCESS_ENTRIES, CLUSTER, CLUSTERS, aws, kube};
use crate::attributes::{ClusterName, Region, RoleArn};
use crate::aws::eks::{AccessEntry, AccessEntryType};
use crate::kube::aws_auth::List as MapList;
use crate::resources::node_access::{Identity, NodeAccess, state_of_entry, state_of_map};
use crate::session::cluster::reach_to_list;
use crate::session::explain::explained;
use crate::session::place::Place;
use crate::session::{Context, explain};

/// Group that nodes are in.
const NODES: &str = "system:nodes";

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
pub enum NodeAccessList {}

impl List for NodeAccessList {
    type Resource = NodeAccess;
    type Args = Args;

    const DESCRIPTION: &'static str = "\
Every role that may join a cluster as its nodes, by access entry (of type `HYBRID_LINUX` or `EC2_LINUX`) or by an entry \
of aws-auth in the group `system:nodes`, for `terraform query` and bulk import.";
    const PERMISSIONS: Permissions = &[
        CLUSTER,
        &[
            aws(&["eks:ListAccessEntries"], CLUSTERS),
            aws(&["eks:DescribeAccessEntry"], ACCESS_ENTRIES),
            kube(&["get"], "kube-system:configmaps").when("the cluster uses aws-auth"),
        ],
    ];

    async fn list(args: &Args, found: &mut Found<NodeAccess>, cx: &Context) -> Result<()> {
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        let failed = |error: crate::aws::Error| explain("Could not list the access entries", &error, None);
        let eks = place.eks(cx)?;
        let cluster = eks.cluster(place.cluster.as_str()).await.map_err(failed)?;
        let mode = cluster.authentication_mode.as_deref().unwrap_or("CONFIG_MAP");
        let mut named = Vec::new();
        if mode != "CONFIG_MAP" {
            for arn in eks.list_access_entries(place.cluster.as_str()).await.map_err(failed)? {
                // Only roles can be nodes, and the listing tells no more than the ARN.
                let Ok(principal) = RoleArn::parse(&arn) else { continue };
                let entry = match eks.access_entry(place.cluster.as_str(), &arn).await {
                    Ok(entry) if is_of_nodes(&entry) => entry,
                    Ok(_) => continue,
                    Err(error) if error.is_not_found() => continue,
                    Err(error) => return Err(failed(error)),
                };
                let name = format!("{arn} ({})", entry.kind);
                let state = state_of_entry(&place, &principal, entry, None, cx)?;
                if !found.push(&identity(&place, &principal), name, &state).await {
                    return Ok(());
                }
                named.push(principal);
            }
        }
        if mode == "API" {
            return Ok(());
        }
        let Some(client) = reach_to_list(&place, cx).await? else { return Ok(()) };
        let entries = client.aws_auth_entries(MapList::Roles).await;
        for entry in explained(entries, "Could not list the entries of aws-auth", None, cx).await? {
            let Ok(principal) = RoleArn::parse(&entry.arn) else { continue };
            // An access entry goes before.
            if !entry.groups.contains(NODES) || named.contains(&principal) {
                continue;
            }
            let name = format!("{principal} (aws-auth)");
            let state = state_of_map(&place, &principal, entry, None);
            if !found.push(&identity(&place, &principal), name, &state).await {
                return Ok(());
            }
            named.push(principal);
        }
        Ok(())
    }
}

fn is_of_nodes(entry: &AccessEntry) -> bool {
    matches!(entry.kind, AccessEntryType::HybridLinux | AccessEntryType::Ec2Linux)
}

fn identity(place: &Place, principal: &RoleArn) -> Identity {
    Identity {
        cluster_name: place.cluster.clone(),
        principal_arn: principal.clone(),
        region: Some(place.region.clone()),
    }
}
