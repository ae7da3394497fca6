//! What a connection needs to know. Everything is parsed when it is built, so that a connection that exists is sound.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{Certificate, HashAlg, PrivateKey, PublicKey};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::host::error::{Fingerprint, Place};

/// The port of SSH.
pub const PORT: u16 = 22;

/// One host and how to log in to it.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User to log in as.
    pub user: String,
    /// Credentials.
    pub login: Login,
    /// Which host keys are right.
    pub trust: Trust,
    /// The host that leads to it.
    pub bastion: Option<Box<Connection>>,
    /// Time limit for connecting, and for the handshake.
    pub connect_timeout: Duration,
    /// After this time without a word from the server, it is asked for one; three times in vain end the connection.
    pub keep_alive: Duration,
}

impl Connection {
    /// A connection to port 22 with the usual time limits: 20 seconds to connect, and a question every 15.
    #[must_use]
    pub fn new(host: &str, user: &str, login: Login, trust: Trust) -> Self {
        Self {
            host: host.to_owned(),
            port: PORT,
            user: user.to_owned(),
            login,
            trust,
            bastion: None,
            connect_timeout: Duration::from_secs(20),
            keep_alive: Duration::from_secs(15),
        }
    }

    /// Where it is, for messages.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            host: self.host.clone(),
            port: self.port,
            user: self.user.clone(),
            bastion: self.bastion.as_ref().map(|bastion| bastion.place().to_string()),
        }
    }

    /// Equal for two connections that may be one.
    pub(super) fn identity(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        };
        add(self.place().to_string().as_bytes());
        add(format!("{:?}", self.trust).as_bytes());
        for key in &self.login.keys {
            add(key.public_key().fingerprint(HashAlg::Sha256).as_bytes());
        }
        for certificate in &self.login.certificates {
            add(certificate.key_id().as_bytes());
            add(certificate.nonce());
        }
        add(self.login.password.as_ref().map_or(&b""[..], |password| password.expose_secret().as_bytes()));
        add(&[u8::from(self.login.agent)]);
        if let Some(bastion) = &self.bastion {
            add(&bastion.identity());
        }
        hash.finalize().into()
    }
}

/// Credentials, tried in this order: certificates, keys, the agent's keys, the password.
#[derive(Clone, Default)]
pub struct Login {
    pub(super) keys: Vec<Arc<PrivateKey>>,
    pub(super) certificates: Vec<Certificate>,
    pub(super) password: Option<SecretString>,
    pub(super) agent: bool,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("keys", &self.keys.len())
            .field("certificates", &self.certificates.len())
            .field("password", &self.password.is_some())
            .field("agent", &self.agent)
            .finish()
    }
}

impl Login {
    /// Adds a private key in OpenSSH, PEM (PKCS #1, PKCS #8) or PuTTY format.
    ///
    /// # Errors
    /// What is wrong with it, never with its text.
    pub fn key(mut self, text: &SecretString, passphrase: Option<&SecretString>) -> Result<Self, String> {
        self.keys.push(Arc::new(private_key(text.expose_secret(), passphrase)?));
        Ok(self)
    }

    /// Adds a certificate, the content of a `-cert.pub` file. Its key must have been added, or be in the agent.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn certificate(mut self, text: &str) -> Result<Self, String> {
        let certificate = user_certificate(text)?;
        let is_its_key = |key: &Arc<PrivateKey>| key.public_key().key_data() == certificate.public_key();
        if !self.agent && !self.keys.iter().any(is_its_key) {
            return Err(format!(
                "it certifies another key, `{}`",
                certificate.public_key().fingerprint(HashAlg::Sha256)
            ));
        }
        self.certificates.push(certificate);
        Ok(self)
    }

    /// Whether a text is a user's certificate; its key is not needed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_certificate(text: &str) -> Result<(), String> {
        user_certificate(text).map(drop)
    }

    /// Sets the password.
    #[must_use]
    pub fn password(mut self, password: SecretString) -> Self {
        self.password = Some(password);
        self
    }

    /// Uses the agent of the environment: `SSH_AUTH_SOCK`, or the agent of Windows.
    #[must_use]
    pub fn agent(mut self) -> Self {
        self.agent = true;
        self
    }

    /// Whether there are no credentials at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.password.is_none() && !self.agent
    }
}

