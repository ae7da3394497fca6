//! A forward proxy: opens tunnels (`CONNECT`, RFC 9110, 9.3.6) to the hosts that it was given, and to no other.
//!
//! It resolves names itself, as proxies do, by its own table: a client that reaches such a host has come through here.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

use super::head::Head;

/// Body of `POST …/proxies`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Where each host (`name:443`) is on this machine: `127.0.0.1:PORT`, or an address with a scheme before it.
    hosts: BTreeMap<String, String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<String>,
}

pub struct Proxy {
    pub port: u16,
    state: Arc<State>,
    task: AbortHandle,
}

struct State {
    hosts: BTreeMap<String, SocketAddr>,
    /// The value of `Proxy-Authorization` that is wanted.
    authorization: Option<String>,
    seen: Mutex<Seen>,
}

/// What was asked for, by host.
#[derive(Default, Serialize)]
struct Seen {
    tunnels: BTreeMap<String, u64>,
    refused: BTreeMap<String, u64>,
    unauthorized: u64,
}

impl Proxy {
    /// Listens on a free port; the error is the text for the caller.
    pub async fn start(wanted: Wanted) -> Result<Self, String> {
        let mut hosts = BTreeMap::new();
        for (host, to) in wanted.hosts {
            let address = to.split_once("://").map_or(to.as_str(), |(_, rest)| rest);
            let address = address.parse::<SocketAddr>().ok().filter(|address| address.ip().is_loopback());
            let Some(address) = address.filter(|_| host.contains(':')) else {
                return Err(format!("`{host}` and `{to}` are not like `name:443` and `127.0.0.1:40001`"));
            };
            hosts.insert(host, address);
        }
        let authorization = match (wanted.username, wanted.password) {
            (None, None) => None,
            (Some(username), Some(password)) => {
                Some(format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))
            }
            _ => return Err("give both of `username` and `password`, or none".to_owned()),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let state = Arc::new(State { hosts, authorization, seen: Mutex::default() });
        let task = tokio::spawn(accept(listener, Arc::clone(&state))).abort_handle();
        Ok(Self { port, state, task })
    }

    pub fn describe(&self) -> Value {
        json!(*self.state.seen())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    // Dropped with this task, and all tunnels with it.
    let mut tunnels = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                tunnels.spawn(tunnel(stream, Arc::clone(&state)));
            },
            Some(_) = tunnels.join_next() => {}
        }
    }
}

async fn tunnel(mut stream: TcpStream, state: Arc<State>) {
    let answer = match Head::read(&mut stream).await {
        Some(head) => match admit(&state, &head) {
            Ok(to) => match TcpStream::connect(to).await {
                Ok(mut target) => {
                    // Whoever has gone has gone.
                    if stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.is_ok() {
                        let _ = tokio::io::copy_bidirectional(&mut stream, &mut target).await;
                    }
                    return;
                }
                Err(_) => "502 Bad Gateway",
            },
            Err(answer) => answer,
        },
        None => "400 Bad Request",
    };
    let challenge = if answer.starts_with("407") { "Proxy-Authenticate: Basic realm=\"sandbox\"\r\n" } else { "" };
    let text = format!("HTTP/1.1 {answer}\r\n{challenge}Content-Length: 0\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Where a tunnel leads, or the status that refuses it.
fn admit(state: &State, head: &Head) -> Result<SocketAddr, &'static str> {
    if head.method != "CONNECT" {
        return Err("405 Method Not Allowed");
    }
    let mut seen = state.seen();
    if state.authorization.is_some() && head.header("proxy-authorization") != state.authorization.as_deref() {
        seen.unauthorized += 1;
        return Err("407 Proxy Authentication Required");
    }
    let known = state.hosts.get(&head.target).copied();
    let counts = if known.is_some() { &mut seen.tunnels } else { &mut seen.refused };
    *counts.entry(head.target.clone()).or_default() += 1;
    known.ok_or("403 Forbidden")
}
