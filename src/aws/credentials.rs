//! Where credentials come from, in which order, and what to say when none are found.
//!
//! The order is that of `hashicorp/aws` and of the Go SDK below it: the provider's keys; the provider's web identity;
//! the profile that the provider names; keys in the environment; web identity in the environment; the profile of the
//! environment or `default`; the container's endpoint; the EC2 metadata service. Then the roles of the chain.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::types::{PolicyDescriptorType, Tag};
use aws_types::SdkConfig;
use aws_types::os_shim_internal::Env;
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use super::call::send;
use super::classify::shown;
use super::error::{Error, Kind, Operation, Result, Tried, chain};
use super::resolve::{Profile, at_home, variable};
use super::settings::{AssumeRole, AssumeRoleWithWebIdentity, Settings};

const ASSUME_ROLE: Operation = Operation::new("sts", "AssumeRole");
const ASSUME_ROLE_WITH_WEB_IDENTITY: Operation = Operation::new("sts", "AssumeRoleWithWebIdentity");

/// Temporary credentials are renewed when less than this is left.
const MARGIN: Duration = Duration::from_mins(2);
/// A failure is told again for this long instead of being looked for again: a plan of 500 resources without
/// credentials must not ask a silent metadata service 500 times.
const REMEMBER_FAILURE: Duration = Duration::from_secs(10);
/// The metadata service answers at once or is not there.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// Finds credentials when they are first needed and renews them in time.
#[derive(Debug)]
pub(super) struct Keyring {
    settings: Arc<Settings>,
    env: Env,
    profile: Profile,
    /// For the sources of the SDK.
    sources: ProviderConfig,
    /// For STS: everything but credentials.
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

    /// Credentials that are good for the next two minutes at least.
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
            // Renewal failed, but what is there is still good.
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

    /// The credentials that the chain of roles starts with.
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
                Err((one, fatal)) => {
                    tried.push(one);
                    if fatal {
                        break;
                    }
                }
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

    /// Asks one of the SDK's sources. The flag says that the source is set up but failed, so that later sources
    /// must not stand in for it.
    async fn ask(&self, source: Source) -> std::result::Result<Credentials, (Tried, bool)> {
        let (from, answer) = match source {
            Source::Profile => {
                let from = format!("profile `{}` in {}", self.profile.name, self.profile.places());
                let Some(files) = self.profile.present() else {
                    return Err((Tried { from, why: "no such file".to_owned() }, false));
                };
                if !self.profile.exists() {
                    return Err((Tried { from, why: "no such profile".to_owned() }, false));
                }
                let provider = ProfileFileCredentialsProvider::builder()
                    .configure(&self.sources)
                    .profile_files(files)
                    .profile_name(&self.profile.name)
                    .build();
                (from, provider.provide_credentials().await)
            }
            Source::Container => {
                let from = "container endpoint".to_owned();
                let names = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
                if variable(&self.env, &names).is_none() {
                    let why = format!("neither `{}` nor `{}` is set", names[0], names[1]);
                    return Err((Tried { from, why }, false));
                }
                (from, EcsCredentialsProvider::builder().configure(&self.sources).build().provide_credentials().await)
            }
            Source::Metadata => {
                let from = "EC2 metadata service".to_owned();
                if self.metadata.disabled {
                    return Err((Tried { from, why: "it is disabled".to_owned() }, false));
                }
                let client = imds::Client::builder()
                    .configure(&self.sources)
                    .max_attempts(2)
                    .connect_timeout(METADATA_TIMEOUT)
                    .read_timeout(METADATA_TIMEOUT);
                let client = match &self.metadata.endpoint {
                    Some(endpoint) => match client.endpoint(endpoint) {
                        Ok(client) => client,
                        Err(error) => return Err((Tried { from, why: error.to_string() }, true)),
                    },
                    None => client,
                };
                let provider = imds::credentials::ImdsCredentialsProvider::builder()
                    .configure(&self.sources)
                    .imds_client(client.build())
                    .build();
                (from, provider.provide_credentials().await)
            }
        };
        answer.map_err(|error| {
            let not_loaded = matches!(error, CredentialsError::CredentialsNotLoaded(_));
            // The SDK calls a profile "not loaded" too when it names a source profile that does not exist. Only one
            // that says nothing about credentials leaves the field to others.
            let silent = not_loaded && error.source().is_none();
            let fatal = if matches!(source, Source::Profile) { !silent } else { !not_loaded };
            let why = if silent { "it holds no credentials".to_owned() } else { reason(&error) };
            (Tried { from, why }, fatal)
        })
    }

