//! EC2: the network around a cluster, instances, launch templates, and facts about regions and instance types.

mod acls;
pub mod catalog;
mod describe;
mod dhcp;
mod endpoint_services;
pub mod endpoints;
mod gateways;
pub mod images;
pub mod instances;
pub mod interfaces;
mod peering;
pub mod records;
mod routes;
mod rules;
pub mod security_groups;
pub mod seed;
pub mod subnets;
mod tags;
pub mod templates;
pub mod user_data;
mod vpcs;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::{
    Call,
    error::{self, AwsError, Result},
    input::Query,
};

/// What one account holds in one region.
#[derive(Default, Serialize, Deserialize)]
pub struct Store {
    pub vpcs: BTreeMap<String, vpcs::Vpc>,
    pub subnets: BTreeMap<String, subnets::Subnet>,
    pub security_groups: BTreeMap<String, security_groups::SecurityGroup>,
    /// Everything else, by ID.
    #[serde(default)]
    pub records: BTreeMap<String, records::Record>,
}

impl Store {
    pub fn dump(&self) -> Value {
        let vpcs: BTreeMap<_, _> = self.vpcs.iter().map(|(id, vpc)| (id, vpc.describe(""))).collect();
        let subnets: BTreeMap<_, _> =
            self.subnets.iter().map(|(id, subnet)| (id, subnet.describe("", "", 0))).collect();
        let groups: BTreeMap<_, _> =
            self.security_groups.iter().map(|(id, group)| (id, group.describe("", ""))).collect();
        // What has ended is shown by AWS for a while, and is nobody's any more.
        let has_ended = |record: &records::Record| {
            let value = &record.value;
            value["state"] == "deleted"
                || value["status"]["code"] == "deleted"
                || value["instanceState"]["name"] == "terminated"
        };
        let others: BTreeMap<_, _> = self
            .records
            .iter()
            .filter(|(_, record)| !has_ended(record))
            .map(|(id, record)| (id, json!({"tags": record.tags, "is": record.value})))
            .collect();
        json!({"vpcs": vpcs, "subnets": subnets, "security_groups": groups, "others": others})
    }
}

