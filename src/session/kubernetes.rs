//! Access to a cluster's Kubernetes API: from the provider's `kubernetes` block, and otherwise from the cluster's
//! description in EKS and the AWS credentials.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Text};
use framework::path::Path;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::Clients;
use super::clients::Unready;
use super::config::{Config, Kubernetes};
use super::connections::Connections;
use super::explain;
use crate::attributes::{ClusterName, Region};
use crate::aws;
use crate::kube::{self, BoxError, Credentials, Exec, Server, Target, TokenSource};

/// What is known about the access to a cluster.
#[derive(Debug)]
pub enum Access {
    /// Access is possible.
    Open(kube::Client),
    /// The cluster does not exist in EKS.
    NoCluster(aws::Error),
    /// The cluster exists, but has no API server to query. The string is its status, such as `CREATING`.
    NotReady(String),
    /// The provider's configuration is unknown; the string names the argument.
    Unknown(&'static str),
}

impl Clients {
    /// Access to the Kubernetes API of `cluster` in `region` (default: the provider's). Nothing is sent to the API
    /// server here; endpoint and CA certificate are requested from EKS, once per cluster and run, unless the
    /// provider's `kubernetes` block sets them.
    ///
    /// # Errors
    /// EKS cannot be queried, or the settings cannot be used.
    pub async fn access_to(&self, cluster: &ClusterName, region: Option<&Region>) -> Result<Access> {
        let shared = &self.shared;
        let Maybe::Known(settings) = &shared.kubernetes else { return Ok(Access::Unknown(Config::NAMES.kubernetes)) };
        let given = Given::of(settings.as_ref(), &variable);
        if given.names_one_server() {
            match &shared.defaults.cluster_name {
                Maybe::Known(Some(own)) if own == cluster => {}
                Maybe::Known(own) => return Err(another_cluster(own.as_ref(), cluster, &given)),
                Maybe::Unknown => return Ok(Access::Unknown(Config::NAMES.cluster_name)),
            }
        }
        let target = target(given, cluster, region, &self.aws, &shared.connections).await?;
        let mut target = match target {
            Ok(target) => target,
            Err(other) => return Ok(other),
        };
        if let Some(tunnel) = settings.as_ref().and_then(|settings| settings.tunnel.as_ref()) {
            target.tunnel = self.tunnel(tunnel).await?;
        }
        let cell = shared.connections.cell(&target, region);
        let client = cell.get_or_try_init(|| kube::Client::new(&target)).await;
        let client = client.map_err(|error| unusable(&error))?;
        Ok(Access::Open(client.with_cancel(self.cancel.clone())))
    }

