//! The arguments that describe the endpoints of a VPC, after an import.

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::Result;
use framework::resource::State;

use super::super::apply::wanted::called;
use super::super::apply::{outputs, services_of};
use super::super::{Args, Identity, Kind, Policy, Profile, ServiceName, VpcEndpoints};
use crate::attributes::{Region, RouteTableId, SecurityGroupId, SubnetId};
use crate::aws::ec2::Endpoint;
use crate::node::endpoints::{self, policies};
use crate::session::{Context, explain, tags};

/// All endpoints of AWS services in the VPC; `None` if there are none.
pub async fn state(
    identity: &Identity,
    found: &[Endpoint],
    region: Region,
    cx: &Context,
) -> Result<Option<State<VpcEndpoints>>> {
    let mut held: BTreeMap<String, (Endpoint, bool)> = BTreeMap::new();
    for (service, endpoint) in services_of(&region, found) {
        // Of several, the one with the service's names is the one that is used.
        if held.get(service).is_none_or(|(other, _)| endpoint.private_dns && !other.private_dns) {
            held.insert(service.to_owned(), (endpoint.clone(), false));
        }
    }
    if held.is_empty() {
        return Ok(None);
    }
    let aws = cx.clients()?.aws()?;
    let account = aws.account_id().await.map_err(|error| explain(super::SUMMARY, &error, None))?;
    let tags_all = held.values().next().map(|(endpoint, _)| endpoint.tags.clone()).unwrap_or_default();
    let tags_all = tags::managed_for(cx, tags_all)?;
    let args = Args { tags: tags::own_for(cx, &tags_all, None)?, ..args(identity, &held, &region, &account) };
    let services = held.iter().map(|(service, (endpoint, _))| (service.clone(), endpoint.kind.clone())).collect();
    let first = outputs(&args, &region, &held, services, tags_all, Vec::new());
    let client = super::ec2(&region, cx)?;
    let pending_changes = super::changes(&args, &first, found, &client, &region, cx).await?;
    Ok(Some(State { args, outputs: super::Outputs { pending_changes, ..first } }))
}

fn args(identity: &Identity, held: &BTreeMap<String, (Endpoint, bool)>, region: &Region, account: &str) -> Args {
    let services: BTreeSet<&str> = held.keys().map(String::as_str).collect();
    let profile = endpoints::Profile::within(&services);
    let of_profile = profile.map(endpoints::Profile::services).unwrap_or_default();
    let additional: BTreeSet<ServiceName> = services
        .iter()
        .filter(|service| !of_profile.contains(service))
        .map(|name| ServiceName::as_found(name))
        .collect();
    let of_kind = |kind: endpoints::Kind| {
        held.values().map(|(endpoint, _)| endpoint).find(move |endpoint| endpoint.kind == called(kind))
    };
    let (interface, gateway) = (of_kind(endpoints::Kind::Interface), of_kind(endpoints::Kind::Gateway));
    let restricted = |service: &str| policies::restricted(service, account, region, &[]);
    let own_policies: Vec<(&String, &str)> = held
        .iter()
        .filter_map(|(service, (endpoint, _))| Some((service, endpoint.policy.as_deref()?)))
        .filter(|(_, policy)| !policies::allows_everything(policy))
        .collect();
    let is_restricted = own_policies.iter().any(|(service, policy)| policies::same(policy, &restricted(service)));
    let policies: BTreeMap<String, Policy> = own_policies
        .into_iter()
        .filter(|(service, policy)| !is_restricted || !policies::same(policy, &restricted(service)))
        .map(|(service, policy)| (service.clone(), Policy::as_found(policy)))
        .collect();
    let s3 = held.get("s3").map(|(endpoint, _)| endpoint.kind.as_str());
    let s3 = s3.map(|kind| if kind == "Gateway" { endpoints::Kind::Gateway } else { endpoints::Kind::Interface });
    let default = profile.map_or(endpoints::Kind::Gateway, endpoints::Profile::s3);
    Args {
        vpc_id: identity.vpc_id.clone(),
        profile: profile.map(Profile),
        additional_services: some(additional),
        excluded_services: None,
        subnet_ids: interface.map(|endpoint| endpoint.subnet_ids.iter().map(|id| SubnetId::as_found(id)).collect()),
        security_group_ids: interface
            .map(|endpoint| endpoint.security_group_ids.iter().map(|id| SecurityGroupId::as_found(id)).collect()),
        route_table_ids: gateway
            .map(|endpoint| endpoint.route_table_ids.iter().map(|id| RouteTableId::as_found(id)).collect()),
        s3: s3.filter(|kind| *kind != default).map(Kind),
        private_dns: interface.is_none_or(|endpoint| endpoint.private_dns),
        restrict_to_account: is_restricted,
        bucket_names: None,
        policies: if policies.is_empty() { None } else { Some(policies) },
        adopt_existing: false,
        client_cidrs: None,
        region: Some(region.clone()),
        tags: None,
        timeouts: None,
    }
}

/// A set that is not empty.
fn some<T>(set: BTreeSet<T>) -> Option<BTreeSet<T>> {
    if set.is_empty() { None } else { Some(set) }
}
