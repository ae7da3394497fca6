//! Subnets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    describe::{Entry, Kind},
    done, interfaces, need, routes, tag_set, tags_of, vpcs,
};
use crate::{
    aws::{
        Call,
        error::{AwsError, Result},
        input::Query,
        regions::{ZONE_LETTERS, zone_id},
    },
    cidr::Cidr,
    random,
    world::{Account, Birth},
};

/// Addresses of each subnet that AWS keeps for itself.
const RESERVED: u64 = 5;

#[derive(Clone, Serialize, Deserialize)]
pub struct Subnet {
    pub id: String,
    pub born: Birth,
    pub vpc_id: String,
    pub block: String,
    pub zone: String,
    pub tags: BTreeMap<String, String>,
    /// Whether instances get public addresses unless they say otherwise.
    #[serde(default)]
    pub public_addresses: bool,
    /// Where it is on an Outpost.
    #[serde(default)]
    pub outpost_arn: Option<String>,
}

impl Subnet {
    pub fn new(account: &mut Account, vpc_id: &str, block: &str, zone: &str) -> Self {
        Self {
            id: format!("subnet-0{}", random::hex(16)),
            born: account.birth(),
            vpc_id: vpc_id.to_owned(),
            block: block.to_owned(),
            zone: zone.to_owned(),
            tags: BTreeMap::new(),
            public_addresses: false,
            outpost_arn: None,
        }
    }

    /// `taken` is the number of its addresses that interfaces have.
    pub fn describe(&self, owner: &str, region: &str, taken: usize) -> Value {
        let taken = RESERVED + u64::try_from(taken).unwrap_or_default();
        let free = Cidr::parse(&self.block).map_or(0, Cidr::size).saturating_sub(taken);
        json!({
            "subnetId": self.id,
            "subnetArn": format!("arn:aws:ec2:{region}:{owner}:subnet/{}", self.id),
            "state": "available",
            "ownerId": owner,
            "vpcId": self.vpc_id,
            "cidrBlock": self.block,
            "ipv6CidrBlockAssociationSet": [],
            "assignIpv6AddressOnCreation": false,
            "ipv6Native": false,
            "availableIpAddressCount": free,
            "availabilityZone": self.zone,
            "availabilityZoneId": zone_id(&self.zone),
            "defaultForAz": false,
            "mapPublicIpOnLaunch": self.public_addresses,
            "mapCustomerOwnedIpOnLaunch": false,
            "enableDns64": false,
            "privateDnsNameOptionsOnLaunch": {
                "hostnameType": "ip-name",
                "enableResourceNameDnsARecord": false,
                "enableResourceNameDnsAAAARecord": false,
            },
            "outpostArn": self.outpost_arn,
            "tagSet": tag_set(&self.tags),
        })
    }
}

/// The zone of a request: by name, by ID, or any.
fn zone_of(call: &Call<'_>, query: &Query) -> Result<String> {
    let zones: Vec<String> = ZONE_LETTERS.iter().map(|letter| format!("{}{letter}", call.region)).collect();
    let (found, given) = match (query.text("AvailabilityZone"), query.text("AvailabilityZoneId")) {
        (Some(_), Some(_)) => {
            return Err(AwsError::client(
                "InvalidParameterCombination",
                "AvailabilityZone and AvailabilityZoneId cannot be used in the same request",
            ));
        }
        (Some(name), None) => (zones.iter().find(|zone| *zone == name), name),
        (None, Some(id)) => (zones.iter().find(|zone| zone_id(zone) == id), id),
        (None, None) => (zones.first(), ""),
    };
    found.cloned().ok_or_else(|| {
        AwsError::client(
            "InvalidParameterValue",
            format!("Value ({given}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: {}.", zones.join(", ")),
        )
    })
}

