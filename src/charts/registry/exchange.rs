//! Requests of any kind to registries, for those who copy images: with the client's proxies, certificates and
//! credentials, over connections that are reused.
//!
//! How a registry authenticates is asked for once (`GET /v2/`), so that a request carries its token from the start and
//! costs no refusal.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderName, RETRY_AFTER, USER_AGENT, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::sync::OnceCell;
use url::Url;

use super::{Logins, Registries, Repository, challenge, host};
use crate::charts::error::{Cause, Error, Result};
use crate::charts::http::connect::{Body, Broken, Outgoing, What, Wiring, nothing};
use crate::charts::http::{
    AGENT, ATTEMPTS, ATTEMPTS_CONNECTING, Answer, Authorization, Http, MAX_ERROR_BODY, MAX_REDIRECTS, PIECE_TIMEOUT,
    Request, target,
};
use crate::charts::source::{OciReference, shown};
use crate::net::pace;

/// Largest answer to the question how a registry authenticates.
const MAX_GREETING: u64 = 64 * 1024;

/// What is known of how registries authenticate.
#[derive(Default)]
pub(in crate::charts) struct Known {
    /// The challenge of each registry; `None` for one that asks for nothing.
    challenges: Mutex<HashMap<String, Arc<OnceCell<Option<Arc<Answer>>>>>>,
    /// Tokens by registry and scopes.
    tokens: Mutex<HashMap<(String, String), Arc<tokio::sync::Mutex<Option<Authorization>>>>>,
}

/// One request to a repository of a registry.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Host of the registry.
    pub registry: &'a str,
    /// The repository.
    pub repository: &'a str,
    /// What the caller needs, as token servers know it: `repository:a/b:pull,push`, separated by blanks.
    pub scopes: &'a str,
    /// The method.
    pub method: &'a Method,
    /// Where to.
    pub to: To<'a>,
    /// Headers in addition to the client's own.
    pub headers: &'a [(HeaderName, &'a str)],
}

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub enum To<'a> {
    /// Below the repository: `manifests/v1`.
    Path(&'a str),
    /// An address that the registry named.
    Address(&'a Url),
}

/// A body that is sent once.
pub struct Sending {
    /// Its bytes.
    pub body: Body,
    /// How many they are.
    pub size: u64,
    /// Counts those that have left.
    pub sent: Arc<AtomicU64>,
}

/// A server's response, whose body is still to be read.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The address after redirects.
    pub url: Url,
    body: Incoming,
    /// Read, and put back.
    again: Option<Bytes>,
}

/// Why a request with a body brought no response.
#[derive(Debug)]
pub struct Unsent {
    /// The error.
    pub error: Error,
    /// Whether another attempt may succeed.
    pub may_pass: bool,
}

impl Sending {
    /// Bytes that are here as a whole.
    #[must_use]
    pub fn of(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let size = bytes.len() as u64;
        Self { body: Full::new(bytes).map_err(|never| match never {}).boxed_unsync(), size, sent: Arc::default() }
    }
}

impl Reply {
    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// The connection broke, or is silent.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Cause> {
        if let Some(piece) = self.again.take() {
            return Ok(Some(piece));
        }
        loop {
            return match tokio::time::timeout(PIECE_TIMEOUT, self.body.frame()).await {
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Ok(Some(data)),
                    // Trailers.
                    Err(_) => continue,
                },
                Ok(None) => Ok(None),
                Ok(Some(Err(error))) => Err(error.into()),
                Err(_) => Err(Broken::silent(false, PIECE_TIMEOUT).source),
            };
        }
    }

    /// Puts a part of a piece back: the next piece is this one.
    pub fn put_back(&mut self, piece: Bytes) {
        self.again = Some(piece);
    }

    /// The whole body, up to `limit` bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Cut`].
    pub async fn whole(mut self, limit: u64) -> Result<Answer> {
        let mut body = Vec::new();
        loop {
            match self.piece().await {
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => return Ok(Answer { status: self.status, headers: self.headers, body, url: self.url }),
                Err(source) => {
                    let (cause, received) = (source.to_string(), body.len() as u64);
                    let url = shown(&self.url);
                    return Err(Error::Cut { url, received, expected: None, cause, attempts: 1, source });
                }
            }
            if body.len() as u64 > limit {
                return Err(Error::TooLarge { url: shown(&self.url), limit });
            }
        }
    }
}

/// What sends the requests.
#[derive(Clone, Copy)]
pub(in crate::charts) struct Exchange<'a> {
    pub(in crate::charts) http: &'a Http,
    pub(in crate::charts) wiring: &'a Wiring,
    pub(in crate::charts) logins: &'a Logins,
    pub(in crate::charts) registries: &'a Registries,
}

