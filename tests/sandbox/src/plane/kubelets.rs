//! Kubelets of hosts: their stand-ins tell the sandbox when they begin and end, after the API server has let them in
//! with a token of their own. kwok plays the rest.

use std::{net::Ipv4Addr, sync::Arc};

use serde::Deserialize;

use super::{
    ClusterKey, Planes, api,
    cluster::ControlPlane,
    network,
    nodes::{self, Told},
};
use crate::store::Shared;

/// What a kubelet tells.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Of its host.
    pub address: Ipv4Addr,
    pub region: String,
    pub cluster: String,
    pub node: String,
    /// Whether it begins or ends.
    running: bool,
    #[serde(default)]
    registration: nodes::Registration,
}

/// Registers the Node, or brings it back; or lets it fall silent. The error is the text for the caller.
pub async fn report(planes: &Planes, shared: &Arc<Shared>, account: &str, report: Report) -> Result<(), String> {
    let key = shared.look(|world| {
        let account = world.accounts.get(account)?;
        ClusterKey::of(account, &report.region, &report.cluster)
    });
    let plane = key.and_then(|key| planes.standing(&key)).ok_or("the cluster has no control plane")?;
    if !report.running {
        return silence(&plane.api, &report.node).await.map_err(|error| error.to_string());
    }
    let wanted = nodes::Wanted::of_kubelet(&report.node, report.address, report.registration);
    let planned = shared.look(|world| nodes::plan(world, &plane, &wanted))?;
    match nodes::create(&plane, planned).await {
        Ok(()) => network::follow(shared, &plane),
        // A kubelet takes over what is there under its name, labels and taints as they are.
        Err(api::Error::Refused { status: 409, .. }) => {
            revive(&plane, &report.node).await.map_err(|error| error.to_string())?;
        }
        Err(error) => return Err(error.to_string()),
    }
    Ok(())
}

/// What is seen of a host that falls silent, or is heard again. A Node that has gone needs nothing.
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

/// Brings a Node back whose kubelet was silent; one whose kubelet never was stays as it is.
async fn revive(plane: &ControlPlane, node: &str) -> Result<(), api::Error> {
    let object = plane.api.get(&format!("/api/v1/nodes/{node}")).await?;
    if object["metadata"]["labels"][nodes::OFF].is_string() {
        network::tell(plane, node, Told::Off(false)).await?;
    }
    Ok(())
}

async fn silence(api: &api::Api, node: &str) -> Result<(), api::Error> {
    match nodes::set_off(api, node, true).await {
        Err(api::Error::Refused { status: 404, .. }) => Ok(()),
        other => other,
    }
}
