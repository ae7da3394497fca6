//! The provider's arguments. Names and meanings are those of the AWS, Kubernetes and Helm providers.

use std::collections::{BTreeMap, BTreeSet};

use framework::model::{Bounded, Model, Secret, Span, Text};
use framework::text_field;

use crate::attributes::{AccountId, ClusterName, PolicyArn, Region, RoleArn};

/// Everything that the `provider` block may say.
#[derive(Clone, Debug, Model)]
#[model(together(access_key, secret_key))]
pub struct Config {
    /// Region of everything that names none itself. Default: `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's region.
    pub region: Option<Region>,
    /// Profile in the shared configuration and credentials files. Default: `AWS_PROFILE`, else `default`.
    pub profile: Option<String>,
    /// Access key. Set it together with `secret_key`. Default: `AWS_ACCESS_KEY_ID`.
    pub access_key: Option<Secret<String>>,
    /// Secret key. Set it together with `access_key`. Default: `AWS_SECRET_ACCESS_KEY`.
    pub secret_key: Option<Secret<String>>,
    /// Session token of temporary keys. Default: `AWS_SESSION_TOKEN`.
    pub token: Option<Secret<String>>,
    /// Shared configuration files. Default: `AWS_CONFIG_FILE`, else `~/.aws/config`.
    pub shared_config_files: Option<Vec<String>>,
    /// Shared credentials files. Default: `AWS_SHARED_CREDENTIALS_FILE`, else `~/.aws/credentials`.
    pub shared_credentials_files: Option<Vec<String>>,
    /// Roles to assume one after the other, each with the credentials of the one before.
    pub assume_role: Option<Vec<AssumeRole>>,
    /// Role to assume with the token of an identity provider, before `assume_role`.
    pub assume_role_with_web_identity: Option<AssumeRoleWithWebIdentity>,
    /// The only accounts that may be touched. Credentials of another account are refused before anything is written.
    /// Excludes `forbidden_account_ids`.
    pub allowed_account_ids: Option<BTreeSet<AccountId>>,
    /// Accounts that must not be touched. Excludes `allowed_account_ids`.
    pub forbidden_account_ids: Option<BTreeSet<AccountId>>,
    /// Tags of everything that takes tags. AWS cannot change the tags of an activation: a change here replaces
    /// activations.
    pub default_tags: Option<DefaultTags>,
    /// Addresses to use instead of the services' own.
    pub endpoints: Option<Endpoints>,
    /// How often a failed call is repeated. Default: `AWS_MAX_ATTEMPTS` less one, else 25.
    pub max_retries: Option<Bounded<0, 1000>>,
    /// How repeats are paced: `standard`, or `adaptive`, which slows the whole client down while AWS throttles.
    /// Default: `AWS_RETRY_MODE`, else `adaptive`.
    pub retry_mode: Option<RetryMode>,
    /// Proxy for `http` addresses, and for `https` ones when `https_proxy` is not set. Default: `HTTP_PROXY`.
    pub http_proxy: Option<ProxyUrl>,
    /// Proxy for `https` addresses. Default: `HTTPS_PROXY`.
    pub https_proxy: Option<ProxyUrl>,
    /// Hosts that are reached without a proxy, separated by commas. Default: `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// File of PEM certificates that are trusted beside the system's. Default: `AWS_CA_BUNDLE`.
    pub custom_ca_bundle: Option<String>,
    /// Use endpoints that are validated for FIPS 140. Default: `AWS_USE_FIPS_ENDPOINT`, else false.
    pub use_fips_endpoint: Option<bool>,
    /// Use endpoints that answer over IPv6 too. Default: `AWS_USE_DUALSTACK_ENDPOINT`, else false.
    pub use_dualstack_endpoint: Option<bool>,
    /// Accepted for likeness with the AWS provider. Credentials are never validated before the first call that needs
    /// them, so there is nothing to skip; the account lists are checked all the same.
    pub skip_credentials_validation: Option<bool>,
    /// Cluster of everything that names none itself.
    pub cluster_name: Option<ClusterName>,
    /// How to reach a Kubernetes API by other means than the cluster's own endpoint and AWS credentials. What it leaves
    /// out comes from the environment variables of the Kubernetes provider (`KUBE_CONFIG_PATH`, `KUBE_HOST`,
    /// `KUBE_PROXY_URL` and so on), then from EKS; without it those variables do not count. With `host` or
    /// `config_path` it is for one cluster, the provider's `cluster_name`.
    pub kubernetes: Option<Kubernetes>,
    /// Chart repositories and registries that ask for a password. Private registries of Amazon ECR need none here: they
    /// get the one that `ecr:GetAuthorizationToken` gives to the AWS credentials in the registry's region.
    pub registries: Option<Vec<Registry>>,
    /// Defaults for connections to hosts. Kept for types that log in to hosts; no type of this release does.
    pub ssh: Option<Ssh>,
}

