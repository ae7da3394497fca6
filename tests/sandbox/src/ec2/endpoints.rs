//! VPC endpoints: interface endpoints with their network interfaces, gateway endpoints with their routes.
//!
//! Error codes and messages are those that users of AWS report; where none was found (a route table or a subnet of
//! another VPC), the wording follows EC2's for the same fault elsewhere.

use serde_json::{Value, json};

use super::{
    Store, done, endpoint_services as services, interfaces, need,
    records::{self, Kind, Record},
    routes, security_groups, subnets,
    subnets::Subnet,
    vpcs,
};
use crate::{
    aws::{
        Call,
        error::{AwsError, Result},
        input::Query,
    },
    moment::Moment,
};
use services::Service;

pub const KIND: Kind = Kind {
    prefix: "vpce",
    tagged_as: "vpc-endpoint",
    parameter: "VpcEndpointId",
    member: "vpcEndpointId",
    missing: "InvalidVpcEndpointId.NotFound",
    called: "Vpc Endpoint Id",
    set: "vpcEndpointSet",
    filters: &[
        ("vpc-endpoint-id", "vpcEndpointId"),
        ("vpc-id", "vpcId"),
        ("service-name", "serviceName"),
        ("service-region", "serviceRegion"),
        ("vpc-endpoint-state", "state"),
        ("vpc-endpoint-type", "vpcEndpointType"),
    ],
};

/// What an endpoint allows without a policy of its own.
const FULL_ACCESS: &str = r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}"#;

fn invalid(message: String) -> AwsError {
    AwsError::client("InvalidParameter", message)
}

/// The texts of a list in the description.
pub(super) fn texts(endpoint: &Value, member: &str) -> Vec<String> {
    endpoint[member].as_array().into_iter().flatten().filter_map(|it| it.as_str().map(ToOwned::to_owned)).collect()
}

fn groups_of(endpoint: &Value) -> Vec<String> {
    let groups = endpoint["groupSet"].as_array().into_iter().flatten();
    groups.filter_map(|group| group["groupId"].as_str().map(ToOwned::to_owned)).collect()
}

fn is_leaving(endpoint: &Record) -> bool {
    endpoint.text("state") == "deleting"
}

/// Completes creations and deletions whose time is over.
pub fn settle(store: &mut Store, advanced: i64) {
    let mut gone = Vec::new();
    for endpoint in store.records.values_mut().filter(|record| record.is(&KIND)) {
        let now = endpoint.born.now(advanced).millis();
        let since = endpoint.value["_since"].as_i64().unwrap_or_else(|| endpoint.born.at.millis());
        let is_over = now - since >= endpoint.value["_seconds"].as_i64().unwrap_or_default() * 1000;
        match endpoint.text("state") {
            "pending" if is_over => match endpoint.value["_fails"].as_str().map(ToOwned::to_owned) {
                None => endpoint.value["state"] = "available".into(),
                Some(message) => {
                    endpoint.value["state"] = "failed".into();
                    endpoint.value["lastError"] = json!({"code": "InternalError", "message": message});
                }
            },
            "deleting" if is_over => gone.push((endpoint.id.clone(), texts(&endpoint.value, "networkInterfaceIdSet"))),
            _ => {}
        }
    }
    for (id, interfaces) in gone {
        store.records.retain(|other, _| *other != id && !interfaces.contains(other));
    }
}

/// The routes that gateway endpoints add to a route table.
pub fn routes(store: &Store, table: &str) -> Vec<Value> {
    store
        .of(&KIND)
        .filter(|endpoint| texts(&endpoint.value, "routeTableIdSet").iter().any(|id| id == table))
        .map(|endpoint| {
            json!({
                "destinationPrefixListId": services::prefix_list(endpoint.text("serviceName")),
                "gatewayId": endpoint.id,
                "state": "active",
                "origin": "CreateRoute",
            })
        })
        .collect()
}

/// A route table that goes leaves its gateway endpoints.
pub fn forget_table(store: &mut Store, table: &str) {
    for endpoint in store.records.values_mut().filter(|record| record.is(&KIND)) {
        let rest: Vec<String> =
            texts(&endpoint.value, "routeTableIdSet").into_iter().filter(|id| id != table).collect();
        endpoint.value["routeTableIdSet"] = json!(rest);
    }
}

