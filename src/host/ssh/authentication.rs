//! Logging in: one method after the other, until the server is content.

use russh::MethodKind;
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Answer};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::{AgentClient, AgentStream};
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode as _;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{Algorithm, Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use secrecy::ExposeSecret;

use super::handler::Handler;
use super::settings::Connection;
use crate::host::error::Kind;

/// How many of an agent's keys are tried: servers allow six attempts (`MaxAuthTries`), and others may follow.
const AGENT_KEYS: usize = 4;

type Agent = AgentClient<Box<dyn AgentStream + Send + Unpin>>;

/// A login in progress.
struct Login<'a> {
    handle: &'a mut Handle<Handler>,
    user: &'a str,
    /// What was tried.
    tried: Vec<String>,
    /// What the server says it accepts; empty before the first answer.
    accepts: Vec<MethodKind>,
}

/// Logs in.
///
/// # Errors
/// [`Kind::Unauthorized`], [`Kind::Lost`].
pub(super) async fn log_in(handle: &mut Handle<Handler>, connection: &Connection) -> Result<(), Kind> {
    let settings = &connection.login;
    let mut login = Login { handle, user: &connection.user, tried: Vec::new(), accepts: Vec::new() };
    for certificate in &settings.certificates {
        let key = settings.keys.iter().find(|key| key.public_key().key_data() == certificate.public_key());
        let Some(key) = key else { continue };
        if login.certificate(certificate, &mut Local(key)).await? {
            return Ok(());
        }
    }
    for key in &settings.keys {
        let hash = login.hash(&key.algorithm()).await?;
        let result = if login.is_accepted(MethodKind::PublicKey) {
            login.tried.push(format!("`private_key` {}", print(key.public_key())));
            let key = PrivateKeyWithHashAlg::new(key.clone(), hash);
            login.handle.authenticate_publickey(login.user, key).await.map_err(lost)?
        } else {
            continue;
        };
        if login.is_done(result) {
            return Ok(());
        }
    }
    if settings.agent && login.is_accepted(MethodKind::PublicKey) && login.agent(&settings.certificates).await? {
        return Ok(());
    }
    if let Some(password) = &settings.password {
        if login.is_accepted(MethodKind::Password) {
            login.tried.push("`password`".to_owned());
            let result = login.handle.authenticate_password(login.user, password.expose_secret()).await;
            if login.is_done(result.map_err(lost)?) {
                return Ok(());
            }
        }
        if login.accepts.contains(&MethodKind::KeyboardInteractive)
            && login.keyboard_interactive(password.expose_secret()).await?
        {
            return Ok(());
        }
    }
    if login.tried.is_empty() {
        let result = login.handle.authenticate_none(login.user).await.map_err(lost)?;
        if login.is_done(result) {
            return Ok(());
        }
    }
    let accepts = login.accepts.iter().map(|method| <&str>::from(method).to_owned()).collect();
    Err(Kind::Unauthorized { tried: login.tried, accepts })
}

