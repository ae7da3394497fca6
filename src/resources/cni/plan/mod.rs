//! What a plan can know: the values and images that will change, and what cannot work.

pub mod check;
mod forecast;
pub(crate) mod pools;
mod replacement;
mod routes;
pub(crate) mod same;

use std::collections::BTreeSet;
use std::sync::Arc;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::Maybe;
use framework::resource::{Plan, State};
use helm::{KubeVersion, Status};

use crate::attributes::{ClusterName, Region};
use crate::aws::eks::Cluster;
use crate::cni::{
    cilium,
    fingerprint::{self, app_version, minor_of},
    hidden::Hidden,
    pool,
    prepared::{For, Loaded},
    product::{Error, Product, Wanted},
};
use crate::kube::{
    Client, Resource,
    release::{self, Releases},
};
use crate::net::causes::chain;
use crate::resources::cni::{
    Cni, Outputs, aws_node, messages,
    notes::{self, Imported},
    plan::{
        check::check,
        pools::{live_pool, pool_faults, too_many},
    },
    preview,
};
use crate::session::{Access, Clients, Context, aws_region, cluster::warn_of_near_name, explain, place::PlannedPlace};

pub(crate) async fn plan(plan: &mut Plan<Cni>, cx: &Context) -> Result<()> {
    PlannedPlace::plan(plan, cx).await?;
    // Arguments that were unknown when the configuration was validated.
    let mut faults = Diagnostics::new();
    check(&plan.args.cilium, &plan.args.calico, &mut faults);
    if faults.has_errors() {
        return Err(faults);
    }
    let (Maybe::Known(cilium), Maybe::Known(calico)) = (&plan.args.cilium, &plan.args.calico) else { return Ok(()) };
    let mirror = match &plan.args.image_registry {
        Maybe::Known(mirror) => mirror.clone(),
        Maybe::Unknown => return Ok(()),
    };
    let mirror = mirror.as_ref().map(framework::model::Text::text);
    let Some(mut wanted) = Wanted::new(cilium.as_ref(), calico.as_ref(), mirror) else { return Ok(()) };
    wanted = wanted.noting(notes::hidden(cx));
    if let Some(prior) = plan.prior.clone() {
        prior.args.keep_release(&mut wanted, &prior.outputs);
        if let Some(installed) = prior.args.wanted() {
            wanted = wanted.noting(Some(installed.ever_hidden()));
        }
        if prior.args.wanted().is_none_or(|mut installed| {
            prior.args.keep_release(&mut installed, &prior.outputs);
            !installed.is_like(&wanted)
                || installed.namespace() != wanted.namespace()
                || installed.release() != wanted.release()
        }) {
            plan.replace(wanted.attribute());
            if plan.args.allow_replacement.known() != Some(&true) {
                cx.report(replacement::refused(&prior, &wanted));
            }
        }
    }
    plan.outputs.release_namespace = Maybe::Known(wanted.namespace().to_owned());
    plan.outputs.release_name = Maybe::Known(wanted.release().to_owned());
    if let Some(warning) = Box::pin(routes::nothing_advertised(plan, &wanted, cx)).await {
        cx.report(warning);
    }
    let prior = plan.prior.clone().filter(|_| !plan.is_replaced());
    if *plan.args.remove_vpc_cni.known().unwrap_or(&false)
        && prior.as_ref().is_none_or(|prior| !prior.args.remove_vpc_cni || selects_others(prior, &wanted))
        && let Some((cluster, region)) = named(plan, cx).await
    {
        for fault in aws_node::refusals_at_plan(&cluster, &region, &wanted, cx).await.0 {
            cx.report(fault);
        }
    }
    if let Some(prior) = &prior
        && (same::is_same(prior, &wanted, cx) || Box::pin(is_imported_so(plan, &wanted, prior, cx)).await?)
    {
        if Imported::of(cx).is_some() {
            plan.keep(wanted.attribute());
        }
        keep(plan, prior);
        if notes::is_unfinished(cx) || notes::are_back(cx) {
            plan.outputs.release_status = Maybe::Unknown;
        }
        return Ok(());
    }
    if let Some(prior) = &prior {
        tell_of_change(&wanted, prior, cx);
    }
    notes::note_hidden(&wanted.ever_hidden(), cx);
    // The release will change, even if the configuration has not.
    plan.outputs.release_status = Maybe::Unknown;
    plan.outputs.revision = Maybe::Unknown;
    plan.outputs.chart_version = Maybe::Unknown;
    plan.outputs.app_version = Maybe::Unknown;
    plan.outputs.effective_values = Maybe::Unknown;
    plan.outputs.images = Maybe::Unknown;
    plan.outputs.manifest_digest = Maybe::Unknown;
    plan.outputs.pod_cidrs = Maybe::Unknown;
    plan.outputs.drifted_objects = Maybe::Known(BTreeSet::new());
    Box::pin(change(plan, &wanted, prior.as_ref(), cx)).await
}

