//! Security Token Service: the caller's identity.

use super::clients::Clients;
use super::error::Result;

pub use super::account::Caller;

/// Security Token Service.
#[derive(Debug, Clone)]
pub struct Client {
    clients: Clients,
}

impl Clients {
    /// Security Token Service in the provider's region.
    #[must_use]
    pub fn sts(&self) -> Client {
        Client { clients: self.clone() }
    }
}

impl Client {
    /// The caller's identity. Requested once for all clones of the [`Clients`].
    ///
    /// # Errors
    /// Those of the call, and [`WrongAccount`](super::Kind::WrongAccount).
    pub async fn caller(&self) -> Result<Caller> {
        self.clients.caller().await
    }
}
