//! How a CNI is upgraded.

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::resource::State;
use helm::{Data, Values};
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use crate::cni::{
    calico::pool as ip_pool, cilium, fingerprint::minor_of, pool::Pool, prepared::Loaded, product::Product,
};
use crate::kube::{
    Resource,
    offline::off,
    release::{Failure, Left, Options, Releases, Removal},
};
use crate::resources::cni::{
    Args, Cni, Outputs,
    apply::{
        install::stop,
        promise::prepare,
        site::{self, Site, load, open, progress, wait_for_nodes},
    },
    aws_node, messages,
    notes::{self, Imported, note_applied},
    offline,
    plan::{pools, same},
    read,
};
use crate::session::{Context, explain::explained};

pub(crate) async fn update(prior: &State<Cni>, args: &Args, cx: &Context) -> Result<Outputs> {
    let given = args.timeouts.as_ref().and_then(|timeouts| timeouts.update.as_ref());
    let mut site = open(args, prior.outputs.cluster_name.clone(), prior.outputs.region.clone(), given, cx).await?;
    prior.args.keep_release(&mut site.wanted, &prior.outputs);
    let summary = format!("Could not upgrade {}", site.wanted.name());
    let was_removed = notes::unfinished(cx).unwrap_or(prior.args.remove_vpc_cni);
    notes::begin(was_removed, cx);
    let mut now = prior.outputs.clone();
    if !same::is_same(prior, &site.wanted, cx) {
        now = Box::pin(upgrade(&mut site, prior, args, &summary)).await?;
        Imported::forget(cx);
        cx.save(&now);
    } else if notes::are_back(cx) && args.wait {
        Box::pin(finish(&mut site, &summary)).await?;
    }
    notes::forget_promise(cx);
    match (was_removed, args.remove_vpc_cni) {
        (false, true) => {
            aws_node::remove(site.aws_node(), &summary).await?;
        }
        (true, false) => {
            let done = format!("{} is as it is wanted", site.wanted.name());
            let release = aws_node::release_of(&site.wanted);
            aws_node::restore(&site.client, &release, true, &summary, &done, cx).await?;
        }
        _ => {}
    }
    wait_for_nodes(&site, args, &summary).await?;
    notes::complete(cx);
    Ok(now)
}

/// Waits for nodes that were off when the release was changed and are back now.
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
        Err(error) => Err(messages::failed(summary, &Failure::from(error), Some(&site.wanted), site.cx).await),
    }
}

pub(crate) async fn upgrade(site: &mut Site<'_>, prior: &State<Cni>, args: &Args, summary: &str) -> Result<Outputs> {
    let outputs = &prior.outputs;
    let pod_cidrs = site.wanted.pod_cidrs().unwrap_or_else(|| outputs.pod_cidrs.clone());
    let loaded = load(site, &pod_cidrs, Some(&outputs.first_minor_version)).await?;
    let version = loaded.version().to_owned();
    if matches!(site.wanted.product, Product::Cilium(_))
        && let Some(refused) = cilium::refused_step(&outputs.chart_version, &version)
    {
        let summary = "Cilium goes one minor version at a time";
        return Err(Diagnostic::error(summary, refused).at(site.wanted.at("version")).into());
    }
    check_pool(site, &loaded.pool, prior, summary).await?;
    let prepared = prepare(site, loaded, Some(prior)).await?;
    let (nodes, _) = site.nodes(summary).await?;
    site.allow_for(nodes);
    if let Product::Cilium(cilium) = &site.wanted.product
        && cilium.preflight.unwrap_or(true)
        && minor_of(&version) != minor_of(&outputs.chart_version)
        && nodes > 0
    {
        preflight(site, &prepared.loaded).await?;
    }
    if let (Product::Manifest(now), Some(Product::Manifest(before))) =
        (&site.wanted.product, prior.args.wanted().map(|wanted| wanted.product))
    {
        let changed = ip_pool::change(&site.client, &before, now, &outputs.pod_cidrs).await;
        explained(changed, "Could not change Calico's address pool", Some("Nothing else was changed."), site.cx)
            .await?;
    }
    // The plan has shown what others changed, and that it will be restored.
    let force_conflicts = !outputs.drifted_objects.is_empty();
    let options = prepared.applied_as(Options { force_conflicts, ..site.options(args, nodes) });
    let Loaded { chart, values, .. } = &prepared.loaded;
    let changed = if outputs.release_status == read::UNINSTALLED {
        site.releases.install(chart, &values.all, &options, &progress).await
    } else {
        site.releases.upgrade(chart, &values.all, &options, &progress).await
    };
    match changed {
        Ok(outcome) => {
            messages::warn(&outcome.warnings, site.cx);
            offline::tell(&outcome.passed_over, site.cx);
            let outputs = site::outputs(site, &outcome.release, &outcome.objects, Some(prior));
            note_applied(&outputs, site.cx);
            Ok(outputs)
        }
        Err(failure) => Err(stop(site, &failure, summary, Some(prior)).await),
    }
}

