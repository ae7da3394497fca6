//! Tags of EC2's resources.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Store, acls,
    describe::{self, Entry, Kind},
    done, endpoints, gateways, instances, interfaces, peering, records, routes, templates,
};
use crate::aws::{
    Call,
    error::{AwsError, Result},
    input::Query,
};

/// Kinds of records, for the names that tags give them.
const RECORDS: [&records::Kind; 11] = [
    &acls::KIND,
    &endpoints::KIND,
    &gateways::ADDRESS,
    &gateways::INTERNET,
    &gateways::NAT,
    &instances::KIND,
    &instances::VOLUME,
    &interfaces::KIND,
    &peering::KIND,
    &routes::KIND,
    &templates::KIND,
];

fn target<'a>(store: &'a mut Store, id: &str) -> Result<&'a mut BTreeMap<String, String>> {
    let found = match id.split('-').next() {
        Some("vpc") => store.vpcs.get_mut(id).map(|vpc| &mut vpc.tags),
        Some("subnet") => store.subnets.get_mut(id).map(|subnet| &mut subnet.tags),
        Some("sg") => store.security_groups.get_mut(id).map(|group| &mut group.tags),
        Some("sgr") => store
            .security_groups
            .values_mut()
            .flat_map(|group| &mut group.rules)
            .find(|rule| rule.id == id)
            .map(|rule| &mut rule.tags),
        _ => store.records.get_mut(id).map(|record| &mut record.tags),
    };
    found.ok_or_else(|| AwsError::client("InvalidID", format!("The ID '{id}' is not valid")))
}

fn resources(query: &Query) -> Result<Vec<String>> {
    let ids = query.list("ResourceId");
    if ids.is_empty() {
        return Err(AwsError::client("MissingParameter", "The request must contain the parameter resourceIdSet"));
    }
    Ok(ids)
}

pub fn create(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let ids = resources(query)?;
    let tags = query.tags("Tag");
    if tags.is_empty() || tags.iter().any(|(key, _)| key.is_empty() || key.to_lowercase().starts_with("aws:")) {
        return Err(AwsError::client("InvalidParameterValue", "Tag keys must be given, and must not start with aws:"));
    }
    let store = &mut call.region().ec2;
    // All or none: look at every one before the first is changed.
    for id in &ids {
        target(store, id)?;
    }
    for id in &ids {
        target(store, id)?.extend(tags.clone());
    }
    Ok(done())
}

pub fn delete(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let ids = resources(query)?;
    let indices = query.indices("Tag");
    let store = &mut call.region().ec2;
    for id in &ids {
        let tags = target(store, id)?;
        if indices.is_empty() {
            tags.clear();
        }
        for index in &indices {
            let key = query.text(&format!("Tag.{index}.Key")).unwrap_or_default();
            // With a value only that value is removed.
            match query.text(&format!("Tag.{index}.Value")) {
                Some(value) if tags.get(key).is_some_and(|found| found != value) => {}
                _ => {
                    tags.remove(key);
                }
            }
        }
    }
    Ok(done())
}

/// Every tagged resource: its ID, what kind it is, its tags.
fn tagged(store: &Store) -> Vec<(&String, &'static str, &BTreeMap<String, String>)> {
    let vpcs = store.vpcs.values().map(|vpc| (&vpc.id, "vpc", &vpc.tags));
    let subnets = store.subnets.values().map(|subnet| (&subnet.id, "subnet", &subnet.tags));
    let groups = store.security_groups.values();
    let rules = groups.clone().flat_map(|group| &group.rules).map(|rule| (&rule.id, "security-group-rule", &rule.tags));
    let groups = groups.map(|group| (&group.id, "security-group", &group.tags));
    let others = store.records.values().filter_map(|record| {
        let kind = RECORDS.into_iter().find(|kind| record.is(kind))?;
        Some((&record.id, kind.tagged_as, &record.tags))
    });
    vpcs.chain(subnets).chain(groups).chain(rules).chain(others).collect()
}

pub fn list(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let tags = tagged(&call.region().ec2).into_iter().flat_map(|(id, kind, tags)| {
        tags.iter().map(move |(key, value)| (id.clone(), kind, key.clone(), value.clone()))
    });
    let entries = tags
        .zip(0..)
        .map(|((id, kind, key, value), order)| Entry {
            order,
            tags: BTreeMap::new(),
            filterable: vec![
                ("resource-id", vec![id.clone()]),
                ("resource-type", vec![kind.to_owned()]),
                ("key", vec![key.clone()]),
                ("value", vec![value.clone()]),
            ],
            value: json!({"resourceId": id, "resourceType": kind, "key": key, "value": value}),
            id,
        })
        .collect();
    // Tags are chosen by filters alone.
    let kind = Kind { ids: "None", missing: "InvalidID", called: "ID", set: "tagSet", sizes: (5, 1000) };
    describe::answer(call, query, &kind, entries)
}