    /// Whether EKS describes an endpoint, met in this run, as one that only the VPC can reach.
    pub(super) fn is_private(&self, endpoint: &str) -> bool {
        self.shared.connections.is_private(endpoint)
    }
}

/// Builds the target, or explains why there is none. The target outlives the call; the request to EKS does not.
async fn target(
    given: Given,
    cluster: &ClusterName,
    region: Option<&Region>,
    aws: &std::result::Result<aws::Clients, Unready>,
    connections: &Connections,
) -> Result<std::result::Result<Target, Access>> {
    let needs_endpoint = given.host.is_none() && given.config_path.is_none();
    let needs_authority = given.config_path.is_none() && given.authority.is_none() && !given.insecure;
    let mut endpoint = given.host.clone();
    let mut authority = given.authority.clone().map(String::into_bytes);
    // The cluster identifier for a token.
    let mut token_for = cluster.as_str().to_owned();
    if needs_endpoint || needs_authority {
        let aws = match aws {
            Ok(aws) => aws,
            Err(unready) => return Ok(Err(Access::Unknown(unready.argument))),
        };
        let found = match aws.eks(region.map(Region::as_str)).cluster(cluster.as_str()).await {
            Ok(found) => found,
            Err(error) if error.is_not_found() => return Ok(Err(Access::NoCluster(error))),
            Err(error) => return Err(explain("Could not find the cluster's endpoint", &error, None)),
        };
        let (Some(address), Some(data)) = (&found.endpoint, &found.certificate_authority) else {
            return Ok(Err(Access::NotReady(found.status.clone())));
        };
        if matches!(found.status.as_str(), "CREATING" | "PENDING" | "FAILED") {
            return Ok(Err(Access::NotReady(found.status.clone())));
        }
        if found.endpoint_private_access && !found.endpoint_public_access {
            connections.note_private(address);
        }
        token_for.clone_from(found.token_audience());
        endpoint.get_or_insert_with(|| address.clone());
        if authority.is_none() && !given.insecure {
            authority = Some(base64::engine::general_purpose::STANDARD.decode(data).map_err(|error| {
                Diagnostic::error(
                    "Could not read the cluster's certificate authority",
                    format!(
                        "EKS describes cluster `{cluster}` with a certificate authority that is not base64: {error}."
                    ),
                )
            })?);
        }
    }
    let credentials = if let Some(credentials) = given.credentials {
        credentials
    } else {
        let aws = match aws {
            Ok(aws) => aws.with_cancel(CancellationToken::new()),
            Err(unready) => return Ok(Err(Access::Unknown(unready.argument))),
        };
        let region = region.map(|region| region.as_str().to_owned());
        Credentials::Minted(Arc::new(Tokens { aws, cluster: token_for, region }))
    };
    let server = match (given.config_path, endpoint) {
        (Some(path), url) => {
            Server::Kubeconfig { path, context: given.context, url, authority, insecure: given.insecure }
        }
        (None, Some(url)) => Server::Address { url, authority, insecure: given.insecure },
        // It was requested from EKS above.
        (None, None) => return Ok(Err(Access::NotReady("without an endpoint".to_owned()))),
    };
    Ok(Ok(Target {
        cluster: cluster.as_str().to_owned(),
        server,
        credentials,
        tls_server_name: given.tls_server_name,
        proxy: given.proxy,
        tunnel: None,
    }))
}

/// The provider's `kubernetes` block, completed from the environment as in the Kubernetes provider. Without the
/// block, the environment is ignored too: it may be meant for another provider and another cluster.
#[derive(Default)]
struct Given {
    host: Option<String>,
    authority: Option<String>,
    insecure: bool,
    config_path: Option<PathBuf>,
    context: Option<String>,
    credentials: Option<Credentials>,
    tls_server_name: Option<String>,
    proxy: Option<SecretString>,
    /// The environment variable that names the API server, if the provider's argument does not.
    from_environment: Option<&'static str>,
}

impl Given {
    /// `variable` reads the environment.
    fn of(settings: Option<&Kubernetes>, variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let Some(settings) = settings else { return Self::default() };
        let config_path = settings.config_path.clone().or_else(|| variable("KUBE_CONFIG_PATH")).map(expanded);
        let host = settings.host.as_ref().map(|host| host.text().to_owned()).or_else(|| variable("KUBE_HOST"));
        let proxy = settings.proxy_url.as_ref().map(|proxy| proxy.text().to_owned());
        let proxy = proxy.or_else(|| variable("KUBE_PROXY_URL")).filter(|proxy| !proxy.is_empty());
        Self {
            credentials: credentials(settings, variable)
                // A kubeconfig file contains its own credentials; everything else uses the AWS credentials.
                .or_else(|| config_path.is_some().then_some(Credentials::Kubeconfig)),
            from_environment: [
                ("KUBE_HOST", settings.host.is_none() && host.is_some()),
                ("KUBE_CONFIG_PATH", settings.config_path.is_none() && config_path.is_some()),
            ]
            .into_iter()
            .find_map(|(name, is_from)| is_from.then_some(name)),
            host,
            authority: settings.cluster_ca_certificate.clone().or_else(|| variable("KUBE_CLUSTER_CA_CERT_DATA")),
            insecure: settings.insecure.unwrap_or_else(|| variable("KUBE_INSECURE").as_deref() == Some("true")),
            config_path,
            context: settings.config_context.clone().or_else(|| variable("KUBE_CTX")),
            tls_server_name: settings.tls_server_name.clone().or_else(|| variable("KUBE_TLS_SERVER_NAME")),
            proxy: proxy.map(SecretString::from),
        }
    }

