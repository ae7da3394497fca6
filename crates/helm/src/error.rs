//! What can go wrong between a chart and its manifests. The texts are Helm's wherever Helm has one.

use std::path::PathBuf;

/// A failure of this crate. Its text says this layer only; causes are sources.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder of a chart could not be read.
    #[error("could not read `{path}`")]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// Why it could not.
        #[source]
        source: std::io::Error,
    },
    /// An archive is not a gzip-compressed tar file, or is damaged.
    #[error("could not unpack the chart archive")]
    Archive(#[source] std::io::Error),
    /// Folder or archive are no chart, or one that must not be loaded. The text is Helm's.
    #[error("{0}")]
    Chart(String),
    /// Values are not YAML, or not a map. The text is Helm's.
    #[error("{0}")]
    Values(String),
    /// Values break the chart's schema. The text lists every finding with its path.
    #[error("values don't meet the specifications of the schema(s) in the following chart(s):\n{0}")]
    Schema(String),
    /// A chart's schema refers to another one, and this crate fetches nothing.
    #[error("the schema of the chart `{chart}` refers to {address}, and schemas elsewhere are not fetched")]
    SchemaElsewhere {
        /// Name of the chart.
        chart: String,
        /// What it refers to.
        address: String,
    },
    /// The chart does not suit the cluster's version. The text is Helm's.
    #[error("{0}")]
    KubeVersion(String),
    /// A template could not be parsed or run. The text is Helm's, with template, line and column.
    #[error("{0}")]
    Template(String),
    /// A template printed what is no Kubernetes manifest.
    #[error("{message}")]
    Manifest {
        /// Helm's text, with the template's path.
        message: String,
    },
    /// A stored release could not be read.
    #[error("could not read the stored release: {0}")]
    Release(String),
    /// A release is larger than the Secret that is to hold it may be.
    #[error("the release takes {bytes} bytes, and a Secret holds at most {max}", max = crate::MAX_SECRET_BYTES)]
    ReleaseTooLarge {
        /// Length of the encoded release.
        bytes: usize,
    },
}

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;
