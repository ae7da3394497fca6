//! Registers the nodes of a cluster as targets:
//!
//! 1. New addresses are registered, up to a hundred in a request.
//! 2. Addresses of nodes that are no longer selected are deregistered, if this resource registered them.
//! 3. Healthy targets, and the answer to a request, are awaited if that is configured.
//!
//! A failure of each step records what is registered.

mod healthy;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use framework::diagnostic::{Diagnostic, Result};
use framework::path::Path;
use names::Cidr;

use self::healthy::{until_answered, until_healthy};
use super::{Args, Outputs, addresses, check, counted_are, load_balancing, name};
use crate::aws::elb::Target;
use crate::session::Context;
use crate::session::cluster::connect;
use crate::session::explain::{explain, explained};
use crate::session::place::Place;

/// Registers the nodes, and waits as the configuration says.
pub(super) async fn apply(args: &Args, prior: Option<&Outputs>, place: Place, cx: &Context) -> Result<Outputs> {
    let outputs = attach(args, prior, place, cx).await?;
    until_healthy(args, &outputs, cx).await?;
    until_answered(args, &outputs, cx).await?;
    Ok(outputs)
}

/// Registers the nodes, then deregisters what this resource has registered for nodes that are no longer selected.
async fn attach(args: &Args, prior: Option<&Outputs>, place: Place, cx: &Context) -> Result<Outputs> {
    let summary = "Could not register the nodes";
    let (arn, port) = (&args.target_group_arn, args.port.get());
    let elb = load_balancing(arn, cx)?;
    let group = elb.target_group(arn.as_str()).await.map_err(|error| explain(summary, &error, None))?;
    let Some(group) = group else {
        let cause = format!("Target group `{}` does not exist.", arn.as_str());
        let at = Path::attribute(Args::NAMES.target_group_arn);
        return Err(Diagnostic::error("Target group does not exist", cause).at(at).into());
    };
    check(&group, arn)?;
    let client = connect(&place.cluster, Some(&place.region), cx).await?;
    let nodes = addresses(&client, args.node_selector.as_ref()).await;
    let nodes = explained(nodes, summary, None, cx).await?;
    let networks = match &group.vpc_id {
        None => Vec::new(),
        Some(id) => {
            let ec2 = cx.clients()?.aws()?.ec2(Some(arn.region()));
            let vpc = ec2.vpc(id).await.map_err(|error| explain(summary, &error, None))?;
            vpc.map(|vpc| vpc.cidr_blocks).unwrap_or_default()
        }
    };
    let registered =
        elb.targets(arn.as_str()).await.map_err(|error| explain(summary, &error, None))?.unwrap_or_default();
    let present: BTreeSet<String> = registered.iter().map(name).collect();
    let wanted: BTreeMap<String, Target> = nodes
        .iter()
        .map(|address| Target { address: address.clone(), port, is_outside: !is_within(address, &networks) })
        .map(|target| (name(&target), target))
        .collect();

    let none = BTreeSet::new();
    let (before, existing) = prior.map_or((&none, &none), |prior| (&prior.targets, &prior.existing_targets));
    let mut outputs = Outputs {
        cluster_name: place.cluster.clone(),
        region: place.region.clone(),
        existing_targets: wanted
            .keys()
            .filter(|name| present.contains(*name) && (existing.contains(*name) || !before.contains(*name)))
            .cloned()
            .collect(),
        targets: before.intersection(&present).cloned().collect(),
        pending_targets: BTreeSet::new(),
    };
    outputs.targets.extend(outputs.existing_targets.iter().cloned());
    let new: Vec<Target> =
        wanted.iter().filter(|(name, _)| !present.contains(*name)).map(|(_, target)| target.clone()).collect();
    let stale: Vec<Target> = registered
        .into_iter()
        .filter(|target| {
            let name = name(target);
            before.contains(&name) && !existing.contains(&name) && !wanted.contains_key(&name)
        })
        .collect();
    let outcome = match elb.register(arn.as_str(), &new, |done| outputs.targets.extend(done.iter().map(name))).await {
        Ok(()) => {
            elb.deregister(arn.as_str(), &stale, |done| {
                outputs.targets.retain(|it| !done.iter().any(|one| name(one) == *it));
            })
            .await
        }
        failed => failed,
    };
    outputs.targets.retain(|target| wanted.contains_key(target) || stale.iter().any(|it| name(it) == *target));
    if let Err(error) = outcome {
        outputs.pending_targets =
            outputs.targets.symmetric_difference(&wanted.keys().cloned().collect()).cloned().collect();
        let left = format!("{} registered, and recorded in the state.", counted_are(outputs.targets.len()));
        cx.save(&outputs);
        return Err(explain(summary, &error, Some(&left)));
    }
    if wanted.is_empty() {
        cx.report(
            Diagnostic::warning(
                "No node is selected",
                format!(
                    "Cluster `{}` has no node with the selected labels, so the target group gets no target.",
                    place.cluster
                ),
            )
            .remedy("Nodes that join later are shown by the next plan.")
            .at(Path::attribute(Args::NAMES.node_selector)),
        );
    }
    Ok(outputs)
}

fn is_within(address: &str, networks: &[String]) -> bool {
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let Some(address) = Cidr::containing(address, bits) else { return false };
    networks.iter().filter_map(|network| network.parse::<Cidr>().ok()).any(|network| network.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_outside_the_vpc() {
        let networks = ["10.0.0.0/16".to_owned(), "100.64.0.0/16".to_owned()];
        for (address, expected) in [("10.0.3.4", true), ("100.64.9.9", true), ("10.80.0.4", false), ("fd00::1", false)]
        {
            assert_eq!(is_within(address, &networks), expected, "{address}");
        }
    }
}
