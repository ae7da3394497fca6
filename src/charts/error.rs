//! The error of this room. Display covers this layer only, and never shows a secret: addresses are shown without user, password
//! and query, which in signed addresses is a credential.

use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;

use names::Sha256;

use crate::net::Unusable;

/// Result of every operation in this room.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A cause from below.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// Why a chart or a manifest could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Terraform asked to stop while it was fetched.
    #[error("stopped while fetching `{origin}`")]
    Stopped {
        /// The source.
        origin: String,
    },
    /// The text does not name a source.
    #[error("`{text}` is not a valid source: {problem}")]
    NoSource {
        /// The text, without a password in it.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The text is not a checksum.
    #[error("`{text}` is not a SHA-256 checksum: write 64 hexadecimal digits, with or without `sha256:` before them")]
    NoChecksum {
        /// The text.
        text: String,
    },
    /// One of the settings cannot be used.
    #[error("`{argument}` cannot be used: {problem}")]
    Configuration {
        /// The provider's argument, or the environment variable.
        argument: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A file or folder could not be read.
    #[error("could not read `{}`", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A folder has no checksum that could be compared.
    #[error("`{}` is a folder, which a checksum cannot pin; pack it into a .tgz file, or omit the checksum", path.display())]
    FolderPinned {
        /// The folder.
        path: PathBuf,
    },
    /// The repository has no chart of this name.
    #[error("the repository `{repository}` has no chart `{chart}`{}", near(nearest))]
    NoSuchChart {
        /// The chart.
        chart: String,
        /// Address of the repository.
        repository: String,
        /// Charts with the most similar names.
        nearest: Vec<String>,
    },
    /// The source has no such version.
    #[error("`{origin}` has no version `{wanted}`{}", near(nearest))]
    NoSuchVersion {
        /// The repository's chart, or the registry's repository.
        origin: String,
        /// The version or range that was asked for; empty where any would do.
        wanted: String,
        /// The nearest versions, nearest first. Empty where there is none, or where they cannot be listed.
        nearest: Vec<String>,
    },
    /// Neither a version nor a range of versions.
    #[error("`{version}` is neither a version nor a range of versions: {problem}")]
    NoVersion {
        /// The text.
        version: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The content has another checksum than expected.
    #[error("the checksum of `{origin}` is {found}, but {by} says {expected}")]
    Checksum {
        /// What was fetched.
        origin: String,
        /// The expected checksum.
        expected: Sha256,
        /// The checksum of the fetched content.
        found: Sha256,
        /// Where the expected checksum comes from.
        by: Checked,
    },
    /// The server requires other credentials, or denies access.
    #[error("`{url}` refused access with status {status}; tried: {tried}{}", explained(detail))]
    Refused {
        /// The address.
        url: String,
        /// 401 or 403.
        status: u16,
        /// What was tried.
        tried: Tried,
        /// The server's explanation; empty if it gave none.
        detail: String,
    },
    /// The address does not exist.
    #[error("`{url}` does not exist (status {status}){}", explained(detail))]
    NotFound {
        /// The address.
        url: String,
        /// 404 or 410.
        status: u16,
        /// The server's explanation; empty if it gave none.
        detail: String,
    },
    /// Another answer than the wanted one.
    #[error("`{url}` answered with status {status}{}{}", times(*attempts), explained(detail))]
    Status {
        /// The address.
        url: String,
        /// The status.
        status: u16,
        /// How often it was asked.
        attempts: u32,
        /// The server's explanation, such as when to retry; empty if it gave none.
        detail: String,
    },
    /// No connection, or no answer over it.
    #[error("cannot reach `{url}`: {cause}{}", times(*attempts))]
    Unreachable {
        /// The address.
        url: String,
        /// The reason in the words of the operating system, of TLS or of the proxy.
        cause: String,
        /// How often it was tried.
        attempts: u32,
        /// The transport's own error.
        #[source]
        source: Cause,
    },
    /// The proxy requires a user and a password, or rejects those configured.
    #[error("the proxy on the way to `{url}` requires a user and a password (status 407)")]
    ProxyPassword {
        /// The address.
        url: String,
        /// The transport's own error.
        #[source]
        source: Cause,
    },
    /// The connection ended in the middle of the content, again and again.
    #[error("the connection to `{url}` was cut after {received} bytes{}: {cause}{}", of(*expected), times(*attempts))]
    Cut {
        /// The address.
        url: String,
        /// Bytes received.
        received: u64,
        /// Bytes announced.
        expected: Option<u64>,
        /// The reason.
        cause: String,
        /// How often it was tried.
        attempts: u32,
        /// The transport's own error.
        #[source]
        source: Cause,
    },
    /// More than is accepted.
    #[error("`{url}` is larger than the {limit} bytes that are accepted")]
    TooLarge {
        /// The address.
        url: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A redirect that is not followed.
    #[error("`{url}` redirects to `{to}`, which is not followed: {problem}")]
    Redirect {
        /// The address.
        url: String,
        /// Where to.
        to: String,
        /// Why not.
        problem: &'static str,
    },
    /// A password would travel in the clear.
    #[error("the password of `{username}` is not sent to `{url}`, because the connection is not encrypted")]
    PasswordInTheClear {
        /// The address.
        url: String,
        /// Whose password.
        username: String,
    },
    /// The index of a repository, or the response of a registry, is malformed.
    #[error("`{url}` is not a valid {what}: {problem}")]
    Malformed {
        /// The address.
        url: String,
        /// What was expected.
        what: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The registry has something else under this name.
    #[error("`{reference}` does not hold a chart but {found}")]
    NoChart {
        /// The reference.
        reference: String,
        /// What it holds.
        found: String,
    },
    /// The text does not name an image mirror.
    #[error("`{text}` is not an image mirror: {problem}")]
    NoMirror {
        /// The text.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A rendered text is not YAML.
    #[error("the manifest is not valid YAML: {problem}")]
    NoManifest {
        /// What is wrong with it.
        problem: String,
    },
    /// No password could be obtained from AWS for an ECR registry.
    #[error("could not get a password from AWS for the registry `{registry}`")]
    EcrLogin {
        /// The registry's host.
        registry: String,
        /// Why.
        #[source]
        source: Cause,
    },
}

/// Who knows the checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// The user's `sha256`.
    Pin,
    /// The index of the repository.
    Index,
    /// The reference, or the registry's manifest.
    Registry,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pin => "`sha256`",
            Self::Index => "the index of the repository",
            Self::Registry => "the registry",
        })
    }
}

/// Which credentials a server received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// None are configured for this host.
    Nothing {
        /// Host, with its port if it has one of its own.
        host: String,
    },
    /// The provider's `registries`.
    Configured {
        /// The user.
        username: String,
        /// The host that they are for.
        host: String,
    },
    /// A token of the provider's `registries`.
    Token {
        /// The host that it is for.
        host: String,
    },
    /// The password from AWS.
    Ecr {
        /// Account of the registry.
        account: String,
        /// Region of the registry.
        region: String,
    },
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing { host } => {
                write!(f, "no credentials, because the provider's `registries` has none for `{host}`")
            }
            Self::Configured { username, host } => {
                write!(f, "user `{username}` of the provider's `registries` for `{host}`")
            }
            Self::Token { host } => write!(f, "the token of the provider's `registries` for `{host}`"),
            Self::Ecr { account, region } => {
                write!(f, "the ECR password from AWS for account {account} in {region}")
            }
        }
    }
}

fn near(nearest: &[String]) -> String {
    if nearest.is_empty() { String::new() } else { format!("; near it: {}", nearest.join(", ")) }
}

fn explained(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

fn times(attempts: u32) -> String {
    if attempts > 1 { format!(" (tried {attempts} times)") } else { String::new() }
}

fn of(expected: Option<u64>) -> String {
    expected.map(|expected| format!(" of {expected}")).unwrap_or_default()
}
impl From<Unusable> for Error {
    fn from(setting: Unusable) -> Self {
        Self::Configuration { argument: setting.argument, problem: setting.problem }
    }
}
