//! Machines that join as hybrid nodes through their user data: what cloud-init and nodeadm do on them.
//!
//! Here they run in EC2, as for users who try hybrid nodes out; only their user data makes them hosts.

use std::{sync::Arc, time::Duration};

use super::{ClusterKey, Machine, Planes, groups, network, nodes};
use crate::{
    ec2::{catalog, instances, user_data},
    moment::Moment,
    ssm::{activations, instances::Report},
    store::Shared,
    world::World,
};

/// Pause between two checks of what a host is waiting for.
const BETWEEN: Duration = Duration::from_millis(300);

/// What a host uses to register.
pub struct Host {
    pub address: String,
    pub architecture: String,
}

/// The host and how it joins; `None` if it has ended or does not join.
fn look(world: &World, machine: &Machine) -> Option<(Host, user_data::Joining)> {
    let region = world.accounts.get(&machine.account)?.regions.get(&machine.region)?;
    let instance = region.ec2.record(&instances::KIND, &machine.instance).ok()?;
    let joining = user_data::joining(instance.text("_userData"))?;
    let address = instance.value["privateIpAddress"].as_str()?.to_owned();
    Some((Host { address, architecture: catalog::architecture(instance.text("instanceType")) }, joining))
}

/// Registers the host, and creates its Node as soon as the cluster accepts it.
pub async fn boot(planes: &Planes, shared: &Arc<Shared>, machine: &Machine) {
    let Some((host, joining)) = shared.look(|world| look(world, machine)) else { return };
    let id = match shared.change(|world| register(world, machine, &host, &joining)) {
        Ok(id) => id,
        Err(text) => {
            eprintln!("sandbox: {} does not register: {text}", machine.instance);
            return;
        }
    };
    loop {
        if shared.look(|world| look(world, machine).is_none()) {
            return;
        }
        let key = shared.look(|world| let_in(world, machine, &joining));
        if let Some(plane) = key.and_then(|key| planes.standing(&key)) {
            let wanted = nodes::Wanted::of_host(&id, &host, &joining);
            let made = match shared.look(|world| nodes::plan(world, &plane, &wanted)) {
                Ok(planned) => nodes::create(&plane, planned).await.map_err(|error| error.to_string()),
                Err(text) => Err(text),
            };
            match made {
                Ok(()) => network::follow(shared, &plane),
                Err(text) => eprintln!("sandbox: {} does not join: {text}", machine.instance),
            }
            return;
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Does what the agent does: registers with the activation's ID and code, and reports.
fn register(world: &mut World, machine: &Machine, host: &Host, joining: &user_data::Joining) -> Result<String, String> {
    let account = world.accounts.get_mut(&machine.account).ok_or("there is no such account")?;
    let code = Some(joining.activation_code.as_str());
    let made = activations::register(account, &joining.region, &joining.activation_id, code)
        .map_err(|error| error.to_string())?;
    let region = account.region(&joining.region);
    if let Some(instance) = region.ssm.instances.get_mut(&made.id) {
        instance.report = Some(Report {
            at: Moment::now(),
            agent_version: "3.3.3050.0".to_owned(),
            computer_name: format!("ip-{}", host.address.replace('.', "-")),
            ip_address: host.address.clone(),
            platform_type: "Linux".to_owned(),
            platform_name: "Ubuntu".to_owned(),
            platform_version: "24.04".to_owned(),
        });
        "Online".clone_into(&mut instance.ping);
    }
    if let Ok(record) = account.region(&machine.region).ec2.record_mut(&instances::KIND, &machine.instance) {
        record.value["_host"] =
            serde_json::json!({"id": made.id, "region": joining.region, "cluster": joining.cluster});
    }
    Ok(made.id)
}

/// The cluster, if it has an access entry for hybrid nodes with this role.
fn let_in(world: &World, machine: &Machine, joining: &user_data::Joining) -> Option<ClusterKey> {
    let account = world.accounts.get(&machine.account)?;
    let region = account.regions.get(&joining.region)?;
    let role = &region.ssm.activations.get(&joining.activation_id)?.iam_role;
    let cluster = region.eks.clusters.get(&joining.cluster)?;
    let suffix = format!("/{role}");
    cluster
        .access_entries
        .values()
        .any(|entry| entry.kind == "HYBRID_LINUX" && entry.principal_arn.ends_with(&suffix))
        .then(|| ClusterKey::of(account, &joining.region, &joining.cluster))?
}

/// The effects of a machine that has ended: a host loses its connections; the cloud controller deletes other nodes, and
/// Auto Scaling replaces those of a node group.
pub async fn halt(planes: &Planes, shared: &Arc<Shared>, machine: &Machine) {
    let clusters: Vec<ClusterKey> = shared.change(|world| {
        let Some(account) = world.accounts.get_mut(&machine.account) else { return Vec::new() };
        let record = account.region(&machine.region).ec2.record(&instances::KIND, &machine.instance).ok();
        let host = record.map(|record| record.value["_host"].clone()).unwrap_or_default();
        let text = |name: &str| host[name].as_str().unwrap_or_default().to_owned();
        if let Some(instance) = account.region(&text("region")).ssm.instances.get_mut(&text("id")) {
            "ConnectionLost".clone_into(&mut instance.ping);
        }
        let names: Vec<String> = account.region(&machine.region).eks.clusters.keys().cloned().collect();
        names.iter().filter_map(|name| ClusterKey::of(account, &machine.region, name)).collect()
    });
    let id = shared.look(|world| {
        let region = world.accounts.get(&machine.account)?.regions.get(&machine.region)?;
        let record = region.ec2.record(&instances::KIND, &machine.instance).ok()?;
        record.value["_host"]["id"].as_str().map(ToOwned::to_owned)
    });
    for plane in clusters.iter().filter_map(|key| planes.standing(key)) {
        match (&id, plane.network.node_of_instance(&machine.instance)) {
            // A node that no longer exists is the desired result, here and below.
            (Some(id), _) => drop(network::tell(&plane, id, nodes::Told::Ready(false)).await),
            (None, Some(node)) => {
                drop(plane.api.exchange("DELETE", &format!("/api/v1/nodes/{node}"), None).await);
                groups::replace(shared, &plane, &node).await;
            }
            (None, None) => {}
        }
    }
}
