//! How a CNI is installed, looked at, changed and removed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Secret, Span};
use framework::path::Path;
use framework::resource::State;
use framework::wait::{self, Seen, Wait};
use helm::{Chart, Data, Map, Release, Rendered, Status, Values};
use serde_json::Value as Json;

use super::arguments::{Calico, Cilium, Method, ReleaseName};
use super::aws_node::Restored;
use super::wanted::{Product, Ready, Wanted};
use super::{Args, Cni, Identity, Outputs, aws_node, calico, cilium, cleanup, plan, pool, summary, told};
use crate::attributes::cluster::{Reached, connect, reach, told as told_kube};
use crate::attributes::{ClusterName, Region, aws_region, explain};
use crate::kube::release::{CustomResources, Error, Failure, Options, Releases, Removal, Rendering};
use crate::kube::{Client, Resource};
use crate::provider::Context;

/// How long a change may take, when nothing else is said.
const CHANGE_TIMEOUT: Duration = Duration::from_mins(20);
/// How long a removal may take.
const DELETE_TIMEOUT: Duration = Duration::from_mins(10);
/// Private note: the images that the plan has shown.
const PROMISED: &str = "images";
/// Private note: the state is as an import made it, so nobody knows where the chart came from.
const IMPORTED: &str = "imported";
/// Private note: the definitions that were there before the CNI.
const BEFORE: &str = "definitions_before";

/// One cluster, and what is asked of it.
struct Site<'a> {
    client: Client,
    releases: Releases,
    cluster: ClusterName,
    region: Region,
    wanted: Wanted,
    deadline: Instant,
    cx: &'a Context,
}

impl Site<'_> {
    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    fn options(&self, args: &Args, waits: bool) -> Options {
        Options {
            atomic: args.atomic && waits,
            wait: waits,
            create_namespace: true,
            timeout: self.left(),
            crds: CustomResources::Always,
            rewrite: self.wanted.rewrite(),
            ..Options::new(self.wanted.namespace(), self.wanted.release())
        }
    }

    fn selector(&self) -> Option<String> {
        let labels = self.wanted.node_selector();
        let parts: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        (!parts.is_empty()).then(|| parts.join(","))
    }

    /// How many nodes the CNI is for, and how many of them are Ready.
    async fn nodes(&self, summary: &str) -> Result<(usize, usize)> {
        let selector = self.selector();
        let listed = self.client.list(&Resource::NODE, None, selector.as_deref()).await;
        let nodes = told_kube(listed, summary, None, self.cx).await?;
        Ok((nodes.len(), nodes.iter().filter(|node| is_ready(node)).count()))
    }
}

fn is_ready(node: &Json) -> bool {
    let conditions = node.pointer("/status/conditions").and_then(Json::as_array);
    conditions.into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True")
}

fn progress(text: &str) {
    tracing::info!("{text}");
}

/// The version of Cilium or Calico that a chart tells.
pub(super) fn app_version(chart: &Chart) -> Option<String> {
    Some(chart.metadata.app_version.clone()).filter(|version| !version.is_empty())
}

pub(super) fn minor_of(version: &str) -> String {
    cilium::minor(version).unwrap_or_else(|| version.to_owned())
}

/// Every image of something rendered, hooks included.
pub(super) fn images_of(rendered: &Rendered) -> BTreeSet<String> {
    let manifests = rendered.manifests.iter().map(|one| one.content.as_str());
    summary::images_of(manifests.chain(rendered.hooks.iter().map(|hook| hook.manifest.as_str())))
}

/// Notes what a plan shows, so that the apply does the same or nothing.
pub(super) fn promise(images: &BTreeSet<String>, cx: &Context) {
    // A set of texts always has a form in JSON.
    if let Ok(text) = serde_json::to_string(images) {
        cx.keep_private(PROMISED, text);
    }
}

