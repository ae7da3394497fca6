//! When nodes become Ready: the part of a CNI that a node waits for.
//!
//! A waiting node becomes Ready when the pod of a CNI's DaemonSet is Ready on it. The VPC CNI needs more if custom
//! networking is on at that time: an ENIConfig for the node, found as the VPC CNI finds it; until then, the node
//! stays NotReady. A decision about a node is final, as on a real one.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    api::{Content, Error},
    calico,
    cluster::ControlPlane,
    nodes, parallel,
};
use crate::store::Shared;

/// Pods of CNIs, by the label `k8s-app` of their DaemonSets.
const CNI_PODS: &str = "/api/v1/pods?labelSelector=k8s-app%20in%20(aws-node,cilium,calico-node)&resourceVersion=0";
const VPC_CNI: &str = "aws-node";
/// Pause between two polls.
const BETWEEN: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(2);
/// The label that takes precedence in naming a node's ENIConfig.
const ENI_CONFIG_LABEL: &str = "vpc.amazonaws.com/externalEniConfig";
/// The annotation and label that name it unless the environment sets another.
const ENI_CONFIG_DEFAULT: &str = "k8s.amazonaws.com/eniConfig";

/// The state of the nodes that the control API created.
#[derive(Default)]
pub struct Network {
    nodes: Mutex<BTreeMap<String, Node>>,
    numbers: Mutex<u32>,
    followed: AtomicBool,
    /// Setting a node's state waits for decisions in progress, and blocks new ones.
    deciding: tokio::sync::RwLock<()>,
}

#[derive(Clone, Serialize)]
struct Node {
    #[serde(skip)]
    waits: bool,
    /// Its kubelet does not report: nothing is decided about it.
    #[serde(skip)]
    off: bool,
    #[serde(skip)]
    subnet: Option<String>,
    instance_id: Option<String>,
    /// `k8s-app` of the CNI that made it Ready.
    cni: Option<String>,
    /// Whether custom networking was on when the VPC CNI started on it.
    custom_networking: bool,
    /// The ENIConfig it uses.
    eniconfig: Option<String>,
    /// Names of missing ENIConfigs that it looked for.
    missed_eniconfigs: Vec<String>,
}

/// What a CNI's pod means for a waiting node.
enum Found {
    Ready(Settled),
    /// The ENIConfig does not exist.
    Missing(String),
}

struct Settled {
    cni: String,
    custom_networking: bool,
    eniconfig: Option<String>,
    /// Pod CIDR.
    range: Option<String>,
}

impl Network {
    fn nodes(&self) -> MutexGuard<'_, BTreeMap<String, Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers the nodes, for their addresses.
    pub fn next_number(&self) -> u32 {
        let mut number = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        *number += 1;
        *number
    }

    pub fn add(&self, name: &str, instance_id: Option<String>, subnet: Option<String>, waits: bool) {
        let node = Node {
            waits,
            off: false,
            subnet,
            instance_id,
            cni: None,
            custom_networking: false,
            eniconfig: None,
            missed_eniconfigs: Vec::new(),
        };
        self.nodes().insert(name.to_owned(), node);
    }

    pub fn node_of_instance(&self, instance: &str) -> Option<String> {
        let nodes = self.nodes();
        let (name, _) = nodes.iter().find(|(_, node)| node.instance_id.as_deref() == Some(instance))?;
        Some(name.clone())
    }

    pub fn instance_of(&self, node: &str) -> Option<String> {
        self.nodes().get(node)?.instance_id.clone()
    }

    /// Whether a node's kubelet is one of kwok's.
    pub fn is_simulated(&self, node: &str) -> bool {
        self.nodes().contains_key(node)
    }

    pub fn describe(&self) -> Value {
        json!(*self.nodes())
    }
}

/// Monitors the waiting nodes of a control plane until none is waiting.
pub fn follow(shared: &Arc<Shared>, plane: &Arc<ControlPlane>) {
    if plane.network.followed.swap(true, Ordering::SeqCst) {
        return;
    }
    let (shared, plane) = (Arc::clone(shared), Arc::downgrade(plane));
    tokio::spawn(async move {
        while let Some(pause) = look(&shared, &plane).await {
            tokio::time::sleep(pause).await;
        }
    });
}

