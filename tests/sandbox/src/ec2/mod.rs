//! EC2: the network around a cluster, and facts about regions and instance types.

pub mod catalog;
mod describe;
mod security_groups;
pub mod seed;
mod subnets;
mod tags;
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
}

impl Store {
    pub fn dump(&self) -> Value {
        let vpcs: BTreeMap<_, _> = self.vpcs.iter().map(|(id, vpc)| (id, vpc.describe(""))).collect();
        let subnets: BTreeMap<_, _> = self.subnets.iter().map(|(id, subnet)| (id, subnet.describe("", ""))).collect();
        let groups: BTreeMap<_, _> =
            self.security_groups.iter().map(|(id, group)| (id, group.describe("", ""))).collect();
        json!({"vpcs": vpcs, "subnets": subnets, "security_groups": groups})
    }
}

pub fn answer(call: &mut Call<'_>, operation: &str, query: &Query) -> Result<Value> {
    call.authorize(&format!("ec2:{operation}"), "*")?;
    if query.flag("DryRun") {
        return Err(AwsError::new(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set."));
    }
    match operation {
        "CreateVpc" => vpcs::create(call, query),
        "DescribeVpcs" => vpcs::list(call, query),
        "DeleteVpc" => vpcs::delete(call, query),
        "AssociateVpcCidrBlock" => vpcs::associate(call, query),
        "DisassociateVpcCidrBlock" => vpcs::disassociate(call, query),
        "DescribeVpcAttribute" => vpcs::describe_attribute(call, query),
        "ModifyVpcAttribute" => vpcs::modify_attribute(call, query),
        "CreateSubnet" => subnets::create(call, query),
        "DescribeSubnets" => subnets::list(call, query),
        "DeleteSubnet" => subnets::delete(call, query),
        "CreateSecurityGroup" => security_groups::create(call, query),
        "DescribeSecurityGroups" => security_groups::list(call, query),
        "DeleteSecurityGroup" => security_groups::delete(call, query),
        "CreateTags" => tags::create(call, query),
        "DeleteTags" => tags::delete(call, query),
        "DescribeRegions" => catalog::regions(query),
        "DescribeAvailabilityZones" => catalog::zones(call, query),
        "DescribeInstanceTypes" => catalog::instance_types(call, query),
        _ => Err(error::unknown_operation(call.service, operation)),
    }
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
    let mut tags = BTreeMap::new();
    for index in query.indices("TagSpecification") {
        let given = query.text(&format!("TagSpecification.{index}.ResourceType")).unwrap_or_default();
        if given != kind {
            return Err(AwsError::client(
                "InvalidParameterValue",
                format!("'{given}' is not a valid taggable resource type for this operation."),
            ));
        }
        tags.extend(query.tags(&format!("TagSpecification.{index}.Tag")));
    }
    Ok(tags)
}