/// Warns that others have changed hidden values: the diff itself does not show it.
fn tell_of_change(wanted: &Wanted, prior: &State<Cni>, cx: &Context) {
    let Some(revision) = notes::hidden_changed_in(cx) else { return };
    if !wanted.hides_without_keeping() && prior.args.wanted().is_some_and(|installed| installed.hides_as(wanted)) {
        return;
    }
    let member = if wanted.hidden_version().is_some() { "sensitive_values_wo" } else { "sensitive_values" };
    cx.report(
        Diagnostic::warning(
            "Sensitive values changed",
            format!(
                "Revision {revision} of release `{}` in namespace `{}` was not created by Terraform, and its values are not those of `{member}`. Applying this plan sets them again. No value is shown.",
                wanted.release(),
                wanted.namespace()
            ),
        )
        .at(wanted.at(member)),
    );
}

/// Whether `chart` and `values` render an imported release as it is, however they are written.
async fn is_imported_so(plan: &Plan<Cni>, wanted: &Wanted, prior: &State<Cni>, cx: &Context) -> Result<bool> {
    let outputs = &prior.outputs;
    // Values that are hidden only from now on are shown in the state, or it is unknown what the cluster has.
    let now_hidden = Hidden::of(&wanted.hidden_values());
    let hides = wanted.hides_without_keeping() || notes::hidden(cx).is_none_or(|noted| !noted.covers(&now_hidden));
    let Some(imported) = Imported::of(cx).filter(|_| outputs.release_status == Status::Deployed.name()) else {
        return Ok(false);
    };
    // A mirror must be recorded in the state, which takes a change.
    if wanted.mirror.is_some() || hides || !outputs.drifted_objects.is_empty() {
        return Ok(false);
    }
    let Some(client) = cluster_of(plan, cx).await?.and_then(|site| site.client) else { return Ok(false) };
    let Some(charts) = cx.try_clients().and_then(Clients::known_charts) else { return Ok(false) };
    let pod_cidrs = wanted.pod_cidrs().unwrap_or_else(|| outputs.pod_cidrs.clone());
    // Faults are reported where the change is planned.
    let loaded = wanted.load(charts, &pod_cidrs, Some(&outputs.first_minor_version)).await;
    let Ok(loaded) = loaded else { return Ok(false) };
    if loaded.version() != outputs.chart_version {
        return Ok(false);
    }
    let (revision, is_upgrade) = (outputs.revision, outputs.revision > 1);
    let target = For::Cluster { releases: &Releases::new(&client), revision, is_upgrade, preview_for: None };
    let Ok(prepared) = loaded.prepare(wanted, target).await else { return Ok(false) };
    Ok(fingerprint::fingerprint(&prepared.rendition.objects) == imported.manifests)
}

/// Plans no change of the release.
fn keep(plan: &mut Plan<Cni>, prior: &State<Cni>) {
    let Outputs {
        release_status,
        revision,
        chart_version,
        app_version,
        effective_values,
        images,
        manifest_digest,
        drifted_objects,
        pod_cidrs,
        ..
    } = prior.outputs.clone();
    plan.outputs.release_status = Maybe::Known(release_status);
    plan.outputs.revision = Maybe::Known(revision);
    plan.outputs.chart_version = Maybe::Known(chart_version);
    plan.outputs.app_version = Maybe::Known(app_version);
    plan.outputs.effective_values = Maybe::Known(effective_values);
    plan.outputs.images = Maybe::Known(images);
    plan.outputs.manifest_digest = Maybe::Known(manifest_digest);
    plan.outputs.drifted_objects = Maybe::Known(drifted_objects);
    plan.outputs.pod_cidrs = Maybe::Known(pod_cidrs);
}

/// The cluster of a plan, as far as it answers.
struct PlannedCluster {
    cluster: ClusterName,
    region: Region,
    described: Result<Arc<Cluster>>,
    client: Option<Client>,
}