pub fn list(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    records::list(call, query, &KIND)
}

pub fn create(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let name = need(query, "ServiceName")?.to_owned();
    let vpc = vpcs::find(call, query)?.id.clone();
    if let Some(token) = query.text("ClientToken")
        && let Some(same) = call.region().ec2.of(&KIND).find(|endpoint| endpoint.text("_token") == token)
    {
        return Ok(json!({"vpcEndpoint": same.describe(&KIND), "clientToken": token}));
    }
    let service = services::find(call, &name)?;
    let kind = query.text("VpcEndpointType").unwrap_or("Gateway").to_owned();
    if !service.kinds.contains(&kind.as_str()) {
        let known = service.kinds.join(", ");
        return Err(invalid(format!("Endpoint type ({kind}) does not match available service types ([{known}]).")));
    }
    let policy = policy_of(query, &service)?.unwrap_or_else(|| FULL_ACCESS.to_owned());
    let mut value = json!({
        "vpcEndpointType": kind,
        "vpcId": vpc,
        "serviceName": name,
        "state": "pending",
        "policyDocument": policy,
        "routeTableIdSet": [],
        "subnetIdSet": [],
        "groupSet": [],
        "privateDnsEnabled": false,
        "requesterManaged": false,
        "networkInterfaceIdSet": [],
        "dnsEntrySet": [],
        "creationTimestamp": Moment::now().iso_millis(),
        "ownerId": call.account,
        "serviceRegion": call.region,
        "_token": query.text("ClientToken"),
        "_seconds": call.account().settings.vpc_endpoint_seconds,
        "_fails": call.account().settings.endpoint_services_fail.get(service.short()),
    });
    within_quota(call, &vpc, &kind)?;
    let mut made = if kind == "Gateway" {
        value["routeTableIdSet"] = json!(tables(call, query, "RouteTableId", &vpc, &name)?);
        Record::create(call, query, &KIND, value)?
    } else {
        interface(call, query, &service, &vpc, value)?
    };
    // A gateway endpoint is available at once.
    if kind == "Gateway" {
        made.value["state"] = "available".into();
    }
    let mut answer = json!({"vpcEndpoint": made.describe(&KIND)});
    if let Some(token) = query.text("ClientToken") {
        answer["clientToken"] = token.into();
    }
    call.region().ec2.keep(made);
    Ok(answer)
}

fn within_quota(call: &mut Call<'_>, vpc: &str, kind: &str) -> Result<()> {
    let settings = &call.account().settings;
    let most =
        if kind == "Gateway" { settings.gateway_endpoints_per_region } else { settings.interface_endpoints_per_vpc };
    let counts = |endpoint: &&Record| {
        endpoint.text("vpcEndpointType") == kind && (kind == "Gateway" || endpoint.text("vpcId") == vpc)
    };
    if call.region().ec2.of(&KIND).filter(counts).count() < most {
        return Ok(());
    }
    Err(AwsError::client("VpcEndpointLimitExceeded", "The maximum number of VPC endpoints has been reached."))
}

fn policy_of(query: &Query, service: &Service) -> Result<Option<String>> {
    let Some(text) = query.text("PolicyDocument").filter(|text| !text.is_empty()) else { return Ok(None) };
    let is_policy = serde_json::from_str::<Value>(text).is_ok_and(|policy| {
        policy["Statement"].as_array().is_some_and(|all| {
            !all.is_empty() && all.iter().all(|one| one["Effect"].is_string() && !one["Principal"].is_null())
        })
    });
    if !is_policy {
        return Err(AwsError::client("InvalidPolicyDocument", "The policy document is not valid."));
    }
    if !service.has_policy {
        return Err(invalid(format!("Endpoint policies are not supported by the service {}", service.name)));
    }
    Ok(Some(text.to_owned()))
}

