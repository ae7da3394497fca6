//! The error of this module: what was attempted, where, the response, and the kind of failure.
//!
//! Display covers this layer only and never contains a secret; the SDK's own error is in `source()`. Kinds are
//! derived here, from the codes that AWS documents and from the transport's own markers, so callers never match on
//! text.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::net::Unusable;

/// Result of every operation in this module.
pub type Result<T> = std::result::Result<T, Error>;

/// An operation of an AWS service, with IAM's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operation {
    /// Prefix of the IAM action, such as `ssm`.
    pub service: &'static str,
    /// Name of the operation, such as `CreateActivation`.
    pub name: &'static str,
}

impl Operation {
    pub(super) const fn new(service: &'static str, name: &'static str) -> Self {
        Self { service, name }
    }

    /// The IAM action that allows it, such as `ssm:CreateActivation`.
    #[must_use]
    pub fn action(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.name)
    }
}

/// One source of credentials, and why it provided none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The source: "profile `default` in `/home/me/.aws/config`".
    pub from: String,
    /// Why it provided no credentials.
    pub why: String,
}

/// The kind of failure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Kind {
    /// No source had credentials.
    #[error("no credentials were found; tried: {}", list(tried))]
    NoCredentials {
        /// Every source tried, in order.
        tried: Vec<Tried>,
    },
    /// The credentials have expired, or this machine's clock is wrong.
    #[error("the credentials have expired")]
    ExpiredCredentials,
    /// AWS does not recognize the keys, or the signature does not match them.
    #[error("the credentials are not valid")]
    InvalidCredentials,
    /// The principal lacks permission.
    #[error("access denied: {} may not perform `{action}`{}", principal.as_deref().unwrap_or("the caller"), on(resource.as_deref()))]
    AccessDenied {
        /// The missing IAM action, as AWS names it; otherwise the operation's own.
        action: String,
        /// ARN of the caller, if AWS names it.
        principal: Option<String>,
        /// The resource of the action, if AWS names it.
        resource: Option<String>,
    },
    /// Throttled until the retries were exhausted.
    #[error("AWS throttled the calls for longer than the retries last")]
    Throttled,
    /// No connection: name not resolved, connection refused, timeout, or certificate not trusted.
    #[error("cannot reach `{address}`: {cause}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// The message of the operating system or TLS library.
        cause: String,
    },
    /// The request was sent, the response was lost, and retrying could do the work twice.
    #[error("the connection was lost before the answer came ({cause}); the work may be done")]
    AnswerLost {
        /// The operating system's message.
        cause: String,
    },
    /// Not a region name.
    #[error("{invalid}")]
    UnknownRegion {
        /// Why it is not one.
        invalid: names::Invalid,
    },
    /// No region is configured.
    #[error(
        "no region is known: `region` is not set, nor `AWS_REGION`, nor `AWS_DEFAULT_REGION`, nor `region` in the profile"
    )]
    NoRegion,
    /// The credentials belong to an account that must not be used.
    #[error("the credentials belong to account {account}, {}", refusal(allowed, forbidden))]
    WrongAccount {
        /// Account of the credentials.
        account: String,
        /// The allowed accounts; empty if that list was not the reason.
        allowed: Vec<String>,
        /// The forbidden accounts; empty if that list was not the reason.
        forbidden: Vec<String>,
    },
    /// The object does not exist.
    #[error("not found")]
    NotFound,
    /// The object already exists, or is being changed by someone else.
    #[error("it exists already or is in use")]
    InUse,
    /// AWS rejected the arguments.
    #[error("AWS refused the request")]
    Validation,
    /// A setting cannot be used.
    #[error("`{argument}` cannot be used: {problem}")]
    Configuration {
        /// The provider's argument, or the environment variable.
        argument: Cow<'static, str>,
        /// What is wrong with it.
        problem: String,
    },
    /// Terraform asked to stop.
    #[error("stopped on request{}", if *may_exist { "; the answer was not awaited, so the work may be done" } else { "" })]
    Cancelled {
        /// Whether the request was in flight: the object it creates may exist.
        may_exist: bool,
    },
    /// Anything else.
    #[error("the call failed")]
    Other,
}

