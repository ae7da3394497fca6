//! How requests reach AWS: connections opened on first use, proxies, trusted certificates, and which connection
//! failures are worth a retry.
//!
//! The SDK decides on retries by the kind of a transport error. Its rule is right for requests that may be sent
//! twice; this module adds two limits. An unreachable host is reported within seconds, not after 25 attempts; and a
//! request that creates something without an idempotency token is not retried once it may have arrived.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;
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

use super::error::Error;
use crate::net::causes::{find, texts};
use crate::net::local::is_local;
use crate::net::proxy::Proxies;
use crate::net::trust;

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

/// Checks both URLs by the rule of the SDK's connector.
pub(super) fn check(proxies: &Proxies) -> Result<(), Error> {
    Ok(proxies.check(|address| ProxyConfig::all(address).is_ok())?)
}

fn config(proxies: &Proxies, https: bool) -> Option<ProxyConfig> {
    let config =
        if https { ProxyConfig::https(proxies.https.as_deref()?) } else { ProxyConfig::http(proxies.http.as_deref()?) };
    let config = config.ok()?;
    Some(match &proxies.direct {
        Some(hosts) => config.no_proxy(hosts),
        None => config,
    })
}

/// The HTTP client of every AWS client. Clones share connections.
#[derive(Clone)]
pub(super) struct Transport(Arc<Wiring>);

struct Wiring {
    proxies: Proxies,
    ca_bundle: Option<PathBuf>,
    /// What the User-Agent header ends with; empty for nothing.
    agent: String,
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
    pub(super) fn new(proxies: Proxies, ca_bundle: Option<PathBuf>, agent: String) -> Self {
        Self(Arc::new(Wiring { proxies, ca_bundle, agent, connectors: Mutex::default() }))
    }

    /// The status of the answer to one GET, or why none came.
    pub(super) async fn status(&self, url: &str) -> Result<u16, String> {
        let mut request = HttpRequest::empty();
        request.set_uri(url).map_err(|error| error.to_string())?;
        request.headers_mut().insert("user-agent", concat!("terraform-provider-ekshybrid/", env!("CARGO_PKG_VERSION")));
        let wiring = Arc::clone(&self.0);
        let sender = OnDemand { wiring, connect: Some(CONNECT_TIMEOUT), read: Some(READ_TIMEOUT) };
        match sender.call(request).await {
            Ok(answer) => Ok(answer.status().as_u16()),
            Err(error) => Err(find::<Unreached>(&error).map_or_else(|| cause(&error), ToString::to_string)),
        }
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
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        append_agent(&mut request, &self.wiring.agent);
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

/// Appends to the User-Agent header, which SigV4 does not sign.
fn append_agent(request: &mut HttpRequest, agent: &str) {
    if agent.is_empty() {
        return;
    }
    let own = request.headers().get("user-agent").unwrap_or_default();
    let whole = format!("{own} {agent}").trim_start().to_owned();
    // Refused only for characters that no header may have, which the settings leave out.
    if request.headers_mut().try_insert("user-agent", whole).is_err() {
        tracing::debug!("the User-Agent header is left as it is");
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
            Err(trust::unusable("the certificates that this system trusts could not be loaded").into())
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
        builder.set_proxy_config(route.proxied.then(|| config(&self.proxies, route.https)).flatten());
        // A proxy may itself be reached over TLS, so only an unproxied http route needs no certificates.
        let plain = !route.https && (!route.proxied || self.proxies.http.is_none());
        if plain {
            return Ok(SharedHttpConnector::new(builder.build_http()));
        }
        let mut store = TrustStore::default();
        if let Some(path) = &self.ca_bundle {
            // The TLS layer panics on an invalid one.
            store = store.with_pem_certificate(trust::bundle(path)?.pem);
        }
        let context = TlsContext::builder()
            .with_trust_store(store)
            .build()
            .map_err(|error| trust::unusable(error.to_string()))?;
        let connector = builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build();
        Ok(SharedHttpConnector::new(connector))
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
    texts(error).pop().unwrap_or_default()
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
