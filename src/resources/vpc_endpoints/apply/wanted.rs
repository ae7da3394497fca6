//! What each endpoint should be, and in what an existing one differs from it.

use std::collections::{BTreeMap, BTreeSet};

use crate::attributes::{RouteTableId, SecurityGroupId, SubnetId};
use crate::aws::ec2::{self, EndpointChange, EndpointService, Subnet};
use crate::node::endpoints::{self, Kind, policies};
use crate::resources::vpc_endpoints::Args;

/// What an endpoint should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Kind.
    pub kind: Kind,
    /// Subnets, without those in zones that the service lacks.
    pub subnets: BTreeSet<String>,
    /// Subnets in zones that the service lacks.
    pub lacking: BTreeSet<String>,
    /// Security groups.
    pub groups: BTreeSet<String>,
    /// Route tables.
    pub tables: BTreeSet<String>,
    /// Private DNS.
    pub private_dns: bool,
    /// Policy; none allows everything.
    pub policy: Option<String>,
}

/// What is known of the network.
pub struct Known<'a> {
    /// Region.
    pub region: &'a names::Region,
    /// Account, with `restrict_to_account`.
    pub account: Option<&'a str>,
    /// Services by their whole names; empty where nothing is known of them.
    pub services: &'a BTreeMap<String, EndpointService>,
    /// Subnets by id; empty where nothing is known of them.
    pub subnets: &'a BTreeMap<String, Subnet>,
}

/// `Interface` or `Gateway`, as AWS calls it.
pub fn called(kind: Kind) -> &'static str {
    match kind {
        Kind::Gateway => "Gateway",
        Kind::Interface => "Interface",
    }
}

/// The services with the kinds of their endpoints.
pub fn kinds(args: &Args) -> BTreeMap<String, Kind> {
    let additional = args.additional_services.iter().flatten().map(super::super::ServiceName::as_str);
    let excluded = args.excluded_services.iter().flatten().map(super::super::ServiceName::as_str).collect();
    endpoints::services(args.profile.map(|profile| profile.0), additional, &excluded, args.s3.map(|kind| kind.0))
}

/// Every endpoint as it should be.
pub fn all(args: &Args, known: &Known<'_>) -> BTreeMap<String, Wanted> {
    kinds(args).into_iter().map(|(service, kind)| (service.clone(), one(&service, kind, args, known))).collect()
}

fn one(service: &str, kind: Kind, args: &Args, known: &Known<'_>) -> Wanted {
    let details = known.services.get(&endpoints::service_name(known.region, service));
    let is_lacking = |id: &&String| {
        let zones = details.map(|details| &details.zones).filter(|zones| !zones.is_empty());
        zones.zip(known.subnets.get(*id)).is_some_and(|(zones, subnet)| !zones.contains(&subnet.availability_zone))
    };
    let texts = |all: Vec<&str>| -> BTreeSet<String> { all.into_iter().map(str::to_owned).collect() };
    let (mut subnets, mut groups, mut tables) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    match kind {
        Kind::Interface => {
            subnets = texts(args.subnet_ids.iter().flatten().map(SubnetId::as_str).collect());
            groups = texts(args.security_group_ids.iter().flatten().map(SecurityGroupId::as_str).collect());
        }
        Kind::Gateway => tables = texts(args.route_table_ids.iter().flatten().map(RouteTableId::as_str).collect()),
    }
    let lacking: BTreeSet<String> = subnets.iter().filter(is_lacking).cloned().collect();
    Wanted {
        kind,
        subnets: subnets.difference(&lacking).cloned().collect(),
        lacking,
        groups,
        tables,
        private_dns: kind == Kind::Interface
            && args.private_dns
            && details.is_none_or(|details| details.has_private_dns),
        policy: policy(service, details, args, known),
    }
}

fn policy(service: &str, details: Option<&EndpointService>, args: &Args, known: &Known<'_>) -> Option<String> {
    if let Some(own) = args.policies.as_ref().and_then(|policies| policies.get(service)) {
        return Some(own.as_str().to_owned());
    }
    let account = known.account.filter(|_| args.restrict_to_account)?;
    let buckets: Vec<String> = args.bucket_names.iter().flatten().map(|name| name.as_str().to_owned()).collect();
    details
        .is_none_or(|details| details.has_policy)
        .then(|| policies::restricted(service, account, known.region, &buckets))
}

