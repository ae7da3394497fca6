//! Credentials of roles: assumed with other credentials, or with an identity provider's token.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::types::{PolicyDescriptorType, Tag};
use aws_types::SdkConfig;
use secrecy::ExposeSecret;

use super::Keyring;
use crate::aws::call::send;
use crate::aws::error::{Error, Kind, Operation, Result};
use crate::aws::resolve::{at_home, variable};
use crate::aws::settings::{AssumeRole, AssumeRoleWithWebIdentity};

pub(super) const ASSUME_ROLE: Operation = Operation::new("sts", "AssumeRole");
const ASSUME_ROLE_WITH_WEB_IDENTITY: Operation = Operation::new("sts", "AssumeRoleWithWebIdentity");

impl Keyring {
    pub(super) async fn assume(&self, role: &AssumeRole, credentials: Credentials) -> Result<Credentials> {
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

    pub(super) async fn web_identity(&self, identity: &AssumeRoleWithWebIdentity) -> Result<Credentials> {
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

    /// The identity provider's token: the given one, or the current content of its file.
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
