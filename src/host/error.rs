//! The error of this module: what was attempted, on which host, and the kind of failure.
//!
//! Display covers this layer only and never contains a secret.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::output::Exit;

/// An error of another module, as that describes it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Result of every operation in this module.
pub type Result<T> = std::result::Result<T, Error>;

/// Where a host is. Through Run Command, it has neither port nor user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User who logs in.
    pub user: String,
    /// The bastion that leads to it, as `user@host:port`.
    pub bastion: Option<String>,
}

impl Place {
    /// A host that is reached through Run Command, by the id of its instance.
    #[must_use]
    pub fn managed(instance: &str) -> Self {
        Self { host: instance.to_owned(), port: 0, user: String::new(), bastion: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.user.is_empty() {
            return f.write_str(&self.host);
        }
        let colons = self.host.contains(':');
        let (open, close) = if colons { ("[", "]") } else { ("", "") };
        write!(f, "{}@{open}{}{close}:{}", self.user, self.host, self.port)?;
        match &self.bastion {
            Some(bastion) => write!(f, " through {bastion}"),
            None => Ok(()),
        }
    }
}

/// What was attempted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Connecting and logging in.
    Connect,
    /// Running a command, by its label.
    Run(String),
    /// Writing a file, by its path.
    Upload(String),
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("log in"),
            Self::Run(label) => write!(f, "run `{label}`"),
            Self::Upload(path) => write!(f, "write `{path}`"),
        }
    }
}

/// A host key as people compare it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Type of the key, such as `ssh-ed25519`.
    pub algorithm: String,
    /// `SHA256:…`, as `ssh-keygen -lf` prints it.
    pub sha256: String,
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.sha256, self.algorithm)
    }
}

/// Why a command cannot run as root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRoot {
    /// `sudo` asks for a password.
    PasswordRequired,
    /// `sudo` does not let the user run commands as root.
    NotAllowed,
    /// `sudo` requires a terminal.
    TerminalRequired,
    /// The host has no `sudo`.
    NoSudo,
    /// Something else, as `sudo` reports it.
    Other(String),
}

impl fmt::Display for NoRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PasswordRequired => f.write_str("sudo asks for a password"),
            Self::NotAllowed => f.write_str("sudo does not let this user run commands as root"),
            Self::TerminalRequired => f.write_str("sudo requires a terminal (`requiretty`)"),
            Self::NoSudo => f.write_str("this user is not root, and the host has no sudo"),
            Self::Other(text) => write!(f, "sudo fails: {text}"),
        }
    }
}

