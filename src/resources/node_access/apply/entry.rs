//! Access through an EKS access entry.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::path::Path;
use framework::resource::State;
use jiff::Timestamp;

use super::{NOT_GIVEN, NOT_REMOVED, still_there};
use crate::aws;
use crate::aws::eks::{AccessEntry, AccessEntrySpec, AccessEntryType};
use crate::resources::node_access::{Args, Method, NodeAccess, Outputs, place_of};
use crate::session::place::{Place, SETTLE_TIMEOUT};
use crate::session::{Context, explain, tags};

/// How long to wait for an IAM role to become visible to EKS.
const ROLE_TIMEOUT: Duration = Duration::from_mins(2);

pub(super) async fn create(args: &Args, place: Place, cx: &Context) -> Result<Outputs> {
    let tags_all = tags::merged_for(cx, args.tags.as_ref())?;
    let principal = args.principal_arn.as_str();
    let spec = AccessEntrySpec {
        principal_arn: principal.to_owned(),
        kind: args.r#type.0.clone(),
        username: None,
        groups: BTreeSet::new(),
        tags: tags_all.clone(),
    };
    let cluster = place.cluster.as_str();
    // An entry that already exists belongs to someone else. Without permission to read it, only EKS's own error
    // reveals it.
    let was_absent = match place.eks(cx)?.access_entry(cluster, principal).await {
        Ok(found) => return Err(taken(&place, principal, Some(&found.kind), None).into()),
        Err(error) if error.is_not_found() => true,
        Err(error) if error.is_cancelled() => return Err(not_created(&place, principal, &error)),
        Err(error) => {
            tracing::info!("whether `{principal}` has an access entry already is not known: {error}");
            false
        }
    };
    let eks = place.eks(cx)?.settling_within(cx.time_left(ROLE_TIMEOUT).min(ROLE_TIMEOUT));
    let progress = |settling: &crate::aws::eks::Settling| {
        tracing::info!(waited_s = settling.waited.as_secs(), "waiting until EKS knows the role `{principal}`");
    };
    let begun = Timestamp::now();
    let entry = match eks.create_access_entry(cluster, &spec, progress).await {
        Ok(entry) => entry,
        Err(error) if error.may_exist() => match look_again(&place, &spec, begun, cx).await {
            Now::Ours(entry) => entry,
            Now::Absent if was_absent => {
                cx.save(&uncertain_entry(&place, args, tags_all));
                return Err(uncertain(
                    &error,
                    "Whether the access entry was created is not known. It is recorded in the state, and the next plan looks.",
                ));
            }
            Now::Others(kind) => return Err(taken(&place, principal, Some(&kind), Some(&error)).into()),
            Now::Absent | Now::Unknown => {
                return Err(uncertain(
                    &error,
                    &format!(
                        "Whether the access entry was created is not known, and it is not recorded in the state. If `aws eks describe-access-entry --cluster-name {cluster} --principal-arn {principal}` shows one that nobody else made, import it: `terraform import ekshybrid_node_access.NAME '{}'`.",
                        place.import_id(principal)
                    ),
                ));
            }
        },
        Err(error) if matches!(error.kind(), aws::Kind::InUse) => {
            let found = place.eks(cx)?.access_entry(cluster, principal).await.ok();
            return Err(taken(&place, principal, found.as_ref().map(|found| &found.kind), Some(&error)).into());
        }
        Err(error) => return Err(not_created(&place, principal, &error)),
    };
    Ok(Outputs {
        cluster_name: place.cluster,
        effective_method: Method::AccessEntry,
        username: entry.username,
        groups: entry.groups,
        access_entry_arn: Some(entry.arn),
        region: place.region,
        tags_all,
    })
}

/// What exists after a creation whose response was lost.
enum Now {
    /// An entry that this creation created.
    Ours(AccessEntry),
    /// None.
    Absent,
    /// An entry that someone else created.
    Others(AccessEntryType),
    /// EKS cannot be reached.
    Unknown,
}

/// Looks for the entry with a cancellation token of its own, which Terraform's stop does not cancel.
async fn look_again(place: &Place, spec: &AccessEntrySpec, begun: Timestamp, cx: &Context) -> Now {
    let look = async {
        let eks = place.eks_to_settle(cx)?;
        Ok::<_, Diagnostics>(eks.access_entry(place.cluster.as_str(), &spec.principal_arn).await)
    };
    match tokio::time::timeout(SETTLE_TIMEOUT, look).await {
        Ok(Ok(Ok(entry))) if entry.is_made_from(spec, begun) => Now::Ours(entry),
        Ok(Ok(Ok(entry))) => Now::Others(entry.kind),
        Ok(Ok(Err(error))) if error.is_not_found() => Now::Absent,
        Ok(Ok(Err(_)) | Err(_)) | Err(_) => Now::Unknown,
    }
}

