//! Application load balancers.

use serde_json::{Value, json};

use super::{Thing, attributes, name_of, need, paged};
use crate::{
    aws::{
        Call,
        error::{AwsError, Result},
        input::Query,
    },
    ec2,
    moment::Moment,
    random,
};

fn missing(what: &str) -> AwsError {
    AwsError::client("LoadBalancerNotFound", format!("Load balancers '[{what}]' not found"))
}

pub fn find<'a>(call: &'a mut Call<'_>, query: &Query) -> Result<&'a mut Thing> {
    let arn = need(query, "LoadBalancerArn")?;
    call.region().elb.balancers.get_mut(arn).ok_or_else(|| missing(arn))
}

pub fn create(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let name = name_of(query)?.to_owned();
    let kind = query.text("Type").unwrap_or("application");
    let scheme = query.text("Scheme").unwrap_or("internet-facing").to_owned();
    if kind != "application" {
        return Err(AwsError::client(
            "ValidationError",
            format!("this stand-in has no load balancer of type '{kind}'"),
        ));
    }
    if call.region().elb.balancers.values().any(|there| there.value["LoadBalancerName"] == name.as_str()) {
        let message = format!("A load balancer with the name '{name}' already exists");
        return Err(AwsError::client("DuplicateLoadBalancerName", message));
    }
    let mut subnets = Vec::new();
    for id in query.list("Subnets.member") {
        let found = call.region().ec2.subnets.get(&id).cloned();
        subnets.push(
            found.ok_or_else(|| AwsError::client("SubnetNotFound", format!("The subnet ID '{id}' does not exist")))?,
        );
    }
    let mut zones: Vec<&str> = subnets.iter().map(|subnet| subnet.zone.as_str()).collect();
    zones.sort_unstable();
    zones.dedup();
    if zones.len() < 2 || zones.len() != subnets.len() {
        return Err(AwsError::client(
            "ValidationError",
            "At least two subnets in two different Availability Zones must be specified",
        ));
    }
    let vpc = subnets[0].vpc_id.clone();
    if subnets.iter().any(|subnet| subnet.vpc_id != vpc) {
        return Err(AwsError::client("InvalidConfigurationRequest", "All subnets must belong to the same VPC"));
    }
    if scheme == "internet-facing" && !ec2::has_way_out(&call.region().ec2, &vpc) {
        return Err(AwsError::client("InvalidSubnet", format!("VPC {vpc} has no internet gateway")));
    }
    let mut groups = query.list("SecurityGroups.member");
    for id in &groups {
        match call.region().ec2.security_groups.get(id) {
            Some(group) if group.vpc_id == vpc => {}
            _ => {
                let message = format!("One or more security groups are invalid: {id}");
                return Err(AwsError::client("InvalidSecurityGroup", message));
            }
        }
    }
    if groups.is_empty() {
        groups.extend(ec2::security_groups::default_of(call, &vpc));
    }
    let id = random::hex(16);
    let arn = call.arn("elasticloadbalancing", &format!("loadbalancer/app/{name}/{id}"));
    let description = format!("ELB app/{name}/{id}");
    for subnet in &subnets {
        let mut interface = ec2::interfaces::make(call, subnet, &groups, &description, None)?;
        interface.value["attachment"]["instanceOwnerId"] = "amazon-elb".into();
        interface.value["requesterId"] = "amazon-elb".into();
        call.region().ec2.keep(interface);
    }
    let internal = if scheme == "internal" { "internal-" } else { "" };
    let value = json!({
        "LoadBalancerArn": arn,
        "DNSName": format!("{internal}{name}-{}.{}.elb.amazonaws.com", random::hex(10), call.region),
        "CanonicalHostedZoneId": "Z1H1FL5HABSF5",
        "CreatedTime": Moment::now().iso_millis(),
        "LoadBalancerName": name,
        "Scheme": scheme,
        "VpcId": vpc,
        "State": {"Code": "active"},
        "Type": kind,
        "AvailabilityZones": subnets
            .iter()
            .map(|subnet| json!({"ZoneName": subnet.zone, "SubnetId": subnet.id, "LoadBalancerAddresses": []}))
            .collect::<Vec<_>>(),
        "SecurityGroups": groups,
        "IpAddressType": query.text("IpAddressType").unwrap_or("ipv4"),
        "EnablePrefixForIpv6SourceNat": "off",
    });
    let made = Thing::new(call.account(), query, value, attributes::BALANCER);
    let mut answer = made.value.clone();
    // The next look finds it active.
    answer["State"]["Code"] = "provisioning".into();
    call.region().elb.balancers.insert(arn, made);
    Ok(json!({"LoadBalancers": [answer]}))
}

pub fn list(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let (arns, names) = (query.list("LoadBalancerArns.member"), query.list("Names.member"));
    let all = call.region().elb.balancers.clone();
    let unknown = arns.iter().find(|arn| !all.contains_key(*arn)).or_else(|| {
        names.iter().find(|name| !all.values().any(|thing| thing.value["LoadBalancerName"] == name.as_str()))
    });
    if let Some(unknown) = unknown {
        return Err(missing(unknown));
    }
    let wanted = |arn: &String, thing: &Thing| {
        (arns.is_empty() || arns.contains(arn))
            && (names.is_empty() || names.iter().any(|name| thing.value["LoadBalancerName"] == name.as_str()))
    };
    let found = all.iter().filter(|(arn, thing)| wanted(arn, thing)).map(|(_, thing)| thing).collect();
    paged(call, query, "LoadBalancers", found)
}

/// Listeners and network interfaces go with it. One that is gone already is what is wanted.
pub fn delete(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let arn = need(query, "LoadBalancerArn")?;
    let region = call.region();
    let Some(thing) = region.elb.balancers.get(arn) else { return Ok(json!({})) };
    if thing.attributes.get("deletion_protection.enabled").is_some_and(|value| value == "true") {
        let message = format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled");
        return Err(AwsError::client("OperationNotPermitted", message));
    }
    region.elb.balancers.remove(arn);
    region.elb.listeners.retain(|_, listener| listener.value["LoadBalancerArn"] != arn);
    let description = arn.split_once("loadbalancer/").map(|(_, rest)| format!("ELB {rest}")).unwrap_or_default();
    region.ec2.records.retain(|_, record| record.text("description") != description);
    Ok(json!({}))
}
