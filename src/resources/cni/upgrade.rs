//! How a CNI is changed.

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::note::Note;
use framework::resource::State;
use helm::{Data, Status, Values};
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use super::arguments::Cilium;
use super::imported::Imported;
use super::install::stop;
use super::promise::{PROMISED, check_promise};
use super::results::{self, applied, minor_of, note_applied};
use super::site::{Site, open, progress, ready, wait_for_nodes};
use super::wanted::{Product, Ready, Wanted};
use super::{Args, Cni, Outputs, cilium, hidden, ip_pool, offline, plan, read, summary, told, vpc_cni};
use crate::kube::Resource;
use crate::kube::offline::off;
use crate::kube::release::{Failure, Left, Options, Releases, Removal};
use crate::session::Context;
use crate::session::explain::explained as told_kube;

/// Private note: a change that has not come to its end, and whether aws-node was taken away before it. What follows the
/// release's upgrade could fail after the state has the new arguments, and would be forgotten.
pub(super) const UNFINISHED: Note<bool> = Note::named("unfinished");

/// What the note of an unfinished change says: whether aws-node was taken away before.
pub(super) fn unfinished(cx: &Context) -> Option<bool> {
    cx.noted(&UNFINISHED).says().copied()
}

/// Whether the last change has not come to its end.
pub(super) fn is_unfinished(cx: &Context) -> bool {
    unfinished(cx).is_some()
}

/// Whether the release is already what is wanted.
pub(super) fn is_same(prior: &State<Cni>, wanted: &Wanted, cx: &Context) -> bool {
    let outputs = &prior.outputs;
    let Some(installed) = Wanted::of(&prior.args) else { return false };
    if outputs.release_status != Status::Deployed.name() || installed.mirror != wanted.mirror {
        return false;
    }
    if !outputs.drifted_objects.is_empty() {
        return false;
    }
    // Somebody has brought other manifests, perhaps by the same values.
    if applied(cx).is_some_and(|applied| applied != outputs.manifest_digest) {
        return false;
    }
    let imported = match Imported::of(cx) {
        Some(_) if installed.product == wanted.product => return true,
        // Its values do not tell everything that made it.
        Some(imported) if imported.by_us => return false,
        other => other.is_some(),
    };
    let version = match (&wanted.product, &installed.product) {
        (Product::Cilium(now), Product::Cilium(then)) => {
            let source = |one: &Cilium| (one.repository.clone(), one.chart.clone(), one.sha256.clone());
            if !wanted.hides_as(&installed) || hidden_is_unknown(wanted, imported, cx) {
                return false;
            }
            if !imported && source(now) != source(then) {
                return false;
            }
            &now.version
        }
        (Product::Operator(now), Product::Operator(then)) => {
            if !imported && (&now.source, &now.sha256) != (&then.source, &then.sha256) {
                return false;
            }
            &now.version
        }
        // Its arguments are edits of the manifest itself.
        (Product::Manifest(now), Product::Manifest(then)) => return now == then,
        _ => return false,
    };
    let plain = |version: &str| version.trim_start_matches('v').to_owned();
    if version.as_deref().is_some_and(|version| plain(version) != plain(&outputs.chart_version)) {
        return false;
    }
    let pods = wanted.pod_cidrs().unwrap_or_else(|| outputs.pod_cidrs.clone());
    wanted
        .values(&pods, &outputs.chart_version, Some(&outputs.first_minor_version))
        .is_ok_and(|values| summary::yaml(&values.shown) == outputs.effective_values)
}

/// Whether hidden values that the state does not keep are to be set again: nobody knows what the cluster has.
fn hidden_is_unknown(wanted: &Wanted, imported: bool, cx: &Context) -> bool {
    wanted.hidden_version().is_some() && (imported || hidden::changed_in(cx).is_some())
}

