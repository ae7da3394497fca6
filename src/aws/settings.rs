//! The AWS settings of the provider, as plain known values.
//!
//! Names and meanings are those of the `hashicorp/aws` provider. Settings left out are looked up when the first call
//! needs them: in the environment, then in the profile (see `resolve`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// The AWS arguments of the provider. `None` and empty mean "not set".
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Region of every call that specifies none.
    pub region: Option<String>,
    /// Profile in the shared files. If set, it takes precedence over credentials in the environment.
    pub profile: Option<String>,
    /// Access key; requires `secret_key`.
    pub access_key: Option<SecretString>,
    /// Secret key; requires `access_key`.
    pub secret_key: Option<SecretString>,
    /// Session token of temporary credentials.
    pub token: Option<SecretString>,
    /// Shared configuration files, instead of `~/.aws/config`. A leading `~/` is the home directory.
    pub shared_config_files: Vec<PathBuf>,
    /// Shared credentials files, instead of `~/.aws/credentials`.
    pub shared_credentials_files: Vec<PathBuf>,
    /// Roles to assume one after the other, each with the credentials of the previous one.
    pub assume_role: Vec<AssumeRole>,
    /// Role to assume with an identity provider's token; its credentials are the first of the chain.
    pub assume_role_with_web_identity: Option<AssumeRoleWithWebIdentity>,
    /// The only accounts that may be used. Empty: any.
    pub allowed_account_ids: Vec<String>,
    /// Accounts that must not be used.
    pub forbidden_account_ids: Vec<String>,
    /// Endpoints to use instead of the default ones.
    pub endpoints: Endpoints,
    /// Maximum number of retries of a failed call. Default: [`Settings::DEFAULT_MAX_RETRIES`].
    pub max_retries: Option<u32>,
    /// How retries are paced. Default: [`RetryMode::Adaptive`].
    pub retry_mode: Option<RetryMode>,
    /// Proxy for `http` endpoints, and for `https` ones if no proxy is set for those.
    pub http_proxy: Option<String>,
    /// Proxy for `https` endpoints. An empty string means "none".
    pub https_proxy: Option<String>,
    /// Hosts to connect to without a proxy, separated by commas. Always includes loopback and link-local hosts.
    pub no_proxy: Option<String>,
    /// File of PEM certificates to trust in addition to those of the system.
    pub custom_ca_bundle: Option<PathBuf>,
    /// Use FIPS 140 validated endpoints.
    pub use_fips_endpoint: Option<bool>,
    /// Use dual-stack endpoints, which also support IPv6.
    pub use_dualstack_endpoint: Option<bool>,
    /// Products that the User-Agent header ends with, before those of `TF_APPEND_USER_AGENT`.
    pub user_agent: Vec<String>,
    /// Never query the EC2 metadata service for credentials.
    pub skip_metadata_api_check: Option<bool>,
    /// Endpoint of the EC2 metadata service.
    pub ec2_metadata_service_endpoint: Option<String>,
}

impl Settings {
    /// As in `hashicorp/aws`.
    pub const DEFAULT_MAX_RETRIES: u32 = 25;
}

/// How retries are paced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryMode {
    /// Exponential backoff with jitter.
    Standard,
    /// The same, and the whole client slows down while the service throttles.
    Adaptive,
}

impl RetryMode {
    /// Parses `standard` or `adaptive`, case-insensitively.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "standard" => Some(Self::Standard),
            "adaptive" => Some(Self::Adaptive),
            _ => None,
        }
    }
}

/// Endpoints (`http://…` or `https://…`) to use instead of the default ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Elastic Compute Cloud.
    pub ec2: Option<String>,
    /// Elastic Container Registry.
    pub ecr: Option<String>,
    /// Elastic Kubernetes Service.
    pub eks: Option<String>,
    /// Elastic Load Balancing.
    pub elbv2: Option<String>,
    /// Identity and Access Management.
    pub iam: Option<String>,
    /// Security Token Service.
    pub sts: Option<String>,
    /// Systems Manager.
    pub ssm: Option<String>,
}

/// One role of the chain, with the arguments of `sts:AssumeRole`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssumeRole {
    /// ARN of the role.
    pub role_arn: String,
    /// Name of the session. Default: `ekshybrid-` and the time in milliseconds.
    pub session_name: Option<String>,
    /// External id that the role's trust policy requires from third parties.
    pub external_id: Option<String>,
    /// Validity of the credentials, 15 minutes to 12 hours. Default: the role's, one hour.
    pub duration: Option<Duration>,
    /// JSON policy that further restricts the session.
    pub policy: Option<String>,
    /// ARNs of managed policies that further restrict the session.
    pub policy_arns: Vec<String>,
    /// Session tags.
    pub tags: BTreeMap<String, String>,
    /// Keys of the session tags that are passed to the next role of the chain.
    pub transitive_tag_keys: Vec<String>,
    /// Source identity of the session.
    pub source_identity: Option<String>,
}

/// One role, with the arguments of `sts:AssumeRoleWithWebIdentity`.
#[derive(Debug, Clone, Default)]
pub struct AssumeRoleWithWebIdentity {
    /// ARN of the role. Default: `AWS_ROLE_ARN`.
    pub role_arn: Option<String>,
    /// Name of the session. Default: `AWS_ROLE_SESSION_NAME`, else `ekshybrid-` and the time in milliseconds.
    pub session_name: Option<String>,
    /// The token itself. Takes precedence over the file.
    pub web_identity_token: Option<SecretString>,
    /// File that contains the token. Default: `AWS_WEB_IDENTITY_TOKEN_FILE`. Read again for each new session.
    pub web_identity_token_file: Option<PathBuf>,
    /// Validity of the credentials. Default: one hour.
    pub duration: Option<Duration>,
    /// JSON policy that further restricts the session.
    pub policy: Option<String>,
    /// ARNs of managed policies that further restrict the session.
    pub policy_arns: Vec<String>,
}