/// An entry whose creation was in flight when Terraform asked to stop, and that did not exist before: the next
/// refresh finds it, or finds that it does not exist.
fn uncertain_entry(place: &Place, args: &Args, tags_all: BTreeMap<String, String>) -> Outputs {
    let (username, groups) = args.r#type.identity();
    Outputs {
        cluster_name: place.cluster.clone(),
        effective_method: Method::AccessEntry,
        username: username.to_owned(),
        groups,
        access_entry_arn: None,
        region: place.region.clone(),
        tags_all,
    }
}

fn uncertain(error: &aws::Error, left: &str) -> Diagnostics {
    explain(NOT_GIVEN, error, Some(left))
}

fn taken(place: &Place, principal: &str, kind: Option<&AccessEntryType>, error: Option<&aws::Error>) -> Diagnostic {
    let kind = kind.map(|kind| format!(" of type {kind}")).unwrap_or_default();
    let why = error.map(|error| format!(": {error}")).unwrap_or_default();
    Diagnostic::error(
        "The role has access already",
        format!(
            "`{principal}` has an access entry{kind} in {place}. Somebody else may manage it, so it was left as it is{why}.\n\nTo manage it here, import it: `terraform import ekshybrid_node_access.NAME '{}'`. Otherwise remove it where it is managed; managed node groups create their role's entry themselves.",
            place.import_id(principal)
        ),
    )
    .at(Path::attribute(Args::NAMES.principal_arn))
}

fn not_created(place: &Place, principal: &str, error: &aws::Error) -> Diagnostics {
    if error.message().is_some_and(|text| text.to_ascii_lowercase().contains("invalid principal")) {
        return Diagnostic::error(
            NOT_GIVEN,
            format!(
                "EKS does not know the role `{principal}`: {error}.\n\nNothing was created.\n\nCheck that the role exists in this account, and that its path is in the ARN when it has one. A role that the same apply creates is retried until IAM shows it; refer to its resource (`aws_iam_role.NAME.arn`)."
            ),
        )
        .at(Path::attribute(Args::NAMES.principal_arn))
        .into();
    }
    if error.missing_permission() == Some("iam:PassRole") {
        return Diagnostic::error(
            NOT_GIVEN,
            format!(
                "{error}.\n\nNothing was created in {place}.\n\nAn access entry of type EC2_LINUX hands the role to EC2, so the caller needs `iam:PassRole` on `{principal}`."
            ),
        )
        .at(Path::attribute(Args::NAMES.principal_arn))
        .into();
    }
    explain(NOT_GIVEN, error, Some("Nothing was created."))
}

/// Brings the tags managed here in line with the configuration.
pub(super) async fn change_tags(prior: &State<NodeAccess>, args: &Args, cx: &Context) -> Result<Outputs> {
    let mut outputs = prior.outputs.clone();
    let Some(arn) = outputs.access_entry_arn.clone() else { return Ok(outputs) };
    let wanted = tags::merged_for(cx, args.tags.as_ref())?;
    let place = place_of(prior);
    let eks = place.eks(cx)?;
    let failed = |error: aws::Error| explain("Could not change the tags of the access entry", &error, None);
    let gone = tags::dropped_for(cx, &outputs.tags_all, &wanted)?;
    eks.remove_tags(&arn, &gone).await.map_err(failed)?;
    let new: BTreeMap<String, String> = wanted
        .iter()
        .filter(|(key, value)| outputs.tags_all.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    eks.add_tags(&arn, &new).await.map_err(failed)?;
    outputs.tags_all = wanted;
    Ok(outputs)
}

/// Deletes the access entry. A missing entry is no error; one that someone else created in its place is kept.
pub(super) async fn remove(state: &State<NodeAccess>, cx: &Context) -> Result<()> {
    let place = place_of(state);
    let principal = state.args.principal_arn.as_str();
    let eks = place.eks(cx)?;
    if let Some(own) = &state.outputs.access_entry_arn
        && let Ok(found) = eks.access_entry(place.cluster.as_str(), principal).await
        && found.arn != *own
    {
        cx.report(Diagnostic::warning(
            "Another access entry stays",
            format!(
                "`{principal}` has the access entry `{}` in {place}, and this resource created `{own}`, which does not exist any more. The present one was left as it is.",
                found.arn
            ),
        ));
        return Ok(());
    }
    let removed = eks.delete_access_entry(place.cluster.as_str(), principal).await;
    removed.map_err(|error| explain(NOT_REMOVED, &error, Some(still_there(error.is_cancelled()))))
}