/// One poll, and the pause until the next. `None` = there is nothing more to monitor.
async fn look(shared: &Arc<Shared>, plane: &Weak<ControlPlane>) -> Option<Duration> {
    let plane = plane.upgrade()?;
    let waiting: BTreeMap<String, Option<String>> = plane
        .network
        .nodes()
        .iter()
        .filter(|(_, node)| node.waits)
        .map(|(name, node)| (name.clone(), node.subnet.clone()))
        .collect();
    if waiting.is_empty() {
        plane.network.followed.store(false, Ordering::SeqCst);
        // A node added in between finds a monitor or starts one.
        let none = !plane.network.nodes().values().any(|node| node.waits);
        return if none || plane.network.followed.swap(true, Ordering::SeqCst) { None } else { Some(BETWEEN) };
    }
    let begun = Instant::now();
    // The API server may be down for a while: the next poll will tell.
    let Ok(pods) = plane.api.get(CNI_PODS).await else {
        return Some(BETWEEN);
    };
    // Listing a thousand pods takes a while; the API server must have time for other work.
    let pause = begun.elapsed().clamp(BETWEEN, LONGEST);
    let ready: Vec<(String, Option<String>, Value)> = pods["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|pod| is_ready_daemon(pod))
        .filter_map(|pod| {
            let (name, subnet) = waiting.get_key_value(pod["spec"]["nodeName"].as_str()?)?;
            Some((name.clone(), subnet.clone(), pod.clone()))
        })
        .collect();
    if ready.is_empty()
        && let Some(name) = waiting.keys().next()
        && matches!(plane.api.exchange("GET", &format!("/api/v1/nodes/{name}"), None).await, Ok((404, _)))
    {
        // It was deleted while it waited.
        plane.network.nodes().remove(name);
    }
    let (shared, on) = (Arc::clone(shared), Arc::clone(&plane));
    // Failures are retried at the next poll.
    let _ = parallel::for_each(ready, move |(name, subnet, pod)| {
        let (shared, plane) = (Arc::clone(&shared), Arc::clone(&on));
        async move { decide(&shared, &plane, &name, subnet.as_ref(), &pod).await }
    })
    .await;
    Some(pause)
}

/// Makes a node Ready once its CNI has what it needs.
async fn decide(
    shared: &Shared,
    plane: &ControlPlane,
    name: &str,
    subnet: Option<&String>,
    pod: &Value,
) -> Result<(), Error> {
    let _decision = plane.network.deciding.read().await;
    if plane.network.nodes().get(name).is_none_or(|node| !node.waits || node.off) {
        return Ok(());
    }
    match settle(shared, plane, name, subnet, pod).await? {
        Found::Ready(settled) => {
            // Before the node is Ready, for clients that see that and ask by which CNI.
            if let Some(node) = plane.network.nodes().get_mut(name) {
                node.cni = Some(settled.cni);
                node.custom_networking = settled.custom_networking;
                node.eniconfig = settled.eniconfig;
            }
            match make_ready(plane, name, settled.range.as_deref()).await {
                // A deleted node no longer waits either.
                Ok(()) | Err(Error::Refused { status: 404, .. }) => {}
                Err(error) => return Err(error),
            }
            if let Some(node) = plane.network.nodes().get_mut(name) {
                node.waits = false;
            }
        }
        Found::Missing(eniconfig) => {
            if let Some(node) = plane.network.nodes().get_mut(name)
                && !node.missed_eniconfigs.contains(&eniconfig)
            {
                node.missed_eniconfigs.push(eniconfig);
            }
        }
    }
    Ok(())
}

fn is_ready_daemon(pod: &Value) -> bool {
    let is = |list: &Value, key: &str, value: &str, more: Option<(&str, &str)>| {
        list.as_array().is_some_and(|all| {
            all.iter().any(|one| one[key] == value && more.is_none_or(|(key, value)| one[key] == value))
        })
    };
    is(&pod["metadata"]["ownerReferences"], "kind", "DaemonSet", None)
        && is(&pod["status"]["conditions"], "type", "Ready", Some(("status", "True")))
        && pod["metadata"]["deletionTimestamp"].is_null()
}

async fn settle(
    shared: &Shared,
    plane: &ControlPlane,
    name: &str,
    subnet: Option<&String>,
    pod: &Value,
) -> Result<Found, Error> {
    let cni = pod["metadata"]["labels"]["k8s-app"].as_str().unwrap_or_default().to_owned();
    let mut settled = Settled { cni, custom_networking: false, eniconfig: None, range: subnet.cloned() };
    if settled.cni != VPC_CNI {
        if settled.cni == calico::NODE {
            calico::start(&plane.api, pod).await?;
            settled.range = calico::block(&plane.api, plane.network.next_number()).await;
        } else {
            settled.range = None;
        }
        return Ok(Found::Ready(settled));
    }
    let environment = environment_of(pod, VPC_CNI);
    if environment.get("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG").map(String::as_str) != Some("true") {
        return Ok(Found::Ready(settled));
    }
    let node = plane.api.get(&format!("/api/v1/nodes/{name}")).await?;
    let wanted = eniconfig_of(&node, &environment);
    let path = format!("/apis/crd.k8s.amazonaws.com/v1alpha1/eniconfigs/{wanted}");
    let (status, eniconfig) = plane.api.exchange("GET", &path, None).await?;
    if status != 200 {
        return Ok(Found::Missing(wanted));
    }
    let subnet = eniconfig["spec"]["subnet"].as_str().unwrap_or_default();
    let range = shared.look(|world| {
        let region = world.accounts.get(&plane.key.account)?.regions.get(&plane.key.region)?;
        Some(region.ec2.subnets.get(subnet)?.block.clone())
    });
    settled.custom_networking = true;
    settled.eniconfig = Some(wanted);
    settled.range = range;
    Ok(Found::Ready(settled))
}

/// The environment variables of a pod's container that have values.
pub fn environment_of(pod: &Value, container: &str) -> BTreeMap<String, String> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let container = containers.into_iter().find(|one| one["name"] == container);
    let variables = container.and_then(|container| container["env"].as_array()).into_iter().flatten();
    variables.filter_map(|one| Some((one["name"].as_str()?.to_owned(), one["value"].as_str()?.to_owned()))).collect()
}

