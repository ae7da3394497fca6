//! Connections: direct, or through a proxy; TLS with the system's certificates and the user's own.
//!
//! Fetching a chart is three to five requests, mostly to different hosts, so its connections are not kept. Copying
//! images is thousands to two hosts; [`Wiring::keeping`] reuses them.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::OnceCell;
use tower::Service;
use url::Url;

use crate::charts::error::{Cause, Error};
use crate::net::causes::{find, innermost};
use crate::net::local::is_local;
use crate::net::proxy::{Proxies, Refusal};
use crate::net::{Unusable, trust};

/// Time for a connection to come up, by TCP.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a connection to be ready, with proxy and TLS.
const READY_TIMEOUT: Duration = Duration::from_secs(15);
/// Time for the head of an answer once the request is sent.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// Time without a byte on its way, while a body is sent and the server works on it.
const BODY_TIMEOUT: Duration = Duration::from_mins(5);
/// Most idle connections to one host.
const MAX_IDLE: usize = 32;

/// The body of a request.
pub type Body = UnsyncBoxBody<Bytes, Cause>;

/// A body without a byte.
pub(in crate::charts) fn nothing() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// What is sent.
pub(in crate::charts) struct Outgoing<'a> {
    pub(in crate::charts) method: Method,
    pub(in crate::charts) url: &'a Url,
    pub(in crate::charts) headers: HeaderMap,
    pub(in crate::charts) body: Body,
    /// Counts the bytes that have left, if there is a body whose sending may take long.
    pub(in crate::charts) sent: Option<Arc<AtomicU64>>,
}

/// What is trusted in addition to the system's certificates.
#[derive(Debug, Clone, Default)]
pub struct Trusted {
    /// File of PEM certificates, for every host.
    pub bundle: Option<PathBuf>,
    /// Certificate authorities in PEM format, each for one host alone, with its port when it is not the scheme's own.
    pub hosts: HashMap<String, String>,
}

impl From<Option<PathBuf>> for Trusted {
    fn from(bundle: Option<PathBuf>) -> Self {
        Self { bundle, hosts: HashMap::new() }
    }
}

/// Checks a text that is to be in [`Trusted::hosts`].
///
/// # Errors
/// What is wrong with it, without a period.
pub fn check_authorities(pem: &str) -> Result<(), String> {
    trust::authorities(pem.as_bytes()).map(drop)
}

/// Opens connections. Reads certificates when the first one is needed.
pub(in crate::charts) struct Wiring {
    proxies: Proxies,
    trusted: Trusted,
    ready: OnceCell<Ready>,
    /// Open connections by scheme, host and port; `None` if they are not kept.
    kept: Option<Mutex<HashMap<String, Vec<Opened>>>>,
}

/// What all connections share.
struct Ready {
    matcher: Matcher,
    tls: Arc<ClientConfig>,
    /// For hosts with an authority of their own.
    tls_of: HashMap<String, Arc<ClientConfig>>,
}

/// Kinds of connection failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::charts) enum What {
    /// The server does not speak TLS.
    NoTls,
    /// The server's certificate is not trusted.
    Certificate,
    /// The proxy wants a user and a password, or others.
    ProxyPassword,
    /// Any other.
    Other,
}

/// A connection that could not be opened, or broke.
#[derive(Debug)]
pub(in crate::charts) struct Broken {
    /// The reason in the words of the operating system, of TLS or of the proxy.
    pub(in crate::charts) cause: String,
    /// Nothing was sent yet.
    pub(in crate::charts) connecting: bool,
    /// Another attempt would end the same way.
    pub(in crate::charts) for_good: bool,
    pub(in crate::charts) what: What,
    pub(in crate::charts) source: Cause,
}

impl Broken {
    pub(in crate::charts) fn new(connecting: bool, source: Cause) -> Self {
        let tls = find::<rustls::Error>(source.as_ref());
        let cause = cause(source.as_ref());
        let what = match tls {
            Some(rustls::Error::InvalidMessage(_)) => What::NoTls,
            Some(rustls::Error::InvalidCertificate(_)) => What::Certificate,
            _ if Refusal::of(source.as_ref()) == Some(Refusal::WantsPassword) => What::ProxyPassword,
            _ => What::Other,
        };
        Self { cause, connecting, for_good: what != What::Other, what, source }
    }