/// Refuses a pool other than the installed one, for cases the plan could not know or check.
async fn check_pool(site: &Site<'_>, now: &Pool, prior: &State<Cni>, summary: &str) -> Result<()> {
    let live = pools::live_pool(&site.client, &site.wanted, prior).await;
    let live = explained(live, summary, Some("Nothing was changed."), site.cx).await?;
    let eks = site.cx.clients()?.aws()?.eks(Some(site.region.as_str()));
    let described = eks.cluster(site.cluster.as_str()).await.ok();
    let place = described.as_deref().map(|described| (described, &site.region));
    let faults = pools::pool_faults(&site.wanted, now, Some(prior), live.as_ref(), place, site.cx).await;
    // The plan has already shown the warnings.
    let all = Diagnostics(faults);
    if all.has_errors() { Err(all) } else { Ok(()) }
}

/// Cilium's own check before an upgrade: its pods pull the new images on every node and validate the policies.
pub(crate) async fn preflight(site: &Site<'_>, loaded: &Loaded) -> Result<()> {
    let summary = "Cilium's preflight check failed";
    let name = format!("{}{}", site.wanted.release(), cilium::PREFLIGHT);
    let all = Json::from(&Data::Map(loaded.values.all.as_map().clone()));
    let agent = site.client.get(&Resource::DAEMON_SET, Some(site.wanted.namespace()), cilium::AGENT).await;
    let agent = explained(agent, summary, None, site.cx).await?;
    let agent = agent.as_ref().and_then(|agent| agent.pointer("/spec/template/spec"));
    let selector = site.selector();
    let nodes = site.client.list(&Resource::NODE, None, selector.as_deref()).await;
    let off = off(&explained(nodes, summary, None, site.cx).await?);
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
    // Leftovers of an interrupted run.
    let cleared = site.releases.uninstall(site.wanted.namespace(), &name, &removal, &progress).await;
    if let Err(failure) = cleared {
        return Err(messages::failed(summary, &failure, Some(&site.wanted), site.cx).await);
    }
    let checked = site.releases.install(&loaded.chart, &values, &options, &progress).await;
    // Even if Terraform has asked to stop: nothing else would remove it.
    let releases = Releases::new(&site.client.with_cancel(CancellationToken::new()));
    let removal = Removal { wait: checked.is_ok(), ..removal };
    let removed = releases.uninstall(site.wanted.namespace(), &name, &removal, &progress).await;
    if let Err(mut failure) = checked {
        // What is left is the check's own release, which is removed.
        failure.left = Left::Nothing;
        if failure.error.is_cancelled() {
            let summary = format!("Could not upgrade {}", site.wanted.name());
            return Err(messages::failed(&summary, &failure, Some(&site.wanted), site.cx).await);
        }
        let faults = messages::failed(summary, &failure, Some(&site.wanted), site.cx).await;
        return Err(faults
            .left("Cilium itself was not touched.")
            .remedy("Fix what the check found, or set `preflight = false` to skip it."));
    }
    offline::tell_unchecked(&off, site.cx);
    match removed {
        Ok(_) => Ok(()),
        Err(failure) => {
            Err(messages::failed("Could not remove Cilium's preflight check", &failure, Some(&site.wanted), site.cx)
                .await)
        }
    }
}
