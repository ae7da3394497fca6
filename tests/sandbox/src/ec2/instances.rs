//! Instances with their volumes and interfaces. A new one boots: what its user data asks for is done.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Store, catalog, describe, done, gateways, images, interfaces, need,
    records::{self, Kind, Record},
    security_groups, subnets, tags_among, user_data,
};
use crate::{
    aws::{
        Call,
        error::{AwsError, Result},
        input::Query,
    },
    moment::Moment,
    plane::{Machine, Order},
    world::Account,
};

pub const KIND: Kind = Kind {
    prefix: "i",
    tagged_as: "instance",
    parameter: "InstanceId",
    member: "instanceId",
    missing: "InvalidInstanceID.NotFound",
    called: "instance ID",
    set: "reservationSet",
    filters: &[
        ("instance-id", "instanceId"),
        ("image-id", "imageId"),
        ("instance-type", "instanceType"),
        ("instance-state-name", "instanceState.name"),
        ("subnet-id", "subnetId"),
        ("vpc-id", "vpcId"),
        ("availability-zone", "placement.availabilityZone"),
        ("private-ip-address", "privateIpAddress"),
        ("private-dns-name", "privateDnsName"),
        ("instance.group-id", "groupSet.*.groupId"),
        ("architecture", "architecture"),
    ],
};

pub const VOLUME: Kind = Kind {
    prefix: "vol",
    tagged_as: "volume",
    parameter: "VolumeId",
    member: "volumeId",
    missing: "InvalidVolume.NotFound",
    called: "volume",
    set: "volumeSet",
    filters: &[
        ("volume-id", "volumeId"),
        ("attachment.instance-id", "attachmentSet.*.instanceId"),
        ("attachment.device", "attachmentSet.*.device"),
        ("encrypted", "encrypted"),
        ("status", "status"),
    ],
};

/// The largest user data, before base64.
const LARGEST_USER_DATA: usize = 16 * 1024;

fn state(code: i64, name: &str) -> Value {
    json!({"code": code, "name": name})
}

/// What instances have in common, however they are created.
struct Making<'a> {
    instance_type: &'a str,
    image: &'a Value,
    subnet: &'a subnets::Subnet,
    groups: Vec<String>,
    metadata: &'a Value,
    user_data: Option<&'a str>,
}

/// The members of a description that follow from an instance's request.
fn described(making: &Making<'_>, interface: &Record, public: Option<&str>) -> Value {
    let address = interface.text("privateIpAddress");
    let option = |name: &str, otherwise: &str| making.metadata[name].as_str().unwrap_or(otherwise).to_owned();
    let region = making.subnet.zone.trim_end_matches(char::is_alphabetic);
    json!({
        "imageId": making.image["imageId"],
        "instanceState": state(16, "running"),
        "privateDnsName": format!("ip-{}.{region}.compute.internal", address.replace('.', "-")),
        "dnsName": public.map(|public| format!("ec2-{}.{region}.compute.amazonaws.com", public.replace('.', "-"))),
        "amiLaunchIndex": 0,
        "productCodes": [],
        "instanceType": making.instance_type,
        "launchTime": Moment::now().iso(),
        "placement": {"availabilityZone": making.subnet.zone, "groupName": "", "tenancy": "default"},
        "monitoring": {"state": "disabled"},
        "subnetId": making.subnet.id,
        "vpcId": making.subnet.vpc_id,
        "privateIpAddress": address,
        "ipAddress": public,
        "sourceDestCheck": true,
        "groupSet": interface.value["groupSet"],
        "architecture": making.image["architecture"],
        "rootDeviceType": "ebs",
        "rootDeviceName": making.image["rootDeviceName"],
        "virtualizationType": "hvm",
        "hypervisor": "xen",
        "ebsOptimized": false,
        "enaSupport": true,
        "cpuOptions": catalog::processor(making.instance_type),
        "capacityReservationSpecification": {"capacityReservationPreference": "open"},
        "hibernationOptions": {"configured": false},
        "enclaveOptions": {"enabled": false},
        "metadataOptions": {
            "state": "applied",
            "httpTokens": option("httpTokens", "optional"),
            "httpPutResponseHopLimit": option("httpPutResponseHopLimit", "1"),
            "httpEndpoint": option("httpEndpoint", "enabled"),
            "httpProtocolIpv6": option("httpProtocolIpv6", "disabled"),
            "instanceMetadataTags": option("instanceMetadataTags", "disabled"),
        },
        "privateDnsNameOptions": {
            "hostnameType": "ip-name", "enableResourceNameDnsARecord": false, "enableResourceNameDnsAAAARecord": false,
        },
        "maintenanceOptions": {"autoRecovery": "default"},
        "_userData": making.user_data,
        "_interface": interface.id,
    })
}

