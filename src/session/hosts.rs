//! Connections to hosts: the attributes `ssh`, completed from the provider's `ssh`, and `run_command` of a type.

use std::path::PathBuf;

use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Maybe, Secret, Text};
use framework::path::Path;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::Clients;
use super::config::{Config, Ssh};
use super::explain::{Need, explain_host, unknown_configuration};
use super::host_access::{HostAccess, remote};
use crate::attributes::connection::{Bastion, Connection, HostKeys, PrivateKey, UserCertificate, UserName};
use crate::host::Host;
use crate::host::run_command::ManagedHost;
use crate::host::ssh::{self, Login, Trust};

/// Summary of every error before a host is reached.
const SUMMARY: &str = "Could not log in to the host";
/// Files of known host keys, as OpenSSH reads them.
const KNOWN_HOSTS: [&str; 2] = ["~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"];

impl Clients {
    /// Connects to a host and logs in. The connection is closed when the result is dropped. Everything on it ends when
    /// Terraform asks to stop.
    ///
    /// # Errors
    /// The connection is incomplete, the provider's configuration is unknown, or the host does not let us in.
    pub async fn host(&self, access: HostAccess<'_>) -> Result<Box<dyn Host>> {
        self.try_host(access).await?.map_err(|error| {
            let summary = if access.is_stored() { "Could not reach the host" } else { SUMMARY };
            explain_host(summary, &error, None)
        })
    }

    /// The same, with the error of the client, for callers for whom an absent host is no failure.
    ///
    /// # Errors
    /// The outer one: the connection is incomplete, or the provider's configuration is unknown. The inner one: the host
    /// does not let us in.
    pub async fn try_host(&self, access: HostAccess<'_>) -> Result<crate::host::Result<Box<dyn Host>>> {
        match access {
            HostAccess::Ssh(connection) => {
                let settings = self.host_settings(connection).await?;
                let opened = self.shared.hosts.connect(&settings, &self.cancel).await;
                Ok(opened.map(|host| Box::new(host) as Box<dyn Host>))
            }
            HostAccess::RunCommand { instance, region } => {
                // Cancelling a command is itself a call, after Terraform asked to stop.
                let ssm = self.aws()?.with_cancel(CancellationToken::new()).ssm(region);
                let opened = ManagedHost::connect(instance, remote(instance, ssm), self.cancel.clone()).await;
                Ok(opened.map(|host| Box::new(host) as Box<dyn Host>))
            }
        }
    }

    pub(super) async fn host_settings(&self, connection: &Connection) -> Result<ssh::Connection> {
        let Maybe::Known(defaults) = &self.shared.ssh else {
            return Err(unknown_configuration(Config::NAMES.ssh, Need::Host));
        };
        complete(connection, defaults.as_ref()).await
    }

    /// Faults of a connection that show before anything is connected: no user, no credentials. For plans; nothing is
    /// read.
    ///
    /// # Errors
    /// The faults.
    pub fn check_connection(&self, connection: &Connection) -> Result<()> {
        match &self.shared.ssh {
            Maybe::Known(defaults) => layers(connection, defaults.as_ref()).0.check(),
            Maybe::Unknown => Ok(()),
        }
    }
}

/// The arguments that connections, bastions and defaults have in common.
#[derive(Clone, Default)]
struct Layer<'a> {
    user: Option<&'a UserName>,
    key: Option<Key<'a>>,
    passphrase: Option<&'a Secret<String>>,
    certificate: Option<&'a UserCertificate>,
    password: Option<&'a Secret<String>>,
    agent: Option<bool>,
    trust: Option<Known<'a>>,
}

