//! What the connections of one run share: bastions, and how many logins are in progress at one server.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::connect;
use super::session::SshHost;
use super::settings::Connection;
use crate::host::error::{Attempt, Error, Kind, Result};

/// Logins in progress at one server. OpenSSH drops some of more than 10 (`MaxStartups 10:30:100`), and others than
/// this program may log in.
const LOGINS: usize = 8;

type Slot = Arc<tokio::sync::Mutex<Option<Arc<Client>>>>;

/// Opens connections. Clones share bastions.
#[derive(Clone, Default)]
pub struct Ssh(Arc<Shared>);

#[derive(Default)]
struct Shared {
    bastions: Mutex<HashMap<[u8; 32], Slot>>,
    logins: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl fmt::Debug for Ssh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ssh").finish_non_exhaustive()
    }
}

impl Ssh {
    /// Connects to a host and logs in. A bastion is connected once, for all hosts behind it.
    ///
    /// # Errors
    /// The kinds about connecting, host keys and logins. If a bastion fails, the error's place is the bastion's.
    pub async fn connect(&self, connection: &Connection, cancel: &CancellationToken) -> Result<SshHost> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Error::new(Kind::Cancelled, Attempt::Connect, connection.place())),
            opened = self.open(connection) => {
                Ok(SshHost::new(opened?, connection, cancel.clone()))
            }
        }
    }

    fn open<'a>(&'a self, connection: &'a Connection) -> BoxFuture<'a, Result<Client>> {
        Box::pin(async move {
            let bastion = match &connection.bastion {
                Some(bastion) => Some(self.shared_connection(bastion).await?),
                None => None,
            };
            let logins = {
                // Behind a bastion, an address may be another host's than elsewhere.
                let place = connection.place();
                let server = format!("{}:{} {:?}", place.host, place.port, place.bastion);
                let mut all = self.0.logins.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(all.entry(server).or_insert_with(|| Arc::new(Semaphore::new(LOGINS))))
            };
            // The semaphore is never closed.
            let _permit = logins.acquire().await.ok();
            match connect::open(connection, bastion.as_deref()).await {
                Ok(client) => Ok(client.behind(bastion)),
                Err(kind) => Err(Error::new(kind, Attempt::Connect, connection.place())),
            }
        })
    }

    /// The connection to a bastion: the open one, or a new one. Others wait for it instead of opening their own.
    pub(super) async fn shared_connection(&self, connection: &Connection) -> Result<Arc<Client>> {
        let slot = self.slot(connection);
        let mut slot = slot.lock().await;
        if let Some(client) = slot.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(self.open(connection).await?);
        *slot = Some(Arc::clone(&client));
        Ok(client)
    }

    /// Lets the next one open a new connection to a bastion that does not answer on this one.
    pub(super) async fn forget(&self, connection: &Connection, client: &Arc<Client>) {
        let slot = self.slot(connection);
        let mut slot = slot.lock().await;
        if slot.as_ref().is_some_and(|open| Arc::ptr_eq(open, client)) {
            *slot = None;
        }
    }

    fn slot(&self, connection: &Connection) -> Slot {
        let mut all = self.0.bastions.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(connection.identity()).or_default())
    }
}
