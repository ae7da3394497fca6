//! The error of this module: what was attempted, on which cluster, the response, and the kind of failure.
//!
//! Display covers this layer only and never contains a secret. Kinds are derived from statuses and reasons that
//! Kubernetes documents, so callers never match on text.

use std::fmt;
use std::sync::Arc;

use super::tunnel::TunnelError;

/// The error of a token source, as its own module describes it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Result of every operation in this module.
pub type Result<T> = std::result::Result<T, Error>;

/// What was done to an object, as an RBAC verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Connecting to the API server.
    Connect,
    /// Waiting for a change in the cluster; nothing is sent.
    Wait,
    /// Reading one object.
    Get,
    /// Reading a collection.
    List,
    /// Creating an object.
    Create,
    /// Server-side apply, or another patch.
    Patch,
    /// Replacing an existing object.
    Update,
    /// Deleting an object.
    Delete,
}

impl Verb {
    /// The RBAC verb.
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

    /// Whether repeating the request has the same result.
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
    /// The object or collection, such as `DaemonSet kube-system/aws-node` or `nodes`.
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

/// Where the caller's credentials come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Caller {
    /// A token per request, created from other credentials.
    #[default]
    Minted,
    /// A fixed token.
    Token,
    /// A client certificate.
    Certificate,
    /// A credential plugin.
    Exec,
    /// The user of a kubeconfig file.
    Kubeconfig,
}

/// A field owned by another manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldConflict {
    /// The other manager, such as `kubectl-client-side-apply`.
    pub manager: String,
    /// The field, such as `.spec.subnet`.
    pub field: String,
}

/// The kind of failure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Kind {
    /// The object does not exist.
    #[error("it does not exist")]
    NotFound,
    /// The cluster does not serve this kind: its CustomResourceDefinition is missing.
    #[error("the cluster has no such kind of object")]
    NoSuchKind,
    /// An object with this name already exists.
    #[error("it exists already")]
    AlreadyExists,
    /// Other field managers own the fields to be set.
    #[error("other field managers own {}", fields(.0))]
    FieldConflict(Vec<FieldConflict>),
    /// The object changed since it was read.
    #[error("it was changed by somebody else at the same time")]
    Changed,
    /// The API server does not recognize the caller.
    #[error("the API server does not accept the caller's credentials")]
    Unauthorized,
    /// The caller lacks permission.
    #[error("{message}")]
    Forbidden {
        /// The API server's message: user, verb, resource.
        message: String,
    },
    /// The API server, or a webhook, rejected the object.
    #[error("{message}")]
    Invalid {
        /// The API server's message.
        message: String,
    },
    /// A text in the object is malformed, and was not changed.
    #[error("its `{member}` is malformed, {problem}")]
    Malformed {
        /// The key in the object's data.
        member: &'static str,
        /// What is wrong, with its line: `line 3: it is no list of entries`.
        problem: String,
    },
    /// A PodDisruptionBudget does not allow an eviction now.
    #[error("{message}")]
    Budget {
        /// The API server's message: which budget, and what it needs.
        message: String,
    },
    /// Throttled until the retries were exhausted.
    #[error("the API server throttled the requests for longer than repeats last")]
    Throttled,
    /// The API server, or a load balancer or proxy before it, responded that it is unavailable until the retries were
    /// exhausted.
    #[error("the API server is not available: {message}")]
    Unavailable {
        /// Its message.
        message: String,
    },
    /// No connection: name not resolved, connection refused, or timeout.
    #[error("cannot reach `{address}`: {cause}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// The operating system's message.
        cause: String,
    },
    /// The proxy does not connect to the API server.
    #[error("the proxy on the way to `{address}` does not lead there: {cause}")]
    Proxy {
        /// Host and port of the API server.
        address: String,
        /// The proxy's response, or why it cannot be reached.
        cause: String,
        /// Whether it requires a user and password, or different ones.
        wants_password: bool,
    },
    /// The tunnel does not lead to the API server; see [`Error::tunnel_error`].
    #[error("no way to `{address}`: {cause}")]
    Tunnel {
        /// Host and port of the API server.
        address: String,
        /// Which hop failed, and how.
        cause: String,
    },
    /// The server's certificate is not trusted, or is for another name.
    #[error("the certificate of `{address}` is not accepted: {cause}")]
    Certificate {
        /// Host and port.
        address: String,
        /// The TLS library's message.
        cause: String,
    },
    /// No token could be obtained; the source says why.
    #[error("no token could be created")]
    NoToken,
    /// The configured connection to the cluster cannot be used.
    #[error("`kubernetes.{argument}` cannot be used: {problem}")]
    Configuration {
        /// The argument of the provider's `kubernetes` block.
        argument: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The request was sent, but its response was lost.
    #[error("the connection was lost before the answer came ({cause}); the work may be done")]
    AnswerLost {
        /// The operating system's message.
        cause: String,
    },
    /// Terraform asked to stop.
    #[error("stopped on request{}", if *may_exist { "; the answer was not awaited, so the work may be done" } else { "" })]
    Cancelled {
        /// Whether the request was in flight.
        may_exist: bool,
    },
    /// Anything else.
    #[error("{message}")]
    Other {
        /// The API server's message, or what could not be read.
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

/// A failed operation. Cheap to clone, because callers that share a read also share its failure.
#[derive(Clone, Debug)]
pub struct Error(Arc<Detail>);

/// What is known about a response besides its kind.
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

    /// The kind of failure.
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

    /// Status of the response, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Where the caller's credentials come from.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.0.caller
    }

    /// The token source's error.
    #[must_use]
    pub fn token_error(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }

    /// The tunnel's error.
    #[must_use]
    pub fn tunnel_error(&self) -> Option<&TunnelError> {
        self.0.source.as_deref()?.downcast_ref()
    }

    /// Address of the API server, with its port, if it is known.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.0.endpoint.as_deref()
    }

    /// Whether the object, or its whole kind, does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self.kind(), Kind::NotFound | Kind::NoSuchKind)
    }

    /// Whether the operation may have succeeded although no response confirms it.
    #[must_use]
    pub fn may_exist(&self) -> bool {
        matches!(self.kind(), Kind::AnswerLost { .. } | Kind::Cancelled { may_exist: true })
    }

    /// Whether the API server could not be queried at all.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self.kind(),
            Kind::Unreachable { .. } | Kind::Proxy { .. } | Kind::Tunnel { .. } | Kind::Unavailable { .. }
        )
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