/// Route tables of a parameter, each of this VPC and without a route to the service.
fn tables(call: &mut Call<'_>, query: &Query, parameter: &str, vpc: &str, service: &str) -> Result<Vec<String>> {
    let store = &call.region().ec2;
    let ids = query.list(parameter);
    for id in &ids {
        let table = store.record(&routes::KIND, id)?;
        if table.text("vpcId") != vpc {
            return Err(invalid(format!("Route table {id} and network {vpc} belong to different networks")));
        }
        let list = services::prefix_list(service);
        if routes(store, id).iter().any(|route| route["destinationPrefixListId"] == list.as_str()) {
            return Err(AwsError::client(
                "RouteAlreadyExists",
                format!("route table {id} already has a route with destination-prefix-list-id {list}"),
            ));
        }
    }
    Ok(ids)
}

/// An interface endpoint with an interface in each subnet.
fn interface(call: &mut Call<'_>, query: &Query, service: &Service, vpc: &str, mut value: Value) -> Result<Record> {
    let wanted = placed(call, query, "SubnetId", service, vpc, &[])?;
    let mut groups = members(call, query, "SecurityGroupId", vpc)?;
    if groups.is_empty() {
        groups.extend(security_groups::default_of(call, vpc));
    }
    let is_private = query.text("PrivateDnsEnabled").map_or(service.private_name.is_some(), |text| text == "true");
    value["privateDnsEnabled"] = is_private.into();
    value["ipAddressType"] = "ipv4".into();
    value["dnsOptions"] = json!({"dnsRecordIpType": "ipv4"});
    if is_private {
        private_dns(call, query, service, vpc, None)?;
    }
    value["groupSet"] = interfaces::group_set(&call.region().ec2, &groups);
    let mut made = Record::create(call, query, &KIND, value)?;
    for subnet in wanted {
        attach(call, &mut made, &subnet)?;
    }
    name(call, &mut made, service);
    Ok(made)
}

/// Subnets of a parameter: of this VPC, in zones that the service has, one in each zone beside those `taken`.
fn placed(
    call: &mut Call<'_>,
    query: &Query,
    parameter: &str,
    service: &Service,
    vpc: &str,
    taken: &[String],
) -> Result<Vec<Subnet>> {
    let mut zones: Vec<String> = Vec::new();
    for id in taken {
        zones.push(subnets::find(call, id)?.zone.clone());
    }
    let mut found = Vec::new();
    for id in query.list(parameter) {
        let subnet = subnets::find(call, &id)?.clone();
        if subnet.vpc_id != vpc {
            return Err(invalid(format!("Subnet {id} and network {vpc} belong to different networks")));
        }
        if !service.zones.contains(&subnet.zone) {
            return Err(invalid(format!(
                "The VPC endpoint service {} does not support the availability zone of the subnet: {id}.",
                service.name
            )));
        }
        if zones.contains(&subnet.zone) {
            return Err(AwsError::client(
                "DuplicateSubnetsInSameZone",
                format!(
                    "Found another VPC endpoint subnet in the availability zone of {id}. VPC endpoint subnets should be in different availability zones supported by the VPC endpoint service."
                ),
            ));
        }
        zones.push(subnet.zone.clone());
        found.push(subnet);
    }
    Ok(found)
}

/// Security groups of a parameter, each of this VPC.
fn members(call: &mut Call<'_>, query: &Query, parameter: &str, vpc: &str) -> Result<Vec<String>> {
    let ids = query.list(parameter);
    for id in &ids {
        if security_groups::find(call, id)?.vpc_id != vpc {
            return Err(invalid(format!("Security group {id} and network {vpc} belong to different networks.")));
        }
    }
    Ok(ids)
}