/// Whether the release is already what is wanted.
pub(super) fn is_same(prior: &State<Cni>, wanted: &Wanted, cx: &Context) -> bool {
    let outputs = &prior.outputs;
    let Some(installed) = Wanted::of(&prior.args) else { return false };
    let imported = cx.private(IMPORTED).is_some();
    if outputs.release_status != Status::Deployed.name() || installed.mirror != wanted.mirror {
        return false;
    }
    let version = match (&wanted.product, &installed.product) {
        (Product::Cilium(now), Product::Cilium(then)) => {
            let source = |one: &Cilium| (one.repository.clone(), one.chart.clone(), one.sha256.clone());
            if now.sensitive_values != then.sensitive_values || (!imported && source(now) != source(then)) {
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

/// A release of this name is there already.
pub(super) fn exists(wanted: &Wanted, cluster: &ClusterName, region: &Region) -> Diagnostic {
    let (namespace, release) = (wanted.namespace(), wanted.release());
    Diagnostic::error(
        format!("{} is installed already", wanted.name()),
        format!(
            "Cluster `{cluster}` in {region} has a release `{release}` in namespace `{namespace}`. Nothing was changed.\n\nTo manage it here, import it: `terraform import ekshybrid_cni.NAME {cluster}/{namespace}/{release}@{region}`."
        ),
    )
    .at(Path::attribute(wanted.attribute()))
}

async fn open<'a>(
    args: &Args,
    cluster: ClusterName,
    region: Region,
    given: Option<&Span>,
    cx: &'a Context,
) -> Result<Site<'a>> {
    let given = given.map(Span::duration);
    let begun = Instant::now();
    let client = connect(&cluster, Some(&region), given, cx).await?;
    // The time of a cluster that is made counts when somebody has said how long all of it may take.
    let deadline = given.map_or_else(|| Instant::now() + CHANGE_TIMEOUT, |given| begun + given);
    let wanted = Wanted::of(args).ok_or_else(|| Diagnostic::bug("Neither `cilium` nor `calico` is set."))?;
    let releases = Releases::new(&client);
    Ok(Site { client, releases, cluster, region, wanted, deadline, cx })
}

async fn ready(site: &Site<'_>, pod_cidrs: &[String], first_minor: Option<&str>) -> Result<Ready> {
    let charts = site.cx.clients()?.charts().ok_or_else(|| {
        Diagnostic::error(
            "Provider configuration not known yet",
            "An argument of the provider's configuration that is needed to fetch charts is known only after apply.",
        )
    })?;
    site.wanted.ready(charts, pod_cidrs, first_minor).await
}

/// Renders as the change will, and refuses another result than the plan has shown.
async fn check_promise(site: &Site<'_>, ready: &Ready, prior: Option<&State<Cni>>) -> Result<()> {
    let Some(promised) = site.cx.private(PROMISED) else { return Ok(()) };
    let Ok(promised) = serde_json::from_str::<BTreeSet<String>>(&promised) else { return Ok(()) };
    let rendering = Rendering {
        name: site.wanted.release(),
        namespace: site.wanted.namespace(),
        revision: prior.map_or(1, |prior| prior.outputs.revision + 1),
        is_upgrade: prior.is_some(),
        skip_schema: false,
    };
    let summary = format!("Could not render the chart of {}", site.wanted.name());
    let rendered = site.releases.render(&ready.chart, &ready.values.all, rendering).await;
    let mut rendered = match rendered {
        Ok(rendered) => rendered,
        Err(error) => {
            return Err(told::failed(&summary, &Failure::from(error), Some(&site.wanted), site.cx).await);
        }
    };
    if let Some(rewrite) = site.wanted.rewrite()
        && let Err(error) = rewrite.apply(&mut rendered)
    {
        return Err(told::failed(&summary, &Failure::from(error), Some(&site.wanted), site.cx).await);
    }
    let now = images_of(&rendered);
    if now == promised {
        return Ok(());
    }
    let listed = |some: Vec<&String>| some.iter().map(|image| format!("`{image}`")).collect::<Vec<_>>().join(", ");
    Err(Diagnostic::error(
        "The cluster has changed since the plan",
        format!(
            "The chart renders to other images now than the plan has shown: new are {}; no more {}. Nothing was changed.\n\nPlan and apply again.",
            listed(now.difference(&promised).collect()),
            listed(promised.difference(&now).collect()),
        ),
    )
    .into())
}

pub(super) async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
    let cluster = cx.clients()?.cluster_name(args.cluster_name.as_ref())?;
    let region = aws_region(args.region.as_ref(), cx).await?;
    let given = args.timeouts.as_ref().and_then(|timeouts| timeouts.create.as_ref());
    let site = open(args, cluster, region, given, cx).await?;
    let summary = format!("Could not install {}", site.wanted.name());
    let eks = cx.clients()?.aws()?.with_cancel(cx.cancel().clone()).eks(Some(site.region.as_str()));
    let described = eks.cluster(site.cluster.as_str()).await.map_err(|error| explain(&summary, &error, None))?;
    let pod_cidrs = site.wanted.pod_cidrs().unwrap_or_else(|| pool::default(&described));
    let ready = ready(&site, &pod_cidrs, None).await?;
    let now = site.wanted.pool(&ready.values.all, &pod_cidrs);
    let faults = plan::check_networks(&site.wanted, &now, &described, &site.region, cx).await;
    if faults.has_errors() {
        return Err(faults);
    }
    check_promise(&site, &ready, None).await?;
    let before = told_kube(cleanup::definitions(&site.client, &site.wanted.product).await, &summary, None, cx).await?;
    // A set of texts always has a form in JSON.
    if cx.private(BEFORE).is_none() {
        cx.keep_private(BEFORE, serde_json::to_string(&before).unwrap_or_default());
    }
    let removed = args.remove_vpc_cni && take_vpc_cni(&site, &summary).await?;
    let (nodes, _) = site.nodes(&summary).await?;
    let options = site.options(args, nodes > 0);
    if nodes == 0 {
        tracing::info!("no node of the selector is there yet, so pods are not waited for");
    }
    let installed = site.releases.install(&ready.chart, &ready.values.all, &options, &progress).await;
    let release = match installed {
        Ok(outcome) => {
            told::warn(&outcome.warnings, cx);
            outcome.release
        }
        Err(failure) => {
            if !failure.left.exists() && removed {
                // Without a CNI the nodes would have none at all.
                let restored = told_kube(aws_node::restore(&site.client).await, &summary, None, cx).await;
                restored?;
            }
            return Err(stop(&site, &failure, &summary, None, &ready.values.shown).await);
        }
    };
    let outputs = outputs(&site, &release, None, &ready.values.shown);
    cx.save(&outputs);
    wait_for_nodes(&site, args, &summary).await?;
    Ok(outputs)
}

/// Tells a failure, and records what exists of the release.
async fn stop(
    site: &Site<'_>,
    failure: &Failure,
    summary: &str,
    prior: Option<&State<Cni>>,
    shown: &Map,
) -> Diagnostics {
    told::warn(&failure.warnings, site.cx);
    if failure.left.exists()
        && let Ok(Some(current)) = site.releases.current(site.wanted.namespace(), site.wanted.release()).await
    {
        site.cx.save(&outputs(site, &current.release, prior, shown));
    }
    if matches!(failure.error, Error::Exists { .. }) {
        return exists(&site.wanted, &site.cluster, &site.region).into();
    }
    told::failed(summary, failure, Some(&site.wanted), site.cx).await
}

fn outputs(site: &Site<'_>, release: &Release, prior: Option<&State<Cni>>, shown: &Map) -> Outputs {
    let first = prior
        .map_or_else(|| minor_of(&release.chart.metadata.version), |prior| prior.outputs.first_minor_version.clone());
    let given = prior.map(|prior| prior.outputs.pod_cidrs.clone()).or_else(|| site.wanted.pod_cidrs());
    let told = Told { cluster: &site.cluster, region: &site.region, first };
    told.outputs(&site.wanted, release, given, shown)
}

/// What is known beside a release.
struct Told<'a> {
    cluster: &'a ClusterName,
    region: &'a Region,
    first: String,
}

