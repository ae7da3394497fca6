//! The one etcd of a process. Its data are temporary, so it does not wait for the disk.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

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
