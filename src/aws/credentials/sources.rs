//! Credential sources that the SDK can read: profiles, the container endpoint, the EC2 metadata service.

use std::error::Error as _;
use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;

use super::Keyring;
use crate::aws::classify::shown;
use crate::aws::error::{Error, Tried};
use crate::aws::resolve::{Profile, variable};
use crate::aws::settings::AssumeRole;
use crate::net::causes::texts;

/// The metadata service responds at once or does not exist.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// The SDK's sources, in the order they are tried.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    Profile,
    Container,
    Metadata,
}

/// Why a source provided no credentials.
pub(super) enum Refusal {
    /// Not configured: the next source is tried.
    Absent(Tried),
    /// Configured, but provided nothing.
    Broken(Tried),
    /// Configured, and a call it needs failed.
    Failed(Error),
}

type Asked = std::result::Result<Credentials, Refusal>;

impl Keyring {
    /// Queries one source.
    pub(super) async fn ask(&self, source: Source) -> Asked {
        match source {
            Source::Profile => self.profile_credentials().await,
            Source::Container => self.container_credentials().await,
            Source::Metadata => self.metadata_credentials().await,
        }
    }

    /// The profile's own credentials, then those of the roles that it and its source profiles name.
    ///
    /// The SDK could assume those roles too, but not at the STS address from `endpoints`, and its errors do not name
    /// the missing permission.
    async fn profile_credentials(&self) -> Asked {
        let profile = &self.profile;
        let from = format!("profile `{}` in {}", profile.name, profile.places());
        let absent = |why: &str| Err(Refusal::Absent(Tried { from: from.clone(), why: why.to_owned() }));
        let Some(files) = profile.present() else { return absent("no such file") };
        if !profile.exists() {
            return absent("no such profile");
        }
        let Chain { start, roles } = chain_of(profile);
        let mut credentials = match start {
            Start::Keys(keys) => keys,
            Start::Profile(name) => {
                if profile.section(&name)("login_session").is_some() {
                    return Err(Refusal::Broken(Tried { from, why: signed_in(&name) }));
                }
                let provider = ProfileFileCredentialsProvider::builder()
                    .configure(&self.sources)
                    .profile_files(files)
                    .profile_name(name)
                    .build();
                provider.provide_credentials().await.map_err(|error| {
                    // The SDK also reports a profile as "not loaded" if it names a source profile that does not
                    // exist. Only a profile without any credential settings lets other sources be tried.
                    let silent = matches!(error, CredentialsError::CredentialsNotLoaded(_)) && error.source().is_none();
                    if silent && roles.is_empty() {
                        let why = "it holds no credentials".to_owned();
                        Refusal::Absent(Tried { from: from.clone(), why })
                    } else {
                        Refusal::Broken(Tried { from: from.clone(), why: reason(&error) })
                    }
                })?
            }
        };
        for role in roles.iter().rev() {
            credentials = self.assume(role, credentials).await.map_err(Refusal::Failed)?;
        }
        Ok(credentials)
    }

    async fn container_credentials(&self) -> Asked {
        let from = "container endpoint".to_owned();
        let names = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
        if variable(&self.env, &names).is_none() {
            let why = format!("neither `{}` nor `{}` is set", names[0], names[1]);
            return Err(Refusal::Absent(Tried { from, why }));
        }
        let provider = EcsCredentialsProvider::builder().configure(&self.sources).build();
        provider.provide_credentials().await.map_err(|error| refused(from, &error))
    }

    async fn metadata_credentials(&self) -> Asked {
        let from = "EC2 metadata service".to_owned();
        if self.metadata.disabled {
            return Err(Refusal::Absent(Tried { from, why: "it is disabled".to_owned() }));
        }
        let mut client = imds::Client::builder()
            .configure(&self.sources)
            .max_attempts(2)
            .connect_timeout(METADATA_TIMEOUT)
            .read_timeout(METADATA_TIMEOUT);
        if let Some(endpoint) = &self.metadata.endpoint {
            client = client.endpoint(endpoint).map_err(|error| {
                Refusal::Failed(Error::configuration("AWS_EC2_METADATA_SERVICE_ENDPOINT", error.to_string()))
            })?;
        }
        let provider = imds::credentials::ImdsCredentialsProvider::builder()
            .configure(&self.sources)
            .imds_client(client.build())
            .build();
        provider.provide_credentials().await.map_err(|error| refused(from, &error))
    }
}

/// A profile written by `aws login`: its session is in a cache that only AWS's own tools read.
fn signed_in(profile: &str) -> String {
    format!(
        "profile `{profile}` was created by `aws login`, whose sessions this provider does not read. Use a profile with `credential_process = aws configure export-credentials --profile {profile} --format process`, or run `eval \"$(aws configure export-credentials --profile {profile} --format env)\"` before Terraform"
    )
}

fn refused(from: String, error: &CredentialsError) -> Refusal {
    let one = Tried { from, why: reason(error) };
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) { Refusal::Absent(one) } else { Refusal::Broken(one) }
}

/// Why a source provided nothing, without the SDK's outer layers, which add no information.
fn reason(error: &CredentialsError) -> String {
    let texts = texts(error);
    let inner = if texts.len() > 1 { &texts[1..] } else { &texts[..] };
    shown(&inner.join(": "))
}

/// The parts of a profile's credentials.
struct Chain {
    start: Start,
    /// The roles; the last one to assume comes first.
    roles: Vec<AssumeRole>,
}

enum Start {
    /// Keys in the last source profile.
    Keys(Credentials),
    /// A profile for the SDK to read.
    Profile(String),
}

/// Follows `source_profile` from role to role. Everything it does not handle is left to the SDK unchanged: cycles,
/// missing profiles, `credential_source`, MFA devices.
fn chain_of(profile: &Profile) -> Chain {
    let whole = || Chain { start: Start::Profile(profile.name.clone()), roles: Vec::new() };
    let mut name = profile.name.clone();
    let mut passed = Vec::new();
    let mut roles = Vec::new();
    loop {
        let value = profile.section(&name);
        let (Some(role_arn), Some(source)) = (value("role_arn"), value("source_profile")) else {
            return Chain { start: Start::Profile(name), roles };
        };
        if value("mfa_serial").is_some() || passed.contains(&source) || !profile.has(&source) {
            return whole();
        }
        roles.push(AssumeRole {
            role_arn,
            session_name: value("role_session_name"),
            external_id: value("external_id"),
            duration: value("duration_seconds").and_then(|text| text.parse().ok()).map(Duration::from_secs),
            ..AssumeRole::default()
        });
        // As in the SDK: the chain starts at a source that has keys, even if it names a role too.
        let next = profile.section(&source);
        if let (Some(access), Some(secret)) = (next("aws_access_key_id"), next("aws_secret_access_key")) {
            let keys = Credentials::new(access, secret, next("aws_session_token"), None, "profile");
            return Chain { start: Start::Keys(keys), roles };
        }
        passed.push(std::mem::replace(&mut name, source));
    }
}
