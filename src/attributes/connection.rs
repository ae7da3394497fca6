//! How to reach a host over SSH: the attribute `ssh` of a type, and the words that the provider's `ssh` has in common with
//! it.

use framework::model::{Bounded, Model, Secret, Span, Text};
use framework::text_field;

use crate::host::ssh::{HostKey, Login};

/// A connection to a host over SSH. What is not set comes from the provider's `ssh`.
#[derive(Clone, Debug, Model)]
#[model(at_most_one_of(private_key, private_key_path))]
#[model(at_most_one_of(host_key, known_hosts_path, trust_any_host_key))]
pub struct Connection {
    /// Name or IP address of the host.
    pub host: HostName,
    /// Port. Default: the provider's `ssh.port`, otherwise 22.
    pub port: Option<Bounded<1, 65535>>,
    /// User to log in as: `root`, or a user whom `sudo` lets run any command without a password. Default: the
    /// provider's `ssh.user`.
    pub user: Option<UserName>,
    /// Private key in OpenSSH or PEM format. Stored in the state: to keep it out, set it in the provider's `ssh`, which
    /// destroy uses as well. Conflicts with `private_key_path`.
    pub private_key: Option<Secret<PrivateKey>>,
    /// File that contains the private key. Conflicts with `private_key`.
    pub private_key_path: Option<String>,
    /// Passphrase of an encrypted private key.
    pub private_key_passphrase: Option<Secret<String>>,
    /// OpenSSH certificate for the private key or for a key in the agent, such as the content of
    /// `id_ed25519-cert.pub`.
    pub certificate: Option<UserCertificate>,
    /// Password. `sudo` never uses it.
    pub password: Option<Secret<String>>,
    /// Use the keys of the SSH agent in Terraform's environment (`SSH_AUTH_SOCK`).
    pub agent: Option<bool>,
    /// Public key of the host, as in `/etc/ssh/ssh_host_ed25519_key.pub`, or of the CA that signed its certificate.
    /// Also accepts a fingerprint (`SHA256:…`), and several keys in one line each. Default: `known_hosts_path`.
    pub host_key: Option<HostKeys>,
    /// File of known host keys in OpenSSH's format. Default: the provider's `ssh.known_hosts_path`, otherwise
    /// `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts`.
    pub known_hosts_path: Option<String>,
    /// Accept any host key. Whoever can answer under the host's address then receives what is written to the host,
    /// including activation codes, and can act as the host.
    pub trust_any_host_key: Option<bool>,
    /// Time limit for connecting, such as `30s`. Default: 20 seconds.
    pub connect_timeout: Option<Span>,
    /// Host that leads to this one. Hosts with the same bastion share one connection to it. Default: the provider's
    /// `ssh.bastion`.
    pub bastion: Option<Bastion>,
}

/// A host that leads to another. Its user and credentials default to those of the connection.
#[derive(Clone, Debug, Model)]
#[model(at_most_one_of(private_key, private_key_path))]
#[model(at_most_one_of(host_key, known_hosts_path, trust_any_host_key))]
pub struct Bastion {
    /// Name or IP address.
    pub host: HostName,
    /// Port. Default: 22.
    pub port: Option<Bounded<1, 65535>>,
    /// User to log in as. Default: the connection's.
    pub user: Option<UserName>,
    /// Private key in OpenSSH or PEM format. Default: the connection's. Conflicts with `private_key_path`.
    pub private_key: Option<Secret<PrivateKey>>,
    /// File that contains the private key. Conflicts with `private_key`.
    pub private_key_path: Option<String>,
    /// Passphrase of an encrypted private key.
    pub private_key_passphrase: Option<Secret<String>>,
    /// OpenSSH certificate for the private key or for a key in the agent.
    pub certificate: Option<UserCertificate>,
    /// Password. Default: the connection's.
    pub password: Option<Secret<String>>,
    /// Use the keys of the SSH agent. Default: as the connection does.
    pub agent: Option<bool>,
    /// Public key of the bastion, or of the CA that signed its certificate; or a fingerprint.
    pub host_key: Option<HostKeys>,
    /// File of known host keys. Default: the connection's, otherwise `~/.ssh/known_hosts` and
    /// `/etc/ssh/ssh_known_hosts`.
    pub known_hosts_path: Option<String>,
    /// Accept any host key of the bastion. Never inherited from the connection.
    pub trust_any_host_key: Option<bool>,
}

/// Name or address of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for HostName {
    const NOUN: &'static str = "host";

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = |hint: &str| Err(format!("`{}` is not a host name or an IP address. {hint}", text.escape_debug()));
        if text.parse::<std::net::IpAddr>().is_ok() {
            return Ok(Self(text.to_owned()));
        }
        if text.contains("://") {
            return wrong("Leave out the scheme.");
        }
        if text.contains('@') {
            return wrong("Set the user in `user`.");
        }
        if text.contains('/') {
            return wrong("It is an address or a name, without a prefix length or a path.");
        }
        if text.contains(':') {
            return wrong("Set the port in `port`.");
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let digits_alone = text.chars().all(|c| c.is_ascii_digit() || c == '.');
        if text.is_empty() || text.len() > 253 || !text.chars().all(allowed) || text.starts_with('-') || digits_alone {
            return wrong("Write it like `node-1.example.com` or `10.80.0.10`.");
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> &str {
        &self.0
    }

    fn same(one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
    }
}

/// A user of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName(String);

impl Text for UserName {
    const NOUN: &'static str = "user";

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(format!("`{}` is not a user's name: it is empty or has spaces.", text.escape_debug()));
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// A private key in a text format. It cannot be decrypted here; that needs its passphrase.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(String);

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[private key]")
    }
}

