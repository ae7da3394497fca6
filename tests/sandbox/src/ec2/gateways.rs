//! Ways out of a VPC: internet gateways, public addresses, NAT gateways.

use serde_json::{Value, json};

use super::{
    Store, done, interfaces, need,
    records::{self, Kind, Record, in_use},
    subnets,
};
use crate::{
    aws::{
        Call,
        error::{AwsError, Result},
        input::Query,
    },
    moment::Moment,
    random,
};

pub const INTERNET: Kind = Kind {
    prefix: "igw",
    tagged_as: "internet-gateway",
    parameter: "InternetGatewayId",
    member: "internetGatewayId",
    missing: "InvalidInternetGatewayID.NotFound",
    called: "internetGateway ID",
    set: "internetGatewaySet",
    filters: &[
        ("internet-gateway-id", "internetGatewayId"),
        ("attachment.vpc-id", "attachmentSet.*.vpcId"),
        ("attachment.state", "attachmentSet.*.state"),
    ],
};

pub const ADDRESS: Kind = Kind {
    prefix: "eipalloc",
    tagged_as: "elastic-ip",
    parameter: "AllocationId",
    member: "allocationId",
    missing: "InvalidAllocationID.NotFound",
    called: "allocation ID",
    set: "addressesSet",
    filters: &[
        ("allocation-id", "allocationId"),
        ("association-id", "associationId"),
        ("domain", "domain"),
        ("public-ip", "publicIp"),
    ],
};

pub const NAT: Kind = Kind {
    prefix: "nat",
    tagged_as: "natgateway",
    parameter: "NatGatewayId",
    member: "natGatewayId",
    missing: "NatGatewayNotFound",
    called: "NatGateway",
    set: "natGatewaySet",
    filters: &[("nat-gateway-id", "natGatewayId"), ("subnet-id", "subnetId"), ("vpc-id", "vpcId"), ("state", "state")],
};

pub fn create_internet(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let value = json!({"ownerId": call.account, "attachmentSet": []});
    let made = Record::create(call, query, &INTERNET, value)?;
    let answer = made.describe(&INTERNET);
    call.region().ec2.keep(made);
    Ok(json!({"internetGateway": answer}))
}

/// The VPC that an internet gateway is attached to.
fn vpc_of(gateway: &Record) -> Option<&str> {
    gateway.value["attachmentSet"][0]["vpcId"].as_str()
}

pub fn attach(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let vpc = super::vpcs::find(call, query)?.id.clone();
    let store = &mut call.region().ec2;
    if store.of(&INTERNET).any(|other| vpc_of(other) == Some(&vpc)) {
        return Err(AwsError::client(
            "InvalidParameterValue",
            format!("Network {vpc} already has an internet gateway attached"),
        ));
    }
    let gateway = store.record_mut(&INTERNET, need(query, "InternetGatewayId")?)?;
    if let Some(there) = vpc_of(gateway) {
        let message = format!("resource {} is already attached to network {there}", gateway.id);
        return Err(AwsError::client("Resource.AlreadyAssociated", message));
    }
    gateway.value["attachmentSet"] = json!([{"vpcId": vpc, "state": "available"}]);
    Ok(done())
}

pub fn detach(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let vpc = super::vpcs::find(call, query)?.id.clone();
    let store = &call.region().ec2;
    let gateway = store.record(&INTERNET, need(query, "InternetGatewayId")?)?;
    let id = gateway.id.clone();
    if vpc_of(gateway) != Some(&vpc) {
        return Err(AwsError::client("Gateway.NotAttached", format!("resource {id} is not attached to network {vpc}")));
    }
    // Public addresses in the VPC are reached by way of the gateway.
    if store.of(&interfaces::KIND).any(|one| one.text("vpcId") == vpc && !one.value["association"].is_null()) {
        return Err(AwsError::client(
            "DependencyViolation",
            format!(
                "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
            ),
        ));
    }
    call.region().ec2.record_mut(&INTERNET, &id)?.value["attachmentSet"] = json!([]);
    Ok(done())
}

pub fn delete_internet(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    records::remove(call, query, &INTERNET, |gateway, _| {
        vpc_of(gateway).is_some().then(|| in_use("internetGateway", &gateway.id))
    })?;
    Ok(done())
}

pub fn allocate(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let region = call.region.clone();
    let value = json!({
        "publicIp": public_address(),
        "domain": "vpc",
        "networkBorderGroup": region,
        "publicIpv4Pool": "amazon",
    });
    let made = Record::create(call, query, &ADDRESS, value)?;
    let mut answer = made.describe(&ADDRESS);
    answer["tagSet"] = Value::Null;
    call.region().ec2.keep(made);
    Ok(answer)
}

