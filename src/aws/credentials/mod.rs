//! Where credentials come from, in which order, and what to report if none are found.
//!
//! The order is that of `hashicorp/aws` and the Go SDK it uses: the provider's keys; the provider's web identity; the
//! profile that the provider names; keys in the environment; web identity in the environment; the profile from the
//! environment or `default`; the container endpoint; the EC2 metadata service. Then the roles of the chain.

mod roles;
mod sources;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_types::SdkConfig;
use aws_types::os_shim_internal::Env;
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use super::error::{Error, Kind, Result, Tried};
use super::resolve::{Profile, variable};
use super::settings::{AssumeRoleWithWebIdentity, Settings};
use sources::{Refusal, Source};

/// Temporary credentials are renewed when less than this remains.
const MARGIN: Duration = Duration::from_mins(2);
/// How long a failure is cached: a plan of 500 resources without credentials must not query an unresponsive metadata
/// service 500 times.
const REMEMBER_FAILURE: Duration = Duration::from_secs(10);
/// Obtains credentials when they are first needed, and renews them in time.
#[derive(Debug)]
pub(super) struct Keyring {
    settings: Arc<Settings>,
    env: Env,
    profile: Profile,
    /// For the SDK's credential sources.
    sources: ProviderConfig,
    /// For STS: everything except credentials.
    sts: SdkConfig,
    metadata: Metadata,
    held: Mutex<Held>,
}

/// How to reach the EC2 metadata service.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub(super) disabled: bool,
    pub(super) endpoint: Option<String>,
}

#[derive(Default)]
struct Held {
    credentials: Option<Credentials>,
    failure: Option<(Instant, Error)>,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

impl Keyring {
    pub(super) fn new(
        settings: Arc<Settings>,
        env: Env,
        profile: Profile,
        sources: ProviderConfig,
        sts: SdkConfig,
        metadata: Metadata,
    ) -> Self {
        Self { settings, env, profile, sources, sts, metadata, held: Mutex::default() }
    }

    /// Credentials valid for at least the next two minutes.
    pub(super) async fn credentials(&self) -> Result<Credentials> {
        let mut held = self.held.lock().await;
        let left = held.credentials.as_ref().map(time_left);
        if let (Some(credentials), Some(left)) = (&held.credentials, left)
            && left > MARGIN
        {
            return Ok(credentials.clone());
        }
        if let Some((when, error)) = &held.failure
            && when.elapsed() < REMEMBER_FAILURE
        {
            return Err(error.clone());
        }
        match self.load().await {
            Ok(credentials) => {
                *held = Held { credentials: Some(credentials.clone()), failure: None };
                Ok(credentials)
            }
            // Renewal failed, but the current credentials are still valid.
            Err(_) if left.is_some_and(|left| !left.is_zero()) => {
                held.credentials.clone().ok_or_else(|| Error::new(Kind::ExpiredCredentials))
            }
            Err(error) => {
                held.failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn load(&self) -> Result<Credentials> {
        let mut credentials = self.first().await?;
        for role in &self.settings.assume_role {
            credentials = self.assume(role, credentials).await?;
        }
        Ok(credentials)
    }

    /// The initial credentials of the role chain.
    async fn first(&self) -> Result<Credentials> {
        if let Some(keys) = self.given_keys()? {
            return Ok(keys);
        }
        if let Some(identity) = &self.settings.assume_role_with_web_identity {
            return self.web_identity(identity).await;
        }
        if self.profile.named && !self.profile.exists() {
            let argument = if self.settings.profile.is_some() { "profile" } else { "AWS_PROFILE" };
            let problem = format!("there is no profile `{}` in {}", self.profile.name, self.profile.places());
            return Err(Error::configuration(argument, problem));
        }
        let mut tried = Vec::new();
        let profile_first = self.settings.profile.is_some();
        if !profile_first {
            match environment_keys(&self.env) {
                Ok(keys) => return Ok(keys),
                Err(why) => tried.push(Tried { from: "environment".to_owned(), why }),
            }
            match environment_identity(&self.env) {
                Ok(identity) => return self.web_identity(&identity).await,
                Err(why) => tried.push(Tried { from: "web identity".to_owned(), why }),
            }
        }
        for source in [Source::Profile, Source::Container, Source::Metadata] {
            match self.ask(source).await {
                Ok(credentials) => return Ok(credentials),
                Err(Refusal::Absent(one)) => tried.push(one),
                // This source is configured, so later sources must not replace it.
                Err(Refusal::Broken(one)) => {
                    tried.push(one);
                    break;
                }
                Err(Refusal::Failed(error)) => return Err(error),
            }
        }
        Err(Error::new(Kind::NoCredentials { tried }))
    }

    fn given_keys(&self) -> Result<Option<Credentials>> {
        let Settings { access_key, secret_key, token, .. } = &*self.settings;
        match (access_key, secret_key) {
            (Some(access), Some(secret)) => Ok(Some(Credentials::new(
                access.expose_secret(),
                secret.expose_secret(),
                token.as_ref().map(|token| token.expose_secret().to_owned()),
                None,
                "provider",
            ))),
            (None, None) if token.is_none() => Ok(None),
            (None, _) => Err(Error::configuration("access_key", "it is missing beside `secret_key` or `token`")),
            (Some(_), None) => Err(Error::configuration("secret_key", "it is missing beside `access_key`")),
        }
    }
}

/// Provides the keyring to the SDK's clients.
#[derive(Debug, Clone)]
pub(super) struct FromKeyring(pub(super) Arc<Keyring>);

impl ProvideCredentials for FromKeyring {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.0.credentials().await.map_err(CredentialsError::provider_error) })
    }
}

fn environment_keys(env: &Env) -> std::result::Result<Credentials, String> {
    let access = variable(env, &["AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"]);
    let secret = variable(env, &["AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"]);
    match (access, secret) {
        (Some(access), Some(secret)) => {
            Ok(Credentials::new(access, secret, variable(env, &["AWS_SESSION_TOKEN"]), None, "environment"))
        }
        (None, _) => Err("`AWS_ACCESS_KEY_ID` is not set".to_owned()),
        (Some(_), None) => Err("`AWS_ACCESS_KEY_ID` is set, but `AWS_SECRET_ACCESS_KEY` is not".to_owned()),
    }
}

fn environment_identity(env: &Env) -> std::result::Result<AssumeRoleWithWebIdentity, String> {
    match variable(env, &["AWS_WEB_IDENTITY_TOKEN_FILE"]) {
        // The role and session name are looked up when the identity is used.
        Some(file) => Ok(AssumeRoleWithWebIdentity {
            web_identity_token_file: Some(file.into()),
            ..AssumeRoleWithWebIdentity::default()
        }),
        None => Err("`AWS_WEB_IDENTITY_TOKEN_FILE` is not set".to_owned()),
    }
}

fn time_left(credentials: &Credentials) -> Duration {
    credentials.expiry().map_or(Duration::MAX, |expiry| expiry.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests;
