//! An API server's address, and the credentials of the caller.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use hyper_util::client::proxy::matcher::Matcher;
use kube::client::AuthError;
use kube::config::{AuthInfo, ExecConfig, ExecInteractiveMode, KubeConfigOptions, Kubeconfig, NamedAuthInfo};
use secrecy::SecretString;

use super::error::{Attempt, BoxError, Caller, Error, Kind, Result};
use super::tunnel::Tunnel;
use crate::net::local::is_loopback;
use crate::net::{causes, trust};

/// Provides a bearer token for each request.
pub trait TokenSource: Send + Sync {
    /// A currently valid token.
    fn token(&self) -> BoxFuture<'_, std::result::Result<SecretString, BoxError>>;
}

/// One API server and how to connect to it.
#[derive(Clone)]
pub struct Target {
    /// Name of the cluster, for messages.
    pub cluster: String,
    /// The API server.
    pub server: Server,
    /// The caller's credentials.
    pub credentials: Credentials,
    /// Name to expect in the server's certificate, if it differs from the host name.
    pub tls_server_name: Option<String>,
    /// Proxy to use. It may contain a password.
    pub proxy: Option<SecretString>,
    /// The way for all connections; then no proxy is used.
    pub tunnel: Option<Arc<dyn Tunnel>>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("cluster", &self.cluster)
            .field("server", &self.server)
            .field("credentials", &self.credentials)
            .field("tls_server_name", &self.tls_server_name)
            .field("has_tunnel", &self.tunnel.is_some())
            .finish_non_exhaustive()
    }
}

/// An API server.
#[derive(Clone, Debug)]
pub enum Server {
    /// By its URL.
    Address {
        /// `https://…`.
        url: String,
        /// PEM certificates of its CA. `None`: those that the system trusts.
        authority: Option<Vec<u8>>,
        /// Do not verify its certificate.
        insecure: bool,
    },
    /// From a kubeconfig file, including credentials unless others are given.
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// The context; otherwise the file's current one.
        context: Option<String>,
        /// URL that overrides the file's.
        url: Option<String>,
        /// PEM certificates that override the file's.
        authority: Option<Vec<u8>>,
        /// Do not verify the server's certificate.
        insecure: bool,
    },
}

/// The caller's credentials.
#[derive(Clone)]
pub enum Credentials {
    /// A token for each request.
    Minted(Arc<dyn TokenSource>),
    /// One token.
    Token(SecretString),
    /// A client certificate and its key, in PEM format.
    Certificate {
        /// The certificate.
        certificate: String,
        /// Its key.
        key: SecretString,
    },
    /// A program that prints an ExecCredential.
    Exec(Exec),
    /// Those in the kubeconfig file.
    Kubeconfig,
}

impl Credentials {
    /// The kind of credentials.
    #[must_use]
    pub fn caller(&self) -> Caller {
        match self {
            Self::Minted(_) => Caller::Minted,
            Self::Token(_) => Caller::Token,
            Self::Certificate { .. } => Caller::Certificate,
            Self::Exec(_) => Caller::Exec,
            Self::Kubeconfig => Caller::Kubeconfig,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minted(_) => "Minted",
            Self::Token(_) => "Token",
            Self::Certificate { .. } => "Certificate",
            Self::Exec(_) => "Exec",
            Self::Kubeconfig => "Kubeconfig",
        })
    }
}

/// A program that prints an ExecCredential.
#[derive(Clone, Debug)]
pub struct Exec {
    /// `client.authentication.k8s.io/v1` or `/v1beta1`.
    pub api_version: String,
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Environment variables in addition to those of this process.
    pub env: BTreeMap<String, String>,
}

impl Target {
    /// The configuration for the kube crate, and the token source if there is one. Reads the kubeconfig file.
    pub(super) async fn config(&self) -> Result<(kube::Config, Option<Arc<dyn TokenSource>>)> {
        let mut config = match &self.server {
            Server::Address { url, authority, insecure } => {
                let mut config = kube::Config::new(self.uri("host", url)?);
                config.proxy_url = self.proxy_of(&config.cluster_url, &variable)?;
                config.root_cert = authority.as_deref().map(|pem| self.certificates(pem)).transpose()?;
                config.accept_invalid_certs = *insecure;
                config
            }
            Server::Kubeconfig { path, context, url, authority, insecure } => {
                let mut config = self.kubeconfig(path, context.as_deref()).await?;
                if let Some(url) = url {
                    config.cluster_url = self.uri("host", url)?;
                }
                if let Some(pem) = authority {
                    config.root_cert = Some(self.certificates(pem)?);
                }
                config.accept_invalid_certs |= insecure;
                config
            }
        };
        if let Some(name) = &self.tls_server_name {
            config.tls_server_name = Some(name.clone());
        }
        if let Some(proxy) = &self.proxy {
            use secrecy::ExposeSecret;
            let uri = proxy.expose_secret().parse();
            // The URL may contain a password, so it is not quoted.
            config.proxy_url =
                Some(uri.map_err(|_: http::uri::InvalidUri| {
                    self.unusable("proxy_url", "it is not the address of a proxy")
                })?);
        }
        let mut tokens = None;
        match &self.credentials {
            Credentials::Minted(source) => {
                config.auth_info = AuthInfo::default();
                tokens = Some(Arc::clone(source));
            }
            Credentials::Token(token) => {
                config.auth_info = AuthInfo { token: Some(token.clone()), ..AuthInfo::default() };
            }
            Credentials::Certificate { certificate, key } => {
                use base64::Engine as _;
                use secrecy::ExposeSecret;
                let encode = |pem: &str| base64::engine::general_purpose::STANDARD.encode(pem);
                config.auth_info = AuthInfo {
                    client_certificate_data: Some(encode(certificate)),
                    client_key_data: Some(SecretString::from(encode(key.expose_secret()))),
                    ..AuthInfo::default()
                };
            }
            Credentials::Exec(exec) => {
                config.auth_info = AuthInfo { exec: Some(exec.config()), ..AuthInfo::default() };
            }
            Credentials::Kubeconfig => {}
        }
        Ok((config, tokens))
    }