impl Exchange<'_> {
    /// Sends a request without a body, and repeats it where another attempt may change the answer.
    pub(in crate::charts) async fn ask(&self, ask: &Ask<'_>) -> Result<Reply> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let failed = match Box::pin(self.once(ask, None)).await {
                Ok(reply) if !passes(reply.status) => return Ok(reply),
                other => other,
            };
            let (asked, allowed) = match &failed {
                Ok(reply) => (retry_after(reply), ATTEMPTS),
                Err(Unsent { may_pass: false, .. }) => (None, 0),
                Err(Unsent { error: Error::Unreachable { .. }, .. }) => (None, ATTEMPTS_CONNECTING),
                Err(_) => (None, ATTEMPTS),
            };
            match self.pause(attempts, allowed, asked) {
                Some(wait) => {
                    tracing::debug!(registry = ask.registry, attempts, "asking again");
                    tokio::time::sleep(wait).await;
                }
                None => return self.end(ask, failed, attempts).await,
            }
        }
    }

    /// Opens an address that belongs to no registry, with what the user configured for its host.
    pub(in crate::charts) async fn open(&self, url: &Url, headers: &[(HeaderName, &str)]) -> Result<Reply> {
        let registry = host(url);
        let ask = Ask {
            registry: &registry,
            repository: "",
            scopes: "",
            method: &Method::GET,
            to: To::Address(url),
            headers,
        };
        let login = self.logins.of_address(url).map(|login| login.authorization(url));
        let mut attempts = 0;
        loop {
            attempts += 1;
            let failed = match Box::pin(self.follow(&ask, url.clone(), login.as_ref(), &mut None)).await {
                Ok(reply) if matches!(reply.status, 200 | 206) => return Ok(reply),
                Ok(reply) if !passes(reply.status) => return Err(self.refusal(&registry, reply).await),
                other => other,
            };
            let asked = failed.as_ref().ok().and_then(retry_after);
            let may_pass = failed.as_ref().err().is_none_or(|unsent| unsent.may_pass);
            match self.pause(attempts, if may_pass { ATTEMPTS_CONNECTING } else { 0 }, asked) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return self.end(&ask, failed, attempts).await,
            }
        }
    }

    async fn end(&self, ask: &Ask<'_>, failed: Result<Reply, Unsent>, attempts: u32) -> Result<Reply> {
        match failed {
            Ok(reply) => Err(match self.refusal(ask.registry, reply).await {
                Error::Status { url, status, detail, .. } => Error::Status { url, status, attempts, detail },
                other => other,
            }),
            Err(Unsent { error: Error::Unreachable { url, cause, source, .. }, .. }) => {
                Err(Error::Unreachable { url, cause, attempts, source })
            }
            Err(unsent) => Err(unsent.error),
        }
    }

    /// How long to wait before another attempt; `None` when there is to be none.
    pub(in crate::charts) fn pause(&self, attempts: u32, allowed: u32, asked: Option<Duration>) -> Option<Duration> {
        let waiting = self.http.waiting;
        (attempts < allowed && asked.is_none_or(|wait| wait <= waiting.patience))
            .then(|| asked.unwrap_or_else(|| waiting.pace.after(attempts)))
    }

    /// The error for an unexpected answer.
    pub(in crate::charts) async fn refusal(&self, registry: &str, reply: Reply) -> Error {
        let asked = retry_after(&reply);
        let empty =
            Answer { status: reply.status, headers: reply.headers.clone(), body: Vec::new(), url: reply.url.clone() };
        // The explanation is optional: failing to read it is not another error.
        let answer = reply.whole(MAX_ERROR_BODY).await.unwrap_or(empty);
        match (answer.refusal(self.logins.tried(registry)), asked) {
            (Error::Status { url, status, attempts, detail }, Some(asked)) => {
                let more = format!("it asks to retry after {} s", asked.as_secs());
                let detail = if detail.is_empty() { more } else { format!("{detail}; {more}") };
                Error::Status { url, status, attempts, detail }
            }
            (error, _) => error,
        }
    }

    /// Sends a request once. One without a body that is refused for want of credentials is sent again with those that
    /// the refusal asks for.
    pub(in crate::charts) async fn once(&self, ask: &Ask<'_>, sending: Option<Sending>) -> Result<Reply, Unsent> {
        let has_body = sending.is_some();
        let final_error = |error| Unsent { error, may_pass: false };
        let reference = OciReference {
            registry: ask.registry.to_owned(),
            repository: ask.repository.to_owned(),
            tag: None,
            digest: None,
        };
        let repository =
            Repository { http: self.http, logins: self.logins, registries: self.registries, reference: &reference };
        let url = match ask.to {
            To::Address(url) => url.clone(),
            To::Path(path) => {
                let root = repository.root().await.map_err(final_error)?;
                let path = format!("v2/{}/{path}", ask.repository);
                root.join(&path).map_err(|error| {
                    final_error(Error::NoSource { text: reference.to_string(), problem: error.to_string() })
                })?
            }
        };
        let authorization = self.authorization(&repository, ask.scopes).await.map_err(final_error)?;
        let mut sending = sending;
        let reply = self.follow(ask, url.clone(), authorization.as_ref(), &mut sending).await?;
        if reply.status != 401 {
            return Ok(reply);
        }
        // A token that has expired, or a registry that asks only for some repositories.
        self.registries.exchange.forget(ask);
        if has_body {
            let error = self.refusal(ask.registry, reply).await;
            return Err(Unsent { error, may_pass: authorization.is_some() });
        }
        let is_own = reply.url.origin() == url.origin();
        let answer = reply.whole(MAX_ERROR_BODY).await.map_err(final_error)?;
        let scopes = is_own.then_some(ask.scopes);
        let authorization = repository.authorize(&answer, is_own, scopes).await.map_err(final_error)?;
        self.follow(ask, url, Some(&authorization), &mut None).await
    }

    /// What the registry wants to see from the start; `None` if it asks for nothing.
    async fn authorization(&self, repository: &Repository<'_>, scopes: &str) -> Result<Option<Authorization>> {
        let Registries { exchange, .. } = self.registries;
        let registry = &repository.reference.registry;
        let cell = exchange.challenge(registry);
        let greet = async {
            let url = repository
                .root()
                .await?
                .join("v2/")
                .map_err(|error| Error::NoSource { text: registry.clone(), problem: error.to_string() })?;
            let request = Request { url: &url, accept: "", authorization: None, limit: MAX_GREETING, immutable: false };
            let answer = self.http.get(&request).await?;
            let is_own = answer.url.origin() == url.origin();
            Ok::<_, Error>(Some(Arc::new(answer)).filter(|answer| answer.status == 401 && is_own))
        };
        let Some(challenge) = cell.get_or_try_init(|| greet).await? else { return Ok(None) };
        let headers = challenge.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        if !headers.flat_map(challenge::parse).any(|challenge| challenge.scheme == "bearer") {
            // Some registries ask for a password here, and serve anybody elsewhere.
            if self.logins.of_registry(registry).await?.is_none() {
                return Ok(None);
            }
            // A password of ECR expires; its source knows when.
            return repository.authorize(challenge, true, Some(scopes)).await.map(Some);
        }
        let token = exchange.token(registry, scopes);
        let mut token = token.lock().await;
        if token.is_none() {
            *token = Some(repository.authorize(challenge, true, Some(scopes)).await?);
        }
        Ok(token.clone())
    }

    async fn follow(
        &self,
        ask: &Ask<'_>,
        mut url: Url,
        authorization: Option<&Authorization>,
        sending: &mut Option<Sending>,
    ) -> Result<Reply, Unsent> {
        let final_error = |error| Unsent { error, may_pass: false };
        let first = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
            for (name, value) in ask.headers {
                if let Ok(value) = HeaderValue::from_str(value) {
                    headers.insert(name, value);
                }
            }
            if let Some(value) = authorization.map(|it| it.header(&url)).transpose().map_err(final_error)?.flatten() {
                headers.insert(AUTHORIZATION, value);
            }
            let has_body = sending.is_some();
            if has_body || matches!(*ask.method, Method::POST | Method::PUT | Method::PATCH) {
                let size = sending.as_ref().map_or(0, |sending| sending.size);
                headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
            }
            let (body, sent) =
                sending.take().map_or_else(|| (nothing(), None), |sending| (sending.body, Some(sending.sent)));
            let outgoing = Outgoing { method: ask.method.clone(), url: &url, headers, body, sent };
            let response = match Box::pin(self.wiring.send(outgoing)).await.map_err(final_error)? {
                Ok(response) => response,
                Err(broken) => return Err(unsent(&url, broken)),
            };
            let moves = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) && !has_body;
            if !moves {
                return Ok(reply(url, response));
            }
            url = target(&url, &response).map_err(final_error)?;
        }
        let problem = "there were ten redirects before";
        Err(final_error(Error::Redirect { url: shown(&first), to: shown(&url), problem }))
    }
}

