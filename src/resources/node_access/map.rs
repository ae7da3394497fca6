//! Access by an entry of the ConfigMap aws-auth.

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostic, Result};
use framework::path::Path;
use framework::resource::State;

use super::{Args, Method, NOT_GIVEN, NOT_REMOVED, NodeAccess, NodeType, Outputs, place_of, still_there};
use crate::attributes::RoleArn;
use crate::attributes::principal::without_path;
use crate::aws::eks::AccessEntryType;
use crate::kube;
use crate::kube::aws_auth::{Added, Changed, Entry, List};
use crate::session::Context;
use crate::session::cluster::{self, Connection};
use crate::session::explain::explained;
use crate::session::place::Place;

pub(super) async fn create(args: &Args, place: Place, cx: &Context) -> Result<Outputs> {
    let client = cluster::connect(&place.cluster, Some(&place.region), cx).await?;
    let (username, groups) = args.r#type.identity();
    let entry = Entry { arn: without_path(args.principal_arn.as_str()), username: username.to_owned(), groups };
    let added = client.add_aws_auth_entry(List::Roles, &entry).await;
    let mut left = None;
    if let Err(error) = &added
        && error.may_exist()
    {
        // The list was read before: an entry that is equal now is this one.
        match cluster::settle(&client, async |client| client.aws_auth_entry(List::Roles, &entry).await).await {
            Some(Some(found)) if found == entry => return Ok(outputs(place, entry)),
            Some(_) => left = Some("The entry is not in aws-auth; nothing was added."),
            None => {
                left = Some("Whether the entry of aws-auth was added is not known; the next plan looks.");
                cx.save(&outputs(place.clone(), entry.clone()));
            }
        }
    }
    match explained(added, NOT_GIVEN, left, cx).await? {
        Added::Done => Ok(outputs(place, entry)),
        Added::Exists(found) => Err(already(&place, args.principal_arn.as_str(), &found).into()),
    }
}

fn already(place: &Place, principal: &str, found: &Entry) -> Diagnostic {
    Diagnostic::error(
        "The role has access already",
        format!(
            "`mapRoles` of ConfigMap kube-system/aws-auth of {place} holds an entry for `{}`, with user name `{}`. Somebody else may manage it, so it was left as it is.\n\nTo manage it here, import it: `terraform import ekshybrid_node_access.NAME '{}'`. Otherwise remove it where it is managed.",
            found.arn,
            found.username,
            place.import_id(principal)
        ),
    )
    .at(Path::attribute(Args::NAMES.principal_arn))
}

fn outputs(place: Place, entry: Entry) -> Outputs {
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

pub(super) async fn read(
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
    Ok(found.map(|found| state(&place, principal, found, prior)))
}

/// The state that an entry of aws-auth makes.
#[must_use]
pub fn state(place: &Place, principal: &RoleArn, found: Entry, prior: Option<&State<NodeAccess>>) -> State<NodeAccess> {
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

/// Puts the entry of aws-auth back to what nodes need, when somebody has changed it.
pub(super) async fn mend(prior: &State<NodeAccess>, cx: &Context) -> Result<Outputs> {
    let summary = "Could not change the nodes' access";
    let place = place_of(prior);
    let before = entry_of(prior);
    let (username, groups) = prior.args.r#type.identity();
    let after = Entry { arn: before.arn.clone(), username: username.to_owned(), groups };
    if before == after {
        return Ok(prior.outputs.clone());
    }
    let client = cluster::connect(&place.cluster, Some(&place.region), cx).await?;
    let changed = client.change_aws_auth_entry(List::Roles, &before, &after).await;
    match explained(changed, summary, None, cx).await? {
        Changed::Done => Ok(outputs(place, after)),
        Changed::Absent | Changed::Ambiguous => Err(Diagnostic::error(
            summary,
            format!("The entry for `{}` in aws-auth of {place} was changed since the plan. Nothing was changed.\n\nApply again.", before.arn),
        )
        .into()),
    }
}

/// Takes the entry out of the map.
pub(super) async fn remove(state: &State<NodeAccess>, cx: &Context) -> Result<()> {
    let place = place_of(state);
    let principal = state.args.principal_arn.as_str();
    let client = match cluster::reach_to_remove(&place.cluster, Some(&place.region), cx).await? {
        Connection::Open(client) => client,
        Connection::Gone => return Ok(()),
        Connection::Unknown(why) => return Err(why),
    };
    let removed = match client.remove_aws_auth_entry(List::Roles, &entry_of(state)).await {
        Err(error) if error.is_unreachable() && place.is_being_deleted(cx).await => return Ok(()),
        removed => removed,
    };
    let left = still_there(removed.as_ref().is_err_and(kube::Error::may_exist));
    match explained(removed, NOT_REMOVED, Some(left), cx).await? {
        Changed::Done | Changed::Absent => Ok(()),
        Changed::Ambiguous => Err(Diagnostic::error(
            NOT_REMOVED,
            format!(
                "`mapRoles` of ConfigMap kube-system/aws-auth of {place} holds several entries for `{principal}`, and none of them is as it was made here. Nothing was changed.\n\nRemove those that are not wanted by hand (`kubectl --namespace kube-system edit configmap aws-auth`) and apply again."
            ),
        )
        .into()),
    }
}

/// The entry of aws-auth as it is recorded.
fn entry_of(state: &State<NodeAccess>) -> Entry {
    Entry {
        arn: without_path(state.args.principal_arn.as_str()),
        username: state.outputs.username.clone(),
        groups: state.outputs.groups.clone(),
    }
}
