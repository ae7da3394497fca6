//! Node objects as a kubelet registers them: of EC2 instances and of hybrid hosts. kwok simulates the kubelet
//! afterwards.
//!
//! Sources: labels and provider IDs of the AWS cloud provider and of nodeadm's hybrid kubelet.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use serde_json::{Value, json};

use super::hosts::Host;
use super::{
    api::{Api, Content, Error},
    cluster::ControlPlane,
    parallel,
};
use crate::{
    cidr::Cidr,
    ec2::{self, user_data::Joining},
    eks::nodegroups::NodeGroup,
    moment::Moment,
    random,
    world::World,
};

/// The most nodes per call.
const MOST: usize = 5000;
/// As built by EKS, for its own images and for hybrid nodes.
const KUBELET: &str = "v1.34.2-eks-ecaa3a6";

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Ec2,
    Hybrid,
}

/// When a new node becomes Ready.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum When {
    /// As soon as a CNI's pod runs on it and finds what it needs.
    Network,
    AtOnce,
    /// On request.
    Told,
}

/// Body of `POST …/nodes`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    kind: Kind,
    #[serde(default = "one")]
    count: usize,
    /// Instead of `count`.
    names: Option<Vec<String>>,
    /// EC2 only; by default the cluster's zones in turn.
    zone: Option<String>,
    node_group: Option<String>,
    #[serde(default = "instance_type")]
    instance_type: String,
    #[serde(default = "architecture")]
    architecture: String,
    #[serde(default = "pods")]
    max_pods: u32,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// Pod CIDR.
    pod_cidr: Option<String>,
    #[serde(default = "network")]
    ready: When,
    #[serde(default)]
    taints: Vec<Value>,
    /// Only these subnets; if empty, the cluster's.
    #[serde(skip)]
    subnets: Vec<String>,
    /// Address of the only host, if known.
    #[serde(skip)]
    address: Option<String>,
    #[serde(skip)]
    kubelet: Option<String>,
    /// How a host authenticates: `ssm` or `iam-ra`.
    #[serde(skip)]
    credentials: Option<String>,
}

/// The Node properties that a host's kubelet sends at registration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Registration {
    labels: BTreeMap<String, String>,
    taints: Vec<Value>,
    max_pods: u32,
    architecture: String,
    version: String,
    credentials: String,
}

impl Default for Registration {
    fn default() -> Self {
        Self {
            labels: BTreeMap::new(),
            taints: Vec::new(),
            max_pods: 110,
            architecture: architecture(),
            version: KUBELET.to_owned(),
            credentials: "ssm".to_owned(),
        }
    }
}

fn one() -> usize {
    1
}

fn instance_type() -> String {
    "m5.large".to_owned()
}

fn architecture() -> String {
    "amd64".to_owned()
}

fn pods() -> u32 {
    29
}

fn network() -> When {
    When::Network
}

impl Wanted {
    /// The nodes of a node group.
    pub fn of_group(group: &NodeGroup, max_pods: u32) -> Self {
        Self {
            kind: Kind::Ec2,
            count: group.desired,
            names: None,
            zone: None,
            node_group: Some(group.name.clone()),
            instance_type: group.instance_type.clone(),
            architecture: ec2::catalog::architecture(&group.instance_type),
            max_pods,
            labels: group.labels.clone(),
            pod_cidr: None,
            ready: When::Network,
            taints: group.taints.clone(),
            subnets: group.subnets.clone(),
            address: None,
            kubelet: None,
            credentials: None,
        }
    }

    /// The same for one node.
    pub fn only_one(self) -> Self {
        Self { count: 1, ..self }
    }

    /// A host registered as the managed instance `id`.
    pub fn of_host(id: &str, host: &Host, joining: &Joining) -> Self {
        Self {
            kind: Kind::Hybrid,
            count: 1,
            names: Some(vec![id.to_owned()]),
            zone: None,
            node_group: None,
            instance_type: String::new(),
            architecture: host.architecture.clone(),
            // The kubelet's default.
            max_pods: joining.max_pods.unwrap_or(110),
            labels: joining.labels.clone(),
            pod_cidr: None,
            ready: When::Network,
            taints: Vec::new(),
            subnets: Vec::new(),
            address: Some(host.address.clone()),
            kubelet: None,
            credentials: None,
        }
    }