pub(super) async fn update(prior: &State<Cni>, args: &Args, cx: &Context) -> Result<Outputs> {
    let given = args.timeouts.as_ref().and_then(|timeouts| timeouts.update.as_ref());
    let mut site = open(args, prior.outputs.cluster_name.clone(), prior.outputs.region.clone(), given, cx).await?;
    site.wanted.stay(prior);
    let summary = format!("Could not upgrade {}", site.wanted.name());
    let was_removed = unfinished(cx).unwrap_or(prior.args.remove_vpc_cni);
    cx.note(&UNFINISHED, &was_removed);
    let mut now = prior.outputs.clone();
    if !is_same(prior, &site.wanted, cx) {
        now = Box::pin(upgrade(&mut site, prior, args, &summary)).await?;
        Imported::forget(cx);
        cx.save(&now);
    } else if offline::are_back(cx) && args.wait {
        Box::pin(finish(&mut site, &summary)).await?;
    }
    cx.forget(&PROMISED);
    match (was_removed, args.remove_vpc_cni) {
        (false, true) => {
            vpc_cni::take(&site, &summary).await?;
        }
        (true, false) => {
            let done = format!("{} is as it is wanted", site.wanted.name());
            let release = vpc_cni::release_of(&site.wanted);
            vpc_cni::give(&site.client, &release, true, &summary, &done, cx).await?;
        }
        _ => {}
    }
    wait_for_nodes(&site, args, &summary).await?;
    cx.forget(&UNFINISHED);
    Ok(now)
}

