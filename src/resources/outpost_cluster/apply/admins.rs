//! Grants administrators access, and takes it away: by access entries, or in the ConfigMap aws-auth.

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::path::Path;

use super::super::read::admins::{MADE, MASTERS, entry_of, is_administrator, is_made};
use super::super::{Administrator, Args, Mode};
use crate::aws::eks::{ADMINISTRATOR, AccessEntrySpec, AccessEntryType, Cluster};
use crate::kube::aws_auth::{Added, Changed};
use crate::session::cluster::{Connection, connect, reach_to_remove};
use crate::session::explain::explained;
use crate::session::place::Place;
use crate::session::{Context, explain};

const NOT_GRANTED: &str = "Could not make a principal administrator of the cluster";
const NOT_REVOKED: &str = "Could not take an administrator's access away";

fn is_map_only(found: &Cluster) -> bool {
    Mode::as_found(found.authentication_mode.as_deref().unwrap_or_default()).is_map_only()
}

/// Grants each of them access, whatever becomes of the others. What could not be granted is returned.
pub(super) async fn grant(
    wanted: &BTreeSet<Administrator>,
    found: &Cluster,
    place: &Place,
    cx: &Context,
) -> Diagnostics {
    let mut faults = Diagnostics::new();
    for admin in wanted {
        let granted =
            if is_map_only(found) { into_map(admin, place, cx).await } else { by_entry(admin, found, place, cx).await };
        if let Err(why) = granted {
            faults.append(why);
        }
    }
    faults
}

async fn by_entry(admin: &Administrator, found: &Cluster, place: &Place, cx: &Context) -> Result<()> {
    let eks = place.eks(cx)?;
    let (cluster, arn) = (place.cluster.as_str(), admin.as_str());
    let failed = |error| explain(NOT_GRANTED, &error, Some(&format!("`{arn}` is no administrator of {place}.")));
    match eks.access_entry(cluster, arn).await {
        // Whoever has access keeps it as it is.
        Ok(_) if is_administrator(&eks, cluster, arn).await.map_err(failed)? => return Ok(()),
        Ok(entry) if !entry.tags.contains_key(MADE) => {
            return Err(Diagnostic::error(
                NOT_GRANTED,
                format!("`{arn}` has an access entry in {place} already, without the policy {ADMINISTRATOR} for the whole cluster. Somebody else may manage it, so it was left as it is."),
            )
            .remedy("Associate the policy where the entry is managed, or leave this principal out.")
            .at(Path::attribute(Args::NAMES.admins))
            .into());
        }
        Ok(_) => {}
        Err(error) if error.is_not_found() => {
            let spec = AccessEntrySpec {
                principal_arn: arn.to_owned(),
                kind: AccessEntryType::Standard,
                username: None,
                groups: BTreeSet::new(),
                tags: BTreeMap::from([(MADE.to_owned(), cluster.to_owned())]),
            };
            let progress = |settling: &crate::aws::eks::Settling| {
                tracing::info!(waited_s = settling.waited.as_secs(), "waiting until EKS knows the principal `{arn}`");
            };
            eks.create_access_entry(cluster, &spec, progress).await.map_err(failed)?;
        }
        Err(error) => return Err(failed(error)),
    }
    let partition = found.arn.split(':').nth(1).unwrap_or("aws");
    let policy = format!("arn:{partition}:eks::aws:cluster-access-policy/{ADMINISTRATOR}");
    eks.associate_access_policy(cluster, arn, &policy).await.map_err(failed)
}

async fn into_map(admin: &Administrator, place: &Place, cx: &Context) -> Result<()> {
    let client = connect(&place.cluster, Some(&place.region), cx).await?;
    let (list, entry) = entry_of(admin);
    let added = client.add_aws_auth_entry(list, &entry).await;
    let left = format!("`{}` is no administrator of {place}.", admin.as_str());
    match explained(added, NOT_GRANTED, Some(&left), cx).await? {
        Added::Done => Ok(()),
        Added::Exists(found) if found.groups.contains(MASTERS) => Ok(()),
        Added::Exists(found) => Err(Diagnostic::error(
            NOT_GRANTED,
            format!(
                "`{}` of ConfigMap kube-system/aws-auth of {place} holds an entry for `{}` without the group `{MASTERS}`. Somebody else may manage it, so it was left as it is.",
                list.member(),
                found.arn
            ),
        )
        .remedy("Add the group where the entry is managed, or leave this principal out.")
        .at(Path::attribute(Args::NAMES.admins))
        .into()),
    }
}

/// Takes the access of each away that this resource has granted.
pub(super) async fn revoke(
    former: &BTreeSet<Administrator>,
    found: &Cluster,
    place: &Place,
    cx: &Context,
) -> Diagnostics {
    let mut faults = Diagnostics::new();
    for admin in former {
        let revoked =
            if is_map_only(found) { out_of_map(admin, place, cx).await } else { without_entry(admin, place, cx).await };
        if let Err(why) = revoked {
            faults.append(why);
        }
    }
    faults
}

async fn without_entry(admin: &Administrator, place: &Place, cx: &Context) -> Result<()> {
    let eks = place.eks(cx)?;
    let (cluster, arn) = (place.cluster.as_str(), admin.as_str());
    if !is_made(&eks, cluster, arn).await {
        stays(admin, place, "its access entry was not created by this resource", cx);
        return Ok(());
    }
    eks.delete_access_entry(cluster, arn).await.map_err(|error| {
        explain(NOT_REVOKED, &error, Some(&format!("`{arn}` may still be an administrator of {place}.")))
    })
}

async fn out_of_map(admin: &Administrator, place: &Place, cx: &Context) -> Result<()> {
    let client = match reach_to_remove(&place.cluster, Some(&place.region), cx).await? {
        Connection::Open(client) => client,
        Connection::Gone => return Ok(()),
        Connection::Unknown(why) => return Err(why),
    };
    let (list, entry) = entry_of(admin);
    let present = client.aws_auth_entry(list, &entry).await;
    let present = explained(present, NOT_REVOKED, None, cx).await?;
    if present.as_ref().is_some_and(|present| *present != entry) {
        stays(admin, place, "its entry in aws-auth is not as this resource writes it", cx);
        return Ok(());
    }
    let removed = client.remove_aws_auth_entry(list, &entry).await;
    let left = format!("`{}` may still be an administrator of {place}.", admin.as_str());
    match explained(removed, NOT_REVOKED, Some(&left), cx).await? {
        Changed::Done | Changed::Absent => Ok(()),
        Changed::Ambiguous => {
            stays(admin, place, "aws-auth holds several entries for it", cx);
            Ok(())
        }
    }
}

fn stays(admin: &Administrator, place: &Place, why: &str, cx: &Context) {
    cx.report(
        Diagnostic::warning(
            "Administrator keeps access",
            format!("`{}` may still be an administrator of {place}: {why}.", admin.as_str()),
        )
        .remedy("Remove the access where it is managed."),
    );
}
