//! The provider's arguments. Names and meanings are those of the AWS, Kubernetes and Helm providers.

use std::collections::{BTreeMap, BTreeSet};

use framework::model::{Bounded, Model, Secret, Span, Text};
use framework::text_field;

use crate::attributes::connection::{Bastion, Connection, PrivateKey, UserCertificate, UserName};
use crate::attributes::{AccountId, ClusterName, ManagedNodeId, PolicyArn, Region, RoleArn};

/// The arguments of the `provider` block.
#[derive(Clone, Debug, Model)]
#[model(together(access_key, secret_key))]
pub struct Config {
    /// Region of every resource that does not set one. Default: `AWS_REGION`, `AWS_DEFAULT_REGION`, or the profile's
    /// region.
    pub region: Option<Region>,
    /// Profile in the shared configuration and credentials files. Default: `AWS_PROFILE`, otherwise `default`.
    pub profile: Option<String>,
    /// AWS access key. Requires `secret_key`. Default: `AWS_ACCESS_KEY_ID`.
    pub access_key: Option<Secret<String>>,
    /// AWS secret key. Requires `access_key`. Default: `AWS_SECRET_ACCESS_KEY`.
    pub secret_key: Option<Secret<String>>,
    /// Session token of temporary credentials. Default: `AWS_SESSION_TOKEN`.
    pub token: Option<Secret<String>>,
    /// Shared configuration files. Default: `AWS_CONFIG_FILE`, otherwise `~/.aws/config`.
    pub shared_config_files: Option<Vec<String>>,
    /// Shared credentials files. Default: `AWS_SHARED_CREDENTIALS_FILE`, otherwise `~/.aws/credentials`.
    pub shared_credentials_files: Option<Vec<String>>,
    /// Roles to assume one after the other, each with the credentials of the previous one.
    pub assume_role: Option<Vec<AssumeRole>>,
    /// Role to assume with a web identity token, before `assume_role`.
    pub assume_role_with_web_identity: Option<AssumeRoleWithWebIdentity>,
    /// Allowed AWS account ids. Credentials of any other account are rejected before anything is written. Conflicts
    /// with `forbidden_account_ids`.
    pub allowed_account_ids: Option<BTreeSet<AccountId>>,
    /// Forbidden AWS account ids. Conflicts with `allowed_account_ids`.
    pub forbidden_account_ids: Option<BTreeSet<AccountId>>,
    /// Tags to add to all taggable resources. AWS cannot change the tags of an activation: a change here replaces
    /// activations.
    pub default_tags: Option<DefaultTags>,
    /// Tags that others manage, such as those that a cost tool sets. They are no part of `tags_all`, cause no change in a
    /// plan, and are never removed. A tag cannot be ignored and set at once.
    pub ignore_tags: Option<IgnoreTags>,
    /// Custom service endpoints.
    pub endpoints: Option<Endpoints>,
    /// Maximum number of retries of a failed call. Default: `AWS_MAX_ATTEMPTS` minus one, otherwise 25.
    pub max_retries: Option<Bounded<0, 1000>>,
    /// Retry mode: `standard`, or `adaptive`, which also slows down the whole client while AWS throttles. Default:
    /// `AWS_RETRY_MODE`, otherwise `adaptive`.
    pub retry_mode: Option<RetryMode>,
    /// Proxy for `http` endpoints, and for `https` endpoints if `https_proxy` is not set. Default: `HTTP_PROXY`.
    pub http_proxy: Option<ProxyUrl>,
    /// Proxy for `https` endpoints. Default: `HTTPS_PROXY`.
    pub https_proxy: Option<ProxyUrl>,
    /// Hosts to connect to without a proxy, separated by commas. Default: `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// File of PEM certificates to trust in addition to the system's. Default: `AWS_CA_BUNDLE`.
    pub custom_ca_bundle: Option<String>,
    /// Use FIPS 140 validated endpoints. Default: `AWS_USE_FIPS_ENDPOINT`, otherwise false.
    pub use_fips_endpoint: Option<bool>,
    /// Use dual-stack endpoints, which also support IPv6. Default: `AWS_USE_DUALSTACK_ENDPOINT`, otherwise false.
    pub use_dualstack_endpoint: Option<bool>,
    /// Products to append to the User-Agent header of requests to AWS, such as `acme-platform/1.2 (edge)`. Default: none.
    /// The environment variable `TF_APPEND_USER_AGENT` is appended too.
    pub user_agent: Option<Vec<Product>>,
    /// EKS cluster of every resource that does not set one.
    pub cluster_name: Option<ClusterName>,
    /// Connects to a Kubernetes API by other means than the cluster's own endpoint and AWS credentials. Arguments
    /// that are not set come from the environment variables of the Kubernetes provider (`KUBE_CONFIG_PATH`,
    /// `KUBE_HOST`, `KUBE_PROXY_URL` and so on), then from EKS; without this block, those variables are ignored. With
    /// `host` or `config_path`, it applies to one cluster, the provider's `cluster_name`.
    pub kubernetes: Option<Kubernetes>,
    /// Credentials and certificate authorities for chart repositories and registries that require them. Private Amazon ECR registries need none
    /// here: their password is requested with `ecr:GetAuthorizationToken`, using the AWS credentials, in the
    /// registry's region.
    pub registries: Option<Vec<Registry>>,
    /// Defaults for the `connection` of resources that log in to hosts, and for destroying them: credentials that are
    /// set here are never stored in the state.
    pub ssh: Option<Ssh>,
}