/// Waits for nodes that were off when the release was changed, and are back.
async fn finish(site: &mut Site<'_>, summary: &str) -> Result<()> {
    let (nodes, _) = site.nodes(summary).await?;
    site.allow_for(nodes);
    let current = site.releases.current(site.wanted.namespace(), site.wanted.release()).await;
    let waited = match current {
        Ok(Some(current)) => site.releases.until_ready(&current.release, site.left(), &progress).await,
        Ok(None) => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    match waited {
        Ok(passed) => {
            offline::tell(&passed, site.cx);
            Ok(())
        }
        Err(error) => Err(told::failed(summary, &Failure::from(error), Some(&site.wanted), site.cx).await),
    }
}

pub(super) async fn upgrade(site: &mut Site<'_>, prior: &State<Cni>, args: &Args, summary: &str) -> Result<Outputs> {
    let outputs = &prior.outputs;
    let pod_cidrs = site.wanted.pod_cidrs().unwrap_or_else(|| outputs.pod_cidrs.clone());
    let ready = ready(site, &pod_cidrs, Some(&outputs.first_minor_version)).await?;
    let version = ready.chart.metadata.version.clone();
    if matches!(site.wanted.product, Product::Cilium(_))
        && let Some(refused) = cilium::refused_step(&outputs.chart_version, &version)
    {
        let summary = "Cilium goes one minor version at a time";
        return Err(Diagnostic::error(summary, refused).at(site.wanted.at("version")).into());
    }
    check_pool(site, &ready, prior, &pod_cidrs, summary).await?;
    check_promise(site, &ready, Some(prior)).await?;
    let (nodes, _) = site.nodes(summary).await?;
    site.allow_for(nodes);
    if let Product::Cilium(cilium) = &site.wanted.product
        && cilium.preflight.unwrap_or(true)
        && minor_of(&version) != minor_of(&outputs.chart_version)
        && nodes > 0
    {
        preflight(site, &ready).await?;
    }
    if let (Product::Manifest(now), Some(Product::Manifest(before))) =
        (&site.wanted.product, Wanted::of(&prior.args).map(|wanted| wanted.product))
    {
        let changed = ip_pool::change(&site.client, &before, now, &outputs.pod_cidrs).await;
        told_kube(changed, "Could not change Calico's address pool", Some("Nothing else was changed."), site.cx)
            .await?;
    }
    // The plan has shown what somebody has changed, and that it will be put right.
    let force_conflicts = !outputs.drifted_objects.is_empty();
    let options = Options { force_conflicts, ..site.options(args, nodes) };
    let changed = if outputs.release_status == read::UNINSTALLED {
        site.releases.install(&ready.chart, &ready.values.all, &options, &progress).await
    } else {
        site.releases.upgrade(&ready.chart, &ready.values.all, &options, &progress).await
    };
    match changed {
        Ok(outcome) => {
            told::warn(&outcome.warnings, site.cx);
            offline::tell(&outcome.passed_over, site.cx);
            let outputs = results::outputs(site, &outcome.release, Some(prior))?;
            note_applied(&outputs, site.cx);
            Ok(outputs)
        }
        Err(failure) => Err(stop(site, &failure, summary, Some(prior)).await),
    }
}

/// Refuses another pool than the installed one: what a plan could not know, or not ask for.
async fn check_pool(
    site: &Site<'_>,
    ready: &Ready,
    prior: &State<Cni>,
    pod_cidrs: &[String],
    summary: &str,
) -> Result<()> {
    let now = site.wanted.pool(&ready.values.all, pod_cidrs);
    let live = plan::live_pool(&site.client, &site.wanted, prior).await;
    let live = told_kube(live, summary, Some("Nothing was changed."), site.cx).await?;
    let eks = site.cx.clients()?.aws()?.eks(Some(site.region.as_str()));
    let described = eks.cluster(site.cluster.as_str()).await.ok();
    let place = described.as_deref().map(|described| (described, &site.region));
    let faults = plan::pool_faults(&site.wanted, &now, Some(prior), live.as_ref(), place, site.cx).await;
    // Warnings were shown by the plan.
    let all = Diagnostics(faults);
    if all.has_errors() { Err(all) } else { Ok(()) }
}

/// Cilium's own check before an upgrade: its pods pull the new images on every node, and read the policies.
pub(super) async fn preflight(site: &Site<'_>, ready: &Ready) -> Result<()> {
    let summary = "Cilium's preflight check failed";
    let name = format!("{}{}", site.wanted.release(), cilium::PREFLIGHT);
    let all = Json::from(&Data::Map(ready.values.all.as_map().clone()));
    let agent = site.client.get(&Resource::DAEMON_SET, Some(site.wanted.namespace()), cilium::AGENT).await;
    let agent = told_kube(agent, summary, None, site.cx).await?;
    let agent = agent.as_ref().and_then(|agent| agent.pointer("/spec/template/spec"));
    let selector = site.selector();
    let nodes = site.client.list(&Resource::NODE, None, selector.as_deref()).await;
    let off = off(&told_kube(nodes, summary, None, site.cx).await?);
    let names: Vec<&str> = off.keys().map(String::as_str).collect();
    let values = match Data::from(cilium::preflight(&all, agent, &names)) {
        Data::Map(map) => Values::from(map),
        _ => Values::new(),
    };
    let options = Options {
        wait: true,
        pass_over_offline: true,
        timeout: site.left(),
        rewrite: site.wanted.rewrite(),
        description: Some("Check before an upgrade".to_owned()),
        ..Options::new(site.wanted.namespace(), &name)
    };
    progress("running Cilium's preflight check");
    let removal = Removal { timeout: site.left(), ..Removal::default() };
    // What a run that was cut off has left.
    let cleared = site.releases.uninstall(site.wanted.namespace(), &name, &removal, &progress).await;
    if let Err(failure) = cleared {
        return Err(told::failed(summary, &failure, Some(&site.wanted), site.cx).await);
    }
    let checked = site.releases.install(&ready.chart, &values, &options, &progress).await;
    // Also when Terraform has asked to stop: nobody else would remove it.
    let releases = Releases::new(&site.client.with_cancel(CancellationToken::new()));
    let removal = Removal { wait: checked.is_ok(), ..removal };
    let removed = releases.uninstall(site.wanted.namespace(), &name, &removal, &progress).await;
    if let Err(mut failure) = checked {
        // What is left is the check's own release, which is removed.
        failure.left = Left::Nothing;
        if failure.error.is_cancelled() {
            let summary = format!("Could not upgrade {}", site.wanted.name());
            return Err(told::failed(&summary, &failure, Some(&site.wanted), site.cx).await);
        }
        let faults = told::failed(summary, &failure, Some(&site.wanted), site.cx).await;
        return Err(faults
            .left("Cilium itself was not touched.")
            .remedy("Fix what the check found, or set `preflight = false` to skip it."));
    }
    offline::tell_unchecked(&off, site.cx);
    match removed {
        Ok(_) => Ok(()),
        Err(failure) => {
            Err(told::failed("Could not remove Cilium's preflight check", &failure, Some(&site.wanted), site.cx).await)
        }
    }
}