/// Shows a change, and refuses what cannot work.
async fn change(plan: &mut Plan<Cni>, wanted: &Wanted, prior: Option<&State<Cni>>, cx: &Context) -> Result<()> {
    let site = cluster_of(plan, cx).await?;
    let described = site.as_ref().and_then(|site| site.described.as_deref().ok());
    let pod_cidrs = match (wanted.pod_cidrs(), prior) {
        (Some(given), _) => Some(given),
        (None, Some(prior)) => Some(prior.outputs.pod_cidrs.clone()),
        (None, None) => {
            let found = match &site {
                Some(PlannedCluster { described: Ok(described), .. }) => Ok(Maybe::Known(pool::default(described))),
                Some(PlannedCluster { described: Err(failure), .. }) => Err(failure.clone()),
                None => Ok(Maybe::Unknown),
            };
            plan.looked_up(Outputs::NAMES.pod_cidrs, found, |outputs| &mut outputs.pod_cidrs);
            plan.outputs.pod_cidrs.known().cloned()
        }
    };
    let Some(charts) = cx.try_clients().and_then(Clients::known_charts) else { return Ok(()) };
    let Some(pod_cidrs) = pod_cidrs else {
        // The cluster does not exist, and only its networks are missing: faults of the rest are reported now.
        let loaded = wanted.load(charts, &[preview::STAND_IN.to_owned()], None).await;
        let loaded = loaded.map_err(|error| messages::unprepared(error, wanted))?;
        plan.outputs.chart_version = Maybe::Known(loaded.version().to_owned());
        plan.outputs.app_version = Maybe::Known(app_version(&loaded.chart));
        plan.outputs.first_minor_version = Maybe::Known(minor_of(loaded.version()));
        return prepare_alone(loaded, wanted, false, None).await.map(drop);
    };
    if prior.is_none()
        && let Some(fault) = too_many(wanted, &pod_cidrs)
    {
        return Err(fault.into());
    }
    let first_minor = prior.map(|prior| prior.outputs.first_minor_version.as_str());
    let loaded = wanted.load(charts, &pod_cidrs, first_minor).await;
    let loaded = loaded.map_err(|error| messages::unprepared(error, wanted))?;
    let version = loaded.version().to_owned();
    if let Some(prior) = prior
        && matches!(wanted.product, Product::Cilium(_))
        && let Some(refused) = cilium::refused_step(&prior.outputs.chart_version, &version)
    {
        cx.report(Diagnostic::error("Cilium goes one minor version at a time", refused).at(wanted.at("version")));
    }
    plan.outputs.pod_cidrs = Maybe::Known(loaded.pool.cidrs.clone());
    plan.outputs.app_version = Maybe::Known(app_version(&loaded.chart));
    plan.outputs.effective_values = Maybe::Known(fingerprint::yaml(&loaded.values.shown));
    if prior.is_none() {
        plan.outputs.first_minor_version = Maybe::Known(minor_of(&version));
    }
    plan.outputs.chart_version = Maybe::Known(version);
    let client = site.as_ref().and_then(|site| site.client.as_ref());
    let live = match (client, prior) {
        (Some(client), Some(prior)) => live_pool(client, wanted, prior).await.ok().flatten(),
        _ => None,
    };
    let place = site.as_ref().and_then(|site| Some((site.described.as_deref().ok()?, &site.region)));
    for fault in pool_faults(wanted, &loaded.pool, prior, live.as_ref(), place, cx).await {
        cx.report(fault);
    }
    let Some(client) = client else {
        return prepare_alone(loaded, wanted, prior.is_some(), None).await.map(drop);
    };
    let releases = Releases::new(client);
    // For an existing release, the refresh has just read the record.
    if prior.is_none() {
        let there = match releases.current(wanted.namespace(), wanted.release()).await {
            Ok(there) => there,
            // What the cluster does not answer now, it may answer in the apply.
            Err(error) => {
                return without_cluster(plan, loaded, wanted, false, described, error, cx).await;
            }
        };
        if let Some(site) = &site
            // A release created by this provider may be this resource's own: the apply continues a failed one, and
            // removes one that Terraform replaces. If it belongs to another resource, the apply refuses before anything
            // is changed.
            && there.is_some_and(|there| !there.entry.by_this_provider)
        {
            cx.report(messages::exists(wanted, &site.cluster, &site.region));
        }
    }
    let target = For::Cluster {
        releases: &releases,
        revision: prior.map_or(1, |prior| prior.outputs.revision + 1),
        is_upgrade: prior.is_some(),
        preview_for: described.map(|described| described.version.as_str()),
    };
    let prepared = match loaded.clone().prepare(wanted, target).await {
        Ok(prepared) => prepared,
        Err(Error::Render(error)) if !matches!(*error, release::Error::Render(_) | release::Error::Manifest { .. }) => {
            return without_cluster(plan, loaded, wanted, prior.is_some(), described, *error, cx).await;
        }
        Err(error) => return Err(messages::unprepared_for(error, wanted, cx).await),
    };
    match releases.unknown_kinds(&prepared.rendition).await {
        Ok(unknown) if !unknown.is_empty() => {
            cx.report(messages::unknown_kinds(&unknown, wanted, client.cluster()));
        }
        Ok(_) => {}
        Err(error) => tracing::info!("kinds are not looked for at plan: {}", chain(&error)),
    }
    // Only for an installation: those who change a CNI know their nodes, and each check costs a request.
    if prior.is_none()
        && let Ok(nodes) = client.list(&Resource::NODE, None, None).await
    {
        for warning in forecast::warnings(wanted, &prepared.rendition, &nodes) {
            cx.report(warning);
        }
    }
    notes::promise(&prepared.images, cx);
    plan.looked_up(Outputs::NAMES.images, Ok(Maybe::Known(prepared.images)), |outputs| &mut outputs.images);
    Ok(())
}

