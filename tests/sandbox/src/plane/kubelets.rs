//! Kubelets of hosts: their fakes report to the sandbox when they start and stop, after the API server has accepted
//! them with a token of their own. kwok simulates the rest.

use std::{net::Ipv4Addr, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use super::{
    ClusterKey, Planes,
    api::{self, Content},
    cluster::ControlPlane,
    network,
    nodes::{self, Told},
};
use crate::store::Shared;

/// A kubelet's report.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The host's address.
    pub address: Ipv4Addr,
    pub region: String,
    pub cluster: String,
    pub node: String,
    /// Whether it starts or stops.
    running: bool,
    #[serde(default)]
    registration: nodes::Registration,
}

/// Registers the Node, or brings it back; or makes it silent. The error is the message for the caller.
pub async fn report(planes: &Planes, shared: &Arc<Shared>, account: &str, report: Report) -> Result<(), String> {
    let key = shared.look(|world| {
        let account = world.accounts.get(account)?;
        ClusterKey::of(account, &report.region, &report.cluster)
    });
    let plane = key.and_then(|key| planes.standing(&key)).ok_or("the cluster has no control plane")?;
    if !report.running {
        return silence(&plane, &report.node).await.map_err(|error| error.to_string());
    }
    let wanted = nodes::Wanted::of_kubelet(&report.node, report.address, report.registration);
    let planned = shared.look(|world| nodes::plan(world, &plane, &wanted))?;
    let reported = planned.first().map(nodes::Planned::reported).unwrap_or_default();
    match nodes::create(&plane, planned).await {
        Ok(()) => network::follow(shared, &plane),
        // A kubelet adopts an existing Node of its name; the Node's labels and taints are unchanged.
        Err(api::Error::Refused { status: 409, .. }) => {
            revive(&plane, &report.node, &reported).await.map_err(|error| error.to_string())?;
        }
        Err(error) => return Err(error.to_string()),
    }
    Ok(())
}

/// The effects of a host that falls silent, or reports again. A Node that does not exist needs nothing.
pub async fn heard(planes: &Planes, shared: &Arc<Shared>, cluster: (&str, &str, &str), node: &str, on: bool) {
    let (account, region, name) = cluster;
    let key = shared.look(|world| ClusterKey::of(world.accounts.get(account)?, region, name));
    if let Some(plane) = key.and_then(|key| planes.standing(&key))
        && let Err(error) = network::tell(&plane, node, Told::Off(!on)).await
        && !matches!(error, api::Error::Refused { status: 404, .. })
    {
        eprintln!("sandbox: the Node {node} does not show that its host is silent: {error}");
    }
}

/// Brings back a Node whose kubelet was silent, and reports what its kubelet has become: another version, another number
/// of pods.
async fn revive(plane: &ControlPlane, node: &str, reported: &Value) -> Result<(), api::Error> {
    let status = Some((Content::StrategicMergePatch, reported));
    plane.api.call("PATCH", &format!("/api/v1/nodes/{node}/status"), status).await?;
    let object = plane.api.get(&format!("/api/v1/nodes/{node}")).await?;
    if object["metadata"]["labels"][nodes::OFF].is_string() {
        network::tell(plane, node, Told::Off(false)).await?;
    }
    Ok(())
}

async fn silence(plane: &ControlPlane, node: &str) -> Result<(), api::Error> {
    match network::tell(plane, node, Told::Off(true)).await {
        Err(api::Error::Refused { status: 404, .. }) => Ok(()),
        other => other,
    }
}
