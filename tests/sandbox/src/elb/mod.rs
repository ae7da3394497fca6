//! Elastic Load Balancing: application load balancers, their listeners, and target groups of addresses. Nothing is
//! balanced: a target is unhealthy, since nobody asks it.

mod attributes;
mod balancers;
mod listeners;
mod targets;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    aws::{
        Call,
        constraints::Constraints,
        error::{self, AwsError, Result},
        input::Query,
        page,
    },
    world::{Account, Birth},
};

/// What one account holds in one region, by ARN.
#[derive(Default, Serialize, Deserialize)]
pub struct Store {
    balancers: BTreeMap<String, Thing>,
    target_groups: BTreeMap<String, Thing>,
    listeners: BTreeMap<String, Thing>,
}

/// A load balancer, a target group or a listener.
#[derive(Clone, Serialize, Deserialize)]
struct Thing {
    born: Birth,
    /// As it is described.
    value: Value,
    attributes: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    /// Of a target group.
    targets: Vec<Value>,
    /// What health checks find, by address.
    #[serde(default)]
    health: BTreeMap<String, Health>,
}

/// What the health checks of a target find.
#[derive(Clone, Serialize, Deserialize)]
struct Health {
    state: String,
    reason: Option<String>,
    description: Option<String>,
}

/// Body of the control API's `POST …/target-health`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewHealth {
    target_group_arn: String,
    /// All addresses unless it is said.
    address: Option<String>,
    state: String,
    reason: Option<String>,
    description: Option<String>,
}

/// The address that stands for all.
const EVERY: &str = "*";

impl Store {
    /// Changes what the health checks of a target group find.
    pub fn find_health(&mut self, new: NewHealth) -> std::result::Result<(), String> {
        if !["initial", "healthy", "unhealthy"].contains(&new.state.as_str()) {
            return Err(format!("`{}` is not what a health check finds", new.state));
        }
        let group = self.target_groups.get_mut(&new.target_group_arn).ok_or("there is no such target group")?;
        let health = Health { state: new.state, reason: new.reason, description: new.description };
        group.health.insert(new.address.unwrap_or_else(|| EVERY.to_owned()), health);
        Ok(())
    }

    pub fn dump(&self) -> Value {
        let of = |things: &BTreeMap<String, Thing>| -> BTreeMap<String, Value> {
            let shown = |thing: &Thing| json!({"is": thing.value, "attributes": thing.attributes, "tags": thing.tags, "targets": thing.targets});
            things.iter().map(|(arn, thing)| (arn.clone(), shown(thing))).collect()
        };
        json!({
            "load_balancers": of(&self.balancers),
            "target_groups": of(&self.target_groups),
            "listeners": of(&self.listeners),
        })
    }

    fn tags(&mut self, arn: &str) -> Option<&mut BTreeMap<String, String>> {
        let all = [&mut self.balancers, &mut self.target_groups, &mut self.listeners];
        all.into_iter().find_map(|things| things.get_mut(arn)).map(|thing| &mut thing.tags)
    }
}

impl Thing {
    fn new(account: &mut Account, query: &Query, value: Value, attributes: &[(&str, &str)]) -> Self {
        Self {
            born: account.birth(),
            value,
            attributes: attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            tags: query.tags("Tags.member").into_iter().collect(),
            targets: Vec::new(),
            health: BTreeMap::new(),
        }
    }
}

