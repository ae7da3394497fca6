//! The one error of this room: what was attempted, on which cluster, what came back, and which kind of trouble it is.
//!
//! Display says this layer only and never a secret. Kinds are decided from statuses and reasons that Kubernetes
//! documents, so that callers never match texts.

use std::fmt;
use std::sync::Arc;

/// The error of a source of tokens, as its own room tells it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Result of every operation in this room.
pub type Result<T> = std::result::Result<T, Error>;

/// What was done to an object, as RBAC names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reaching the API server at all.
    Connect,
    /// Waiting for something to happen there; nothing is sent.
    Wait,
    /// Reading one object.
    Get,
    /// Reading a collection.
    List,
    /// Making an object.
    Create,
    /// Server-side apply, or another patch.
    Patch,
    /// Writing a whole object over the one that is there.
    Update,
    /// Removing an object.
    Delete,
}

impl Verb {
    /// The verb of RBAC.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Wait => "wait",
            Self::Get => "get",
            Self::List => "list",
            Self::Create => "create",
            Self::Patch => "patch",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// The same request a second time leads to the same end.
    pub(super) fn repeatable(self) -> bool {
        self != Self::Create
    }

    pub(super) fn reads(self) -> bool {
        matches!(self, Self::Connect | Self::Wait | Self::Get | Self::List)
    }
}

/// What was attempted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The verb.
    pub verb: Verb,
    /// The object or the collection: `DaemonSet kube-system/aws-node`, `nodes`.
    pub object: String,
}

impl Attempt {
    pub(super) fn new(verb: Verb, object: impl Into<String>) -> Self {
        Self { verb, object: object.into() }
    }

    pub(super) fn connect() -> Self {
        Self::new(Verb::Connect, "the API server")
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.verb == Verb::Connect { "connect to" } else { self.verb.name() };
        write!(f, "{verb} {}", self.object)
    }
}

/// Where the credentials of the caller come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Caller {
    /// A token for each request, created from other credentials.
    #[default]
    Minted,
    /// One token that was given.
    Token,
    /// A client certificate that was given.
    Certificate,
    /// A program.
    Exec,
    /// The user of a kubeconfig file.
    Kubeconfig,
}

/// A field that another manager owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldConflict {
    /// The other manager: `kubectl-client-side-apply`.
    pub manager: String,
    /// The field: `.spec.subnet`.
    pub field: String,
}

/// What kind of trouble it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Kind {
    /// The object does not exist.
    #[error("it does not exist")]
    NotFound,
    /// The cluster serves no such kind: its CustomResourceDefinition is missing.
    #[error("the cluster has no such kind of object")]
    NoSuchKind,
    /// An object of this name exists already.
    #[error("it exists already")]
    AlreadyExists,
    /// Other field managers own what was to be set.
    #[error("other field managers own {}", fields(.0))]
    FieldConflict(Vec<FieldConflict>),
    /// The object changed since it was read.
    #[error("it was changed by somebody else at the same time")]
    Changed,
    /// The API server does not know who calls.
    #[error("the API server does not accept the caller's credentials")]
    Unauthorized,
    /// The caller may not do this.
    #[error("{message}")]
    Forbidden {
        /// The API server's own words: user, verb, resource.
        message: String,
    },
    /// The API server, or a webhook, refused the object.
    #[error("{message}")]
    Invalid {
        /// The API server's own words.
        message: String,
    },
    /// A text in the object is not what it must be, and is left as it is.
    #[error("its `{member}` is malformed, {problem}")]
    Malformed {
        /// The member of the object's data.
        member: &'static str,
        /// What is wrong, with its line: `line 3: it is no list of entries`.
        problem: String,
    },
    /// Refused as too frequent until the time for repeats was over.
    #[error("the API server throttled the requests for longer than repeats last")]
    Throttled,
    /// The API server, or what stands before it, answered that it cannot, until the time for repeats was over.
    #[error("the API server is not available: {message}")]
    Unavailable {
        /// Its own words.
        message: String,
    },
    /// No connection: name not found, refused, timed out.
    #[error("cannot reach `{address}`: {cause}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// The reason in the words of the operating system.
        cause: String,
    },
    /// The proxy on the way does not lead there.
    #[error("the proxy on the way to `{address}` does not lead there: {cause}")]
    Proxy {
        /// Host and port of the API server.
        address: String,
        /// What the proxy said, or why it cannot be reached.
        cause: String,
        /// It wants a user and a password, or others.
        wants_password: bool,
    },
    /// The server's certificate is not trusted, or is for another name.
    #[error("the certificate of `{address}` is not accepted: {cause}")]
    Certificate {
        /// Host and port.
        address: String,
        /// The reason in the words of TLS.
        cause: String,
    },
    /// No token could be had; the source says why.
    #[error("no token could be created")]
    NoToken,
    /// The way to the cluster cannot be used as it is configured.
    #[error("`kubernetes.{argument}` cannot be used: {problem}")]
    Configuration {
        /// The argument of the provider's `kubernetes`.
        argument: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The request went out, and its answer never came.
    #[error("the connection was lost before the answer came ({cause}); the work may be done")]
    AnswerLost {
        /// The reason in the words of the operating system.
        cause: String,
    },
    /// Terraform asked to stop.
    #[error("stopped on request{}", if *may_exist { "; the answer was not awaited, so the work may be done" } else { "" })]
    Cancelled {
        /// The request was on its way.
        may_exist: bool,
    },
    /// Anything else.
    #[error("{message}")]
    Other {
        /// The API server's own words, or what could not be read.
        message: String,
    },
}

