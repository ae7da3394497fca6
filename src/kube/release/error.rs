//! Errors of release operations, and what each leaves behind.

use std::fmt;
use std::time::Duration;

use helm::{HookEvent, Status};
use jiff::Timestamp;

use super::super::error::Error as ApiError;
use super::super::error::Kind;

/// Result of an operation that leaves nothing behind when it fails.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong. Display says this layer only; causes are sources.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A request failed.
    #[error("could not {doing}")]
    Request {
        /// Its purpose: `read release kube-system/cilium`.
        doing: String,
        /// The request error.
        #[source]
        source: ApiError,
    },
    /// The name is not a valid release name.
    #[error(
        "`{0}` cannot be the name of a release: it must be at most 53 characters, lowercase letters, digits, `-` and `.`, with a letter or digit at each end"
    )]
    Name(String),
    /// The chart cannot be installed.
    #[error("chart `{chart}` cannot be installed: {problem}")]
    NotInstallable {
        /// The chart's name.
        chart: String,
        /// Why not.
        problem: String,
    },
    /// The chart does not render with these values on this cluster.
    #[error("the chart cannot be rendered")]
    Render(#[source] helm::Error),
    /// The rendered chart, or a file in its `crds/`, is not a Kubernetes object.
    #[error("{path} holds no Kubernetes object: {problem}")]
    Manifest {
        /// The template or file.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// A stored revision cannot be read.
    #[error("the stored revision in Secret {secret} cannot be read")]
    Stored {
        /// Namespace and name of the Secret.
        secret: String,
        /// Why not.
        #[source]
        source: helm::Error,
    },
    /// The cluster does not serve kinds that the chart uses.
    #[error("the cluster does not serve {}", list(.0))]
    UnknownKinds(Vec<UnknownKind>),
    /// Objects of the chart exist and do not belong to this release.
    #[error("objects of the release exist already and belong to others: {}", list(.0))]
    NotOurs(Vec<NotOurs>),
    /// The cluster refused objects; the others were applied.
    #[error("the cluster refused {} of {total} objects: {}", .refused.len(), list(.refused))]
    Refused {
        /// Each refusal.
        refused: Vec<Refusal>,
        /// Total number of objects.
        total: usize,
    },
    /// Objects could not be deleted; the others were.
    #[error("could not remove {}", list(.0))]
    NotRemoved(Vec<Refusal>),
    /// Objects are not ready in time, or failed.
    #[error("after {} s not ready: {}", .waited.as_secs(), list(.unready))]
    NotReady {
        /// How long the wait took.
        waited: Duration,
        /// Each object, with its reasons.
        unready: Vec<Unready>,
    },
    /// A hook failed, or did not complete in time.
    #[error("the {} hook {} failed", .event.name(), .unready)]
    Hook {
        /// When it ran.
        event: HookEvent,
        /// The hook's object, with its reasons.
        unready: Unready,
    },
    /// Deleted objects still exist.
    #[error("after {} s still there: {}", .waited.as_secs(), list(.objects))]
    StillThere {
        /// How long the wait took.
        waited: Duration,
        /// The objects, each with the finalizers that block it.
        objects: Vec<String>,
    },
    /// A Secret cannot hold the release record.
    #[error(
        "the record of the release takes {bytes} bytes, and Kubernetes takes at most {max} in a Secret; nothing was sent",
        max = helm::MAX_SECRET_BYTES
    )]
    TooLarge {
        /// Length of the encoded record.
        bytes: usize,
    },
    /// A release with this name already exists.
    #[error("release `{name}` exists already in namespace `{namespace}`: revision {revision}, {}", .status.name())]
    Exists {
        /// The release.
        name: String,
        /// Its namespace.
        namespace: String,
        /// The newest revision.
        revision: i64,
        /// Its status.
        status: Status,
    },
    /// The release does not exist.
    #[error("there is no release `{name}` in namespace `{namespace}`")]
    Absent {
        /// The release.
        name: String,
        /// Its namespace.
        namespace: String,
    },
    /// The release has no revision with this number.
    #[error("release `{name}` has no revision {revision}")]
    NoRevision {
        /// The release.
        name: String,
        /// The revision.
        revision: i64,
    },
    /// Another operation on the release is in progress.
    #[error(
        "somebody else is at work on release `{name}`: revision {revision} is {} since {}",
        .status.name(),
        .since.map_or_else(|| "an unknown time".to_owned(), |since| since.to_string())
    )]
    InProgress {
        /// The release.
        name: String,
        /// The revision.
        revision: i64,
        /// Its status.
        status: Status,
        /// Time of its last write.
        since: Option<Timestamp>,
        /// Whether it was written by this provider, in another run.
        by_this_provider: bool,
    },
    /// Someone else wrote the release in the meantime; their changes were kept.
    #[error("somebody else wrote revision {revision} of release `{name}` at the same time")]
    AnotherWriter {
        /// The release.
        name: String,
        /// The revision.
        revision: i64,
    },
}