    pub(in crate::charts) fn silent(connecting: bool, limit: Duration) -> Self {
        let what = if connecting { "no connection" } else { "no answer" };
        let cause = format!("{what} within {} s", limit.as_secs());
        let source = std::io::Error::new(std::io::ErrorKind::TimedOut, cause.clone()).into();
        Self { cause, connecting, for_good: false, what: What::Other, source }
    }
}

impl Wiring {
    /// Reads nothing and opens nothing.
    pub(in crate::charts) fn new(proxies: Proxies, trusted: impl Into<Trusted>) -> Self {
        Self { proxies, trusted: trusted.into(), ready: OnceCell::new(), kept: None }
    }

    /// The same, with connections that are reused.
    pub(in crate::charts) fn keeping(proxies: Proxies, trusted: impl Into<Trusted>) -> Self {
        Self { kept: Some(Mutex::default()), ..Self::new(proxies, trusted) }
    }

    async fn ready(&self) -> Result<&Ready, Error> {
        self.ready
            .get_or_try_init(|| async {
                let matcher = self.proxies.matcher()?;
                let trusted = self.trusted.clone();
                // Files of the system; reading them must not hold up other work.
                let loaded = tokio::task::spawn_blocking(move || configurations(&trusted)).await;
                let loaded = loaded.unwrap_or_else(|_| Err(trust::unusable("the certificates could not be loaded")));
                let (tls, tls_of) = loaded?;
                Ok(Ready { matcher, tls, tls_of })
            })
            .await
    }

    /// Sends one request and brings the head of the answer. The outer error is a wrong setting, the inner one a broken
    /// connection.
    pub(in crate::charts) async fn send(
        &self,
        outgoing: Outgoing<'_>,
    ) -> Result<Result<Response<Incoming>, Broken>, Error> {
        let Outgoing { method, url, mut headers, body, sent } = outgoing;
        let ready = self.ready().await?;
        let Ok(uri) = url.as_str().parse::<Uri>() else {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidInput, "the address cannot be requested");
            return Ok(Err(Broken { for_good: true, ..Broken::new(true, source.into()) }));
        };
        let mut opened = match self.idle(url) {
            Some(opened) => opened,
            None => match tokio::time::timeout(READY_TIMEOUT, ready.open(url, &uri)).await {
                Ok(Ok((sender, whole, authorization))) => Opened { sender, whole, authorization },
                Ok(Err(source)) => return Ok(Err(Broken::new(true, source))),
                Err(_) => return Ok(Err(Broken::silent(true, READY_TIMEOUT))),
            },
        };
        if let Some(authorization) = &opened.authorization {
            headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        if let Ok(host) = HeaderValue::from_str(host) {
            headers.insert(HOST, host);
        }
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() =
            if opened.whole { uri } else { uri.path_and_query().cloned().map(Uri::from).unwrap_or_default() };
        *request.headers_mut() = headers;
        let answer = answered(opened.sender.send_request(request), sent.as_deref()).await;
        if answer.is_ok() {
            self.keep(url, opened);
        }
        Ok(answer)
    }

    /// An open connection to the host of an address on which nothing is on its way.
    fn idle(&self, url: &Url) -> Option<Opened> {
        let mut kept = self.kept.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let there = kept.get_mut(&url[..url::Position::BeforePath])?;
        there.retain(|opened| !opened.sender.is_closed());
        let at = there.iter().position(|opened| opened.sender.is_ready())?;
        Some(there.swap_remove(at))
    }

    /// Keeps a connection; it is ready again when the body of its answer has been read.
    fn keep(&self, url: &Url, opened: Opened) {
        let Some(kept) = &self.kept else { return };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let there = kept.entry(url[..url::Position::BeforePath].to_owned()).or_default();
        there.retain(|opened| !opened.sender.is_closed());
        if there.len() < MAX_IDLE {
            there.push(opened);
        }
    }
}

