//! The listing of machines with all their properties, of which the hosts are here, and the setting that says how many
//! there may be.

use serde_json::{Value, json};

use super::paged;
use crate::aws::{
    Call,
    constraints::Constraints,
    error::{AwsError, Result},
    input::Json,
    page,
};

const KEYS: [&str; 9] = [
    "InstanceIds",
    "AgentVersion",
    "PingStatus",
    "PlatformTypes",
    "DocumentName",
    "ActivationIds",
    "IamRole",
    "ResourceType",
    "AssociationStatus",
];

/// The filters that have a key of the closed list; those with operators are not modelled.
fn filters(input: Json<'_>) -> Result<Vec<(String, Vec<String>)>> {
    if input.value("FiltersWithOperator").is_some() {
        return Err(AwsError::client("InvalidFilterKey", "FiltersWithOperator is not supported by this stand-in"));
    }
    let mut found = Vec::new();
    for filter in input.objects("InstancePropertyFilterList")?.unwrap_or_default() {
        let (key, values) = (filter.text("key")?, filter.texts("valueSet")?);
        let mut constraints = Constraints::default();
        constraints.required("key", key);
        constraints.required("valueSet", values.as_ref().and_then(|values| values.first()).map(String::as_str));
        constraints.finish()?;
        let key = key.unwrap_or_default();
        if !KEYS.contains(&key) {
            return Err(AwsError::client("InvalidFilterKey", "The specified key is not valid."));
        }
        found.push((key.to_owned(), values.unwrap_or_default()));
    }
    Ok(found)
}

pub fn properties(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let filters = filters(input)?;
    let hosts = call.region().ssm.instances.values();
    let mut items: Vec<(String, Value)> = hosts
        .filter(|host| filters.iter().all(|(key, values)| host.fits(key, values)))
        .map(|host| {
            let mut value = host.describe();
            if let Some(members) = value.as_object_mut() {
                members.remove("IsLatestVersion");
            }
            (page::key(host.born.order), value)
        })
        .collect();
    items.sort_by(|(one, _), (other, _)| one.cmp(other));
    paged(call, "DescribeInstanceProperties", input, (5, 1000), 1000, "InstanceProperties", items)
}

/// Source: Systems Manager user guide, "Configuring instance tiers".
const TIER: &str = "/ssm/managed-instance/activation-tier";

pub fn setting(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let id = input.text("SettingId")?;
    let mut constraints = Constraints::default();
    constraints.required("settingId", id);
    constraints.length("settingId", id, 1, 1000);
    constraints.finish()?;
    let arn = call.arn("ssm", &format!("servicesetting{TIER}"));
    if id != Some(TIER) && id != Some(arn.as_str()) {
        return Err(AwsError::client("ServiceSettingNotFound", "The specified service setting wasn't found."));
    }
    Ok(json!({"ServiceSetting": {"SettingId": TIER, "SettingValue": "standard", "ARN": arn, "Status": "Default"}}))
}
