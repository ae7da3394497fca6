//! The pipeline: a chart and values in, manifests, hooks, notes and custom resources out.

use crate::bytes;
use crate::capabilities::{Capabilities, KubeVersion};
use crate::chart::{Chart, CustomResource, process_dependencies};
use crate::error::{Error, Result};
use crate::lookup::{Lookup, NoCluster};
use crate::manifest::{self, Hook, Manifest};
use crate::template::{self, Scope};
use crate::values::{Values, coalesce, schema};
use crate::version::Constraint;
use crate::version::Version;
use std::collections::BTreeMap;

/// How to render.
#[derive(Clone, Copy)]
pub struct RenderOptions<'o> {
    /// `.Release.Name`. At most 53 characters, as for Helm; the caller checks it.
    pub name: &'o str,
    /// `.Release.Namespace`.
    pub namespace: &'o str,
    /// `.Release.Revision`, from 1.
    pub revision: i64,
    /// Whether this is an upgrade; else it is an install.
    pub is_upgrade: bool,
    /// `.Capabilities`; none means what `helm template` assumes.
    pub capabilities: Option<&'o Capabilities>,
    /// The cluster that `lookup` looks into.
    pub lookup: &'o dyn Lookup,
    /// Whether values are not checked against values.schema.json.
    pub skip_schema: bool,
    /// Whether the notes of subcharts are included.
    pub subchart_notes: bool,
    /// Most steps (nodes, calls, iterations) that the templates may take together before they end in an error.
    /// 20 million unless set; Cilium takes some 20,000.
    pub max_steps: u64,
}

impl Default for RenderOptions<'_> {
    fn default() -> Self {
        Self {
            name: "release-name",
            namespace: "default",
            revision: 1,
            is_upgrade: false,
            capabilities: None,
            lookup: &NoCluster,
            skip_schema: false,
            subchart_notes: false,
            max_steps: template::MAX_STEPS,
        }
    }
}

/// What a chart renders to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rendered {
    /// The objects in install order.
    pub manifests: Vec<Manifest>,
    /// The hooks.
    pub hooks: Vec<Hook>,
    /// NOTES.txt, rendered.
    pub notes: String,
    /// The files under crds/, as they are.
    pub crds: Vec<CustomResource>,
    /// The chart as it took part: its dependencies by condition, tags and alias, its values with theirs. This is what a
    /// release keeps.
    pub chart: Chart,
}

impl Rendered {
    /// A manifest as if a template of `chart` with this path had rendered it: split into documents, hooks apart from the
    /// rest, in install order.
    ///
    /// # Errors
    /// [`Error::Manifest`] if a document is not YAML.
    pub fn of_manifest(chart: Chart, path: &str, text: String) -> Result<Self> {
        let (hooks, manifests) = manifest::sort(&BTreeMap::from([(path.to_owned(), text)]))?;
        Ok(Self { manifests, hooks, chart, ..Self::default() })
    }

    /// The manifests as one text, as a release keeps it: each with its separator and its source.
    #[must_use]
    pub fn manifest_text(&self) -> String {
        self.manifests
            .iter()
            .map(|manifest| format!("---\n# Source: {}\n{}\n", manifest.path, manifest.content))
            .collect()
    }
}

/// Renders `chart` with `values`.
///
/// # Errors
/// [`Error::Values`] and [`Error::Schema`] for values that do not fit the chart, [`Error::Template`] for templates that
/// fail, [`Error::Manifest`] for output that is not YAML, [`Error::KubeVersion`] for a cluster that the chart does not suit.
pub fn render(chart: &Chart, values: Values, options: RenderOptions<'_>) -> Result<Rendered> {
    let (files, chart) = templates(chart, values, options)?;
    let crds = chart.custom_resources();
    let own_notes = format!("{}/templates/NOTES.txt", chart.name());
    let (mut notes, mut rest) = (String::new(), BTreeMap::new());
    for (path, content) in files {
        if !path.ends_with("NOTES.txt") {
            rest.insert(path, content);
        } else if options.subchart_notes || path == own_notes {
            if !notes.is_empty() {
                notes.push('\n');
            }
            notes.push_str(&bytes::replace_stray(content));
        }
    }
    let (hooks, manifests) = manifest::sort(&rest)?;
    Ok(Rendered { manifests, hooks, notes, crds, chart })
}

/// Renders the templates alone: their output by path, notes included, before it is split into manifests.
///
/// # Errors
/// As [`render`], without [`Error::Manifest`].
pub fn render_templates(chart: &Chart, values: Values, options: RenderOptions<'_>) -> Result<BTreeMap<String, String>> {
    let (files, _) = templates(chart, values, options)?;
    Ok(files.into_iter().map(|(path, text)| (path, bytes::replace_stray(text))).collect())
}

/// The chart as it takes part in a render with `values`: with the dependencies that condition, tags and alias leave.
///
/// # Errors
/// As [`render`], for values that cannot be read.
pub fn resolve(chart: &Chart, values: &Values) -> Result<Chart> {
    let mut chart = chart.clone();
    process_dependencies(&mut chart, &values.map)?;
    Ok(chart)
}

fn templates(chart: &Chart, values: Values, options: RenderOptions<'_>) -> Result<(BTreeMap<String, String>, Chart)> {
    let mut chart = chart.clone();
    let values = values.map;
    process_dependencies(&mut chart, &values)?;
    let merged = coalesce::coalesce(&chart, values).map_err(Error::Values)?;
    let default;
    let capabilities = match options.capabilities {
        Some(capabilities) => capabilities,
        None => {
            default = Capabilities::default();
            &default
        }
    };
    let scope = Scope {
        values: &merged,
        capabilities,
        name: options.name,
        namespace: options.namespace,
        revision: options.revision,
        is_upgrade: options.is_upgrade,
        lookup: options.lookup,
        max_steps: options.max_steps,
    };
    let check = || {
        if !options.skip_schema {
            schema::check(&chart, &merged)?;
        }
        check_kube_version(&chart, &capabilities.kube_version)
    };
    let files = template::render(&chart, &scope, check)?;
    Ok((files, chart))
}

fn check_kube_version(chart: &Chart, cluster: &KubeVersion) -> Result<()> {
    let wanted = &chart.metadata.kube_version;
    if wanted.is_empty() {
        return Ok(());
    }
    let suits = match (Constraint::parse(wanted), Version::parse(&cluster.normalized)) {
        (Ok(constraint), Ok(version)) => constraint.allows(&version),
        _ => false,
    };
    if suits {
        return Ok(());
    }
    Err(Error::KubeVersion(format!(
        "chart requires kubeVersion: {wanted} which is incompatible with Kubernetes {}",
        cluster.full
    )))
}