/// A role to assume.
#[derive(Clone, Debug, Model)]
pub struct AssumeRole {
    /// ARN of the role.
    pub role_arn: RoleArn,
    /// Session name. Default: derived from the time.
    pub session_name: Option<SessionName>,
    /// External id that the role's trust policy requires.
    pub external_id: Option<String>,
    /// Duration of the credentials, from `15m` to `12h`. Default: one hour.
    pub duration: Option<SessionDuration>,
    /// IAM policy in JSON that further restricts the session.
    pub policy: Option<String>,
    /// ARNs of managed policies that further restrict the session.
    pub policy_arns: Option<BTreeSet<PolicyArn>>,
    /// Session tags.
    pub tags: Option<BTreeMap<String, String>>,
    /// Keys of session tags to pass to the next role of the chain.
    pub transitive_tag_keys: Option<BTreeSet<String>>,
    /// Source identity of the session.
    pub source_identity: Option<String>,
}

/// A role to assume with a web identity token.
#[derive(Clone, Debug, Model)]
#[model(at_most_one_of(web_identity_token, web_identity_token_file))]
pub struct AssumeRoleWithWebIdentity {
    /// ARN of the role. Default: `AWS_ROLE_ARN`.
    pub role_arn: Option<RoleArn>,
    /// Session name. Default: `AWS_ROLE_SESSION_NAME`, otherwise derived from the time.
    pub session_name: Option<SessionName>,
    /// Web identity token. Conflicts with `web_identity_token_file`.
    pub web_identity_token: Option<Secret<String>>,
    /// File that contains the web identity token. Default: `AWS_WEB_IDENTITY_TOKEN_FILE`.
    pub web_identity_token_file: Option<String>,
    /// Duration of the credentials, from `15m` to `12h`. Default: one hour.
    pub duration: Option<SessionDuration>,
    /// IAM policy in JSON that further restricts the session.
    pub policy: Option<String>,
    /// ARNs of managed policies that further restrict the session.
    pub policy_arns: Option<BTreeSet<PolicyArn>>,
}

/// Tags for all taggable resources.
#[derive(Clone, Debug, Model)]
pub struct DefaultTags {
    /// The tags. A resource's own `tags` override them.
    pub tags: Option<BTreeMap<String, String>>,
}

/// Tags that others manage.
#[derive(Clone, Debug, Model)]
pub struct IgnoreTags {
    /// Keys of the tags, in addition to those in `TF_AWS_IGNORE_TAGS_KEYS` (separated by commas).
    pub keys: Option<BTreeSet<String>>,
    /// Beginnings of keys, in addition to those in `TF_AWS_IGNORE_TAGS_KEY_PREFIXES` (separated by commas).
    pub key_prefixes: Option<BTreeSet<String>>,
}

