//! One request and its retries: the only code that speaks HTTP to an API server.

use std::sync::atomic::Ordering;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use kube::client::Body;
use secrecy::ExposeSecret;
use serde_json::Value as Json;
use tokio::time::Instant;

use super::asked::asked;
use super::client::Client;
use super::error::{Answer, Attempt, BoxError, Caller, Error, FieldConflict, Kind, Result, Verb};
use super::target::reason;
use super::tunnel::TunnelError;
use crate::net::causes::find;
use crate::net::pace::{Pace, retry_after};
use crate::net::proxy::Refusal;

/// How long a request is retried. Restarting an API server behind a load balancer takes less.
const REPEAT_FOR: Duration = Duration::from_mins(1);
/// The same for a read by a plan or similar, from a server that has never responded in this run: it is more likely
/// unreachable than restarting, and a plan should say so before the user thinks that it hangs. Long enough for two
/// attempts to connect ([`CONNECT_TIMEOUT`](super::client::CONNECT_TIMEOUT) each): the first may lose its packets or
/// reach a target that a load balancer is about to remove.
const LOOK_FOR: Duration = Duration::from_secs(15);
/// Timeout of one attempt of such a read.
const LOOK_TIMEOUT: Duration = Duration::from_secs(20);
/// Pauses before a retry.
const PACE: Pace = Pace { first: Duration::from_millis(200), longest: Duration::from_secs(8) };
/// How often an unknown caller is retried: an access entry takes effect some seconds after its creation.
const UNKNOWN_CALLER_ATTEMPTS: u32 = 4;
/// Timeout of one attempt. The API server itself ends requests after 60 seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(65);
/// How long to wait for the response to a change after Terraform asked to stop. Terraform then waits without a limit,
/// and an admission webhook may take 30 seconds. Source: Kubernetes, "Dynamic Admission Control", timeouts.
const GRACE: Duration = Duration::from_secs(30);
/// Larger responses are not read: a page of a listing has a tenth of this.
const LARGEST_ANSWER: usize = 64 << 20;

/// An object's metadata alone, from servers that support it. Source: Kubernetes API, "Metadata-only fetches".
pub(super) const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
/// A listing of metadata alone, from servers that support it.
pub(super) const METADATA_LIST: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) attempt: Attempt,
    /// Path and query.
    pub(super) path: String,
    /// Body and content type.
    pub(super) body: Option<(&'static str, Json)>,
}

/// The outcome of one attempt.
enum Outcome {
    Done(Json),
    /// May be retried, at once or after a pause requested by the server.
    Again(Error, Option<Duration>),
    Failed(Error),
}

impl Call {
    fn method(&self) -> Method {
        match self.attempt.verb {
            Verb::Connect | Verb::Wait | Verb::Get | Verb::List => Method::GET,
            Verb::Create => Method::POST,
            Verb::Patch => Method::PATCH,
            Verb::Update => Method::PUT,
            Verb::Delete => Method::DELETE,
        }
    }
}

