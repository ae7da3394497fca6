//! Target groups of addresses.

use serde_json::{Value, json};

use super::{Thing, attributes, name_of, need, paged};
use crate::{
    aws::{
        Call,
        error::{AwsError, Result},
        input::Query,
    },
    cidr::Cidr,
    eks::create::blocks_of,
    random,
};

fn missing(what: &str) -> AwsError {
    AwsError::client("TargetGroupNotFound", format!("Target groups '[{what}]' not found"))
}

pub fn find<'a>(call: &'a mut Call<'_>, query: &Query) -> Result<&'a mut Thing> {
    let arn = need(query, "TargetGroupArn")?;
    call.region().elb.target_groups.get_mut(arn).ok_or_else(|| missing(arn))
}

pub fn create(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let name = name_of(query)?.to_owned();
    let (protocol, port) = (need(query, "Protocol")?.to_owned(), query.integer("Port")?);
    let vpc = need(query, "VpcId")?.to_owned();
    let kind = query.text("TargetType").unwrap_or("instance");
    if kind != "ip" || !matches!(protocol.as_str(), "HTTP" | "HTTPS") {
        let message = format!(
            "this stand-in has target groups of type 'ip' for HTTP and HTTPS alone, not '{kind}' for {protocol}"
        );
        return Err(AwsError::client("ValidationError", message));
    }
    if blocks_of(call, &vpc).is_empty() {
        return Err(AwsError::client("ValidationError", format!("The VPC ID '{vpc}' is not found")));
    }
    if call.region().elb.target_groups.values().any(|there| there.value["TargetGroupName"] == name.as_str()) {
        let message = format!("A target group with the same name '{name}' exists, but with different settings");
        return Err(AwsError::client("DuplicateTargetGroupName", message));
    }
    let arn = call.arn("elasticloadbalancing", &format!("targetgroup/{name}/{}", random::hex(16)));
    let number = |name: &str, otherwise: i64| Ok::<_, AwsError>(query.integer(name)?.unwrap_or(otherwise));
    let value = json!({
        "TargetGroupArn": arn,
        "TargetGroupName": name,
        "Protocol": protocol,
        "Port": port,
        "VpcId": vpc,
        "HealthCheckProtocol": query.text("HealthCheckProtocol").unwrap_or(&protocol),
        "HealthCheckPort": query.text("HealthCheckPort").unwrap_or("traffic-port"),
        "HealthCheckEnabled": query.text("HealthCheckEnabled") != Some("false"),
        "HealthCheckIntervalSeconds": number("HealthCheckIntervalSeconds", 30)?,
        "HealthCheckTimeoutSeconds": number("HealthCheckTimeoutSeconds", 5)?,
        "HealthyThresholdCount": number("HealthyThresholdCount", 5)?,
        "UnhealthyThresholdCount": number("UnhealthyThresholdCount", 2)?,
        "HealthCheckPath": query.text("HealthCheckPath").unwrap_or("/"),
        "Matcher": {"HttpCode": query.text("Matcher.HttpCode").unwrap_or("200")},
        "LoadBalancerArns": [],
        "TargetType": kind,
        "ProtocolVersion": query.text("ProtocolVersion").unwrap_or("HTTP1"),
        "IpAddressType": query.text("IpAddressType").unwrap_or("ipv4"),
    });
    let made = Thing::new(call.account(), query, value, attributes::TARGET_GROUP);
    let answer = made.value.clone();
    call.region().elb.target_groups.insert(arn, made);
    Ok(json!({"TargetGroups": [answer]}))
}

/// The load balancers that send to a group.
fn balancers(call: &mut Call<'_>, arn: &str) -> Vec<Value> {
    let listeners = call.region().elb.listeners.values();
    let mut found: Vec<Value> = Vec::new();
    for listener in listeners.filter(|listener| listener.value["DefaultActions"][0]["TargetGroupArn"] == arn) {
        let balancer = &listener.value["LoadBalancerArn"];
        if !found.contains(balancer) {
            found.push(balancer.clone());
        }
    }
    found
}

pub fn list(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let (arns, names) = (query.list("TargetGroupArns.member"), query.list("Names.member"));
    let of_balancer = query.text("LoadBalancerArn");
    let mut all = call.region().elb.target_groups.clone();
    for (arn, thing) in &mut all {
        thing.value["LoadBalancerArns"] = balancers(call, arn).into();
    }
    if let Some(unknown) = arns.iter().find(|arn| !all.contains_key(*arn)) {
        return Err(missing(unknown));
    }
    let is_called = |thing: &Thing, name: &String| thing.value["TargetGroupName"] == name.as_str();
    if let Some(unknown) = names.iter().find(|name| !all.values().any(|thing| is_called(thing, name))) {
        return Err(missing(unknown));
    }
    let found = all
        .iter()
        .filter(|(arn, thing)| {
            let sends = |balancer: &str| {
                thing.value["LoadBalancerArns"].as_array().is_some_and(|all| all.iter().any(|one| one == balancer))
            };
            (arns.is_empty() || arns.contains(arn))
                && (names.is_empty() || names.iter().any(|name| is_called(thing, name)))
                && of_balancer.is_none_or(sends)
        })
        .map(|(_, thing)| thing)
        .collect();
    paged(call, query, "TargetGroups", found)
}

