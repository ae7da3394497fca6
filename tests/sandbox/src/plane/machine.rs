//! The programs of one control plane: its files, child processes and audit log. It knows no cluster: it is lent to
//! one after the other (see `pool`), and reset to its fresh state each time.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    Error, Setup,
    api::Api,
    audit,
    certificates::{self, Authority, Pair},
    children::{Child, Order, Spawner},
    etcd::Store,
    free_ports,
    front::certified,
    kubeconfig, nodes,
    programs::{API_SERVER, CONTROLLER_MANAGER, KWOK, Programs, SCHEDULER},
    reset::Fresh,
    write_private,
};
use crate::eks::authority;

/// Far longer than it takes, for machines under load.
pub const PATIENCE: Duration = Duration::from_mins(2);
const AUDIT_LOG: &str = "audit.log";
/// Certificate and key that the API server presents to kubelets. They trust the cluster's CA, so each cluster writes
/// its own here; the API server reads them again for each connection.
const KUBELET_CLIENT: [&str; 2] = ["kubelet-client.crt", "kubelet-client.key"];
/// The authority of [`Shape::signer`], and what the API server accepts client certificates of.
const SIGNER: [&str; 2] = ["clients-ca.crt", "clients-ca.key"];
const CLIENTS: &str = "clients.crt";
/// The behavior of kwok's kubelets: its stages.
const STAGES: &str = include_str!("stages.yaml");

/// Fixed settings of the programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Service CIDR.
    pub service_cidr: String,
    /// The first service address: that of the service `kubernetes`.
    pub first_service: String,
    /// The address behind this service: one in the VPC, as on EKS.
    pub address: String,
    /// First and last NodePort, where the cluster has a range of its own.
    pub node_ports: Option<(u16, u16)>,
    /// Certificate and key, in PEM format, of the authority that signs client certificates: the cluster's own, for a
    /// local cluster. Those in the Region sign none. Source: EKS user guide, "Certificate signing".
    pub signer: Option<(String, String)>,
}

pub struct Machine {
    /// Unique in this process; also part of the URL of its token reviews.
    pub number: u64,
    pub shape: Shape,
    pub store: Store,
    /// Port of the API server.
    pub port: u16,
    /// PEM. The machine's own CA; the front presents a certificate of the cluster's.
    authority: String,
    administrator: Pair,
    /// With which a front says who its client is.
    proxy: Pair,
    /// For calls that concern no cluster.
    pub api: Api,
    folder: PathBuf,
    spawner: Spawner,
    api_server: Mutex<Option<Child>>,
    api_server_order: (PathBuf, Vec<String>),
    others: Mutex<Vec<Child>>,
    /// The data before any cluster used it.
    pub fresh: Fresh,
    /// After certain events, it is not used for another cluster.
    is_worn: AtomicBool,
}

impl Machine {
    /// Starts the programs and waits until all of them work. `sandbox` is the sandbox's own address.
    pub(super) async fn start(
        programs: &Programs,
        setup: &Setup,
        number: u64,
        shape: Shape,
        sandbox: &str,
    ) -> Result<Self, Error> {
        let folder = setup.folder.path().join(format!("machine-{number}"));
        std::fs::create_dir_all(&folder)
            .map_err(|source| Error::File { file: folder.display().to_string(), source })?;
        let [port] = free_ports()?;
        let (certificate, key) = authority::make().map_err(Error::Certificate)?;
        let authority = Authority::of_key(&key).map_err(Error::Certificate)?;
        let names = ["127.0.0.1", "localhost", "kubernetes.default.svc", &shape.first_service].map(ToOwned::to_owned);
        let server = authority.server(&names).map_err(Error::Certificate)?;
        let administrator = authority.client("kubernetes-admin", "system:masters").map_err(Error::Certificate)?;
        let (public, private) = certificates::service_account_keys().map_err(Error::Certificate)?;
        let reviews = format!("{sandbox}/_sandbox/token-reviews/{number}");
        let (signer, signer_key) = shape.signer.as_ref().map_or(("", ""), |(signer, key)| (signer, key));
        for (name, text) in [
            (SIGNER[0], signer),
            (SIGNER[1], signer_key),
            (CLIENTS, &format!("{certificate}{signer}")),
            ("ca.crt", certificate.as_str()),
            ("ca.key", &key),
            ("server.crt", &server.certificate),
            ("server.key", &server.key),
            ("service-accounts.pub", &public),
            ("service-accounts.key", &private),
            ("webhook.kubeconfig", &kubeconfig::of_webhook(&reviews)),
            ("stages.yaml", STAGES),
            (KUBELET_CLIENT[0], &administrator.certificate),
            (KUBELET_CLIENT[1], &administrator.key),
            ("audit-policy.json", &audit::policy().to_string()),
        ] {
            write_private(&folder.join(name), text)?;
        }
        let endpoint = format!("https://127.0.0.1:{port}");
        for (program, user) in [
            (CONTROLLER_MANAGER, "system:kube-controller-manager"),
            (SCHEDULER, "system:kube-scheduler"),
            (KWOK, "system:kwok"),
        ] {
            // In the masters group, so that no client waits for the roles that the API server creates at startup.
            let pair = authority.client(user, "system:masters").map_err(Error::Certificate)?;
            let text = kubeconfig::of_certificate("sandbox", &endpoint, &certificate, user, &pair);
            write_private(&folder.join(format!("{program}.kubeconfig")), &text)?;
        }
        let store = setup.etcd.store(format!("/{number}"));
        let arguments = api_server_arguments(&shape, &folder, port, &store);
        let mut machine = Self {
            number,
            api: Api::new(port, &certificate, &administrator)?,
            port,
            store,
            authority: certificate,
            administrator,
            proxy: authority.client(certified::PROXY, "fronts").map_err(Error::Certificate)?,
            spawner: setup.spawner.clone(),
            api_server: Mutex::default(),
            api_server_order: (programs.path(API_SERVER), arguments),
            others: Mutex::default(),
            fresh: Fresh::default(),
            is_worn: AtomicBool::default(),
            shape,
            folder,
        };
        machine.start_api_server().await?;
        for name in [CONTROLLER_MANAGER, SCHEDULER, KWOK] {
            let arguments = arguments_of(name, &machine.folder, machine.shape.signer.is_some());
            let child = machine.spawn(name, programs.path(name), arguments).await?;
            machine.others.lock().unwrap_or_else(PoisonError::into_inner).push(child);
        }
        machine.until_controlled().await?;
        machine.fresh = Fresh::of(&machine).await?;
        Ok(machine)
    }

