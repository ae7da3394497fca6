//! Plans a recycling: which nodes are replaced, and whether they can be.

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Model};
use framework::path::Path;
use framework::resource::Plan;

use super::{Args, NODE_GROUP_LABEL, NodeRecycle};
use crate::attributes::labels;
use crate::aws::ec2::Instance;
use crate::kube::Node;
use crate::session::cluster::{Connection, reach};
use crate::session::place::{Place, PlannedPlace};
use crate::session::{Clients, Context};

pub(super) async fn plan(plan: &mut Plan<NodeRecycle>, cx: &Context) -> Result<()> {
    let place = PlannedPlace::plan(plan, cx).await?;
    let selector = selector(&plan.args);
    if let (Some(selector), true) = (&selector, plan.is_create() || plan.is_replaced()) {
        plan.outputs.selector = Maybe::Known(selector.clone());
    }
    let rest = plan.prior.as_ref().map(|prior| prior.outputs.pending_nodes.clone()).unwrap_or_default();
    let recycles = if plan.is_create() || plan.is_replaced() {
        plan.args.recycle_on_create != Maybe::Known(false)
    } else {
        let had_triggers = plan.prior.as_ref().is_some_and(|prior| prior.args.triggers.is_some());
        had_triggers && plan.changes(Args::NAMES.triggers)
    };
    plan.outputs.pending_nodes = Maybe::Known(BTreeSet::new());
    if !recycles && rest.is_empty() {
        if plan.is_create() || plan.is_replaced() {
            plan.outputs.recycled_nodes = Maybe::Known(BTreeSet::new());
        }
        return Ok(());
    }
    plan.outputs.recycled_nodes = Maybe::Unknown;
    let (Some(place), Some(selector)) = (place.known(), selector) else { return Ok(()) };
    // A cluster that cannot be asked now is asked by the apply, which reports the error.
    let Ok(Connection::Open(client)) = reach(&place.cluster, Some(&place.region), cx).await else { return Ok(()) };
    let Ok(mut nodes) = client.nodes(Some(&selector)).await else { return Ok(()) };
    if !recycles {
        nodes.retain(|node| rest.contains(&node.name));
    }
    if nodes.is_empty() {
        return Ok(());
    }
    if let Some(aws) = cx.try_clients().and_then(Clients::known_aws) {
        let ids: Vec<String> = nodes.iter().filter_map(instance_id).collect();
        if let Ok(instances) = aws.ec2(Some(place.region.as_str())).instances(&ids).await {
            check(&nodes, &instances, &place)?;
        }
    }
    let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    cx.report(
        Diagnostic::warning(
            format!("{} will be replaced", counted(names.len())),
            format!(
                "In cluster `{}`, these are drained and their instances terminated, at most {} at a time: {}. Pods move to other nodes, and data on the instances is lost.",
                place.cluster,
                plan.args.max_unavailable.known().map_or(1, |most| most.get()),
                listed(&names)
            ),
        )
        .at(Path::attribute(Args::NAMES.triggers)),
    );
    Ok(())
}

/// The label selector of the nodes, if it is known.
fn selector(args: &<Args as Model>::Planned) -> Option<String> {
    match (&args.node_group_name, &args.node_selector) {
        (Maybe::Known(Some(group)), _) => Some(format!("{NODE_GROUP_LABEL}={group}")),
        (Maybe::Known(None), Maybe::Known(Some(labels))) => Some(labels::selector(labels)),
        _ => None,
    }
}

/// The EC2 instance of a node.
pub(super) fn instance_id(node: &Node) -> Option<String> {
    node.instance_id().filter(|id| id.starts_with("i-")).map(str::to_owned)
}

/// Every node must be an instance that an Auto Scaling group replaces.
///
/// # Errors
/// Names the nodes that are not.
pub(super) fn check(nodes: &[Node], instances: &BTreeMap<String, Instance>, place: &Place) -> Result<()> {
    let is_replaced = |node: &&Node| {
        let instance = instance_id(node).and_then(|id| instances.get(&id));
        instance.is_some_and(|instance| instance.scaling_group.is_some())
    };
    let others: Vec<&str> = nodes.iter().filter(|node| !is_replaced(node)).map(|node| node.name.as_str()).collect();
    if others.is_empty() {
        return Ok(());
    }
    let cause = format!(
        "In cluster `{}`, no Auto Scaling group would replace: {}. Hybrid nodes, Fargate, EKS Auto Mode and Karpenter nodes are not instances of a group.",
        place.cluster,
        listed(&others)
    );
    let fault = Diagnostic::error("Nodes that nothing would replace", cause)
        .left("No node was changed.")
        .remedy("Select only nodes of managed or self-managed node groups.");
    Err(Diagnostics::from(fault))
}

/// Up to ten names.
pub(super) fn listed(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(10).map(|name| format!("`{name}`")).collect();
    let rest = names.len().saturating_sub(10);
    if rest == 0 { shown.join(", ") } else { format!("{} and {rest} more", shown.join(", ")) }
}

pub(super) fn counted(nodes: usize) -> String {
    if nodes == 1 { "1 node".to_owned() } else { format!("{nodes} nodes") }
}
