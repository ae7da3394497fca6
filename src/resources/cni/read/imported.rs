//! A release that others created, or that this resource created and the state lost.
//!
//! The source of its chart is not recorded, and its values are worded differently from a configuration. So until this
//! resource has changed it, a configuration that renders to the same release is treated as equal.

use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Secret, WriteOnly};
use helm::Release;

use crate::cni::{
    arguments::{Calico, Cilium, Method, ReleaseName},
    calico, cilium, fingerprint,
    hidden::{self, Hidden},
};
use crate::resources::cni::Args;

/// Arguments that reproduce a release, with the `hidden` places of its values where they are not shown.
pub(crate) fn arguments(release: &Release, hidden: &Hidden) -> Result<Args> {
    let version = Some(release.chart.metadata.version.clone());
    let is_cilium = release.chart.name() == cilium::CHART;
    let (shown, kept) = if is_cilium {
        (hidden.hide(&release.config), hidden.only(&release.config))
    } else {
        (release.config.clone(), helm::Map::new())
    };
    hidden::mask(&kept);
    let text = |values: &helm::Map| (!values.is_empty()).then(|| fingerprint::yaml(values));
    let values = text(&shown).map(|text| vec![text]);
    let mut args = Args {
        cluster_name: None,
        cilium: None,
        calico: None,
        remove_vpc_cni: false,
        image_registry: None,
        wait_for_nodes: None,
        wait: true,
        atomic: false,
        allow_replacement: false,
        cleanup_on_destroy: false,
        cleanup_objects_on_destroy: false,
        detect_drift: false,
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
                sensitive_values: text(&kept).map(Secret::new),
                sensitive_values_wo: WriteOnly::new(None),
                sensitive_values_wo_version: None,
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
