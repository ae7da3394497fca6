//! A CNI prepared once: its chart or manifest with its values, then what that renders to. Plans and applies take
//! everything from here, and nothing reads its text again.

use std::collections::BTreeSet;
use std::sync::Arc;

use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::path::Path;
use helm::{Capabilities, Chart, KubeVersion, RenderOptions, Rendered};

use crate::charts::{self, Artifact, Content};
use crate::cni::{
    arguments::Product,
    calico, cilium, fingerprint,
    pool::Pool,
    product::{Composed, Error, Wanted},
};
use crate::kube::release::{self, Options, Releases, Rendering, Rendition};
use crate::net::causes::chain;

/// A chart or manifest with its values, before it is rendered.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// The chart; for a manifest one without templates.
    pub(crate) chart: Chart,
    /// The manifest, which needs no rendering.
    manifest: Option<Rendered>,
    pub(crate) values: Composed,
    /// The pods' networks.
    pub(crate) pool: Pool,
}

/// The cluster that a CNI is rendered for.
#[derive(Clone, Copy)]
pub(crate) enum For<'a> {
    /// A cluster that answers, for this revision.
    Cluster {
        releases: &'a Releases,
        revision: i64,
        is_upgrade: bool,
        /// For a plan: the cluster's version, if already known.
        preview_for: Option<&'a str>,
    },
    /// One that does not, of this version; by default, what `helm template` assumes.
    Nothing { version: Option<&'a KubeVersion>, is_upgrade: bool },
}

/// What is installed: everything that is shown and applied.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) loaded: Loaded,
    pub(crate) rendition: Arc<Rendition>,
    /// All images, including those of hooks.
    pub(crate) images: BTreeSet<String>,
}

impl Wanted {
    /// Fetches the chart and combines it with its values. `first_minor` is the minor version that was installed first;
    /// `None` for a new installation.
    pub(crate) async fn load(
        &self,
        charts: &charts::Client,
        pod_cidrs: &[String],
        first_minor: Option<&str>,
    ) -> Result<Loaded, Error> {
        let source = self.source()?;
        let fetched = charts.fetch(&source).await;
        let artifact = fetched.map_err(|error| Error::Source { error: Box::new(error), at: None })?;
        let wanted = self.clone();
        let pod_cidr = pod_cidrs.first().cloned().unwrap_or_default();
        // Unpacking and parsing is CPU-bound.
        let (chart, manifest) = blocking(move || wanted.unpack(&artifact, &pod_cidr)).await?;
        let values = self.values(pod_cidrs, &chart.metadata.version, first_minor)?;
        let pool = self.pool(&values.all, pod_cidrs);
        Ok(Loaded { chart, manifest, values, pool })
    }

    fn unpack(&self, artifact: &Artifact, pod_cidr: &str) -> Result<(Chart, Option<Rendered>), Diagnostics> {
        let refuse = |why: String| -> Diagnostics {
            Diagnostic::error(
                format!("Could not read the chart of {}", self.name()),
                format!("What `{}` holds cannot be used: {why}.", artifact.origin),
            )
            .at(Path::attribute(self.attribute()))
            .into()
        };
        let mut manifest = None;
        let chart = match (&self.product, &artifact.content) {
            (Product::Manifest(calico), Content::Bytes(bytes)) => {
                let text = std::str::from_utf8(bytes).map_err(|error| refuse(error.to_string()))?;
                let edited = calico::manifest::edited(text, calico, pod_cidr).map_err(refuse)?;
                Ok(manifest.insert(edited).chart.clone())
            }
            (Product::Manifest(_), Content::Folder(_)) => return Err(refuse("it is a folder".to_owned())),
            (_, Content::Folder(folder)) => Chart::load(folder),
            (_, Content::Bytes(bytes)) => Chart::from_archive(bytes),
        };
        let chart = chart.map_err(|error| refuse(chain(&error)))?;
        let (expected, wanted) = match &self.product {
            Product::Cilium(cilium) => (cilium::CHART, &cilium.version),
            Product::Operator(calico) => (calico::CHART, &calico.version),
            Product::Manifest(calico) => (calico::MANIFEST, &calico.version),
        };
        if chart.name() != expected {
            return Err(refuse(format!("it is the chart `{}`, and `{expected}` is wanted", chart.name())));
        }
        let plain = |version: &str| version.trim_start_matches('v').to_owned();
        if let Some(wanted) = wanted
            && plain(wanted) != plain(&chart.metadata.version)
        {
            return Err(refuse(format!("it is version {}, and `version` is `{wanted}`", chart.metadata.version)));
        }
        Ok((chart, manifest))
    }
}

impl Loaded {
    /// The version of the chart.
    pub(crate) fn version(&self) -> &str {
        &self.chart.metadata.version
    }

    /// Renders it, with the images of the mirror.
    pub(crate) async fn prepare(self, wanted: &Wanted, target: For<'_>) -> Result<Prepared, Error> {
        let rewrite = wanted.rewrite();
        let rendition = match (&self.manifest, target) {
            (Some(manifest), _) => {
                let manifest = manifest.clone();
                blocking(move || Rendition::as_written(manifest, rewrite.as_ref())).await?
            }
            (None, For::Cluster { releases, revision, is_upgrade, preview_for }) => {
                let rendering = Rendering {
                    name: wanted.release(),
                    namespace: wanted.namespace(),
                    revision,
                    is_upgrade,
                    skip_schema: false,
                    preview_for,
                    rewrite: rewrite.as_ref(),
                };
                releases.render(&self.chart, &self.values.all, rendering).await?
            }
            (None, For::Nothing { version, is_upgrade }) => {
                let (chart, values) = (self.chart.clone(), self.values.all.clone());
                let (name, namespace) = (wanted.release().to_owned(), wanted.namespace().to_owned());
                let version = version.cloned();
                let render = move || {
                    let mut capabilities = Capabilities::default();
                    capabilities.kube_version = version.unwrap_or(capabilities.kube_version);
                    let options = RenderOptions {
                        name: &name,
                        namespace: &namespace,
                        is_upgrade,
                        capabilities: Some(&capabilities),
                        ..RenderOptions::default()
                    };
                    let rendered = helm::render(&chart, values, options).map_err(release::Error::Render)?;
                    Rendition::preview(rendered, rewrite.as_ref())
                };
                blocking(render).await?
            }
        };
        let images = fingerprint::images(&rendition.objects);
        Ok(Prepared { loaded: self, rendition: Arc::new(rendition), images })
    }
}

impl Prepared {
    /// Options of an operation that applies this as it is prepared.
    pub(crate) fn applied_as(&self, options: Options) -> Options {
        Options { rendition: Some(Arc::clone(&self.rendition)), ..options }
    }
}

/// Runs CPU-bound work on a thread of its own.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(ended) => std::panic::resume_unwind(ended.into_panic()),
    }
}
