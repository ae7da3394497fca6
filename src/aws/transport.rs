//! How requests reach AWS: connections opened on first use, proxies, trusted certificates, and which connection
//! failures are worth a retry.
//!
//! The SDK decides on retries by the kind of a transport error. Its rule is right for requests that may be sent
//! twice; this module adds two limits. An unreachable host is reported within seconds, not after 25 attempts; and a
//! request that creates something without an idempotency token is not retried once it may have arrived.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::error::{Error, chain};

/// Timeout for connecting, TLS included.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout for a response once the request is sent.
pub(super) const READ_TIMEOUT: Duration = Duration::from_mins(1);
/// Attempts if the name is not resolved or the connection is refused: with the retry policy's backoff from 0.2 s, at
/// most 6.2 s in all. `hashicorp/aws` stops after ten.
const ATTEMPTS_REFUSED: u32 = 6;
/// Attempts if nothing responds at all: each one costs [`CONNECT_TIMEOUT`].
const ATTEMPTS_SILENT: u32 = 2;
/// Attempts if the connection is open and the response does not arrive: each one costs [`READ_TIMEOUT`].
const ATTEMPTS_UNANSWERED: u32 = 2;
/// Operations (`X-Amz-Target`) that create something and have no idempotency token.
const NOT_REPEATABLE: &[&str] = &["AmazonSSM.CreateActivation"];

/// The proxy for each scheme. Loopback and link-local addresses never use a proxy: those are this machine and the
/// metadata services.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Proxies {
    pub(super) http: Option<String>,
    pub(super) https: Option<String>,
    pub(super) direct: Option<String>,
}

impl Proxies {
    /// Validates both URLs, so that an invalid one is reported by name and not as a failed connection.
    pub(super) fn check(&self) -> Result<(), Error> {
        for (argument, address) in [("http_proxy", &self.http), ("https_proxy", &self.https)] {
            if let Some(address) = address {
                // The URL may contain a password: the message does not repeat it.
                ProxyConfig::all(address.as_str()).map_err(|_| {
                    Error::configuration(
                        argument,
                        "it is not the address of a proxy, such as `http://proxy.example.com:3128`",
                    )
                })?;
            }
        }
        Ok(())
    }

    fn config(&self, https: bool) -> Option<ProxyConfig> {
        let config =
            if https { ProxyConfig::https(self.https.as_deref()?) } else { ProxyConfig::http(self.http.as_deref()?) };
        let config = config.ok()?;
        Some(match &self.direct {
            Some(hosts) => config.no_proxy(hosts),
            None => config,
        })
    }
}

/// The HTTP client of every AWS client. Clones share connections.
#[derive(Clone)]
pub(super) struct Transport(Arc<Wiring>);

struct Wiring {
    proxies: Proxies,
    ca_bundle: Option<PathBuf>,
    connectors: Mutex<HashMap<Route, SharedHttpConnector>>,
}

/// The properties that make two connections interchangeable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Route {
    https: bool,
    proxied: bool,
    connect: Option<Duration>,
    read: Option<Duration>,
}

impl Transport {
    /// Reads nothing and opens nothing.
    pub(super) fn new(proxies: Proxies, ca_bundle: Option<PathBuf>) -> Self {
        Self(Arc::new(Wiring { proxies, ca_bundle, connectors: Mutex::default() }))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Proxy URLs may contain passwords.
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

impl HttpClient for Transport {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(OnDemand {
            wiring: Arc::clone(&self.0),
            connect: settings.connect_timeout(),
            read: settings.read_timeout(),
        })
    }
}

/// Creates the real connector on the first request.
struct OnDemand {
    wiring: Arc<Wiring>,
    connect: Option<Duration>,
    read: Option<Duration>,
}

impl fmt::Debug for OnDemand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnDemand").field("connect", &self.connect).field("read", &self.read).finish_non_exhaustive()
    }
}

impl HttpConnector for OnDemand {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = Target::of(&request);
        let route =
            Route { https: target.https, proxied: !is_local(&target.host), connect: self.connect, read: self.read };
        let wiring = Arc::clone(&self.wiring);
        HttpConnectorFuture::new(async move {
            let connector = wiring.connector(route).await.map_err(|error| ConnectorError::user(error.into()))?;
            connector.call(request).await.map_err(|error| target.judge(error))
        })
    }
}

impl Wiring {
    async fn connector(self: Arc<Self>, route: Route) -> Result<SharedHttpConnector, Error> {
        let known = self.connectors.lock().unwrap_or_else(PoisonError::into_inner).get(&route).cloned();
        if let Some(connector) = known {
            return Ok(connector);
        }
        // The system's certificates are files; reading them must not block other calls.
        let wiring = Arc::clone(&self);
        let connector = tokio::task::spawn_blocking(move || wiring.connect(route)).await.unwrap_or_else(|_| {
            Err(Error::configuration(
                "custom_ca_bundle",
                "the certificates that this system trusts could not be loaded",
            ))
        })?;
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(connectors.entry(route).or_insert(connector).clone())
    }

    fn connect(&self, route: Route) -> Result<SharedHttpConnector, Error> {
        let mut settings = HttpConnectorSettings::builder();
        settings.set_connect_timeout(route.connect);
        settings.set_read_timeout(route.read);
        let mut builder = Connector::builder();
        builder.set_connector_settings(Some(settings.build()));
        builder.set_proxy_config(route.proxied.then(|| self.proxies.config(route.https)).flatten());
        // A proxy may itself be reached over TLS, so only an unproxied http route needs no certificates.
        let plain = !route.https && (!route.proxied || self.proxies.http.is_none());
        if plain {
            return Ok(SharedHttpConnector::new(builder.build_http()));
        }
        let mut trust = TrustStore::default();
        if let Some(path) = &self.ca_bundle {
            trust = trust.with_pem_certificate(read_certificates(path)?);
        }
        let context = TlsContext::builder()
            .with_trust_store(trust)
            .build()
            .map_err(|error| Error::configuration("custom_ca_bundle", error.to_string()))?;
        let connector = builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build();
        Ok(SharedHttpConnector::new(connector))
    }
}