impl Known {
    fn challenge(&self, registry: &str) -> Arc<OnceCell<Option<Arc<Answer>>>> {
        let mut all = self.challenges.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(registry.to_owned()).or_default())
    }

    fn token(&self, registry: &str, scopes: &str) -> Arc<tokio::sync::Mutex<Option<Authorization>>> {
        let mut all = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry((registry.to_owned(), scopes.to_owned())).or_default())
    }

    fn forget(&self, ask: &Ask<'_>) {
        let mut all = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&(ask.registry.to_owned(), ask.scopes.to_owned()));
    }
}

fn reply(url: Url, response: Response<Incoming>) -> Reply {
    let (head, body) = response.into_parts();
    Reply { status: head.status.as_u16(), headers: head.headers, url, body, again: None }
}

fn unsent(url: &Url, broken: Broken) -> Unsent {
    let url = shown(url);
    if broken.what == What::ProxyPassword {
        return Unsent { error: Error::ProxyPassword { url, source: broken.source }, may_pass: false };
    }
    let may_pass = !broken.for_good;
    let error = Error::Unreachable { url, cause: broken.cause, attempts: 1, source: broken.source };
    Unsent { error, may_pass }
}

/// Whether another attempt may change the answer. Not 507: a registry that is full stays full.
#[must_use]
pub fn passes(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

pub(in crate::charts) fn retry_after(reply: &Reply) -> Option<Duration> {
    pace::retry_after(reply.header(&RETRY_AFTER)?, jiff::Timestamp::now())
}
