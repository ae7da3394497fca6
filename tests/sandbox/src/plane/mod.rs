//! Real Kubernetes control planes for the sandbox's EKS clusters: kube-apiserver, controller-manager and scheduler,
//! with kwok simulating the nodes' kubelets.
//!
//! ```text
//! control API, CreateCluster ──▶ Planes ──▶ etcd (one, a prefix for each machine)
//!                                   ├─────▶ ControlPlane, one for each cluster ──▶ front
//!                                   └─────▶ pool ──▶ Machine, lent to one cluster after the other ──▶ children
//! clients ──▶ front ──▶ API server
//! API server ──TokenReview──▶ webhook ──▶ world (principals, access entries) and the aws-auth map
//! ```
//!
//! A control plane is started on request and ends with its cluster. Its machine, the running programs, then serves
//! the next cluster, after everything the previous one left has been removed. Nothing here knows AWS's protocols. The
//! objects of a control plane are lost when it ends: `--state` keeps the clusters, not their objects.

pub mod addons;
mod api;
mod audit;
mod calico;
mod certificates;
pub mod children;
mod cluster;
mod control;
mod etcd;
pub mod folder;
mod front;
mod groups;
mod hosts;
mod hybrid;
mod jobs;
mod kubeconfig;
pub mod kubelets;
mod machine;
mod network;
mod nodes;
mod parallel;
mod pods;
mod pool;
mod programs;
mod reset;
mod webhook;

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::Path,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};

pub use self::pods::End;
use self::{children::Spawner, cluster::ControlPlane, etcd::Etcd, folder::Folder, pool::Pool};
pub use self::{
    control::answer,
    programs::{Incomplete, Programs},
};
use crate::{
    store::Shared,
    world::{Account, World},
};

/// How often to check whether a control plane's cluster still exists.
const LOOK: Duration = Duration::from_millis(500);

/// One cluster. `order` distinguishes it from an earlier one with the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClusterKey {
    pub account: String,
    pub region: String,
    pub name: String,
    order: u64,
}

impl ClusterKey {
    pub fn of(account: &Account, region: &str, name: &str) -> Option<Self> {
        let cluster = account.regions.get(region)?.eks.clusters.get(name)?;
        Some(Self {
            account: account.id.clone(),
            region: region.to_owned(),
            name: name.to_owned(),
            order: cluster.born.order,
        })
    }

    fn exists(&self, world: &World) -> bool {
        world.accounts.get(&self.account).and_then(|account| Self::of(account, &self.region, &self.name)).as_ref()
            == Some(self)
    }
}

/// Work requested by a call that continues after its response.
#[derive(Clone, Debug)]
pub enum Order {
    /// Start the control plane.
    ControlPlane(ClusterKey),
    /// Run an add-on's job with this number.
    Addon { cluster: ClusterKey, name: String, number: u64 },
    /// Create or delete the nodes of a node group.
    NodeGroup { cluster: ClusterKey, name: String },
    /// Run a machine's user data.
    Boot(Machine),
    /// A machine has ended.
    Halt(Machine),
}

/// An EC2 instance.
#[derive(Clone, Debug)]
pub struct Machine {
    pub account: String,
    pub region: String,
    pub instance: String,
}