/// What has to change in an existing endpoint.
pub fn difference(wanted: &Wanted, found: &ec2::Endpoint) -> EndpointChange {
    let more = |wanted: &BTreeSet<String>, found: &BTreeSet<String>| wanted.difference(found).cloned().collect();
    let mut change = EndpointChange::default();
    change_policy(wanted.policy.as_deref(), found, &mut change);
    match wanted.kind {
        Kind::Gateway => {
            change.add_route_tables = more(&wanted.tables, &found.route_table_ids);
            change.remove_route_tables = more(&found.route_table_ids, &wanted.tables);
        }
        Kind::Interface => {
            change.add_subnets = more(&wanted.subnets, &found.subnet_ids);
            change.remove_subnets = more(&found.subnet_ids, &wanted.subnets);
            change.add_security_groups = more(&wanted.groups, &found.security_group_ids);
            change.remove_security_groups = more(&found.security_group_ids, &wanted.groups);
            change.private_dns = (wanted.private_dns != found.private_dns).then_some(wanted.private_dns);
        }
    }
    change
}

fn change_policy(wanted: Option<&str>, found: &ec2::Endpoint, change: &mut EndpointChange) {
    let is_open = found.policy.as_deref().is_none_or(policies::allows_everything);
    let is_same = match (wanted, found.policy.as_deref()) {
        (None, _) => is_open,
        (Some(wanted), Some(found)) => policies::same(wanted, found),
        (Some(wanted), None) => policies::allows_everything(wanted),
    };
    if !is_same {
        change.policy = Some(wanted.map(str::to_owned));
    }
}

/// A change in words, for the plan: `ecr.api: add subnet-a, remove sg-b, enable private DNS`.
pub fn words(service: &str, change: &EndpointChange) -> Option<String> {
    let mut parts = Vec::new();
    for ids in [&change.add_subnets, &change.add_security_groups, &change.add_route_tables] {
        parts.extend(ids.iter().map(|id| format!("add {id}")));
    }
    for ids in [&change.remove_subnets, &change.remove_security_groups, &change.remove_route_tables] {
        parts.extend(ids.iter().map(|id| format!("remove {id}")));
    }
    parts.extend(change.private_dns.map(|on| format!("{} private DNS", if on { "enable" } else { "disable" })));
    parts.extend(change.policy.as_ref().map(|policy| match policy {
        Some(_) => "set the policy".to_owned(),
        None => "remove the policy".to_owned(),
    }));
    (!parts.is_empty()).then(|| format!("{service}: {}", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn interface() -> Wanted {
        Wanted {
            kind: Kind::Interface,
            subnets: set(&["subnet-a", "subnet-b"]),
            lacking: BTreeSet::new(),
            groups: set(&["sg-1"]),
            tables: BTreeSet::new(),
            private_dns: true,
            policy: None,
        }
    }

    #[test]
    fn a_change_adds_and_removes_only_what_differs() {
        let found = ec2::Endpoint {
            subnet_ids: set(&["subnet-b", "subnet-c"]),
            security_group_ids: set(&["sg-2"]),
            policy: Some(r#"{"Statement":[]}"#.to_owned()),
            ..ec2::Endpoint::default()
        };
        let change = difference(&interface(), &found);
        assert_eq!(
            words("ecr.api", &change).as_deref(),
            Some(
                "ecr.api: add subnet-a, add sg-1, remove subnet-c, remove sg-2, enable private DNS, remove the policy"
            )
        );
        let same = ec2::Endpoint {
            subnet_ids: set(&["subnet-a", "subnet-b"]),
            security_group_ids: set(&["sg-1"]),
            private_dns: true,
            ..ec2::Endpoint::default()
        };
        assert!(difference(&interface(), &same).is_empty());
        assert_eq!(words("ecr.api", &EndpointChange::default()), None);
    }

    #[test]
    fn a_policy_in_another_form_is_the_same() {
        let wanted = Wanted { policy: Some(r#"{"Statement":[],"Version":"2012-10-17"}"#.to_owned()), ..interface() };
        let found = |policy: &str| ec2::Endpoint {
            subnet_ids: wanted.subnets.clone(),
            security_group_ids: wanted.groups.clone(),
            private_dns: true,
            policy: Some(policy.to_owned()),
            ..ec2::Endpoint::default()
        };
        assert!(difference(&wanted, &found(r#"{ "Version": "2012-10-17", "Statement": [] }"#)).is_empty());
        assert_eq!(difference(&wanted, &found("{}")).policy, Some(wanted.policy.clone()));
    }
}