    /// The administrator's API client, for one cluster.
    pub fn api_for_cluster(&self) -> Result<Api, Error> {
        Ok(Api::new(self.port, &self.authority, &self.administrator)?)
    }

    /// PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// How a front accepts client certificates, if the cluster's signer issues any.
    pub fn certified(&self) -> Option<certified::Authorities> {
        let (clients, _) = self.shape.signer.as_ref()?;
        Some(certified::Authorities { clients: clients.clone(), proxy: self.proxy.clone() })
    }

    /// Writes the administrator's kubeconfig for a cluster with this name, and returns it.
    pub fn write_kubeconfig(&self, cluster: &str) -> Result<String, Error> {
        let endpoint = format!("https://127.0.0.1:{}", self.port);
        let user = "kubernetes-admin";
        let text = kubeconfig::of_certificate(cluster, &endpoint, &self.authority, user, &self.administrator);
        write_private(&self.kubeconfig_path(), &text)?;
        Ok(text)
    }

    /// Lets the API server connect to kubelets that trust the CA which signed this certificate.
    pub fn go_to_kubelets_as(&self, pair: &Pair) -> Result<(), Error> {
        write_private(&self.folder.join(KUBELET_CLIENT[0]), &pair.certificate)?;
        write_private(&self.folder.join(KUBELET_CLIENT[1]), &pair.key)
    }

