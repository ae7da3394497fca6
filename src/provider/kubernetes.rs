//! The way to a cluster's Kubernetes API: what the provider's `kubernetes` says, and for the rest what EKS says of the
//! cluster and who the AWS credentials are.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Maybe, Text};
use framework::path::Path;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use secrecy::SecretString;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::Clients;
use super::clients::Unready;
use super::config::{Config, Kubernetes};
use crate::attributes::{ClusterName, Region, explain};
use crate::aws;
use crate::kube::{self, BoxError, Credentials, Exec, Server, Target, TokenSource};

/// What is known of the way to a cluster.
#[derive(Debug)]
pub enum Way {
    /// It can be used.
    Open(kube::Client),
    /// EKS knows no such cluster.
    NoCluster(aws::Error),
    /// There is a cluster without an API server that could be asked. The text is its status: `CREATING`.
    NotReady(String),
    /// The provider's configuration is known only after apply; the text is the argument that is not known yet.
    Unknown(&'static str),
}

/// Connections that were made in this run, by region and cluster.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<HashMap<(Option<String>, String), Arc<OnceCell<kube::Client>>>>);

impl Connections {
    fn cell(&self, cluster: &ClusterName, region: Option<&Region>) -> Arc<OnceCell<kube::Client>> {
        let key = (region.map(|region| region.as_str().to_owned()), cluster.as_str().to_owned());
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
    }
}

impl Clients {
    /// The way to the Kubernetes API of `cluster` in `region` (default: the provider's). Nothing is sent to the API
    /// server here; EKS is asked for endpoint and certificate authority, once for a cluster and run, when the
    /// provider's `kubernetes` does not give them.
    ///
    /// # Errors
    /// When EKS cannot be asked, or the settings cannot be used.
    pub async fn way_to(
        &self,
        cluster: &ClusterName,
        region: Option<&Region>,
        cancel: &CancellationToken,
    ) -> Result<Way> {
        let Maybe::Known(settings) = &self.kubernetes else { return Ok(Way::Unknown(Config::NAMES.kubernetes)) };
        let settings = settings.as_ref();
        if settings.is_some_and(|settings| settings.host.is_some() || settings.config_path.is_some())
            && let Maybe::Known(Some(own)) = &self.defaults.cluster_name
            && own != cluster
        {
            return Err(another_cluster(own, cluster));
        }
        let cell = self.connections.cell(cluster, region);
        if let Some(client) = cell.get() {
            return Ok(Way::Open(client.with_cancel(cancel.clone())));
        }
        let target = match target(settings, cluster, region, &self.aws, cancel).await? {
            Ok(target) => target,
            Err(other) => return Ok(other),
        };
        let client = cell.get_or_try_init(|| kube::Client::new(&target)).await;
        let client = client.map_err(|error| unusable(&error))?;
        Ok(Way::Open(client.with_cancel(cancel.clone())))
    }
}

/// Makes the target, or says why there is none. `cancel` ends the question to EKS; the target outlives the call.
async fn target(
    settings: Option<&Kubernetes>,
    cluster: &ClusterName,
    region: Option<&Region>,
    aws: &std::result::Result<aws::Clients, Unready>,
    cancel: &CancellationToken,
) -> Result<std::result::Result<Target, Way>> {
    let given = Given::of(settings);
    let needs_endpoint = given.host.is_none() && given.config_path.is_none();
    let needs_authority = given.config_path.is_none() && given.authority.is_none() && !given.insecure;
    let mut endpoint = given.host.clone();
    let mut authority = given.authority.clone().map(String::into_bytes);
    // What a token is for; a local cluster on an Outpost goes by its id.
    let mut token_for = cluster.as_str().to_owned();
    if needs_endpoint || needs_authority {
        let aws = match aws {
            Ok(aws) => aws.with_cancel(cancel.clone()),
            Err(unready) => return Ok(Err(Way::Unknown(unready.argument))),
        };
        let found = match aws.eks(region.map(Region::as_str)).cluster(cluster.as_str()).await {
            Ok(found) => found,
            Err(error) if error.is_not_found() => return Ok(Err(Way::NoCluster(error))),
            Err(error) => return Err(explain("Could not find the cluster's endpoint", &error, None)),
        };
        let (Some(address), Some(data)) = (&found.endpoint, &found.certificate_authority) else {
            return Ok(Err(Way::NotReady(found.status.clone())));
        };
        if matches!(found.status.as_str(), "CREATING" | "PENDING" | "FAILED") {
            return Ok(Err(Way::NotReady(found.status.clone())));
        }
        if let (Some(id), Some(_)) = (&found.id, &found.outpost) {
            token_for.clone_from(id);
        }
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
            Ok(aws) => aws.clone(),
            Err(unready) => return Ok(Err(Way::Unknown(unready.argument))),
        };
        let region = region.map(|region| region.as_str().to_owned());
        Credentials::Minted(Arc::new(Tokens { aws, cluster: token_for, region }))
    };
    let server = match (given.config_path, endpoint) {
        (Some(path), url) => {
            Server::Kubeconfig { path, context: given.context, url, authority, insecure: given.insecure }
        }
        (None, Some(url)) => Server::Address { url, authority, insecure: given.insecure },
        // EKS was asked for it above.
        (None, None) => return Ok(Err(Way::NotReady("without an endpoint".to_owned()))),
    };
    Ok(Ok(Target {
        cluster: cluster.as_str().to_owned(),
        server,
        credentials,
        tls_server_name: given.tls_server_name,
        proxy: given.proxy,
    }))
}

