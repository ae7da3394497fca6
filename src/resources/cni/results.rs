//! What is told of a release that is there.

use std::collections::BTreeSet;

use framework::diagnostic::Result;
use framework::note::Note;
use framework::resource::State;
use helm::{Chart, Data, Release, Rendered, Values};
use serde_json::Value as Json;

use super::site::Site;
use super::wanted::{Product, Wanted};
use super::{Cni, Outputs, cilium, hidden, summary};
use crate::attributes::{ClusterName, Region};
use crate::session::Context;

/// The version of Cilium or Calico that a chart tells.
pub(super) fn app_version(chart: &Chart) -> Option<String> {
    Some(chart.metadata.app_version.clone()).filter(|version| !version.is_empty())
}

pub(super) fn minor_of(version: &str) -> String {
    cilium::minor(version).unwrap_or_else(|| version.to_owned())
}

/// Every image of something rendered, hooks included.
///
/// # Errors
/// When a manifest is no YAML.
pub(super) fn images_of(rendered: &Rendered) -> Result<BTreeSet<String>> {
    let manifests = rendered.manifests.iter().map(|one| one.content.as_str());
    summary::images_of(manifests.chain(rendered.hooks.iter().map(|hook| hook.manifest.as_str())))
}

/// The minor version that was installed first, as an upgrade was told it.
pub(super) fn first_minor(release: &Release) -> String {
    match release.config.get("upgradeCompatibility").and_then(Data::as_text) {
        Some(minor) => minor.to_owned(),
        None => minor_of(&release.chart.metadata.version),
    }
}

pub(super) fn outputs(site: &Site<'_>, release: &Release, prior: Option<&State<Cni>>) -> Result<Outputs> {
    let first = prior
        .map_or_else(|| minor_of(&release.chart.metadata.version), |prior| prior.outputs.first_minor_version.clone());
    let given = prior.map(|prior| prior.outputs.pod_cidrs.clone()).or_else(|| site.wanted.pod_cidrs());
    let told = Told { cluster: &site.cluster, region: &site.region, first };
    told.outputs(&site.wanted, release, given)
}

/// Private note: the manifests that this resource has applied last.
const APPLIED: Note<String> = Note::named("applied");
/// Private note: the revision that this resource has made last.
const REVISION: Note<i64> = Note::named("revision");

/// Notes what is in the cluster now, so that another is noticed that came of the same arguments.
pub(super) fn note_applied(outputs: &Outputs, cx: &Context) {
    cx.note(&APPLIED, &outputs.manifest_digest);
    cx.note(&REVISION, &outputs.revision);
    hidden::forget_change(cx);
}

/// Notes the revision of a change that failed: its hidden values are this resource's own, and nobody else's change.
pub(super) fn note_failed(revision: i64, cx: &Context) {
    cx.note(&REVISION, &revision);
}

/// The revision that this resource has made last.
pub(super) fn own_revision(cx: &Context) -> Option<i64> {
    cx.noted(&REVISION).says().copied()
}

/// What [`note_applied`] has noted last.
pub(super) fn applied(cx: &Context) -> Option<String> {
    cx.noted(&APPLIED).says().cloned()
}

/// What is known beside a release.
pub(super) struct Told<'a> {
    pub(super) cluster: &'a ClusterName,
    pub(super) region: &'a Region,
    pub(super) first: String,
}

impl Told<'_> {
    pub(super) fn outputs(self, wanted: &Wanted, release: &Release, given: Option<Vec<String>>) -> Result<Outputs> {
        let pool = match &wanted.product {
            Product::Manifest(_) => pool_of_manifest(&release.manifest)?.or(given).unwrap_or_default(),
            _ => wanted.pool(&Values::from(release.config.clone()), &given.unwrap_or_default()).cidrs,
        };
        Ok(Outputs {
            cluster_name: self.cluster.clone(),
            release_namespace: release.namespace.clone(),
            release_name: release.name.clone(),
            release_status: release.status.name().to_owned(),
            revision: release.revision,
            chart_version: release.chart.metadata.version.clone(),
            app_version: app_version(&release.chart),
            first_minor_version: self.first,
            pod_cidrs: pool,
            effective_values: summary::yaml(&wanted.hidden().hide(&release.config)),
            images: summary::images(release)?,
            manifest_digest: summary::digest(&release.manifest)?,
            drifted_objects: BTreeSet::new(),
            region: self.region.clone(),
        })
    }
}

/// The pool that Calico's manifest was edited to.
///
/// # Errors
/// When the manifest is no YAML.
pub(super) fn pool_of_manifest(manifest: &str) -> Result<Option<Vec<String>>> {
    Ok(pool_of(&summary::objects(manifest)?))
}

fn pool_of(objects: &[Json]) -> Option<Vec<String>> {
    let node = objects.iter().find(|one| one["kind"] == "DaemonSet" && one["metadata"]["name"] == "calico-node")?;
    let containers = node.pointer("/spec/template/spec/containers")?.as_array()?;
    let variables = containers.iter().flat_map(|one| one["env"].as_array().into_iter().flatten());
    let cidr = variables.into_iter().find(|one| one["name"] == "CALICO_IPV4POOL_CIDR")?["value"].as_str()?;
    Some(vec![cidr.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_of_a_manifest() {
        let manifest = "kind: DaemonSet\nmetadata: {name: calico-node}\nspec: {template: {spec: {containers: [{env: [{name: CALICO_IPV4POOL_CIDR, value: 10.1.0.0/16}]}]}}}\n";
        assert_eq!(pool_of_manifest(manifest).expect("YAML"), Some(vec!["10.1.0.0/16".to_owned()]));
        assert_eq!(pool_of_manifest("kind: ConfigMap\n").expect("YAML"), None);
    }
}