impl Client {
    /// Sends a request, and retries it while that can help.
    pub(super) async fn call(&self, call: Call) -> Result<Json> {
        let started = Instant::now();
        let mut attempts = 0;
        loop {
            if self.cancel.is_cancelled() {
                return Err(self.error(Kind::Cancelled { may_exist: false }, &call));
            }
            attempts += 1;
            let (error, asked) = match self.attempt(&call, attempts).await {
                Outcome::Done(answer) => return Ok(answer),
                Outcome::Failed(error) => return Err(error),
                Outcome::Again(error, asked) => (error, asked),
            };
            let pace = asked.unwrap_or_else(|| PACE.after(attempts));
            let unreachable =
                matches!(error.kind(), Kind::Unreachable { .. } | Kind::Proxy { .. } | Kind::Tunnel { .. });
            let patience = if unreachable { self.patience(call.attempt.verb).0 } else { REPEAT_FOR };
            if started.elapsed().saturating_add(pace) > patience
                || (unreachable && self.shared.given_up.load(Ordering::Relaxed))
            {
                // Other requests need not wait as long for the same server.
                self.shared.given_up.fetch_or(unreachable, Ordering::Relaxed);
                return Err(error);
            }
            tracing::info!(cluster = %self.shared.cluster, attempts, "will {} again: {}", call.attempt, error.kind());
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Err(self.error(Kind::Cancelled { may_exist: false }, &call)),
                () = tokio::time::sleep(pace) => {}
            }
        }
    }

    /// How long to retry a server that does not respond, and the timeout of one attempt.
    fn patience(&self, verb: Verb) -> (Duration, Duration) {
        if self.is_looking && verb.reads() && !self.shared.has_answered.load(Ordering::Relaxed) {
            (LOOK_FOR, LOOK_TIMEOUT)
        } else {
            (REPEAT_FOR, ATTEMPT_TIMEOUT)
        }
    }

    async fn attempt(&self, call: &Call, attempts: u32) -> Outcome {
        let answer = Answer { attempts, ..Answer::default() };
        let request = match self.request(call).await {
            Ok(request) => request,
            Err(error) => return Outcome::Failed(error),
        };
        let (verb, on) = asked(&call.method(), &call.path);
        tracing::debug!(cluster = %self.shared.cluster, verb, on, attempt = attempts, "asking the API server");
        let limit = self.patience(call.attempt.verb).1;
        if !self.is_looking {
            self.shared.access.begin();
        }
        let sending = tokio::time::timeout(limit, async {
            let response = self.shared.http.send(request).await.map_err(|error| Lost::of(&error))?;
            read(response).await
        });
        let sent = tokio::select! {
            biased;
            () = self.stopped(call.attempt.verb) => {
                let may_exist = !call.attempt.verb.reads();
                return Outcome::Failed(self.error(Kind::Cancelled { may_exist }, call));
            }
            sent = sending => sent,
        };
        let mut lost = match sent {
            Ok(Ok(response)) => {
                self.shared.given_up.store(false, Ordering::Relaxed);
                self.shared.has_answered.store(true, Ordering::Relaxed);
                return self.judge(call, response, answer);
            }
            Ok(Err(lost)) => lost,
            Err(_) => Lost {
                before_sending: false,
                certificate: false,
                proxy: None,
                tunnel: None,
                cause: format!("no answer within {} s", limit.as_secs()),
            },
        };
        let address = self.shared.address.clone();
        if let Some(failure) = lost.tunnel.take() {
            let kind = Kind::Tunnel { address, cause: failure.message.clone() };
            let again = failure.is_transient;
            let (attempt, shared) = (call.attempt.clone(), &self.shared);
            let answer = Answer { caller: shared.caller, ..answer };
            let source = Some(Box::new(failure) as BoxError);
            let error = Error::failed(kind, attempt, &shared.cluster, Some(&shared.address), answer, source);
            return if again { Outcome::Again(error, None) } else { Outcome::Failed(error) };
        }
        let (kind, again) = match lost {
            Lost { proxy: Some(proxy), cause, .. } => {
                let wants_password = proxy == Refusal::WantsPassword;
                let cause = match proxy {
                    Refusal::WantsPassword => "it wants a user and a password (status 407)".to_owned(),
                    Refusal::Refuses => "it refused to connect".to_owned(),
                    Refusal::Broken => cause,
                };
                // A proxy also refuses while the API server behind it restarts.
                (Kind::Proxy { address, cause, wants_password }, !wants_password)
            }
            Lost { certificate: true, cause, .. } => (Kind::Certificate { address, cause }, false),
            Lost { before_sending: true, cause, .. } => (Kind::Unreachable { address, cause }, true),
            Lost { cause, .. } if call.attempt.verb.repeatable() => (Kind::Unreachable { address, cause }, true),
            Lost { cause, .. } => (Kind::AnswerLost { cause }, false),
        };
        let error = self.failed(kind, call, answer);
        if again { Outcome::Again(error, None) } else { Outcome::Failed(error) }
    }

    pub(super) async fn request(&self, call: &Call) -> Result<Request<Body>> {
        let mut request = Request::builder().method(call.method()).uri(&call.path).header(ACCEPT, self.accept);
        request = request.header(USER_AGENT, concat!("terraform-provider-ekshybrid/", env!("CARGO_PKG_VERSION")));
        if let Some(tokens) = &self.shared.tokens {
            let token = tokens.token().await.map_err(|source| {
                Error::failed(
                    Kind::NoToken,
                    call.attempt.clone(),
                    &self.shared.cluster,
                    None,
                    Answer::default(),
                    Some(source),
                )
            })?;
            let header = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()));
            // Tokens consist of base64 and dots, which are valid in a header.
            let mut header = header.map_err(|_| self.error(Kind::NoToken, call))?;
            header.set_sensitive(true);
            request = request.header(AUTHORIZATION, header);
        }
        let body = match &call.body {
            Some((content_type, json)) => {
                request = request.header(CONTENT_TYPE, *content_type);
                json.to_string().into_bytes()
            }
            None => Vec::new(),
        };
        let unusable = |error: http::Error| self.error(Kind::Other { message: error.to_string() }, call);
        request.body(Body::from(body)).map_err(unusable)
    }

    /// Completes when Terraform asks to stop: at once for a read, after a grace period for a change in flight.
    async fn stopped(&self, verb: Verb) {
        self.cancel.cancelled().await;
        if !verb.reads() {
            tokio::time::sleep(GRACE).await;
        }
    }

    fn judge(&self, call: &Call, response: Read, mut answer: Answer) -> Outcome {
        let Read { status, retry_after, audit_id, body } = response;
        answer.status = Some(status.as_u16());
        answer.audit_id = audit_id;
        if status.is_success() {
            self.shared.access.allow(&call.path);
            return match serde_json::from_slice(&body) {
                Ok(json) => Outcome::Done(json),
                Err(error) => Outcome::Failed(self.failed(
                    Kind::Other { message: format!("the answer is no JSON: {error}") },
                    call,
                    answer,
                )),
            };
        }
        let told: Option<Json> = serde_json::from_slice(&body).ok().filter(|json: &Json| json["kind"] == "Status");
        let attempts = answer.attempts;
        let kind = kind(status, told.as_ref(), &body);
        let again = match &kind {
            // Nothing was done: any request may be retried.
            Kind::Throttled => true,
            Kind::Unavailable { .. } => call.attempt.verb.repeatable(),
            Kind::Unauthorized => self.shared.tokens.is_some() && attempts < UNKNOWN_CALLER_ATTEMPTS,
            // Access granted by the same apply takes effect some seconds later.
            Kind::Forbidden { .. } => {
                !self.is_looking
                    && matches!(self.shared.caller, Caller::Minted | Caller::Exec)
                    && self.shared.access.may_settle()
            }
            Kind::NoSuchKind => self.shared.defined.may_settle(&call.path),
            _ => false,
        };
        // A retry needs a token from a later second: the API server would remember the rejected one.
        let pause = match kind {
            Kind::Unauthorized => Some(Duration::from_secs(1 << attempts.min(4))),
            _ => retry_after,
        };
        let error = self.failed(kind, call, answer);
        if again { Outcome::Again(error, pause) } else { Outcome::Failed(error) }
    }

    pub(super) fn error(&self, kind: Kind, call: &Call) -> Error {
        self.failed(kind, call, Answer::default())
    }

    fn failed(&self, kind: Kind, call: &Call, answer: Answer) -> Error {
        let answer = Answer { caller: self.shared.caller, ..answer };
        Error::failed(kind, call.attempt.clone(), &self.shared.cluster, Some(&self.shared.address), answer, None)
    }
}

