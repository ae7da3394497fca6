//! VPCs and their CIDR blocks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    acls,
    describe::{Entry, Kind},
    done, endpoints, gateways, need, peering, routes,
    security_groups::SecurityGroup,
    tag_set, tags_of,
};
use crate::{
    aws::{
        Call,
        error::{AwsError, Result},
        input::Query,
    },
    cidr::Cidr,
    random,
    world::{Account, Birth},
};

#[derive(Clone, Serialize, Deserialize)]
pub struct Vpc {
    pub id: String,
    pub born: Birth,
    /// Association IDs and blocks, the primary one first.
    pub blocks: Vec<(String, String)>,
    pub dhcp_options_id: String,
    pub tags: BTreeMap<String, String>,
    pub dns_support: bool,
    pub dns_hostnames: bool,
    pub usage_metrics: bool,
}

impl Vpc {
    pub fn new(account: &mut Account, block: &str) -> Self {
        Self {
            id: format!("vpc-0{}", random::hex(16)),
            born: account.birth(),
            blocks: vec![(association_id(), block.to_owned())],
            dhcp_options_id: format!("dopt-0{}", random::hex(16)),
            tags: BTreeMap::new(),
            dns_support: true,
            dns_hostnames: false,
            usage_metrics: false,
        }
    }

    pub fn describe(&self, owner: &str) -> Value {
        let blocks: Vec<Value> = self.blocks.iter().map(association).collect();
        json!({
            "vpcId": self.id,
            "ownerId": owner,
            "state": "available",
            "cidrBlock": self.primary(),
            "cidrBlockAssociationSet": blocks,
            "dhcpOptionsId": self.dhcp_options_id,
            "tagSet": tag_set(&self.tags),
            "instanceTenancy": "default",
            "isDefault": false,
        })
    }

    fn primary(&self) -> &str {
        self.blocks.first().map(|(_, block)| block.as_str()).unwrap_or_default()
    }
}

fn association_id() -> String {
    format!("vpc-cidr-assoc-0{}", random::hex(16))
}

fn association((id, block): &(String, String)) -> Value {
    json!({"associationId": id, "cidrBlock": block, "cidrBlockState": {"state": "associated"}})
}

fn missing(id: &str) -> AwsError {
    AwsError::client("InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist"))
}

/// The VPC that a request names.
pub fn find<'a>(call: &'a mut Call<'_>, query: &Query) -> Result<&'a mut Vpc> {
    let id = need(query, "VpcId")?;
    call.region().ec2.vpcs.get_mut(id).ok_or_else(|| missing(id))
}

fn block_of(query: &Query) -> Result<(String, Cidr)> {
    let text = need(query, "CidrBlock")?;
    let block = Cidr::parse(text).ok_or_else(|| {
        AwsError::client(
            "InvalidParameterValue",
            format!("Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block."),
        )
    })?;
    if !(16..=28).contains(&block.length()) {
        return Err(AwsError::client("InvalidVpc.Range", format!("The CIDR '{text}' is invalid.")));
    }
    Ok((text.to_owned(), block))
}

pub fn create(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let (text, _) = block_of(query)?;
    let mut vpc = Vpc::new(call.account(), &text);
    vpc.tags = tags_of(query, "vpc")?;
    let mut value = vpc.describe(&call.account);
    // A new VPC is reported as pending; the next request finds it available.
    value["state"] = "pending".into();
    let id = vpc.id.clone();
    call.region().ec2.vpcs.insert(id.clone(), vpc);
    let region = call.region.clone();
    equip(call.account(), &region, &id);
    Ok(json!({"vpc": value}))
}

/// Gives a new VPC what comes with it: security group, route table, network ACL.
pub fn equip(account: &mut Account, region: &str, vpc: &str) {
    let group = SecurityGroup::new(account, vpc, "default", "default VPC security group").open_to_itself();
    let (table, acl) = (routes::main_table(account, vpc), acls::default_acl(account, vpc));
    let store = &mut account.region(region).ec2;
    store.security_groups.insert(group.id.clone(), group);
    store.keep(table);
    store.keep(acl);
}

pub fn list(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let owner = call.account.clone();
    let entries = call
        .region()
        .ec2
        .vpcs
        .values()
        .map(|vpc| Entry {
            id: vpc.id.clone(),
            order: vpc.born.order,
            tags: vpc.tags.clone(),
            filterable: vec![
                ("vpc-id", vec![vpc.id.clone()]),
                ("cidr", vec![vpc.primary().to_owned()]),
                ("cidr-block-association.cidr-block", vpc.blocks.iter().map(|(_, block)| block.clone()).collect()),
                ("cidr-block-association.association-id", vpc.blocks.iter().map(|(id, _)| id.clone()).collect()),
                ("dhcp-options-id", vec![vpc.dhcp_options_id.clone()]),
                ("is-default", vec!["false".to_owned()]),
                ("owner-id", vec![owner.clone()]),
                ("state", vec!["available".to_owned()]),
            ],
            value: vpc.describe(&owner),
        })
        .collect();
    let kind =
        Kind { ids: "VpcId", missing: "InvalidVpcID.NotFound", called: "vpc ID", set: "vpcSet", sizes: (5, 1000) };
    super::describe::answer(call, query, &kind, entries)
}