impl Told<'_> {
    fn outputs(self, wanted: &Wanted, release: &Release, given: Option<Vec<String>>, shown: &Map) -> Outputs {
        let pool = match &wanted.product {
            Product::Manifest(_) => pool_of_manifest(&release.manifest).or(given).unwrap_or_default(),
            _ => wanted.pool(&Values::from(release.config.clone()), &given.unwrap_or_default()).cidrs,
        };
        Outputs {
            cluster_name: self.cluster.clone(),
            release_namespace: release.namespace.clone(),
            release_name: release.name.clone(),
            release_status: release.status.name().to_owned(),
            revision: release.revision,
            chart_version: release.chart.metadata.version.clone(),
            app_version: app_version(&release.chart),
            first_minor_version: self.first,
            pod_cidrs: pool,
            effective_values: summary::yaml(shown),
            images: summary::images(release),
            manifest_digest: summary::digest(&release.manifest),
            region: self.region.clone(),
        }
    }
}

/// The pool that Calico's manifest was edited to.
fn pool_of_manifest(manifest: &str) -> Option<Vec<String>> {
    let objects = crate::charts::images::parse(manifest).ok()?;
    let node = objects.iter().find(|one| one["kind"] == "DaemonSet" && one["metadata"]["name"] == "calico-node")?;
    let containers = node.pointer("/spec/template/spec/containers")?.as_array()?;
    let variables = containers.iter().flat_map(|one| one["env"].as_array().into_iter().flatten());
    let cidr = variables.into_iter().find(|one| one["name"] == "CALICO_IPV4POOL_CIDR")?["value"].as_str()?;
    Some(vec![cidr.to_owned()])
}