    async fn assume(&self, role: &AssumeRole, credentials: Credentials) -> Result<Credentials> {
        let config = aws_sdk_sts::config::Builder::from(&self.sts)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let region = region_of(&self.sts);
        let mut tags = Vec::with_capacity(role.tags.len());
        for (key, value) in &role.tags {
            let tag = Tag::builder().key(key).value(value).build();
            tags.push(tag.map_err(|error| Error::configuration("assume_role.tags", error.to_string()))?);
        }
        let request = aws_sdk_sts::Client::from_conf(config)
            .assume_role()
            .role_arn(&role.role_arn)
            .role_session_name(role.session_name.clone().unwrap_or_else(session_name))
            .set_external_id(role.external_id.clone())
            .set_duration_seconds(seconds(role.duration))
            .set_policy(role.policy.clone())
            .set_policy_arns(policies(&role.policy_arns))
            .set_tags((!tags.is_empty()).then_some(tags))
            .set_transitive_tag_keys((!role.transitive_tag_keys.is_empty()).then(|| role.transitive_tag_keys.clone()))
            .set_source_identity(role.source_identity.clone());
        let output = send(ASSUME_ROLE, &region, |probe| request.customize().interceptor(probe).send()).await?;
        held(output.credentials, "AssumeRole")
    }

    async fn web_identity(&self, identity: &AssumeRoleWithWebIdentity) -> Result<Credentials> {
        let role = identity.role_arn.clone().or_else(|| variable(&self.env, &["AWS_ROLE_ARN"])).ok_or_else(|| {
            Error::configuration(
                "assume_role_with_web_identity.role_arn",
                "it is not set, and neither is `AWS_ROLE_ARN`",
            )
        })?;
        let session = identity.session_name.clone().or_else(|| variable(&self.env, &["AWS_ROLE_SESSION_NAME"]));
        let token = self.token(identity).await?;
        let config = aws_sdk_sts::config::Builder::from(&self.sts).build();
        let region = region_of(&self.sts);
        let request = aws_sdk_sts::Client::from_conf(config)
            .assume_role_with_web_identity()
            .role_arn(role)
            .role_session_name(session.unwrap_or_else(session_name))
            .web_identity_token(token)
            .set_duration_seconds(seconds(identity.duration))
            .set_policy(identity.policy.clone())
            .set_policy_arns(policies(&identity.policy_arns));
        let output =
            send(ASSUME_ROLE_WITH_WEB_IDENTITY, &region, |probe| request.customize().interceptor(probe).send()).await?;
        held(output.credentials, "AssumeRoleWithWebIdentity")
    }

    /// The identity provider's token: the given one, or what its file holds now.
    async fn token(&self, identity: &AssumeRoleWithWebIdentity) -> Result<String> {
        if let Some(token) = &identity.web_identity_token {
            return Ok(token.expose_secret().to_owned());
        }
        let named = identity.web_identity_token_file.clone();
        let named = named.or_else(|| variable(&self.env, &["AWS_WEB_IDENTITY_TOKEN_FILE"]).map(Into::into));
        let file = named.ok_or_else(|| {
            Error::configuration(
                "assume_role_with_web_identity.web_identity_token_file",
                "it is not set, and neither is `web_identity_token` nor `AWS_WEB_IDENTITY_TOKEN_FILE`",
            )
        })?;
        let path = at_home(&file, &self.env);
        let text = tokio::fs::read_to_string(&path).await.map_err(|error| {
            Error::configuration("web_identity_token_file", format!("`{}`: {error}", path.display()))
        })?;
        Ok(text.trim().to_owned())
    }
}

/// Hands the keyring to the SDK's clients.
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

/// The SDK's sources, in the order in which they are asked.
#[derive(Debug, Clone, Copy)]
enum Source {
    Profile,
    Container,
    Metadata,
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
        // The role and the session's name are looked up where the identity is used.
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

/// Why a source gave nothing, without the SDK's outer layers, which say no more than that.
fn reason(error: &CredentialsError) -> String {
    let texts = chain(error);
    let inner = if texts.len() > 1 { &texts[1..] } else { &texts[..] };
    shown(&inner.join(": "))
}

fn held(credentials: Option<aws_sdk_sts::types::Credentials>, provider: &'static str) -> Result<Credentials> {
    let credentials = credentials.ok_or_else(|| Error::new(Kind::Other))?;
    let expiry = SystemTime::try_from(credentials.expiration).ok();
    Ok(Credentials::new(
        credentials.access_key_id,
        credentials.secret_access_key,
        Some(credentials.session_token),
        expiry,
        provider,
    ))
}

fn region_of(config: &SdkConfig) -> String {
    config.region().map(ToString::to_string).unwrap_or_default()
}

fn session_name() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("ekshybrid-{}", since.as_millis())
}

fn seconds(duration: Option<Duration>) -> Option<i32> {
    duration.map(|duration| i32::try_from(duration.as_secs()).unwrap_or(i32::MAX))
}

fn policies(arns: &[String]) -> Option<Vec<PolicyDescriptorType>> {
    let list: Vec<_> = arns.iter().map(|arn| PolicyDescriptorType::builder().arn(arn).build()).collect();
    (!list.is_empty()).then_some(list)
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