/// Awaits the head of an answer as long as bytes move.
async fn answered(
    answer: impl Future<Output = hyper::Result<Response<Incoming>>>,
    sent: Option<&AtomicU64>,
) -> Result<Response<Incoming>, Broken> {
    let mut answer = std::pin::pin!(answer);
    let limit = if sent.is_some() { BODY_TIMEOUT } else { ANSWER_TIMEOUT };
    let count = || sent.map_or(0, |sent| sent.load(Ordering::Relaxed));
    loop {
        let before = count();
        match tokio::time::timeout(limit, answer.as_mut()).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(error)) => return Err(Broken::new(false, error.into())),
            Err(_) if count() > before => {}
            Err(_) => return Err(Broken::silent(false, limit)),
        }
    }
}

/// An open connection.
struct Opened {
    sender: SendRequest<Body>,
    /// Whether requests on it name the whole address.
    whole: bool,
    /// What the proxy wants to see on each.
    authorization: Option<HeaderValue>,
}

impl Ready {
    async fn open(&self, url: &Url, uri: &Uri) -> Result<(SendRequest<Body>, bool, Option<HeaderValue>), Cause> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let tls = self.tls_of.get(host).unwrap_or(&self.tls);
        let via_proxy = tcp.clone();
        let mut direct = HttpsConnector::from((tcp, Arc::clone(tls)));
        let Some(proxy) = self.matcher.intercept(uri).filter(|_| !is_local(url.host_str().unwrap_or_default())) else {
            return Ok((start(direct.call(uri.clone()).await?).await?, false, None));
        };
        // The proxy is another host.
        let mut direct = HttpsConnector::from((via_proxy, Arc::clone(&self.tls)));
        let authorization = proxy.basic_auth().cloned();
        if url.scheme() == "http" {
            return Ok((start(direct.call(proxy.uri().clone()).await?).await?, true, authorization));
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), direct);
        if let Some(authorization) = authorization {
            tunnel = tunnel.with_auth(authorization);
        }
        let mut connector = HttpsConnector::from((tunnel, Arc::clone(tls)));
        Ok((start(connector.call(uri.clone()).await?).await?, false, None))
    }
}

async fn start<S>(stream: S) -> Result<SendRequest<Body>, Cause>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(stream).await?;
    // It ends by itself when request and answer are done or dropped.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::trace!(%error, "a connection ended");
        }
    });
    Ok(sender)
}

type Configurations = (Arc<ClientConfig>, HashMap<String, Arc<ClientConfig>>);

/// The configuration for most hosts, and those for hosts with an authority of their own.
fn configurations(trusted: &Trusted) -> Result<Configurations, Unusable> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if roots.is_empty() {
        // Not an error of its own: a plain registry on this machine, or a bundle of the user's, needs none of them.
        tracing::warn!(errors = ?system.errors, "this system trusts no certificate authority; `SSL_CERT_FILE` can name some");
    }
    if let Some(path) = &trusted.bundle {
        for certificate in trust::bundle(path)?.authorities {
            roots.add(certificate).map_err(|error| trust::unusable(error.to_string()))?;
        }
    }
    let mut of_hosts = HashMap::new();
    for (host, pem) in &trusted.hosts {
        let wrong = |problem: String| Unusable { argument: "registries", problem: format!("`{host}`: {problem}") };
        let mut with_own = roots.clone();
        for certificate in trust::authorities(pem.as_bytes()).map_err(wrong)? {
            with_own.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
        of_hosts.insert(host.clone(), Arc::new(configuration(with_own)?));
    }
    Ok((Arc::new(configuration(roots)?), of_hosts))
}

fn configuration(roots: RootCertStore) -> Result<ClientConfig, Unusable> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .map_err(|error| trust::unusable(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The innermost reason.
fn cause(error: &(dyn StdError + 'static)) -> String {
    find::<rustls::Error>(error).map_or_else(|| innermost(error), ToString::to_string)
}