pub fn answer(call: &mut Call<'_>, operation: &str, query: &Query) -> Result<Value> {
    call.authorize(&format!("ec2:{operation}"), "*")?;
    if query.flag("DryRun") {
        return Err(AwsError::new(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set."));
    }
    let advanced = call.account().advanced;
    endpoints::settle(&mut call.region().ec2, advanced);
    if let Some(answer) = network(call, operation, query) {
        return answer;
    }
    match operation {
        "RunInstances" => instances::run(call, query),
        "DescribeInstances" => instances::list(call, query),
        "DescribeInstanceAttribute" => instances::attribute(call, query),
        "ModifyInstanceAttribute" => instances::modify_attribute(call, query),
        "DescribeInstanceCreditSpecifications" => instances::credits(call, query),
        "TerminateInstances" => instances::terminate(call, query),
        "DescribeVolumes" => records::list(call, query, &instances::VOLUME),
        "DescribeImages" => images::list(call, query),
        "CreateLaunchTemplate" => templates::create(call, query),
        "CreateLaunchTemplateVersion" => templates::add_version(call, query),
        "DescribeLaunchTemplates" => templates::list(call, query),
        "DescribeLaunchTemplateVersions" => templates::list_versions(call, query),
        "ModifyLaunchTemplate" => templates::modify(call, query),
        "DeleteLaunchTemplate" => templates::delete(call, query),
        "CreateTags" => tags::create(call, query),
        "DeleteTags" => tags::delete(call, query),
        "DescribeTags" => tags::list(call, query),
        "DescribeRegions" => catalog::regions(query),
        "DescribeAvailabilityZones" => catalog::zones(call, query),
        "DescribeInstanceTypes" => catalog::instance_types(call, query),
        _ => Err(error::unknown_operation(call.service, operation)),
    }
}

/// The operations on networks.
fn network(call: &mut Call<'_>, operation: &str, query: &Query) -> Option<Result<Value>> {
    Some(match operation {
        "CreateVpc" => vpcs::create(call, query),
        "DescribeVpcs" => vpcs::list(call, query),
        "DeleteVpc" => vpcs::delete(call, query),
        "AssociateVpcCidrBlock" => vpcs::associate(call, query),
        "DisassociateVpcCidrBlock" => vpcs::disassociate(call, query),
        "DescribeVpcAttribute" => vpcs::describe_attribute(call, query),
        "ModifyVpcAttribute" => vpcs::modify_attribute(call, query),
        "DescribeDhcpOptions" => dhcp::list(call, query),
        "CreateSubnet" => subnets::create(call, query),
        "DescribeSubnets" => subnets::list(call, query),
        "ModifySubnetAttribute" => subnets::modify_attribute(call, query),
        "DeleteSubnet" => subnets::delete(call, query),
        "CreateSecurityGroup" => security_groups::create(call, query),
        "DescribeSecurityGroups" => security_groups::list(call, query),
        "DeleteSecurityGroup" => security_groups::delete(call, query),
        "AuthorizeSecurityGroupIngress" => rules::authorize(call, query, false),
        "AuthorizeSecurityGroupEgress" => rules::authorize(call, query, true),
        "RevokeSecurityGroupIngress" => rules::revoke(call, query, false),
        "RevokeSecurityGroupEgress" => rules::revoke(call, query, true),
        "DescribeSecurityGroupRules" => rules::list(call, query),
        "DescribeNetworkAcls" => records::list(call, query, &acls::KIND),
        "DescribeNetworkInterfaces" => records::list(call, query, &interfaces::KIND),
        "CreateInternetGateway" => gateways::create_internet(call, query),
        "AttachInternetGateway" => gateways::attach(call, query),
        "DescribeInternetGateways" => records::list(call, query, &gateways::INTERNET),
        "DetachInternetGateway" => gateways::detach(call, query),
        "DeleteInternetGateway" => gateways::delete_internet(call, query),
        "AllocateAddress" => gateways::allocate(call, query),
        "DescribeAddresses" => records::list(call, query, &gateways::ADDRESS),
        "DescribeAddressesAttribute" => gateways::address_attributes(call, query),
        "DisassociateAddress" => gateways::disassociate_address(call, query),
        "ReleaseAddress" => gateways::release(call, query),
        "CreateNatGateway" => gateways::create_nat(call, query),
        "DescribeNatGateways" => records::list(call, query, &gateways::NAT),
        "DeleteNatGateway" => gateways::delete_nat(call, query),
        "CreateRouteTable" => routes::create(call, query),
        "DescribeRouteTables" => routes::list(call, query),
        "DeleteRouteTable" => routes::delete(call, query),
        "CreateRoute" => routes::create_route(call, query),
        "ReplaceRoute" => routes::replace_route(call, query),
        "DeleteRoute" => routes::delete_route(call, query),
        "AssociateRouteTable" => routes::associate(call, query),
        "DisassociateRouteTable" => routes::disassociate(call, query),
        "CreateVpcPeeringConnection" => peering::create(call, query),
        "AcceptVpcPeeringConnection" => peering::accept(call, query),
        "DescribeVpcPeeringConnections" => records::list(call, query, &peering::KIND),
        "DeleteVpcPeeringConnection" => peering::delete(call, query),
        "CreateVpcEndpoint" => endpoints::create(call, query),
        "DescribeVpcEndpoints" => endpoints::list(call, query),
        "ModifyVpcEndpoint" => endpoints::modify(call, query),
        "DeleteVpcEndpoints" => Ok(endpoints::delete(call, query)),
        "DescribeVpcEndpointServices" => endpoint_services::list(call, query),
        "DescribePrefixLists" => endpoint_services::prefix_lists(call, query),
        _ => return None,
    })
}

/// Whether a VPC has an internet gateway.
pub fn has_way_out(store: &Store, vpc: &str) -> bool {
    store.of(&gateways::INTERNET).any(|gateway| gateway.value["attachmentSet"][0]["vpcId"] == vpc)
}

/// A parameter that must be there.
fn need<'a>(query: &'a Query, name: &str) -> Result<&'a str> {
    query
        .text(name)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| AwsError::client("MissingParameter", format!("The request must contain the parameter {name}")))
}

/// The success of an operation that answers nothing else.
fn done() -> Value {
    json!({"return": true})
}

fn tag_set(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

/// The tags that a creating request brings for its kind of resource.
fn tags_of(query: &Query, kind: &str) -> Result<BTreeMap<String, String>> {
    Ok(tags_among(query, &[kind])?.remove(kind).unwrap_or_default())
}

/// The tags that a creating request brings, by the kind of resource: one of those that it creates.
fn tags_among(query: &Query, kinds: &[&str]) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
    let mut tags: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for index in query.indices("TagSpecification") {
        let given = query.text(&format!("TagSpecification.{index}.ResourceType")).unwrap_or_default();
        if !kinds.contains(&given) {
            return Err(AwsError::client(
                "InvalidParameterValue",
                format!("'{given}' is not a valid taggable resource type for this operation."),
            ));
        }
        tags.entry(given.to_owned()).or_default().extend(query.tags(&format!("TagSpecification.{index}.Tag")));
    }
    Ok(tags)
}