    /// The Node that a host's kubelet registers.
    pub fn of_kubelet(node: &str, address: std::net::Ipv4Addr, registration: Registration) -> Self {
        Self {
            kind: Kind::Hybrid,
            count: 1,
            names: Some(vec![node.to_owned()]),
            zone: None,
            node_group: None,
            instance_type: String::new(),
            architecture: registration.architecture,
            max_pods: registration.max_pods,
            labels: registration.labels,
            pod_cidr: None,
            ready: When::Network,
            taints: registration.taints,
            subnets: Vec::new(),
            address: Some(address.to_string()),
            kubelet: Some(registration.version),
            credentials: Some(registration.credentials),
        }
    }

    pub fn waits_for_network(&self) -> bool {
        self.ready == When::Network
    }
}

/// Body of `POST …/nodes/NAME`: one of the two.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Told {
    /// Ready, or NotReady because the network is missing.
    Ready(bool),
    /// Switched off, or on again.
    Off(bool),
}

/// Label of nodes without a kubelet; kwok ignores them.
pub const OFF: &str = "sandbox.ekshybrid/off";

/// Annotation of nodes whose kubelet kwok simulates. A Node registered by others has its own kubelet, or none.
pub const PLAYED: (&str, &str) = ("kwok.x-k8s.io/node", "fake");

/// A node to be created.
pub struct Planned {
    pub name: String,
    object: Value,
    waits: bool,
    /// EC2 only.
    pub instance: Option<String>,
    /// CIDR of its subnet, EC2 only.
    subnet: Option<String>,
    /// Its subnet's ID, EC2 only, and its address.
    place: (String, String),
}

impl Planned {
    /// What a kubelet reports of a Node that exists already, as a patch.
    pub fn reported(&self) -> Value {
        let status = &self.object["status"];
        json!({"status": {
            "capacity": status["capacity"],
            "allocatable": status["allocatable"],
            "nodeInfo": {"kubeletVersion": status["nodeInfo"]["kubeletVersion"]},
        }})
    }

    pub fn place(&self) -> (&str, &str) {
        (&self.place.0, &self.place.1)
    }
}

