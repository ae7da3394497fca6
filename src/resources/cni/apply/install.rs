//! How a CNI is installed.

use std::collections::BTreeSet;
use std::time::Duration;

use framework::diagnostic::{Diagnostics, Result};
use framework::resource::State;
use tokio_util::sync::CancellationToken;

use crate::cni::{
    definitions,
    pool::{self, Pool},
    prepared::Loaded,
};
use crate::kube::{
    Kind,
    release::{Error, Failure, Left, Objects, Options, Releases},
};
use crate::resources::cni::{
    Args, Cni, Outputs,
    apply::{
        cleanup::{After, Cleanup},
        promise::prepare,
        site::{Site, load, open, outputs, progress, wait_for_nodes},
    },
    aws_node, messages,
    notes::{self, note_applied, note_failed},
    offline,
    plan::pools,
};
use crate::session::{Context, aws_region, explain, explain::explain_kube};

/// How long deleting the definitions may take after a failed installation is removed again.
const DEFINITIONS_TIMEOUT: Duration = Duration::from_mins(1);

pub(crate) async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
    // Notes of the object that this one replaces.
    notes::forget_replaced(cx);
    let cluster = cx.clients()?.cluster_name(args.cluster_name.as_ref())?;
    let region = aws_region(args.region.as_ref(), cx).await?;
    let given = args.timeouts.as_ref().and_then(|timeouts| timeouts.create.as_ref());
    let mut site = open(args, cluster, region, given, cx).await?;
    let summary = format!("Could not install {}", site.wanted.name());
    let eks = cx.clients()?.aws()?.eks(Some(site.region.as_str()));
    let described = eks.cluster(site.cluster.as_str()).await.map_err(|error| explain(&summary, &error, None))?;
    let pod_cidrs = site.wanted.pod_cidrs().unwrap_or_else(|| pool::default(&described));
    if let Some(fault) = pools::too_many(&site.wanted, &pod_cidrs) {
        return Err(fault.into());
    }
    let loaded = load(&site, &pod_cidrs, None).await?;
    let faults = pools::check_networks(&site.wanted, &loaded.pool, 0, &described, &site.region, cx).await;
    if faults.has_errors() {
        return Err(faults);
    }
    let prepared = prepare(&site, loaded, None).await?;
    let before = match definitions::existing(&site.client, &site.wanted.product).await {
        Ok(before) => Some(before),
        // The caller can install without the permission to list them. It is then unknown which existed before, and none
        // is deleted.
        Err(error) if matches!(error.kind(), Kind::Forbidden { .. }) => None,
        Err(error) => return Err(explain_kube(&summary, &error, Some("Nothing was changed."), cx).await),
    };
    let first_labels = before.as_ref().map(notes::labels).unwrap_or_default();
    let (nodes, ready_nodes) = site.nodes(&summary).await?;
    site.allow_for(nodes);
    let options = Options { first_labels, undo_without_hooks: ready_nodes == 0, ..site.options(args, nodes) };
    let options = prepared.applied_as(options);
    if nodes == 0 {
        tracing::info!("no node of the selector is there yet, so pods are not waited for");
    }
    if args.remove_vpc_cni
        && let Err(mut faults) = aws_node::remove(site.aws_node(), &summary).await
    {
        // No state exists yet that could lead to a restoration.
        faults.append(aws_node::undo_removal(site.aws_node(), &summary).await);
        return Err(faults);
    }
    let Loaded { chart, values, pool, .. } = &prepared.loaded;
    let installed = site.releases.install(chart, &values.all, &options, &progress).await;
    let outputs = match installed {
        Ok(outcome) => {
            messages::warn(&outcome.warnings, cx);
            offline::tell(&outcome.passed_over, cx);
            outputs(&site, &outcome.release, &outcome.objects, None)
        }
        Err(failure) => {
            let mut faults = stop(&site, &failure, &summary, None).await;
            if matches!(failure.left, Left::Removed) {
                faults = undo_definitions(&site, before, pool, faults).await;
            }
            if args.remove_vpc_cni && failure.left.exists() {
                faults = faults.left(
                    "DaemonSet kube-system/aws-node is removed, and kept in the ConfigMap kube-system/ekshybrid-aws-node. Destroying this resource restores it.",
                );
            } else if args.remove_vpc_cni {
                // Otherwise the nodes would have no CNI at all.
                faults.append(aws_node::undo_removal(site.aws_node(), &summary).await);
            }
            return Err(faults);
        }
    };
    note_applied(&outputs, cx);
    cx.save(&outputs);
    wait_for_nodes(&site, args, &summary).await?;
    Ok(outputs)
}

/// Deletes the definitions of an installation that is removed again: those that did not exist when it began and hold no
/// objects of others. Returns the installation's errors, with the outcome added.
async fn undo_definitions(
    site: &Site<'_>,
    before: Option<BTreeSet<String>>,
    pool: &Pool,
    mut faults: Diagnostics,
) -> Diagnostics {
    if before.is_none() {
        return faults.left("Custom resource definitions of its chart may still exist: the caller may not list them, so it is not known which of them are new.");
    }
    let pool = pool.cidrs.iter().cloned().collect();
    let after = After::FailedInstallation;
    let cleanup = Cleanup { wanted: &site.wanted, before, pool, with_objects: false, after };
    match cleanup.run(&site.client, DEFINITIONS_TIMEOUT, site.cx).await {
        Ok(0) => faults,
        Ok(_) => faults.left("The custom resource definitions that it created are deleted too."),
        Err(more) => {
            faults.append(more);
            faults
        }
    }
}

/// Explains a failure, and records what exists of the release.
pub(crate) async fn stop(site: &Site<'_>, failure: &Failure, summary: &str, prior: Option<&State<Cni>>) -> Diagnostics {
    messages::warn(&failure.warnings, site.cx);
    // If the former state is restored, so are the former arguments.
    if failure.left.exists() && !matches!(failure.left, Left::RolledBack { .. }) {
        // Even if Terraform has asked to stop.
        let releases = Releases::new(&site.client.with_cancel(CancellationToken::new()));
        if let Ok(Some(current)) = releases.current(site.wanted.namespace(), site.wanted.release()).await {
            if current.entry.by_this_provider
                && failure.left.revision().is_some_and(|own| own <= current.entry.revision)
            {
                note_failed(current.entry.revision, site.cx);
            }
            match Objects::of_release(&current.release) {
                Ok(objects) => site.cx.save(&outputs(site, &current.release, &objects, prior)),
                Err(error) => messages::unreadable(&error).0.into_iter().for_each(|fault| site.cx.report(fault)),
            }
        }
    }
    if matches!(failure.error, Error::Exists { .. }) {
        return messages::exists(&site.wanted, &site.cluster, &site.region).into();
    }
    if prior.is_none() {
        return messages::not_installed(summary, failure, &site.wanted, site.cx).await;
    }
    messages::failed(summary, failure, Some(&site.wanted), site.cx).await
}
