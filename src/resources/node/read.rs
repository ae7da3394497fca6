//! Reads a node: what the cluster and Systems Manager know of it. The host itself is not asked, so that a host that is
//! off never holds up a plan.

use std::collections::BTreeMap;

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Text;
use framework::resource::State;

use super::arguments::{Ssm, Taint, Version};
use super::{Args, Identity, JOINED, Node, Outputs, REGISTERED};
use crate::attributes::connection::{Connection as Way, HostName};
use crate::aws::ssm::{Instance, InstanceFilter};
use crate::kube;
use crate::session::Context;
use crate::session::cluster::{Connection, reach, reach_to_list};
use crate::session::explain::{explain, explain_kube};
use crate::session::place::Place;

/// What kubelets of hybrid nodes label their Node with. Source: nodeadm, kubelet flags of hybrid nodes.
const HYBRID: &str = "eks.amazonaws.com/compute-type=hybrid";

pub(super) async fn read(
    identity: &Identity,
    prior: Option<&State<Node>>,
    cx: &Context,
) -> Result<Option<State<Node>>> {
    let place = Place::of(Some(&identity.cluster_name), identity.region.as_ref(), cx).await?;
    let Some(name) = identity.node_name.as_deref() else {
        // A host that is still being installed: neither the cluster nor Systems Manager knows it.
        return Ok(prior.cloned());
    };
    let client = match reach(&place.cluster, Some(&place.region), cx).await? {
        Connection::Open(client) => Some(client),
        Connection::Gone => None,
        Connection::Unknown(why) => return prior.cloned().map(Some).ok_or(why),
    };
    let node = match &client {
        None => None,
        Some(client) => match client.node(name).await {
            Ok(node) => node,
            Err(error) if error.is_unreachable() && place.is_being_deleted(cx).await => return Ok(prior.cloned()),
            Err(error) => return Err(explain_kube("Could not read the node", &error, None, cx).await),
        },
    };
    let instance = instance(name, &place, cx).await?;
    match (prior, node) {
        (Some(prior), Some(node)) => Ok(Some(refreshed(prior, &node))),
        (None, Some(node)) => imported(&node, instance.as_ref(), place),
        (None, None) => Ok(None),
        (Some(prior), None) => Ok(unseen(prior, instance.is_some(), client.is_some(), cx)),
    }
}

async fn instance(name: &str, place: &Place, cx: &Context) -> Result<Option<Instance>> {
    if !name.starts_with("mi-") {
        return Ok(None);
    }
    let client = cx.clients()?.aws()?.ssm(Some(place.region.as_str()));
    client.instance(name).await.map_err(|error| explain("Could not read the instance of the node", &error, None))
}

/// The state with what the Node says now.
fn refreshed(prior: &State<Node>, node: &kube::Node) -> State<Node> {
    let mut state = prior.clone();
    let outputs = &mut state.outputs;
    outputs.node_name = Some(node.name.clone());
    outputs.provider_id.clone_from(&node.provider_id);
    outputs.internal_ip.clone_from(&node.internal_ip);
    outputs.kubelet_version.clone_from(&node.kubelet_version);
    // Drift in what is managed is shown; what others have added is ignored.
    if let Some(labels) = &mut state.args.labels {
        *labels = managed(labels, &node.labels);
    }
    if let Some(taints) = &mut state.args.taints {
        let has = |taint: &Taint| {
            node.taints.iter().any(|found| {
                found.key == taint.key.as_str()
                    && found.effect == taint.effect.text()
                    && found.value.as_deref().unwrap_or_default() == taint.value.as_ref().map_or("", Text::text)
            })
        };
        taints.retain(has);
    }
    if let Some(version) = drifted(&state.args.kubernetes_version, node.kubelet_version.as_deref()) {
        state.args.kubernetes_version = version;
    }
    state
}

fn managed(labels: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    labels.keys().filter_map(|key| Some((key.clone(), found.get(key)?.clone()))).collect()
}

/// The version that the kubelet runs, if it is another one.
fn drifted(version: &Version, kubelet: Option<&str>) -> Option<Version> {
    let kubelet = kubelet?;
    if version.fits(kubelet) {
        return None;
    }
    Version::parse(kubelet.trim_start_matches('v').split('-').next()?).ok()
}