fn list(tried: &[Tried]) -> String {
    let lines: Vec<String> = tried.iter().map(|one| format!("{} ({})", one.from, one.why)).collect();
    lines.join("; ")
}

fn on(resource: Option<&str>) -> String {
    resource.map(|resource| format!(" on `{resource}`")).unwrap_or_default()
}

fn refusal(allowed: &[String], forbidden: &[String]) -> String {
    if forbidden.is_empty() {
        format!("which is not among the allowed ones ({})", allowed.join(", "))
    } else {
        format!("which is among the forbidden ones ({})", forbidden.join(", "))
    }
}

/// AWS's response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// HTTP status.
    pub(super) status: Option<u16>,
    /// Error code, such as `ValidationException`.
    pub(super) code: Option<String>,
    /// AWS's message, without parts that could contain a secret.
    pub(super) message: Option<String>,
    /// Request id, for a support case.
    pub(super) request_id: Option<String>,
}

#[derive(Debug, Default)]
struct Detail {
    operation: Option<Operation>,
    region: Option<String>,
    endpoint: Option<String>,
    attempts: u32,
    answer: Answer,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// A failed operation. Cheap to clone, because callers that share a read also share its failure.
#[derive(Debug, Clone)]
pub struct Error {
    kind: Arc<Kind>,
    detail: Arc<Detail>,
    left_behind: Arc<[String]>,
}

impl Error {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind: Arc::new(kind), detail: Arc::default(), left_behind: Arc::default() }
    }

    pub(super) fn configuration(argument: impl Into<Cow<'static, str>>, problem: impl Into<String>) -> Self {
        Self::new(Kind::Configuration { argument: argument.into(), problem: problem.into() })
    }

    pub(super) fn failed(
        kind: Kind,
        operation: Operation,
        place: Place<'_>,
        answer: Answer,
        source: Option<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        let detail = Detail {
            operation: Some(operation),
            region: Some(place.region.to_owned()),
            endpoint: place.endpoint,
            attempts: place.attempts,
            answer,
            source,
        };
        Self { kind: Arc::new(kind), detail: Arc::new(detail), left_behind: Arc::default() }
    }

    /// The same error, with the probable traces of attempts whose responses were lost.
    pub(super) fn leaving(mut self, left_behind: Vec<String>) -> Self {
        self.left_behind = left_behind.into();
        self
    }

    /// Ids of objects that the failed attempts may have created.
    #[must_use]
    pub fn left_behind(&self) -> &[String] {
        &self.left_behind
    }

    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The operation, when one was attempted.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        self.detail.operation
    }

    /// The region of the request.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.detail.region.as_deref()
    }

    /// Scheme, host and port of the request.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.detail.endpoint.as_deref()
    }

    /// How often the request was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.detail.attempts
    }

    /// AWS's error code.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.detail.answer.code.as_deref()
    }

    /// AWS's message.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.detail.answer.message.as_deref()
    }

    /// AWS's request id.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.detail.answer.request_id.as_deref()
    }

    /// HTTP status of the last response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.detail.answer.status
    }

    /// Whether the object does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(*self.kind, Kind::NotFound)
    }

    /// Whether Terraform asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(*self.kind, Kind::Cancelled { .. })
    }

    /// Whether the object that the failed request creates may exist, although no response confirms it.
    #[must_use]
    pub fn may_exist(&self) -> bool {
        matches!(*self.kind, Kind::AnswerLost { .. } | Kind::Cancelled { may_exist: true })
    }

    /// The missing IAM action, if access was denied.
    #[must_use]
    pub fn missing_permission(&self) -> Option<&str> {
        match &*self.kind {
            Kind::AccessDenied { action, .. } => Some(action),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = &*self.detail;
        if let Some(operation) = detail.operation {
            write!(f, "{operation}")?;
            if let Some(region) = &detail.region {
                write!(f, " in {region}")?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{}", self.kind)?;
        let answer = &detail.answer;
        match (&answer.code, &answer.message) {
            (Some(code), Some(message)) => write!(f, ": {code}: {message}")?,
            (Some(code), None) => write!(f, ": {code}")?,
            (None, Some(message)) => write!(f, ": {message}")?,
            (None, None) => {}
        }
        let mut notes = Vec::new();
        if let Some(status) = answer.status {
            notes.push(format!("HTTP {status}"));
        }
        if let Some(id) = &answer.request_id {
            notes.push(format!("request {id}"));
        }
        if detail.attempts > 1 {
            notes.push(format!("{} attempts", detail.attempts));
        }
        if notes.is_empty() { Ok(()) } else { write!(f, " ({})", notes.join(", ")) }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.detail.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// Where an operation was attempted, and how often.
#[derive(Debug, Clone, Default)]
pub(super) struct Place<'a> {
    pub(super) region: &'a str,
    pub(super) endpoint: Option<String>,
    pub(super) attempts: u32,
}

/// The sentence that names the permission to add.
///
/// Two actions need a second one, which AWS checks too: `ssm:CreateActivation` and `ssm:UpdateManagedInstanceRole`
/// pass a role to Systems Manager, so they need `iam:PassRole` on that role.
#[must_use]
pub fn permission(action: &str) -> String {
    let passes_role = matches!(action, "ssm:CreateActivation" | "ssm:UpdateManagedInstanceRole");
    let beside = if passes_role { ", and `iam:PassRole` on the role that it hands over" } else { "" };
    format!("Allow `{action}` in a policy of the caller{beside}.")
}

impl From<Unusable> for Error {
    fn from(setting: Unusable) -> Self {
        Self::configuration(setting.argument, setting.problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: Operation = Operation::new("ssm", "CreateActivation");

    fn answer(status: u16, code: &str, message: &str) -> Answer {
        Answer {
            status: Some(status),
            code: (!code.is_empty()).then(|| code.to_owned()),
            message: (!message.is_empty()).then(|| message.to_owned()),
            request_id: Some("r-1".to_owned()),
        }
    }

    #[test]
    fn display_is_one_layer() {
        let place = Place { region: "us-west-2", endpoint: None, attempts: 3 };
        let error = Error::failed(
            Kind::Validation,
            CREATE,
            place,
            answer(400, "ValidationException", "Nonexistent role"),
            Some("inner".into()),
        );
        assert_eq!(
            error.to_string(),
            "ssm:CreateActivation in us-west-2: AWS refused the request: ValidationException: Nonexistent role (HTTP 400, request r-1, 3 attempts)"
        );
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("inner"));
    }

    #[test]
    fn no_credentials_says_what_was_tried() {
        let tried = |from: &str, why: &str| Tried { from: from.to_owned(), why: why.to_owned() };
        let kind = Kind::NoCredentials {
            tried: vec![tried("environment", "`AWS_ACCESS_KEY_ID` is not set"), tried("profile `default`", "no file")],
        };
        assert_eq!(
            kind.to_string(),
            "no credentials were found; tried: environment (`AWS_ACCESS_KEY_ID` is not set); profile `default` (no file)"
        );
    }

    #[test]
    fn wrong_account_names_the_list_that_refused() {
        let kind = |allowed: &[&str], forbidden: &[&str]| {
            let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect();
            Kind::WrongAccount { account: "1".to_owned(), allowed: texts(allowed), forbidden: texts(forbidden) }
                .to_string()
        };
        assert_eq!(
            kind(&["2", "3"], &[]),
            "the credentials belong to account 1, which is not among the allowed ones (2, 3)"
        );
        assert_eq!(kind(&[], &["1"]), "the credentials belong to account 1, which is among the forbidden ones (1)");
    }

    #[test]
    fn permission_names_the_second_one_too() {
        assert_eq!(permission("ssm:DeleteActivation"), "Allow `ssm:DeleteActivation` in a policy of the caller.");
        assert!(permission("ssm:CreateActivation").contains("`iam:PassRole`"));
    }
}