    pub fn kubeconfig_path(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    pub fn audit_log(&self) -> PathBuf {
        self.folder.join(AUDIT_LOG)
    }

    pub fn is_worn(&self) -> bool {
        // Another cluster has another authority.
        self.shape.signer.is_some() || self.is_worn.load(Ordering::SeqCst)
    }

    /// Starts the API server, always on the same port, and waits until it is ready.
    pub async fn start_api_server(&self) -> Result<(), Error> {
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

    /// Waits until the namespaces have the objects that controllers and the API server create in each.
    async fn until_controlled(&self) -> Result<(), Error> {
        const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];
        let begun = Instant::now();
        let of_namespace =
            |namespace| ["serviceaccounts/default", "configmaps/kube-root-ca.crt"].map(|object| (namespace, object));
        let late = [("kube-system", "configmaps/extension-apiserver-authentication")];
        for (namespace, object) in NAMESPACES.into_iter().flat_map(of_namespace).chain(late) {
            let path = format!("/api/v1/namespaces/{namespace}/{object}");
            while !matches!(self.api.exchange("GET", &path, None).await, Ok((200, _))) {
                if begun.elapsed() > PATIENCE {
                    return Err(Error::TooSlow(PATIENCE.as_secs()));
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// Ends only the API server; the others wait for it to return.
    pub fn end_api_server(&self) {
        self.is_worn.store(true, Ordering::SeqCst);
        self.api_server.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Keeps the API server from responding until the result is dropped. Connections stay open.
    pub fn pause_api_server(&self) -> std::io::Result<Pause<'_>> {
        // Which clients have given up meanwhile is unknown.
        self.is_worn.store(true, Ordering::SeqCst);
        self.set_paused(true)?;
        Ok(Pause(self))
    }

    fn set_paused(&self, paused: bool) -> std::io::Result<()> {
        let api_server = self.api_server.lock().unwrap_or_else(PoisonError::into_inner);
        api_server.as_ref().map_or(Ok(()), |child| child.set_paused(paused))
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
        // Files that cannot be removed here are removed with the parent directory.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A paused API server; it resumes when this is dropped.
pub struct Pause<'a>(&'a Machine);

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        // If it has ended meanwhile, it cannot resume.
        let _ = self.0.set_paused(false);
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.end();
    }
}

fn api_server_arguments(shape: &Shape, folder: &Path, port: u16, store: &Store) -> Vec<String> {
    let file = |name: &str| folder.join(name).display().to_string();
    let (first_node_port, last_node_port) = shape.node_ports.unwrap_or((30000, 32767));
    vec![
        format!("--service-node-port-range={first_node_port}-{last_node_port}"),
        format!("--etcd-servers=http://127.0.0.1:{}", store.port),
        format!("--etcd-prefix={}", store.prefix),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        format!("--advertise-address={}", shape.address),
        format!("--tls-cert-file={}", file("server.crt")),
        format!("--tls-private-key-file={}", file("server.key")),
        format!("--client-ca-file={}", file(CLIENTS)),
        format!("--service-cluster-ip-range={}", shape.service_cidr),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
        format!("--service-account-key-file={}", file("service-accounts.pub")),
        format!("--service-account-signing-key-file={}", file("service-accounts.key")),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        format!("--authentication-token-webhook-config-file={}", file("webhook.kubeconfig")),
        "--authentication-token-webhook-version=v1".to_owned(),
        // Access entries and the clock should take effect soon. A second cache in front of this one keeps accepted
        // tokens for 10 seconds, and has no option.
        "--authentication-token-webhook-cache-ttl=0s".to_owned(),
        format!("--audit-policy-file={}", file("audit-policy.json")),
        format!("--audit-log-path={}", file(AUDIT_LOG)),
        // Access to kubelets: by address, because nothing resolves host names; and as a user that each kubelet
        // accepts.
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        format!("--kubelet-client-certificate={}", file(KUBELET_CLIENT[0])),
        format!("--kubelet-client-key={}", file(KUBELET_CLIENT[1])),
        "--allow-privileged=true".to_owned(),
        "--profiling=false".to_owned(),
        // It is killed in the end, so there is nothing to drain.
        "--shutdown-delay-duration=0s".to_owned(),
    ]
    .into_iter()
    .chain(shape.signer.iter().flat_map(|_| {
        let [user, group] = certified::HEADERS;
        [
            format!("--requestheader-client-ca-file={}", file("ca.crt")),
            format!("--requestheader-allowed-names={}", certified::PROXY),
            format!("--requestheader-username-headers={user}"),
            format!("--requestheader-group-headers={group}"),
        ]
    }))
    .collect()
}

fn arguments_of(name: &str, folder: &Path, signs_clients: bool) -> Vec<String> {
    let file = |name: &str| folder.join(name).display().to_string();
    let mut arguments = vec![format!("--kubeconfig={}", file(&format!("{name}.kubeconfig")))];
    let more: Vec<String> = match name {
        CONTROLLER_MANAGER => vec![
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
            format!("--root-ca-file={}", file("ca.crt")),
            format!("--service-account-private-key-file={}", file("service-accounts.key")),
            // Nobody renews the nodes' leases, and under load nobody could for thousands of them.
            "--node-monitor-grace-period=24h".to_owned(),
            // A thousand nodes and their pods within seconds.
            "--kube-api-qps=500".to_owned(),
            "--kube-api-burst=1000".to_owned(),
            "--profiling=false".to_owned(),
        ]
        .into_iter()
        .chain(signers(signs_clients).into_iter().flat_map(|(signer, certificate, key)| {
            [
                format!("--cluster-signing-{signer}-cert-file={}", file(certificate)),
                format!("--cluster-signing-{signer}-key-file={}", file(key)),
            ]
        }))
        .collect(),
        SCHEDULER => vec![
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
            "--kube-api-qps=500".to_owned(),
            "--kube-api-burst=1000".to_owned(),
            "--profiling=false".to_owned(),
        ],
        _ => vec![
            format!("--config={}", file("stages.yaml")),
            // Other Nodes have their own kubelets.
            format!("--manage-nodes-with-annotation-selector={}={}", nodes::PLAYED.0, nodes::PLAYED.1),
            // A host that is off has no kubelet.
            format!("--manage-nodes-with-label-selector=!{}", nodes::OFF),
            // No leases: see the controller manager.
            "--node-lease-duration-seconds=0".to_owned(),
            // For nodes without an address, and for pods on nodes without a CIDR.
            "--node-ip=192.0.2.1".to_owned(),
            "--cidr=10.244.0.1/16".to_owned(),
        ],
    };
    arguments.extend(more);
    arguments
}

/// The signers of the controller manager, and the files of each one's authority.
fn signers(signs_clients: bool) -> Vec<(&'static str, &'static str, &'static str)> {
    let mut signers =
        ["kubelet-serving", "kubelet-client", "legacy-unknown"].map(|signer| (signer, "ca.crt", "ca.key")).to_vec();
    if signs_clients {
        signers.push(("kube-apiserver-client", SIGNER[0], SIGNER[1]));
    }
    signers
}
