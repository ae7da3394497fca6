//! A release that somebody else made, or that was made here and fell out of the state.
//!
//! Where its chart came from is not recorded, and its values are in other words than a configuration's. So until this
//! resource has changed it, a configuration that comes to the same release is taken to say the same.

use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Secret, WriteOnly};
use framework::note::Note;
use helm::Release;
use serde::{Deserialize, Serialize};

use super::arguments::{Calico, Cilium, Method, ReleaseName};
use super::hidden::{self, Hidden};
use super::{Args, calico, cilium, summary};
use crate::kube::release::Revision;
use crate::session::Context;

/// Private note that a state is as an import made it.
const NOTE: Note<Imported> = Note::named("imported");

/// What is noted of an imported release.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Imported {
    /// This provider created it, and may have taken its images from a mirror, which the release does not show.
    #[serde(rename = "by_this_provider")]
    pub(super) by_us: bool,
    /// [`summary::fingerprint`] of its manifests.
    pub(super) manifests: String,
}

impl Imported {
    /// `None` where this resource has made or changed the release.
    pub(super) fn of(cx: &Context) -> Option<Self> {
        cx.noted(&NOTE).says().cloned()
    }

    pub(super) fn note(found: &Revision, cx: &Context) -> Result<()> {
        let manifests = summary::fingerprint(&found.release.manifest)?;
        cx.note(&NOTE, &Self { by_us: found.entry.by_this_provider, manifests });
        Ok(())
    }

    /// From now on the arguments are the configuration's.
    pub(super) fn forget(cx: &Context) {
        cx.forget(&NOTE);
    }
}

/// Arguments that make a release what it is, with what is to be `hidden` of its values where nobody sees it.
pub(super) fn arguments(release: &Release, hidden: &Hidden) -> Result<Args> {
    let version = Some(release.chart.metadata.version.clone());
    let is_cilium = release.chart.name() == cilium::CHART;
    let (shown, kept) = if is_cilium {
        (hidden.hide(&release.config), hidden.only(&release.config))
    } else {
        (release.config.clone(), helm::Map::new())
    };
    hidden::mask(&kept);
    let text = |values: &helm::Map| (!values.is_empty()).then(|| summary::yaml(values));
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
