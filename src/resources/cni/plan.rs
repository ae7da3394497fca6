//! What a plan can know: the values and images that will change, and what cannot work.

use std::collections::BTreeSet;
use std::sync::Arc;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::Maybe;
use framework::path::Path;
use framework::resource::{Plan, State};
use helm::{Capabilities, KubeVersion, RenderOptions, Status, Values, Version};

use super::arguments::{Calico, Cilium, Method};
use super::hidden::{self, Hidden};
use super::imported::Imported;
use super::pool::Part;
use super::vpc_cni;
use super::wanted::{Pool, Product, Ready, Wanted, is_archive};
use super::{
    Args, Cni, Outputs, cilium, forecast, install, offline, pool, preview, promise, replacement, results, summary,
    told, upgrade,
};
use crate::attributes::{ClusterName, Region, labels};
use crate::aws::eks::Cluster;
use crate::kube::release::{Failure, Releases, Rendering};
use crate::kube::{self, Client, Resource};
use crate::session::cluster::warn_of_near_name;
use crate::session::place::PlannedPlace;
use crate::session::{Access, Clients, Context, aws_region, explain};

/// Checks what concerns several arguments of a CNI.
pub fn check(cilium: &Maybe<Option<Cilium>>, calico: &Maybe<Option<Calico>>, faults: &mut Diagnostics) {
    let mut fault = |path: Path, summary: &str, detail: String| {
        faults.push(Diagnostic::error(summary, detail).at(path));
    };
    if let Some(cilium) = cilium.set() {
        let at = |member: &str| Path::attribute(Args::NAMES.cilium).dot(member);
        labels::check_at(cilium.node_selector.as_ref(), &at("node_selector"), &mut fault);
        let passing = cilium.sensitive_values_wo.expose().is_some();
        if passing && cilium.sensitive_values.is_some() {
            fault(
                at("sensitive_values_wo"),
                "Conflicting arguments",
                "Set `sensitive_values` or `sensitive_values_wo`, not both.".to_owned(),
            );
        }
        if passing && cilium.sensitive_values_wo_version.is_none() {
            fault(
                at("sensitive_values_wo_version"),
                "No version of the write-only values",
                "Set `sensitive_values_wo_version`, such as 1, and change it whenever `sensitive_values_wo` changes: Terraform does not keep the values and cannot compare them.".to_owned(),
            );
        }
        match &cilium.version {
            Some(version) if Version::parse(version.trim_start_matches('v')).is_err() => fault(
                at("version"),
                "Invalid version",
                format!(
                    "`{version}` is not the whole version of a chart, such as `1.17.9-0`. Ranges are not taken, so that a plan shows what will be installed."
                ),
            ),
            None if !is_whole(cilium.repository.as_deref(), cilium.chart.as_deref()) => fault(
                at("version"),
                "No version is named",
                "Set `version`, such as `1.17.9-0`: a newer release of Cilium is never installed by itself.".to_owned(),
            ),
            _ => {}
        }
    }
    if let Some(calico) = calico.set() {
        let at = |member: &str| Path::attribute(Args::NAMES.calico).dot(member);
        labels::check_at(calico.node_selector.as_ref(), &at("node_selector"), &mut fault);
        if calico.method == Some(Method::Manifest) {
            if calico.source.is_none() {
                fault(
                    at("source"),
                    "No manifest is named",
                    "With `method = \"manifest\"` set `source` to the manifest: a file, or its `https://` address."
                        .to_owned(),
                );
            }
            if calico.values.is_some() {
                fault(
                    at("values"),
                    "A manifest has no values",
                    "`values` is for the operator's chart. Use the typed arguments, or edit the manifest.".to_owned(),
                );
            }
            if calico.pod_cidrs.as_ref().is_some_and(|list| list.len() > 1) {
                fault(
                    at("pod_cidrs"),
                    "Too many pod networks",
                    "Calico's manifest makes one address pool. Name one network, or use `method = \"operator\"`."
                        .to_owned(),
                );
            }
        } else {
            let is_chart = calico.source.as_deref().is_some_and(|source| !source.contains("://") || is_archive(source));
            if calico.version.is_none() && !is_chart {
                fault(
                    at("version"),
                    "No version is named",
                    "Set `version`, such as `v3.29.2`: a newer release of Calico is never installed by itself."
                        .to_owned(),
                );
            }
            if calico.aws_src_dst_check.is_some() {
                fault(
                    at("aws_src_dst_check"),
                    "Only the manifest has this setting",
                    "The operator's chart has no value for it. Set `awsSrcDstCheck` of the FelixConfiguration `default`, or use `method = \"manifest\"`.".to_owned(),
                );
            }
        }
    }
}

