//! A chart as it would be installed, without a cluster.

use std::collections::BTreeSet;

use framework::diagnostic::{Diagnostic, Result};
use framework::path::Path;
use helm::KubeVersion;

use crate::charts::{self, images};
use crate::cni::{
    arguments::{Calico, Cilium},
    fingerprint,
    prepared::{For, Prepared},
    product::Wanted,
};
use crate::resources::cni::messages;

/// Stand-in for the pods' network while none is known.
pub(crate) const STAND_IN: &str = "10.0.0.0/16";

/// What a chart renders to.
#[derive(Debug)]
pub struct Preview {
    /// Version of the chart.
    pub chart_version: String,
    /// Version of what it installs, if the chart states it.
    pub app_version: Option<String>,
    /// All images of its manifests and hooks, and those that Calico's operator pulls on its own.
    pub images: BTreeSet<String>,
    /// Gaps in `images`, each as a clause.
    pub unknown: Vec<String>,
}

/// Fetches a chart and renders it for a Kubernetes version.
///
/// # Errors
/// If the chart cannot be fetched, or does not render with its values.
pub async fn preview(
    cilium: Option<&Cilium>,
    calico: Option<&Calico>,
    kubernetes: Option<&str>,
    charts: &charts::Client,
) -> Result<Preview> {
    let wanted = Wanted::new(cilium, calico, None)
        .ok_or_else(|| Diagnostic::bug("Neither or both of `cilium` and `calico` are set."))?;
    let version = kubernetes.map(KubeVersion::parse).transpose().map_err(|error| {
        Diagnostic::error("Invalid Kubernetes version", format!("{error}.")).at(Path::attribute("kubernetes_version"))
    })?;
    // No image depends on the addresses.
    let pod_cidrs = wanted.pod_cidrs().unwrap_or_else(|| vec![STAND_IN.to_owned()]);
    let target = For::Nothing { version: version.as_ref(), is_upgrade: false };
    let prepared = async { wanted.load(charts, &pod_cidrs, None).await?.prepare(&wanted, target).await }.await;
    let Prepared { loaded, rendition, images: mut found } =
        prepared.map_err(|error| messages::unprepared(error, &wanted))?;
    let (chart_version, app_version) = (loaded.version().to_owned(), fingerprint::app_version(&loaded.chart));
    let images::Pulled { images, unknown } =
        images::pulled(rendition.objects.manifests(), app_version.as_deref().unwrap_or(&chart_version));
    found.extend(images);
    Ok(Preview { chart_version, app_version, images: found, unknown })
}
