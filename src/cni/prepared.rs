//! What a chart and a release state about themselves: version, images, pool.

use std::collections::BTreeSet;

use framework::diagnostic::Result;
use helm::{Chart, Data, Release, Rendered};
use serde_json::Value as Json;

use crate::cni::{cilium, fingerprint};

/// The version of Cilium or Calico that a chart states.
pub(crate) fn app_version(chart: &Chart) -> Option<String> {
    Some(chart.metadata.app_version.clone()).filter(|version| !version.is_empty())
}

pub(crate) fn minor_of(version: &str) -> String {
    cilium::minor(version).unwrap_or_else(|| version.to_owned())
}

/// All images of a rendered chart, including its hooks.
///
/// # Errors
/// If a manifest is not YAML.
pub(crate) fn images_of(rendered: &Rendered) -> Result<BTreeSet<String>> {
    let manifests = rendered.manifests.iter().map(|one| one.content.as_str());
    fingerprint::images_of(manifests.chain(rendered.hooks.iter().map(|hook| hook.manifest.as_str())))
}

/// The minor version that was installed first, as passed to an upgrade.
pub(crate) fn first_minor(release: &Release) -> String {
    match release.config.get("upgradeCompatibility").and_then(Data::as_text) {
        Some(minor) => minor.to_owned(),
        None => minor_of(&release.chart.metadata.version),
    }
}

/// The pool set in Calico's edited manifest.
///
/// # Errors
/// If the manifest is not YAML.
pub(crate) fn pool_of_manifest(manifest: &str) -> Result<Option<Vec<String>>> {
    Ok(pool_of(&fingerprint::objects(manifest)?))
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
