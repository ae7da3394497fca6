//! GET with retries, redirects, resumed downloads and limits.
//!
//! What a status means is the caller's business; only statuses that another attempt may change are repeated here.
//! Credentials go to the origin that they are for and to no other, and never over a connection in the clear.

pub(super) mod connect;

use std::time::Duration;

use http::header::{
    ACCEPT, ACCEPT_RANGES, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_RANGE, LOCATION, RANGE, RETRY_AFTER,
    USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use secrecy::{ExposeSecret, SecretString};
use url::{Origin, Url};

use self::connect::{Broken, Outgoing, What, Wiring, nothing};
use super::error::{Error, Result, Tried};
use super::source::shown;
use crate::net::local::is_loopback;
use crate::net::pace::{self, Pace};
use crate::net::proxy::Proxies;

/// As Go's client, and so Helm, has it.
pub(super) const MAX_REDIRECTS: u32 = 10;
/// Attempts without any progress.
pub(super) const ATTEMPTS: u32 = 5;
/// Attempts if no connection can be opened: each may take seconds.
pub(super) const ATTEMPTS_CONNECTING: u32 = 3;
/// Attempts in all, however small the progress of each.
const ATTEMPTS_IN_ALL: u32 = 50;
/// Time for the next piece of a body.
pub(super) const PIECE_TIMEOUT: Duration = Duration::from_secs(30);
/// What all requests call themselves.
pub(super) const AGENT: &str = concat!("terraform-provider-ekshybrid/", env!("CARGO_PKG_VERSION"));
/// How much of an error's body is read.
pub(super) const MAX_ERROR_BODY: u64 = 64 * 1024;
/// How much comes between two lines in the log.
const LOG_STEP: u64 = 1024 * 1024;

/// Fetches what addresses hold.
pub(super) struct Http {
    wiring: Wiring,
    pub(super) waiting: Waiting,
}

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub(in crate::charts) struct Waiting {
    /// Between two attempts.
    pub(in crate::charts) pace: Pace,
    /// The longest that a server may ask for; beyond it the fetch ends at once.
    pub(in crate::charts) patience: Duration,
}

impl Default for Waiting {
    fn default() -> Self {
        let pace = Pace { first: Duration::from_millis(500), longest: Duration::from_secs(8) };
        Self { pace, patience: Duration::from_mins(2) }
    }
}

/// Whether an address is on this machine.
pub(super) fn is_on_this_machine(url: &Url) -> bool {
    is_loopback(url.host_str().unwrap_or_default())
}

/// One thing to fetch.
pub(super) struct Request<'a> {
    pub(super) url: &'a Url,
    /// Media types, as in the header; empty for any.
    pub(super) accept: &'a str,
    pub(super) authorization: Option<&'a Authorization>,
    /// Largest body in bytes.
    pub(super) limit: u64,
    /// The content behind the address never changes, because a checksum names it: a cut download resumes without
    /// asking whether the content is still the same.
    pub(super) immutable: bool,
}

/// The `Authorization` of one origin.
#[derive(Clone)]
pub(super) struct Authorization {
    origin: Origin,
    /// Whose it is, for messages.
    username: String,
    value: SecretString,
}

impl Authorization {
    /// `value` is the header's: `Basic …`, `Bearer …`.
    pub(super) fn new(url: &Url, username: &str, value: SecretString) -> Self {
        Self { origin: url.origin(), username: username.to_owned(), value }
    }

    /// The header for a request, if the address is of the right origin.
    pub(super) fn header(&self, url: &Url) -> Result<Option<HeaderValue>> {
        if url.origin() != self.origin {
            return Ok(None);
        }
        if url.scheme() != "https" && !is_on_this_machine(url) {
            return Err(Error::PasswordInTheClear { url: shown(url), username: self.username.clone() });
        }
        // A line break in a token; such a credential was never valid.
        let Ok(mut value) = HeaderValue::from_str(self.value.expose_secret()) else { return Ok(None) };
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// A server's response, whatever the status.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
    /// The address after redirects.
    pub url: Url,
}

impl Answer {
    pub(super) fn header(&self, name: &http::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The server's explanation of an error: the messages of a registry's error document, else nothing.
    pub(super) fn detail(&self) -> String {
        let document: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let errors = document.get("errors").and_then(serde_json::Value::as_array).into_iter().flatten();
        let messages: Vec<&str> = errors
            .filter_map(|error| {
                let text = |name: &str| error.get(name).and_then(serde_json::Value::as_str);
                text("message").filter(|text| !text.is_empty()).or_else(|| text("code"))
            })
            .collect();
        messages.join("; ").chars().filter(|it| !it.is_control()).take(300).collect()
    }

    /// The error for an unexpected status. `tried` lists the credentials that were sent.
    pub(super) fn refusal(&self, tried: Tried) -> Error {
        let (url, status, detail) = (shown(&self.url), self.status, self.detail());
        match status {
            401 | 403 => Error::Refused { url, status, tried, detail },
            404 | 410 => Error::NotFound { url, status, detail },
            _ => Error::Status { url, status, attempts: 1, detail },
        }
    }
}

/// What has been received of a body.
#[derive(Default)]
struct Partial {
    bytes: Vec<u8>,
    /// Size of the whole, if it was announced.
    total: Option<u64>,
    /// The strong ETag of what was received.
    etag: Option<HeaderValue>,
    /// The server can resume.
    ranges: bool,
}

impl Partial {
    fn can_resume(&self, immutable: bool) -> bool {
        !self.bytes.is_empty() && self.ranges && (immutable || self.etag.is_some())
    }
}

/// An attempt without a usable response.
enum Failed {
    /// Nothing can help.
    ForGood(Error),
    /// The connection could not be opened, or broke.
    Broken { url: Url, broken: Broken },
    /// The connection broke in the middle of the body.
    Cut { url: Url, broken: Broken },
    /// A status that another attempt may change.
    Busy(Answer),
}

impl Http {
    /// Reads nothing and opens nothing.
    pub(super) fn new(proxies: Proxies, trusted: impl Into<connect::Trusted>, waiting: Waiting) -> Self {
        Self { wiring: Wiring::new(proxies, trusted), waiting }
    }

