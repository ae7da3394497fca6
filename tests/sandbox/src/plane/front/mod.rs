//! The endpoint that DescribeCluster returns: a proxy in front of the API server, like EKS's load balancer.
//!
//! ```text
//! client ──TLS, h2 or http/1.1──▶ front ──TLS, h2──▶ API server
//! ```
//!
//! Each client connection has its own connection to the API server, and when either ends, so does the other; while
//! the API server is not ready, connections are reset. Bodies are streamed, including watches. Faults are simulated
//! here. Limits: connections cannot be upgraded (`kubectl exec`), and client certificates, which only local clusters
//! accept, are verified here ([`certified`]).

pub mod certified;
pub mod fault;
mod reply;

use std::{
    io,
    net::Ipv4Addr,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    Request, Response, Uri, Version,
    body::Incoming,
    client::conn::http2 as client,
    header::{self, HeaderMap, HeaderName},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{PrivatePkcs8KeyDer, ServerName},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::{AbortHandle, JoinSet},
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use self::{
    certified::{Certified, User},
    fault::{Asked, Fault, Faults, Kind},
    reply::Body,
};
use super::{Error, api, certificates::Pair};
use crate::{eks::authority, moment::Moment};

const H2: &[u8] = b"h2";
/// How long a client may take to read the last response at the end.
const LEAVE: Duration = Duration::from_secs(5);
/// Hop-by-hop headers, not forwarded.
const OF_CONNECTION: [HeaderName; 6] = [
    header::CONNECTION,
    header::HOST,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// How a connection is closed intentionally.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// By a reset.
    Reset,
    /// Regularly, as far as TCP is concerned.
    Close,
}

/// The request gets no response: its connection is about to end.
#[derive(Debug, thiserror::Error)]
#[error("the connection is ended on purpose")]
struct Ended;

pub struct Front {
    pub port: u16,
    /// The second address to listen on, with the same port: that of the hosts' network.
    pub gateway: Option<Ipv4Addr>,
    state: Arc<State>,
    tasks: Vec<AbortHandle>,
}

struct State {
    /// Port of the API server.
    port: u16,
    acceptor: TlsAcceptor,
    connector: TlsConnector,
    /// For clients with certificates, if the cluster accepts any.
    certified: Option<Certified>,
    /// Whether the API server is ready.
    is_open: AtomicBool,
    faults: Mutex<Faults>,
}

impl Front {
    /// Listens on a free port with the certificate `server`. The API server behind it has the port `port` and a
    /// certificate signed by `inner`, in PEM format. `certified` is how it accepts client certificates, if it does.
    pub async fn start(
        server: &Pair,
        inner: &str,
        port: u16,
        gateway: Option<Ipv4Addr>,
        certified: Option<certified::Authorities>,
    ) -> Result<Self, Error> {
        let unusable = |error| Error::Api(api::Error::Certificate(error));
        let (server, client) = configs(inner, server, certified.as_ref()).map_err(unusable)?;
        let certified = certified.map(|with| Certified::new(inner, &with)).transpose().map_err(unusable)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Error::Port)?;
        let own = listener.local_addr().map_err(Error::Port)?.port();
        let state = Arc::new(State {
            port,
            acceptor: TlsAcceptor::from(Arc::new(server)),
            connector: TlsConnector::from(Arc::new(client)),
            certified,
            is_open: AtomicBool::new(false),
            faults: Mutex::default(),
        });
        let mut tasks = vec![tokio::spawn(accept(listener, Arc::clone(&state))).abort_handle()];
        if let Some(address) = gateway {
            let listener = TcpListener::bind((address, own)).await.map_err(Error::Port)?;
            tasks.push(tokio::spawn(accept(listener, Arc::clone(&state))).abort_handle());
        }
        Ok(Self { port: own, gateway, state, tasks })
    }

    /// Accepts clients, or resets their connections.
    pub fn set_open(&self, is_open: bool) {
        self.state.is_open.store(is_open, Ordering::SeqCst);
    }

    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.state.faults()
    }

    /// Ends the front with all its connections.
    pub fn end(&self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

fn configs(
    inner: &str,
    server: &Pair,
    certified: Option<&certified::Authorities>,
) -> Result<(ServerConfig, ClientConfig), rustls::Error> {
    let der = |pem: &str| authority::der(pem).unwrap_or_default();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let inward = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let inward = match certified {
        Some(with) => inward.with_client_cert_verifier(with.verifier(Arc::clone(&provider))?),
        None => inward.with_no_client_auth(),
    };
    let mut inward = inward
        .with_single_cert(vec![der(&server.certificate).into()], PrivatePkcs8KeyDer::from(der(&server.key)).into())?;
    inward.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
    let mut roots = RootCertStore::empty();
    roots.add(der(inner).into())?;
    let mut outward = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    outward.alpn_protocols = vec![H2.to_vec()];
    Ok((inward, outward))
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    // Dropped with this task, together with all connections.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&state)));
                }
                // Out of file descriptors: other connections will end soon.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    // Without this option it is only slower.
    let _ = stream.set_nodelay(true);
    let reset = |stream: &TcpStream| {
        // With a linger time of zero, closing sends a reset instead of a regular end.
        let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
    };
    // Where nobody has a certificate, the API server is connected first: while it does not answer, neither does this.
    let connected = match &state.certified {
        None => match state.connect(&state.connector).await {
            Ok(connected) => Some(connected),
            Err(_) => return reset(&stream),
        },
        Some(_) if !state.is_open.load(Ordering::SeqCst) => return reset(&stream),
        Some(_) => None,
    };
    let Ok(stream) = state.acceptor.accept(stream).await else {
        return;
    };
    let user = stream.get_ref().1.peer_certificates().and_then(|chain| User::of(chain.first()?)).map(Arc::new);
    let connected = match (connected, &state.certified, &user) {
        (Some(connected), ..) => Ok(connected),
        (None, Some(certified), Some(_)) => state.connect(&certified.connector).await,
        (None, ..) => state.connect(&state.connector).await,
    };
    let Ok((sender, upstream)) = connected else {
        return reset(stream.get_ref().0);
    };
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(H2);
    // A second handle, to request a reset while the HTTP server owns the first.
    let handle = socket2::SockRef::from(stream.get_ref().0).try_clone();
    let (end, mut ended) = mpsc::channel(1);
    let service = service_fn(|mut request: Request<Incoming>| {
        certified::introduce(request.headers_mut(), user.as_deref());
        answer(Arc::clone(&state), sender.clone(), end.clone(), request)
    });
    let stream = TokioIo::new(stream);
    let how = if is_h2 {
        let serving =
            http2::Builder::new(TokioExecutor::new()).timer(TokioTimer::new()).serve_connection(stream, service);
        let mut serving = pin!(serving);
        follow(&mut serving, http2::Connection::graceful_shutdown, upstream, &mut ended).await
    } else {
        let serving = http1::Builder::new().timer(TokioTimer::new()).serve_connection(stream, service);
        let mut serving = pin!(serving);
        follow(&mut serving, http1::Connection::graceful_shutdown, upstream, &mut ended).await
    };
    if let (End::Reset, Ok(handle)) = (how, handle) {
        let _ = handle.set_linger(Some(Duration::ZERO));
    }
}