/// Whether private DNS names can be had: the VPC resolves names, and no other endpoint has these.
fn private_dns(call: &mut Call<'_>, query: &Query, service: &Service, vpc: &str, own: Option<&str>) -> Result<()> {
    let Some(private) = &service.private_name else {
        return Err(invalid(format!(
            "Private DNS can't be enabled because the service {} does not provide a private DNS name.",
            service.name
        )));
    };
    let store = &call.region().ec2;
    if !store.vpcs.get(vpc).is_some_and(|vpc| vpc.dns_support && vpc.dns_hostnames) {
        return Err(invalid(format!(
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {vpc}"
        )));
    }
    let is_same = |other: &&Record| other.text("vpcId") == vpc && other.text("serviceName") == service.name;
    let mut others =
        store.of(&KIND).filter(is_same).filter(|other| !is_leaving(other) && Some(other.id.as_str()) != own);
    if others.any(|other| other.value["privateDnsEnabled"] == true) {
        return Err(invalid(format!(
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {private} in the VPC {vpc}"
        )));
    }
    // Only the interface endpoint of S3 knows the option, and it is on unless it is switched off.
    let only_inbound = query.text("DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint") != Some("false");
    let has_gateway = store.of(&KIND).filter(is_same).any(|other| other.text("vpcEndpointType") == "Gateway");
    if service.kinds.contains(&"Gateway") && only_inbound && !has_gateway {
        return Err(invalid(format!(
            "To set PrivateDnsOnlyForInboundResolverEndpoint to true, the VPC {vpc} must have a Gateway endpoint for the service."
        )));
    }
    Ok(())
}

/// Puts an interface of the endpoint into a subnet.
fn attach(call: &mut Call<'_>, endpoint: &mut Record, subnet: &Subnet) -> Result<()> {
    let description = format!("VPC Endpoint Interface {}", endpoint.id);
    let groups = groups_of(&endpoint.value);
    let mut interface = interfaces::make(call, subnet, &groups, &description, None)?;
    interface.value["interfaceType"] = "vpc_endpoint".into();
    for (member, entry) in [("subnetIdSet", &subnet.id), ("networkInterfaceIdSet", &interface.id)] {
        let mut all = texts(&endpoint.value, member);
        all.push(entry.clone());
        endpoint.value[member] = json!(all);
    }
    call.region().ec2.keep(interface);
    Ok(())
}

/// The names of an endpoint: for all zones, for each zone, and the service's own.
fn name(call: &mut Call<'_>, endpoint: &mut Record, service: &Service) {
    let short = service.short().to_owned();
    let tail = format!("{}.{}.vpce.amazonaws.com", short.split('.').rev().collect::<Vec<_>>().join("."), call.region);
    let mut zones: Vec<String> = Vec::new();
    for id in texts(&endpoint.value, "subnetIdSet") {
        zones.extend(subnets::find(call, &id).ok().map(|subnet| subnet.zone.clone()));
    }
    let first = format!("{}-{}", endpoint.id, &endpoint.id[endpoint.id.len() - 8..]);
    let own =
        std::iter::once(format!("{first}.{tail}")).chain(zones.iter().map(|zone| format!("{first}-{zone}.{tail}")));
    let private = service.private_name.clone().filter(|_| endpoint.value["privateDnsEnabled"] == true);
    let zone_of = |name: &str| if name.contains(".vpce.") { "Z1YSA3EXCYUU9Z" } else { "ZONEIDPENDING" };
    let entries: Vec<Value> =
        own.chain(private).map(|name| json!({"hostedZoneId": zone_of(&name), "dnsName": name})).collect();
    endpoint.value["dnsEntrySet"] = json!(entries);
}

pub fn modify(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let endpoint = records::find(call, query, &KIND)?.clone();
    if is_leaving(&endpoint) {
        return Err(KIND.unknown(&endpoint.id));
    }
    let (vpc, name_of) = (endpoint.text("vpcId").to_owned(), endpoint.text("serviceName").to_owned());
    let service = services::find(call, &name_of)?;
    let is_gateway = endpoint.text("vpcEndpointType") == "Gateway";
    let of_interfaces = ["AddSubnetId", "RemoveSubnetId", "AddSecurityGroupId", "RemoveSecurityGroupId"];
    let of_gateways = ["AddRouteTableId", "RemoveRouteTableId"];
    let foreign: &[&str] = if is_gateway { &of_interfaces } else { &of_gateways };
    if let Some(parameter) = foreign.iter().find(|parameter| !query.indices(parameter).is_empty()) {
        let kind = endpoint.text("vpcEndpointType");
        return Err(invalid(format!("{parameter} is not valid for an endpoint of type {kind}")));
    }
    let mut changed = endpoint.clone();
    if let Some(policy) = policy_of(query, &service)? {
        changed.value["policyDocument"] = policy.into();
    } else if query.flag("ResetPolicy") {
        changed.value["policyDocument"] = FULL_ACCESS.into();
    }
    if is_gateway {
        let removed = query.list("RemoveRouteTableId");
        let mut all: Vec<String> =
            texts(&changed.value, "routeTableIdSet").into_iter().filter(|id| !removed.contains(id)).collect();
        all.extend(tables(call, query, "AddRouteTableId", &vpc, &name_of)?);
        changed.value["routeTableIdSet"] = json!(all);
    } else {
        modify_interface(call, query, &service, &vpc, &mut changed)?;
    }
    call.region().ec2.keep(changed);
    Ok(done())
}

