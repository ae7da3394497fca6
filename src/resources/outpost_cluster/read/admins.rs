//! Who administers a local cluster.

use std::collections::BTreeSet;

use framework::resource::State;

use super::super::{Administrator, Mode, OutpostCluster};
use crate::attributes::principal::without_path;
use crate::aws;
use crate::aws::eks::{ADMINISTRATOR, Client, Cluster};
use crate::kube::aws_auth::{Entry, List};
use crate::session::Context;
use crate::session::cluster::{Connection, reach};
use crate::session::place::Place;

/// Tag of the access entries that this resource creates.
pub(in super::super) const MADE: &str = "ekshybrid:administrator";
/// Group of administrators in aws-auth.
pub(in super::super) const MASTERS: &str = "system:masters";

/// The administrators among those that the state names; right after an import, those whom this resource has made
/// administrators. Where nothing can be found out, those of the state. `None`: nobody is known.
pub(super) async fn read(
    found: &Cluster,
    prior: Option<&State<OutpostCluster>>,
    place: &Place,
    cx: &Context,
) -> Option<BTreeSet<Administrator>> {
    if found.endpoint.is_none() {
        return prior.and_then(|prior| prior.args.admins.clone());
    }
    let recorded = match prior {
        Some(prior) => Some(prior.args.admins.clone().filter(|admins| !admins.is_empty())?),
        None => None,
    };
    if Mode::as_found(found.authentication_mode.as_deref().unwrap_or_default()).is_map_only() {
        return in_map(recorded, place, cx).await;
    }
    let eks = place.eks(cx).ok()?;
    let named = match &recorded {
        Some(recorded) => recorded.iter().map(|admin| admin.as_str().to_owned()).collect(),
        None => eks.list_access_entries(place.cluster.as_str()).await.unwrap_or_default(),
    };
    let mut admins = BTreeSet::new();
    for arn in named {
        let counts = match is_administrator(&eks, place.cluster.as_str(), &arn).await {
            Ok(is_one) if recorded.is_none() => is_one && is_made(&eks, place.cluster.as_str(), &arn).await,
            Ok(is_one) => is_one,
            // Unknown is never absent.
            Err(error) => {
                tracing::info!("whether `{arn}` is an administrator could not be found out: {error}");
                recorded.is_some()
            }
        };
        if counts {
            admins.insert(Administrator::as_found(&arn));
        }
    }
    Some(admins)
}

/// Whether a principal has the policy of administrators for the whole cluster.
pub(in super::super) async fn is_administrator(eks: &Client, cluster: &str, arn: &str) -> Result<bool, aws::Error> {
    match eks.access_policies(cluster, arn).await {
        Ok(policies) => Ok(policies
            .iter()
            .any(|policy| policy.is_cluster_wide && policy.arn.ends_with(&format!("/{ADMINISTRATOR}")))),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether this resource has created a principal's access entry.
pub(in super::super) async fn is_made(eks: &Client, cluster: &str, arn: &str) -> bool {
    eks.access_entry(cluster, arn).await.is_ok_and(|entry| entry.tags.contains_key(MADE))
}

/// The list and the entry of aws-auth for an administrator.
pub(in super::super) fn entry_of(admin: &Administrator) -> (List, Entry) {
    let arn = admin.as_str();
    let groups = [MASTERS.to_owned()].into();
    if arn.contains(":role/") {
        let arn = without_path(arn);
        let session = arn.replacen(":iam:", ":sts:", 1).replacen(":role/", ":assumed-role/", 1);
        return (List::Roles, Entry { username: format!("{session}/{{{{SessionName}}}}"), arn, groups });
    }
    (List::Users, Entry { arn: arn.to_owned(), username: arn.to_owned(), groups })
}

/// The administrators in aws-auth: those recorded that are there, or after an import everybody in the group.
async fn in_map(
    recorded: Option<BTreeSet<Administrator>>,
    place: &Place,
    cx: &Context,
) -> Option<BTreeSet<Administrator>> {
    let Ok(Connection::Open(client)) = reach(&place.cluster, Some(&place.region), cx).await else { return recorded };
    let mut present = Vec::new();
    for list in [List::Roles, List::Users] {
        match client.aws_auth_entries(list).await {
            Ok(entries) => present.extend(entries.into_iter().filter(|entry| entry.groups.contains(MASTERS))),
            Err(error) => {
                tracing::info!("the administrators in aws-auth could not be read: {error}");
                return recorded;
            }
        }
    }
    Some(match recorded {
        Some(recorded) => recorded
            .into_iter()
            .filter(|admin| present.iter().any(|entry| entry.is_for(&entry_of(admin).1.arn)))
            .collect(),
        None => present.into_iter().map(|entry| Administrator::as_found(&entry.arn)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_the_map() {
        for (arn, list, in_map, username) in [
            (
                "arn:aws:iam::111122223333:role/team/ops",
                List::Roles,
                "arn:aws:iam::111122223333:role/ops",
                "arn:aws:sts::111122223333:assumed-role/ops/{{SessionName}}",
            ),
            (
                "arn:aws:iam::111122223333:user/ann",
                List::Users,
                "arn:aws:iam::111122223333:user/ann",
                "arn:aws:iam::111122223333:user/ann",
            ),
        ] {
            let (found, entry) = entry_of(&Administrator::as_found(arn));
            assert_eq!((found, entry.arn.as_str(), entry.username.as_str()), (list, in_map, username));
        }
    }
}
