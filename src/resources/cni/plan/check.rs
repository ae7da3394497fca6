//! Checks on the arguments of a CNI that need only the configuration.

use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::model::Maybe;
use framework::path::Path;
use helm::Version;

use crate::attributes::labels;
use crate::cni::{
    arguments::{Calico, Cilium, Method},
    product::is_archive,
};
use crate::resources::cni::Args;

/// Checks rules that span several arguments of a CNI.
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

/// Whether a chart is fully determined without a version.
fn is_whole(repository: Option<&str>, chart: Option<&str>) -> bool {
    let named = chart.is_some_and(|chart| {
        chart
            .strip_prefix("oci://")
            .is_none_or(|rest| rest.rsplit('/').next().is_some_and(|last| last.contains([':', '@'])))
    });
    repository.is_none() && named
}
