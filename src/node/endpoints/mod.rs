//! VPC endpoints of networks without internet access: which services nodes need there, and by which kind of endpoint.
//!
//! Sources: EKS user guide, "Deploy private clusters with limited internet access", "Prepare networking for hybrid
//! nodes" and "Create a VPC and subnets for Amazon EKS clusters on AWS Outposts". Limit: the lists are those of nodes
//! and of the components that AWS documents; what workloads call comes in addition.

pub mod buckets;
pub mod policies;

use std::collections::{BTreeMap, BTreeSet};

use super::shape::{self, choice, holds, object, text};
use super::tree::{Faults, Parsed, Tree};

choice! {
    /// What the endpoints are for.
    pub enum Profile {
        /// A cluster with a private API endpoint and nodes in EC2.
        PrivateCluster = "private_cluster",
        /// Hybrid nodes that reach AWS through the VPC only.
        HybridNodes = "hybrid_nodes",
        /// A local cluster on an Outpost.
        OutpostLocalCluster = "outpost_local_cluster",
    }
}

choice! {
    /// A kind of endpoint.
    pub enum Kind {
        /// A route to the service in route tables of the VPC. Free of charge, and not reachable from outside the VPC.
        Gateway = "gateway",
        /// Network interfaces with private addresses in subnets.
        Interface = "interface",
    }
}

text! {
    /// A service as its endpoints name it.
    pub struct Service;
    rule = "the last part of an endpoint service's name, such as `ecr.api` or `ssm`";
    check = |text| holds(is_service(text));
}

text! {
    /// A region.
    pub struct RegionName;
    rule = "an AWS region such as `us-west-2`";
    check = |text| holds(<names::Region as names::Word>::parse(text).is_ok());
}

object! {
    /// Which endpoints a network needs.
    pub struct Options (OptionsDraft) {
        /// Further services.
        pub additional_services: Option<Vec<Service>>,
        /// Services of the profile to leave out.
        pub excluded_services: Option<Vec<Service>>,
        /// Kind of the endpoint of Amazon S3. Default: `interface` for `hybrid_nodes`, because hosts outside the VPC
        /// cannot use a gateway; otherwise `gateway`.
        pub s3: Option<Kind>,
    }
}

/// Whether a text can be the last part of a service's name: `com.amazonaws.us-west-2.` in it is refused.
#[must_use]
pub fn is_service(text: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    !text.is_empty() && text.len() <= 100 && text.bytes().all(letters) && !text.contains("com.amazonaws.")
}

const PRIVATE_CLUSTER: &[&str] = &[
    "autoscaling",
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "logs",
    "s3",
    "sts",
    "xray",
];
const HYBRID_NODES: &[&str] =
    &["ecr.api", "ecr.dkr", "eks", "eks-auth", "logs", "oidc-eks", "rolesanywhere", "s3", "ssm", "ssmmessages", "sts"];
const OUTPOST_LOCAL_CLUSTER: &[&str] =
    &["ec2", "ec2messages", "ecr.api", "ecr.dkr", "logs", "s3", "secretsmanager", "ssm", "ssmmessages", "sts"];

/// Services whose names begin with `cn` in China; those of the others do not. Source: what DescribeVpcEndpointServices
/// answers there, as published by users. The interface endpoint of S3 has such a name too, the gateway has not.
const PREFIXED_IN_CHINA: &[&str] = &[
    "autoscaling",
    "cloudformation",
    "ebs",
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "elasticfilesystem",
    "lambda",
    "monitoring",
    "sqs",
    "sts",
    "xray",
];

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::PrivateCluster, Self::HybridNodes, Self::OutpostLocalCluster];

    /// The services of the profile.
    #[must_use]
    pub fn services(self) -> &'static [&'static str] {
        match self {
            Self::PrivateCluster => PRIVATE_CLUSTER,
            Self::HybridNodes => HYBRID_NODES,
            Self::OutpostLocalCluster => OUTPOST_LOCAL_CLUSTER,
        }
    }

    /// Kind of the endpoint of Amazon S3.
    #[must_use]
    pub fn s3(self) -> Kind {
        if self == Self::HybridNodes { Kind::Interface } else { Kind::Gateway }
    }

    /// The profile with most services among those given, if all of its services are among them.
    #[must_use]
    pub fn within(services: &BTreeSet<&str>) -> Option<Self> {
        let whole = |profile: &Self| profile.services().iter().all(|service| services.contains(service));
        // Of two that are there as a whole, the longer list says more.
        Self::ALL.into_iter().filter(whole).max_by_key(|profile| profile.services().len())
    }
}

