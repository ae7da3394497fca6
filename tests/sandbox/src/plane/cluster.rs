//! The control plane of one cluster: a machine on loan, and everything that is the cluster's own.

use std::{
    net::Ipv4Addr,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    ClusterKey, Error, addons,
    api::Api,
    audit,
    certificates::Authority,
    front::Front,
    machine::{Machine, PATIENCE, Pause, Shape},
    network::Network,
    pods::Ends,
    webhook::Reviews,
};
use crate::{cidr::Cidr, eks::addons::Content, settings::EndpointBy, world::World};

/// The cluster properties that a control plane needs.
pub struct Plan {
    key: ClusterKey,
    /// PEM key with which the cluster's CA signs.
    authority_key: String,
    pub(super) shape: Shape,
    /// The host name that AWS would have used.
    host: String,
    by: EndpointBy,
    facts: addons::Facts,
    bootstrap_addons: bool,
    /// Managed add-ons, by name.
    addons: Vec<(String, Content)>,
}

impl Plan {
    pub fn of(world: &World, key: &ClusterKey) -> Option<Self> {
        let region = world.accounts.get(&key.account)?.regions.get(&key.region)?;
        let cluster = region.eks.clusters.get(&key.name).filter(|cluster| cluster.born.order == key.order)?;
        let subnet = cluster.network.subnet_ids.iter().find_map(|id| region.ec2.subnets.get(id));
        let address = subnet.and_then(|subnet| Cidr::parse(&subnet.block)?.address(9));
        let services = Cidr::parse(&cluster.service_cidr)?;
        Some(Self {
            key: key.clone(),
            authority_key: cluster.certificate_key.clone(),
            shape: Shape {
                service_cidr: cluster.service_cidr.clone(),
                first_service: services.address(1)?.to_string(),
                address: address.map_or_else(|| "10.0.0.9".to_owned(), |address| address.to_string()),
                node_ports: cluster.node_ports,
                signer: cluster
                    .outpost
                    .as_ref()
                    .map(|_| (cluster.certificate.clone(), cluster.certificate_key.clone())),
            },
            host: format!("{}.gr7.{}.eks.amazonaws.com", cluster.endpoint_id, key.region),
            by: world.accounts.get(&key.account)?.settings.endpoint,
            facts: addons::Facts {
                cluster: key.name.clone(),
                region: key.region.clone(),
                vpc_id: cluster.network.vpc_id.clone(),
                // As in EKS: the tenth address of the service range.
                dns_address: services.address(10)?.to_string(),
                first_service: services.address(1)?.to_string(),
                version: cluster.version.clone(),
            },
            bootstrap_addons: cluster.bootstrap_addons,
            addons: cluster.addons.iter().map(|(name, addon)| (name.clone(), addon.content())).collect(),
        })
    }
}

/// A running control plane.
pub struct ControlPlane {
    pub key: ClusterKey,
    pub api: Api,
    pub network: Network,
    /// The ends that pods of simulated nodes meet.
    pub ends: Ends,
    pub facts: addons::Facts,
    /// The endpoint for clients.
    pub front: Front,
    /// The host name that AWS would have used.
    host: String,
    by: EndpointBy,
    kubeconfig: String,
    milliseconds: u128,
    machine: Arc<Machine>,
    /// The machine has been returned, or ended.
    is_retired: AtomicBool,
    reviews: Mutex<Reviews>,
    /// Length of the audit log when its requests were last cleared.
    audited: AtomicU64,
}

impl ControlPlane {
    /// Sets up a fresh machine for the cluster.
    pub(super) async fn start(
        machine: Arc<Machine>,
        plan: Plan,
        gateway: Option<Ipv4Addr>,
        begun: Instant,
    ) -> Result<Self, Error> {
        let authority = Authority::of_key(&plan.authority_key).map_err(Error::Certificate)?;
        let names = [
            "127.0.0.1",
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            &plan.host,
            &plan.facts.first_service,
        ]
        .map(ToOwned::to_owned);
        let names = [&names[..], gateway.map(|address| address.to_string()).as_slice()].concat();
        let server = authority.server(&names).map_err(Error::Certificate)?;
        let to_kubelets = authority.client("kube-apiserver-kubelet-client", "system:masters");
        machine.go_to_kubelets_as(&to_kubelets.map_err(Error::Certificate)?)?;
        let mut plane = Self {
            api: machine.api_for_cluster()?,
            network: Network::default(),
            ends: Ends::default(),
            facts: plan.facts.clone(),
            front: Front::start(&server, machine.authority(), machine.port, gateway, machine.certified()).await?,
            host: plan.host.clone(),
            by: plan.by,
            kubeconfig: machine.write_kubeconfig(&plan.key.name)?,
            milliseconds: 0,
            is_retired: AtomicBool::default(),
            reviews: Mutex::default(),
            audited: AtomicU64::new(audit::length(&machine.audit_log())),
            machine,
            key: plan.key,
        };
        addons::install(&plane.api, &plan.facts, &plan.addons, plan.bootstrap_addons).await?;
        plane.until_controlled(plan.bootstrap_addons).await?;
        plane.front.set_open(true);
        plane.milliseconds = begun.elapsed().as_millis();
        Ok(plane)
    }