pub fn delete(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let id = find(call, query)?.id.clone();
    let store = &mut call.region().ec2;
    let in_use = store.subnets.values().any(|subnet| subnet.vpc_id == id)
        || store.security_groups.values().any(|group| group.vpc_id == id && group.name != "default")
        || store.of(&endpoints::KIND).any(|endpoint| endpoint.text("vpcId") == id)
        || store.of(&gateways::INTERNET).any(|gateway| gateway.value["attachmentSet"][0]["vpcId"] == id.as_str())
        || store
            .of(&routes::KIND)
            .any(|table| table.text("vpcId") == id && table.value["associationSet"][0]["main"] != true);
    if in_use {
        return Err(AwsError::client(
            "DependencyViolation",
            format!("The vpc '{id}' has dependencies and cannot be deleted."),
        ));
    }
    store.security_groups.retain(|_, group| group.vpc_id != id);
    store
        .records
        .retain(|_, record| !(record.is(&routes::KIND) || record.is(&acls::KIND)) || record.text("vpcId") != id);
    peering::forget_vpc(store, &id);
    store.vpcs.remove(&id);
    Ok(done())
}

/// The most blocks of one VPC.
const BLOCKS: usize = 5;

pub fn associate(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let (text, block) = block_of(query)?;
    let vpc = find(call, query)?;
    if vpc.blocks.len() >= BLOCKS {
        return Err(AwsError::client(
            "CidrLimitExceeded",
            format!("This network '{}' has met its maximum number of allowed CIDRs: {BLOCKS}", vpc.id),
        ));
    }
    let taken = vpc.blocks.iter().filter_map(|(_, taken)| Cidr::parse(taken)).any(|taken| taken.overlaps(block));
    if taken {
        return Err(AwsError::client(
            "InvalidVpc.Range",
            format!("The CIDR '{text}' conflicts with another block of the VPC."),
        ));
    }
    let made = (association_id(), text);
    let mut value = association(&made);
    value["cidrBlockState"]["state"] = "associating".into();
    vpc.blocks.push(made);
    Ok(json!({"vpcId": vpc.id, "cidrBlockAssociation": value}))
}

pub fn disassociate(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let id = need(query, "AssociationId")?;
    let store = &mut call.region().ec2;
    let missing = || {
        AwsError::client(
            "InvalidVpcCidrBlockAssociationID.NotFound",
            format!("The vpc CIDR block association ID '{id}' does not exist"),
        )
    };
    let (vpc, index) = store
        .vpcs
        .values_mut()
        .find_map(|vpc| {
            let index = vpc.blocks.iter().position(|(found, _)| found == id)?;
            Some((vpc, index))
        })
        .ok_or_else(missing)?;
    if index == 0 {
        return Err(AwsError::client(
            "OperationNotPermitted",
            format!(
                "The vpc CIDR block with association ID {id} may not be disassociated. It is the primary IPv4 CIDR block of the VPC"
            ),
        ));
    }
    let block = Cidr::parse(&vpc.blocks[index].1);
    let vpc_id = vpc.id.clone();
    let in_use = store.subnets.values().any(|subnet| {
        subnet.vpc_id == vpc_id
            && Cidr::parse(&subnet.block).zip(block).is_some_and(|(subnet, block)| block.contains(subnet))
    });
    if in_use {
        return Err(AwsError::client(
            "DependencyViolation",
            format!("The vpc CIDR block with association ID {id} has dependencies and cannot be disassociated."),
        ));
    }
    let removed = vpc.blocks.remove(index);
    let mut value = association(&removed);
    value["cidrBlockState"]["state"] = "disassociating".into();
    Ok(json!({"vpcId": vpc_id, "cidrBlockAssociation": value}))
}

pub fn describe_attribute(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let attribute = need(query, "Attribute")?;
    let vpc = find(call, query)?;
    let value = match attribute {
        "enableDnsSupport" => vpc.dns_support,
        "enableDnsHostnames" => vpc.dns_hostnames,
        "enableNetworkAddressUsageMetrics" => vpc.usage_metrics,
        other => {
            return Err(AwsError::client(
                "InvalidParameterValue",
                format!("Value ({other}) for parameter attribute is invalid. Unknown attribute."),
            ));
        }
    };
    Ok(json!({"vpcId": vpc.id, attribute: {"value": value}}))
}

pub fn modify_attribute(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let names = ["EnableDnsSupport", "EnableDnsHostnames", "EnableNetworkAddressUsageMetrics"];
    let given: Vec<&str> = names.into_iter().filter(|name| query.text(&format!("{name}.Value")).is_some()).collect();
    let [name] = given[..] else {
        return Err(AwsError::client(
            "InvalidParameterCombination",
            "Exactly one attribute can be modified in a request.",
        ));
    };
    let value = query.flag(&format!("{name}.Value"));
    let vpc = find(call, query)?;
    match name {
        "EnableDnsSupport" => vpc.dns_support = value,
        "EnableDnsHostnames" => vpc.dns_hostnames = value,
        _ => vpc.usage_metrics = value,
    }
    Ok(done())
}