#[derive(Clone, Copy)]
enum Key<'a> {
    Text(&'a Secret<PrivateKey>),
    Path(&'a str),
}

#[derive(Clone, Copy)]
enum Known<'a> {
    Keys(&'a HostKeys),
    File(&'a str),
    Any,
}

/// Reads the fields that the three models have under the same names.
macro_rules! layer {
    ($model:expr) => {
        Layer {
            user: $model.user.as_ref(),
            key: match (&$model.private_key, &$model.private_key_path) {
                (Some(key), _) => Some(Key::Text(key)),
                (None, Some(path)) => Some(Key::Path(path)),
                (None, None) => None,
            },
            passphrase: $model.private_key_passphrase.as_ref(),
            certificate: $model.certificate.as_ref(),
            password: $model.password.as_ref(),
            agent: $model.agent,
            trust: match (&$model.known_hosts_path, $model.trust_any_host_key) {
                (Some(path), _) => Some(Known::File(path)),
                (None, Some(true)) => Some(Known::Any),
                (None, _) => None,
            },
        }
    };
}

impl<'a> From<&'a Connection> for Layer<'a> {
    fn from(connection: &'a Connection) -> Self {
        let layer: Layer<'a> = layer!(connection);
        Layer { trust: connection.host_key.as_ref().map(Known::Keys).or(layer.trust), ..layer }
    }
}

impl<'a> From<&'a Bastion> for Layer<'a> {
    fn from(bastion: &'a Bastion) -> Self {
        let layer: Layer<'a> = layer!(bastion);
        Layer { trust: bastion.host_key.as_ref().map(Known::Keys).or(layer.trust), ..layer }
    }
}

impl<'a> From<&'a Ssh> for Layer<'a> {
    fn from(ssh: &'a Ssh) -> Self {
        layer!(ssh)
    }
}

impl<'a> Layer<'a> {
    /// This layer, completed from the one beneath. A key hides the key beneath together with what belongs to that.
    fn over(self, beneath: &Layer<'a>) -> Self {
        let beneath = beneath.clone();
        let (passphrase, certificate) = if self.key.is_some() {
            (self.passphrase, self.certificate)
        } else {
            (self.passphrase.or(beneath.passphrase), self.certificate.or(beneath.certificate))
        };
        Self {
            user: self.user.or(beneath.user),
            key: self.key.or(beneath.key),
            passphrase,
            certificate,
            password: self.password.or(beneath.password),
            agent: self.agent.or(beneath.agent),
            trust: self.trust.or(beneath.trust),
        }
    }

    fn check(&self) -> Result<()> {
        if self.user.is_none() {
            let cause = "Neither `ssh.user` here nor that of the provider is set.";
            return Err(Diagnostic::error(SUMMARY, cause)
                .remedy("Set the user who logs in to the host.")
                .at(Path::attribute("ssh"))
                .into());
        }
        if self.key.is_none() && self.password.is_none() && self.agent != Some(true) {
            let cause = "Neither `ssh` here nor that of the provider has credentials.";
            return Err(Diagnostic::error(SUMMARY, cause)
                .remedy("Set `private_key`, `private_key_path`, `password` or `agent` in one of them.")
                .at(Path::attribute("ssh"))
                .into());
        }
        Ok(())
    }

    async fn login(&self, at: &Path) -> Result<Login> {
        let fault = |name: &str, problem: String| -> framework::diagnostic::Diagnostics {
            let cause = format!("`{name}` cannot be used: {problem}.");
            Diagnostic::error(SUMMARY, cause).at(at.dot(name)).into()
        };
        let mut login = Login::default();
        if self.agent == Some(true) {
            login = login.agent();
        }
        if let Some(key) = self.key {
            let (name, text) = match key {
                Key::Text(key) => ("private_key", SecretString::from(key.expose().text())),
                Key::Path(path) => {
                    let file = expand(path);
                    let text = tokio::fs::read_to_string(&file).await.map_err(|error| {
                        fault("private_key_path", format!("cannot read `{}`: {error}", file.display()))
                    })?;
                    // What the file holds must not be seen either.
                    ("private_key_path", SecretString::from(Secret::new(text).expose().as_str()))
                }
            };
            let passphrase = self.passphrase.map(secret);
            login = login.key(&text, passphrase.as_ref()).map_err(|problem| fault(name, problem))?;
        }
        if let Some(certificate) = self.certificate {
            login = login.certificate(certificate.text()).map_err(|problem| fault("certificate", problem))?;
        }
        if let Some(password) = self.password {
            login = login.password(secret(password));
        }
        Ok(login)
    }

