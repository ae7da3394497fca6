//! Tags of managed instances and parameters. Activations cannot be tagged after their creation.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::tag_list;
use crate::aws::{
    Call,
    constraints::{Constraints, tags},
    error::{AwsError, Result},
    input::Json,
};

const TYPES: &[&str] = &[
    "Document",
    "ManagedInstance",
    "MaintenanceWindow",
    "Parameter",
    "PatchBaseline",
    "OpsItem",
    "OpsMetadata",
    "Automation",
    "Association",
    "CloudConnector",
];
/// Maximum number of tags on a resource.
const MOST: usize = 50;

fn target<'a>(call: &'a mut Call<'_>, input: Json<'_>) -> Result<&'a mut BTreeMap<String, String>> {
    let kind = input.text("ResourceType")?;
    let id = input.text("ResourceId")?;
    let mut constraints = Constraints::default();
    constraints.required("resourceType", kind);
    constraints.one_of("resourceType", kind, TYPES);
    constraints.required("resourceId", id);
    constraints.finish()?;
    let id = id.unwrap_or_default();
    let store = &mut call.region().ssm;
    let found = match kind {
        Some("ManagedInstance") => store.instances.get_mut(id).map(|instance| &mut instance.tags),
        Some("Parameter") => store.parameters.get_mut(id).map(|parameter| &mut parameter.tags),
        _ => None,
    };
    found.ok_or_else(|| {
        AwsError::client(
            "InvalidResourceId",
            format!("The resource ID {id} is not valid. Verify that you entered the correct ID and try again."),
        )
    })
}

pub fn add(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let given = input.tags("Tags")?;
    let mut constraints = Constraints::default();
    constraints.required("tags", given.as_ref());
    let given = given.unwrap_or_default();
    tags(&mut constraints, &given);
    constraints.finish()?;
    refuse_reserved(&given)?;
    let target = target(call, input)?;
    let mut merged = target.clone();
    merged.extend(given);
    if merged.len() > MOST {
        return Err(AwsError::client("TooManyTagsError", ""));
    }
    *target = merged;
    Ok(json!({}))
}

/// Keys that begin with `aws:` belong to AWS.
pub fn refuse_reserved(tags: &[(String, String)]) -> Result<()> {
    match tags.iter().find(|(key, _)| key.to_lowercase().starts_with("aws:")) {
        Some((key, _)) => {
            Err(AwsError::validation(format!("Tag keys that begin with aws: are reserved for internal use: {key}")))
        }
        None => Ok(()),
    }
}

pub fn remove(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let keys = input.texts("TagKeys")?;
    let mut constraints = Constraints::default();
    constraints.required("tagKeys", keys.as_ref());
    constraints.finish()?;
    let target = target(call, input)?;
    for key in keys.unwrap_or_default() {
        target.remove(&key);
    }
    Ok(json!({}))
}

pub fn list(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    Ok(json!({"TagList": tag_list(target(call, input)?)}))
}
