//! The sandbox's own client of one API server: JSON over keep-alive TLS connections, with the administrator's
//! certificate. Independent of the kinds of objects.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use serde_json::Value;
use tokio::{net::TcpStream, sync::RwLock};
use tokio_rustls::TlsConnector;

use super::certificates::Pair;
use crate::eks::authority;

/// How a body changes the object.
#[derive(Clone, Copy)]
pub enum Content {
    Json,
    /// Kubernetes' own format: lists are merged by their keys.
    StrategicMergePatch,
    ServerSideApply,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the administrator's certificate cannot be used")]
    Certificate(#[source] rustls::Error),
    #[error("no connection to the API server")]
    Connect(#[source] std::io::Error),
    #[error("the connection to the API server broke")]
    Exchange(#[source] hyper::Error),
    #[error("the API server's answer to {call} is not JSON")]
    NotJson {
        call: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("the API server refused {call} with {status}: {message}")]
    Refused { call: String, status: u16, message: String },
    #[error("the cluster of this API server has ended")]
    Closed,
}

pub struct Api {
    port: u16,
    tls: TlsConnector,
    /// Connections currently unused.
    idle: Mutex<Vec<http1::SendRequest<Full<Bytes>>>>,
    /// Whether calls are allowed. Each call in progress holds the read lock.
    open: RwLock<bool>,
}

impl Api {
    /// `authority` is PEM. Connects on the first call.
    pub fn new(port: u16, authority: &str, administrator: &Pair) -> Result<Self, Error> {
        let der = |pem: &str| authority::der(pem).unwrap_or_default();
        let mut roots = RootCertStore::empty();
        roots.add(der(authority).into()).map_err(Error::Certificate)?;
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(der(&administrator.key));
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::Certificate)?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![der(&administrator.certificate).into()], key.into())
            .map_err(Error::Certificate)?;
        Ok(Self { port, tls: TlsConnector::from(Arc::new(config)), idle: Mutex::default(), open: RwLock::new(true) })
    }

    /// Waits until no call is in progress, and rejects later ones.
    pub async fn close(&self) {
        *self.open.write().await = false;
        self.idle().clear();
    }

    /// One exchange: status and body. A plain text body, such as that of /readyz, becomes a JSON string.
    pub async fn exchange(
        &self,
        method: &str,
        path: &str,
        body: Option<(Content, &Value)>,
    ) -> Result<(u16, Value), Error> {
        let open = self.open.read().await;
        if !*open {
            return Err(Error::Closed);
        }
        // The server may have closed a kept connection; a new one is not retried.
        let kept = self.idle().pop().filter(|connection| !connection.is_closed());
        if let Some(mut connection) = kept
            && let Ok(answer) = self.on(&mut connection, method, path, body).await
        {
            self.idle().push(connection);
            return Ok(answer);
        }
        let mut connection = self.connect().await?;
        let answer = self.on(&mut connection, method, path, body).await?;
        self.idle().push(connection);
        Ok(answer)
    }

    /// An exchange that must succeed.
    pub async fn call(&self, method: &str, path: &str, body: Option<(Content, &Value)>) -> Result<Value, Error> {
        let (status, answer) = self.exchange(method, path, body).await?;
        if status < 300 {
            return Ok(answer);
        }
        let message = answer["message"].as_str().or(answer.as_str()).unwrap_or_default().to_owned();
        Err(Error::Refused { call: format!("{method} {path}"), status, message })
    }

    pub async fn get(&self, path: &str) -> Result<Value, Error> {
        self.call("GET", path, None).await
    }

    fn idle(&self) -> MutexGuard<'_, Vec<http1::SendRequest<Full<Bytes>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<http1::SendRequest<Full<Bytes>>, Error> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.map_err(Error::Connect)?;
        // Without this option it is only slower.
        let _ = stream.set_nodelay(true);
        let name = ServerName::from(std::net::IpAddr::from([127, 0, 0, 1]));
        let stream = self.tls.connect(name, stream).await.map_err(Error::Connect)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Error::Exchange)?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn on(
        &self,
        connection: &mut http1::SendRequest<Full<Bytes>>,
        method: &str,
        path: &str,
        body: Option<(Content, &Value)>,
    ) -> Result<(u16, Value), Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", format!("127.0.0.1:{}", self.port))
            .header("accept", "application/json");
        if let Some((content, _)) = body {
            request = request.header(
                "content-type",
                match content {
                    Content::Json => "application/json",
                    Content::StrategicMergePatch => "application/strategic-merge-patch+json",
                    Content::ServerSideApply => "application/apply-patch+yaml",
                },
            );
        }
        let body = body.map_or_else(Bytes::new, |(_, value)| Bytes::from(value.to_string()));
        let request = request
            .body(Full::new(body))
            // Paths and headers are built here from names that the API server accepts.
            .unwrap_or_else(|error| unreachable!("own request is valid: {error}"));
        let answer = connection.send_request(request).await.map_err(Error::Exchange)?;
        let status = answer.status().as_u16();
        let is_json = answer.headers().get("content-type").is_some_and(|kind| kind.as_bytes().ends_with(b"json"));
        let text = answer.into_body().collect().await.map_err(Error::Exchange)?.to_bytes();
        let value = if is_json {
            serde_json::from_slice(&text)
                .map_err(|source| Error::NotJson { call: format!("{method} {path}"), source })?
        } else {
            Value::from(String::from_utf8_lossy(&text).into_owned())
        };
        Ok((status, value))
    }
}