/// One of the addresses that are kept for documentation.
pub fn public_address() -> String {
    let digits = random::hex(4);
    let byte = |text: &str| u8::from_str_radix(text, 16).unwrap_or_default();
    let network = if byte(&digits[..2]) % 2 == 0 { "198.51.100" } else { "203.0.113" };
    format!("{network}.{}", byte(&digits[2..]))
}

/// Their reverse names, of which there are none.
pub fn address_attributes(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let mut found = Vec::new();
    for id in query.list("AllocationId") {
        let address = call.region().ec2.record(&ADDRESS, &id)?;
        found.push(json!({"allocationId": id, "publicIp": address.value["publicIp"]}));
    }
    Ok(json!({"addressSet": found}))
}

pub fn release(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    records::remove(call, query, &ADDRESS, |address, _| {
        let used = !address.value["associationId"].is_null();
        used.then(|| AwsError::client("InvalidIPAddress.InUse", format!("Address {} is in use.", address.id)))
    })?;
    Ok(done())
}

/// Only NAT gateways have addresses here, and theirs are not taken from them.
pub fn disassociate_address(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let id = need(query, "AssociationId")?;
    if call.region().ec2.of(&ADDRESS).any(|address| address.text("associationId") == id) {
        let message = "You do not have permission to access the specified resource.";
        return Err(AwsError::client("AuthFailure", message));
    }
    Err(AwsError::client("InvalidAssociationID.NotFound", format!("The association ID '{id}' does not exist")))
}

pub fn create_nat(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let subnet = subnets::find(call, need(query, "SubnetId")?)?.clone();
    let store = &call.region().ec2;
    let has_way_out = super::has_way_out(store, &subnet.vpc_id);
    let address = store.record(&ADDRESS, need(query, "AllocationId")?)?.clone();
    if !has_way_out {
        return Err(AwsError::client(
            "Gateway.NotAttached",
            format!("Network {} has no Internet gateway attached", subnet.vpc_id),
        ));
    }
    if !address.value["associationId"].is_null() {
        let message = format!("Elastic IP address [{}] is already associated", address.id);
        return Err(AwsError::client("Resource.AlreadyAssociated", message));
    }
    let value = json!({
        "subnetId": subnet.id,
        "vpcId": subnet.vpc_id,
        "state": "available",
        "connectivityType": "public",
        "createTime": Moment::now().iso(),
    });
    let mut made = Record::create(call, query, &NAT, value)?;
    let description = format!("Interface for NAT Gateway {}", made.id);
    let public = address.text("publicIp").to_owned();
    let interface = interfaces::make(call, &subnet, &[], &description, Some(&public))?;
    let association = format!("eipassoc-0{}", random::hex(16));
    made.value["natGatewayAddressSet"] = json!([{
        "allocationId": address.id,
        "associationId": association,
        "isPrimary": true,
        "networkInterfaceId": interface.id,
        "privateIp": interface.value["privateIpAddress"],
        "publicIp": public,
        "status": "succeeded",
    }]);
    let store = &mut call.region().ec2;
    let taken = store.record_mut(&ADDRESS, &address.id)?;
    taken.value["associationId"] = association.into();
    taken.value["networkInterfaceId"] = interface.id.clone().into();
    taken.value["privateIpAddress"] = interface.value["privateIpAddress"].clone();
    let mut answer = made.describe(&NAT);
    // The next look finds it available.
    answer["state"] = "pending".into();
    store.keep(interface);
    store.keep(made);
    Ok(json!({"natGateway": answer}))
}

pub fn delete_nat(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let gateway = records::find(call, query, &NAT)?;
    gateway.value["state"] = "deleted".into();
    gateway.value["deleteTime"] = Moment::now().iso().into();
    let id = gateway.id.clone();
    let held = gateway.value["natGatewayAddressSet"][0].clone();
    let store = &mut call.region().ec2;
    store.records.remove(held["networkInterfaceId"].as_str().unwrap_or_default());
    free(store, held["allocationId"].as_str().unwrap_or_default());
    Ok(json!({"natGatewayId": id}))
}

/// A public address is nobody's any more.
fn free(store: &mut Store, allocation: &str) {
    if let Ok(address) = store.record_mut(&ADDRESS, allocation) {
        for member in ["associationId", "networkInterfaceId", "privateIpAddress"] {
            address.value[member] = Value::Null;
        }
    }
}
