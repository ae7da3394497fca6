//! Plans the endpoints: which there will be, and what would fail or not work.

mod checks;
mod network;

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Maybe, Model};
use framework::path::Path;
use framework::resource::Plan;

use super::apply::wanted::called;
use super::{Args, Kind as KindName, Outputs, Profile as ProfileName, ServiceName, VpcEndpoints};
use crate::attributes::Region;
use crate::node::endpoints::{self, Kind, Profile};
use crate::session::{Context, planned_region, tags};
use network::Network;

/// Arguments that decide what the endpoints are.
const DECISIVE: [&str; 12] = [
    Args::NAMES.profile,
    Args::NAMES.additional_services,
    Args::NAMES.excluded_services,
    Args::NAMES.subnet_ids,
    Args::NAMES.security_group_ids,
    Args::NAMES.route_table_ids,
    Args::NAMES.s3,
    Args::NAMES.private_dns,
    Args::NAMES.restrict_to_account,
    Args::NAMES.bucket_names,
    Args::NAMES.policies,
    Args::NAMES.adopt_existing,
];

/// The services with the kinds of their endpoints, once all that decides them is known.
pub(super) fn kinds(args: &<Args as Model>::Planned) -> Option<BTreeMap<String, Kind>> {
    let profile = args.profile.known()?.map(|ProfileName(profile)| profile);
    let texts = |set: &Option<BTreeSet<ServiceName>>| -> Vec<String> {
        set.iter().flatten().map(|service| service.as_str().to_owned()).collect()
    };
    let (additional, excluded) = (texts(args.additional_services.known()?), texts(args.excluded_services.known()?));
    let excluded: BTreeSet<&str> = excluded.iter().map(String::as_str).collect();
    let s3 = args.s3.known()?.map(|KindName(kind)| kind);
    Some(endpoints::services(profile, additional.iter().map(String::as_str), &excluded, s3))
}

pub(super) async fn plan(plan: &mut Plan<VpcEndpoints>, cx: &Context) -> Result<()> {
    plan.outputs.tags_all = tags::planned_for(cx, &plan.args.tags)?;
    let default = planned_region(cx).await;
    plan.follow_default(Args::NAMES.region, default.as_ref(), |outputs| &outputs.region, |outputs| &mut outputs.region);
    let region = plan.args.region.set().or_else(|| plan.outputs.region.known()).cloned();
    let is_new = plan.is_create() || plan.is_replaced();
    if let (true, Some(vpc), Some(region)) = (is_new, plan.args.vpc_id.known(), &region) {
        plan.outputs.id = Maybe::Known(format!("{vpc}@{region}"));
    }
    let kinds = kinds(&plan.args);
    let services: Option<BTreeMap<String, String>> = kinds
        .as_ref()
        .map(|kinds| kinds.iter().map(|(service, kind)| (service.clone(), called(*kind).to_owned())).collect());
    let is_changed = !is_new && is_changed(plan, services.as_ref());
    if !is_new && !is_changed {
        return Ok(());
    }
    plan.outputs.pending_changes = Maybe::Known(Vec::new());
    plan.outputs.endpoints = Maybe::Unknown;
    plan.outputs.repository_policy = Maybe::Unknown;
    plan.outputs.bucket_policies = Maybe::Unknown;
    warn_of_deletions(plan, services.as_ref(), cx);
    warn_of_gateway(plan, kinds.as_ref(), cx);
    plan.outputs.services = services.into();
    look(plan, kinds.as_ref(), region.as_ref(), cx).await
}

/// Whether an existing set changes, or has to be repaired.
fn is_changed(plan: &Plan<VpcEndpoints>, services: Option<&BTreeMap<String, String>>) -> bool {
    let Some(prior) = &plan.prior else { return true };
    DECISIVE.iter().any(|name| plan.changes(name))
        || !prior.outputs.pending_changes.is_empty()
        || services.is_none_or(|services| *services != prior.outputs.services)
        || plan.outputs.tags_all.known() != Some(&prior.outputs.tags_all)
}

/// What is deleted, with what is lost.
fn warn_of_deletions(plan: &Plan<VpcEndpoints>, services: Option<&BTreeMap<String, String>>, cx: &Context) {
    let (Some(prior), Some(services)) = (&plan.prior, services) else { return };
    if plan.is_replaced() {
        return;
    }
    let Outputs { endpoints, .. } = &prior.outputs;
    let leaving = endpoints.iter().filter(|(service, endpoint)| services.get(*service) != Some(&endpoint.kind));
    let names: Vec<String> = leaving
        .filter(|(_, endpoint)| !endpoint.adopted)
        .map(|(service, endpoint)| format!("`{service}` (`{}`)", endpoint.id))
        .collect();
    if names.is_empty() {
        return;
    }
    let cause = format!(
        "These endpoints in {} are deleted: {}. Without another way, nothing in the VPC reaches these services any more.",
        prior.args.vpc_id,
        names.join(", ")
    );
    cx.report(Diagnostic::warning("VPC endpoints are deleted", cause));
}

/// Hosts outside the VPC cannot use a gateway endpoint.
fn warn_of_gateway(plan: &Plan<VpcEndpoints>, kinds: Option<&BTreeMap<String, Kind>>, cx: &Context) {
    let is_hybrid = plan.args.profile.set().is_some_and(|profile| profile.0 == Profile::HybridNodes);
    if is_hybrid && kinds.is_some_and(|kinds| kinds.get("s3") == Some(&Kind::Gateway)) && plan.changes(Args::NAMES.s3) {
        let cause = "A gateway endpoint adds a route within the VPC only, so hosts on premises do not reach Amazon S3 through it, and cannot pull images from ECR, whose layers are in S3.";
        cx.report(
            Diagnostic::warning("Hybrid nodes do not reach S3 through a gateway", cause)
                .remedy("Leave `s3` out, or set it to `interface`.")
                .at(Path::attribute(Args::NAMES.s3)),
        );
    }
}

/// Checks with AWS what is known.
async fn look(
    plan: &mut Plan<VpcEndpoints>,
    kinds: Option<&BTreeMap<String, Kind>>,
    region: Option<&Region>,
    cx: &Context,
) -> Result<()> {
    let (Some(kinds), Some(region), Maybe::Known(vpc)) = (kinds, region, &plan.args.vpc_id) else { return Ok(()) };
    let Some(aws) = cx.try_clients().and_then(crate::session::Clients::known_aws) else { return Ok(()) };
    let client = aws.ec2(Some(region.as_str()));
    let network = Box::pin(Network::look(&client, region, vpc, kinds, &plan.args)).await;
    if cx.cancel().is_cancelled() {
        return Ok(());
    }
    let ours: BTreeSet<String> = match &plan.prior {
        Some(prior) if !plan.is_replaced() => {
            prior.outputs.endpoints.values().map(|endpoint| endpoint.id.clone()).collect()
        }
        _ => BTreeSet::new(),
    };
    let tags = plan.outputs.tags_all.known();
    let checks = checks::Checks { args: &plan.args, vpc, region, kinds, network: &network, ours: &ours, tags };
    let found = checks.all();
    let (errors, warnings): (Vec<Diagnostic>, Vec<Diagnostic>) =
        found.0.into_iter().partition(|one| one.severity == framework::diagnostic::Severity::Error);
    for warning in warnings {
        cx.report(warning);
    }
    if errors.is_empty() { Ok(()) } else { Err(framework::diagnostic::Diagnostics(errors)) }
}