/// Takes aws-node away. `true`: it was there.
async fn take_vpc_cni(site: &Site<'_>, summary: &str) -> Result<bool> {
    if let Some(fault) = plan::addon_owns(&site.cluster, &site.region, site.cx).await {
        return Err(fault.into());
    }
    told_kube(aws_node::remove(&site.client).await, summary, None, site.cx).await
}

async fn give_vpc_cni(client: &Client, summary: &str, cx: &Context) -> Result<()> {
    let left = Some(
        "The release is removed; the VPC CNI is not back yet, and is kept in the ConfigMap kube-system/ekshybrid-aws-node.",
    );
    match told_kube(aws_node::restore(client).await, summary, left, cx).await? {
        Restored::Another => cx.report(Diagnostic::warning(
            "aws-node was made by somebody else meanwhile",
            format!("DaemonSet {}/{} is there, and stays as it is.", aws_node::NAMESPACE, aws_node::NAME),
        )),
        Restored::Back | Restored::Nothing => {}
    }
    Ok(())
}

async fn wait_for_nodes(site: &Site<'_>, args: &Args, summary: &str) -> Result<()> {
    let Some(count) = args.wait_for_nodes.and_then(|count| usize::try_from(count.get()).ok()) else { return Ok(()) };
    let wait = Wait {
        what: format!("{count} nodes of cluster `{}` to be Ready", site.cluster),
        timeout: site.left(),
        interval: Duration::from_millis(500),
        max_interval: Duration::from_secs(10),
    };
    let look = || async {
        let (all, ready) = site.nodes(summary).await?;
        if ready >= count {
            return Ok(Seen::Done(()));
        }
        Ok(Seen::Pending(format!("{ready} of {all} nodes of the node selector are Ready")))
    };
    wait::until(site.cx, &wait, look).await
}

pub(super) async fn update(prior: &State<Cni>, args: &Args, cx: &Context) -> Result<Outputs> {
    let given = args.timeouts.as_ref().and_then(|timeouts| timeouts.update.as_ref());
    let site = open(args, prior.outputs.cluster_name.clone(), prior.outputs.region.clone(), given, cx).await?;
    let summary = format!("Could not upgrade {}", site.wanted.name());
    let mut now = prior.outputs.clone();
    if !is_same(prior, &site.wanted, cx) {
        now = upgrade(&site, prior, args, &summary).await?;
        cx.save(&now);
    }
    cx.drop_private(IMPORTED);
    cx.drop_private(PROMISED);
    match (prior.args.remove_vpc_cni, args.remove_vpc_cni) {
        (false, true) => {
            take_vpc_cni(&site, &summary).await?;
        }
        (true, false) => give_vpc_cni(&site.client, &summary, cx).await?,
        _ => {}
    }
    wait_for_nodes(&site, args, &summary).await?;
    Ok(now)
}

async fn upgrade(site: &Site<'_>, prior: &State<Cni>, args: &Args, summary: &str) -> Result<Outputs> {
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
    check_promise(site, &ready, Some(prior)).await?;
    let (nodes, _) = site.nodes(summary).await?;
    if let Product::Cilium(cilium) = &site.wanted.product
        && cilium.preflight.unwrap_or(true)
        && minor_of(&version) != minor_of(&outputs.chart_version)
        && nodes > 0
    {
        preflight(site, &ready).await?;
    }
    let options = site.options(args, nodes > 0);
    match site.releases.upgrade(&ready.chart, &ready.values.all, &options, &progress).await {
        Ok(outcome) => {
            told::warn(&outcome.warnings, site.cx);
            Ok(self::outputs(site, &outcome.release, Some(prior), &ready.values.shown))
        }
        Err(failure) => Err(stop(site, &failure, summary, Some(prior), &ready.values.shown).await),
    }
}