    /// Fetches, with retries. The response is a success or an error of the client's making, such as 401 or 404.
    pub(super) async fn get(&self, request: &Request<'_>) -> Result<Answer> {
        let mut partial = Partial::default();
        let (mut fruitless, mut furthest) = (0, 0);
        for attempt in 1..=ATTEMPTS_IN_ALL {
            // Connections with all their buffers are large; they do not belong on the stacks of callers.
            let failed = match Box::pin(self.once(request, &mut partial)).await {
                Ok(answer) => return Ok(answer),
                Err(Failed::ForGood(error)) => return Err(error),
                Err(failed) => failed,
            };
            // A server that cannot resume starts over each time, which is not progress.
            let progress = matches!(failed, Failed::Cut { .. }) && partial.bytes.len() > furthest;
            furthest = furthest.max(partial.bytes.len());
            fruitless = if progress { 1 } else { fruitless + 1 };
            let asked = failed.wait_asked_for();
            if attempt == ATTEMPTS_IN_ALL
                || fruitless >= failed.attempts()
                || asked.is_some_and(|wait| wait > self.waiting.patience)
            {
                return Err(failed.into_error(attempt, &partial));
            }
            let wait = asked.unwrap_or_else(|| self.waiting.pace.after(fruitless));
            tracing::debug!(
                url = shown(request.url),
                attempt,
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                reason = failed.reason(),
                "fetching again"
            );
            tokio::time::sleep(wait).await;
        }
        unreachable!("the last attempt returns")
    }

    /// Whether nothing but TLS keeps a host from answering: it speaks plain HTTP.
    pub(super) async fn is_plain(&self, url: &Url) -> Result<bool> {
        let sent = Box::pin(self.wiring.send(get(url, HeaderMap::new()))).await?;
        Ok(matches!(sent, Err(Broken { what: What::NoTls, .. })))
    }

    async fn once(&self, request: &Request<'_>, partial: &mut Partial) -> Result<Answer, Failed> {
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let headers = headers(request, &url, partial).map_err(Failed::ForGood)?;
            let response = match Box::pin(self.wiring.send(get(&url, headers))).await.map_err(Failed::ForGood)? {
                Ok(response) => response,
                Err(broken) => return Err(Failed::Broken { url, broken }),
            };
            match response.status().as_u16() {
                301 | 302 | 303 | 307 | 308 => url = target(&url, &response).map_err(Failed::ForGood)?,
                _ => return receive(request, url, response, partial).await,
            }
        }
        let problem = "there were ten redirects before";
        Err(Failed::ForGood(Error::Redirect { url: shown(request.url), to: shown(&url), problem }))
    }
}

fn get(url: &Url, headers: HeaderMap) -> Outgoing<'_> {
    Outgoing { method: Method::GET, url, headers, body: nothing(), sent: None }
}

fn headers(request: &Request<'_>, url: &Url, partial: &Partial) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    let accept = if request.accept.is_empty() { "*/*" } else { request.accept };
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(ACCEPT, accept);
    }
    if let Some(value) = request.authorization.map(|it| it.header(url)).transpose()?.flatten() {
        headers.insert(AUTHORIZATION, value);
    }
    if partial.can_resume(request.immutable) {
        if let Ok(range) = HeaderValue::from_str(&format!("bytes={}-", partial.bytes.len())) {
            headers.insert(RANGE, range);
        }
        if let Some(etag) = &partial.etag {
            headers.insert(IF_RANGE, etag.clone());
        }
    }
    Ok(headers)
}

/// Where a redirect leads.
pub(super) fn target(url: &Url, response: &Response<Incoming>) -> Result<Url> {
    let refuse = |to: String, problem| Err(Error::Redirect { url: shown(url), to, problem });
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Ok(to) = url.join(location) else { return refuse(String::new(), "it is not an address") };
    if location.is_empty() {
        return refuse(String::new(), "the response does not name a target");
    }
    match (url.scheme(), to.scheme()) {
        ("https", "http") => refuse(shown(&to), "the connection there is not encrypted"),
        (_, "https" | "http") => Ok(to),
        _ => refuse(shown(&to), "it is neither `https://` nor `http://`"),
    }
}

