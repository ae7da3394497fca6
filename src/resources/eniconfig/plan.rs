//! Plans an ENIConfig, from what AWS reports about subnet, security groups and cluster.

pub(super) mod networks;

use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Maybe, Text};
use framework::path::Path;
use framework::resource::Plan;

use super::{Args, EniConfig};
use crate::attributes::ObjectName;
use crate::session::Context;
use crate::session::cluster::warn_of_near_name;
use crate::session::place::PlannedPlace;
use networks::{Answer, Networks, Question};

pub(super) async fn plan(plan: &mut Plan<EniConfig>, cx: &Context) -> Result<()> {
    let place = PlannedPlace::plan(plan, cx).await?;
    let moves = plan.changes(Args::NAMES.subnet_id);
    let default_groups = !plan.configures(Args::NAMES.security_group_ids);
    let question = Question {
        region: place.region.as_ref(),
        // An unchanged subnet has been checked before.
        subnet: plan.args.subnet_id.known().filter(|_| moves),
        groups: plan
            .args
            .security_group_ids
            .set()
            .filter(|_| !default_groups && plan.changes(Args::NAMES.security_group_ids)),
        name: plan.args.name.set().filter(|_| plan.configures(Args::NAMES.name)),
        cluster: place.cluster.as_ref().filter(|_| default_groups || plan.has_changes()),
    };
    let networks = Networks::look(question, cx).await?;
    let faults = networks.faults(question);
    if let (Answer::Absent, Some(cluster)) = (&networks.cluster, &place.cluster) {
        warn_of_near_name(cluster, place.region.as_ref(), cx).await;
    }
    if moves {
        let known = |part: Option<String>| part.map_or(Maybe::Unknown, |part| Maybe::Known(Some(part)));
        let subnet = networks.subnet.there();
        let zone = subnet.map(|subnet| subnet.availability_zone.clone());
        if let Some(Ok(name)) = zone.as_deref().map(ObjectName::parse)
            && !plan.configures(Args::NAMES.name)
        {
            if plan.prior.as_ref().is_some_and(|prior| prior.outputs.name != name) {
                plan.replace(Args::NAMES.name);
            }
            plan.outputs.name = Maybe::Known(name);
        }
        plan.outputs.vpc_id = known(subnet.map(|subnet| subnet.vpc_id.clone()));
        plan.outputs.availability_zone = known(zone);
    }
    if let Some(groups) = networks.default_groups().filter(|_| default_groups) {
        plan.outputs.security_group_ids = Maybe::Known(groups);
    }
    for warning in networks.foreign_groups() {
        cx.report(warning);
    }
    if moves && let Some(cluster) = networks.cluster.there().filter(|cluster| cluster.outpost.is_some()) {
        cx.report(without_effect(&cluster.name));
    }
    if moves {
        networks.warn_of_zone(place.region.as_ref(), cx).await;
    }
    if default_groups && (plan.is_create() || plan.is_replaced()) {
        networks.warn_of_groups(cx);
    }
    if faults.has_errors() { Err(faults) } else { Ok(()) }
}

/// Custom networking is a setting of aws-node, which EKS keeps on local clusters. Source: EKS user guide, local clusters.
fn without_effect(cluster: &str) -> Diagnostic {
    Diagnostic::warning(
        "ENIConfig has no effect on a local cluster",
        format!(
            "Cluster `{cluster}` is a local cluster on an Outpost. EKS keeps aws-node there itself, without custom networking, so no node uses an ENIConfig."
        ),
    )
    .at(Path::attribute(Args::NAMES.cluster_name))
}