    fn trusted(&self) -> Trust {
        match self.trust {
            Some(Known::Keys(keys)) => Trust::Keys(keys.keys().to_vec()),
            Some(Known::File(path)) => Trust::KnownHosts(vec![expand(path)]),
            Some(Known::Any) => Trust::Any,
            None => Trust::KnownHosts(KNOWN_HOSTS.into_iter().map(expand).collect()),
        }
    }
}

/// The connection's arguments over the provider's, and the bastion's over both.
fn layers<'a>(connection: &'a Connection, defaults: Option<&'a Ssh>) -> (Layer<'a>, Option<(&'a Bastion, Layer<'a>)>) {
    let beneath = defaults.map(Layer::from).unwrap_or_default();
    let own = Layer::from(connection).over(&beneath);
    let bastion = connection.bastion.as_ref().or_else(|| defaults.and_then(|defaults| defaults.bastion.as_ref()));
    let bastion = bastion.map(|bastion| {
        // Keys are the host's, and to trust any is a choice for each.
        let trust = own.trust.filter(|trust| matches!(trust, Known::File(_)));
        (bastion, Layer::from(bastion).over(&Layer { trust, ..own.clone() }))
    });
    (own, bastion)
}

async fn complete(connection: &Connection, defaults: Option<&Ssh>) -> Result<ssh::Connection> {
    let (own, bastion) = layers(connection, defaults);
    own.check()?;
    let at = Path::attribute("ssh");
    let timeout = connection.connect_timeout.as_ref().or_else(|| defaults.and_then(|ssh| ssh.connect_timeout.as_ref()));
    let open = async |host: &str, port: Option<i64>, layer: &Layer<'_>, at: &Path| {
        let user = layer.user.map_or("", Text::text);
        let mut settings = ssh::Connection::new(host, user, layer.login(at).await?, layer.trusted());
        settings.port = port.and_then(|port| u16::try_from(port).ok()).unwrap_or(settings.port);
        settings.connect_timeout = timeout.map_or(settings.connect_timeout, framework::model::Span::duration);
        Result::Ok(settings)
    };
    let port = connection.port.or_else(|| defaults.and_then(|ssh| ssh.port)).map(framework::model::Bounded::get);
    let mut settings = open(connection.host.as_str(), port, &own, &at).await?;
    if let Some((bastion, layer)) = bastion {
        let port = bastion.port.map(framework::model::Bounded::get);
        let through = open(bastion.host.as_str(), port, &layer, &at.dot("bastion")).await?;
        settings.bastion = Some(Box::new(through));
    }
    Ok(settings)
}

fn secret(secret: &Secret<String>) -> SecretString {
    SecretString::from(secret.expose().as_str())
}