    /// Restarts the API server and accepts clients when it is ready.
    pub async fn restart_api_server(&self) -> Result<(), Error> {
        self.machine.start_api_server().await?;
        self.front.set_open(true);
        Ok(())
    }

    /// Waits until the controllers work, as in an ACTIVE EKS cluster: namespaces have their default objects, and
    /// installed objects have been observed.
    async fn until_controlled(&self, addons: bool) -> Result<(), Error> {
        const CORE: &str = "/api/v1/namespaces";
        const APPS: &str = "/apis/apps/v1/namespaces/kube-system";
        let begun = Instant::now();
        loop {
            let mut controlled = true;
            for namespace in ["default", "kube-system"] {
                for object in ["serviceaccounts/default", "configmaps/kube-root-ca.crt"] {
                    let answer = self.api.exchange("GET", &format!("{CORE}/{namespace}/{object}"), None).await;
                    controlled &= matches!(answer, Ok((200, _)));
                }
            }
            for kind in ["daemonsets", "deployments"].iter().filter(|_| addons) {
                let answer = self.api.exchange("GET", &format!("{APPS}/{kind}"), None).await;
                let objects = answer.ok().and_then(|(_, mut list)| Some(list["items"].as_array_mut()?.split_off(0)));
                // A Deployment's revision is recorded in a separate write.
                controlled &= objects.is_some_and(|objects| {
                    let seen = |object: &Value| {
                        addons::managed::is_observed(object)
                            && (*kind == "daemonsets"
                                || object["metadata"]["annotations"]["deployment.kubernetes.io/revision"].is_string())
                    };
                    objects.iter().all(seen)
                });
            }
            if controlled {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(Error::TooSlow(PATIENCE.as_secs()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends only the API server; the others wait for it to return.
    pub fn end_api_server(&self) {
        self.front.set_open(false);
        self.machine.end_api_server();
    }

    /// Keeps the API server from responding until the result is dropped. Connections stay open.
    pub fn pause_api_server(&self) -> std::io::Result<Pause<'_>> {
        self.machine.pause_api_server()
    }

    /// The number of its machine.
    pub fn machine_number(&self) -> u64 {
        self.machine.number
    }

    /// Ends what is the cluster's own, and returns the machine: to be ended, or to be reused once nobody uses
    /// [`ControlPlane::api`] any more. `None` the second time.
    pub fn retire(&self) -> Option<Arc<Machine>> {
        if self.is_retired.swap(true, Ordering::SeqCst) {
            return None;
        }
        self.front.end();
        Some(Arc::clone(&self.machine))
    }

    /// `https://127.0.0.1:PORT`, of the front; or an address that hosts can reach too.
    pub fn endpoint(&self) -> String {
        match self.front.gateway.filter(|_| self.by == EndpointBy::Hosts) {
            Some(address) => format!("https://{address}:{}", self.front.port),
            None if self.by == EndpointBy::Name => format!("https://{}", self.host),
            None => format!("https://127.0.0.1:{}", self.front.port),
        }
    }

    /// The host name that AWS would have used.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The administrator's kubeconfig. It bypasses the front, which does not accept its certificate.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    pub fn kubeconfig_path(&self) -> PathBuf {
        self.machine.kubeconfig_path()
    }

    /// How long the start took.
    pub fn milliseconds(&self) -> u128 {
        self.milliseconds
    }

    pub fn reviews(&self) -> MutexGuard<'_, Reviews> {
        self.reviews.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The requests made with tokens.
    pub fn requests(&self) -> std::io::Result<Value> {
        audit::describe(&self.machine.audit_log(), self.audited.load(Ordering::SeqCst))
    }

    pub fn forget_requests(&self) {
        self.audited.store(audit::length(&self.machine.audit_log()), Ordering::SeqCst);
    }

    /// The private DNS name of an EC2 instance that is a node of this cluster.
    pub fn node_of_instance(&self, instance: &str) -> Option<String> {
        self.network.node_of_instance(instance)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // A start overtaken by the end of its cluster.
        if let Some(machine) = self.retire() {
            machine.end();
        }
    }
}
