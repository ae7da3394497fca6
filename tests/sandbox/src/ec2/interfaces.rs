//! Network interfaces: of instances, NAT gateways and load balancers. They make that a subnet or a security group is in
//! use, and that an address is taken.

use serde_json::{Value, json};

use super::{Store, records::Kind, records::Record, subnets::Subnet};
use crate::{
    aws::{
        Call,
        error::{AwsError, Result},
    },
    cidr::Cidr,
    random,
    world::Account,
};

pub const KIND: Kind = Kind {
    prefix: "eni",
    tagged_as: "network-interface",
    parameter: "NetworkInterfaceId",
    member: "networkInterfaceId",
    missing: "InvalidNetworkInterfaceID.NotFound",
    called: "networkInterface ID",
    set: "networkInterfaceSet",
    filters: &[
        ("network-interface-id", "networkInterfaceId"),
        ("subnet-id", "subnetId"),
        ("vpc-id", "vpcId"),
        ("group-id", "groupSet.*.groupId"),
        ("description", "description"),
        ("status", "status"),
        ("interface-type", "interfaceType"),
        ("requester-id", "requesterId"),
        ("requester-managed", "requesterManaged"),
        ("attachment.instance-id", "attachment.instanceId"),
        ("attachment.instance-owner-id", "attachment.instanceOwnerId"),
        ("private-ip-address", "privateIpAddress"),
    ],
};

/// First address of a subnet that AWS does not keep for itself.
const FIRST: u32 = 4;

/// The first address of a subnet that nobody has.
pub fn free_address(store: &Store, subnet: &Subnet) -> Option<String> {
    let block = Cidr::parse(&subnet.block)?;
    let last = u32::try_from(block.size()).ok()?.checked_sub(2)?;
    (FIRST..=last).filter_map(|offset| block.address(offset)).map(|address| address.to_string()).find(|address| {
        !store.of(&KIND).any(|one| one.text("subnetId") == subnet.id && one.text("privateIpAddress") == address)
    })
}

/// An interface in a subnet with these security groups, not kept yet.
pub fn make(
    call: &mut Call<'_>,
    subnet: &Subnet,
    groups: &[String],
    description: &str,
    public: Option<&str>,
) -> Result<Record> {
    let address = free_address(&call.region().ec2, subnet).ok_or_else(|| {
        AwsError::client(
            "InsufficientFreeAddressesInSubnet",
            format!(
                "There are not enough free addresses in subnet '{}' to satisfy the requested number of instances.",
                subnet.id
            ),
        )
    })?;
    let names = group_set(&call.region().ec2, groups);
    let owner = call.account.clone();
    Ok(with_address(call.account(), &owner, subnet, &names, description, &address, public))
}

/// An interface with this address.
pub fn with_address(
    account: &mut Account,
    owner: &str,
    subnet: &Subnet,
    groups: &Value,
    description: &str,
    address: &str,
    public: Option<&str>,
) -> Record {
    let association = public.map(|public| json!({"publicIp": public, "ipOwnerId": "amazon"}));
    let digits = random::hex(10);
    let pairs: Vec<&str> = (0..5).map(|pair| &digits[2 * pair..2 * pair + 2]).collect();
    let value = json!({
        "subnetId": subnet.id,
        "vpcId": subnet.vpc_id,
        "availabilityZone": subnet.zone,
        "description": description,
        "ownerId": owner,
        "requesterManaged": true,
        "status": "in-use",
        "macAddress": format!("02:{}", pairs.join(":")),
        "privateIpAddress": address,
        "sourceDestCheck": true,
        "groupSet": groups,
        "attachment": {
            "attachmentId": format!("eni-attach-0{}", random::hex(16)),
            "deviceIndex": 0,
            "status": "attached",
            "deleteOnTermination": true,
        },
        "association": association,
        "privateIpAddressesSet": [{"privateIpAddress": address, "primary": true}],
        "interfaceType": "interface",
    });
    Record::new(account, &KIND, value)
}

/// IDs and names of security groups.
pub fn group_set(store: &Store, groups: &[String]) -> Value {
    groups
        .iter()
        .map(|id| json!({"groupId": id, "groupName": store.security_groups.get(id).map(|group| group.name.clone())}))
        .collect()
}