/// Service endpoints.
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

/// A connection to a Kubernetes API.
#[derive(Clone, Debug, Model)]
#[model(together(client_certificate, client_key))]
#[model(at_most_one_of(proxy_url, tunnel))]
pub struct Kubernetes {
    /// URL of the API server, or `KUBE_HOST`. Default: the cluster's endpoint. It belongs to one cluster, which the
    /// provider's `cluster_name` must name; resources of other clusters are rejected.
    pub host: Option<EndpointUrl>,
    /// CA certificate of the API server, in PEM format. Default: the cluster's.
    pub cluster_ca_certificate: Option<String>,
    /// Bearer token. Default: `KUBE_TOKEN` unless `exec` or a client certificate is set, otherwise created from the
    /// AWS credentials.
    pub token: Option<Secret<String>>,
    /// Client certificate in PEM format. Requires `client_key`.
    pub client_certificate: Option<String>,
    /// Client key in PEM format. Requires `client_certificate`.
    pub client_key: Option<Secret<String>>,
    /// Credential plugin: a program that prints an ExecCredential.
    pub exec: Option<Exec>,
    /// Kubeconfig file, or `KUBE_CONFIG_PATH`. Like `host`, it applies to one cluster.
    pub config_path: Option<String>,
    /// Context in the kubeconfig file. Default: its current context.
    pub config_context: Option<String>,
    /// Do not verify the API server's certificate.
    pub insecure: Option<bool>,
    /// Server name to verify the API server's certificate against. Default: the host name.
    pub tls_server_name: Option<String>,
    /// Proxy for requests to the API server, or `KUBE_PROXY_URL`. Default: the proxy in the environment
    /// (`HTTPS_PROXY`, unless `NO_PROXY` lists the API server). Conflicts with `tunnel`.
    pub proxy_url: Option<ProxyUrl>,
    /// The way to private endpoints from outside their VPC. No proxy is used then. It applies to every cluster.
    pub tunnel: Option<Tunnel>,
}

/// The way to API servers whose endpoint is private, from a machine outside their VPC. TLS is end to end: whatever is in
/// between sees no content. Host names are resolved at the other end.
#[derive(Clone, Debug, Model)]
#[model(exactly_one_of(ssh, ssm))]
pub struct Tunnel {
    /// Through a host in the VPC, over SSH. Its sshd must forward connections (`AllowTcpForwarding`). All requests share
    /// one connection, which is opened again if it breaks. What is not set comes from the provider's `ssh`.
    pub ssh: Option<Connection>,
    /// Through a managed node of Systems Manager in the VPC, by a port forwarding session. Requires
    /// [`session-manager-plugin`](https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html)
    /// 1.2.497 or later on the machine that runs Terraform, and the permission `ssm:StartSession` on the node and on the document
    /// `AWS-StartPortForwardingSessionToRemoteHost`.
    pub ssm: Option<SsmTunnel>,
}

/// A port forwarding session of Systems Manager.
#[derive(Clone, Debug, Model)]
pub struct SsmTunnel {
    /// ID of the managed node: `i-…` of an EC2 instance, or `mi-…`.
    pub target: ManagedNodeId,
    /// Region of the node. Default: the provider's.
    pub region: Option<Region>,
    /// Path of `session-manager-plugin`. Default: the one on `PATH`.
    pub plugin_path: Option<String>,
}

/// A credential plugin.
#[derive(Clone, Debug, Model)]
pub struct Exec {
    /// API version of its output, such as `client.authentication.k8s.io/v1`.
    pub api_version: String,
    /// Command to run.
    pub command: String,
    /// Command-line arguments.
    pub args: Option<Vec<String>>,
    /// Environment variables in addition to those of Terraform.
    pub env: Option<BTreeMap<String, String>>,
}

