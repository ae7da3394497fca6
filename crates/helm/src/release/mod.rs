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
use crate::manifest::{self, Hook, HookEvent, Manifest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

/// Type of the Secrets that hold releases.
pub const SECRET_TYPE: &str = "helm.sh/release.v1";

/// Key in the Secret's data under which the release is.
pub const SECRET_KEY: &str = "release";

/// Most bytes that Kubernetes takes in one Secret.
pub const MAX_SECRET_BYTES: usize = 1 << 20;

/// Labels that Helm sets itself, which are not the user's.
const SYSTEM_LABELS: [&str; 6] = ["name", "owner", "status", "version", "createdAt", "modifiedAt"];

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
    /// The revision whose state a rollback brought back; none for any other revision.
    pub rollback_revision: Option<i64>,
    /// The rendered notes.
    pub notes: String,
    /// The chart as it took part in the render ([`Rendered::chart`](crate::Rendered::chart)), without its subcharts:
    /// Helm stores only what they gave to the chart's values.
    pub chart: Chart,
    /// What the user set.
    pub config: Map,
    /// All manifests as one text.
    pub manifest: String,
    /// The hooks with their last runs.
    pub hooks: Vec<HookRun>,
    /// The user's labels on the Secret.
    pub labels: BTreeMap<String, String>,
    /// Who put the objects together when they were applied.
    pub apply_method: ApplyMethod,
}

/// Who merges an object with what the cluster has of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApplyMethod {
    /// The client, by a three-way patch: Helm 3, and Helm 4 for what Helm 3 installed.
    #[default]
    ClientSide,
    /// The API server: what Helm 4 does with new releases.
    ServerSide,
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
    /// How it went; none if it never ran.
    pub phase: Option<HookPhase>,
}

/// How the last run of a hook went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Helm's")]
pub enum HookPhase {
    Unknown,
    Running,
    Succeeded,
    Failed,
}

impl HookPhase {
    /// The name in stored releases.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }

    /// The phase with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Unknown, Self::Running, Self::Succeeded, Self::Failed].into_iter().find(|phase| phase.name() == name)
    }
}

impl From<Hook> for HookRun {
    fn from(hook: Hook) -> Self {
        Self { hook, started: None, completed: None, phase: None }
    }
}

/// Which write a Secret's labels are for. Helm distinguishes the two by the label that holds the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The Secret is new.
    Created(Timestamp),
    /// The Secret is replaced.
    Modified(Timestamp),
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
    /// Checks a release's name by Helm's rule: at most 53 characters, words of lower-case letters, digits and `-`, with
    /// dots between them.
    ///
    /// # Errors
    /// [`Error::Values`] with Helm's text.
    pub fn check_name(name: &str) -> Result<()> {
        const LONGEST: usize = 53;
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_word = |word: &str| {
            word.bytes().all(|byte| is_letter(byte) || byte == b'-')
                && word.bytes().next().is_some_and(is_letter)
                && word.bytes().next_back().is_some_and(is_letter)
        };
        if name.is_empty() {
            return Err(Error::Values("release name \"\": no name provided".to_owned()));
        }
        if name.len() <= LONGEST && name.split('.').all(is_word) {
            return Ok(());
        }
        Err(Error::Values(format!(
            "release name {}: invalid release name, must match regex \
             ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not be longer than \
             {LONGEST}",
            crate::go::quote(name)
        )))
    }

    /// Name of the Secret: `sh.helm.release.v1.NAME.vREVISION`.
    #[must_use]
    pub fn secret_name(&self) -> String {
        format!("sh.helm.release.v1.{}.v{}", self.name, self.revision)
    }

    /// Labels of the Secret: the user's, and Helm's with the time of the write in seconds since 1970.
    #[must_use]
    pub fn secret_labels(&self, written: Written) -> BTreeMap<String, String> {
        let mut labels = self.labels.clone();
        let (key, time) = match written {
            Written::Created(time) => ("createdAt", time),
            Written::Modified(time) => ("modifiedAt", time),
        };
        for (key, value) in [
            ("name", self.name.clone()),
            ("owner", "helm".to_owned()),
            ("status", self.status.name().to_owned()),
            ("version", self.revision.to_string()),
            (key, time.as_second().to_string()),
        ] {
            labels.insert(key.to_owned(), value);
        }
        labels
    }

    /// The objects of this revision in the order of installation, each with its template.
    ///
    /// # Errors
    /// [`Error::Manifest`] if a document is not YAML.
    pub fn manifests(&self) -> Result<Vec<Manifest>> {
        manifest::read_stored(&self.manifest)
    }

    /// Where in `hooks` the hooks of one event are, in the order in which they run: by weight, then by name, and by
    /// kind where those are the same.
    #[must_use]
    pub fn hooks_for(&self, event: HookEvent) -> Vec<usize> {
        let mut chosen: Vec<usize> =
            (0..self.hooks.len()).filter(|index| self.hooks[*index].hook.events.contains(&event)).collect();
        chosen.sort_by(|left, right| self.hooks[*left].hook.running_order(&self.hooks[*right].hook));
        chosen
    }

    /// The text under the Secret's key `release`: base64 of the compressed document.
    ///
    /// # Errors
    /// [`Error::Release`] where a value is a number that JSON cannot hold, [`Error::ReleaseTooLarge`] where the text is
    /// longer than [`MAX_SECRET_BYTES`].
    pub fn encode(&self) -> Result<String> {
        let text = json::write(&self.to_document(), json::Style::default()).map_err(Error::Release)?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let compressed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
        let text = compressed.map(|data| STANDARD.encode(data)).map_err(|error| Error::Release(error.to_string()))?;
        if text.len() > MAX_SECRET_BYTES {
            return Err(Error::ReleaseTooLarge { bytes: text.len() });
        }
        Ok(text)
    }

    /// Reads a Secret: the text under its key `release`, and its labels, of which the user's are kept.
    ///
    /// # Errors
    /// As [`Release::decode`].
    pub fn from_secret(text: &str, labels: &BTreeMap<String, String>) -> Result<Self> {
        let mut release = Self::decode(text)?;
        release.labels = labels.clone();
        release.labels.retain(|key, _| !SYSTEM_LABELS.contains(&key.as_str()));
        Ok(release)
    }

    /// Reads what [`Release::encode`] or Helm wrote. Labels are not in it; they are on the Secret.
    ///
    /// # Errors
    /// [`Error::Release`] if the text is not a release.
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