pub fn create(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let zone = zone_of(call, query)?;
    let text = need(query, "CidrBlock")?.to_owned();
    let vpc = vpcs::find(call, query)?;
    let vpc_id = vpc.id.clone();
    let block = Cidr::parse(&text).ok_or_else(|| {
        AwsError::client(
            "InvalidParameterValue",
            format!("Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block."),
        )
    })?;
    let inside = vpc.blocks.iter().filter_map(|(_, block)| Cidr::parse(block)).any(|outer| outer.contains(block));
    if !inside || !(16..=28).contains(&block.length()) {
        return Err(AwsError::client("InvalidSubnet.Range", format!("The CIDR '{text}' is invalid.")));
    }
    let conflict =
        call.region().ec2.subnets.values().any(|subnet| {
            subnet.vpc_id == vpc_id && Cidr::parse(&subnet.block).is_some_and(|taken| taken.overlaps(block))
        });
    if conflict {
        return Err(AwsError::client(
            "InvalidSubnet.Conflict",
            format!("The CIDR '{text}' conflicts with another subnet"),
        ));
    }
    let outpost_arn = query.text("OutpostArn").map(ToOwned::to_owned);
    if outpost_arn.is_some() && query.text("AvailabilityZone").is_none() && query.text("AvailabilityZoneId").is_none() {
        return Err(AwsError::client(
            "MissingParameter",
            "The Availability Zone of the Outpost must be specified with OutpostArn",
        ));
    }
    let tags = tags_of(query, "subnet")?;
    let mut subnet = Subnet::new(call.account(), &vpc_id, &text, &zone);
    subnet.tags = tags;
    subnet.outpost_arn = outpost_arn;
    let value = subnet.describe(&call.account, &call.region, 0);
    call.region().ec2.subnets.insert(subnet.id.clone(), subnet);
    Ok(json!({"subnet": value}))
}

pub fn list(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let (owner, region) = (call.account.clone(), call.region.clone());
    let store = &call.region().ec2;
    let taken = |id: &str| store.of(&interfaces::KIND).filter(|one| one.text("subnetId") == id).count();
    let entries = store
        .subnets
        .values()
        .map(|subnet| Entry {
            id: subnet.id.clone(),
            order: subnet.born.order,
            tags: subnet.tags.clone(),
            filterable: vec![
                ("subnet-id", vec![subnet.id.clone()]),
                ("vpc-id", vec![subnet.vpc_id.clone()]),
                ("cidr-block", vec![subnet.block.clone()]),
                ("cidr", vec![subnet.block.clone()]),
                ("cidrBlock", vec![subnet.block.clone()]),
                ("availability-zone", vec![subnet.zone.clone()]),
                ("availabilityZone", vec![subnet.zone.clone()]),
                ("default-for-az", vec!["false".to_owned()]),
                ("availability-zone-id", vec![zone_id(&subnet.zone)]),
                ("outpost-arn", subnet.outpost_arn.iter().cloned().collect()),
                ("owner-id", vec![owner.clone()]),
                ("state", vec!["available".to_owned()]),
            ],
            value: subnet.describe(&owner, &region, taken(&subnet.id)),
        })
        .collect();
    let kind = Kind {
        ids: "SubnetId",
        missing: "InvalidSubnetID.NotFound",
        called: "subnet ID",
        set: "subnetSet",
        sizes: (5, 1000),
    };
    super::describe::answer(call, query, &kind, entries)
}

/// A subnet by its ID.
pub fn find<'a>(call: &'a mut Call<'_>, id: &str) -> Result<&'a mut Subnet> {
    let missing = || AwsError::client("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist"));
    call.region().ec2.subnets.get_mut(id).ok_or_else(missing)
}

pub fn modify_attribute(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let subnet = find(call, need(query, "SubnetId")?)?;
    match query.text("MapPublicIpOnLaunch.Value") {
        Some(text) => subnet.public_addresses = text == "true",
        None => {
            return Err(AwsError::client(
                "InvalidParameterCombination",
                "this stand-in modifies mapPublicIpOnLaunch alone",
            ));
        }
    }
    Ok(done())
}

pub fn delete(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let id = need(query, "SubnetId")?;
    let region = call.region();
    if !region.ec2.subnets.contains_key(id) {
        return Err(AwsError::client("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist")));
    }
    // The network interfaces of a cluster's control plane are not kept.
    let has_interface = region.ec2.of(&interfaces::KIND).any(|one| one.text("subnetId") == id);
    if has_interface
        || region.eks.clusters.values().any(|cluster| cluster.network.subnet_ids.iter().any(|used| used == id))
    {
        return Err(AwsError::client(
            "DependencyViolation",
            format!("The subnet '{id}' has dependencies and cannot be deleted."),
        ));
    }
    region.ec2.subnets.remove(id);
    routes::forget_subnet(&mut region.ec2, id);
    Ok(done())
}