/// Serves until one side ends or a fault ends both.
async fn follow<S: Future<Output = hyper::Result<()>>>(
    serving: &mut Pin<&mut S>,
    finish: impl FnOnce(Pin<&mut S>),
    upstream: Upstream,
    ended: &mut mpsc::Receiver<End>,
) -> End {
    // An error means that the client has disconnected, or that a response was cut off.
    let of = |served: hyper::Result<()>| if served.is_ok() { End::Close } else { End::Reset };
    tokio::select! {
        served = serving.as_mut() => return of(served),
        Some(how) = ended.recv() => return how,
        over = upstream => if over.is_err() {
            return End::Reset;
        },
    }
    // The API server closed the connection, as after rejecting a token: its responses are still delivered.
    finish(serving.as_mut());
    tokio::time::timeout(LEAVE, serving.as_mut()).await.map_or(End::Reset, of)
}

type Sender = client::SendRequest<Incoming>;
type Upstream = client::Connection<TokioIo<tokio_rustls::client::TlsStream<TcpStream>>, Incoming, TokioExecutor>;

impl State {
    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self, connector: &TlsConnector) -> io::Result<(Sender, Upstream)> {
        if !self.is_open.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
        let stream = connector.connect(name, stream).await?;
        client::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(stream)).await.map_err(io::Error::other)
    }
}

