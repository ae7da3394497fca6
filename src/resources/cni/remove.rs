//! How a CNI is removed.

use std::time::{Duration, Instant};

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Span;
use framework::resource::State;

use super::install::BEFORE;
use super::site::{give_vpc_cni, is_ready, progress};
use super::upgrade::unfinished;
use super::wanted::{Product, Wanted};
use super::{Cni, cleanup, told};
use crate::attributes::cluster::{Reached, reach_to_remove, told as told_kube};
use crate::attributes::{ClusterName, Region};
use crate::kube::release::{Releases, Removal};
use crate::kube::{Client, Resource};
use crate::provider::Context;

/// How long a removal may take.
pub(super) const DELETE_TIMEOUT: Duration = Duration::from_mins(10);

pub(super) async fn delete(state: &State<Cni>, cx: &Context) -> Result<()> {
    let outputs = &state.outputs;
    let (cluster, region) = (&outputs.cluster_name, &outputs.region);
    let client = match reach_to_remove(cluster, Some(region), cx).await? {
        Reached::Open(client) => client,
        Reached::Gone => {
            tracing::info!(%cluster, "the cluster is gone, and the CNI with it");
            return Ok(());
        }
        Reached::Unknown => {
            return Err(Diagnostic::error(
                "Could not remove the CNI",
                "The provider's configuration is not known. Nothing was changed.",
            )
            .into());
        }
    };
    let given = state.args.timeouts.as_ref().and_then(|timeouts| timeouts.delete.as_ref());
    let deadline = Instant::now() + given.map_or(DELETE_TIMEOUT, Span::duration);
    match take_away(state, &client, deadline, cx).await {
        Ok(()) => Ok(()),
        Err(faults) => {
            if is_going(cluster, region, cx).await {
                tracing::info!(%cluster, "the cluster is being deleted, and the CNI with it");
                return Ok(());
            }
            Err(faults)
        }
    }
}

pub(super) async fn take_away(state: &State<Cni>, client: &Client, deadline: Instant, cx: &Context) -> Result<()> {
    let outputs = &state.outputs;
    let wanted = Wanted::of(&state.args).ok_or_else(|| Diagnostic::bug("Neither `cilium` nor `calico` is set."))?;
    let summary = format!("Could not remove {}", wanted.name());
    let left = || deadline.saturating_duration_since(Instant::now());
    // Where a whole system goes, its nodes go first.
    let nodes = told_kube(client.list(&Resource::NODE, None, None).await, &summary, None, cx).await?;
    let disable_hooks = !nodes.iter().any(is_ready);
    if disable_hooks {
        tracing::info!("no node is Ready, so the release's hooks cannot run and are left out");
    }
    let removal = Removal { timeout: left(), disable_hooks, ..Removal::default() };
    let releases = Releases::new(client);
    let removed = releases.uninstall(&outputs.release_namespace, &outputs.release_name, &removal, &progress).await;
    match removed {
        Ok(None) => tracing::info!("the release is gone already"),
        Ok(Some(removed)) => {
            told::warn(&removed.warnings, cx);
            let stays: Vec<String> = removed.kept.into_iter().chain(removed.not_ours).collect();
            if !stays.is_empty() {
                cx.report(Diagnostic::warning(
                    "Some objects of the release stay",
                    format!("They are marked to be kept, or belong to somebody else by now: {}.", stays.join(", ")),
                ));
            }
        }
        Err(failure) => return Err(told::failed(&summary, &failure, Some(&wanted), cx).await),
    }
    if state.args.cleanup_on_destroy {
        let before = cx.private(BEFORE).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        cleanup::remove(client, &wanted.product, &before, left(), cx).await?;
    }
    if state.args.remove_vpc_cni || unfinished(cx).is_some_and(|was_removed| was_removed) {
        give_vpc_cni(client, &summary, "The release is removed", cx).await?;
    }
    let hosts = match wanted.product {
        Product::Cilium(_) => "the links cilium_host, cilium_net and cilium_vxlan, the routes into the pods' networks",
        Product::Operator(_) | Product::Manifest(_) => "the link vxlan.calico, the routes into the pods' networks",
    };
    cx.report(Diagnostic::warning(
        format!("{} leaves something on the hosts", wanted.name()),
        format!(
            "Each node that has run it keeps {hosts}, and its files in /etc/cni/net.d and /opt/cni/bin. Remove the files and restart the node before another CNI takes its place."
        ),
    ));
    Ok(())
}

/// Whether the cluster is on its way out: then its API server may be gone already.
pub(super) async fn is_going(cluster: &ClusterName, region: &Region, cx: &Context) -> bool {
    let Some(aws) = cx.try_clients().and_then(crate::provider::Clients::known_aws) else { return false };
    match aws.with_cancel(cx.cancel().clone()).eks(Some(region.as_str())).cluster(cluster.as_str()).await {
        Ok(found) => found.status == "DELETING",
        Err(error) => error.is_not_found(),
    }
}
