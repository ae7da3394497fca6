//! Listeners that forward everything to one target group.

use serde_json::{Value, json};

use super::{Thing, attributes, need, paged};
use crate::{
    aws::{
        Call,
        error::{AwsError, Result},
        input::Query,
    },
    random,
};

fn missing(what: &str) -> AwsError {
    AwsError::client("ListenerNotFound", format!("One or more listeners not found: {what}"))
}

pub fn find<'a>(call: &'a mut Call<'_>, query: &Query) -> Result<&'a mut Thing> {
    let arn = need(query, "ListenerArn")?;
    call.region().elb.listeners.get_mut(arn).ok_or_else(|| missing(arn))
}

pub fn create(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let balancer = need(query, "LoadBalancerArn")?;
    super::balancers::find(call, query)?;
    let protocol = need(query, "Protocol")?;
    let port = query.integer("Port")?;
    let action = |name: &str| query.text(&format!("DefaultActions.member.1.{name}"));
    if protocol != "HTTP" || action("Type") != Some("forward") || action("TargetGroupArn").is_none() {
        let message = "this stand-in has listeners of HTTP that forward to one target group";
        return Err(AwsError::client("ValidationError", message));
    }
    let group = action("TargetGroupArn").unwrap_or_default();
    let store = &mut call.region().elb;
    let Some(target_group) = store.target_groups.get(group) else {
        return Err(AwsError::client("TargetGroupNotFound", format!("Target groups '[{group}]' not found")));
    };
    if target_group.value["VpcId"] != store.balancers[balancer].value["VpcId"] {
        let message = format!("The target group with targetGroupArn {group} is in another VPC than the load balancer");
        return Err(AwsError::client("InvalidConfigurationRequest", message));
    }
    let taken = |one: &&Thing| one.value["LoadBalancerArn"] == balancer && one.value["Port"] == json!(port);
    if store.listeners.values().any(|one| taken(&one)) {
        return Err(AwsError::client(
            "DuplicateListener",
            "A listener already exists on this port for this load balancer",
        ));
    }
    let arn = format!("{}/{}", balancer.replacen(":loadbalancer/", ":listener/", 1), random::hex(16));
    let value = json!({
        "ListenerArn": arn,
        "LoadBalancerArn": balancer,
        "Port": port,
        "Protocol": protocol,
        "DefaultActions": [{
            "Type": "forward",
            "TargetGroupArn": group,
            "ForwardConfig": {
                "TargetGroups": [{"TargetGroupArn": group, "Weight": 1}],
                "TargetGroupStickinessConfig": {"Enabled": false},
            },
        }],
    });
    let made = Thing::new(call.account(), query, value, attributes::LISTENER);
    let answer = made.value.clone();
    call.region().elb.listeners.insert(arn, made);
    Ok(json!({"Listeners": [answer]}))
}

pub fn list(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let arns = query.list("ListenerArns.member");
    let balancer = query.text("LoadBalancerArn");
    let all = call.region().elb.listeners.clone();
    if let Some(unknown) = arns.iter().find(|arn| !all.contains_key(*arn)) {
        return Err(missing(unknown));
    }
    let wanted = |arn: &String, thing: &Thing| {
        (arns.is_empty() || arns.contains(arn))
            && balancer.is_none_or(|balancer| thing.value["LoadBalancerArn"] == balancer)
    };
    let found = all.iter().filter(|(arn, thing)| wanted(arn, thing)).map(|(_, thing)| thing).collect();
    paged(call, query, "Listeners", found)
}

pub fn delete(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let arn = need(query, "ListenerArn")?;
    match call.region().elb.listeners.remove(arn) {
        Some(_) => Ok(json!({})),
        None => Err(missing(arn)),
    }
}
