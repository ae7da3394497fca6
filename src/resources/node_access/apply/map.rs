//! Access through an entry in the ConfigMap aws-auth.

use framework::diagnostic::{Diagnostic, Result};
use framework::path::Path;
use framework::resource::State;

use super::{NOT_GIVEN, NOT_REMOVED, still_there};
use crate::attributes::principal::without_path;
use crate::kube;
use crate::kube::aws_auth::{Added, Changed, Entry, List};
use crate::resources::node_access::read::{entry_of, outputs};
use crate::resources::node_access::{Args, NodeAccess, Outputs, place_of};
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

/// Restores the aws-auth entry to what nodes need if someone has changed it.
pub(super) async fn repair(prior: &State<NodeAccess>, cx: &Context) -> Result<Outputs> {
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

/// Removes the entry from the map.
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