/// A registry.
#[derive(Clone, Debug, Model)]
// Two rules may name the same attribute.
#[allow(clippy::duplicated_attributes)]
#[model(together(username, password))]
#[model(at_most_one_of(username, token))]
#[model(at_least_one_of(username, token, ca_certificate))]
pub struct Registry {
    /// Host name, with the port if it is not 443.
    pub host: String,
    /// User name. Requires `password`. Conflicts with `token`.
    pub username: Option<String>,
    /// Password, or whatever the registry takes in its place, such as a personal access token. Requires `username`.
    pub password: Option<Secret<String>>,
    /// Token that the host itself takes, in the header `Authorization: Bearer TOKEN`, without a user. Conflicts with
    /// `username`.
    pub token: Option<Secret<String>>,
    /// Certificates of the authorities that sign the host's certificate, in PEM format. They are trusted for this host
    /// alone, in addition to those of the system and of `custom_ca_bundle`. A token server or storage on another host
    /// needs an entry of its own.
    pub ca_certificate: Option<Authorities>,
}

/// Defaults for SSH connections to hosts.
#[derive(Clone, Debug, Model)]
#[model(at_most_one_of(private_key, private_key_path))]
#[model(at_most_one_of(known_hosts_path, trust_any_host_key))]
pub struct Ssh {
    /// User to log in as.
    pub user: Option<UserName>,
    /// Port. Default: 22.
    pub port: Option<Bounded<1, 65535>>,
    /// Private key in OpenSSH or PEM format. It is never stored in the state.
    pub private_key: Option<Secret<PrivateKey>>,
    /// File that contains the private key.
    pub private_key_path: Option<String>,
    /// Passphrase of an encrypted private key.
    pub private_key_passphrase: Option<Secret<String>>,
    /// OpenSSH certificate for the private key or for a key in the agent.
    pub certificate: Option<UserCertificate>,
    /// Password. `sudo` never uses it.
    pub password: Option<Secret<String>>,
    /// Use the SSH agent from the environment (`SSH_AUTH_SOCK`).
    pub agent: Option<bool>,
    /// File of known host keys in OpenSSH's format. Default: `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts`.
    pub known_hosts_path: Option<String>,
    /// Accept any host key. Whoever can answer under a host's address then receives what is written to the host.
    pub trust_any_host_key: Option<bool>,
    /// Time limit for connecting, such as `30s`. Default: 20 seconds.
    pub connect_timeout: Option<Span>,
    /// Host that leads to the others.
    pub bastion: Option<Bastion>,
}

/// `standard` or `adaptive`.
#[derive(Clone, Debug)]
pub struct RetryMode(String);

impl RetryMode {
    /// The mode for the clients.
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

/// A URL with scheme and host.
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

/// A proxy's URL. It may contain a password, so it is never quoted.
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

/// Name of a session: 2–64 characters of `[\w+=,.@-]`. Source: STS API reference, AssumeRole.
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

/// From 15 minutes to 12 hours. Source: STS API reference, AssumeRole.
#[derive(Clone, Debug)]
pub struct SessionDuration(Span);

impl SessionDuration {
    /// The duration.
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

/// Certificate authorities in PEM format.
#[derive(Clone, Debug)]
pub struct Authorities(String);

impl Text for Authorities {
    const NOUN: &'static str = "certificate authority";

    fn parse(text: &str) -> Result<Self, String> {
        match crate::charts::check_authorities(text) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err(problem) => Err(format!(
                "The text {}{problem}. Give the certificates themselves, such as `file(\"ca.pem\")`.",
                if problem.starts_with("holds") { "" } else { "is " }
            )),
        }
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// A part of a User-Agent header. Source: RFC 9110, which allows visible characters of ASCII and spaces.
#[derive(Clone, Debug)]
pub struct Product(String);

impl Text for Product {
    const NOUN: &'static str = "User-Agent product";

    fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() || !text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
            return Err(format!(
                "`{}` cannot be part of a User-Agent header. Write it like `acme-platform/1.2 (edge)`, in letters, digits and punctuation of ASCII.",
                text.escape_debug()
            ));
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

text_field!(RetryMode, EndpointUrl, ProxyUrl, SessionName, SessionDuration, Authorities, Product);
