//! `ekshybrid_cni_images`: the images a CNI would pull.

use std::collections::{BTreeMap, BTreeSet};

use framework::data_source::DataSource;
use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Model, Text as _};
use framework::path::Path;
use framework::permission::Permissions;

use crate::attributes::permissions::{ANY, REPOSITORIES, aws};
use crate::charts::images::Mirror;
use crate::resources::cni::{Calico, Cilium, CiliumChart, ImageRegistry, check, preview};
use crate::session::{Clients, Context};

/// Arguments.
#[derive(Clone, Debug, Model)]
#[model(exactly_one_of(cilium, calico))]
pub struct Args {
    /// Cilium, with the same arguments as in `ekshybrid_cni`.
    pub cilium: Option<CiliumChart>,
    /// Calico, with the same arguments as in `ekshybrid_cni`.
    pub calico: Option<Calico>,
    /// Registry to pull the images from, with an optional path.
    pub image_registry: Option<ImageRegistry>,
    /// Kubernetes version to render the chart for, such as `1.34`. Default: the default of `helm template`.
    pub kubernetes_version: Option<String>,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Version of the chart.
    pub chart_version: String,
    /// Version of Cilium or Calico; null if the chart does not state it.
    pub app_version: Option<String>,
    /// Images as the chart names them, including those of its hooks and those that Calico's operator pulls on its own.
    pub images: BTreeSet<String>,
    /// Location of each image in `image_registry`, by image; empty if `image_registry` is not set.
    pub mirrored: BTreeMap<String, String>,
}

/// The data source.
#[derive(Debug)]
pub enum CniImages {}

impl DataSource for CniImages {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;

    const NAME: &'static str = "ekshybrid_cni_images";
    const DESCRIPTION: &'static str = "\
The images that Cilium or Calico would pull with these values, for a registry that must hold them before the cluster \
asks. The chart is rendered without a cluster; no credentials are needed.

What Calico's operator pulls by itself is in no chart; it is known here for Calico 3.28 to 3.32 with the resources that \
the chart makes. For other versions a warning says that the list holds the chart's own images alone; \
`docker run --rm quay.io/tigera/operator:VERSION --print-images=list` prints the rest. An operator that takes its \
digests from an `ImageSet` pulls the same images by digest.";
    const PERMISSIONS: Permissions = &[&[
        aws(&["ecr:GetAuthorizationToken"], ANY).when("the chart is in Amazon ECR"),
        aws(&["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:ListImages"], REPOSITORIES)
            .when("the chart is in Amazon ECR"),
    ]];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        let cilium = match &args.cilium {
            Maybe::Known(cilium) => Maybe::Known(cilium.as_ref().map(Cilium::from)),
            Maybe::Unknown => Maybe::Unknown,
        };
        check(&cilium, &args.calico, faults);
    }

    async fn read(args: &Args, cx: &Context) -> Result<Outputs> {
        let charts = cx.clients()?.charts()?;
        let kubernetes = args.kubernetes_version.as_deref();
        let cilium = args.cilium.as_ref().map(Cilium::from);
        let seen = preview(cilium.as_ref(), args.calico.as_ref(), kubernetes, charts).await?;
        if !seen.unknown.is_empty() {
            cx.report(
                Diagnostic::warning(
                    "The list of images is not complete",
                    format!(
                        "Calico's operator pulls more than its chart names, and {}.\n\nAsk the operator itself: `docker run --rm OPERATOR_IMAGE --print-images=list`, with the image `tigera/operator` of this list.",
                        seen.unknown.join("; ")
                    ),
                )
                .at(Path::attribute(Args::NAMES.calico)),
            );
        }
        let mirror = args.image_registry.as_ref().map(|registry| Mirror::parse(registry.text())).transpose();
        let mirror = mirror.map_err(|error| {
            Diagnostic::error("Invalid registry", format!("{error}.")).at(Path::attribute(Args::NAMES.image_registry))
        })?;
        let place = |image: &String| Some((image.clone(), mirror.as_ref()?.place(image)));
        Ok(Outputs {
            mirrored: seen.images.iter().filter_map(place).collect(),
            chart_version: seen.chart_version,
            app_version: seen.app_version,
            images: seen.images,
        })
    }
}