fn modify_interface(
    call: &mut Call<'_>,
    query: &Query,
    service: &Service,
    vpc: &str,
    endpoint: &mut Record,
) -> Result<()> {
    if let Some(text) = query.text("PrivateDnsEnabled") {
        if text == "true" {
            private_dns(call, query, service, vpc, Some(&endpoint.id.clone()))?;
        }
        endpoint.value["privateDnsEnabled"] = (text == "true").into();
    }
    let removed = query.list("RemoveSecurityGroupId");
    let mut groups: Vec<String> = groups_of(&endpoint.value).into_iter().filter(|id| !removed.contains(id)).collect();
    for id in members(call, query, "AddSecurityGroupId", vpc)? {
        if !groups.contains(&id) {
            groups.push(id);
        }
    }
    if groups.is_empty() {
        return Err(invalid(format!("An endpoint must have at least one security group: {}", endpoint.id)));
    }
    let set = interfaces::group_set(&call.region().ec2, &groups);
    endpoint.value["groupSet"] = set.clone();
    let leaving = query.list("RemoveSubnetId");
    let staying: Vec<String> =
        texts(&endpoint.value, "subnetIdSet").into_iter().filter(|id| !leaving.contains(id)).collect();
    let coming = placed(call, query, "AddSubnetId", service, vpc, &staying)?;
    let store = &mut call.region().ec2;
    let mut kept = Vec::new();
    for id in texts(&endpoint.value, "networkInterfaceIdSet") {
        let Some(interface) = store.records.get_mut(&id) else { continue };
        if leaving.iter().any(|subnet| interface.text("subnetId") == subnet) {
            store.records.remove(&id);
        } else {
            interface.value["groupSet"] = set.clone();
            kept.push(id);
        }
    }
    endpoint.value["networkInterfaceIdSet"] = json!(kept);
    endpoint.value["subnetIdSet"] = json!(staying);
    for subnet in coming {
        attach(call, endpoint, &subnet)?;
    }
    name(call, endpoint, service);
    Ok(())
}

pub fn delete(call: &mut Call<'_>, query: &Query) -> Value {
    let (seconds, advanced) = (call.account().settings.vpc_endpoint_seconds, call.account().advanced);
    let store = &mut call.region().ec2;
    let mut failed = Vec::new();
    for id in query.list("VpcEndpointId") {
        match store.record_mut(&KIND, &id) {
            Ok(endpoint) if !is_leaving(endpoint) => {
                endpoint.value["state"] = "deleting".into();
                endpoint.value["routeTableIdSet"] = json!([]);
                endpoint.value["_since"] = endpoint.born.now(advanced).millis().into();
                endpoint.value["_seconds"] = seconds.into();
            }
            Ok(_) => {}
            Err(error) => failed.push(json!({
                "resourceId": id,
                "error": {"code": error.code, "message": error.message},
            })),
        }
    }
    settle(store, advanced);
    json!({"unsuccessful": failed})
}

/// The ID of a service, the same at every look.
pub(super) fn stable_hex(text: &str, digits: usize) -> String {
    // FNV-1a: no secret, only a name that lasts.
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}{:016x}", hash.rotate_left(21))[..digits].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_services_last() {
        assert_eq!(stable_hex("a", 8), stable_hex("a", 8));
        assert_ne!(stable_hex("a", 17), stable_hex("b", 17));
        assert_eq!(stable_hex("a", 17).len(), 17);
    }
}