/// Whether a chart without a version is one certain chart.
fn is_whole(repository: Option<&str>, chart: Option<&str>) -> bool {
    let named = chart.is_some_and(|chart| {
        chart
            .strip_prefix("oci://")
            .is_none_or(|rest| rest.rsplit('/').next().is_some_and(|last| last.contains([':', '@'])))
    });
    repository.is_none() && named
}

pub(super) async fn plan(plan: &mut Plan<Cni>, cx: &Context) -> Result<()> {
    PlannedPlace::plan(plan, cx).await?;
    // What was not known when the configuration was validated.
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
    wanted = wanted.noting(Hidden::noted(cx));
    if let Some(prior) = plan.prior.clone() {
        wanted.stay(&prior);
        if let Some(installed) = Wanted::of(&prior.args) {
            wanted = wanted.noting(Some(installed.ever_hidden()));
        }
        if Wanted::of(&prior.args).is_none_or(|mut installed| {
            installed.stay(&prior);
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
    let prior = plan.prior.clone().filter(|_| !plan.is_replaced());
    if *plan.args.remove_vpc_cni.known().unwrap_or(&false)
        && prior.as_ref().is_none_or(|prior| !prior.args.remove_vpc_cni || selects_others(prior, &wanted))
        && let Some((cluster, region)) = named(plan, cx).await
    {
        for fault in vpc_cni::refusals_at_plan(&cluster, &region, &wanted, cx).await.0 {
            cx.report(fault);
        }
    }
    if let Some(prior) = &prior
        && (upgrade::is_same(prior, &wanted, cx) || Box::pin(is_imported_so(plan, &wanted, prior, cx)).await?)
    {
        if Imported::of(cx).is_some() {
            plan.keep(wanted.attribute());
        }
        keep(plan, prior);
        if upgrade::is_unfinished(cx) || offline::are_back(cx) {
            plan.outputs.release_status = Maybe::Unknown;
        }
        return Ok(());
    }
    if let Some(prior) = &prior {
        tell_of_change(&wanted, prior, cx);
    }
    wanted.ever_hidden().note(cx);
    // Something will be done to the release, even where the configuration is what it was.
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

/// Says that somebody else has changed what nobody may see: the difference itself shows nothing.
fn tell_of_change(wanted: &Wanted, prior: &State<Cni>, cx: &Context) {
    let Some(revision) = hidden::changed_in(cx) else { return };
    if !wanted.hides_without_keeping() && Wanted::of(&prior.args).is_some_and(|installed| installed.hides_as(wanted)) {
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

/// Whether an imported release is what chart and values come to, in whatever words.
async fn is_imported_so(plan: &Plan<Cni>, wanted: &Wanted, prior: &State<Cni>, cx: &Context) -> Result<bool> {
    let outputs = &prior.outputs;
    // What is hidden from now on is shown in the state, or nobody knows what the cluster has.
    let now_hidden = Hidden::of(&wanted.hidden_values());
    let hides = wanted.hides_without_keeping() || Hidden::noted(cx).is_none_or(|noted| !noted.covers(&now_hidden));
    let Some(imported) = Imported::of(cx).filter(|_| outputs.release_status == Status::Deployed.name()) else {
        return Ok(false);
    };
    // A mirror is to be noted in the state, which takes a change.
    if wanted.mirror.is_some() || hides || !outputs.drifted_objects.is_empty() {
        return Ok(false);
    }
    let Some(client) = site(plan, cx).await?.and_then(|site| site.client) else { return Ok(false) };
    let Some(charts) = cx.try_clients().and_then(Clients::known_charts) else { return Ok(false) };
    let pod_cidrs = wanted.pod_cidrs().unwrap_or_else(|| outputs.pod_cidrs.clone());
    let ready = wanted.ready(charts, &pod_cidrs, Some(&outputs.first_minor_version)).await;
    // What is wrong with them is told where the change is planned.
    let Ok(Ready { chart, values }) = ready else { return Ok(false) };
    if chart.metadata.version != outputs.chart_version {
        return Ok(false);
    }
    let rendering = Rendering {
        name: wanted.release(),
        namespace: wanted.namespace(),
        revision: outputs.revision,
        is_upgrade: outputs.revision > 1,
        skip_schema: false,
        preview_for: None,
    };
    let rendered = Releases::new(&client).render(&chart, &values.all, rendering).await;
    let Ok(rendered) = rendered else { return Ok(false) };
    Ok(summary::fingerprint(&rendered.manifest_text())? == imported.manifests)
}

/// The release stays as it is.
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

/// The cluster of a plan, as far as it can be asked.
struct Site {
    cluster: ClusterName,
    region: Region,
    described: Result<Arc<Cluster>>,
    client: Option<Client>,
}

/// Shows a change, and refuses what cannot work.
async fn change(plan: &mut Plan<Cni>, wanted: &Wanted, prior: Option<&State<Cni>>, cx: &Context) -> Result<()> {
    let site = site(plan, cx).await?;
    let described = site.as_ref().and_then(|site| site.described.as_deref().ok());
    let pod_cidrs = match (wanted.pod_cidrs(), prior) {
        (Some(given), _) => Some(given),
        (None, Some(prior)) => Some(prior.outputs.pod_cidrs.clone()),
        (None, None) => {
            let found = match &site {
                Some(Site { described: Ok(described), .. }) => Ok(Maybe::Known(pool::default(described))),
                Some(Site { described: Err(failure), .. }) => Err(failure.clone()),
                None => Ok(Maybe::Unknown),
            };
            plan.looked_up(Outputs::NAMES.pod_cidrs, found, |outputs| &mut outputs.pod_cidrs);
            plan.outputs.pod_cidrs.known().cloned()
        }
    };
    let Some(charts) = cx.try_clients().and_then(Clients::known_charts) else { return Ok(()) };
    let Some(pod_cidrs) = pod_cidrs else {
        // The cluster is not there, and its networks are all that is missing: what is wrong with the rest is told now.
        let Ready { chart, values } = wanted.ready(charts, &[preview::STAND_IN.to_owned()], None).await?;
        plan.outputs.chart_version = Maybe::Known(chart.metadata.version.clone());
        plan.outputs.app_version = Maybe::Known(results::app_version(&chart));
        plan.outputs.first_minor_version = Maybe::Known(results::minor_of(&chart.metadata.version));
        return render_alone(&chart, &values.all, wanted, false, None).await.map(drop);
    };
    if prior.is_none()
        && let Some(fault) = too_many(wanted, &pod_cidrs)
    {
        return Err(fault.into());
    }
    let first_minor = prior.map(|prior| prior.outputs.first_minor_version.as_str());
    let Ready { chart, values } = wanted.ready(charts, &pod_cidrs, first_minor).await?;
    let version = chart.metadata.version.clone();
    if let Some(prior) = prior
        && matches!(wanted.product, Product::Cilium(_))
        && let Some(refused) = cilium::refused_step(&prior.outputs.chart_version, &version)
    {
        cx.report(Diagnostic::error("Cilium goes one minor version at a time", refused).at(wanted.at("version")));
    }
    let now = wanted.pool(&values.all, &pod_cidrs);
    plan.outputs.pod_cidrs = Maybe::Known(now.cidrs.clone());
    plan.outputs.chart_version = Maybe::Known(version);
    plan.outputs.app_version = Maybe::Known(results::app_version(&chart));
    plan.outputs.effective_values = Maybe::Known(summary::yaml(&values.shown));
    if prior.is_none() {
        plan.outputs.first_minor_version = Maybe::Known(results::minor_of(&chart.metadata.version));
    }
    let client = site.as_ref().and_then(|site| site.client.as_ref());
    let live = match (client, prior) {
        (Some(client), Some(prior)) => live_pool(client, wanted, prior).await.ok().flatten(),
        _ => None,
    };
    let place = site.as_ref().and_then(|site| Some((site.described.as_deref().ok()?, &site.region)));
    for fault in pool_faults(wanted, &now, prior, live.as_ref(), place, cx).await {
        cx.report(fault);
    }
    let Some(client) = client else {
        return render_alone(&chart, &values.all, wanted, prior.is_some(), None).await.map(drop);
    };
    let releases = Releases::new(client);
    // Of one that is there already the refresh has just read the record.
    if prior.is_none() {
        let there = match releases.current(wanted.namespace(), wanted.release()).await {
            Ok(there) => there,
            // What the cluster does not answer now it may answer in the apply.
            Err(error) => {
                return without_cluster(plan, &chart, &values.all, wanted, false, described, error, cx).await;
            }
        };
        if let Some(site) = &site
            // One of this provider may be this resource's own: what failed is gone on with, and what Terraform replaces
            // is removed first. Where it is another resource's, the apply refuses before anything is changed.
            && there.is_some_and(|there| !there.entry.by_this_provider)
        {
            cx.report(install::exists(wanted, &site.cluster, &site.region));
        }
    }
    let rendering = Rendering {
        name: wanted.release(),
        namespace: wanted.namespace(),
        revision: prior.map_or(1, |prior| prior.outputs.revision + 1),
        is_upgrade: prior.is_some(),
        skip_schema: false,
        preview_for: described.map(|described| described.version.as_str()),
    };
    match releases.render(&chart, &values.all, rendering).await {
        Ok(mut rendered) => {
            if let Some(rewrite) = wanted.rewrite()
                && let Err(error) = rewrite.apply(&mut rendered)
            {
                let summary = format!("Could not render the chart of {}", wanted.name());
                return Err(told::failed(&summary, &Failure::from(error), Some(wanted), cx).await);
            }
            match releases.unknown_kinds(&chart, &values.all, &rendered).await {
                Ok(unknown) if !unknown.is_empty() => {
                    cx.report(told::unknown_kinds(&unknown, wanted, client.cluster()));
                }
                Ok(_) => {}
                Err(error) => tracing::info!("kinds are not looked for at plan: {}", told::chain(&error)),
            }
            // Of an installation alone: who changes a CNI knows his nodes, and every look is one more request.
            if prior.is_none()
                && let Ok(nodes) = client.list(&Resource::NODE, None, None).await
            {
                for warning in forecast::warnings(wanted, &rendered, &nodes) {
                    cx.report(warning);
                }
            }
            let images = results::images_of(&rendered)?;
            promise::promise(&images, cx);
            plan.looked_up(Outputs::NAMES.images, Ok(Maybe::Known(images)), |outputs| &mut outputs.images);
        }
        Err(crate::kube::release::Error::Render(error)) => return Err(told::render(&error, wanted).into()),
        Err(error) => {
            return without_cluster(plan, &chart, &values.all, wanted, prior.is_some(), described, error, cx).await;
        }
    }
    Ok(())
}

/// Renders for a cluster that does not answer: the images are what they would be, as far as anybody can tell. What a
/// plan has once known the next one knows too, where Terraform plans again while it applies.
#[allow(clippy::too_many_arguments, reason = "each is another thing, and there are two callers in one function")]
async fn without_cluster(
    plan: &mut Plan<Cni>,
    chart: &helm::Chart,
    values: &Values,
    wanted: &Wanted,
    is_upgrade: bool,
    described: Option<&Cluster>,
    error: crate::kube::release::Error,
    cx: &Context,
) -> Result<()> {
    tracing::info!("the chart is rendered without the cluster at plan: {}", told::chain(&error));
    let found = if let Some(images) = render_alone(chart, values, wanted, is_upgrade, described).await? {
        Ok(Maybe::Known(images))
    } else {
        let summary = format!("Could not render the chart of {}", wanted.name());
        Err(told::failed(&summary, &Failure::from(error), Some(wanted), cx).await)
    };
    plan.looked_up(Outputs::NAMES.images, found, |outputs| &mut outputs.images);
    Ok(())
}

/// Cluster and region, as far as a plan knows them.
async fn named(plan: &Plan<Cni>, cx: &Context) -> Option<(ClusterName, Region)> {
    let cluster = plan.args.cluster_name.set().or_else(|| plan.outputs.cluster_name.known())?.clone();
    cx.try_clients()?.known_aws()?;
    let Maybe::Known(argument) = &plan.args.region else { return None };
    let region = aws_region(argument.as_ref(), cx).await.ok()?;
    Some((cluster, region))
}

/// Calico's manifest makes one pool, and a cluster may have more pod networks.
pub(super) fn too_many(wanted: &Wanted, pod_cidrs: &[String]) -> Option<Diagnostic> {
    (matches!(wanted.product, Product::Manifest(_)) && pod_cidrs.len() > 1).then(|| {
        Diagnostic::error(
            "Too many pod networks",
            format!(
                "Calico's manifest makes one address pool, and the cluster has the remote pod networks {}. Name one of them in `pod_cidrs`, or use `method = \"operator\"`.",
                pod_cidrs.join(", ")
            ),
        )
        .at(wanted.at("pod_cidrs"))
    })
}

async fn site(plan: &Plan<Cni>, cx: &Context) -> Result<Option<Site>> {
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
    Ok(Some(Site { cluster, region, described, client }))
}

/// The pool in the cluster, where a release of `prior` has made one.
pub(super) async fn live_pool(client: &Client, wanted: &Wanted, prior: &State<Cni>) -> kube::Result<Option<Pool>> {
    pool::live(client, wanted, &installed_pool(prior, wanted).cidrs).await
}

/// Everything that speaks against a pool, in a plan and in an apply: at plan it may not be known, or not be asked for.
pub(super) async fn pool_faults(
    wanted: &Wanted,
    now: &Pool,
    prior: Option<&State<Cni>>,
    live: Option<&Pool>,
    site: Option<(&Cluster, &Region)>,
    cx: &Context,
) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    let mut immutable = |(part, difference): (Part, String), whence: &str| {
        faults.push(
            Diagnostic::error(
                "The pod networks of an installed CNI cannot change",
                format!("{}: {difference}. Pods have addresses of these networks, and {} does not give them others.\n\nKeep them{}. To move to other networks, destroy this resource, replace the nodes, and install anew.", told::capital(whence), wanted.name(), if pool::can_grow(wanted) { ", in their order; a pool that is full can get further networks behind them" } else { "" }),
            )
            .at(wanted.at_pool(part)),
        );
    };
    let can_grow = pool::can_grow(wanted);
    let mut from = 0;
    if let Some(prior) = prior {
        let installed = installed_pool(prior, wanted);
        from = installed.cidrs.len();
        if let Some(difference) = pool::difference(&installed, now, can_grow) {
            immutable(difference, "as it was installed");
        } else if let Some(live) = live
            && let Some(difference) = pool::difference(live, now, can_grow)
        {
            immutable(difference, "in the cluster");
        }
    }
    if let Some((described, region)) = site
        && (prior.is_none() || now.cidrs.len() > from)
    {
        faults.extend(check_networks(wanted, now, from, described, region, cx).await.0);
    }
    faults
}

/// Everything that speaks against the ranges of a pool from the one at `from` on.
pub(super) async fn check_networks(
    wanted: &Wanted,
    now: &Pool,
    from: usize,
    described: &Cluster,
    region: &Region,
    cx: &Context,
) -> Diagnostics {
    let mut faults = Diagnostics::new();
    let at = wanted.at("pod_cidrs");
    if now.cidrs.is_empty() {
        faults.push(
            Diagnostic::error(
                "No pod network is named",
                format!(
                    "Cluster `{}` has no remote pod networks, so there is no default. Set `pod_cidrs`.",
                    described.name
                ),
            )
            .at(at.clone()),
        );
        return faults;
    }
    let vpc = vpc_cidrs(described, region, cx).await;
    for (part, problem) in pool::faults(now, from, &pool::taken(described, &vpc)) {
        faults.push(
            Diagnostic::error(
                "Pod network cannot be used",
                format!("{problem}.\n\nChoose a network that neither the nodes, nor the services, nor the VPC of cluster `{}` use.", described.name),
            )
            .at(wanted.at_pool(part)),
        );
    }
    for outside in pool::outside(now, from, &described.remote_pod_networks) {
        faults.push(
            Diagnostic::warning(
                "Pod network is not one of the cluster's",
                format!("`{outside}` is in none of the remote pod networks of cluster `{}`: {}. The API server reaches no pods there, webhooks among them.", described.name, described.remote_pod_networks.join(", ")),
            )
            .at(at.clone()),
        );
    }
    faults
}

async fn vpc_cidrs(described: &Cluster, region: &Region, cx: &Context) -> Vec<String> {
    let (Some(vpc), Some(aws)) = (&described.vpc_id, cx.try_clients().and_then(Clients::known_aws)) else {
        return Vec::new();
    };
    let ec2 = aws.ec2(Some(region.as_str()));
    // Who may not look at the VPC goes without this check.
    ec2.vpc(vpc).await.ok().flatten().map(|vpc| vpc.cidr_blocks).unwrap_or_default()
}

/// The pool of the installed release, as its values tell it.
fn installed_pool(prior: &State<Cni>, wanted: &Wanted) -> Pool {
    let values = Values::from_yaml(&prior.outputs.effective_values).unwrap_or_default();
    let told = match (&wanted.product, Wanted::of(&prior.args)) {
        (Product::Manifest(_), Some(installed)) => installed.pool(&values, &prior.outputs.pod_cidrs),
        _ => wanted.pool(&values, &prior.outputs.pod_cidrs),
    };
    if told.cidrs.is_empty() { Pool { cidrs: prior.outputs.pod_cidrs.clone(), size: told.size } } else { told }
}

/// Renders without a cluster, for what templates say against the values. The result is the images for a cluster of a
/// known version.
async fn render_alone(
    chart: &helm::Chart,
    values: &Values,
    wanted: &Wanted,
    is_upgrade: bool,
    described: Option<&Cluster>,
) -> Result<Option<BTreeSet<String>>> {
    let (chart, values) = (Arc::new(chart.clone()), values.clone());
    let (name, namespace) = (wanted.release().to_owned(), wanted.namespace().to_owned());
    let version = described.and_then(|described| KubeVersion::parse(&described.version).ok());
    let work = tokio::task::spawn_blocking(move || {
        let capabilities = version.map(|kube_version| Capabilities { kube_version, ..Capabilities::default() });
        let options = RenderOptions {
            name: &name,
            namespace: &namespace,
            is_upgrade,
            capabilities: capabilities.as_ref(),
            ..RenderOptions::default()
        };
        helm::render(&chart, values, options)
    });
    let mut rendered = match work.await {
        Ok(Ok(rendered)) => rendered,
        // What the cluster's version has to do with it is seen when there is one.
        Ok(Err(helm::Error::KubeVersion(_))) => return Ok(None),
        Ok(Err(error)) => return Err(told::render(&error, wanted).into()),
        Err(ended) => std::panic::resume_unwind(ended.into_panic()),
    };
    if described.is_some() && wanted.rewrite().is_none_or(|rewrite| rewrite.apply(&mut rendered).is_ok()) {
        return results::images_of(&rendered).map(Some);
    }
    Ok(None)
}

/// Whether other nodes are chosen than before.
fn selects_others(prior: &State<Cni>, wanted: &Wanted) -> bool {
    Wanted::of(&prior.args).is_none_or(|installed| installed.node_selector() != wanted.node_selector())
}