/// Plans nodes; the error is the message for the caller.
pub fn plan(world: &World, plane: &ControlPlane, wanted: &Wanted) -> Result<Vec<Planned>, String> {
    let key = &plane.key;
    let region = world.accounts.get(&key.account).and_then(|account| account.regions.get(&key.region));
    let cluster = region.and_then(|region| region.eks.clusters.get(&key.name));
    let (Some(region), Some(cluster)) = (region, cluster) else {
        return Err("the cluster has gone".to_owned());
    };
    let count = wanted.names.as_ref().map_or(wanted.count, Vec::len);
    if count > MOST {
        return Err(format!("at most {MOST} nodes in one call"));
    }
    let among = if wanted.subnets.is_empty() { &cluster.network.subnet_ids } else { &wanted.subnets };
    let subnets: Vec<_> = among
        .iter()
        .filter_map(|id| region.ec2.subnets.get(id))
        .filter(|subnet| wanted.zone.as_ref().is_none_or(|zone| subnet.zone == *zone))
        .collect();
    if wanted.kind == Kind::Ec2 && subnets.is_empty() {
        return Err("the cluster has no subnet in that zone".to_owned());
    }
    let hosts = cluster.remote.nodes.first().map_or("10.80.0.0/16", String::as_str);
    let mut planned = Vec::with_capacity(count);
    for index in 0..count {
        let number = plane.network.next_number();
        let subnet = (wanted.kind == Kind::Ec2).then(|| subnets[index % subnets.len()]);
        let range = subnet.map_or(hosts, |subnet| subnet.block.as_str());
        let block = Cidr::parse(range).ok_or_else(|| format!("{range} is not a range"))?;
        // From the end downwards: pods get theirs from the beginning.
        let last = u32::try_from(block.size() - 2).unwrap_or(u32::MAX);
        let chosen = last.checked_sub(number).filter(|offset| *offset > 10).and_then(|offset| block.address(offset));
        let address = wanted.address.clone().or_else(|| chosen.map(|address| address.to_string()));
        let address = address.ok_or_else(|| format!("{range} has no address left"))?;
        let instance = subnet.map(|_| format!("i-0{}", random::hex(16)));
        let name = match (&wanted.names, wanted.kind) {
            (Some(names), _) => names[index].clone(),
            (None, Kind::Ec2) => {
                format!("ip-{}.{}.compute.internal", address.replace('.', "-"), key.region)
            }
            (None, Kind::Hybrid) => format!("mi-0{}", random::hex(16)),
        };
        let mut labels = wanted.labels.clone();
        let mut label = |name: &str, value: &str| labels.insert(name.to_owned(), value.to_owned());
        for (name, value) in [
            ("kubernetes.io/os", "linux"),
            ("beta.kubernetes.io/os", "linux"),
            ("kubernetes.io/arch", &wanted.architecture),
            ("beta.kubernetes.io/arch", &wanted.architecture),
            ("kubernetes.io/hostname", &name),
        ] {
            label(name, value);
        }
        let provider_id = if let (Some(subnet), Some(instance)) = (subnet, &instance) {
            for (name, value) in [
                ("topology.kubernetes.io/region", &key.region),
                ("failure-domain.beta.kubernetes.io/region", &key.region),
                ("topology.kubernetes.io/zone", &subnet.zone),
                ("failure-domain.beta.kubernetes.io/zone", &subnet.zone),
                ("node.kubernetes.io/instance-type", &wanted.instance_type),
                ("beta.kubernetes.io/instance-type", &wanted.instance_type),
            ] {
                label(name, value);
            }
            if let Some(group) = &wanted.node_group {
                label("eks.amazonaws.com/nodegroup", group);
                label("eks.amazonaws.com/capacityType", "ON_DEMAND");
            }
            format!("aws:///{}/{instance}", subnet.zone)
        } else {
            label("eks.amazonaws.com/compute-type", "hybrid");
            label("eks.amazonaws.com/hybrid-credential-provider", wanted.credentials.as_deref().unwrap_or("ssm"));
            format!("eks-hybrid:///{}/{}/{name}", key.region, key.name)
        };
        let capacity = json!({
            "cpu": "2", "memory": "7934452Ki", "ephemeral-storage": "83873772Ki", "pods": wanted.max_pods.to_string(),
        });
        let mut spec = json!({"providerID": provider_id});
        if !wanted.taints.is_empty() {
            spec["taints"] = json!(wanted.taints);
        }
        if let Some(range) = &wanted.pod_cidr {
            spec["podCIDR"] = range.clone().into();
            spec["podCIDRs"] = json!([range]);
        }
        let object = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels, "annotations": {"node.alpha.kubernetes.io/ttl": "0", PLAYED.0: PLAYED.1}},
            "spec": spec,
            "status": {
                "capacity": capacity,
                "allocatable": capacity,
                "conditions": conditions(wanted.ready == When::AtOnce),
                "addresses": [
                    {"type": "InternalIP", "address": address},
                    {"type": "Hostname", "address": name},
                ],
                "nodeInfo": {
                    "architecture": wanted.architecture,
                    "operatingSystem": "linux",
                    "kubeletVersion": wanted.kubelet.as_deref().unwrap_or(KUBELET),
                    "kubeProxyVersion": "",
                    "containerRuntimeVersion": "containerd://2.1.5",
                    "kernelVersion": "6.12.55",
                    "osImage": if subnet.is_some() { "Amazon Linux 2023" } else { "Ubuntu 24.04.3 LTS" },
                    "machineID": random::hex(32),
                    "systemUUID": random::uuid(),
                    "bootID": random::uuid(),
                },
            },
        });
        planned.push(Planned {
            name,
            object,
            waits: wanted.ready == When::Network,
            instance,
            subnet: subnet.map(|subnet| subnet.block.clone()),
            place: (subnet.map(|subnet| subnet.id.clone()).unwrap_or_default(), address),
        });
    }
    Ok(planned)
}

