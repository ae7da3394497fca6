//! What a user can say about the AWS side of the provider, as plain known values.
//!
//! Names and meanings are those of the `hashicorp/aws` provider. What is left out here is looked up when the first
//! call needs it: environment, then profile (see `resolve`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// The AWS-side arguments of the provider. `None` and empty mean "not given".
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Region of every call that names none itself.
    pub region: Option<String>,
    /// Profile in the shared files. When given, it wins over credentials in the environment.
    pub profile: Option<String>,
    /// Access key; needs `secret_key`.
    pub access_key: Option<SecretString>,
    /// Secret key; needs `access_key`.
    pub secret_key: Option<SecretString>,
    /// Session token of temporary keys.
    pub token: Option<SecretString>,
    /// Shared configuration files, instead of `~/.aws/config`. A leading `~/` is the home directory.
    pub shared_config_files: Vec<PathBuf>,
    /// Shared credentials files, instead of `~/.aws/credentials`.
    pub shared_credentials_files: Vec<PathBuf>,
    /// Roles to assume one after the other, each with the credentials of the one before.
    pub assume_role: Vec<AssumeRole>,
    /// Role to assume with a token of an identity provider; its credentials are the first of the chain.
    pub assume_role_with_web_identity: Option<AssumeRoleWithWebIdentity>,
    /// The only accounts that may be touched. Empty: any.
    pub allowed_account_ids: Vec<String>,
    /// Accounts that must not be touched.
    pub forbidden_account_ids: Vec<String>,
    /// Addresses to use instead of the services' own.
    pub endpoints: Endpoints,
    /// How often a failed call is repeated; [`Settings::DEFAULT_MAX_RETRIES`] when nothing else is said.
    pub max_retries: Option<u32>,
    /// How repeats are paced; [`RetryMode::Adaptive`] when nothing else is said.
    pub retry_mode: Option<RetryMode>,
    /// Proxy for `http` endpoints, and for `https` ones when no proxy is named for those.
    pub http_proxy: Option<String>,
    /// Proxy for `https` endpoints. An empty text means "none".
    pub https_proxy: Option<String>,
    /// Hosts that are reached directly, separated by commas. Loopback and link-local hosts always are.
    pub no_proxy: Option<String>,
    /// File of PEM certificates that are trusted beside those of the system.
    pub custom_ca_bundle: Option<PathBuf>,
    /// Use endpoints that are validated for FIPS 140.
    pub use_fips_endpoint: Option<bool>,
    /// Use endpoints that answer over IPv6 too.
    pub use_dualstack_endpoint: Option<bool>,
    /// Accepted for likeness with `hashicorp/aws`: nothing is validated before the first call anyway. The account
    /// lists are checked all the same.
    pub skip_credentials_validation: bool,
    /// Never ask the EC2 metadata service for credentials.
    pub skip_metadata_api_check: Option<bool>,
    /// Address of the EC2 metadata service.
    pub ec2_metadata_service_endpoint: Option<String>,
}

impl Settings {
    /// As in `hashicorp/aws`.
    pub const DEFAULT_MAX_RETRIES: u32 = 25;
}

/// How repeated calls are paced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryMode {
    /// Exponential backoff with jitter.
    Standard,
    /// The same, and the whole client slows down while the service throttles.
    Adaptive,
}

impl RetryMode {
    /// Reads `standard` or `adaptive`, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "standard" => Some(Self::Standard),
            "adaptive" => Some(Self::Adaptive),
            _ => None,
        }
    }
}

/// Addresses (`http://…` or `https://…`) to use instead of the services' own.
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

/// One role of the chain, as `sts:AssumeRole` takes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssumeRole {
    /// ARN of the role.
    pub role_arn: String,
    /// Name of the session. Default: `ekshybrid-` and the time in milliseconds.
    pub session_name: Option<String>,
    /// What the role's trust policy asks of third parties.
    pub external_id: Option<String>,
    /// How long the credentials last, 15 minutes to 12 hours. Default: the role's, one hour.
    pub duration: Option<Duration>,
    /// JSON policy that narrows the session further.
    pub policy: Option<String>,
    /// ARNs of managed policies that narrow the session further.
    pub policy_arns: Vec<String>,
    /// Session tags.
    pub tags: BTreeMap<String, String>,
    /// Keys of the session tags that go on to the next role of the chain.
    pub transitive_tag_keys: Vec<String>,
    /// Source identity of the session.
    pub source_identity: Option<String>,
}

/// One role, as `sts:AssumeRoleWithWebIdentity` takes it.
#[derive(Debug, Clone, Default)]
pub struct AssumeRoleWithWebIdentity {
    /// ARN of the role. Default: `AWS_ROLE_ARN`.
    pub role_arn: Option<String>,
    /// Name of the session. Default: `AWS_ROLE_SESSION_NAME`, else `ekshybrid-` and the time in milliseconds.
    pub session_name: Option<String>,
    /// The token itself. Wins over the file.
    pub web_identity_token: Option<SecretString>,
    /// File that holds the token. Default: `AWS_WEB_IDENTITY_TOKEN_FILE`. Read again for each new session.
    pub web_identity_token_file: Option<PathBuf>,
    /// How long the credentials last. Default: one hour.
    pub duration: Option<Duration>,
    /// JSON policy that narrows the session further.
    pub policy: Option<String>,
    /// ARNs of managed policies that narrow the session further.
    pub policy_arns: Vec<String>,
}
