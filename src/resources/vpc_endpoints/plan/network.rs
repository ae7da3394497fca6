//! What AWS reports about the network that the endpoints are put into.
//!
//! A part that cannot be read, for any reason, is `None`: it is not checked, and the apply reports the reason.

use std::collections::{BTreeMap, BTreeSet};

use framework::model::Model;

use crate::attributes::{Region, SecurityGroupId, SubnetId, VpcId};
use crate::aws::ec2::{Client, Endpoint, EndpointService, GroupRules, RouteTable, SecurityGroup, Subnet, Vpc, VpcDns};
use crate::node::endpoints::{Kind, service_name};
use crate::resources::vpc_endpoints::Args;

/// The network.
pub struct Network {
    /// The VPC.
    pub vpc: Option<Vpc>,
    /// Whether the VPC certainly does not exist.
    pub is_absent: bool,
    /// Its DNS attributes.
    pub dns: Option<VpcDns>,
    /// Those of the given subnets that exist.
    pub subnets: Option<BTreeMap<String, Subnet>>,
    /// Those of the given security groups that exist.
    pub groups: Option<BTreeMap<String, SecurityGroup>>,
    /// Their rules.
    pub rules: Option<Vec<GroupRules>>,
    /// The VPC's route tables.
    pub tables: Option<Vec<RouteTable>>,
    /// Those of the services that the region has, by their whole names.
    pub services: Option<BTreeMap<String, EndpointService>>,
    /// The VPC's endpoints.
    pub endpoints: Option<Vec<Endpoint>>,
}

impl Network {
    pub async fn look(
        ec2: &Client,
        region: &Region,
        vpc: &VpcId,
        kinds: &BTreeMap<String, Kind>,
        args: &<Args as Model>::Planned,
    ) -> Self {
        let ids = |texts: Vec<&str>| -> BTreeSet<String> { texts.into_iter().map(str::to_owned).collect() };
        let subnets = ids(args.subnet_ids.set().into_iter().flatten().map(SubnetId::as_str).collect());
        let groups = ids(args.security_group_ids.set().into_iter().flatten().map(SecurityGroupId::as_str).collect());
        let group_list: Vec<String> = groups.iter().cloned().collect();
        let names: Vec<String> = kinds.keys().map(|service| service_name(region, service)).collect();
        let needs_dns = kinds.values().any(|kind| *kind == Kind::Interface) && args.private_dns.known() == Some(&true);
        let needs_tables = args.route_table_ids.set().is_some_and(|tables| !tables.is_empty());
        let vpc = vpc.as_str();
        let (found_vpc, dns, found_subnets, found_groups, rules, tables, services, endpoints) = futures::join!(
            ec2.vpc(vpc),
            only(needs_dns, ec2.vpc_dns(vpc)),
            ec2.subnets(subnets.iter().map(String::as_str)),
            ec2.security_groups(groups.iter().map(String::as_str)),
            only(!groups.is_empty(), ec2.group_rules(&group_list)),
            only(needs_tables, ec2.route_tables(vpc)),
            ec2.endpoint_services(&names),
            ec2.endpoints(vpc),
        );
        let found_vpc = read("the VPC", found_vpc);
        Self {
            is_absent: found_vpc == Some(None),
            vpc: found_vpc.flatten(),
            dns: dns.and_then(|dns| read("the VPC's DNS attributes", dns)),
            subnets: read("the subnets", found_subnets),
            groups: read("the security groups", found_groups),
            rules: rules.and_then(|rules| read("the security groups' rules", rules)),
            tables: tables.and_then(|tables| read("the route tables", tables)),
            services: read("the endpoint services", services),
            endpoints: read("the VPC's endpoints", endpoints),
        }
    }
}

/// Asks only where there is something to ask.
async fn only<T>(is_needed: bool, question: impl Future<Output = T>) -> Option<T> {
    if is_needed { Some(question.await) } else { None }
}

fn read<T>(what: &str, answer: Result<T, crate::aws::Error>) -> Option<T> {
    answer.inspect_err(|error| tracing::info!(%error, "{what} could not be read, so the plan does not check it")).ok()
}