impl Login<'_> {
    /// Whether the server may accept a method.
    fn is_accepted(&self, method: MethodKind) -> bool {
        !self.handle.is_closed() && (self.accepts.is_empty() || self.accepts.contains(&method))
    }

    /// Whether the login is complete. After a partial success, the server names the methods that must follow.
    fn is_done(&mut self, result: AuthResult) -> bool {
        match result {
            AuthResult::Success => true,
            AuthResult::Failure { remaining_methods, .. } => {
                if !remaining_methods.is_empty() {
                    self.accepts = remaining_methods.to_vec();
                }
                false
            }
        }
    }

    /// How a key signs: RSA keys with SHA-2, as far as the server supports it; SHA-1 never.
    async fn hash(&self, algorithm: &Algorithm) -> Result<Option<HashAlg>, Kind> {
        if !matches!(algorithm, Algorithm::Rsa { .. }) {
            return Ok(None);
        }
        let supported = self.handle.best_supported_rsa_hash().await.map_err(lost)?;
        Ok(Some(supported.flatten().unwrap_or(HashAlg::Sha512)))
    }

    async fn certificate<S>(&mut self, certificate: &Certificate, signer: &mut S) -> Result<bool, Kind>
    where
        S: russh::Signer,
        S::Error: std::fmt::Display,
    {
        if !self.is_accepted(MethodKind::PublicKey) {
            return Ok(false);
        }
        let hash = self.hash(&certificate.algorithm()).await?;
        let certificate = certificate.clone();
        let name = format!(
            "`certificate` {:?} of key {}",
            certificate.key_id(),
            certificate.public_key().fingerprint(HashAlg::Sha256)
        );
        match self.handle.authenticate_certificate_with(self.user, certificate, hash, signer).await {
            Ok(result) => {
                self.tried.push(name);
                Ok(self.is_done(result))
            }
            Err(error) => {
                self.tried.push(format!("{name} ({error})"));
                Ok(false)
            }
        }
    }

    async fn agent(&mut self, certificates: &[Certificate]) -> Result<bool, Kind> {
        let (mut agent, identities) = match identities().await {
            Ok(found) => found,
            Err(problem) => {
                self.tried.push(format!("`agent` ({problem})"));
                return Ok(false);
            }
        };
        if identities.is_empty() {
            self.tried.push("`agent` (it holds no keys)".to_owned());
        }
        for certificate in certificates {
            let holds = |identity: &AgentIdentity| matches!(identity, AgentIdentity::PublicKey { key, .. } if key.key_data() == certificate.public_key());
            if identities.iter().any(holds) && self.certificate(certificate, &mut ByKey(&mut agent)).await? {
                return Ok(true);
            }
        }
        for identity in identities.into_iter().take(AGENT_KEYS) {
            if !self.is_accepted(MethodKind::PublicKey) {
                break;
            }
            let is_done = match identity {
                AgentIdentity::Certificate { certificate, .. } => self.certificate(&certificate, &mut agent).await?,
                AgentIdentity::PublicKey { key, .. } => {
                    let hash = self.hash(&key.algorithm()).await?;
                    let name = format!("`agent` {}", print(&key));
                    match self.handle.authenticate_publickey_with(self.user, key, hash, &mut agent).await {
                        Ok(result) => {
                            self.tried.push(name);
                            self.is_done(result)
                        }
                        Err(error) => {
                            self.tried.push(format!("{name} ({error})"));
                            false
                        }
                    }
                }
            };
            if is_done {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Answers the one question that must not be shown with the password, as PAM asks it.
    async fn keyboard_interactive(&mut self, password: &str) -> Result<bool, Kind> {
        self.tried.push("`password` (keyboard-interactive)".to_owned());
        let mut answer = self.handle.authenticate_keyboard_interactive_start(self.user, None).await.map_err(lost)?;
        // PAM repeats its question after a wrong answer; the password does not become right.
        let mut has_answered = false;
        loop {
            let responses = match &answer {
                Answer::Success => return Ok(true),
                Answer::Failure { remaining_methods, .. } => {
                    if !remaining_methods.is_empty() {
                        self.accepts = remaining_methods.to_vec();
                    }
                    return Ok(false);
                }
                Answer::InfoRequest { prompts, .. } => match prompts.as_slice() {
                    [] => Vec::new(),
                    [prompt] if !prompt.echo && !has_answered => {
                        has_answered = true;
                        vec![password.to_owned()]
                    }
                    _ => return Ok(false),
                },
            };
            answer = self.handle.authenticate_keyboard_interactive_respond(responses).await.map_err(lost)?;
        }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "it is a mapping")]
fn lost(error: russh::Error) -> Kind {
    Kind::Lost { cause: error.to_string() }
}

fn print(key: &PublicKey) -> String {
    format!("{} ({})", key.fingerprint(HashAlg::Sha256), key.algorithm())
}

#[cfg(unix)]
async fn connect() -> Result<Agent, String> {
    use russh::keys::Error;
    let agent = AgentClient::connect_env().await.map_err(|error| match error {
        Error::EnvVar(name) => format!("the environment variable `{name}` is not set"),
        error => error.to_string(),
    })?;
    Ok(agent.dynamic())
}

#[cfg(windows)]
async fn connect() -> Result<Agent, String> {
    let agent = AgentClient::connect_named_pipe(r"\\.\pipe\openssh-ssh-agent").await;
    Ok(agent.map_err(|error| error.to_string())?.dynamic())
}

async fn identities() -> Result<(Agent, Vec<AgentIdentity>), String> {
    let mut agent = connect().await?;
    let identities = agent.request_identities().await.map_err(|error| error.to_string())?;
    Ok((agent, identities))
}

/// Signs with a key in memory.
struct Local<'a>(&'a PrivateKey);

/// Signs for a certificate with the agent's key: the agent does not know the certificate.
struct ByKey<'a>(&'a mut Agent);

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotSigned(String);

impl From<russh::SendError> for NotSigned {
    fn from(_: russh::SendError) -> Self {
        Self("the connection broke".to_owned())
    }
}

impl russh::Signer for Local<'_> {
    type Error = NotSigned;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        mut data: Vec<u8>,
    ) -> Result<Vec<u8>, NotSigned> {
        let failed = |error: &dyn std::fmt::Display| NotSigned(error.to_string());
        let signature = match self.0.key_data() {
            KeypairData::Rsa(pair) => (pair, hash).try_sign(&data),
            _ => self.0.try_sign(&data),
        };
        let mut blob = Vec::new();
        signature.map_err(|error| failed(&error))?.encode(&mut blob).map_err(|error| failed(&error))?;
        blob.encode(&mut data).map_err(|error| failed(&error))?;
        Ok(data)
    }
}

impl russh::Signer for ByKey<'_> {
    type Error = NotSigned;

    async fn auth_sign(
        &mut self,
        identity: &AgentIdentity,
        hash: Option<HashAlg>,
        data: Vec<u8>,
    ) -> Result<Vec<u8>, NotSigned> {
        let identity = match identity {
            AgentIdentity::Certificate { certificate, .. } => {
                AgentIdentity::from(PublicKey::new(certificate.public_key().clone(), ""))
            }
            key @ AgentIdentity::PublicKey { .. } => key.clone(),
        };
        self.0.sign_request(&identity, hash, data).await.map_err(|error| NotSigned(error.to_string()))
    }
}