/// A path with `~/` in its usual meaning.
fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use framework::model::Bounded;

    use super::*;
    use crate::attributes::connection::HostName;

    const HOST_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMxWZqliIK8kHDJTu9DFX8jh32eFBKNsRP3jsA+fPk2h";

    fn connection() -> Connection {
        Connection {
            host: HostName::parse("node-1").expect("a host"),
            port: None,
            user: None,
            private_key: None,
            private_key_path: None,
            private_key_passphrase: None,
            certificate: None,
            password: None,
            agent: None,
            host_key: None,
            known_hosts_path: None,
            trust_any_host_key: None,
            connect_timeout: None,
            bastion: None,
        }
    }

    fn bastion() -> Bastion {
        Bastion {
            host: HostName::parse("bastion").expect("a host"),
            port: None,
            user: None,
            private_key: None,
            private_key_path: None,
            private_key_passphrase: None,
            certificate: None,
            password: None,
            agent: None,
            host_key: None,
            known_hosts_path: None,
            trust_any_host_key: None,
        }
    }

    fn defaults() -> Ssh {
        Ssh {
            user: UserName::parse("ubuntu").ok(),
            port: None,
            private_key: None,
            private_key_path: None,
            private_key_passphrase: None,
            certificate: None,
            password: Some(Secret::new("provider's".to_owned())),
            agent: None,
            known_hosts_path: None,
            trust_any_host_key: None,
            connect_timeout: None,
            bastion: None,
        }
    }

    fn files(trust: &Trust) -> Vec<String> {
        match trust {
            Trust::KnownHosts(files) => files.iter().map(|file| file.display().to_string()).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_is_not_set_comes_from_the_provider() {
        let mut ssh = defaults();
        ssh.port = Bounded::new(2222);
        ssh.bastion = Some(bastion());
        let settings = complete(&connection(), Some(&ssh)).await.expect("it is complete");
        assert_eq!(settings.place().to_string(), "ubuntu@node-1:2222 through ubuntu@bastion:22");
        let known = files(&settings.trust);
        assert!(known[0].ends_with("/.ssh/known_hosts") && !known[0].starts_with('~'), "{known:?}");
        assert_eq!(known[1], "/etc/ssh/ssh_known_hosts");

        let own = Connection {
            port: Bounded::new(22),
            user: UserName::parse("root").ok(),
            bastion: Some(Bastion { user: UserName::parse("jump").ok(), ..bastion() }),
            ..connection()
        };
        let settings = complete(&own, Some(&ssh)).await.expect("it is complete");
        assert_eq!(settings.place().to_string(), "root@node-1:22 through jump@bastion:22");
    }

    #[tokio::test]
    async fn a_bastion_inherits_files_of_known_hosts_but_never_trust() {
        let bastion_of = async |connection: Connection| {
            let settings = complete(&connection, Some(&defaults())).await.expect("it is complete");
            settings.bastion.expect("it has one").trust
        };
        let with = |change: fn(&mut Connection)| {
            let mut connection = Connection { bastion: Some(bastion()), ..connection() };
            change(&mut connection);
            connection
        };
        let file = bastion_of(with(|connection| connection.known_hosts_path = Some("/known".to_owned()))).await;
        assert_eq!(files(&file), ["/known"]);
        let changes: [fn(&mut Connection); 2] = [
            |connection| connection.trust_any_host_key = Some(true),
            |connection| connection.host_key = Some(HostKeys::parse(HOST_KEY).expect("a key")),
        ];
        for change in changes {
            assert_eq!(files(&bastion_of(with(change)).await).len(), 2, "the usual files");
        }
    }

    #[tokio::test]
    async fn a_key_hides_the_certificate_of_another() {
        let mut ssh = defaults();
        ssh.private_key_path = Some("/provider".to_owned());
        ssh.private_key_passphrase = Some(Secret::new("provider's phrase".to_owned()));
        let own = Connection { private_key_path: Some("/own".to_owned()), ..connection() };
        let (layer, _) = layers(&own, Some(&ssh));
        assert!(matches!(layer.key, Some(Key::Path("/own"))) && layer.passphrase.is_none());
        let (layer, _) = layers(&own, None);
        assert!(layer.password.is_none());
        let missing = complete(&own, Some(&ssh)).await.expect_err("there is no such file");
        let fault = &missing.0[0];
        assert_eq!(fault.at, Path::attribute("ssh").dot("private_key_path"));
        assert!(fault.cause.contains("cannot read `/own`"), "{}", fault.cause);
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let nobody = complete(&connection(), None).await.expect_err("no user");
        assert!(nobody.0[0].cause.contains("`ssh.user`"), "{nobody:?}");
        let mut ssh = defaults();
        ssh.password = None;
        let nothing = complete(&connection(), Some(&ssh)).await.expect_err("no credentials");
        assert!(nothing.0[0].cause.contains("credentials"), "{nothing:?}");
    }
}