/// The PEM text of a certificate bundle, validated here because the TLS layer panics on an invalid one.
fn read_certificates(path: &Path) -> Result<Vec<u8>, Error> {
    let wrong = |problem: String| Error::configuration("custom_ca_bundle", format!("`{}`: {problem}", path.display()));
    let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| wrong(format!("not a PEM certificate: {error:?}")))?;
        roots.add(certificate).map_err(|error| wrong(format!("not a certificate authority: {error}")))?;
    }
    if roots.is_empty() { Err(wrong("holds no PEM certificate".to_owned())) } else { Ok(text) }
}

/// Whether the host is this machine or a metadata service next to it.
fn is_local(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.segments()[..2] == [0xfd00, 0x0ec2],
        Err(_) => bare.eq_ignore_ascii_case("localhost"),
    }
}

/// What is known about a request when its connection breaks.
#[derive(Debug)]
struct Target {
    https: bool,
    host: String,
    address: String,
    attempt: u32,
    repeatable: bool,
}

impl Target {
    fn of(request: &HttpRequest) -> Self {
        let uri: http::Uri = request.uri().parse().unwrap_or_default();
        let header = |name: &str| request.headers().get(name);
        // `amz-sdk-request: attempt=2; max=26`
        let attempt = header("amz-sdk-request")
            .and_then(|text| text.split("attempt=").nth(1))
            .and_then(|text| text.split(';').next()?.trim().parse().ok());
        Self {
            https: uri.scheme_str() == Some("https"),
            host: uri.host().unwrap_or_default().to_owned(),
            address: uri.authority().map(ToString::to_string).unwrap_or_default(),
            attempt: attempt.unwrap_or(1),
            repeatable: header("x-amz-target").is_none_or(|target| !NOT_REPEATABLE.contains(&target)),
        }
    }

    /// Marks a transport error for the SDK's retry policy and for our own classification.
    fn judge(&self, error: ConnectorError) -> ConnectorError {
        let broken = Broken::from(&error);
        let address = self.address.clone();
        match broken.when {
            When::Connecting { silent, refused_for_good } => {
                let attempts = if silent { ATTEMPTS_SILENT } else { ATTEMPTS_REFUSED };
                let again = !refused_for_good && self.attempt < attempts;
                let unreached = Box::new(Unreached { address, cause: broken.cause, source: error });
                if again { ConnectorError::io(unreached) } else { ConnectorError::other(unreached, None) }
            }
            When::Later if !self.repeatable => {
                ConnectorError::other(Box::new(AnswerLost { cause: broken.cause, source: error }), None)
            }
            When::Later if error.is_timeout() => {
                let again = self.attempt < ATTEMPTS_UNANSWERED;
                let unreached = Box::new(Unreached { address, cause: broken.cause, source: error });
                if again { ConnectorError::timeout(unreached) } else { ConnectorError::other(unreached, None) }
            }
            When::Later => error,
        }
    }
}

/// The transport's judgement of a broken connection, for tests that bring their own network.
#[cfg(test)]
pub(super) fn judge(request: &HttpRequest, error: ConnectorError, repeatable: bool) -> ConnectorError {
    let target = Target::of(request);
    assert_eq!(target.repeatable, repeatable, "{}", request.uri());
    target.judge(error)
}

/// When a connection broke, and why.
struct Broken {
    when: When,
    cause: String,
}

enum When {
    /// Before anything was sent.
    Connecting { silent: bool, refused_for_good: bool },
    /// The request may have arrived.
    Later,
}

impl From<&ConnectorError> for Broken {
    fn from(error: &ConnectorError) -> Self {
        let connecting =
            find::<hyper_util::client::legacy::Error>(error).is_some_and(hyper_util::client::legacy::Error::is_connect);
        if !connecting {
            let cause = if error.is_timeout() {
                format!("no answer within {} s", READ_TIMEOUT.as_secs())
            } else {
                cause(error)
            };
            return Self { when: When::Later, cause };
        }
        let silent = error.is_timeout();
        let cause = if silent { format!("no connection within {} s", CONNECT_TIMEOUT.as_secs()) } else { cause(error) };
        // A certificate that is not trusted now will not be trusted on the next attempt either.
        let refused_for_good = cause.contains("certificate");
        Self { when: When::Connecting { silent, refused_for_good }, cause }
    }
}

/// The innermost cause, in the words of the operating system or TLS library.
pub(super) fn cause(error: &(dyn StdError + 'static)) -> String {
    if let Some(io) = find::<std::io::Error>(error) {
        return io.to_string();
    }
    chain(error).pop().unwrap_or_default()
}

/// The first error of a given type in a chain of causes.
pub(super) fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// No connection was established, or nothing came over it.
#[derive(Debug, thiserror::Error)]
#[error("cannot reach {address}: {cause}")]
pub(super) struct Unreached {
    pub(super) address: String,
    pub(super) cause: String,
    source: ConnectorError,
}

/// A request that must not be retried was sent, and its response was lost.
#[derive(Debug, thiserror::Error)]
#[error("the connection was lost before the answer came: {cause}")]
pub(super) struct AnswerLost {
    pub(super) cause: String,
    source: ConnectorError,
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;
