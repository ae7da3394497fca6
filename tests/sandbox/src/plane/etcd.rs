//! The etcd shared by a process. Its data is temporary, so it does not sync to disk.

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

/// Far longer than it takes, for machines under load.
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
            // The only member elects itself; there is nobody to wait for.
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

    /// The keys below a prefix.
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

/// The data of one API server.
pub struct Store {
    pub port: u16,
    pub prefix: String,
}

/// A key's value, and the revision that set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub revision: i64,
    /// In base64, as in etcd's JSON.
    pub value: String,
}

/// A key below the prefix, and its change.
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

/// Operations per transaction; etcd's limit is 128.
const AT_ONCE: usize = 100;

/// etcd's JSON API over HTTP, <https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/>.
impl Store {
    /// The revision of each key below the prefix.
    pub async fn revisions(&self) -> Result<BTreeMap<String, i64>, StoreError> {
        Ok(self.range(true).await?.into_iter().map(|(key, kept)| (key, kept.revision)).collect())
    }

    pub async fn objects(&self) -> Result<BTreeMap<String, Kept>, StoreError> {
        self.range(false).await
    }

    async fn range(&self, keys_only: bool) -> Result<BTreeMap<String, Kept>, StoreError> {
        // All keys that begin with `PREFIX/`: the end of the range is the next character, `0`.
        let ends = ["/", "0"].map(|end| STANDARD.encode(format!("{}{end}", self.prefix)));
        let asked = json!({"key": ends[0], "range_end": ends[1], "keys_only": keys_only});
        let mut answer = self.call("range", &asked).await?;
        let found = answer["kvs"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let found = found.into_iter().map(|mut one| {
            let key = STANDARD.decode(one["key"].as_str().unwrap_or_default()).unwrap_or_default();
            let key = String::from_utf8_lossy(&key[self.prefix.len().min(key.len())..]).into_owned();
            let revision = revision(&one["mod_revision"]);
            // Empty if the value was not requested.
            let value = if let Value::String(value) = one["value"].take() { value } else { String::new() };
            (key, Kept { revision, value })
        });
        Ok(found.collect())
    }

    /// Applies the changes in order, many at a time, and returns the new revision of each key that was put.
    pub async fn write(&self, changes: &[Change]) -> Result<Vec<(String, i64)>, StoreError> {
        let mut put = Vec::new();
        for some in changes.chunks(AT_ONCE) {
            let full = |key: &str| STANDARD.encode(format!("{}{key}", self.prefix));
            let operation = |change: &Change| match change {
                Change::Delete(key) => json!({"request_delete_range": {"key": full(key)}}),
                Change::Put(key, value) => json!({"request_put": {"key": full(key), "value": value}}),
            };
            let operations: Vec<Value> = some.iter().map(operation).collect();
            let answer = self.call("txn", &json!({"success": operations})).await?;
            let at = revision(&answer["header"]["revision"]);
            put.extend(some.iter().filter(|one| matches!(one, Change::Put(..))).map(|one| (one.key().to_owned(), at)));
        }
        Ok(put)
    }

    async fn call(&self, what: &str, body: &Value) -> Result<Value, StoreError> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.map_err(StoreError::Connect)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(StoreError::Exchange)?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method("POST")
            .uri(format!("/v3/kv/{what}"))
            .header("host", "127.0.0.1")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            // All of these are constants.
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
}

/// A 64-bit number, which its JSON represents as a string.
fn revision(value: &Value) -> i64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}
