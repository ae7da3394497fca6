//! One API server: its address, its credentials, and what this run knows about it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::FIELD_MANAGER;
use super::discovery::Discoveries;
use super::error::{Attempt, Caller, Error, Kind, Result};
use super::listing::Listings;
use super::settling::{Access, Defined};
use super::target::{Target, TokenSource, reason};
use super::tunnel;

/// Timeout for establishing a connection.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Complete objects.
pub(super) const OBJECTS: &str = "application/json";

/// Data shared by all clones.
pub(super) struct Shared {
    pub(super) cluster: String,
    /// Scheme, host and port, for messages.
    pub(super) address: String,
    pub(super) http: kube::Client,
    pub(super) tokens: Option<Arc<dyn TokenSource>>,
    /// Where the credentials come from.
    pub(super) caller: Caller,
    /// Whether the server has responded at least once, with whatever status.
    pub(super) has_answered: AtomicBool,
    /// Whether retries were exhausted: the server cannot be reached at all.
    pub(super) given_up: AtomicBool,
    pub(super) listings: Listings,
    pub(super) discoveries: Discoveries,
    /// The kinds defined in this run.
    pub(super) defined: Defined,
    /// When an apply's requests began, and whether one was allowed.
    pub(super) access: Access,
}

/// One API server. Cheap to clone; clones share connections and listings.
#[derive(Clone)]
pub struct Client {
    pub(super) shared: Arc<Shared>,
    pub(super) cancel: CancellationToken,
    /// The field manager for writes.
    pub(super) manager: &'static str,
    /// The media type requested for responses.
    pub(super) accept: &'static str,
    /// Whether reads give up early on a server that has never responded.
    pub(super) is_looking: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("cluster", &self.shared.cluster)
            .field("address", &self.shared.address)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Prepares the connection. Sends nothing, but reads a kubeconfig file and runs a credential plugin.
    ///
    /// # Errors
    /// [`Kind::Configuration`].
    pub async fn new(target: &Target) -> Result<Self> {
        let (mut config, tokens) = target.config().await?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        // Only our code retries: it knows what may be retried, and logs it.
        config.default_retry = false;
        config.read_timeout = None;
        let address = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        // Building the stack may run a program, which blocks.
        let way = target.tunnel.clone();
        let made = tokio::task::spawn_blocking(move || match way {
            None => kube::client::ClientBuilder::try_from(config).map(kube::client::ClientBuilder::build),
            Some(way) => tunnel::client(config, way),
        });
        let unusable = |why: String| {
            let argument = if matches!(target.credentials, super::Credentials::Exec(_)) { "exec" } else { "host" };
            Error::new(Kind::Configuration { argument, problem: why }, Attempt::connect(), &target.cluster)
        };
        let http = match made.await {
            Ok(Ok(http)) => http,
            Ok(Err(error)) => return Err(unusable(reason(&error))),
            Err(error) => return Err(unusable(error.to_string())),
        };
        let shared = Shared {
            cluster: target.cluster.clone(),
            address,
            http,
            tokens,
            caller: target.credentials.caller(),
            has_answered: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            listings: Listings::default(),
            discoveries: Discoveries::default(),
            defined: Defined::default(),
            access: Access::default(),
        };
        let cancel = CancellationToken::new();
        Ok(Self { shared: Arc::new(shared), cancel, manager: FIELD_MANAGER, accept: OBJECTS, is_looking: false })
    }

    /// The same client, whose requests end when `cancel` is cancelled.
    #[must_use]
    pub fn with_cancel(&self, cancel: CancellationToken) -> Self {
        Self { cancel, ..self.clone() }
    }

    /// The same client for reads such as those of a plan, which should soon learn that the server cannot be reached.
    /// Writes wait as long as ever.
    #[must_use]
    pub fn for_reads(&self) -> Self {
        Self { is_looking: true, ..self.clone() }
    }

    /// The same client writing as another field manager, for objects that another program manages from then on.
    #[must_use]
    pub fn as_manager(&self, manager: &'static str) -> Self {
        Self { manager, ..self.clone() }
    }

    /// The same client requesting responses in another media type.
    pub(super) fn accepting(&self, accept: &'static str) -> Self {
        Self { accept, ..self.clone() }
    }

    /// The field manager for writes.
    pub(super) fn manager(&self) -> &'static str {
        self.manager
    }

    /// Name of the cluster.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.shared.cluster
    }

    /// Scheme, host and port of the API server.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.shared.address
    }
}