/// The kind of an unsuccessful response. Source: Kubernetes API conventions, "HTTP Status codes" and "Response Status
/// Kind".
fn kind(status: StatusCode, told: Option<&Json>, body: &[u8]) -> Kind {
    let message = || match told.and_then(|told| told["message"].as_str()) {
        Some(message) if !message.is_empty() => message.to_owned(),
        _ => {
            let text: String = String::from_utf8_lossy(body).chars().take(200).collect();
            let text = text.trim();
            if text.is_empty() { "no reason was given".to_owned() } else { format!("it answered {text:?}") }
        }
    };
    let why = told.and_then(|told| told["reason"].as_str()).unwrap_or_default();
    match (status.as_u16(), why) {
        (401, _) => Kind::Unauthorized,
        (403, _) => Kind::Forbidden { message: message() },
        // No handler responds to the path of an unknown kind: the response is plain text, or a Status without an
        // object's name.
        (404, _) => match told {
            Some(told) if told["details"]["name"].as_str().is_some_and(|name| !name.is_empty()) => Kind::NotFound,
            _ => Kind::NoSuchKind,
        },
        (409, "AlreadyExists") => Kind::AlreadyExists,
        (409, _) => match conflicts(told) {
            conflicts if conflicts.is_empty() => Kind::Changed,
            conflicts => Kind::FieldConflict(conflicts),
        },
        (400 | 405 | 413 | 415 | 422, _) => Kind::Invalid { message: message() },
        (429, _) => budget(told).map_or(Kind::Throttled, |message| Kind::Budget { message }),
        (500 | 502 | 503 | 504, _) => Kind::Unavailable { message: message() },
        _ => Kind::Other { message: message() },
    }
}