/// Reads the body, and appends it to what was received already if the server resumes there.
async fn receive(
    request: &Request<'_>,
    url: Url,
    response: Response<Incoming>,
    partial: &mut Partial,
) -> Result<Answer, Failed> {
    let (head, mut body) = response.into_parts();
    let status = head.status.as_u16();
    let header = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let length = header(CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    let limit = if status < 300 { request.limit } else { MAX_ERROR_BODY };
    if status >= 300 {
        let mut answer = Answer { status, headers: head.headers, body: Vec::new(), url };
        // The explanation of an error is optional: failing to read it is not another error.
        while let Ok(Some(Ok(frame))) = tokio::time::timeout(PIECE_TIMEOUT, body.frame()).await {
            if let Ok(data) = frame.into_data() {
                answer.body.extend_from_slice(&data);
            }
            if answer.body.len() as u64 > limit {
                break;
            }
        }
        return match status {
            // The range does not fit what is there now: the next attempt takes the whole.
            416 if !partial.bytes.is_empty() => {
                *partial = Partial::default();
                Err(Failed::Busy(answer))
            }
            408 | 429 | 500 | 502 | 503 | 504 => Err(Failed::Busy(answer)),
            _ => Ok(answer),
        };
    }
    let resumes = status == 206 && header(CONTENT_RANGE).and_then(range_start) == Some(partial.bytes.len() as u64);
    if !resumes {
        let etag = head.headers.get(ETAG).filter(|etag| !etag.as_bytes().starts_with(b"W/")).cloned();
        let ranges = header(ACCEPT_RANGES).is_some_and(|text| text.eq_ignore_ascii_case("bytes"));
        *partial = Partial { bytes: Vec::new(), total: length, etag, ranges: ranges || request.immutable };
    }
    let too_large = || Failed::ForGood(Error::TooLarge { url: shown(request.url), limit });
    if partial.total.is_some_and(|total| total > limit) {
        return Err(too_large());
    }
    let mut logged = partial.bytes.len() as u64;
    let broken = loop {
        match tokio::time::timeout(PIECE_TIMEOUT, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else { continue };
                if (partial.bytes.len() + data.len()) as u64 > limit {
                    return Err(too_large());
                }
                partial.bytes.extend_from_slice(&data);
                let received = partial.bytes.len() as u64;
                if received - logged >= LOG_STEP {
                    logged = received;
                    tracing::debug!(url = shown(&url), received, total = partial.total, "downloading");
                }
            }
            Ok(None) => break None,
            Ok(Some(Err(error))) => break Some(Broken::new(false, error.into())),
            Err(_) => break Some(Broken::silent(false, PIECE_TIMEOUT)),
        }
    };
    if let Some(broken) = broken {
        return Err(Failed::Cut { url, broken });
    }
    tracing::debug!(url = shown(&url), bytes = partial.bytes.len(), "fetched");
    Ok(Answer { status: 200, headers: head.headers, body: std::mem::take(&mut partial.bytes), url })
}

/// The first byte of `bytes 100-199/200`.
fn range_start(text: &str) -> Option<u64> {
    text.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

impl Failed {
    /// How many fruitless attempts such a failure is worth.
    fn attempts(&self) -> u32 {
        match self {
            Self::Broken { broken, .. } if broken.for_good => 1,
            Self::Broken { broken, .. } if broken.connecting => ATTEMPTS_CONNECTING,
            _ => ATTEMPTS,
        }
    }

    fn wait_asked_for(&self) -> Option<Duration> {
        match self {
            Self::Busy(answer) => pace::retry_after(answer.header(&RETRY_AFTER)?, jiff::Timestamp::now()),
            _ => None,
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::ForGood(error) => error.to_string(),
            Self::Broken { broken, .. } | Self::Cut { broken, .. } => broken.cause.clone(),
            Self::Busy(answer) => format!("status {}", answer.status),
        }
    }

    fn into_error(self, attempts: u32, partial: &Partial) -> Error {
        let asked = self.wait_asked_for();
        match self {
            Self::ForGood(error) => error,
            Self::Broken { url, broken } if broken.what == What::ProxyPassword => {
                Error::ProxyPassword { url: shown(&url), source: broken.source }
            }
            Self::Broken { url, broken } => {
                Error::Unreachable { url: shown(&url), cause: broken.cause, attempts, source: broken.source }
            }
            Self::Cut { url, broken, .. } => Error::Cut {
                url: shown(&url),
                received: partial.bytes.len() as u64,
                expected: partial.total,
                cause: broken.cause,
                attempts,
                source: broken.source,
            },
            Self::Busy(answer) => {
                let mut detail = answer.detail();
                if let Some(asked) = asked {
                    let more = format!("it asks to retry after {} s", asked.as_secs());
                    detail = if detail.is_empty() { more } else { format!("{detail}; {more}") };
                }
                Error::Status { url: shown(&answer.url), status: answer.status, attempts, detail }
            }
        }
    }
}

#[cfg(test)]
#[path = "../http_tests.rs"]
mod tests;