/// Prepares for a cluster that does not answer: the images are as expected, as far as can be known. If Terraform plans
/// again during an apply, the second plan knows at least what the first one knew.
async fn without_cluster(
    plan: &mut Plan<Cni>,
    loaded: Loaded,
    wanted: &Wanted,
    is_upgrade: bool,
    described: Option<&Cluster>,
    error: release::Error,
    cx: &Context,
) -> Result<()> {
    tracing::info!("the chart is rendered without the cluster at plan: {}", chain(&error));
    let found = if let Some(images) = prepare_alone(loaded, wanted, is_upgrade, described).await? {
        Ok(Maybe::Known(images))
    } else {
        Err(messages::unprepared_for(error.into(), wanted, cx).await)
    };
    plan.looked_up(Outputs::NAMES.images, found, |outputs| &mut outputs.images);
    Ok(())
}

/// Cluster and region, as far as the plan knows them.
async fn named(plan: &Plan<Cni>, cx: &Context) -> Option<(ClusterName, Region)> {
    let cluster = plan.args.cluster_name.set().or_else(|| plan.outputs.cluster_name.known())?.clone();
    cx.try_clients()?.known_aws()?;
    let Maybe::Known(argument) = &plan.args.region else { return None };
    let region = aws_region(argument.as_ref(), cx).await.ok()?;
    Some((cluster, region))
}

async fn cluster_of(plan: &Plan<Cni>, cx: &Context) -> Result<Option<PlannedCluster>> {
    let Some((cluster, region)) = named(plan, cx).await else { return Ok(None) };
    let Some(clients) = cx.try_clients() else { return Ok(None) };
    let Some(aws) = clients.known_aws() else { return Ok(None) };
    let client = match clients.access_to(&cluster, Some(&region)).await? {
        Access::Open(client) => Some(client.for_reads()),
        Access::NoCluster(_) => {
            warn_of_near_name(&cluster, Some(&region), cx).await;
            return Ok(None);
        }
        Access::NotReady(_) | Access::Unknown(_) => None,
    };
    let eks = aws.eks(Some(region.as_str()));
    let described = eks.cluster(cluster.as_str()).await;
    let described = described.map_err(|error| explain("Could not read the networks of the cluster", &error, None));
    Ok(Some(PlannedCluster { cluster, region, described, client }))
}

/// Prepares without a cluster, to find errors that templates report about the values. Returns the images for a cluster
/// of known version.
async fn prepare_alone(
    loaded: Loaded,
    wanted: &Wanted,
    is_upgrade: bool,
    described: Option<&Cluster>,
) -> Result<Option<BTreeSet<String>>> {
    let version = described.and_then(|described| KubeVersion::parse(&described.version).ok());
    match loaded.prepare(wanted, For::Nothing { version: version.as_ref(), is_upgrade }).await {
        Ok(prepared) => Ok(described.map(|_| prepared.images)),
        // Faults that depend on the cluster's version show once there is a cluster.
        Err(Error::Render(error)) if matches!(*error, release::Error::Render(helm::Error::KubeVersion(_))) => Ok(None),
        Err(error) => Err(messages::unprepared(error, wanted)),
    }
}

/// Whether the node selector has changed.
fn selects_others(prior: &State<Cni>, wanted: &Wanted) -> bool {
    prior.args.wanted().is_none_or(|installed| installed.node_selector() != wanted.node_selector())
}
