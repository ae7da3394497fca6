//! What can go wrong between a chart and its manifests. The texts are Helm's wherever Helm has one.

use crate::template::Place;
use std::fmt;
use std::path::PathBuf;

/// An error of this crate. Its text covers this layer only; causes are sources.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder of a chart could not be read.
    #[error("could not read `{path}`")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An archive is not a gzip-compressed tar file, or is damaged.
    #[error("could not unpack the chart archive")]
    Archive(#[source] std::io::Error),
    /// The folder or archive is not a chart, or a chart that must not be loaded. The text is Helm's.
    #[error("{0}")]
    Chart(String),
    /// Values are not YAML, or not a map. The text is Helm's.
    #[error("{0}")]
    Values(String),
    /// Values violate the chart's schema. The text lists every finding with its path.
    #[error("values don't meet the specifications of the schema(s) in the following chart(s):\n{0}")]
    Schema(String),
    /// A chart's schema refers to an external schema, and this crate fetches nothing.
    #[error("the schema of the chart `{chart}` refers to {address}, and schemas are not fetched from elsewhere")]
    SchemaElsewhere {
        /// Name of the chart.
        chart: String,
        /// Address of the external schema.
        address: String,
    },
    /// The chart does not support the cluster's version. The text is Helm's.
    #[error("{0}")]
    KubeVersion(String),
    /// A template could not be parsed or run.
    #[error("{0}")]
    Template(TemplateFault),
    /// The thread that renders could not be started.
    #[error("could not start the thread that renders the templates")]
    Thread(#[source] std::io::Error),
    /// The output of a template, or a file, is not a valid manifest.
    #[error("YAML parse error{on}: {message}", on = path.as_ref().map(|path| format!(" on {path}")).unwrap_or_default())]
    Manifest {
        /// Path of the template in the chart; none for a text from outside a chart.
        path: Option<String>,
        /// What is wrong, as Helm words it.
        message: String,
    },
    /// A stored release could not be read.
    #[error("could not read the stored release: {0}")]
    Release(String),
    /// A release is too large for the Secret that stores it.
    #[error("the release takes {bytes} bytes, and a Secret holds at most {max}", max = crate::MAX_SECRET_BYTES)]
    ReleaseTooLarge {
        /// Length of the encoded release.
        bytes: usize,
    },
}

/// Why a template could not be parsed or run. It prints as Helm's text, with template, line and column.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TemplateFault {
    /// What is wrong at the last of the places.
    pub message: String,
    /// The way to the fault: from the chart's file through each named template or `tpl`. Empty where a limit of the
    /// whole render was met.
    pub places: Vec<Place>,
    /// Whether the chart itself refuses, by `fail` or `required`: `message` is what its author wrote.
    pub is_from_chart: bool,
    pub(crate) text: String,
}

impl fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;