impl Text for PrivateKey {
    const NOUN: &'static str = "private key";

    /// The text is never quoted.
    fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let wrong = |why: &str| Err(format!("The value is not a private key in OpenSSH or PEM format: {why}"));
        if trimmed.starts_with("PuTTY-User-Key-File-") {
            return Ok(Self(text.to_owned()));
        }
        if trimmed.starts_with("ssh-") || trimmed.starts_with("ecdsa-") {
            return wrong("it is a public key. Use the file without `.pub`.");
        }
        let Some(first) = trimmed.lines().next() else { return wrong("it is empty.") };
        if !(first.starts_with("-----BEGIN ") && first.trim_end().ends_with("PRIVATE KEY-----")) {
            let is_path = trimmed.lines().count() == 1 && trimmed.len() < 256;
            return wrong(if is_path {
                "it has one line. If it is the path of a file, set `private_key_path`."
            } else {
                "it does not begin with `-----BEGIN … PRIVATE KEY-----`."
            });
        }
        if !trimmed.lines().last().unwrap_or_default().trim().starts_with("-----END ") {
            return wrong("it has no `-----END … PRIVATE KEY-----`, so its end is missing.");
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> &str {
        &self.0
    }

    fn same(one: &str, other: &str) -> bool {
        one.trim() == other.trim()
    }
}

/// A user's OpenSSH certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCertificate(String);

impl Text for UserCertificate {
    const NOUN: &'static str = "certificate";

    fn parse(text: &str) -> Result<Self, String> {
        Login::check_certificate(text).map_err(|why| {
            format!("The value cannot be used: {why}. It is the content of a file such as `id_ed25519-cert.pub`.")
        })?;
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> &str {
        &self.0
    }

    fn same(one: &str, other: &str) -> bool {
        one.trim() == other.trim()
    }
}

/// Public keys of a host, or fingerprints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKeys {
    text: String,
    keys: Vec<HostKey>,
}

impl HostKeys {
    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[HostKey] {
        &self.keys
    }
}

impl Text for HostKeys {
    const NOUN: &'static str = "host key";

    fn parse(text: &str) -> Result<Self, String> {
        let keys = HostKey::parse(text).map_err(|why| format!("The value cannot be used: {why}."))?;
        Ok(Self { text: text.to_owned(), keys })
    }

    fn text(&self) -> &str {
        &self.text
    }

    /// Comments and spaces mean nothing.
    fn same(one: &str, other: &str) -> bool {
        match (HostKey::parse(one), HostKey::parse(other)) {
            (Ok(one), Ok(other)) => one == other,
            _ => one == other,
        }
    }
}

text_field!(HostName, UserName, PrivateKey, UserCertificate, HostKeys);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for text in ["node-1", "node_1.example.com", "10.80.0.10", "fd00::1", "1password"] {
            assert!(HostName::parse(text).is_ok(), "{text}");
        }
        for (text, hint) in [
            ("", "Write it like"),
            ("10.80.0.300", "Write it like"),
            ("10.80.0.10:22", "Set the port in `port`"),
            ("ubuntu@node-1", "Set the user in `user`"),
            ("ssh://node-1", "Leave out the scheme"),
            ("10.80.0.10/32", "without a prefix length"),
            ("node 1", "Write it like"),
            ("-oProxyCommand=x", "Write it like"),
        ] {
            let why = HostName::parse(text).expect_err(text);
            assert!(why.contains(hint), "{why}");
        }
    }

    #[test]
    fn a_refused_private_key_is_never_quoted() {
        for (text, hint) in [
            ("", "it is empty"),
            ("ssh-ed25519 AAAAsecret", "public key"),
            ("~/.ssh/secret", "set `private_key_path`"),
            ("-----BEGIN CERTIFICATE-----\nsecret\n-----END CERTIFICATE-----", "does not begin with"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n", "its end is missing"),
        ] {
            let why = PrivateKey::parse(text).expect_err(text);
            assert!(why.contains(hint) && !why.contains("secret"), "{why}");
        }
        let key = "\n-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
        assert!(PrivateKey::parse(key).is_ok());
        assert!(PrivateKey::same(key, key.trim()));
    }

    #[test]
    fn host_keys_are_compared_by_key() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMxWZqliIK8kHDJTu9DFX8jh32eFBKNsRP3jsA+fPk2h";
        for same in [format!("{key} root@node-1"), format!("node-1 {key}\n"), format!("# node-1\n{key}")] {
            assert!(HostKeys::same(key, &same), "{same}");
        }
        // Printed by `ssh-keygen -l`.
        let fingerprint = "SHA256:anua/ON9ud31OmAQG2SgyqT57aJPdAku6i8VRRORSVU";
        assert_eq!(HostKeys::parse(fingerprint).map(|keys| keys.keys().len()), Ok(1));
        for (text, hint) in [
            ("", "contains no key"),
            ("SHA256:short", "43 characters"),
            ("ssh-ed25519", "is not a public key"),
            ("ssh-ed25519 AAAA", "is not a public key"),
            ("MD5:00:11", "is not a public key"),
        ] {
            let why = HostKeys::parse(text).expect_err(text);
            assert!(why.contains(hint), "{why}");
        }
    }
}