/// The kind of failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Kind {
    /// An argument of the connection cannot be used.
    #[error("`{argument}` cannot be used: {problem}")]
    Configuration {
        /// The argument, such as `private_key`.
        argument: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The name has no address.
    #[error("the name `{name}` has no address: {cause}")]
    Unresolved {
        /// The name.
        name: String,
        /// The resolver's message.
        cause: String,
    },
    /// The host answers, but nothing listens on the port.
    #[error("the connection is refused: nothing listens on this port")]
    Refused,
    /// No connection, or no answer on it, in time.
    #[error("no answer within {} seconds, while {step}", .after.as_secs_f32())]
    NoAnswer {
        /// What was waited for, such as `connecting`.
        step: &'static str,
        /// The time limit.
        after: Duration,
    },
    /// No connection for another reason.
    #[error("cannot connect: {cause}")]
    Unreachable {
        /// The operating system's message.
        cause: String,
    },
    /// The bastion does not connect to the host.
    #[error("the bastion `{bastion}` cannot connect to it: {cause}")]
    BastionRefused {
        /// The bastion.
        bastion: String,
        /// Its answer.
        cause: String,
    },
    /// The host does not connect to another one.
    #[error("it cannot connect to `{target}`: {cause}")]
    NotForwarded {
        /// The other host, with its port.
        target: String,
        /// Its answer.
        cause: String,
    },
    /// The server ended the connection before it introduced itself: too many connections at once, or a ban.
    #[error("the server closed the connection before the SSH handshake")]
    Dropped,
    /// The server and this program cannot agree on a protocol.
    #[error("the SSH handshake failed: {problem}")]
    Handshake {
        /// What is wrong.
        problem: String,
    },
    /// No key of this host is known.
    #[error("its host key {offered} is not known: {source_of_keys} has no key of `{name}`{}", others(.known))]
    HostKeyUnknown {
        /// Name that was looked up.
        name: String,
        /// The key that the host presents.
        offered: Fingerprint,
        /// Keys of other types that are known for it.
        known: Vec<Fingerprint>,
        /// Where known keys come from.
        source_of_keys: String,
    },
    /// The host presents another key than the known one.
    #[error("its host key is {offered}, but {source_of_keys} has {}", list(.known))]
    HostKeyChanged {
        /// The key that the host presents.
        offered: Fingerprint,
        /// The known keys.
        known: Vec<Fingerprint>,
        /// Where they come from, with the line.
        source_of_keys: String,
    },
    /// The host's key is revoked.
    #[error("its host key {offered} is revoked by {source_of_keys}")]
    HostKeyRevoked {
        /// The key that the host presents, or the authority of its certificate.
        offered: Fingerprint,
        /// Where the revocation comes from, with the line.
        source_of_keys: String,
    },
    /// The host's certificate is not accepted.
    #[error("its host certificate `{id}` is not accepted: {problem}")]
    HostCertificate {
        /// The certificate's key id.
        id: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The server accepts none of the credentials.
    #[error("it does not accept {}{}", credentials(.tried), methods(.accepts))]
    Unauthorized {
        /// What was tried, such as `private_key (SHA256:…)`.
        tried: Vec<String>,
        /// The methods that the server says it accepts.
        accepts: Vec<String>,
    },
    /// The command must run as root and cannot.
    #[error("{0}")]
    NoRoot(NoRoot),
    /// The connection broke.
    #[error("the connection broke: {cause}")]
    Lost {
        /// Why, as far as is known.
        cause: String,
    },
    /// The command took too long, and was stopped.
    #[error("it did not end within {} seconds, and was stopped", .0.as_secs())]
    TimedOut(Duration),
    /// Cancelled. A command that was running was asked to stop.
    #[error("Terraform asked to stop")]
    Cancelled,
    /// The command failed.
    #[error("{exit}{}", said(.stderr))]
    Failed {
        /// How it ended.
        exit: Exit,
        /// The end of what it printed on standard error, without secrets.
        stderr: String,
    },
    /// The file could not be written.
    #[error("{exit}{}", said(.stderr))]
    NotWritten {
        /// How the command that writes it ended.
        exit: Exit,
        /// What it printed on standard error.
        stderr: String,
    },
    /// Run Command stores what it runs: secrets do not go that way.
    #[error("it contains a secret, which Run Command would store")]
    Secret,
    /// The script, or the file, is too large for Run Command.
    #[error("it has {bytes} bytes, and Run Command takes {limit}")]
    TooLarge {
        /// Its size with everything around it.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A call of Systems Manager failed; see [`Error::remote`].
    #[error("{0}")]
    Remote(String),
    /// The agent of the host is not connected to Systems Manager, or the host is not registered.
    #[error("{}", ping(.status.as_deref()))]
    NotOnline {
        /// Its ping status; `None`: it is not registered.
        status: Option<String>,
    },
    /// Systems Manager gave the command up.
    #[error("Systems Manager did not run it: {status} (command `{command}`)")]
    NotRun {
        /// The status as AWS names it, such as `Delivery Timed Out`.
        status: String,
        /// Id of the command.
        command: String,
    },
    /// The host rejects a new channel on the connection.
    #[error("the server does not open a session: {cause}")]
    NoSession {
        /// Its answer.
        cause: String,
    },
}

fn list(fingerprints: &[Fingerprint]) -> String {
    fingerprints.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn others(known: &[Fingerprint]) -> String {
    if known.is_empty() { String::new() } else { format!(" of this type; it has {}", list(known)) }
}

fn credentials(tried: &[String]) -> String {
    if tried.is_empty() { "a login without credentials".to_owned() } else { tried.join(", ") }
}

fn methods(accepts: &[String]) -> String {
    if accepts.is_empty() { String::new() } else { format!("; it accepts logins by {}", accepts.join(", ")) }
}

fn ping(status: Option<&str>) -> String {
    match status {
        Some(status) => format!("its agent is not connected to Systems Manager (ping status {status})"),
        None => "it is not registered with Systems Manager".to_owned(),
    }
}

fn said(stderr: &str) -> String {
    if stderr.trim().is_empty() { ", and it printed nothing".to_owned() } else { format!(": {}", stderr.trim()) }
}

/// An error on one host.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{attempt} on {place}: {kind}", attempt = .0.attempt, place = .0.place, kind = .0.kind)]
pub struct Error(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    kind: Kind,
    attempt: Attempt,
    place: Place,
    remote: Option<Arc<BoxError>>,
}

impl Error {
    pub(super) fn new(kind: Kind, attempt: Attempt, place: Place) -> Self {
        Self(Box::new(Parts { kind, attempt, place, remote: None }))
    }

    pub(super) fn of_remote(error: BoxError, attempt: Attempt, place: Place) -> Self {
        let kind = Kind::Remote(error.to_string());
        Self(Box::new(Parts { kind, attempt, place, remote: Some(Arc::new(error)) }))
    }

    /// The error of Systems Manager, as the implementation of [`Remote`](super::run_command::Remote) describes it.
    #[must_use]
    pub fn remote(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.0.remote.as_deref().map(AsRef::as_ref)
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

    /// The host. If the bastion fails, this is the bastion.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// Whether the host, or the way to it, is down or was lost: it may be back later.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(
            self.0.kind,
            Kind::Unresolved { .. }
                | Kind::Refused
                | Kind::NoAnswer { .. }
                | Kind::Unreachable { .. }
                | Kind::BastionRefused { .. }
                | Kind::NotForwarded { .. }
                | Kind::Dropped
                | Kind::Lost { .. }
                | Kind::NotRun { .. }
                | Kind::NotOnline { .. }
        )
    }
}
