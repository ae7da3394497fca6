//! Reads the nodes' access: the access entry, or the aws-auth entry.

pub(super) mod moved;

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostic, Result};
use framework::resource::State;

use super::{Args, Identity, Method, NodeAccess, NodeType, Outputs};
use crate::attributes::RoleArn;
use crate::attributes::principal::without_path;
use crate::aws::eks::{AccessEntry, AccessEntryType};
use crate::kube::aws_auth::{Entry, List};
use crate::session::cluster::{self, Connection};
use crate::session::explain::explained;
use crate::session::place::Place;
use crate::session::{Context, explain, tags};

pub(super) async fn read(
    identity: &Identity,
    prior: Option<&State<NodeAccess>>,
    cx: &Context,
) -> Result<Option<State<NodeAccess>>> {
    let place = Place::of(Some(&identity.cluster_name), identity.region.as_ref(), cx).await?;
    let principal = &identity.principal_arn;
    if prior.is_none_or(|prior| prior.outputs.effective_method == Method::AccessEntry) {
        let found = read_entry(&place, principal, cx).await?;
        match (found, prior) {
            (Some(found), Some(prior)) if is_another(&found, prior) => {
                cx.report(replaced(&place, principal, &found));
                return Ok(None);
            }
            (Some(found), _) => return Ok(Some(state_of_entry(&place, principal, found, prior, cx)?)),
            (None, Some(_)) => return Ok(None),
            // The imported resource may be an aws-auth entry.
            (None, None) => {}
        }
    }
    read_map(place, principal, prior, cx).await
}

/// The access entry; `None` if it does not exist, its cluster does not exist, or the cluster does not support access
/// entries.
async fn read_entry(place: &Place, principal: &RoleArn, cx: &Context) -> Result<Option<AccessEntry>> {
    let eks = place.eks(cx)?;
    match eks.access_entry(place.cluster.as_str(), principal.as_str()).await {
        Ok(entry) => Ok(Some(entry)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => {
            let cluster = eks.cluster(place.cluster.as_str()).await.ok();
            match cluster.and_then(|cluster| cluster.authentication_mode.clone()).as_deref() {
                Some("CONFIG_MAP") => Ok(None),
                _ => Err(explain("Could not read the nodes' access entry", &error, None)),
            }
        }
    }
}

/// Whether the entry is not the one recorded in state: it was deleted, and someone created a new one.
fn is_another(found: &AccessEntry, prior: &State<NodeAccess>) -> bool {
    prior.outputs.access_entry_arn.as_ref().is_some_and(|own| *own != found.arn)
}

fn replaced(place: &Place, principal: &RoleArn, found: &AccessEntry) -> Diagnostic {
    Diagnostic::warning(
        "Another access entry has taken the place of this one",
        format!(
            "The access entry of `{principal}` in {place} was deleted outside of Terraform, and another one was created, `{}`. It is not adopted, and a destroy leaves it as it is.\n\nTo manage it here, import it: `terraform import ekshybrid_node_access.NAME '{}'`.",
            found.arn,
            place.import_id(principal.as_str())
        ),
    )
}

/// Builds the state from an access entry.
///
/// # Errors
/// The provider is not configured.
pub fn state_of_entry(
    place: &Place,
    principal: &RoleArn,
    found: AccessEntry,
    prior: Option<&State<NodeAccess>>,
    cx: &Context,
) -> Result<State<NodeAccess>> {
    // Tags with other keys belong to someone else; for an imported entry, all tags are managed here.
    let kept = prior.map(|prior| &prior.outputs.tags_all);
    let found_tags = found.tags.into_iter().filter(|(key, _)| kept.is_none_or(|kept| kept.contains_key(key)));
    let tags_all = tags::managed_for(cx, found_tags.collect())?;
    let own = tags::own_for(cx, &tags_all, prior.and_then(|prior| prior.args.tags.as_ref()))?;
    Ok(State {
        args: Args {
            cluster_name: Some(place.cluster.clone()),
            principal_arn: principal.clone(),
            r#type: NodeType(found.kind),
            method: prior.map_or(Method::Auto, |prior| prior.args.method),
            tags: own,
            region: Some(place.region.clone()),
            timeouts: prior.and_then(|prior| prior.args.timeouts.clone()),
        },
        outputs: Outputs {
            cluster_name: place.cluster.clone(),
            effective_method: Method::AccessEntry,
            username: found.username,
            groups: found.groups,
            access_entry_arn: Some(found.arn),
            region: place.region.clone(),
            tags_all,
        },
    })
}

async fn read_map(
    place: Place,
    principal: &RoleArn,
    prior: Option<&State<NodeAccess>>,
    cx: &Context,
) -> Result<Option<State<NodeAccess>>> {
    let client = match cluster::reach(&place.cluster, Some(&place.region), cx).await? {
        Connection::Open(client) => client,
        Connection::Gone => return Ok(None),
        Connection::Unknown(why) => return prior.cloned().map(Some).ok_or(why),
    };
    let arn = without_path(principal.as_str());
    let wanted = prior.map_or_else(|| Entry { arn, username: String::new(), groups: BTreeSet::new() }, entry_of);
    let found = match client.aws_auth_entry(List::Roles, &wanted).await {
        Err(error) if error.is_unreachable() && place.is_being_deleted(cx).await => return Ok(None),
        found => explained(found, "Could not read the nodes' entry of aws-auth", None, cx).await?,
    };
    Ok(found.map(|found| state_of_map(&place, principal, found, prior)))
}

/// Builds the state from an aws-auth entry.
#[must_use]
pub fn state_of_map(
    place: &Place,
    principal: &RoleArn,
    found: Entry,
    prior: Option<&State<NodeAccess>>,
) -> State<NodeAccess> {
    let kind = if found.username.contains("EC2PrivateDNSName") {
        AccessEntryType::Ec2Linux
    } else {
        AccessEntryType::HybridLinux
    };
    State {
        args: Args {
            cluster_name: Some(place.cluster.clone()),
            principal_arn: principal.clone(),
            r#type: prior.map_or(NodeType(kind), |prior| prior.args.r#type.clone()),
            method: prior.map_or(Method::Auto, |prior| prior.args.method),
            tags: prior.and_then(|prior| prior.args.tags.clone()),
            region: Some(place.region.clone()),
            timeouts: prior.and_then(|prior| prior.args.timeouts.clone()),
        },
        outputs: outputs(place.clone(), found),
    }
}

pub(super) fn outputs(place: Place, entry: Entry) -> Outputs {
    Outputs {
        cluster_name: place.cluster,
        effective_method: Method::AwsAuth,
        username: entry.username,
        groups: entry.groups,
        access_entry_arn: None,
        region: place.region,
        tags_all: BTreeMap::new(),
    }
}

/// The aws-auth entry as recorded in state.
pub(super) fn entry_of(state: &State<NodeAccess>) -> Entry {
    Entry {
        arn: without_path(state.args.principal_arn.as_str()),
        username: state.outputs.username.clone(),
        groups: state.outputs.groups.clone(),
    }
}