async fn answer(
    state: Arc<State>,
    sender: Sender,
    end: mpsc::Sender<End>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Ended> {
    let struck = {
        let uri = request.uri();
        let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let asked = Asked {
            method: request.method().as_str(),
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            user_agent: agent.unwrap_or_default(),
        };
        state.faults().strike(&asked, Moment::now())
    };
    let Some(fault) = struck else {
        return Ok(forward(&state, sender, request).await?.map(reply::passed_on));
    };
    match fault.kind {
        Kind::Throttling => Ok(reply::throttled(fault.retry_after_seconds)),
        Kind::Http500 => Ok(reply::status(500, "InternalError", "Internal error occurred")),
        Kind::Http503 => {
            Ok(reply::status(503, "ServiceUnavailable", "the server is currently unable to handle the request"))
        }
        Kind::Reset => stop(&end, End::Reset).await,
        Kind::Slow | Kind::DropAfterWork | Kind::Cut => {
            let answer = forward(&state, sender, request).await?;
            late(&fault, answer, end).await
        }
    }
}

/// Applies a fault to the API server's response.
async fn late(fault: &Fault, answer: Response<Incoming>, end: mpsc::Sender<End>) -> Result<Response<Body>, Ended> {
    match fault.kind {
        Kind::Slow => {
            tokio::time::sleep(Duration::from_millis(fault.milliseconds)).await;
            Ok(answer.map(reply::passed_on))
        }
        Kind::Cut => {
            let (head, mut body) = answer.into_parts();
            // Half of the first frame: a watch has no end, and so no middle.
            let mut bytes = match body.frame().await {
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                _ => Bytes::new(),
            };
            bytes.truncate(bytes.len() / 2);
            let cut = move || {
                let _ = end.try_send(End::Close);
            };
            Ok(Response::from_parts(head, reply::cut(bytes, cut)))
        }
        _ => {
            // The request has been processed once the response begins.
            drop(answer);
            stop(&end, End::Reset).await
        }
    }
}

async fn stop(end: &mpsc::Sender<End>, how: End) -> Result<Response<Body>, Ended> {
    let _ = end.send(how).await;
    // The connection ends meanwhile, and this future with it.
    std::future::pending().await
}

/// Forwards the request to the API server.
async fn forward(state: &State, mut sender: Sender, request: Request<Incoming>) -> Result<Response<Incoming>, Ended> {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = format!("https://127.0.0.1:{}{path}", state.port).parse::<Uri>().map_err(|_| Ended)?;
    head.version = Version::HTTP_2;
    strip(&mut head.headers);
    sender.ready().await.map_err(|_| Ended)?;
    let mut answer = sender.send_request(Request::from_parts(head, body)).await.map_err(|_| Ended)?;
    *answer.version_mut() = Version::default();
    strip(answer.headers_mut());
    Ok(answer)
}

fn strip(headers: &mut HeaderMap) {
    for name in &OF_CONNECTION {
        headers.remove(name);
    }
}