fn user_certificate(text: &str) -> Result<Certificate, String> {
    let certificate =
        Certificate::from_openssh(text.trim()).map_err(|error| format!("it is not an OpenSSH certificate: {error}"))?;
    if certificate.cert_type().is_user() {
        Ok(certificate)
    } else {
        Err("it is a host's certificate, not a user's".to_owned())
    }
}

fn private_key(text: &str, passphrase: Option<&SecretString>) -> Result<PrivateKey, String> {
    use russh::keys::Error;
    // What an editor or a heredoc adds around a key does no harm.
    let text = text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let text = text.trim();
    if text.starts_with("ssh-") || text.starts_with("ecdsa-") {
        return Err("it is a public key".to_owned());
    }
    let passphrase = passphrase.map(ExposeSecret::expose_secret);
    match russh::keys::decode_secret_key(text, passphrase) {
        Ok(key) if key.is_encrypted() => Err("it is encrypted, and `private_key_passphrase` is not set".to_owned()),
        Ok(key) => Ok(key),
        Err(Error::KeyIsEncrypted) => Err("it is encrypted, and `private_key_passphrase` is not set".to_owned()),
        Err(Error::CouldNotReadKey) => Err("it is not a private key in OpenSSH or PEM format".to_owned()),
        Err(Error::UnsupportedKeyType { key_type_string, .. }) => {
            Err(format!("keys of type {key_type_string} are not supported"))
        }
        Err(_) if passphrase.is_some() => Err("it cannot be decrypted with `private_key_passphrase`".to_owned()),
        Err(error) => Err(format!("it cannot be read: {error}")),
    }
}

/// Which host keys are right.
#[derive(Clone, Debug)]
pub enum Trust {
    /// One of these.
    Keys(Vec<HostKey>),
    /// What these files say, in the format of OpenSSH's `known_hosts`. Files that do not exist count as empty.
    KnownHosts(Vec<PathBuf>),
    /// Any: whoever can answer under this address receives the commands and files.
    Any,
}

/// An expected host key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostKey {
    /// The key of the host, or of the authority that signed the host's certificate.
    Key(PublicKey),
    /// Fingerprint of such a key, `SHA256:…`.
    Fingerprint(String),
}

impl HostKey {
    /// Reads one key per line: a public key, a line of `known_hosts` or of `ssh-keyscan`, or a fingerprint.
    ///
    /// # Errors
    /// What is wrong, with the line.
    pub fn parse(text: &str) -> Result<Vec<Self>, String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys = lines.map(Self::parse_line).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err("it contains no key".to_owned()) } else { Ok(keys) }
    }

    fn parse_line(line: &str) -> Result<Self, String> {
        if let Some(digits) = line.strip_prefix("SHA256:") {
            let digits = digits.trim_end_matches('=');
            let base64 = |c: char| c.is_ascii_alphanumeric() || "+/".contains(c);
            return if digits.len() == 43 && digits.chars().all(base64) {
                Ok(Self::Fingerprint(format!("SHA256:{digits}")))
            } else {
                Err(format!("`{line}` is not a fingerprint; it has 43 characters after `SHA256:`"))
            };
        }
        let words = line.split_whitespace().collect::<Vec<_>>();
        let typed = words.windows(2).find(|pair| pair[0].starts_with("ssh-") || pair[0].starts_with("ecdsa-sha2-"));
        let Some([kind, base64]) = typed else {
            return Err(format!("`{line}` is not a public key, which looks like `ssh-ed25519 AAAAC3Nza…`"));
        };
        PublicKey::from_openssh(&format!("{kind} {base64}"))
            .map(Self::Key)
            .map_err(|error| format!("`{line}` is not a public key: {error}"))
    }

    pub(super) fn is(&self, key: &PublicKey) -> bool {
        match self {
            Self::Key(own) => own.key_data() == key.key_data(),
            Self::Fingerprint(own) => *own == key.fingerprint(HashAlg::Sha256).to_string(),
        }
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Key(key) => fingerprint(key),
            Self::Fingerprint(text) => Fingerprint { algorithm: "any type".to_owned(), sha256: text.clone() },
        }
    }
}

pub(super) fn fingerprint(key: &PublicKey) -> Fingerprint {
    Fingerprint { algorithm: key.algorithm().to_string(), sha256: key.fingerprint(HashAlg::Sha256).to_string() }
}
