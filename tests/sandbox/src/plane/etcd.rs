//! The one etcd of a process. Its data are temporary, so it does not wait for the disk.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    Error,
    children::{Child, Order, Spawner},
    free_ports,
    programs::{ETCD, Programs},
};

/// Far more than it takes, for machines under load.
const PATIENCE: Duration = Duration::from_mins(1);

pub struct Etcd {
    pub port: u16,
    child: Mutex<Option<Child>>,
}

impl Etcd {
    /// Starts it and waits until it is healthy.
    pub async fn start(programs: &Programs, spawner: &Spawner, folder: &Path) -> Result<Self, Error> {
        let [port, peers] = free_ports()?;
        let url = format!("http://127.0.0.1:{port}");
        let peer_url = format!("http://127.0.0.1:{peers}");
        let data = folder.join("etcd");
        let arguments = [
            "--name=sandbox".to_owned(),
            format!("--data-dir={}", data.display()),
            format!("--listen-client-urls={url}"),
            format!("--advertise-client-urls={url}"),
            format!("--listen-peer-urls={peer_url}"),
            format!("--initial-advertise-peer-urls={peer_url}"),
            format!("--initial-cluster=sandbox={peer_url}"),
            "--unsafe-no-fsync".to_owned(),
            "--log-level=warn".to_owned(),
            // One member elects itself; there is nobody to wait for.
            "--heartbeat-interval=50".to_owned(),
            "--election-timeout=250".to_owned(),
        ];
        let order = Order {
            name: ETCD,
            program: programs.path(ETCD),
            arguments: arguments.into(),
            log: folder.join("etcd.log"),
        };
        let mut child = spawner.start(order).await.map_err(|source| Error::Start { program: ETCD, source })?;
        let begun = Instant::now();
        while !is_healthy(port).await {
            if let Some(text) = child.ended() {
                return Err(Error::Ended(text));
            }
            if begun.elapsed() > PATIENCE {
                return Err(Error::TooSlow(PATIENCE.as_secs()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { port, child: Mutex::new(Some(child)) })
    }

    /// What is below a prefix.
    pub fn store(&self, prefix: String) -> Store {
        Store { port: self.port, prefix }
    }

    pub fn end(&self) {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

async fn is_healthy(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    ask.await.is_ok_and(|answer| answer.split(' ').nth(1) == Some("200"))
}

/// What one API server has stored.
pub struct Store {
    pub port: u16,
    pub prefix: String,
}

/// A key's value, and the revision at which it got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub revision: i64,
    /// As etcd's JSON has it: base64.
    pub value: String,
}

/// A key below the prefix, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Delete(String),
    /// The value is in base64.
    Put(String, String),
}

impl Change {
    pub fn key(&self) -> &str {
        match self {
            Self::Delete(key) | Self::Put(key, _) => key,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("no connection")]
    Connect(#[source] std::io::Error),
    #[error("the connection broke")]
    Exchange(#[source] hyper::Error),
    #[error("it answered {status}: {text}")]
    Refused { status: u16, text: String },
}

/// etcd's own JSON over HTTP, <https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/>.
impl Store {
    /// The revision of each key below the prefix.
    pub async fn revisions(&self) -> Result<BTreeMap<String, i64>, StoreError> {
        Ok(self.range(true).await?.into_iter().map(|(key, kept)| (key, kept.revision)).collect())
    }

    pub async fn objects(&self) -> Result<BTreeMap<String, Kept>, StoreError> {
        self.range(false).await
    }

    async fn range(&self, keys_only: bool) -> Result<BTreeMap<String, Kept>, StoreError> {
        // All keys that begin with `PREFIX/`: up to the next character, `0`.
        let ends = ["/", "0"].map(|end| STANDARD.encode(format!("{}{end}", self.prefix)));
        let asked = json!({"key": ends[0], "range_end": ends[1], "keys_only": keys_only});
        let mut answer = self.call("range", &asked).await?;
        let found = answer["kvs"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let found = found.into_iter().map(|mut one| {
            let key = STANDARD.decode(one["key"].as_str().unwrap_or_default()).unwrap_or_default();
            let key = String::from_utf8_lossy(&key[self.prefix.len().min(key.len())..]).into_owned();
            let revision = revision(&one["mod_revision"]);
            // Without its value where that was not asked for.
            let value = if let Value::String(value) = one["value"].take() { value } else { String::new() };
            (key, Kept { revision, value })
        });
        Ok(found.collect())
    }

    /// Makes the changes in their order and gives the revision of each key that was put.
    ///
    /// Each change is a transaction of its own, because an API server takes every revision for one event: a watch that
    /// is cut off between two events of one revision resumes behind both, and a controller keeps what was deleted.
    pub async fn write(&self, changes: &[Change]) -> Result<Vec<(String, i64)>, StoreError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let mut put = Vec::new();
        let mut sender = self.connect().await?;
        for change in changes {
            let key = STANDARD.encode(format!("{}{}", self.prefix, change.key()));
            match change {
                Change::Delete(_) => {
                    exchange(&mut sender, "deleterange", &json!({"key": key})).await?;
                }
                Change::Put(name, value) => {
                    let answer = exchange(&mut sender, "put", &json!({"key": key, "value": value})).await?;
                    put.push((name.clone(), revision(&answer["header"]["revision"])));
                }
            }
        }
        Ok(put)
    }

    async fn connect(&self) -> Result<http1::SendRequest<Full<Bytes>>, StoreError> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.map_err(StoreError::Connect)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(StoreError::Exchange)?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn call(&self, what: &str, body: &Value) -> Result<Value, StoreError> {
        exchange(&mut self.connect().await?, what, body).await
    }
}

async fn exchange(sender: &mut http1::SendRequest<Full<Bytes>>, what: &str, body: &Value) -> Result<Value, StoreError> {
    sender.ready().await.map_err(StoreError::Exchange)?;
    let request = Request::builder()
        .method("POST")
        .uri(format!("/v3/kv/{what}"))
        .header("host", "127.0.0.1")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        // Fixed texts, all of them.
        .unwrap_or_else(|error| unreachable!("own request is valid: {error}"));
    let answer = sender.send_request(request).await.map_err(StoreError::Exchange)?;
    let status = answer.status().as_u16();
    let text = answer.into_body().collect().await.map_err(StoreError::Exchange)?.to_bytes();
    let refused = || StoreError::Refused { status, text: String::from_utf8_lossy(&text).into_owned() };
    if status != 200 {
        return Err(refused());
    }
    serde_json::from_slice(&text).map_err(|_| refused())
}

/// A number of 64 bits, which its JSON writes as a text.
fn revision(value: &Value) -> i64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}