/// One role of a chain.
#[derive(Clone, Debug, Model)]
pub struct AssumeRole {
    /// ARN of the role.
    pub role_arn: RoleArn,
    /// Name of the session. Default: made from the time.
    pub session_name: Option<SessionName>,
    /// What the role's trust policy asks of third parties.
    pub external_id: Option<String>,
    /// How long the credentials last, from `15m` to `12h`. Default: one hour.
    pub duration: Option<SessionDuration>,
    /// JSON policy that narrows the session further.
    pub policy: Option<String>,
    /// ARNs of managed policies that narrow the session further.
    pub policy_arns: Option<BTreeSet<PolicyArn>>,
    /// Session tags.
    pub tags: Option<BTreeMap<String, String>>,
    /// Keys of session tags that go on to the next role of the chain.
    pub transitive_tag_keys: Option<BTreeSet<String>>,
    /// Source identity of the session.
    pub source_identity: Option<String>,
}

/// The role of a token.
#[derive(Clone, Debug, Model)]
#[model(at_most_one_of(web_identity_token, web_identity_token_file))]
pub struct AssumeRoleWithWebIdentity {
    /// ARN of the role. Default: `AWS_ROLE_ARN`.
    pub role_arn: Option<RoleArn>,
    /// Name of the session. Default: `AWS_ROLE_SESSION_NAME`, else made from the time.
    pub session_name: Option<SessionName>,
    /// The token itself. Excludes `web_identity_token_file`.
    pub web_identity_token: Option<Secret<String>>,
    /// File that holds the token. Default: `AWS_WEB_IDENTITY_TOKEN_FILE`.
    pub web_identity_token_file: Option<String>,
    /// How long the credentials last, from `15m` to `12h`. Default: one hour.
    pub duration: Option<SessionDuration>,
    /// JSON policy that narrows the session further.
    pub policy: Option<String>,
    /// ARNs of managed policies that narrow the session further.
    pub policy_arns: Option<BTreeSet<PolicyArn>>,
}

/// Tags of everything.
#[derive(Clone, Debug, Model)]
pub struct DefaultTags {
    /// The tags. An object's own `tags` win over them.
    pub tags: Option<BTreeMap<String, String>>,
}

/// Addresses of services.
#[derive(Clone, Debug, Model)]
pub struct Endpoints {
    /// Elastic Compute Cloud.
    pub ec2: Option<EndpointUrl>,
    /// Elastic Container Registry.
    pub ecr: Option<EndpointUrl>,
    /// Elastic Kubernetes Service.
    pub eks: Option<EndpointUrl>,
    /// Elastic Load Balancing.
    pub elbv2: Option<EndpointUrl>,
    /// Identity and Access Management.
    pub iam: Option<EndpointUrl>,
    /// Security Token Service.
    pub sts: Option<EndpointUrl>,
    /// Systems Manager.
    pub ssm: Option<EndpointUrl>,
}

/// A Kubernetes API.
#[derive(Clone, Debug, Model)]
#[model(together(client_certificate, client_key))]
pub struct Kubernetes {
    /// Address of the API server, or `KUBE_HOST`. Default: the cluster's endpoint. It is that of one cluster, which the
    /// provider's `cluster_name` must name; resources of other clusters are refused.
    pub host: Option<EndpointUrl>,
    /// PEM certificate of the API server's authority. Default: the cluster's.
    pub cluster_ca_certificate: Option<String>,
    /// Bearer token. Default: `KUBE_TOKEN` unless `exec` or a client certificate is set, else minted from the AWS
    /// credentials.
    pub token: Option<Secret<String>>,
    /// PEM certificate of the client. Set it together with `client_key`.
    pub client_certificate: Option<String>,
    /// PEM key of the client. Set it together with `client_certificate`.
    pub client_key: Option<Secret<String>>,
    /// Program that prints an ExecCredential.
    pub exec: Option<Exec>,
    /// Kubeconfig file, or `KUBE_CONFIG_PATH`. It is for one cluster, as `host` is.
    pub config_path: Option<String>,
    /// Context in the kubeconfig file. Default: its current one.
    pub config_context: Option<String>,
    /// Do not check the API server's certificate.
    pub insecure: Option<bool>,
    /// Name to expect in the API server's certificate. Default: the host's.
    pub tls_server_name: Option<String>,
    /// Proxy on the way to the API server, or `KUBE_PROXY_URL`. Default: that of the environment (`HTTPS_PROXY`, unless
    /// `NO_PROXY` names the API server).
    pub proxy_url: Option<ProxyUrl>,
}