    async fn kubeconfig(&self, path: &std::path::Path, context: Option<&str>) -> Result<kube::Config> {
        let unusable = |problem: String| self.unusable("config_path", &problem);
        let file = Kubeconfig::read_from(path).map_err(|error| unusable(reason(&error)))?;
        let names = |contexts: &[kube::config::NamedContext]| {
            contexts.iter().map(|context| format!("`{}`", context.name)).collect::<Vec<_>>().join(", ")
        };
        let wanted = context.map(str::to_owned).or_else(|| file.current_context.clone());
        if let Some(wanted) = wanted.as_deref()
            && !file.contexts.iter().any(|context| context.name == wanted)
        {
            let problem = format!("`{}` has no context `{wanted}`; it has {}", path.display(), names(&file.contexts));
            return Err(self.unusable(if context.is_some() { "config_context" } else { "config_path" }, &problem));
        }
        let mut file = file;
        if !matches!(self.credentials, Credentials::Kubeconfig) {
            // Other credentials are given: do not run the program in the file for nothing.
            for user in &mut file.auth_infos {
                *user = NamedAuthInfo { auth_info: None, ..user.clone() };
            }
        }
        let has_proxy = wanted.as_deref().is_some_and(|wanted| {
            let chosen = file.contexts.iter().find(|one| one.name == wanted).and_then(|one| one.context.as_ref());
            let server = file.clusters.iter().find(|one| chosen.is_some_and(|chosen| chosen.cluster == one.name));
            let cluster = server.and_then(|server| server.cluster.as_ref());
            cluster.and_then(|cluster| cluster.proxy_url.as_ref()).is_some_and(|proxy| !proxy.is_empty())
        });
        let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
        let config = kube::Config::from_custom_kubeconfig(file, &options).await;
        let mut config = config.map_err(|error| unusable(reason(&error)))?;
        if !has_proxy {
            // The kube crate reads the environment itself, and compares NO_PROXY with the proxy's own address.
            config.proxy_url = self.proxy_of(&config.cluster_url, &variable)?;
        }
        Ok(config)
    }