pub fn run(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let instance_type = need(query, "InstanceType")?.to_owned();
    if catalog::pods(&instance_type).is_none() {
        return Err(AwsError::client(
            "InvalidParameterValue",
            format!("Invalid value '{instance_type}' for InstanceType."),
        ));
    }
    for count in ["MinCount", "MaxCount"] {
        if query.integer(count)? != Some(1) {
            return Err(AwsError::client("InvalidParameterValue", "this stand-in runs one instance in a call"));
        }
    }
    let image = images::find(call, need(query, "ImageId")?)?;
    if image["architecture"] != catalog::machine(&instance_type) {
        let message = format!(
            "The architecture '{}' of the specified instance type does not match the architecture of the specified AMI.",
            catalog::machine(&instance_type)
        );
        return Err(AwsError::client("InvalidParameterValue", message));
    }
    let user_data = query.text("UserData").map(ToOwned::to_owned);
    check_user_data(user_data.as_deref())?;
    // The parameters of an interface replace those of the instance.
    let at = |name: &str| {
        let of_interface = format!("NetworkInterface.1.{name}");
        if query.text("NetworkInterface.1.DeviceIndex").is_some() { of_interface } else { name.to_owned() }
    };
    let subnet = subnets::find(call, need(query, &at("SubnetId"))?)?.clone();
    let mut groups = query.list(&at("SecurityGroupId"));
    for group in &groups {
        if security_groups::find(call, group)?.vpc_id != subnet.vpc_id {
            let message = format!("Security group {group} and subnet {} belong to different networks.", subnet.id);
            return Err(AwsError::client("InvalidParameter", message));
        }
    }
    if groups.is_empty() {
        groups.extend(security_groups::default_of(call, &subnet.vpc_id));
    }
    let wants_public = query.text("NetworkInterface.1.AssociatePublicIpAddress").map(|text| text == "true");
    let public = wants_public.unwrap_or(subnet.public_addresses).then(gateways::public_address);
    let mut tags = tags_among(query, &["instance", "volume", "network-interface"])?;
    let metadata = query.tree("MetadataOptions");
    let making = Making {
        instance_type: &instance_type,
        image: &image,
        subnet: &subnet,
        groups,
        metadata: &metadata,
        user_data: user_data.as_deref(),
    };
    let mut interface = interfaces::make(call, &subnet, &making.groups, "", public.as_deref())?;
    let value = described(&making, &interface, public.as_deref());
    let root = query.tree("BlockDeviceMapping");
    let mut made = Record::new(call.account(), &KIND, value);
    made.tags = tags.remove("instance").unwrap_or_default();
    let mut volume = volume_of(call, &making, &root, &made.id);
    volume.tags = tags.remove("volume").unwrap_or_default();
    interface.value["attachment"]["instanceId"] = made.id.clone().into();
    interface.value["attachment"]["instanceOwnerId"] = call.account.clone().into();
    interface.value["requesterManaged"] = false.into();
    made.value["blockDeviceMapping"] = json!([{
        "deviceName": image["rootDeviceName"],
        "ebs": {"volumeId": volume.id, "status": "attached", "attachTime": Moment::now().iso(), "deleteOnTermination": true},
    }]);
    made.value["networkInterfaceSet"] = json!([interface_of(&interface)]);
    made.value["_termination"] = json!({"protected": query.flag("DisableApiTermination")});
    let id = made.id.clone();
    let boots = user_data.as_deref().and_then(user_data::joining).is_some();
    let mut answer = made.describe(&KIND);
    answer["instanceState"] = state(0, "pending");
    let owner = call.account.clone();
    let region = call.region.clone();
    let store = &mut call.region().ec2;
    store.keep(interface);
    store.keep(volume);
    store.keep(made);
    if boots {
        call.world.ordered.push(Order::Boot(Machine { account: owner.clone(), region, instance: id.clone() }));
    }
    Ok(json!({"reservationId": reservation(&id), "ownerId": owner, "groupSet": [], "instancesSet": [answer]}))
}