    /// Whether a specific API server is named, by whatever setting: it cannot be that of every cluster.
    fn names_one_server(&self) -> bool {
        self.host.is_some() || self.config_path.is_some()
    }
}

/// The configured credentials, if any: the provider's arguments take precedence over the environment, whatever their
/// kind.
fn credentials(settings: &Kubernetes, variable: &dyn Fn(&str) -> Option<String>) -> Option<Credentials> {
    let owned = |secret: &framework::model::Secret<String>| SecretString::from(secret.expose().clone());
    if let Some(token) = &settings.token {
        return Some(Credentials::Token(owned(token)));
    }
    let certificate = || {
        let certificate = settings.client_certificate.clone().or_else(|| variable("KUBE_CLIENT_CERT_DATA"))?;
        let key = settings.client_key.as_ref().map(owned);
        let key = key.or_else(|| variable("KUBE_CLIENT_KEY_DATA").map(SecretString::from))?;
        Some(Credentials::Certificate { certificate, key })
    };
    if (settings.client_certificate.is_some() || settings.client_key.is_some())
        && let Some(given) = certificate()
    {
        return Some(given);
    }
    if let Some(exec) = &settings.exec {
        return Some(Credentials::Exec(Exec {
            api_version: exec.api_version.clone(),
            command: exec.command.clone(),
            args: exec.args.clone().unwrap_or_default(),
            env: exec.env.clone().unwrap_or_default(),
        }));
    }
    let token = variable("KUBE_TOKEN").map(|token| Credentials::Token(SecretString::from(token)));
    token.or_else(certificate)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Expands `~/…` to the home directory, as in the Kubernetes provider.
fn expanded(path: String) -> PathBuf {
    match path.strip_prefix("~/").zip(std::env::home_dir()) {
        Some((rest, home)) => home.join(rest),
        None => PathBuf::from(path),
    }
}

/// Creates tokens from the AWS credentials.
struct Tokens {
    aws: aws::Clients,
    cluster: String,
    region: Option<String>,
}

impl TokenSource for Tokens {
    fn token(&self) -> BoxFuture<'_, std::result::Result<SecretString, BoxError>> {
        async { self.aws.cluster_token(&self.cluster, self.region.as_deref()).await.map_err(BoxError::from) }.boxed()
    }
}

fn another_cluster(own: Option<&ClusterName>, cluster: &ClusterName, given: &Given) -> Diagnostics {
    let names = match given.from_environment {
        Some(variable) => format!("The environment variable {variable} names one API server"),
        None => "`kubernetes` of the provider's configuration names one API server".to_owned(),
    };
    let (summary, detail) = match own {
        Some(own) => (
            "The provider's `kubernetes` is for another cluster",
            format!("{names}, that of its `cluster_name`, `{own}`, and this is for cluster `{cluster}`."),
        ),
        None => (
            "The provider's `kubernetes` may be for another cluster",
            format!(
                "{names}, and nothing says that it is that of cluster `{cluster}`. Nothing was sent to it.\n\nIf it is, set `cluster_name = \"{cluster}\"` in the provider's configuration."
            ),
        ),
    };
    let remedy = match given.from_environment {
        Some(variable) => format!("Otherwise unset {variable} for this provider"),
        None => "Otherwise leave `host` and `config_path` out".to_owned(),
    };
    Diagnostic::error(
        summary,
        format!("{detail}\n\n{remedy}, so that every cluster's endpoint is found by its name, or use a provider configuration of its own (`provider = ekshybrid.NAME`) for each cluster that is reached this way."),
    )
    .at(Path::attribute(Config::NAMES.cluster_name))
    .into()
}

fn unusable(error: &kube::Error) -> Diagnostics {
    Diagnostic::error("Could not use the provider's `kubernetes`", format!("{error}.")).into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use framework::model::Secret;

    use super::*;
    use crate::kube::Caller;

    fn settings(set: impl FnOnce(&mut Kubernetes)) -> Kubernetes {
        let mut settings = Kubernetes {
            host: None,
            cluster_ca_certificate: None,
            insecure: None,
            token: None,
            client_certificate: None,
            client_key: None,
            exec: None,
            config_path: None,
            config_context: None,
            tls_server_name: None,
            proxy_url: None,
            tunnel: None,
        };
        set(&mut settings);
        settings
    }

    fn given(settings: &Kubernetes, environment: &[(&str, &str)]) -> Given {
        let environment: BTreeMap<&str, &str> = environment.iter().copied().collect();
        Given::of(Some(settings), &|name| environment.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn arguments_go_before_the_environment() {
        let exec = |settings: &mut Kubernetes| {
            settings.exec = Some(super::super::config::Exec {
                api_version: "client.authentication.k8s.io/v1".to_owned(),
                command: "true".to_owned(),
                args: None,
                env: None,
            });
        };
        let certificate = |settings: &mut Kubernetes| {
            settings.client_certificate = Some("c".to_owned());
            settings.client_key = Some(Secret::new("k".to_owned()));
        };
        let token = ("KUBE_TOKEN", "t");
        let pair = [("KUBE_CLIENT_CERT_DATA", "c"), ("KUBE_CLIENT_KEY_DATA", "k")];
        for (settings, environment, expected) in [
            (settings(exec), vec![token], Some(Caller::Exec)),
            (settings(exec), pair.to_vec(), Some(Caller::Exec)),
            (settings(certificate), vec![token], Some(Caller::Certificate)),
            (
                settings(|all| all.client_certificate = Some("c".to_owned())),
                vec![token, pair[1]],
                Some(Caller::Certificate),
            ),
            (settings(|all| all.token = Some(Secret::new("x".to_owned()))), pair.to_vec(), Some(Caller::Token)),
            (settings(|_| ()), vec![token, pair[0], pair[1]], Some(Caller::Token)),
            (settings(|_| ()), pair.to_vec(), Some(Caller::Certificate)),
            (settings(|_| ()), vec![("KUBE_CONFIG_PATH", "/k")], Some(Caller::Kubeconfig)),
            (settings(|_| ()), vec![], None),
        ] {
            let given = given(&settings, &environment);
            assert_eq!(given.credentials.as_ref().map(Credentials::caller), expected, "{settings:?} {environment:?}");
        }
    }

    #[test]
    fn an_api_server_that_is_named_anywhere_is_that_of_one_cluster() {
        let path = settings(|all| all.config_path = Some("/k".to_owned()));
        for (settings, environment, expected) in [
            (settings(|_| ()), vec![], (false, None)),
            (settings(|_| ()), vec![("KUBE_HOST", "https://h")], (true, Some("KUBE_HOST"))),
            (settings(|_| ()), vec![("KUBE_CONFIG_PATH", "/k")], (true, Some("KUBE_CONFIG_PATH"))),
            (path, vec![], (true, None)),
        ] {
            let given = given(&settings, &environment);
            assert_eq!((given.names_one_server(), given.from_environment), expected, "{environment:?}");
        }
        // Without the block, the environment is meant for others.
        assert!(!Given::of(None, &|_| Some("x".to_owned())).names_one_server());
    }
}