/// The cluster has no such Node. If Systems Manager has the instance, the host only has to register again.
fn unseen(prior: &State<Node>, is_registered: bool, has_cluster: bool, cx: &Context) -> Option<State<Node>> {
    let outputs = &prior.outputs;
    if !is_registered && outputs.managed_instance_id.is_some() {
        return None;
    }
    if outputs.status != JOINED || !has_cluster {
        return Some(prior.clone());
    }
    // Without an instance, nothing is left of a node that does not exist.
    outputs.managed_instance_id.as_ref()?;
    let name = outputs.node_name.as_deref().unwrap_or_default();
    cx.report(
        Diagnostic::warning(
            "Node does not exist",
            format!(
                "Cluster `{}` has no Node `{name}` any more, but its host is still registered with Systems Manager.",
                outputs.cluster_name
            ),
        )
        .remedy("The plan registers it again: `nodeadm init` restarts its kubelet."),
    );
    let outputs = Outputs { status: REGISTERED.to_owned(), ..outputs.clone() };
    Some(State { args: prior.args.clone(), outputs })
}

/// Every hybrid node of a cluster.
///
/// # Errors
/// Those of the requests.
pub async fn listed(place: &Place, cx: &Context) -> Result<Vec<(Identity, State<Node>)>> {
    let Some(client) = reach_to_list(place, cx).await? else { return Ok(Vec::new()) };
    let mut nodes = match client.nodes(Some(HYBRID)).await {
        Ok(nodes) => nodes,
        Err(error) => return Err(explain_kube("Could not list the nodes", &error, None, cx).await),
    };
    // A label can be set by anybody.
    nodes.retain(is_hybrid);
    let mut instances = BTreeMap::new();
    if nodes.iter().any(|node| node.name.starts_with("mi-")) {
        let ssm = cx.clients()?.aws()?.ssm(Some(place.region.as_str()));
        let filter = InstanceFilter { managed_only: true, ..InstanceFilter::default() };
        let found = ssm.instances(&filter).await;
        let found = found.map_err(|error| explain("Could not list the instances of the nodes", &error, None))?;
        instances = found.into_iter().map(|instance| (instance.id.clone(), instance)).collect();
    }
    let mut all = Vec::new();
    for node in nodes {
        let identity = Identity {
            cluster_name: place.cluster.clone(),
            node_name: Some(node.name.clone()),
            region: Some(place.region.clone()),
        };
        if let Some(state) = imported(&node, instances.get(&node.name), place.clone())? {
            all.push((identity, state));
        }
    }
    Ok(all)
}

fn is_hybrid(node: &kube::Node) -> bool {
    node.provider_id.as_deref().is_some_and(|id| id.starts_with("eks-hybrid://"))
}

/// A node that joined in another way. What the cluster does not show of its host is left unset.
fn imported(node: &kube::Node, instance: Option<&Instance>, place: Place) -> Result<Option<State<Node>>> {
    let summary = "Could not import the node";
    if !is_hybrid(node) {
        let provider = node.provider_id.as_deref().unwrap_or("none");
        let cause = format!("Node `{}` of {place} is no hybrid node: its provider id is {provider}.", node.name);
        return Err(Diagnostic::error(summary, cause).into());
    }
    let kubelet = node.kubelet_version.as_deref().unwrap_or_default();
    let plain = kubelet.trim_start_matches('v').split('-').next().unwrap_or_default();
    let version = Version::parse(plain).map_err(|why| Diagnostic::error(summary, why))?;
    let ssm = match instance {
        None => None,
        Some(instance) => {
            let role = instance.iam_role.as_deref().and_then(|role| crate::attributes::RoleName::parse(role).ok());
            Some(Ssm { activation_id: None, activation_code: None, iam_role: role })
        }
    };
    let host = node.internal_ip.clone().unwrap_or_else(|| node.name.clone());
    let ssh = Way::unset(HostName::parse(&host).map_err(|why| Diagnostic::error(summary, why))?);
    Ok(Some(State {
        args: Args {
            ssm,
            ..Args::of((Some(ssh), None), (Some(place.cluster.clone()), Some(place.region.clone())), version)
        },
        outputs: Outputs {
            cluster_name: place.cluster,
            region: place.region,
            node_name: Some(node.name.clone()),
            managed_instance_id: instance.map(|instance| instance.id.clone()),
            provider_id: node.provider_id.clone(),
            internal_ip: node.internal_ip.clone(),
            kubelet_version: node.kubelet_version.clone(),
            status: JOINED.to_owned(),
            certificate_authority_sha256: None,
        },
    }))
}