/// The services of a network, each with the kind of its endpoint. DynamoDB always has a gateway: its interface endpoints
/// have no private DNS name.
#[must_use]
pub fn services<'a>(
    profile: Option<Profile>,
    additional: impl IntoIterator<Item = &'a str>,
    excluded: &BTreeSet<&str>,
    s3: Option<Kind>,
) -> BTreeMap<String, Kind> {
    let of_profile = profile.map(Profile::services).unwrap_or_default().iter().copied();
    let s3 = s3.unwrap_or_else(|| profile.map_or(Kind::Gateway, Profile::s3));
    let kind = |service: &str| match service {
        "s3" => s3,
        "dynamodb" => Kind::Gateway,
        _ => Kind::Interface,
    };
    let wanted = of_profile.filter(|service| !excluded.contains(service)).chain(additional);
    wanted.map(|service| (service.to_owned(), kind(service))).collect()
}

/// The whole name of a service in a region: `com.amazonaws.us-west-2.ecr.api`.
#[must_use]
pub fn service_name(region: &names::Region, service: &str) -> String {
    let is_prefixed = region.partition().id() == "aws-cn" && PREFIXED_IN_CHINA.contains(&service);
    let prefix = if is_prefixed { "cn.com.amazonaws" } else { "com.amazonaws" };
    format!("{prefix}.{}.{service}", names::Word::as_str(region))
}

/// The short name of a service in a region: `ecr.api`.
#[must_use]
pub fn short_name<'a>(region: &names::Region, name: &'a str) -> Option<&'a str> {
    let rest = name.strip_prefix("cn.").unwrap_or(name).strip_prefix("com.amazonaws.")?;
    rest.strip_prefix(names::Word::as_str(region))?.strip_prefix('.')
}

/// Parses the options of the function `vpc_endpoint_services`.
///
/// # Errors
/// Every rule that the known part of the input breaks.
pub fn parse(tree: &Tree) -> Result<Parsed<Options>, Faults> {
    shape::parse(tree)
}

/// All options, their types and rules, as a nested Markdown list.
#[must_use]
pub fn description() -> String {
    shape::description::<Options>()
}

impl Options {
    /// The services that result.
    #[must_use]
    pub fn services(&self, profile: Option<Profile>) -> BTreeMap<String, Kind> {
        let texts = |list: &Option<Vec<Service>>| -> Vec<String> {
            list.iter().flatten().map(|service| service.as_str().to_owned()).collect()
        };
        let (additional, excluded) = (texts(&self.additional_services), texts(&self.excluded_services));
        let excluded: BTreeSet<&str> = excluded.iter().map(String::as_str).collect();
        services(profile, additional.iter().map(String::as_str), &excluded, self.s3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use names::Word as _;

    fn region(name: &str) -> names::Region {
        names::Region::parse(name).expect("a region")
    }

    #[test]
    fn a_profile_is_changed_by_what_is_added_and_left_out() {
        let excluded = BTreeSet::from(["xray", "autoscaling"]);
        let found = services(Some(Profile::PrivateCluster), ["sqs", "dynamodb"], &excluded, None);
        assert_eq!(found.get("sqs"), Some(&Kind::Interface));
        assert_eq!(found.get("dynamodb"), Some(&Kind::Gateway));
        assert_eq!(found.get("s3"), Some(&Kind::Gateway));
        assert!(!found.contains_key("xray") && !found.contains_key("autoscaling"));
        assert_eq!(found.len(), 11 - 2 + 2);
    }

    #[test]
    fn hosts_outside_the_vpc_reach_s3_through_interfaces() {
        let none = BTreeSet::new();
        assert_eq!(services(Some(Profile::HybridNodes), [], &none, None)["s3"], Kind::Interface);
        assert_eq!(services(Some(Profile::HybridNodes), [], &none, Some(Kind::Gateway))["s3"], Kind::Gateway);
        assert_eq!(services(None, ["s3"], &none, None)["s3"], Kind::Gateway);
    }

    #[test]
    fn names_in_every_partition() {
        for (name, service, expected) in [
            ("us-west-2", "ecr.api", "com.amazonaws.us-west-2.ecr.api"),
            ("cn-north-1", "ecr.api", "cn.com.amazonaws.cn-north-1.ecr.api"),
            ("cn-north-1", "s3", "com.amazonaws.cn-north-1.s3"),
            ("cn-northwest-1", "ssm", "com.amazonaws.cn-northwest-1.ssm"),
        ] {
            let region = region(name);
            assert_eq!(service_name(&region, service), expected);
            assert_eq!(short_name(&region, expected), Some(service));
        }
        assert_eq!(short_name(&region("us-west-2"), "com.amazonaws.us-west-1.ec2"), None);
        assert_eq!(short_name(&region("us-west-2"), "com.amazonaws.vpce.us-west-2.vpce-svc-1"), None);
    }

    #[test]
    fn a_profile_is_found_among_services() {
        let all: BTreeSet<&str> = PRIVATE_CLUSTER.iter().copied().chain(["sqs"]).collect();
        assert_eq!(Profile::within(&all), Some(Profile::PrivateCluster));
        assert_eq!(
            Profile::within(&OUTPOST_LOCAL_CLUSTER.iter().copied().collect()),
            Some(Profile::OutpostLocalCluster)
        );
        assert_eq!(Profile::within(&BTreeSet::from(["ec2"])), None);
    }
}