pub fn answer(call: &mut Call<'_>, operation: &str, query: &Query) -> Result<Value> {
    call.authorize(&format!("elasticloadbalancing:{operation}"), "*")?;
    match operation {
        "CreateLoadBalancer" => balancers::create(call, query),
        "DescribeLoadBalancers" => balancers::list(call, query),
        "DescribeLoadBalancerAttributes" => Ok(attributes::describe(balancers::find(call, query)?)),
        "ModifyLoadBalancerAttributes" => attributes::modify(balancers::find(call, query)?, query),
        "DescribeCapacityReservation" => {
            balancers::find(call, query)?;
            Ok(json!({"CapacityReservationState": []}))
        }
        "DeleteLoadBalancer" => balancers::delete(call, query),
        "CreateTargetGroup" => targets::create(call, query),
        "DescribeTargetGroups" => targets::list(call, query),
        "DescribeTargetGroupAttributes" => Ok(attributes::describe(targets::find(call, query)?)),
        "ModifyTargetGroupAttributes" => attributes::modify(targets::find(call, query)?, query),
        "DeleteTargetGroup" => targets::delete(call, query),
        "RegisterTargets" => targets::register(call, query),
        "DeregisterTargets" => targets::deregister(call, query),
        "DescribeTargetHealth" => targets::health(call, query),
        "CreateListener" => listeners::create(call, query),
        "DescribeListeners" => listeners::list(call, query),
        "DescribeListenerAttributes" => Ok(attributes::describe(listeners::find(call, query)?)),
        "ModifyListenerAttributes" => attributes::modify(listeners::find(call, query)?, query),
        "DeleteListener" => listeners::delete(call, query),
        "AddTags" => add_tags(call, query),
        "RemoveTags" => remove_tags(call, query),
        "DescribeTags" => describe_tags(call, query),
        _ => Err(error::unknown_operation(call.service, operation)),
    }
}

/// A parameter that must be there.
fn need<'a>(query: &'a Query, name: &str) -> Result<&'a str> {
    query
        .text(name)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| AwsError::client("ValidationError", format!("{name} is required")))
}

/// The name of a load balancer or of a target group.
fn name_of(query: &Query) -> Result<&str> {
    let name = need(query, "Name")?;
    let is_valid = name.len() <= 32
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if !is_valid {
        let message = format!(
            "The name '{name}' can have at most 32 characters, only letters, digits and hyphens, and cannot begin or end with a hyphen"
        );
        return Err(AwsError::client("ValidationError", message));
    }
    Ok(name)
}

/// A page of things, by `Marker` and `PageSize`.
fn paged(call: &mut Call<'_>, query: &Query, member: &str, found: Vec<&Thing>) -> Result<Value> {
    let mut found: Vec<(u64, Value)> = found.into_iter().map(|thing| (thing.born.order, thing.value.clone())).collect();
    found.sort_by_key(|(order, _)| *order);
    let items = found.into_iter().map(|(order, value)| (page::key(order), value)).collect();
    let size = query.integer("PageSize")?;
    let mut constraints = Constraints::default();
    constraints.range("pageSize", size, 1, 400);
    constraints.finish_as("ValidationError")?;
    let size = usize::try_from(size.unwrap_or(400)).unwrap_or(400);
    let fingerprint = format!("{} {} {}", call.account, call.region, query.fingerprint(&["Marker", "PageSize"]));
    let (items, next) = page::page(items, size, query.text("Marker"), &fingerprint, &call.world.paging_secret)
        .ok_or_else(|| AwsError::client("ValidationError", "The marker is invalid"))?;
    let mut answer = json!({"NextMarker": next});
    answer[member] = Value::Array(items);
    Ok(answer)
}

fn tagged<'a>(call: &'a mut Call<'_>, arn: &str) -> Result<&'a mut BTreeMap<String, String>> {
    let missing = AwsError::client("LoadBalancerNotFound", format!("'{arn}' not found"));
    call.region().elb.tags(arn).ok_or(missing)
}

fn add_tags(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    for arn in query.list("ResourceArns.member") {
        tagged(call, &arn)?.extend(query.tags("Tags.member"));
    }
    Ok(json!({}))
}

fn remove_tags(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let keys = query.list("TagKeys.member");
    for arn in query.list("ResourceArns.member") {
        tagged(call, &arn)?.retain(|key, _| !keys.contains(key));
    }
    Ok(json!({}))
}

fn describe_tags(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let mut found = Vec::new();
    for arn in query.list("ResourceArns.member") {
        let tags: Vec<Value> =
            tagged(call, &arn)?.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        found.push(json!({"ResourceArn": arn, "Tags": tags}));
    }
    Ok(json!({"TagDescriptions": found}))
}