/// The name of a node's ENIConfig.
fn eniconfig_of(node: &Value, environment: &BTreeMap<String, String>) -> String {
    let named = |variable: &str| {
        environment.get(variable).filter(|name| !name.is_empty()).map_or(ENI_CONFIG_DEFAULT, String::as_str)
    };
    let metadata = &node["metadata"];
    [
        &metadata["labels"][ENI_CONFIG_LABEL],
        &metadata["annotations"][named("ENI_CONFIG_ANNOTATION_DEF")],
        &metadata["labels"][named("ENI_CONFIG_LABEL_DEF")],
    ]
    .into_iter()
    .find_map(|value| value.as_str().filter(|value| !value.is_empty()))
    .unwrap_or("default")
    .to_owned()
}

async fn make_ready(plane: &ControlPlane, name: &str, range: Option<&str>) -> Result<(), Error> {
    if let Some(range) = range {
        let patch = json!({"spec": {"podCIDR": range, "podCIDRs": [range]}});
        // A node keeps its pod CIDR, and the API server rejects another.
        let _ = plane
            .api
            .exchange("PATCH", &format!("/api/v1/nodes/{name}"), Some((Content::StrategicMergePatch, &patch)))
            .await?;
    }
    nodes::set_ready(&plane.api, name, true).await
}

/// Makes a node Ready or NotReady now, after which it waits for no network; or switches it off or on. A node that is
/// switched on waits again if it did.
pub async fn tell(plane: &ControlPlane, name: &str, told: nodes::Told) -> Result<(), Error> {
    let _told = plane.network.deciding.write().await;
    let mut ready = true;
    if let Some(node) = plane.network.nodes().get_mut(name) {
        match told {
            nodes::Told::Ready(_) => node.waits = false,
            nodes::Told::Off(off) => {
                node.off = off;
                ready = !node.waits;
            }
        }
    }
    match told {
        nodes::Told::Ready(ready) => nodes::set_ready(&plane.api, name, ready).await,
        nodes::Told::Off(true) => nodes::set_off(&plane.api, name).await,
        nodes::Told::Off(false) => nodes::set_on(&plane.api, name, ready).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eniconfig_is_found_in_the_order_of_the_vpc_cni() {
        let node =
            |labels: Value, annotations: Value| json!({"metadata": {"labels": labels, "annotations": annotations}});
        let zone = "topology.kubernetes.io/zone";
        for (labels, annotations, environment, expected) in [
            (json!({}), json!({}), vec![], "default"),
            (json!({zone: "us-west-2a"}), json!({}), vec![], "default"),
            (json!({zone: "us-west-2a"}), json!({}), vec![("ENI_CONFIG_LABEL_DEF", zone)], "us-west-2a"),
            (json!({"k8s.amazonaws.com/eniConfig": "l"}), json!({}), vec![], "l"),
            (json!({"k8s.amazonaws.com/eniConfig": "l"}), json!({"k8s.amazonaws.com/eniConfig": "a"}), vec![], "a"),
            (
                json!({zone: "z"}),
                json!({"k8s.amazonaws.com/eniConfig": "a"}),
                vec![("ENI_CONFIG_LABEL_DEF", zone)],
                "a",
            ),
            (json!({}), json!({"mine": "m"}), vec![("ENI_CONFIG_ANNOTATION_DEF", "mine")], "m"),
            (
                json!({"vpc.amazonaws.com/externalEniConfig": "x"}),
                json!({"k8s.amazonaws.com/eniConfig": "a"}),
                vec![],
                "x",
            ),
        ] {
            let environment =
                environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            assert_eq!(eniconfig_of(&node(labels, annotations), &environment), expected);
        }
    }
}
