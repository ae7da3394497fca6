//! A release that somebody else made, or that was made here and fell out of the state.

use framework::diagnostic::{Diagnostic, Result};
use helm::Release;

use super::arguments::{Calico, Cilium, Method, ReleaseName};
use super::{Args, calico, cilium, summary};

/// Private note: the state is as an import made it, so nobody knows where the chart came from.
pub(super) const IMPORTED: &str = "imported";

/// Arguments that make a release what it is.
pub(super) fn imported(release: &Release) -> Result<Args> {
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
