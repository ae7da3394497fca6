//! Charts: what a folder or an archive holds, and which of its dependencies take part in a render.

mod archive;
mod dependencies;
mod ignore;
mod load;
mod metadata;

pub(crate) use dependencies::process_dependencies;
pub use metadata::{Dependency, Maintainer, Metadata};

use crate::data::{Data, Map};
use crate::error::{Error, Result};

/// A file of a chart: its path in the chart with `/`, and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path from the chart's root, such as `templates/service.yaml`.
    pub name: String,
    /// The content.
    pub data: Vec<u8>,
}

/// A chart with its subcharts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chart {
    /// Chart.yaml.
    pub metadata: Metadata,
    /// Chart.lock or requirements.lock, if there is one.
    pub lock: Option<Data>,
    /// The chart's default values.
    pub values: Map,
    /// values.schema.json, if there is one.
    pub schema: Option<Vec<u8>>,
    /// Files under templates/.
    pub templates: Vec<File>,
    /// All other files, crds/ among them.
    pub files: Vec<File>,
    /// Charts under charts/.
    pub dependencies: Vec<Chart>,
}

/// An object file under crds/ of a chart or subchart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomResource {
    /// Path with the charts before it, such as `parent/charts/child/crds/a.yaml`.
    pub path: String,
    /// The file's text as it is; crds/ is not rendered.
    pub content: String,
}

impl Chart {
    /// The chart's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Names of declared dependencies that are not under charts/. Helm refuses to install such a chart.
    #[must_use]
    pub fn missing_dependencies(&self) -> Vec<String> {
        let declared = self.metadata.dependencies.iter().flatten();
        let is_missing = |wanted: &&Dependency| !self.dependencies.iter().any(|child| child.name() == wanted.name);
        declared.filter(is_missing).map(|wanted| wanted.name.clone()).collect()
    }

    /// Whether the chart can be installed on its own, which rendering does not check: it is not a library, has a known
    /// format, and contains its dependencies.
    ///
    /// # Errors
    /// [`Error::Chart`] with Helm's text.
    pub fn check_installable(&self) -> Result<()> {
        if !matches!(self.metadata.api_version.as_str(), "v1" | "v2") {
            return Err(Error::Chart("invalid chart apiVersion".to_owned()));
        }
        if !matches!(self.metadata.kind.as_str(), "" | "application") {
            return Err(Error::Chart(format!("{} charts are not installable", self.metadata.kind)));
        }
        let missing = self.missing_dependencies();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::Chart(format!(
            "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to \
             fetch missing dependencies: found in Chart.yaml, but missing in charts/ directory: {}",
            missing.join(", ")
        )))
    }

    /// Files under crds/ with the endings .yaml, .yml and .json, of this chart and of its dependencies.
    #[must_use]
    pub fn custom_resources(&self) -> Vec<CustomResource> {
        let mut found = Vec::new();
        self.collect_custom_resources(self.name(), &mut found);
        found
    }

    fn collect_custom_resources(&self, path: &str, found: &mut Vec<CustomResource>) {
        for file in self.files.iter().filter(|file| file.name.starts_with("crds/") && is_manifest(&file.name)) {
            found.push(CustomResource {
                path: format!("{path}/{}", file.name),
                content: crate::bytes::to_text(&file.data),
            });
        }
        for child in &self.dependencies {
            child.collect_custom_resources(&format!("{path}/charts/{}", child.name()), found);
        }
    }
}

fn is_manifest(name: &str) -> bool {
    let extension = name.rsplit('/').next().and_then(|base| base.rsplit_once('.')).map(|(_, extension)| extension);
    extension.is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known)))
}