fn fields(conflicts: &[FieldConflict]) -> String {
    let told = |one: &FieldConflict| format!("`{}` (manager `{}`)", one.field, one.manager);
    conflicts.iter().map(told).collect::<Vec<_>>().join(", ")
}

#[derive(Debug)]
struct Detail {
    kind: Kind,
    attempt: Attempt,
    cluster: String,
    endpoint: Option<String>,
    status: Option<u16>,
    audit_id: Option<String>,
    attempts: u32,
    caller: Caller,
    source: Option<BoxError>,
}

/// A failed operation. Cheap to clone, because those who share a reading share its failure too.
#[derive(Clone, Debug)]
pub struct Error(Arc<Detail>);

/// What is known of an answer beside its kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) status: Option<u16>,
    pub(super) audit_id: Option<String>,
    pub(super) attempts: u32,
    pub(super) caller: Caller,
}

impl Error {
    pub(super) fn new(kind: Kind, attempt: Attempt, cluster: &str) -> Self {
        Self::failed(kind, attempt, cluster, None, Answer::default(), None)
    }

    pub(super) fn failed(
        kind: Kind,
        attempt: Attempt,
        cluster: &str,
        endpoint: Option<&str>,
        answer: Answer,
        source: Option<BoxError>,
    ) -> Self {
        Self(Arc::new(Detail {
            kind,
            attempt,
            cluster: cluster.to_owned(),
            endpoint: endpoint.map(str::to_owned),
            status: answer.status,
            audit_id: answer.audit_id,
            attempts: answer.attempts,
            caller: answer.caller,
            source,
        }))
    }

    /// The kind of trouble.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// What was attempted.
    #[must_use]
    pub fn attempt(&self) -> &Attempt {
        &self.0.attempt
    }

    /// Name of the cluster.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.0.cluster
    }

    /// Status of the answer, when there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Where the caller's credentials come from.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.0.caller
    }

    /// What the source of tokens said.
    #[must_use]
    pub fn token_error(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }

    /// The object, or the whole kind, does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self.kind(), Kind::NotFound | Kind::NoSuchKind)
    }

    /// The work may be done although no answer says so.
    #[must_use]
    pub fn may_exist(&self) -> bool {
        matches!(self.kind(), Kind::AnswerLost { .. } | Kind::Cancelled { may_exist: true })
    }

    /// The API server could not be asked at all.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self.kind(), Kind::Unreachable { .. } | Kind::Proxy { .. } | Kind::Unavailable { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Detail { kind, attempt, cluster, endpoint, status, audit_id, attempts, .. } = &*self.0;
        write!(f, "could not {attempt} on cluster `{cluster}`: {kind}")?;
        let mut facts = Vec::new();
        facts.extend(endpoint.as_ref().map(|endpoint| format!("endpoint {endpoint}")));
        facts.extend(status.map(|status| format!("HTTP status {status}")));
        facts.extend(audit_id.as_ref().map(|id| format!("audit id {id}")));
        facts.extend((*attempts > 1).then(|| format!("{attempts} attempts")));
        if facts.is_empty() { Ok(()) } else { write!(f, " ({})", facts.join(", ")) }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}
