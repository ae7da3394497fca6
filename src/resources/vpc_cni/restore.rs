//! How the settings are undone: each variable is restored, unless others have changed it since.

use std::time::Duration;

use framework::diagnostic::{Diagnostic, Result};
use framework::resource::State;

use super::daemon_set::{self, NAME, NAMESPACE};
use super::notes::Record;
use super::site::{ATTEMPTS, Site, Stopped, stopped};
use super::{ManagedBy, Owner, VpcCni, through_addon, through_daemon_set};
use crate::aws::eks::Addon;
use crate::session::Context;
use crate::session::cluster::{Connection, reach_to_remove};
use crate::session::place::Place;

const SUMMARY_BACK: &str = "Could not restore the settings of the VPC CNI";
/// Default timeout of a removal.
const DELETE_TIMEOUT: Duration = Duration::from_mins(10);

pub(super) fn plan_delete(state: &State<VpcCni>, cx: &Context) {
    if state.args.custom_networking == Some(true) {
        cx.report(Diagnostic::warning(
            "Custom networking ends for running nodes",
            format!(
                "This takes `custom_networking` of cluster `{}` back to what it was before, and aws-node restarts on every node. Where it was off, new pods get addresses of their node's subnet and security groups. Pods and network interfaces that exist keep theirs until the nodes are replaced, and lose their network when the subnets or security groups of the ENIConfigs are deleted before that.\n\nReplace or remove the nodes in the same step.",
                state.outputs.cluster_name
            ),
        ));
    }
    if Record::of(cx, None, Owner::DaemonSet).is_none() {
        cx.report(Diagnostic::warning(
            "aws-node may keep these settings",
            format!(
                "What aws-node of cluster `{}` was set to before is not recorded in the state. If the DaemonSet's annotation does not tell it either, the settings stay as they are.",
                state.outputs.cluster_name
            ),
        ));
    }
}

pub(super) async fn delete(state: &State<VpcCni>, cx: &Context) -> Result<()> {
    let outputs = &state.outputs;
    let (cluster, region) = (outputs.cluster_name.clone(), outputs.region.clone());
    let client = match reach_to_remove(&cluster, Some(&region), cx).await? {
        Connection::Open(client) => client,
        Connection::Gone => {
            tracing::info!(%cluster, "the cluster is gone, and the settings with it");
            return Ok(());
        }
        Connection::Unknown(why) => return Err(why),
    };
    let deadline = cx.deadline(DELETE_TIMEOUT);
    // Settings ever made in the add-on's values are removed from them, whatever the configuration says now.
    let mode = Record::of(cx, None, Owner::DaemonSet).filter(|record| !record.through_addon).map(|record| record.mode);
    let site = Site { client, cluster, region, mode: mode.unwrap_or(ManagedBy::Auto), deadline, cx };
    match take_back(&site).await {
        Ok(()) => Ok(()),
        Err(Stopped::Changed) if cx.cancel().is_cancelled() => Err(Diagnostic::error(
            SUMMARY_BACK,
            format!("Terraform asked to stop before DaemonSet {NAMESPACE}/{NAME} in cluster `{}` was written. What is not restored yet is still recorded in the state. Destroy again to continue.", site.cluster),
        )
        .into()),
        Err(Stopped::Changed) => Err(Diagnostic::error(
            SUMMARY_BACK,
            format!("DaemonSet {NAMESPACE}/{NAME} in cluster `{}` keeps being changed by other clients. Destroy again once it is stable.", site.cluster),
        )
        .into()),
        Err(Stopped::Told(faults)) => {
            let place = Place { cluster: site.cluster.clone(), region: site.region.clone() };
            if place.is_being_deleted(cx).await {
                tracing::info!(cluster = %site.cluster, "the cluster is being deleted, and the settings with it");
                return Ok(());
            }
            Err(faults)
        }
    }
}

/// Restores the previous values through the current owner of aws-node.
pub(super) async fn take_back(site: &Site<'_>) -> std::result::Result<(), Stopped> {
    let left = Some("Nothing was changed.");
    let Some(daemon_set) = stopped(daemon_set::find(&site.client).await, SUMMARY_BACK, left, site.cx).await? else {
        return Ok(());
    };
    let addon = site.addon().await?;
    let owner = if addon.is_some() { Owner::Addon } else { Owner::DaemonSet };
    let Some(record) = Record::of(site.cx, Some(&daemon_set), owner) else {
        tracing::warn!(cluster = %site.cluster, "what was there before is not known; the settings stay");
        return Ok(());
    };
    let record = record.completed(&daemon_set, owner);
    let names: Vec<&str> = record.variables.keys().map(String::as_str).collect();
    give_back(site, addon.as_ref(), &names, &record, true).await
}