/// Creates them, a few at a time.
pub async fn create(plane: &Arc<ControlPlane>, planned: Vec<Planned>) -> Result<(), Error> {
    let plane = Arc::clone(plane);
    parallel::for_each(planned, move |node| {
        let plane = Arc::clone(&plane);
        async move {
            plane.api.call("POST", "/api/v1/nodes", Some((Content::Json, &node.object))).await?;
            plane.network.add(&node.name, node.instance, node.subnet, node.waits);
            Ok(())
        }
    })
    .await
}

/// Whether a node's Ready condition is true.
pub fn is_ready(node: &Value) -> bool {
    let conditions = node["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
}

/// All conditions of a kubelet.
fn conditions(ready: bool) -> Vec<Value> {
    let now = Moment::now().iso();
    let mut all: Vec<Value> = [
        ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ]
    .iter()
    .map(|(kind, reason, message)| {
        json!({"type": kind, "status": "False", "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now})
    })
    .collect();
    all.push(ready_condition(ready));
    all
}

fn ready_condition(ready: bool) -> Value {
    let now = Moment::now().iso();
    let (status, reason, message) = if ready {
        ("True", "KubeletReady", "kubelet is posting ready status")
    } else {
        (
            "False",
            "KubeletNotReady",
            "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
        )
    };
    json!({"type": "Ready", "status": status, "reason": reason, "message": message,
        "lastHeartbeatTime": now, "lastTransitionTime": now})
}

/// Makes a node Ready, or NotReady because the network is missing.
pub async fn set_ready(api: &Api, name: &str, ready: bool) -> Result<(), Error> {
    let patch = json!({"status": {"conditions": [ready_condition(ready)]}});
    api.call("PATCH", &format!("/api/v1/nodes/{name}/status"), Some((Content::StrategicMergePatch, &patch))).await?;
    Ok(())
}

/// Switches a host off: its kubelet no longer reports, the node lifecycle controller marks its pods, terminating ones
/// stay, and those scheduled to it wait.
///
/// Source: Kubernetes, node lifecycle controller: `NodeStatusUnknown`, and MarkPodsNotReady.
pub async fn set_off(api: &Api, name: &str) -> Result<(), Error> {
    label(api, name, "true".into()).await?;
    let now = Moment::now().iso();
    let condition = json!({"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown",
        "message": "Kubelet stopped posting node status.", "lastTransitionTime": now});
    let patch = json!({"status": {"conditions": [condition]}});
    api.call("PATCH", &format!("/api/v1/nodes/{name}/status"), Some((Content::StrategicMergePatch, &patch))).await?;
    mark_pods(api, name, "False").await
}

/// Switches a host on again: its kubelet reports whether the node is ready.
pub async fn set_on(api: &Api, name: &str, ready: bool) -> Result<(), Error> {
    mark_pods(api, name, "True").await?;
    label(api, name, Value::Null).await?;
    set_ready(api, name, ready).await
}

async fn label(api: &Api, name: &str, value: Value) -> Result<(), Error> {
    let patch = json!({"metadata": {"labels": {OFF: value}}});
    api.call("PATCH", &format!("/api/v1/nodes/{name}"), Some((Content::StrategicMergePatch, &patch))).await?;
    Ok(())
}

/// Whether the running pods of a node are Ready.
async fn mark_pods(api: &Api, name: &str, ready: &str) -> Result<(), Error> {
    let pods = api.get(&format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{name}")).await?;
    for pod in pods["items"].as_array().into_iter().flatten().filter(|pod| pod["status"]["phase"] == "Running") {
        let text = |member: &str| pod["metadata"][member].as_str().unwrap_or_default().to_owned();
        let status_of = format!("/api/v1/namespaces/{}/pods/{}/status", text("namespace"), text("name"));
        let mark = json!({"status": {"conditions": [{"type": "Ready", "status": ready}]}});
        // A pod that no longer exists needs no mark.
        let (status, _) = api.exchange("PATCH", &status_of, Some((Content::StrategicMergePatch, &mark))).await?;
        if status >= 300 && status != 404 {
            return Err(Error::Refused {
                call: format!("PATCH {status_of}"),
                status,
                message: "a pod's mark".to_owned(),
            });
        }
    }
    Ok(())
}
