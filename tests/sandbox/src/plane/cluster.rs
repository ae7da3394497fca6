//! The control plane of one cluster: its files, its programs, what it remembers.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    ClusterKey, Error, Setup, addons,
    api::Api,
    audit,
    certificates::{self, Authority},
    children::{Child, Order, Spawner},
    free_ports,
    front::Front,
    kubeconfig,
    network::Network,
    programs::{API_SERVER, CONTROLLER_MANAGER, KWOK, Programs, SCHEDULER},
    webhook::Reviews,
    write_private,
};
use crate::{cidr::Cidr, eks::addons::Content, world::World};

/// Far more than it takes, for machines under load.
const PATIENCE: Duration = Duration::from_mins(2);
const AUDIT_LOG: &str = "audit.log";
/// What kwok's kubelets do: its stages.
const STAGES: &str = include_str!("stages.yaml");

/// What a control plane needs to know of its cluster.
pub struct Plan {
    key: ClusterKey,
    /// PEM.
    authority: String,
    authority_key: String,
    service_cidr: String,
    /// Name under which AWS would have served it.
    host: String,
    /// Address that the service `kubernetes` leads to: one of the VPC, as on EKS.
    address: String,
    facts: addons::Facts,
    bootstrap_addons: bool,
    /// Managed ones, by name.
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
            authority: cluster.certificate.clone(),
            authority_key: cluster.certificate_key.clone(),
            service_cidr: cluster.service_cidr.clone(),
            host: format!("{}.gr7.{}.eks.amazonaws.com", cluster.endpoint_id, key.region),
            address: address.map_or_else(|| "10.0.0.9".to_owned(), |address| address.to_string()),
            facts: addons::Facts {
                cluster: key.name.clone(),
                region: key.region.clone(),
                vpc_id: cluster.network.vpc_id.clone(),
                // AWS's rule: the tenth address of the service range.
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
    pub facts: addons::Facts,
    /// What clients talk to.
    pub front: Front,
    kubeconfig: String,
    folder: PathBuf,
    milliseconds: u128,
    spawner: Spawner,
    api_server: Mutex<Option<Child>>,
    api_server_order: (PathBuf, Vec<String>),
    others: Mutex<Vec<Child>>,
    reviews: Mutex<Reviews>,
    /// Length of the audit log when its requests were last forgotten.
    audited: AtomicU64,
}

impl ControlPlane {
    pub(super) async fn start(
        programs: &Programs,
        setup: &Setup,
        plan: Plan,
        sandbox: &str,
        begun: Instant,
    ) -> Result<Self, Error> {
        let key = plan.key.clone();
        let folder = setup.folder.path().join(format!("{}-{}-{}-{}", key.account, key.region, key.name, key.order));
        std::fs::create_dir_all(&folder)
            .map_err(|source| Error::File { file: folder.display().to_string(), source })?;
        let [port] = free_ports()?;
        let endpoint = format!("https://127.0.0.1:{port}");
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
        let server = authority.server(&names).map_err(Error::Certificate)?;
        let administrator = authority.client("kubernetes-admin", "system:masters").map_err(Error::Certificate)?;
        let config = |user: &str, pair: &certificates::Pair| {
            kubeconfig::of_certificate(&key.name, &endpoint, &plan.authority, user, pair)
        };
        let kubeconfig = config("kubernetes-admin", &administrator);
        let url = format!("{sandbox}/_sandbox/token-reviews/{}/{}/{}", key.account, key.region, key.name);
        let (public, private) = certificates::service_account_keys().map_err(Error::Certificate)?;
        for (name, text) in [
            ("ca.crt", plan.authority.as_str()),
            ("ca.key", &plan.authority_key),
            ("server.crt", &server.certificate),
            ("server.key", &server.key),
            ("service-accounts.pub", &public),
            ("service-accounts.key", &private),
            ("kubeconfig", &kubeconfig),
            ("webhook.kubeconfig", &kubeconfig::of_webhook(&url)),
            ("stages.yaml", STAGES),
            ("audit-policy.json", &audit::policy().to_string()),
        ] {
            write_private(&folder.join(name), text)?;
        }
        for (program, user) in [
            (CONTROLLER_MANAGER, "system:kube-controller-manager"),
            (SCHEDULER, "system:kube-scheduler"),
            (KWOK, "system:kwok"),
        ] {
            // Of the masters' group, so that none waits for the roles which the API server makes as it starts.
            let pair = authority.client(user, "system:masters").map_err(Error::Certificate)?;
            write_private(&folder.join(format!("{program}.kubeconfig")), &config(user, &pair))?;
        }
        let api = Api::new(port, &plan.authority, &administrator)?;
        let mut plane = Self {
            api,
            network: Network::default(),
            facts: plan.facts.clone(),
            front: Front::start(&plan.authority, &server, port).await?,
            kubeconfig,
            milliseconds: 0,
            spawner: setup.spawner.clone(),
            api_server: Mutex::default(),
            api_server_order: (programs.path(API_SERVER), api_server_arguments(&plan, &folder, port, setup.etcd.port)),
            others: Mutex::default(),
            reviews: Mutex::default(),
            audited: AtomicU64::default(),
            folder,
            key,
        };
        plane.start_api_server().await?;
        for name in [CONTROLLER_MANAGER, SCHEDULER, KWOK] {
            let arguments = arguments_of(name, &plane.folder, &plan);
            let child = plane.spawn(name, programs.path(name), arguments).await?;
            plane.others.lock().unwrap_or_else(PoisonError::into_inner).push(child);
        }
        addons::install(&plane.api, &plan.facts, &plan.addons, plan.bootstrap_addons).await?;
        plane.until_controlled(plan.bootstrap_addons).await?;
        plane.front.set_open(true);
        plane.milliseconds = begun.elapsed().as_millis();
        Ok(plane)
    }