/// The state of a cluster's control plane, as EKS's responses show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// None: endpoint and status are simulated.
    #[default]
    None,
    /// Ordered by CreateCluster; the cluster is CREATING until the control plane is available.
    Ordered,
    Ready {
        /// `https://127.0.0.1:PORT`
        endpoint: String,
    },
    /// It did not start; the cluster is FAILED.
    Failed,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the sandbox was started without --control-plane")]
    Off,
    #[error("there is no cluster `{0}`")]
    NoCluster(String),
    #[error("no private folder could be made")]
    Folder(#[source] std::io::Error),
    #[error("{file} could not be written")]
    File {
        file: String,
        #[source]
        source: std::io::Error,
    },
    #[error("a certificate could not be made")]
    Certificate(#[source] rcgen::Error),
    #[error("no free port was found")]
    Port(#[source] std::io::Error),
    #[error("{program} could not be started")]
    Start {
        program: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error("the control plane ended before it was ready: {0}")]
    Ended(String),
    #[error("the control plane was not ready after {0} seconds")]
    TooSlow(u64),
    #[error("the API server did not do what was asked")]
    Api(#[from] api::Error),
    #[error("etcd did not do what was asked")]
    Etcd(#[source] etcd::StoreError),
}

impl Error {
    /// With all causes, on one line.
    pub fn whole(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        text
    }
}

type Slot = Arc<OnceCell<Arc<ControlPlane>>>;

/// All control planes of a process.
pub struct Planes {
    programs: Option<Programs>,
    /// The sandbox's own URL, `http://127.0.0.1:PORT`.
    sandbox: String,
    /// The address where hosts reach API servers.
    gateway: Option<Ipv4Addr>,
    setup: OnceCell<Setup>,
    slots: std::sync::Mutex<BTreeMap<ClusterKey, Slot>>,
    pool: Pool,
    /// Restarts run one after the other.
    restarting: Mutex<()>,
}

/// State shared by the control planes. Created at the first start.
struct Setup {
    // Dropped in this order: etcd before its directory.
    etcd: Etcd,
    spawner: Spawner,
    folder: Folder,
}

impl Planes {
    pub fn new(programs: Option<Programs>, sandbox: String, gateway: Option<Ipv4Addr>) -> Self {
        Self {
            programs,
            sandbox,
            gateway,
            setup: OnceCell::new(),
            slots: std::sync::Mutex::default(),
            pool: Pool::default(),
            restarting: Mutex::default(),
        }
    }

    fn slot(&self, key: &ClusterKey) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(key.clone()).or_default())
    }

    /// The control plane of a cluster, if it is available.
    fn standing(&self, key: &ClusterKey) -> Option<Arc<ControlPlane>> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.get(key)?.get().cloned()
    }

    /// Front port of the API server that AWS would serve under this host name.
    pub fn port_of(&self, host: &str) -> Option<u16> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let plane = slots.values().filter_map(|slot| slot.get()).find(|plane| plane.host().eq_ignore_ascii_case(host));
        plane.map(|plane| plane.front.port)
    }

    /// The control plane that currently uses the machine with this number.
    fn on_machine(&self, number: u64) -> Option<Arc<ControlPlane>> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.values().filter_map(|slot| slot.get()).find(|plane| plane.machine_number() == number).cloned()
    }

    /// Starts the control plane of a cluster, or waits for a start in progress.
    pub async fn start(&self, shared: &Arc<Shared>, key: &ClusterKey) -> Result<Arc<ControlPlane>, Error> {
        let programs = self.programs.as_ref().ok_or(Error::Off)?;
        let slot = self.slot(key);
        let started = slot
            .get_or_try_init(|| async {
                let begun = Instant::now();
                let setup = self.setup.get_or_try_init(|| Setup::make(programs)).await?;
                let plan = shared
                    .look(|world| cluster::Plan::of(world, key))
                    .ok_or_else(|| Error::NoCluster(key.name.clone()))?;
                let machine = self.pool.take(programs, setup, plan.shape.clone(), &self.sandbox).await?;
                let plane = Arc::new(ControlPlane::start(machine, plan, self.gateway, begun).await?);
                let ends = shared.look(|world| world.accounts.get(&key.account).map(|it| it.settings.pod_ends.clone()));
                for end in ends.into_iter().flatten() {
                    pods::add(&plane, end);
                }
                // Without hosts, kwok's are the only kubelets.
                if self.gateway.is_some() {
                    hybrid::follow(shared, &plane);
                }
                Ok(plane)
            })
            .await
            .cloned();
        let standing = match &started {
            Ok(plane) => Standing::Ready { endpoint: plane.endpoint() },
            Err(_) => Standing::Failed,
        };
        shared.change(|world| {
            if let Some(cluster) = key.exists(world).then(|| cluster_of(world, key)).flatten() {
                // If a start on request fails, a cluster that works without a control plane is unchanged.
                if standing != Standing::Failed || cluster.standing == Standing::Ordered {
                    cluster.standing = standing;
                }
            }
        });
        started
    }

    /// Starts the work that calls have ordered; the results show in the status of clusters, add-ons and node groups.
    pub fn start_ordered(self: &Arc<Self>, shared: &Arc<Shared>, ordered: Vec<Order>) {
        for order in ordered {
            let (planes, shared) = (Arc::clone(self), Arc::clone(shared));
            tokio::spawn(async move {
                match order {
                    Order::ControlPlane(key) => {
                        if let Err(error) = planes.start(&shared, &key).await {
                            eprintln!("sandbox: control plane of {}: {}", key.name, error.whole());
                        }
                    }
                    Order::Addon { cluster, name, number } => planes.work(&shared, &cluster, &name, number).await,
                    Order::Boot(machine) => hosts::boot(&planes, &shared, &machine).await,
                    Order::Halt(machine) => hosts::halt(&planes, &shared, &machine).await,
                    Order::NodeGroup { cluster, name } => match planes.standing(&cluster) {
                        Some(plane) => groups::work(&shared, &plane, &name).await,
                        None => groups::tell(&shared, &cluster, &name, |group| group.done(Vec::new())),
                    },
                }
            });
        }
    }

    /// Runs an add-on's job.
    async fn work(&self, shared: &Arc<Shared>, key: &ClusterKey, name: &str, number: u64) {
        match self.standing(key) {
            Some(plane) => jobs::work(shared, &plane, name, number).await,
            // The control plane has ended meanwhile, and its objects with it.
            None => jobs::tell(shared, key, name, |addon| addon.done(number, Vec::new())),
        }
    }

    /// Ends control planes whose cluster no longer exists. Never returns.
    pub async fn follow(&self, shared: &Shared) {
        let mut tick = tokio::time::interval(LOOK);
        loop {
            tick.tick().await;
            let keys: Vec<ClusterKey> =
                self.slots.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
            if keys.is_empty() {
                continue;
            }
            let gone: Vec<ClusterKey> =
                shared.look(|world| keys.into_iter().filter(|key| !key.exists(world)).collect());
            for key in gone {
                self.end(&key);
            }
        }
    }

    /// Ends a control plane: its objects are unreachable at once, and soon deleted.
    fn end(&self, key: &ClusterKey) -> bool {
        let slot = self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        let Some(plane) = slot.and_then(|slot| slot.get().cloned()) else {
            return false;
        };
        if let Some(machine) = plane.retire() {
            self.pool.give_back(machine, async move { plane.api.close().await });
        }
        true
    }

    /// Ends everything, at process exit.
    pub fn end_all(&self) {
        let slots = std::mem::take(&mut *self.slots.lock().unwrap_or_else(PoisonError::into_inner));
        for plane in slots.into_values().filter_map(|slot| slot.get().cloned()) {
            if let Some(machine) = plane.retire() {
                machine.end();
            }
        }
        self.pool.end_all();
        if let Some(setup) = self.setup.get() {
            setup.etcd.end();
            // A task that is still being cancelled may hold the value itself.
            let _ = std::fs::remove_dir_all(setup.folder.path());
        }
    }

    /// Starts the first account's cluster and writes its administrator's kubeconfig.
    pub async fn publish(&self, shared: &Arc<Shared>, file: &Path) -> Result<(), Error> {
        let key = shared.look(|world| {
            let account = world.credentials.get(world.first_key.as_ref()?)?.account.clone();
            let account = world.accounts.get(&account)?;
            let name = account.regions.get(&world.region)?.eks.clusters.keys().next()?;
            ClusterKey::of(account, &world.region, name)
        });
        let key = key.ok_or_else(|| Error::NoCluster("of the first account".to_owned()))?;
        let plane = self.start(shared, &key).await?;
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|source| Error::File { file: folder.display().to_string(), source })?;
        }
        write_private(file, plane.kubeconfig())
    }
}

