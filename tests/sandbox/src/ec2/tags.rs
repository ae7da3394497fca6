//! Tags of EC2's resources.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Store, done};
use crate::aws::{
    Call,
    error::{AwsError, Result},
    input::Query,
};

fn target<'a>(store: &'a mut Store, id: &str) -> Result<&'a mut BTreeMap<String, String>> {
    let found = match id.split('-').next() {
        Some("vpc") => store.vpcs.get_mut(id).map(|vpc| &mut vpc.tags),
        Some("subnet") => store.subnets.get_mut(id).map(|subnet| &mut subnet.tags),
        Some("sg") => store.security_groups.get_mut(id).map(|group| &mut group.tags),
        _ => None,
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
