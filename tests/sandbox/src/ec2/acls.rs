//! Network ACLs: the one that comes with a VPC and lets everything through.

use serde_json::{Value, json};

use super::records::{Kind, Record};
use crate::world::Account;

pub const KIND: Kind = Kind {
    prefix: "acl",
    tagged_as: "network-acl",
    parameter: "NetworkAclId",
    member: "networkAclId",
    missing: "InvalidNetworkAclID.NotFound",
    called: "networkAcl ID",
    set: "networkAclSet",
    filters: &[("network-acl-id", "networkAclId"), ("vpc-id", "vpcId"), ("default", "default")],
};

/// The ACL of a new VPC.
pub fn default_acl(account: &mut Account, vpc: &str) -> Record {
    let entry = |number: i64, action: &str, is_egress: bool| {
        json!({
            "ruleNumber": number, "protocol": "-1", "ruleAction": action, "egress": is_egress, "cidrBlock": "0.0.0.0/0",
        })
    };
    let entries: Vec<Value> = [true, false]
        .into_iter()
        .flat_map(|is_egress| [entry(100, "allow", is_egress), entry(32767, "deny", is_egress)])
        .collect();
    let owner = account.id.clone();
    let value = json!({"vpcId": vpc, "default": true, "ownerId": owner, "entrySet": entries, "associationSet": []});
    Record::new(account, &KIND, value)
}
