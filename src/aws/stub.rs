//! A fake network for tests: responds to requests from a closure, counts them, and never sleeps.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_ssm::config::SharedHttpClient;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_types::os_shim_internal::Env;
use serde_json::Value;

use super::clients::Clients;
use super::settings::{RetryMode, Settings};

/// A request as received by the stub.
pub(super) struct Asked {
    /// `CreateActivation`, `GetCallerIdentity`, or method and path (`GET /clusters/x`).
    pub(super) operation: String,
    /// The query string, after the `?`.
    pub(super) query: String,
    /// JSON body, or the fields of a form.
    pub(super) body: Value,
    /// The `Authorization` header, which shows whose credentials signed.
    pub(super) signed: String,
}

/// How to respond to a request.
#[derive(Clone)]
pub(super) enum Reply {
    /// Status and body.
    Answer(u16, String),
    /// Status 200, a header and a body.
    With((&'static str, &'static str), String),
    /// The connection breaks after the request was sent.
    Broken,
    /// No response, ever.
    Silence,
}

impl Reply {
    pub(super) fn json(value: &Value) -> Self {
        Self::Answer(200, value.to_string())
    }

    pub(super) fn refused(code: &str, message: &str) -> Self {
        Self::Answer(400, serde_json::json!({ "__type": code, "message": message }).to_string())
    }
}

type Answering = dyn Fn(&Asked) -> Reply + Send + Sync;

/// The network and the requests it received.
#[derive(Clone)]
pub(super) struct Stub {
    answering: Arc<Answering>,
    asked: Arc<Mutex<Vec<Asked>>>,
    slept: Arc<Mutex<Vec<Duration>>>,
}

impl Stub {
    pub(super) fn new(answering: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self { answering: Arc::new(answering), asked: Arc::default(), slept: Arc::default() }
    }

    /// How often an operation was requested.
    pub(super) fn count(&self, operation: &str) -> usize {
        self.read(|asked| asked.iter().filter(|one| one.operation == operation).count())
    }

    /// Reads all requests received.
    pub(super) fn read<R>(&self, look: impl FnOnce(&[Asked]) -> R) -> R {
        look(&self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The requested sleeps of a second or more; the SDK monitors slow streams with shorter ones.
    pub(super) fn slept(&self) -> Vec<Duration> {
        let slept = self.slept.lock().unwrap_or_else(PoisonError::into_inner);
        slept.iter().copied().filter(|one| one.as_secs() > 0).collect()
    }

    /// Clients in us-west-2 with keys of their own.
    pub(super) fn clients(&self) -> Clients {
        self.clients_with(Settings {
            access_key: Some("AKIDEXAMPLE".into()),
            secret_key: Some("secret".into()),
            ..Settings::default()
        })
    }

    /// Clients with these settings, in us-west-2 by default, in an empty environment.
    pub(super) fn clients_with(&self, settings: Settings) -> Clients {
        self.clients_in(settings, &[])
    }

    pub(super) fn clients_in(&self, mut settings: Settings, variables: &[(&str, &str)]) -> Clients {
        settings.region.get_or_insert_with(|| "us-west-2".to_owned());
        // The adaptive mode measures real time, and here time does not pass.
        settings.retry_mode.get_or_insert(RetryMode::Standard);
        settings.skip_metadata_api_check.get_or_insert(true);
        let http = SharedHttpClient::new(self.clone());
        let sleep = SharedAsyncSleep::new(self.clone());
        Clients::assemble(settings, Env::from_slice(variables), Some(http), sleep).expect("usable settings")
    }
}

impl fmt::Debug for Stub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stub")
    }
}

impl AsyncSleep for Stub {
    fn sleep(&self, duration: Duration) -> Sleep {
        self.slept.lock().unwrap_or_else(PoisonError::into_inner).push(duration);
        // Yields once to other tasks, as every real sleep does.
        Sleep::new(tokio::task::yield_now())
    }
}

impl HttpClient for Stub {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Stub {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let asked = read(&request);
        let reply = (self.answering)(&asked);
        let repeatable = asked.operation != "CreateActivation";
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        HttpConnectorFuture::new(async move {
            // Yields once to other tasks, as every real network does.
            tokio::task::yield_now().await;
            match reply {
                Reply::With((name, value), body) => {
                    let mut response = HttpResponse::new(200.try_into().expect("a status"), SdkBody::from(body));
                    response.headers_mut().insert(name, value);
                    Ok(response)
                }
                Reply::Answer(status, body) => {
                    let status = status.try_into().expect("a status");
                    let mut response = HttpResponse::new(status, SdkBody::from(body));
                    response.headers_mut().insert("x-amzn-requestid", "r-9");
                    Ok(response)
                }
                Reply::Broken => {
                    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                    Err(super::transport::judge(&request, ConnectorError::io(reset.into()), repeatable))
                }
                Reply::Silence => std::future::pending().await,
            }
        })
    }
}

fn read(request: &HttpRequest) -> Asked {
    let text = request.body().bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    let header = |name: &str| request.headers().get(name).unwrap_or_default().to_owned();
    let form = |text: &str| {
        let fields = text.split('&').filter_map(|pair| pair.split_once('='));
        Value::Object(fields.map(|(key, value)| (key.to_owned(), value.into())).collect())
    };
    let target = header("x-amz-target");
    let uri: http::Uri = request.uri().parse().unwrap_or_default();
    let (operation, body) = if let Some((_, operation)) = target.split_once('.') {
        (operation.to_owned(), serde_json::from_str(&text).unwrap_or_default())
    } else if text.starts_with("Action=") {
        let body = form(&text);
        (body["Action"].as_str().unwrap_or_default().to_owned(), body)
    } else {
        (format!("{} {}", request.method(), uri.path()), serde_json::from_str(&text).unwrap_or_default())
    };
    Asked { operation, query: uri.query().unwrap_or_default().to_owned(), body, signed: header("authorization") }
}

/// An STS response in XML with temporary credentials.
pub(super) fn assumed(action: &str, access_key: &str) -> Reply {
    Reply::Answer(
        200,
        format!(
            "<{action}Response><{action}Result><Credentials><AccessKeyId>{access_key}</AccessKeyId>\
             <SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>\
             <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></{action}Result></{action}Response>"
        ),
    )
}

/// An STS response in XML that names the caller.
pub(super) fn caller(account: &str) -> Reply {
    Reply::Answer(
        200,
        format!(
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{account}:user/me</Arn>\
             <UserId>AIDA</UserId><Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
        ),
    )
}