impl Setup {
    async fn make(programs: &Programs) -> Result<Self, Error> {
        let folder = Folder::make().map_err(Error::Folder)?;
        let spawner = Spawner::new().map_err(|source| Error::Start { program: "a thread", source })?;
        let etcd = Etcd::start(programs, &spawner, folder.path()).await?;
        Ok(Self { etcd, spawner, folder })
    }
}

fn cluster_of<'a>(world: &'a mut World, key: &ClusterKey) -> Option<&'a mut crate::eks::cluster::Cluster> {
    world.accounts.get_mut(&key.account)?.regions.get_mut(&key.region)?.eks.clusters.get_mut(&key.name)
}

/// Writes a file that only its owner may read.
fn write_private(file: &Path, text: &str) -> Result<(), Error> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let failed = |source| Error::File { file: file.display().to_string(), source };
    // Removed first: the mode applies only to a new file.
    let _ = std::fs::remove_file(file);
    let mut file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(file).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

/// Ports that are currently free. They are not held after this returns, so they are chosen at random below the
/// ephemeral port ranges: nobody else uses one there so soon.
fn free_ports<const COUNT: usize>() -> Result<[u16; COUNT], Error> {
    const FIRST: u16 = 20_000;
    const COUNT_OF_ALL: u16 = 12_000;
    const ATTEMPTS: u32 = 100;
    // Ports already returned: two concurrent starts must not get the same one.
    static GIVEN: std::sync::Mutex<std::collections::BTreeSet<u16>> =
        std::sync::Mutex::new(std::collections::BTreeSet::new());
    let mut held = Vec::with_capacity(COUNT);
    let mut ports = [0; COUNT];
    for port in &mut ports {
        let mut attempt = 1;
        let listener = loop {
            let random = u16::from_str_radix(&crate::random::hex(4), 16).unwrap_or_default();
            *port = FIRST + random % COUNT_OF_ALL;
            match std::net::TcpListener::bind(("127.0.0.1", *port)) {
                Ok(listener) if GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(*port) => break listener,
                Ok(_) if attempt < ATTEMPTS => attempt += 1,
                Ok(_) => return Err(Error::Port(std::io::ErrorKind::AddrInUse.into())),
                Err(error) if attempt == ATTEMPTS => return Err(Error::Port(error)),
                Err(_) => attempt += 1,
            }
        };
        held.push(listener);
    }
    Ok(ports)
}

/// A response of the control API.
type Answer = (u16, Value);