/// User data comes in base64 and has a limit.
pub fn check_user_data(text: Option<&str>) -> Result<()> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let Some(text) = text else { return Ok(()) };
    let size = STANDARD
        .decode(text)
        .map_err(|_| AwsError::client("InvalidParameterValue", "Invalid BASE64 encoding of user data."))?;
    if size.len() > LARGEST_USER_DATA {
        return Err(AwsError::client("InvalidParameterValue", "User data is limited to 16384 bytes"));
    }
    Ok(())
}

fn reservation(instance: &str) -> String {
    instance.replacen("i-", "r-", 1)
}

/// An interface as its instance shows it.
fn interface_of(interface: &Record) -> Value {
    let mut value = interface.describe(&interfaces::KIND);
    for member in ["availabilityZone", "requesterManaged", "tagSet"] {
        value[member] = Value::Null;
    }
    for member in ["instanceId", "instanceOwnerId"] {
        value["attachment"][member] = Value::Null;
    }
    value
}

/// The root volume.
fn volume_of(call: &mut Call<'_>, making: &Making<'_>, wanted: &Value, instance: &str) -> Record {
    let name = &making.image["rootDeviceName"];
    let given = wanted.as_array().into_iter().flatten().find(|one| one["deviceName"] == *name);
    let given = given.map_or(Value::Null, |one| one["ebs"].clone());
    let of_image = &making.image["blockDeviceMapping"][0]["ebs"];
    let number = |member: &str| given[member].as_str().and_then(|text| text.parse::<i64>().ok());
    let now = Moment::now().iso();
    let value = json!({
        "size": number("volumeSize").or(of_image["volumeSize"].as_i64()),
        "snapshotId": of_image["snapshotId"],
        "availabilityZone": making.subnet.zone,
        "status": "in-use",
        "createTime": now,
        "volumeType": given["volumeType"].as_str().unwrap_or("gp3"),
        "iops": number("iops").unwrap_or(3000),
        "throughput": number("throughput").unwrap_or(125),
        "encrypted": given["encrypted"] == "true",
        "multiAttachEnabled": false,
        "attachmentSet": [{
            "instanceId": instance,
            "device": name,
            "status": "attached",
            "attachTime": now,
            "deleteOnTermination": true,
        }],
    });
    let mut volume = Record::new(call.account(), &VOLUME, value);
    volume.value["attachmentSet"][0]["volumeId"] = volume.id.clone().into();
    volume
}

/// An instance of a node group, whose ID and address are chosen already.
pub fn of_node_group(
    account: &mut Account,
    region: &str,
    id: &str,
    (subnet, address): (&str, &str),
    instance_type: &str,
    groups: &[String],
    tags: BTreeMap<String, String>,
) {
    let owner = account.id.clone();
    let Some(subnet) = account.region(region).ec2.subnets.get(subnet).cloned() else { return };
    let names = interfaces::group_set(&account.region(region).ec2, groups);
    let mut interface = interfaces::with_address(account, &owner, &subnet, &names, "", address, None);
    let image = json!({"architecture": catalog::machine(instance_type), "rootDeviceName": "/dev/xvda"});
    let metadata = Value::Null;
    let making = Making {
        instance_type,
        image: &image,
        subnet: &subnet,
        groups: groups.to_vec(),
        metadata: &metadata,
        user_data: None,
    };
    let value = described(&making, &interface, None);
    let mut made = Record::new(account, &KIND, value);
    id.clone_into(&mut made.id);
    made.tags = tags;
    interface.value["attachment"]["instanceId"] = id.into();
    made.value["networkInterfaceSet"] = json!([interface_of(&interface)]);
    let store = &mut account.region(region).ec2;
    store.keep(interface);
    store.keep(made);
}

