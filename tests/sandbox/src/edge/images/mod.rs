//! Registries of images that belong to nobody's account: plain HTTP on a loopback port, one request a connection.
//!
//! What they answer is that of the distribution specification
//! (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>) in the words of Docker's own registry;
//! what a registry can be told to do in addition are things that registries in use do.

mod answer;
mod store;

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

pub use self::store::{Settings, Tag, Wanted};
use self::{
    answer::{End, answer},
    store::Store,
};
use super::head::Head;
use crate::{
    fault::{self, Fault, Kind},
    moment::Moment,
    random,
    store::Shared,
    world::Answered,
};

/// Largest body that is read.
const LARGEST: usize = 256 * 1024 * 1024;

pub struct Images {
    port: u16,
    store: Arc<Mutex<Store>>,
    task: AbortHandle,
}

impl Drop for Images {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Images {
    /// Listens on a free port; the error is the text for the caller.
    pub async fn start(shared: &Arc<Shared>, account: &str, settings: Settings) -> Result<Self, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let store = Arc::new(Mutex::new(Store::new(settings)));
        let place = Place { shared: Arc::clone(shared), account: account.to_owned(), store: Arc::clone(&store) };
        let task = tokio::spawn(accept(listener, Arc::new(place))).abort_handle();
        Ok(Self { port, store, task })
    }

    pub fn describe(&self, id: &str) -> Value {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        json!({"id": id, "host": format!("127.0.0.1:{}", self.port), "repositories": store.describe()})
    }

    pub fn change(&self, settings: Settings) {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).settings = settings;
    }

    /// Puts an image into a repository.
    pub fn push(&self, wanted: &Wanted) -> Value {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).push(wanted)
    }

    /// Moves or deletes a tag.
    pub fn tag(&self, tag: Tag) -> Result<(), String> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).tag(tag)
    }
}

struct Place {
    shared: Arc<Shared>,
    account: String,
    store: Arc<Mutex<Store>>,
}

async fn accept(listener: TcpListener, place: Arc<Place>) {
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(connection(stream, Arc::clone(&place)));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(mut stream: TcpStream, place: Arc<Place>) {
    match serve(&mut stream, &place).await {
        End::Reset => {
            // With no time to linger, closing sends a reset instead of an orderly end.
            let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
        // Whoever has gone has gone.
        End::Close => drop(stream.shutdown().await),
    }
}

/// What Go's server answers to a client that speaks TLS.
const NOT_TLS: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTPS request to an HTTP server.\n";

async fn serve(stream: &mut TcpStream, place: &Place) -> End {
    let mut first = [0];
    // The first byte of a TLS handshake.
    if stream.peek(&mut first).await.is_ok_and(|read| read == 1) && first[0] == 0x16 {
        let _ = stream.write_all(NOT_TLS).await;
        return End::Close;
    }
    let Some(head) = Head::read(stream).await else { return End::Close };
    let operation = answer::operation(&head);
    let now = Moment::now();
    let struck = place.shared.change(|world| {
        let account = world.accounts.get_mut(&place.account)?;
        fault::strike(&mut account.faults, "registry", operation, now)
    });
    let size = head.header("content-length").and_then(|text| text.parse::<usize>().ok()).unwrap_or(0).min(LARGEST);
    let mut body = vec![0; size];
    if matches!(struck, Some(Fault { kind: Kind::Reset, .. })) {
        // In the middle of what is sent.
        let _ = stream.read_exact(&mut body[..size / 2]).await;
        record(place, operation, 0, struck.as_ref());
        return End::Reset;
    }
    if stream.read_exact(&mut body).await.is_err() {
        return End::Close;
    }
    let told = match &struck {
        Some(Fault { kind: Kind::Throttling, retry_after_seconds, .. }) => {
            answer::busy(429, "TOOMANYREQUESTS", *retry_after_seconds)
        }
        Some(Fault { kind: Kind::Http500, .. }) => answer::busy(500, "UNKNOWN", None),
        Some(Fault { kind: Kind::Http503, retry_after_seconds, .. }) => {
            answer::busy(503, "UNAVAILABLE", *retry_after_seconds)
        }
        _ => {
            let mut store = place.store.lock().unwrap_or_else(PoisonError::into_inner);
            answer(&mut store, &head, body)
        }
    };
    record(place, operation, told.status, struck.as_ref());
    if let Some(Fault { kind: Kind::Slow, milliseconds, .. }) = &struck {
        tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
    }
    if matches!(struck, Some(Fault { kind: Kind::DropAfterWork, .. })) {
        return End::Reset;
    }
    let mut text = format!("HTTP/1.1 {} Said\r\nConnection: close\r\n", told.status);
    if !told.headers.iter().any(|(name, _)| *name == "Content-Length") {
        text.push_str(&format!("Content-Length: {}\r\n", told.body.len()));
    }
    for (name, value) in &told.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let is_cut = matches!(struck, Some(Fault { kind: Kind::Cut, .. }));
    let cut = if is_cut { told.body.len() / 2 } else { told.body.len() };
    let body = if head.method == "HEAD" { &[][..] } else { &told.body[..cut] };
    // A client that has hung up is the client's business.
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.write_all(body).await;
    let _ = stream.flush().await;
    End::Close
}

fn record(place: &Place, operation: &'static str, status: u16, struck: Option<&Fault>) {
    place.shared.change(|world| {
        let Some(account) = world.accounts.get_mut(&place.account) else { return };
        account.requests.add(Answered {
            time: Moment::now().iso_millis(),
            service: "registry".to_owned(),
            operation: operation.to_owned(),
            region: String::new(),
            principal: String::new(),
            status,
            error: None,
            request_id: random::uuid(),
            user_agent: String::new(),
            fault: struck.map(|fault| fault.kind.name().to_owned()),
        });
    });
}