/// The provider's `kubernetes`, completed by the environment as the Kubernetes provider does it. Without the argument
/// the environment does not count either: it may be meant for another provider and another cluster.
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
}

impl Given {
    fn of(settings: Option<&Kubernetes>) -> Self {
        let Some(settings) = settings else { return Self::default() };
        let config_path = settings.config_path.clone().or_else(|| variable("KUBE_CONFIG_PATH")).map(expanded);
        let owned = |secret: &framework::model::Secret<String>| SecretString::from(secret.expose().clone());
        let token = settings.token.as_ref().map(owned).or_else(|| variable("KUBE_TOKEN").map(SecretString::from));
        let certificate = settings.client_certificate.clone().or_else(|| variable("KUBE_CLIENT_CERT_DATA"));
        let key = settings.client_key.as_ref().map(owned);
        let key = key.or_else(|| variable("KUBE_CLIENT_KEY_DATA").map(SecretString::from));
        let exec = settings.exec.as_ref().map(|exec| Exec {
            api_version: exec.api_version.clone(),
            command: exec.command.clone(),
            args: exec.args.clone().unwrap_or_default(),
            env: exec.env.clone().unwrap_or_default(),
        });
        let credentials = match (token, certificate, key, exec) {
            (Some(token), ..) => Some(Credentials::Token(token)),
            (None, Some(certificate), Some(key), _) => Some(Credentials::Certificate { certificate, key }),
            (None, _, _, Some(exec)) => Some(Credentials::Exec(exec)),
            // A kubeconfig file brings its own; everything else takes the AWS credentials.
            _ => config_path.is_some().then_some(Credentials::Kubeconfig),
        };
        let proxy = settings.proxy_url.as_ref().map(|proxy| proxy.text().to_owned());
        let proxy = proxy.or_else(|| variable("KUBE_PROXY_URL")).filter(|proxy| !proxy.is_empty());
        Self {
            host: settings.host.as_ref().map(|host| host.text().to_owned()).or_else(|| variable("KUBE_HOST")),
            authority: settings.cluster_ca_certificate.clone().or_else(|| variable("KUBE_CLUSTER_CA_CERT_DATA")),
            insecure: settings.insecure.unwrap_or_else(|| variable("KUBE_INSECURE").as_deref() == Some("true")),
            config_path,
            context: settings.config_context.clone().or_else(|| variable("KUBE_CTX")),
            credentials,
            tls_server_name: settings.tls_server_name.clone().or_else(|| variable("KUBE_TLS_SERVER_NAME")),
            proxy: proxy.map(SecretString::from),
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `~/…` is the home folder, as in the Kubernetes provider.
fn expanded(path: String) -> PathBuf {
    match path.strip_prefix("~/").zip(std::env::home_dir()) {
        Some((rest, home)) => home.join(rest),
        None => PathBuf::from(path),
    }
}

/// Tokens from the AWS credentials.
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

fn another_cluster(own: &ClusterName, cluster: &ClusterName) -> framework::diagnostic::Diagnostics {
    Diagnostic::error(
        "The provider's `kubernetes` is for another cluster",
        format!(
            "`kubernetes` of the provider's configuration names the API server of its `cluster_name`, `{own}`, and this is for cluster `{cluster}`. Use a provider configuration of its own (`provider = ekshybrid.NAME`) for each cluster that is reached this way, or leave `host` and `config_path` out, so that every cluster's endpoint is found by its name."
        ),
    )
    .at(Path::attribute("cluster_name"))
    .into()
}

fn unusable(error: &kube::Error) -> framework::diagnostic::Diagnostics {
    Diagnostic::error("Could not use the provider's `kubernetes`", format!("{error}.")).into()
}
