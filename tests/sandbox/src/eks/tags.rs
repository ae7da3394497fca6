//! Tags of clusters, access entries, add-ons and node groups, by ARN.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Route;
use crate::aws::{
    Call,
    error::{AwsError, Result},
    input::Json,
};

/// The most tags that a resource can have.
const MOST: usize = 50;

fn target<'a>(call: &'a mut Call<'_>, route: &Route) -> Result<&'a mut BTreeMap<String, String>> {
    let arn = route.item();
    for cluster in call.region().eks.clusters.values_mut() {
        if cluster.arn == arn {
            return Ok(&mut cluster.tags);
        }
        if let Some(entry) = cluster.access_entries.values_mut().find(|entry| entry.arn == arn) {
            return Ok(&mut entry.tags);
        }
        if let Some(addon) = cluster.addons.values_mut().find(|addon| addon.arn == arn) {
            return Ok(&mut addon.tags);
        }
        if let Some(group) = cluster.node_groups.values_mut().find(|group| group.arn == arn) {
            return Ok(&mut group.tags);
        }
    }
    Err(AwsError::new(404, "NotFoundException", format!("Resource not found for ARN: {arn}")))
}

pub fn add(call: &mut Call<'_>, route: &Route, input: Json<'_>) -> Result<Value> {
    let given = input.map("tags")?.unwrap_or_default();
    let wrong = |text: String| Err(AwsError::client("BadRequestException", text));
    if given.is_empty() {
        return wrong("tags must be given".to_owned());
    }
    if let Some((key, _)) = given.iter().find(|(key, value)| {
        key.is_empty() || key.len() > 128 || value.len() > 256 || key.to_lowercase().starts_with("aws:")
    }) {
        return wrong(format!("The tag {key} is not valid"));
    }
    let tags = target(call, route)?;
    let mut merged = tags.clone();
    merged.extend(given);
    if merged.len() > MOST {
        return wrong(format!("A resource can have at most {MOST} tags"));
    }
    *tags = merged;
    Ok(json!({}))
}

pub fn remove(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let keys: Vec<String> = route.parameters("tagKeys").map(ToOwned::to_owned).collect();
    let tags = target(call, route)?;
    for key in keys {
        tags.remove(&key);
    }
    Ok(json!({}))
}

pub fn list(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    Ok(json!({"tags": target(call, route)?}))
}
