//! Releases as Helm stores them: a JSON document, compressed, in base64, in a Secret of type `helm.sh/release.v1`.
//!
//! What this crate writes, `helm list`, `helm history` and `helm rollback` read, and the other way round. The caller
//! makes the Secret from [`Release::secret_name`], [`Release::secret_labels`] and [`Release::encode`]; in a Secret's
//! `data` Kubernetes wants one more base64 around the text. A Secret may not pass 1 MiB.

mod document;

use crate::chart::Chart;
use crate::data::Map;
use crate::error::{Error, Result};
use crate::json;
use crate::manifest::Hook;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

/// Largest release document that is read, decompressed.
const MAX_DOCUMENT: u64 = 64 << 20;

/// One revision of a release.
#[derive(Debug, Clone)]
pub struct Release {
    /// Name of the release.
    pub name: String,
    /// Namespace of the release.
    pub namespace: String,
    /// Revision, from 1.
    pub revision: i64,
    /// State of this revision.
    pub status: Status,
    /// When revision 1 was installed.
    pub first_deployed: Option<Timestamp>,
    /// When this revision was made.
    pub last_deployed: Option<Timestamp>,
    /// When the release was removed.
    pub deleted: Option<Timestamp>,
    /// One line for people: `Install complete`.
    pub description: String,
    /// The rendered notes.
    pub notes: String,
    /// The chart, without its subcharts: Helm does not store those.
    pub chart: Chart,
    /// What the user set.
    pub config: Map,
    /// All manifests as one text.
    pub manifest: String,
    /// The hooks with their last runs.
    pub hooks: Vec<HookRun>,
    /// The user's labels on the Secret.
    pub labels: BTreeMap<String, String>,
    /// Whether objects were applied by the server; Helm stores `ssa` or `csa`.
    pub server_side_apply: bool,
}

/// A hook and its last run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookRun {
    /// The hook.
    pub hook: Hook,
    /// When it was started last.
    pub started: Option<Timestamp>,
    /// When it ended last.
    pub completed: Option<Timestamp>,
    /// How it went: `Unknown`, `Running`, `Succeeded`, `Failed`; empty if it never ran.
    pub phase: String,
}

impl From<Hook> for HookRun {
    fn from(hook: Hook) -> Self {
        Self { hook, started: None, completed: None, phase: String::new() }
    }
}

/// State of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names are Helm's")]
pub enum Status {
    #[default]
    Unknown,
    Deployed,
    Uninstalled,
    Superseded,
    Failed,
    Uninstalling,
    PendingInstall,
    PendingUpgrade,
    PendingRollback,
}

impl Status {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Unknown, "unknown"),
        (Self::Deployed, "deployed"),
        (Self::Uninstalled, "uninstalled"),
        (Self::Superseded, "superseded"),
        (Self::Failed, "failed"),
        (Self::Uninstalling, "uninstalling"),
        (Self::PendingInstall, "pending-install"),
        (Self::PendingUpgrade, "pending-upgrade"),
        (Self::PendingRollback, "pending-rollback"),
    ];

    /// The name in labels and documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(status, _)| *status == self).map_or("unknown", |(_, name)| name)
    }

    /// The state with this name; unknown for any other.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        Self::ALL.iter().find(|(_, known)| *known == name).map_or(Self::Unknown, |(status, _)| *status)
    }

    /// Whether an operation is under way, or was cut off.
    #[must_use]
    pub fn is_pending(self) -> bool {
        matches!(self, Self::PendingInstall | Self::PendingUpgrade | Self::PendingRollback)
    }
}

impl Release {
    /// Name of the Secret: `sh.helm.release.v1.NAME.vREVISION`.
    #[must_use]
    pub fn secret_name(&self) -> String {
        format!("sh.helm.release.v1.{}.v{}", self.name, self.revision)
    }

    /// Labels of the Secret. `modifiedAt` is the time given, in seconds since 1970.
    #[must_use]
    pub fn secret_labels(&self, modified_at: Timestamp) -> BTreeMap<String, String> {
        let mut labels = self.labels.clone();
        for (key, value) in [
            ("name", self.name.clone()),
            ("owner", "helm".to_owned()),
            ("status", self.status.name().to_owned()),
            ("version", self.revision.to_string()),
            ("modifiedAt", modified_at.as_second().to_string()),
        ] {
            labels.insert(key.to_owned(), value);
        }
        labels
    }

    /// The text under the Secret's key `release`: base64 of the compressed document.
    ///
    /// # Errors
    /// [`Error::Release`] where a value is a number that JSON cannot hold.
    pub fn encode(&self) -> Result<String> {
        let text = json::write(&self.to_document(), json::Style::default()).map_err(Error::Release)?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let compressed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
        compressed.map(|data| STANDARD.encode(data)).map_err(|error| Error::Release(error.to_string()))
    }

    /// Reads what [`Release::encode`] or Helm wrote. Labels are not in it; they are on the Secret.
    ///
    /// # Errors
    /// [`Error::Release`] where the text is no release.
    pub fn decode(text: &str) -> Result<Self> {
        let wrong = |error: String| Error::Release(error);
        let data = STANDARD.decode(text.trim()).map_err(|error| wrong(error.to_string()))?;
        let document = if data.starts_with(&[0x1f, 0x8b, 0x08]) {
            let mut document = Vec::new();
            let mut decoder = GzDecoder::new(data.as_slice()).take(MAX_DOCUMENT + 1);
            decoder.read_to_end(&mut document).map_err(|error| wrong(error.to_string()))?;
            if document.len() as u64 > MAX_DOCUMENT {
                return Err(wrong(format!("the document is larger than {} MiB", MAX_DOCUMENT >> 20)));
            }
            document
        } else {
            data
        };
        let document = json::read(&crate::bytes::to_text(&document)).map_err(wrong)?;
        Self::from_document(&document).map_err(wrong)
    }
}