/// What a PodDisruptionBudget says that refuses an eviction. Source: Kubernetes, "API-initiated Eviction", and the
/// cause `DisruptionBudget` of policy/v1.
fn budget(told: Option<&Json>) -> Option<String> {
    let mut causes = told?["details"]["causes"].as_array()?.iter();
    let cause = causes.find(|cause| cause["reason"] == "DisruptionBudget")?;
    Some(cause["message"].as_str().unwrap_or("a PodDisruptionBudget does not allow it").to_owned())
}

fn conflicts(told: Option<&Json>) -> Vec<FieldConflict> {
    let causes = told.and_then(|told| told["details"]["causes"].as_array()).into_iter().flatten();
    causes
        .filter(|cause| cause["reason"] == "FieldManagerConflict")
        .map(|cause| {
            // `conflict with "MANAGER" using apps/v1`; only the name is used.
            let message = cause["message"].as_str().unwrap_or_default();
            let manager = message.split('"').nth(1).unwrap_or(message);
            FieldConflict { manager: manager.to_owned(), field: cause["field"].as_str().unwrap_or_default().to_owned() }
        })
        .collect()
}

/// A response.
struct Read {
    status: StatusCode,
    retry_after: Option<Duration>,
    audit_id: Option<String>,
    body: Vec<u8>,
}

/// Why there was no response.
struct Lost {
    /// Whether the request was never sent.
    before_sending: bool,
    /// Whether the server's certificate was rejected.
    certificate: bool,
    /// Why the proxy did not connect.
    proxy: Option<Refusal>,
    /// Why the tunnel opened no stream.
    tunnel: Option<TunnelError>,
    cause: String,
}

impl Lost {
    fn of(error: &kube::Error) -> Self {
        let client = find::<hyper_util::client::legacy::Error>(error);
        Self {
            before_sending: client.is_some_and(hyper_util::client::legacy::Error::is_connect),
            certificate: is_certificate(error),
            proxy: Refusal::of(error),
            tunnel: find::<TunnelError>(error).cloned(),
            cause: reason(error),
        }
    }

    fn while_reading(error: &kube::Error) -> Self {
        Self { before_sending: false, certificate: false, proxy: None, tunnel: None, cause: reason(error) }
    }
}

fn is_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(find(error), Some(rustls::Error::InvalidCertificate(_)))
}