/// An instance of the control plane of a local cluster on an Outpost, with its tags and the cluster's name. It ends with
/// the cluster.
pub fn of_control_plane(
    account: &mut Account,
    region: &str,
    id: &str,
    place: (&str, &str),
    instance_type: &str,
    groups: &[String],
    (tags, cluster): (BTreeMap<String, String>, &str),
) {
    of_node_group(account, region, id, place, instance_type, groups, tags);
    if let Ok(instance) = account.region(region).ec2.record_mut(&KIND, id) {
        instance.value["_cluster"] = cluster.into();
    }
}

pub fn list(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let owner = call.account.clone();
    let mut entries = records::entries(&call.region().ec2, &KIND, |_, described| described);
    for entry in &mut entries {
        entry.value = json!({
            "reservationId": reservation(&entry.id),
            "ownerId": owner,
            "groupSet": [],
            "instancesSet": [entry.value],
        });
    }
    describe::answer(call, query, &records::listed(&KIND), entries)
}

pub fn attribute(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let attribute = need(query, "Attribute")?;
    let instance = records::find(call, query, &KIND)?;
    let value = match attribute {
        "disableApiTermination" => instance.value["_termination"]["protected"].clone(),
        "disableApiStop" => false.into(),
        "instanceInitiatedShutdownBehavior" => "stop".into(),
        "userData" => instance.value["_userData"].clone(),
        other => {
            let message = format!("Value ({other}) for parameter attribute is invalid. Unknown attribute.");
            return Err(AwsError::client("InvalidParameterValue", message));
        }
    };
    let value = if value.is_null() { json!({}) } else { json!({"value": value}) };
    Ok(json!({"instanceId": instance.id, attribute: value}))
}

pub fn credits(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let mut found = Vec::new();
    for id in query.list("InstanceId") {
        let instance = call.region().ec2.record(&KIND, &id)?;
        let kind = instance.text("instanceType");
        if !kind.starts_with('t') {
            let message = format!("The instance type '{kind}' of instance '{id}' does not support CPU credits.");
            return Err(AwsError::client("InvalidInstanceCreditSpecification.NotSupported", message));
        }
        let credits = if kind.starts_with("t2.") { "standard" } else { "unlimited" };
        found.push(json!({"instanceId": id, "cpuCredits": credits}));
    }
    Ok(json!({"instanceCreditSpecificationSet": found}))
}

pub fn modify_attribute(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let instance = records::find(call, query, &KIND)?;
    if let Some(protected) = query.text("DisableApiTermination.Value") {
        instance.value["_termination"] = json!({"protected": protected == "true"});
        return Ok(done());
    }
    Err(AwsError::client("InvalidParameterCombination", "this stand-in modifies disableApiTermination alone"))
}

pub fn terminate(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let ids = query.list("InstanceId");
    for id in &ids {
        if call.region().ec2.record(&KIND, id)?.value["_termination"]["protected"] == true {
            return Err(AwsError::client(
                "OperationNotPermitted",
                format!(
                    "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."
                ),
            ));
        }
    }
    let mut told = Vec::new();
    for id in ids {
        let (account, region) = (call.account.clone(), call.region.clone());
        let before = end(&mut call.region().ec2, &id);
        told.push(json!({"instanceId": id, "currentState": state(32, "shutting-down"), "previousState": before}));
        call.world.ordered.push(Order::Halt(Machine { account, region, instance: id }));
    }
    Ok(json!({"instancesSet": told}))
}

/// Terminates an instance; its volumes and interfaces go. The state that it was in.
pub fn end(store: &mut Store, id: &str) -> Value {
    let Ok(instance) = store.record_mut(&KIND, id) else { return Value::Null };
    let before = std::mem::replace(&mut instance.value["instanceState"], state(48, "terminated"));
    for member in ["privateIpAddress", "ipAddress", "privateDnsName", "dnsName", "subnetId", "vpcId"] {
        instance.value[member] = Value::Null;
    }
    for list in ["networkInterfaceSet", "blockDeviceMapping", "groupSet"] {
        instance.value[list] = json!([]);
    }
    store.records.retain(|_, record| {
        let held =
            record.value["attachment"]["instanceId"] == id || record.value["attachmentSet"][0]["instanceId"] == id;
        !held || record.id == id
    });
    before
}