/// Cilium's own check before an upgrade: its pods pull the new images on every node, and read the policies.
async fn preflight(site: &Site<'_>, ready: &Ready) -> Result<()> {
    let summary = "Cilium's preflight check failed";
    let name = format!("{}{}", site.wanted.release(), cilium::PREFLIGHT);
    let all = Json::from(&Data::Map(ready.values.all.as_map().clone()));
    let values = match Data::from(cilium::preflight(&all)) {
        Data::Map(map) => Values::from(map),
        _ => Values::new(),
    };
    let options = Options {
        wait: true,
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
    let removed = site.releases.uninstall(site.wanted.namespace(), &name, &removal, &progress).await;
    if let Err(failure) = checked {
        let mut faults = told::failed(summary, &failure, Some(&site.wanted), site.cx).await;
        if let Some(fault) = faults.0.first_mut() {
            fault.detail.push_str(
                "\n\nCilium itself was not touched. Mend what the check found, or set `preflight = false` to go without it.",
            );
        }
        return Err(faults);
    }
    match removed {
        Ok(_) => Ok(()),
        Err(failure) => {
            Err(told::failed("Could not remove Cilium's preflight check", &failure, Some(&site.wanted), site.cx).await)
        }
    }
}

pub(super) async fn read(identity: &Identity, prior: Option<&State<Cni>>, cx: &Context) -> Result<Option<State<Cni>>> {
    let cluster = &identity.cluster_name;
    let region = aws_region(identity.region.as_ref(), cx).await?;
    let summary = "Could not read the CNI's release";
    let client = match reach(cluster, Some(&region), cx).await? {
        Reached::Open(client) => client,
        Reached::Gone => return Ok(None),
        Reached::Unknown => {
            return prior.cloned().map(Some).ok_or_else(|| {
                Diagnostic::error(
                    summary,
                    "The provider's configuration is known only after apply. Apply what it depends on first.",
                )
                .into()
            });
        }
    };
    let found = Releases::new(&client).current(&identity.release_namespace, &identity.release_name).await;
    let found = match found {
        Ok(Some(found)) => found.release,
        Ok(None) => return Ok(None),
        Err(error) => return Err(told::failed(summary, &Failure::from(error), None, cx).await),
    };
    let mut args = if let Some(prior) = prior {
        prior.args.clone()
    } else {
        cx.keep_private(IMPORTED, "true");
        imported(&found)?
    };
    args.cluster_name = Some(cluster.clone());
    args.region = Some(region.clone());
    let mut hidden = Map::new();
    if let Some(cilium) = &mut args.cilium
        && let Some(values) = cilium.sensitive_values.as_ref().and_then(|text| Values::from_yaml(text.expose()).ok())
    {
        hidden = values.as_map().clone();
        if !has(&found.config, &hidden) {
            // Somebody has changed them: what is planned is to set them again.
            cilium.sensitive_values = Some(Secret::new(String::new()));
        }
    }
    let shown = summary::without(&found.config, &hidden);
    let first = prior.map_or_else(|| first_minor(&found), |prior| prior.outputs.first_minor_version.clone());
    let wanted = Wanted::of(&args).ok_or_else(|| Diagnostic::bug("Neither `cilium` nor `calico` is set."))?;
    let given = prior.map(|prior| prior.outputs.pod_cidrs.clone());
    let outputs = Told { cluster, region: &region, first }.outputs(&wanted, &found, given, &shown);
    Ok(Some(State { args, outputs }))
}

/// Whether `values` say what `wanted` says.
fn has(values: &Map, wanted: &Map) -> bool {
    wanted.iter().all(|(key, wanted)| match (values.get(key), wanted) {
        (Some(Data::Map(values)), Data::Map(wanted)) => has(values, wanted),
        (Some(value), wanted) => value == wanted,
        (None, wanted) => wanted.is_null(),
    })
}

/// The minor version that was installed first, as an upgrade was told it.
fn first_minor(release: &Release) -> String {
    match release.config.get("upgradeCompatibility").and_then(Data::as_text) {
        Some(minor) => minor.to_owned(),
        None => minor_of(&release.chart.metadata.version),
    }
}

/// Arguments that make a release what it is.
fn imported(release: &Release) -> Result<Args> {
    let version = Some(release.chart.metadata.version.clone());
    let values = (!release.config.is_empty()).then(|| vec![summary::yaml(&release.config)]);
    let mut args = Args {
        cluster_name: None,
        cilium: None,
        calico: None,
        remove_vpc_cni: false,
        image_registry: None,
        wait_for_nodes: None,
        atomic: false,
        cleanup_on_destroy: true,
        region: None,
        timeouts: None,
    };
    let blank = |method: Method| Calico {
        version: version.clone(),
        method: Some(method),
        source: None,
        sha256: None,
        pod_cidrs: None,
        block_size: None,
        encapsulation: None,
        nat_outgoing: None,
        node_selector: None,
        aws_src_dst_check: None,
        values: values.clone(),
    };
    match release.chart.name() {
        cilium::CHART => {
            args.cilium = Some(Cilium {
                version: version.clone(),
                repository: None,
                chart: None,
                sha256: None,
                namespace: ReleaseName::of(&release.namespace),
                release_name: ReleaseName::of(&release.name),
                pod_cidrs: None,
                pod_cidr_mask_size: None,
                operator_replicas: None,
                node_selector: None,
                bgp: None,
                values: values.clone(),
                sensitive_values: None,
                preflight: None,
            });
        }
        calico::CHART => args.calico = Some(blank(Method::Operator)),
        calico::MANIFEST => args.calico = Some(blank(Method::Manifest)),
        other => {
            return Err(Diagnostic::error(
                "Not a release of a CNI",
                format!(
                    "Release `{}` in namespace `{}` is of the chart `{other}`. This resource manages the charts `{}` and `{}`.",
                    release.name, release.namespace, cilium::CHART, calico::CHART
                ),
            )
            .into());
        }
    }
    Ok(args)
}

pub(super) async fn delete(state: &State<Cni>, cx: &Context) -> Result<()> {
    let outputs = &state.outputs;
    let (cluster, region) = (&outputs.cluster_name, &outputs.region);
    let client = match reach(cluster, Some(region), cx).await? {
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

async fn take_away(state: &State<Cni>, client: &Client, deadline: Instant, cx: &Context) -> Result<()> {
    let outputs = &state.outputs;
    let wanted = Wanted::of(&state.args).ok_or_else(|| Diagnostic::bug("Neither `cilium` nor `calico` is set."))?;
    let summary = format!("Could not remove {}", wanted.name());
    let left = || deadline.saturating_duration_since(Instant::now());
    let removal = Removal { timeout: left(), ..Removal::default() };
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
    if state.args.remove_vpc_cni {
        give_vpc_cni(client, &summary, cx).await?;
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
async fn is_going(cluster: &ClusterName, region: &Region, cx: &Context) -> bool {
    let Some(aws) = cx.try_clients().and_then(crate::provider::Clients::known_aws) else { return false };
    match aws.with_cancel(cx.cancel().clone()).eks(Some(region.as_str())).cluster(cluster.as_str()).await {
        Ok(found) => found.status == "DELETING",
        Err(error) => error.is_not_found(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nodes_that_are_ready() {
        let node = |status: &str| json!({ "status": { "conditions": [{ "type": "Ready", "status": status }] } });
        assert!(is_ready(&node("True")));
        assert!(!is_ready(&node("Unknown")) && !is_ready(&json!({})));
    }

    #[test]
    fn hidden_values_are_compared() {
        let values = |text: &str| Values::from_yaml(text).expect(text).as_map().clone();
        assert!(has(&values("a: {b: 1, c: 2}"), &values("a: {b: 1}")));
        assert!(!has(&values("a: {b: 2}"), &values("a: {b: 1}")));
        assert!(has(&values("a: 1"), &values("b: null")));
        assert!(!has(&values("a: 1"), &values("b: 1")));
    }

    #[test]
    fn the_pool_of_a_manifest() {
        let manifest = "kind: DaemonSet\nmetadata: {name: calico-node}\nspec: {template: {spec: {containers: [{env: [{name: CALICO_IPV4POOL_CIDR, value: 10.1.0.0/16}]}]}}}\n";
        assert_eq!(pool_of_manifest(manifest), Some(vec!["10.1.0.0/16".to_owned()]));
        assert_eq!(pool_of_manifest("kind: ConfigMap\n"), None);
    }
}