impl Error {
    pub(super) fn request(doing: impl Into<String>) -> impl FnOnce(ApiError) -> Self {
        let doing = doing.into();
        move |source| Self::Request { doing, source }
    }

    /// The underlying API client error, if there is one.
    #[must_use]
    pub fn api_error(&self) -> Option<&ApiError> {
        match self {
            Self::Request { source, .. } => Some(source),
            Self::Refused { refused, .. } | Self::NotRemoved(refused) => refused.first().map(|one| &one.error),
            _ => None,
        }
    }

    /// Whether Terraform asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.api_error().is_some_and(|error| matches!(error.kind(), Kind::Cancelled { .. }))
    }
}

/// A kind that the cluster does not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKind {
    /// API version, such as `cert-manager.io/v1`.
    pub api_version: String,
    /// Kind, such as `Certificate`.
    pub kind: String,
    /// The template that uses it.
    pub path: String,
}

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} (in {})", self.kind, self.api_version, self.path)
    }
}

/// An object that exists and does not belong to the release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotOurs {
    /// The object, such as `ConfigMap kube-system/cilium-config`.
    pub object: String,
    /// Its owner, as far as the object shows it.
    pub owner: String,
}

impl fmt::Display for NotOurs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.object, self.owner)
    }
}

/// An object, and how the API server refused it.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The object, such as `ConfigMap kube-system/cilium-config`.
    pub object: String,
    /// The response.
    pub error: ApiError,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.error.kind())
    }
}

/// An object that is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unready {
    /// The object, such as `DaemonSet kube-system/cilium`.
    pub object: String,
    /// Its progress: `1 of 3 pods available`.
    pub state: String,
    /// Reasons from its pods and events, most significant first.
    pub reasons: Vec<String>,
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.state)?;
        if self.reasons.is_empty() { Ok(()) } else { write!(f, " ({})", self.reasons.join("; ")) }
    }
}

/// A failed operation, and what it leaves behind.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong.
    pub error: Error,
    /// What is left behind.
    pub left: Left,
    /// Findings that did not end the operation.
    pub warnings: Vec<String>,
}

/// What a failed operation leaves behind.
#[derive(Debug)]
pub enum Left {
    /// Nothing was changed, except perhaps a namespace.
    Nothing,
    /// Custom resource definitions in the chart's `crds/` may have been changed, and nothing else.
    Definitions,
    /// A revision recorded as failed; objects of it may exist. The next operation resumes from it.
    Failed {
        /// The revision.
        revision: i64,
    },
    /// A revision that could not even be marked as failed. The next operation finds it and resumes from it.
    Unfinished {
        /// The revision.
        revision: i64,
    },
    /// The previous state was restored.
    RolledBack {
        /// The revision that failed.
        revision: i64,
        /// The revision whose state was restored.
        to: i64,
    },
    /// The failed installation was removed again.
    Removed,
    /// The rollback failed too.
    NotRolledBack {
        /// The revision that failed.
        revision: i64,
        /// Why the rollback failed.
        why: Box<Error>,
    },
}

impl From<Error> for Failure {
    /// An error before anything was changed.
    fn from(error: Error) -> Self {
        Self { error, left: Left::Nothing, warnings: Vec::new() }
    }
}

impl Left {
    /// The failed revision, if it is recorded.
    #[must_use]
    pub fn revision(&self) -> Option<i64> {
        match self {
            Self::Failed { revision }
            | Self::Unfinished { revision }
            | Self::RolledBack { revision, .. }
            | Self::NotRolledBack { revision, .. } => Some(*revision),
            Self::Nothing | Self::Definitions | Self::Removed => None,
        }
    }

    /// Whether anything of the release exists in the cluster.
    #[must_use]
    pub fn exists(&self) -> bool {
        !matches!(self, Self::Nothing | Self::Definitions | Self::Removed)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