/// A program that gives credentials.
#[derive(Clone, Debug, Model)]
pub struct Exec {
    /// Version of the answer's form, such as `client.authentication.k8s.io/v1`.
    pub api_version: String,
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Option<Vec<String>>,
    /// Environment variables beside those of Terraform.
    pub env: Option<BTreeMap<String, String>>,
}

/// A registry.
#[derive(Clone, Debug, Model)]
pub struct Registry {
    /// Host, with the port when it is not 443.
    pub host: String,
    /// User name.
    pub username: String,
    /// Password.
    pub password: Secret<String>,
}

/// Connections to hosts.
#[derive(Clone, Debug, Model)]
#[model(at_most_one_of(private_key, private_key_path))]
pub struct Ssh {
    /// User to log in as.
    pub user: Option<String>,
    /// Port. Default: 22.
    pub port: Option<Bounded<1, 65535>>,
    /// Private key in OpenSSH or PEM form.
    pub private_key: Option<Secret<String>>,
    /// File of the private key.
    pub private_key_path: Option<String>,
    /// OpenSSH certificate of the key.
    pub certificate: Option<String>,
    /// Password.
    pub password: Option<Secret<String>>,
    /// Use the agent of the environment (`SSH_AUTH_SOCK`).
    pub agent: Option<bool>,
    /// File of known host keys.
    pub known_hosts_path: Option<String>,
}

/// `standard` or `adaptive`.
#[derive(Clone, Debug)]
pub struct RetryMode(String);

impl RetryMode {
    /// The mode as the clients take it.
    #[must_use]
    pub fn mode(&self) -> Option<crate::aws::RetryMode> {
        crate::aws::RetryMode::parse(&self.0)
    }
}

impl Text for RetryMode {
    const NOUN: &'static str = "retry mode";

    fn parse(text: &str) -> Result<Self, String> {
        if crate::aws::RetryMode::parse(text).is_some() {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`{text}` is not a retry mode. Write `standard` or `adaptive`."))
        }
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// An address with scheme and host.
#[derive(Clone, Debug)]
pub struct EndpointUrl(String);

impl Text for EndpointUrl {
    const NOUN: &'static str = "address";

    fn parse(text: &str) -> Result<Self, String> {
        match text.parse::<http::Uri>() {
            Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(format!(
                "`{text}` is not an address. Write it like `https://vpce-1.ssm.us-west-2.vpce.amazonaws.com`."
            )),
        }
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// A proxy's address. It may carry a password, so it is never quoted.
#[derive(Clone)]
pub struct ProxyUrl(String);

impl std::fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[proxy]")
    }
}

impl Text for ProxyUrl {
    const NOUN: &'static str = "proxy";

    fn parse(text: &str) -> Result<Self, String> {
        // Empty means "no proxy, whatever the environment says".
        if text.is_empty() {
            return Ok(Self(String::new()));
        }
        match text.parse::<http::Uri>() {
            Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() => {
                Ok(Self(text.to_owned()))
            }
            _ => Err("The value is not the address of a proxy. Write it like `http://proxy.example:3128`.".to_owned()),
        }
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// Name of a session: 2–64 characters of `[\w+=,.@-]`. Source: API reference of STS, AssumeRole.
#[derive(Clone, Debug)]
pub struct SessionName(String);

impl Text for SessionName {
    const NOUN: &'static str = "session name";

    fn parse(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        if (2..=64).contains(&text.len()) && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`{text}` is not a session name. It has 2 to 64 letters, digits and `_ + = , . @ -`."))
        }
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// From 15 minutes to 12 hours. Source: API reference of STS, AssumeRole.
#[derive(Clone, Debug)]
pub struct SessionDuration(Span);

impl SessionDuration {
    /// The length.
    #[must_use]
    pub fn duration(&self) -> std::time::Duration {
        self.0.duration()
    }
}

impl Text for SessionDuration {
    const NOUN: &'static str = "session duration";

    fn parse(text: &str) -> Result<Self, String> {
        let span = Span::parse(text)?;
        if (900..=43_200).contains(&span.duration().as_secs()) {
            Ok(Self(span))
        } else {
            Err(format!("`{text}` is outside of what AWS allows: from `15m` to `12h`."))
        }
    }

    fn text(&self) -> &str {
        self.0.text()
    }

    fn same(one: &str, other: &str) -> bool {
        Span::same(one, other)
    }
}

text_field!(RetryMode, EndpointUrl, ProxyUrl, SessionName, SessionDuration);
