//! Peering connections between VPCs of one account and region.

use serde_json::{Value, json};

use super::{
    Store, done, need,
    records::{self, Kind, Record},
};
use crate::aws::{
    Call,
    error::{AwsError, Result},
    input::Query,
};

pub const KIND: Kind = Kind {
    prefix: "pcx",
    tagged_as: "vpc-peering-connection",
    parameter: "VpcPeeringConnectionId",
    member: "vpcPeeringConnectionId",
    missing: "InvalidVpcPeeringConnectionID.NotFound",
    called: "vpcPeeringConnection ID",
    set: "vpcPeeringConnectionSet",
    filters: &[
        ("vpc-peering-connection-id", "vpcPeeringConnectionId"),
        ("requester-vpc-info.vpc-id", "requesterVpcInfo.vpcId"),
        ("accepter-vpc-info.vpc-id", "accepterVpcInfo.vpcId"),
        ("status-code", "status.code"),
    ],
};

fn side(call: &mut Call<'_>, id: &str) -> Result<Value> {
    let (owner, region) = (call.account.clone(), call.region.clone());
    let vpc = call
        .region()
        .ec2
        .vpcs
        .get(id)
        .ok_or_else(|| AwsError::client("InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist")))?;
    let blocks: Vec<Value> = vpc.blocks.iter().map(|(_, block)| json!({"cidrBlock": block})).collect();
    Ok(json!({
        "ownerId": owner,
        "vpcId": id,
        "region": region,
        "cidrBlock": blocks[0]["cidrBlock"],
        "cidrBlockSet": blocks,
        "peeringOptions": {
            "allowDnsResolutionFromRemoteVpc": false,
            "allowEgressFromLocalClassicLinkToRemoteVpc": false,
            "allowEgressFromLocalVpcToRemoteClassicLink": false,
        },
    }))
}

pub fn create(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let (asks, asked) = (side(call, need(query, "VpcId")?)?, side(call, need(query, "PeerVpcId")?)?);
    let value = json!({
        "requesterVpcInfo": asks,
        "accepterVpcInfo": asked,
        "status": {"code": "pending-acceptance", "message": format!("Pending Acceptance by {}", call.account)},
    });
    let made = Record::create(call, query, &KIND, value)?;
    let mut answer = made.describe(&KIND);
    answer["status"] = json!({"code": "initiating-request", "message": "Initiating Request"});
    call.region().ec2.keep(made);
    Ok(json!({"vpcPeeringConnection": answer}))
}

fn code(connection: &Record) -> &str {
    connection.value["status"]["code"].as_str().unwrap_or_default()
}

pub fn accept(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let connection = records::find(call, query, &KIND)?;
    if code(connection) != "pending-acceptance" {
        return Err(AwsError::client(
            "InvalidStateTransition",
            format!("{} is in state {} and cannot be accepted", connection.id, code(connection)),
        ));
    }
    connection.value["status"] = json!({"code": "active", "message": "Active"});
    Ok(json!({"vpcPeeringConnection": connection.describe(&KIND)}))
}

pub fn delete(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let connection = records::find(call, query, &KIND)?;
    connection.value["status"] = json!({"code": "deleted", "message": "Deleted"});
    Ok(done())
}

/// A VPC that goes takes its connections along.
pub fn forget_vpc(store: &mut Store, vpc: &str) {
    for connection in store.records.values_mut().filter(|record| record.is(&KIND)) {
        let sides = ["requesterVpcInfo", "accepterVpcInfo"];
        if sides.iter().any(|side| connection.value[side]["vpcId"] == vpc) {
            connection.value["status"] = json!({"code": "deleted", "message": "Deleted"});
        }
    }
}
