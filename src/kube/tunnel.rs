//! A way to an API server that cannot be reached directly: another module opens the streams, and requests take them.
//!
//! TLS is spoken through the tunnel with the API server itself, whose certificate is verified as ever. The host name is
//! passed on as it is, and resolved at the other end.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::client::{Body, ClientBuilder, ConfigExt as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::{BoxError, Service, ServiceBuilder};

/// A stream in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Opens streams to API servers.
pub trait Tunnel: Send + Sync {
    /// A stream to a port of a host, whose name is resolved at the other end.
    fn open<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<Box<dyn Stream>, TunnelError>>;
}

/// Why a tunnel opened no stream.
#[derive(Clone, Debug)]
pub struct TunnelError {
    /// Which hop failed, and how.
    pub message: String,
    /// Whether another attempt may succeed.
    pub is_transient: bool,
    /// The error of the module that opens streams.
    pub source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl fmt::Display for TunnelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TunnelError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

/// A client whose connections go through a tunnel. Source: `ClientBuilder::try_from` of the kube crate, whose connector
/// cannot be replaced.
pub(super) fn client(config: kube::Config, tunnel: Arc<dyn Tunnel>) -> Result<kube::Client, kube::Error> {
    let connector = config.rustls_https_connector_with_connector(Connector(tunnel))?;
    let http: hyper_util::client::legacy::Client<_, Body> =
        hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(http);
    Ok(ClientBuilder::new(service, config.default_namespace).build())
}

#[derive(Clone)]
struct Connector(Arc<dyn Tunnel>);

impl Service<http::Uri> for Connector {
    type Response = TokioIo<Opened>;
    type Error = TunnelError;
    type Future = BoxFuture<'static, Result<Self::Response, TunnelError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TunnelError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        let tunnel = Arc::clone(&self.0);
        Box::pin(async move {
            let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
            let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
            Ok(TokioIo::new(Opened(tunnel.open(host, port).await?)))
        })
    }
}

/// An open stream, as hyper wants it.
struct Opened(Box<dyn Stream>);

impl Connection for Opened {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Opened {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Opened {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::kube::{Client, Credentials, Kind, Server, Target};

    /// Notes what it is asked for, and leads nowhere.
    struct Nowhere {
        asked: Mutex<Vec<String>>,
        /// How often it may seem to be worth another attempt.
        transient: usize,
    }

    impl Tunnel for Nowhere {
        fn open<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<Box<dyn Stream>, TunnelError>> {
            let mut asked = self.asked.lock().unwrap();
            asked.push(format!("{host}:{port}"));
            let is_transient = asked.len() <= self.transient;
            let message = "the bastion is closed".to_owned();
            Box::pin(async move { Err(TunnelError { message, is_transient, source: None }) })
        }
    }

    #[tokio::test]
    async fn requests_go_through_the_tunnel_and_no_other_way() {
        for (url, transient, expected) in [
            ("https://abc.eks.invalid", 0, &["abc.eks.invalid:443"][..]),
            ("https://[fd00::1]:6443", 0, &["fd00::1:6443"]),
            ("https://abc.eks.invalid", 1, &["abc.eks.invalid:443", "abc.eks.invalid:443"]),
        ] {
            let tunnel = Arc::new(Nowhere { asked: Mutex::default(), transient });
            let target = Target {
                cluster: "plant".to_owned(),
                server: Server::Address { url: url.to_owned(), authority: None, insecure: true },
                credentials: Credentials::Token("token".into()),
                tls_server_name: None,
                proxy: None,
                tunnel: Some(Arc::clone(&tunnel) as Arc<dyn Tunnel>),
            };
            let client = Client::new(&target).await.expect("a client");
            let error = client.version().await.expect_err("nothing answers");
            let Kind::Tunnel { cause, .. } = error.kind() else { panic!("{error:?}") };
            assert_eq!(cause, "the bastion is closed");
            assert!(error.is_unreachable() && error.tunnel_error().is_some());
            assert_eq!(*tunnel.asked.lock().unwrap(), expected);
        }
    }
}
