//! Node group jobs: create nodes and wait for them, or remove them, in the background of the calls that request it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{ClusterKey, cluster::ControlPlane, cluster_of, network, nodes, parallel};
use crate::{
    ec2,
    eks::nodegroups::{Job, NodeGroup},
    store::Shared,
};

/// Pause between two polls of the nodes.
const BETWEEN: Duration = Duration::from_millis(300);

/// Changes the record of a node group, if it still exists.
pub fn tell(shared: &Shared, key: &ClusterKey, name: &str, change: impl FnOnce(&mut NodeGroup)) {
    shared.change(|world| {
        if key.exists(world)
            && let Some(group) = cluster_of(world, key).and_then(|cluster| cluster.node_groups.get_mut(name))
        {
            change(group);
        }
    });
}

pub async fn work(shared: &Arc<Shared>, plane: &Arc<ControlPlane>, name: &str) {
    let key = &plane.key;
    let found = shared.look(|world| {
        let account = world.accounts.get(&key.account)?;
        let group = account.regions.get(&key.region)?.eks.clusters.get(&key.name)?.node_groups.get(name)?;
        Some((group.job()?, account.settings.clone()))
    });
    match found {
        Some((Job::Create(group), settings)) => {
            let most = group.max_pods.or_else(|| ec2::catalog::pods(&group.instance_type)).unwrap_or(29);
            let patience = u64::try_from(settings.nodegroup_patience_seconds).unwrap_or_default();
            if create(shared, plane, &group, most).await {
                wait(shared, plane, name, Duration::from_secs(patience)).await;
            } else {
                tell(shared, key, name, |group| group.done(vec![group.name.clone()]));
            }
        }
        Some((Job::Remove(names), _)) => {
            terminate(shared, plane, &names);
            let on = Arc::clone(plane);
            let removed = parallel::for_each(names, move |node| {
                let plane = Arc::clone(&on);
                async move {
                    // A node that no longer exists is the desired result.
                    plane.api.exchange("DELETE", &format!("/api/v1/nodes/{node}"), None).await.map(drop)
                }
            })
            .await;
            if let Err(error) = removed {
                eprintln!("sandbox: nodes of {name}: {error}");
            }
            tell(shared, key, name, |group| group.done(Vec::new()));
        }
        None => {}
    }
}

/// Creates the nodes of a group. False = they could not be created.
async fn create(shared: &Arc<Shared>, plane: &Arc<ControlPlane>, group: &NodeGroup, max_pods: u32) -> bool {
    let wanted = nodes::Wanted::of_group(group, max_pods);
    let planned = match shared.look(|world| nodes::plan(world, plane, &wanted)) {
        Ok(planned) => planned,
        Err(text) => {
            eprintln!("sandbox: nodes of {}: {text}", group.name);
            return false;
        }
    };
    let names: Vec<String> = planned.iter().map(|node| node.name.clone()).collect();
    tell(shared, &plane.key, &group.name, |group| group.nodes = names);
    launch(shared, plane, group, &planned);
    if let Err(error) = nodes::create(plane, planned).await {
        eprintln!("sandbox: nodes of {}: {error}", group.name);
        return false;
    }
    network::follow(shared, plane);
    true
}

/// Replaces a node whose instance has ended, if it belongs to a node group, as the Auto Scaling group behind does.
pub async fn replace(shared: &Arc<Shared>, plane: &Arc<ControlPlane>, node: &str) {
    let mut found = None;
    shared.change(|world| {
        let Some(cluster) = cluster_of(world, &plane.key) else { return };
        let Some(group) = cluster.node_groups.values_mut().find(|group| group.nodes.iter().any(|name| name == node))
        else {
            return;
        };
        group.nodes.retain(|name| name != node);
        found = group.replaces().then(|| group.clone());
    });
    let Some(group) = found else { return };
    let most = group.max_pods.or_else(|| ec2::catalog::pods(&group.instance_type)).unwrap_or(29);
    let wanted = nodes::Wanted::of_group(&group, most).only_one();
    let planned = match shared.look(|world| nodes::plan(world, plane, &wanted)) {
        Ok(planned) => planned,
        Err(text) => return eprintln!("sandbox: a node of {} is not replaced: {text}", group.name),
    };
    let names: Vec<String> = planned.iter().map(|node| node.name.clone()).collect();
    tell(shared, &plane.key, &group.name, |group| group.nodes.extend(names));
    launch(shared, plane, &group, &planned);
    match nodes::create(plane, planned).await {
        Ok(()) => network::follow(shared, plane),
        Err(error) => eprintln!("sandbox: a node of {} is not replaced: {error}", group.name),
    }
}

/// The EC2 instances of the nodes.
fn launch(shared: &Arc<Shared>, plane: &Arc<ControlPlane>, group: &NodeGroup, planned: &[nodes::Planned]) {
    shared.change(|world| {
        let Some(account) = world.accounts.get_mut(&plane.key.account) else { return };
        for node in planned {
            let Some(instance) = &node.instance else { continue };
            let groups = &group.security_group_ids;
            ec2::instances::of_node_group(
                account,
                &plane.key.region,
                instance,
                node.place(),
                &group.instance_type,
                groups,
                group.instance_tags(),
            );
        }
    });
}

fn terminate(shared: &Arc<Shared>, plane: &Arc<ControlPlane>, names: &[String]) {
    let instances: Vec<String> = names.iter().filter_map(|name| plane.network.instance_of(name)).collect();
    shared.change(|world| {
        let Some(account) = world.accounts.get_mut(&plane.key.account) else { return };
        let store = &mut account.region(&plane.key.region).ec2;
        for instance in &instances {
            ec2::instances::end(store, instance);
        }
    });
}

/// Waits until all nodes are Ready, at most this long.
async fn wait(shared: &Arc<Shared>, plane: &Arc<ControlPlane>, name: &str, patience: Duration) {
    let begun = Instant::now();
    let (key, plane) = (plane.key.clone(), Arc::downgrade(plane));
    loop {
        // Ends with the control plane or the group.
        let Some(plane) = plane.upgrade() else { return };
        let mut nodes = None;
        tell(shared, &key, name, |group| nodes = group.is_creating().then(|| group.nodes.clone()));
        let Some(nodes) = nodes else { return };
        let path = format!("/api/v1/nodes?labelSelector=eks.amazonaws.com%2Fnodegroup%3D{name}");
        if let Ok(list) = plane.api.get(&path).await {
            let found = list["items"].as_array().cloned().unwrap_or_default();
            let is_ready = |name: &String| {
                found.iter().any(|node| node["metadata"]["name"] == name.as_str() && nodes::is_ready(node))
            };
            let unready: Vec<String> = nodes.into_iter().filter(|name| !is_ready(name)).collect();
            if unready.is_empty() || begun.elapsed() >= patience {
                let instances = unready
                    .iter()
                    .map(|name| plane.network.instance_of(name).unwrap_or_else(|| name.clone()))
                    .collect();
                tell(shared, &key, name, |group| group.done(instances));
                return;
            }
        }
        drop(plane);
        tokio::time::sleep(BETWEEN).await;
    }
}