    /// The proxy that the environment sets for an API server. Source: ProxyFromEnvironment of Go's net/http, which
    /// kubectl and Terraform's other providers follow: none for the local machine.
    fn proxy_of(&self, url: &http::Uri, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<http::Uri>> {
        let either = |upper: &str, lower: &str| variable(upper).or_else(|| variable(lower));
        let (name, proxy) = match url.scheme_str() {
            Some("http") => ("HTTP_PROXY", either("HTTP_PROXY", "http_proxy")),
            _ => ("HTTPS_PROXY", either("HTTPS_PROXY", "https_proxy")),
        };
        let Some(proxy) = proxy else { return Ok(None) };
        let direct = either("NO_PROXY", "no_proxy").unwrap_or_default();
        let is_here = is_loopback(url.host().unwrap_or_default());
        // The URL may contain a password, so it is not quoted.
        let wrong = |_: http::uri::InvalidUri| {
            self.unusable("proxy_url", &format!("{name} of the environment is not the address of a proxy"))
        };
        let proxy = if proxy.contains("://") { proxy } else { format!("http://{proxy}") };
        let address: http::Uri = proxy.parse().map_err(wrong)?;
        let matcher = Matcher::builder().all(proxy.as_str()).no(direct.as_str()).build();
        Ok((!is_here && matcher.intercept(url).is_some()).then_some(address))
    }

    fn uri(&self, argument: &'static str, text: &str) -> Result<http::Uri> {
        text.parse().map_err(|_| self.unusable(argument, &format!("`{text}` is not an address")))
    }

    fn certificates(&self, pem: &[u8]) -> Result<Vec<Vec<u8>>> {
        match trust::certificates(pem) {
            Ok(found) if !found.is_empty() => Ok(found.into_iter().map(|one| one.as_ref().to_vec()).collect()),
            _ => Err(self.unusable("cluster_ca_certificate", "it holds no certificate in PEM form")),
        }
    }

    fn unusable(&self, argument: &'static str, problem: &str) -> Error {
        Error::new(Kind::Configuration { argument, problem: problem.to_owned() }, Attempt::connect(), &self.cluster)
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Exec {
    fn config(&self) -> ExecConfig {
        let variable = |(name, value): (&String, &String)| {
            [("name".to_owned(), name.clone()), ("value".to_owned(), value.clone())].into()
        };
        ExecConfig {
            api_version: Some(self.api_version.clone()),
            command: Some(self.command.clone()),
            args: Some(self.args.clone()),
            env: Some(self.env.iter().map(variable).collect()),
            interactive_mode: Some(ExecInteractiveMode::Never),
            ..ExecConfig::default()
        }
    }
}

/// The innermost cause of an error, which is the informative one. The output of a credential plugin, or its
/// environment, is never part of it: it may be a token.
pub(super) fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    match causes::find(error) {
        Some(AuthError::AuthExecRun { out, .. }) => {
            format!(
                "the program ended with {}; run it by hand, with its arguments and environment, to see why",
                out.status
            )
        }
        Some(AuthError::AuthExecParse(_)) => "the program printed no ExecCredential".to_owned(),
        _ => causes::innermost(error),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::kube::Client;

    #[test]
    fn the_environment_names_a_proxy() {
        let target = Target {
            cluster: "workshop".to_owned(),
            server: Server::Address { url: String::new(), authority: None, insecure: true },
            credentials: Credentials::Kubeconfig,
            tls_server_name: None,
            proxy: None,
            tunnel: None,
        };
        let eks = "https://0123.gr7.us-west-2.eks.amazonaws.com";
        let proxy = ("HTTPS_PROXY", "http://u:p@proxy.example:3128");
        for (url, environment, expected) in [
            (eks, vec![], None),
            (eks, vec![proxy], Some("http://u:p@proxy.example:3128/")),
            (eks, vec![("https_proxy", "proxy.example:3128")], Some("http://proxy.example:3128/")),
            (eks, vec![("HTTP_PROXY", "http://proxy.example:3128")], None),
            (eks, vec![proxy, ("NO_PROXY", "10.0.0.0/8,.eks.amazonaws.com")], None),
            (eks, vec![proxy, ("no_proxy", "*")], None),
            (eks, vec![proxy, ("NO_PROXY", "example.com")], Some("http://u:p@proxy.example:3128/")),
            ("https://10.1.2.3:6443", vec![proxy, ("NO_PROXY", "10.0.0.0/8")], None),
            ("https://127.0.0.1:6443", vec![proxy], None),
            ("https://[::1]:6443", vec![proxy], None),
            ("https://localhost:6443", vec![proxy], None),
        ] {
            let environment: BTreeMap<&str, &str> = environment.into_iter().collect();
            let found = target.proxy_of(&url.parse().expect("an address"), &|name| {
                environment.get(name).map(|value| (*value).to_owned())
            });
            let found = found.expect("an address").map(|proxy| proxy.to_string());
            assert_eq!(found.as_deref(), expected, "{url} {environment:?}");
        }
        let wrong = target.proxy_of(&eks.parse().expect("an address"), &|_| Some("a b".to_owned()));
        let text = wrong.expect_err("no address").to_string();
        assert!(text.contains("HTTPS_PROXY") && !text.contains("a b"), "{text}");
    }

    #[tokio::test]
    async fn a_program_that_fails_is_told_without_what_it_knows() {
        for (script, told) in [
            ("echo the-token; echo the-reason >&2; exit 3", "exit status: 3"),
            ("echo 'token: the-token'", "did not contain a status"),
            ("echo '{\"status\": {\"token\": [\"the-token\"]}}'", "no ExecCredential"),
        ] {
            let exec = Exec {
                api_version: "client.authentication.k8s.io/v1".to_owned(),
                command: "sh".to_owned(),
                args: vec!["-c".to_owned(), script.to_owned()],
                env: [("KEY".to_owned(), "the-key".to_owned())].into(),
            };
            let target = Target {
                cluster: "workshop".to_owned(),
                server: Server::Address { url: "https://127.0.0.1:1".to_owned(), authority: None, insecure: true },
                credentials: Credentials::Exec(exec),
                tls_server_name: None,
                proxy: None,
                tunnel: None,
            };
            let error = Client::new(&target).await.expect_err(script);
            let text = format!("{error} {error:?}");
            assert!(text.contains(told), "{script}: {text}");
            for secret in ["the-token", "the-key"] {
                assert!(!text.contains(secret), "{script}: {text}");
            }
        }
    }
}