    /// Starts the API server again and lets clients in when it is ready.
    pub async fn restart_api_server(&self) -> Result<(), Error> {
        self.start_api_server().await?;
        self.front.set_open(true);
        Ok(())
    }

    /// Starts the API server, always on the same port, and waits until it is ready.
    async fn start_api_server(&self) -> Result<(), Error> {
        let (program, arguments) = self.api_server_order.clone();
        let child = self.spawn(API_SERVER, program, arguments).await?;
        *self.api_server.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        let begun = Instant::now();
        while !matches!(self.api.exchange("GET", "/readyz", None).await, Ok((200, _))) {
            let ended = self
                .api_server
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .as_mut()
                .map_or_else(|| Some("it was ended".to_owned()), Child::ended);
            if let Some(text) = ended {
                return Err(Error::Ended(text));
            }
            if begun.elapsed() > PATIENCE {
                return Err(Error::TooSlow(PATIENCE.as_secs()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Waits until the controllers work, as those of an ACTIVE cluster of EKS do: the namespaces have what each is given,
    /// and what was installed has been seen.
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
                // A Deployment's revision is noted in a write of its own.
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

    /// Ends the API server alone; the others wait for it to come back.
    pub fn end_api_server(&self) {
        self.front.set_open(false);
        self.api_server.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    async fn spawn(&self, name: &'static str, program: PathBuf, arguments: Vec<String>) -> Result<Child, Error> {
        let log = self.folder.join(format!("{name}.log"));
        self.spawner
            .start(Order { name, program, arguments, log })
            .await
            .map_err(|source| Error::Start { program: name, source })
    }

    /// Ends all programs and removes the files.
    pub fn end(&self) {
        self.others.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.end_api_server();
        self.front.end();
        // Nothing can be done about files that stay; they go with the folder around them.
        let _ = std::fs::remove_dir_all(&self.folder);
    }

    /// `https://127.0.0.1:PORT`, of the front.
    pub fn endpoint(&self) -> String {
        format!("https://127.0.0.1:{}", self.front.port)
    }

    /// The administrator's kubeconfig. It leads past the front: that takes no certificates.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    pub fn kubeconfig_path(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// How long the start took.
    pub fn milliseconds(&self) -> u128 {
        self.milliseconds
    }

    pub fn reviews(&self) -> MutexGuard<'_, Reviews> {
        self.reviews.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has been asked with tokens.
    pub fn requests(&self) -> std::io::Result<Value> {
        audit::describe(&self.folder.join(AUDIT_LOG), self.audited.load(Ordering::SeqCst))
    }

    pub fn forget_requests(&self) {
        self.audited.store(audit::length(&self.folder.join(AUDIT_LOG)), Ordering::SeqCst);
    }

    /// The private DNS name of an EC2 instance that has a node here.
    pub fn node_of_instance(&self, instance: &str) -> Option<String> {
        self.network.node_of_instance(instance)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // A start that was overtaken by the cluster's end.
        self.end();
    }
}

fn api_server_arguments(plan: &Plan, folder: &Path, port: u16, etcd: u16) -> Vec<String> {
    let file = |name: &str| folder.join(name).display().to_string();
    let key = &plan.key;
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        format!("--etcd-prefix=/{}/{}/{}/{}", key.account, key.region, key.name, key.order),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        format!("--advertise-address={}", plan.address),
        format!("--tls-cert-file={}", file("server.crt")),
        format!("--tls-private-key-file={}", file("server.key")),
        format!("--client-ca-file={}", file("ca.crt")),
        format!("--service-cluster-ip-range={}", plan.service_cidr),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
        format!("--service-account-key-file={}", file("service-accounts.pub")),
        format!("--service-account-signing-key-file={}", file("service-accounts.key")),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        format!("--authentication-token-webhook-config-file={}", file("webhook.kubeconfig")),
        "--authentication-token-webhook-version=v1".to_owned(),
        // Access entries and the clock are to count soon. Another cache in front of this one keeps accepted tokens for
        // 10 seconds, and has no option.
        "--authentication-token-webhook-cache-ttl=0s".to_owned(),
        format!("--audit-policy-file={}", file("audit-policy.json")),
        format!("--audit-log-path={}", file(AUDIT_LOG)),
        "--allow-privileged=true".to_owned(),
        "--profiling=false".to_owned(),
        // Its ending is a kill, so there is nothing to drain.
        "--shutdown-delay-duration=0s".to_owned(),
    ]
}

fn arguments_of(name: &str, folder: &Path, plan: &Plan) -> Vec<String> {
    let file = |name: &str| folder.join(name).display().to_string();
    let mut arguments = vec![format!("--kubeconfig={}", file(&format!("{name}.kubeconfig")))];
    let more: Vec<String> = match name {
        CONTROLLER_MANAGER => vec![
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
            format!("--cluster-name={}", plan.key.name),
            format!("--root-ca-file={}", file("ca.crt")),
            format!("--service-account-private-key-file={}", file("service-accounts.key")),
            format!("--cluster-signing-cert-file={}", file("ca.crt")),
            format!("--cluster-signing-key-file={}", file("ca.key")),
            // Nobody renews the nodes' leases, and under load nobody could for thousands of them.
            "--node-monitor-grace-period=24h".to_owned(),
            // A thousand nodes and their pods in seconds.
            "--kube-api-qps=500".to_owned(),
            "--kube-api-burst=1000".to_owned(),
            "--profiling=false".to_owned(),
        ],
        SCHEDULER => vec![
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
            "--kube-api-qps=500".to_owned(),
            "--kube-api-burst=1000".to_owned(),
            "--profiling=false".to_owned(),
        ],
        _ => vec![
            format!("--config={}", file("stages.yaml")),
            "--manage-all-nodes=true".to_owned(),
            // No leases: see the controller manager.
            "--node-lease-duration-seconds=0".to_owned(),
            // For nodes that bring no address, and for pods on nodes that bring no range.
            "--node-ip=192.0.2.1".to_owned(),
            "--cidr=10.244.0.1/16".to_owned(),
        ],
    };
    arguments.extend(more);
    arguments
}