pub fn delete(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let arn = need(query, "TargetGroupArn")?;
    if !balancers(call, arn).is_empty() {
        let message = format!("Target group '{arn}' is currently in use by a listener or a rule");
        return Err(AwsError::client("ResourceInUse", message));
    }
    call.region().elb.target_groups.remove(arn);
    Ok(json!({}))
}

/// The targets of a request, with the group's port where none is given.
fn targets_of(query: &Query, port: &Value) -> Result<Vec<Value>> {
    let mut targets = Vec::new();
    for index in query.indices("Targets.member") {
        let at = |name: &str| format!("Targets.member.{index}.{name}");
        let given = query.integer(&at("Port"))?;
        targets.push(json!({
            "Id": need(query, &at("Id"))?,
            "Port": given.map_or_else(|| port.clone(), Into::into),
            "AvailabilityZone": query.text(&at("AvailabilityZone")),
        }));
    }
    Ok(targets)
}

fn is_same(one: &Value, other: &Value) -> bool {
    one["Id"] == other["Id"] && one["Port"] == other["Port"]
}

/// An address outside of the group's VPC is registered with the zone `all`, and must be a private one.
pub fn register(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let group = find(call, query)?.value.clone();
    let mut targets = targets_of(query, &group["Port"])?;
    let vpc = group["VpcId"].as_str().unwrap_or_default();
    let blocks: Vec<Cidr> = blocks_of(call, vpc).iter().filter_map(|block| Cidr::parse(block)).collect();
    for target in &mut targets {
        let id = target["Id"].as_str().unwrap_or_default().to_owned();
        let Some(address) = Cidr::parse(&format!("{id}/32")) else {
            return Err(AwsError::client(
                "ValidationError",
                format!("The IP address '{id}' is not a valid IPv4 address"),
            ));
        };
        let is_inside = blocks.iter().any(|block| block.contains(address));
        if is_inside && target["AvailabilityZone"].is_null() {
            let subnets = call.region().ec2.subnets.values();
            let within = |block: &str| Cidr::parse(block).is_some_and(|block| block.contains(address));
            let zone = subnets.into_iter().find(|subnet| subnet.vpc_id == vpc && within(&subnet.block));
            target["AvailabilityZone"] = json!(zone.map(|subnet| &subnet.zone));
        }
        let may_be_outside = target["AvailabilityZone"] == "all" && (address.is_private() || address.is_shared());
        if !is_inside && !may_be_outside {
            let message = format!(
                "You must specify the Availability Zone value 'all' for the IP address '{id}' outside of VPC '{vpc}', which must be a private one"
            );
            return Err(AwsError::client("ValidationError", message));
        }
    }
    let held = &mut find(call, query)?.targets;
    held.retain(|there| !targets.iter().any(|target| is_same(there, target)));
    held.extend(targets);
    Ok(json!({}))
}

pub fn deregister(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let group = find(call, query)?;
    let targets = targets_of(query, &group.value["Port"].clone())?;
    group.targets.retain(|there| !targets.iter().any(|target| is_same(there, target)));
    Ok(json!({}))
}

pub fn health(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let group = find(call, query)?.clone();
    let wanted = targets_of(query, &group.value["Port"])?;
    let is_used = !balancers(call, need(query, "TargetGroupArn")?).is_empty();
    let of = |target: &Value| {
        let held = target["Id"].as_str().and_then(|id| group.health.get(id)).or_else(|| group.health.get(super::EVERY));
        let registered = group.targets.iter().any(|there| is_same(there, target));
        if let (true, true, Some(found)) = (registered, is_used, held) {
            return json!({
                "Target": target,
                "HealthCheckPort": target["Port"].to_string(),
                "TargetHealth": {"State": found.state, "Reason": found.reason, "Description": found.description},
            });
        }
        let (state, reason, description) = if !registered {
            ("unused", "Target.NotRegistered", "Target is not registered to the target group")
        } else if is_used {
            ("unhealthy", "Target.Timeout", "Request timed out")
        } else {
            ("unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer")
        };
        json!({
            "Target": target,
            "HealthCheckPort": target["Port"].to_string(),
            "TargetHealth": {"State": state, "Reason": reason, "Description": description},
        })
    };
    let shown = if wanted.is_empty() { &group.targets } else { &wanted };
    Ok(json!({"TargetHealthDescriptions": shown.iter().map(of).collect::<Vec<_>>()}))
}