async fn read(response: Response<Body>) -> std::result::Result<Read, Lost> {
    let (parts, mut body) = response.into_parts();
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let retry_after = header(RETRY_AFTER.as_str()).and_then(|text| retry_after(&text, Timestamp::now()));
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Lost::while_reading(&error))?;
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > LARGEST_ANSWER {
            let cause = format!("the answer is longer than {} MiB", LARGEST_ANSWER >> 20);
            return Err(Lost { before_sending: false, certificate: false, proxy: None, tunnel: None, cause });
        }
    }
    Ok(Read { status: parts.status, retry_after, audit_id: header("audit-id"), body: bytes })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kube::client::OBJECTS;
    use crate::kube::{Credentials, Server, Target};

    #[tokio::test]
    async fn one_form_of_answer_is_asked_for() {
        let target = Target {
            cluster: "workshop".to_owned(),
            server: Server::Address { url: "https://127.0.0.1:1".to_owned(), authority: None, insecure: true },
            credentials: Credentials::Token("token".into()),
            tls_server_name: None,
            proxy: None,
            tunnel: None,
        };
        let client = Client::new(&target).await.expect("a client");
        let call = Call { attempt: Attempt::new(Verb::List, "nodes"), path: "/api/v1/nodes".to_owned(), body: None };
        // A server uses the first of several headers.
        for (client, form) in [(client.clone(), OBJECTS), (client.accepting(METADATA_LIST), METADATA_LIST)] {
            let request = client.request(&call).await.expect("a request");
            assert_eq!(request.headers().get_all(ACCEPT).iter().collect::<Vec<_>>(), [form]);
        }
    }

    #[tokio::test]
    async fn who_looks_is_told_soon_unless_the_server_has_answered_before() {
        let target = Target {
            cluster: "workshop".to_owned(),
            server: Server::Address { url: "https://127.0.0.1:1".to_owned(), authority: None, insecure: true },
            credentials: Credentials::Token("token".into()),
            tls_server_name: None,
            proxy: None,
            tunnel: None,
        };
        let client = Client::new(&target).await.expect("a client");
        let long = (REPEAT_FOR, ATTEMPT_TIMEOUT);
        for (verb, looking) in [(Verb::Get, (LOOK_FOR, LOOK_TIMEOUT)), (Verb::Patch, long), (Verb::Delete, long)] {
            assert_eq!(client.patience(verb), long, "{verb:?}");
            assert_eq!(client.for_reads().patience(verb), looking, "{verb:?}");
        }
        client.shared.has_answered.store(true, Ordering::Relaxed);
        assert_eq!(client.for_reads().patience(Verb::Get), long);
        // Nothing listens there.
        client.shared.given_up.store(true, Ordering::Relaxed);
        let call = Call { attempt: Attempt::new(Verb::List, "nodes"), path: "/api/v1/nodes".to_owned(), body: None };
        let error = client.for_reads().call(call).await.expect_err("nobody listens");
        assert!(matches!(error.kind(), Kind::Unreachable { .. }), "{error}");
        assert_eq!(error.caller(), crate::kube::Caller::Token);
    }

    #[tokio::test]
    async fn a_stop_ends_the_repeats() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let target = Target {
            cluster: "workshop".to_owned(),
            server: Server::Address { url: format!("https://127.0.0.1:{port}"), authority: None, insecure: true },
            credentials: Credentials::Token("token".into()),
            tls_server_name: None,
            proxy: None,
            tunnel: None,
        };
        let stop = tokio_util::sync::CancellationToken::new();
        let client = Client::new(&target).await.expect("a client").with_cancel(stop.clone());
        // Every attempt fails; the stop comes after the first.
        let server = std::thread::spawn(move || {
            drop(listener.accept());
            stop.cancel();
        });
        let call = Call { attempt: Attempt::new(Verb::List, "nodes"), path: "/api/v1/nodes".to_owned(), body: None };
        let error = client.call(call).await.expect_err("stopped");
        assert!(matches!(error.kind(), Kind::Cancelled { .. }), "{error}");
        server.join().expect("the server has ended");
    }

    #[tokio::test]
    async fn what_settles_is_asked_for_again() {
        let target = |credentials| Target {
            cluster: "workshop".to_owned(),
            server: Server::Address { url: "https://127.0.0.1:1".to_owned(), authority: None, insecure: true },
            credentials,
            tls_server_name: None,
            proxy: None,
            tunnel: None,
        };
        let exec = crate::kube::Exec {
            api_version: "client.authentication.k8s.io/v1".to_owned(),
            command: "sh".to_owned(),
            args: ["-c", r#"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}'"#]
                .map(str::to_owned)
                .to_vec(),
            env: std::collections::BTreeMap::new(),
        };
        let client = Client::new(&target(Credentials::Exec(exec))).await.expect("a client");
        let other = Client::new(&target(Credentials::Token("token".into()))).await.expect("a client");
        for client in [&client, &other] {
            client.shared.access.begin();
        }
        let call =
            |path: &str| Call { attempt: Attempt::new(Verb::Create, "things"), path: path.to_owned(), body: None };
        let answer = |status: u16| Read {
            status: StatusCode::from_u16(status).expect("a status"),
            retry_after: None,
            audit_id: None,
            body: b"{}".to_vec(),
        };
        let again = |client: &Client, path: &str, status: u16| {
            matches!(client.judge(&call(path), answer(status), Answer::default()), Outcome::Again(..))
        };
        let path = "/apis/example.com/v1/things";
        assert!(again(&client, path, 403), "access that was given just now");
        assert!(!again(&client.for_reads(), path, 403), "a plan does not wait for it");
        assert!(!again(&other, path, 403), "a token that was given has no access entry of its own");
        assert!(!again(&client, path, 404), "a kind that nobody has defined");
        client.shared.defined.add(&json!({
            "metadata": { "name": "things.example.com" },
            "spec": { "group": "example.com", "names": { "kind": "Thing" }, "versions": [] },
        }));
        assert!(again(&client, path, 404), "a kind that was defined just now");
        assert!(!again(&client, path, 200));
        assert!(!again(&client, path, 403), "the caller has had access");
    }

    #[test]
    fn certificates_are_recognised_however_deep() {
        use std::io::{Error, ErrorKind};
        let refused = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        for (error, expected) in [
            (Error::new(ErrorKind::InvalidData, refused()), true),
            (Error::other(Error::new(ErrorKind::InvalidData, refused())), true),
            (Error::other(Error::new(ErrorKind::ConnectionRefused, "refused")), false),
            (Error::other(rustls::Error::HandshakeNotComplete), false),
        ] {
            assert_eq!(is_certificate(&error), expected, "{error}");
        }
    }

    #[test]
    fn kinds_of_answers() {
        let status = |code: u16, reason: &str, details: Json| {
            (code, Some(json!({ "kind": "Status", "message": "words", "reason": reason, "details": details })))
        };
        let cause = json!({ "causes": [{
            "reason": "FieldManagerConflict", "message": "conflict with \"kubectl\" using v1", "field": ".spec.subnet",
        }] });
        let conflict = FieldConflict { manager: "kubectl".to_owned(), field: ".spec.subnet".to_owned() };
        let words = || "words".to_owned();
        for ((code, told), expected) in [
            (status(404, "NotFound", json!({ "name": "a", "kind": "nodes" })), Kind::NotFound),
            (status(404, "NotFound", json!({})), Kind::NoSuchKind),
            ((404, None), Kind::NoSuchKind),
            (status(409, "Conflict", cause), Kind::FieldConflict(vec![conflict])),
            (status(409, "Conflict", json!({ "name": "a" })), Kind::Changed),
            (status(409, "AlreadyExists", json!({ "name": "a" })), Kind::AlreadyExists),
            (status(401, "Unauthorized", json!(null)), Kind::Unauthorized),
            (status(403, "Forbidden", json!({})), Kind::Forbidden { message: words() }),
            (status(422, "Invalid", json!({})), Kind::Invalid { message: words() }),
            (status(429, "TooManyRequests", json!({})), Kind::Throttled),
            (
                status(
                    429,
                    "TooManyRequests",
                    json!({ "causes": [{ "reason": "DisruptionBudget", "message": "words" }] }),
                ),
                Kind::Budget { message: words() },
            ),
            ((503, None), Kind::Unavailable { message: "no reason was given".to_owned() }),
        ] {
            let code = StatusCode::from_u16(code).expect("a status");
            assert_eq!(kind(code, told.as_ref(), b""), expected);
        }
    }
}
