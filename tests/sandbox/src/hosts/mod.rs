//! Hosts: machines of a user's own, to be reached over SSH and joined to a cluster.
//!
//! ```text
//! control API ──▶ Hosts ──▶ Host (namespaces on one root file system) ──veth──▶ bridge of this process
//! host ──DNS──▶ names ──▶ the gateway's address
//! host ──443──▶ gateway ──▶ the sandbox's own port (AWS, nodeadm's files), or the front of an API server
//! ```
//!
//! Nothing leaves the machine: the bridge does not forward. All of it ends with the process; what a killed one leaves
//! behind, the next one removes.

mod artifacts;
mod commands;
mod control;
mod files;
mod gateway;
mod host;
mod images;
mod keys;
mod names;
mod network;
mod nodeadm;
mod run;
mod wanted;
mod whole;

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::OnceCell;

pub use self::{artifacts::answer as artifact, commands::deliver, control::answer};
use self::{
    gateway::Authority,
    host::Host,
    images::{Answer as Pulled, Images},
    keys::Keys,
    network::Network,
};
use crate::{
    plane::{Planes, children::Spawner, folder::Folder},
    world::World,
};

/// All hosts of a process.
pub struct Hosts {
    /// Of EKS's own registry, with a program that runs.
    images: Option<Images>,
    /// Or why there can be none here.
    ground: Result<Ground, String>,
    /// By account and name.
    all: Mutex<BTreeMap<(String, String), Arc<Host>>>,
}

/// What all hosts share.
struct Ground {
    /// Folder of the root file system, as `tools.py hosts` makes it.
    source: PathBuf,
    network: Network,
    spawner: Spawner,
    authority: Arc<Authority>,
    keys: OnceCell<Keys>,
    /// Names and addresses of hosts that are being started.
    claimed: Mutex<Vec<(String, Ipv4Addr)>>,
    // Dropped last: the others' files are in it.
    folder: Folder,
}

impl Hosts {
    /// Claims a network where hosts are wanted and can be. `source` is the folder of `--hosts`.
    pub fn prepare(source: Option<&Path>) -> Self {
        let ground =
            source.ok_or_else(|| "the sandbox was started without --hosts".to_owned()).and_then(Ground::prepare);
        Self { images: Images::with_program_of(source), ground, all: Mutex::default() }
    }

    /// Why `--hosts` gives none; `None` when all is well, or none were wanted.
    pub fn obstacle(&self, source: Option<&Path>) -> Option<&str> {
        source.and(self.ground.as_ref().err()).map(String::as_str)
    }

    /// The address under which hosts find AWS and API servers.
    pub fn gateway(&self) -> Option<Ipv4Addr> {
        self.ground.as_ref().ok().map(|ground| ground.network.gateway())
    }

    /// Answers the hosts' requests until the process ends. `port` is the sandbox's own.
    pub async fn serve(self: Arc<Self>, planes: Arc<Planes>, port: u16) {
        let Ok(ground) = &self.ground else { return std::future::pending().await };
        // Tasks of their own: whatever keeps another part of the sandbox busy must not keep hosts without names.
        let address = ground.network.gateway();
        let gateway = tokio::spawn(gateway::serve(address, Arc::clone(&ground.authority), planes, port));
        let hosts = Arc::clone(&self);
        let names = tokio::spawn(async move { names::serve(address, &hosts).await });
        let _ = tokio::join!(gateway, names);
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<(String, String), Arc<Host>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address of a host by its name, whosever it is.
    fn address_of(&self, name: &str) -> Option<Ipv4Addr> {
        self.all().iter().find(|((_, known), _)| known == name).map(|(_, host)| host.address)
    }

    /// Answers a request to EKS's own registry; nothing when the host is another.
    pub fn pull(
        &self,
        world: &World,
        host: &str,
        method: &str,
        path: &str,
        authorization: Option<&str>,
    ) -> Option<Pulled> {
        images::answer(self.images.as_ref(), world, host, method, path, authorization)
    }

    /// Ends every host and the network; for the end of the process.
    pub fn end_all(&self) {
        for host in std::mem::take(&mut *self.all()).into_values() {
            host.end();
        }
        if let Ok(ground) = &self.ground {
            ground.network.end();
            // The value itself may be held by a task that is still being cancelled.
            let _ = std::fs::remove_dir_all(ground.folder.path());
        }
    }
}

impl Ground {
    fn prepare(source: &Path) -> Result<Self, String> {
        let missing =
            ["rootfs/usr/sbin/sshd", "rootfs/usr/bin/python3"].iter().find(|name| !source.join(name).exists());
        if let Some(name) = missing {
            return Err(format!("{} lacks {name}; `make hosts` makes it and prints its folder", source.display()));
        }
        run::are_possible()?;
        whole::sweep();
        let failed = |error: std::io::Error| error.to_string();
        let folder = Folder::make().map_err(failed)?;
        run::try_mounts(&source.join("rootfs"), folder.path())?;
        Ok(Self {
            source: source.to_owned(),
            network: Network::claim()?,
            spawner: Spawner::new().map_err(failed)?,
            authority: Arc::new(Authority::make().map_err(|error| error.to_string())?),
            keys: OnceCell::new(),
            claimed: Mutex::default(),
            folder,
        })
    }

    fn rootfs(&self) -> PathBuf {
        self.source.join("rootfs")
    }

    async fn keys(&self) -> Result<&Keys, String> {
        self.keys.get_or_try_init(|| Keys::make(self.folder.path().join("keys"))).await
    }
}