/// EKS has updated the add-on, but the DaemonSet still has the settings.
fn not_back(site: &Site<'_>, names: &[&str]) -> Diagnostic {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    Diagnostic::error(
        SUMMARY_BACK,
        format!(
            "EKS has taken the configuration values of add-on vpc-cni in cluster `{cluster}` back, but DaemonSet {NAMESPACE}/{NAME} still has {}. As long as it has, new nodes may look for ENIConfigs that go away.\n\nWhat was there before is still recorded in the state and in the DaemonSet's annotation.\n\nHave EKS write them (`aws eks update-addon --cluster-name {cluster} --addon-name vpc-cni --resolve-conflicts OVERWRITE`), and destroy again.",
            names.join(", "),
            cluster = site.cluster,
        ),
    )
}

/// Restores variables through the owner, unless others have changed them since. `wholly`: the resource is destroyed.
pub(super) async fn give_back(
    site: &Site<'_>,
    addon: Option<&Addon>,
    names: &[&str],
    record: &Record,
    wholly: bool,
) -> std::result::Result<(), Stopped> {
    let mut changed_since = Vec::new();
    if let Some(addon) = addon {
        changed_since = through_addon::restore(site, addon, names, record).await?;
    }
    let cx = site.cx;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let left = Some("What is not restored yet is still recorded in the state.");
        let Some(daemon_set) = stopped(daemon_set::find(&site.client).await, SUMMARY_BACK, left, cx).await? else {
            return Ok(());
        };
        let found = daemon_set::environment(&daemon_set);
        let mut back = Vec::new();
        let mut kept = Vec::new();
        let mut still = Vec::new();
        for name in names {
            let Some(before) = record.variables.get(*name) else { continue };
            let now = found.get(*name).map(String::as_str);
            // With the add-on, EKS has just restored its own values; only what was taken from others, or is still owned
            // by this provider, is left to restore.
            let concerns = addon.is_none() || before.released || daemon_set::is_ours(&daemon_set, name);
            if !concerns {
                let others = daemon_set::claims(&daemon_set, name).iter().any(|claim| claim.manager != "eks");
                if !others && now.is_some() && now != before.value() && before.wrote(now) {
                    still.push(*name);
                }
                continue;
            }
            if now == before.value() && daemon_set::entry(&daemon_set, name).is_some() == before.entry.is_some() {
                kept.push(*name);
            } else if before.wrote(now)
                || daemon_set::is_ours(&daemon_set, name)
                || (addon.is_some() && before.released)
            {
                // Whoever changes a value owns it from then on: what this provider owns, it has written, even in a run
                // that was killed before it could record that.
                back.push(*name);
            } else {
                changed_since.push((*name).to_owned());
            }
        }
        if !still.is_empty() {
            return Err(Stopped::Told(not_back(site, &still).into()));
        }
        let unmark = wholly && daemon_set::note(&daemon_set).is_some();
        if !back.is_empty() || unmark {
            let restored = through_daemon_set::restore(&site.client, &daemon_set, &back, record, unmark).await;
            match stopped(restored, SUMMARY_BACK, left, cx).await {
                Err(Stopped::Changed) if attempts < ATTEMPTS && cx.sleep(Duration::from_millis(200)).await => continue,
                other => other?,
            }
        }
        let names: Vec<&str> = back.into_iter().chain(kept).collect();
        stopped(through_daemon_set::hand_back(&site.client, &names, record, wholly).await, SUMMARY_BACK, left, cx)
            .await?;
        break;
    }
    changed_since.sort();
    changed_since.dedup();
    for name in changed_since {
        cx.report(Diagnostic::warning(
            "A setting of aws-node was changed by somebody else and is kept",
            format!(
                "`{name}` in cluster `{}` is not what this resource has set it to, so it was left as it is. Before, it was {}.",
                site.cluster,
                record.variables.get(&name).and_then(super::notes::Before::value).map_or_else(
                    || "not set".to_owned(),
                    |value| format!("`{value}`")
                )
            ),
        ));
    }
    Ok(())
}
