//! Managed instances: hosts that registered with an activation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    activations::{Activation, check_role},
    paged,
};
use crate::{
    aws::{
        Call,
        constraints::Constraints,
        error::{AwsError, Result},
        input::Json,
        page,
    },
    identity::matches,
    moment::Moment,
    random,
    world::Birth,
};

#[derive(Clone, Serialize, Deserialize)]
pub struct Instance {
    pub id: String,
    pub born: Birth,
    pub activation_id: String,
    pub iam_role: String,
    pub name: String,
    pub tags: BTreeMap<String, String>,
    /// The public key that the agent sent at registration.
    pub public_key: Option<String>,
    pub fingerprint: Option<String>,
    /// Absent until the agent's first report.
    pub report: Option<Report>,
    /// Set externally; otherwise the ping status follows from the report.
    pub ping: String,
    /// Systems Manager lists machines of other clouds in addition to the hosts of hybrid activations.
    pub source_type: String,
}

/// What an agent reports about its host.
#[derive(Clone, Serialize, Deserialize)]
pub struct Report {
    pub at: Moment,
    pub agent_version: String,
    pub computer_name: String,
    pub ip_address: String,
    pub platform_type: String,
    pub platform_name: String,
    pub platform_version: String,
}

impl Instance {
    /// A host that has just registered and not reported yet.
    pub fn registered(activation: &Activation, born: Birth) -> Self {
        Self {
            id: format!("mi-{}", random::hex(17)),
            born,
            activation_id: activation.id.clone(),
            iam_role: activation.iam_role.clone(),
            name: activation.default_instance_name.clone().unwrap_or_default(),
            tags: activation.tags.clone(),
            public_key: None,
            fingerprint: None,
            report: None,
            // AWS documents `Inactive` as no longer used.
            ping: "ConnectionLost".into(),
            source_type: "AWS::SSM::ManagedInstance".into(),
        }
    }

    /// The `DescribeInstanceInformation` output.
    pub fn describe(&self) -> Value {
        let mut value = json!({"InstanceId": self.id, "PingStatus": self.ping});
        if let Some(report) = &self.report {
            value["LastPingDateTime"] = report.at.epoch().into();
            value["AgentVersion"] = report.agent_version.clone().into();
            value["IsLatestVersion"] = true.into();
            value["PlatformType"] = report.platform_type.clone().into();
            value["PlatformName"] = report.platform_name.clone().into();
            value["PlatformVersion"] = report.platform_version.clone().into();
        }
        value["ActivationId"] = self.activation_id.clone().into();
        value["IamRole"] = self.iam_role.clone().into();
        value["RegistrationDate"] = self.born.at.epoch().into();
        value["ResourceType"] = "ManagedInstance".into();
        if !self.name.is_empty() {
            value["Name"] = self.name.clone().into();
        }
        if let Some(report) = &self.report {
            value["IPAddress"] = report.ip_address.clone().into();
            value["ComputerName"] = report.computer_name.clone().into();
        }
        value["SourceId"] = self.id.clone().into();
        value["SourceType"] = self.source_type.clone().into();
        value
    }

    pub fn fits(&self, key: &str, values: &[String]) -> bool {
        let any = |value: &str| values.iter().any(|wanted| wanted == value);
        let report = self.report.as_ref();
        match key {
            "InstanceIds" => any(&self.id),
            "ActivationIds" => any(&self.activation_id),
            "IamRole" => any(&self.iam_role),
            "PingStatus" => any(&self.ping),
            "ResourceType" => any("ManagedInstance"),
            "PlatformTypes" => report.is_some_and(|report| any(&report.platform_type)),
            "AgentVersion" => report.is_some_and(|report| any(&report.agent_version)),
            "tag-key" => self.tags.keys().any(|tag| any(tag)),
            tag => tag
                .strip_prefix("tag:")
                .and_then(|name| self.tags.get(name))
                .is_some_and(|value| values.iter().any(|wanted| matches(wanted, value))),
        }
    }
}

const KEYS: &[&str] = &[
    "InstanceIds",
    "AgentVersion",
    "PingStatus",
    "PlatformTypes",
    "ActivationIds",
    "IamRole",
    "ResourceType",
    "AssociationStatus",
];

/// The filters of either input field: both have keys and up to 100 values.
fn filters(input: Json<'_>) -> Result<Vec<(String, Vec<String>)>> {
    let mut found = Vec::new();
    let mut constraints = Constraints::default();
    for (member, at, key, values) in [
        ("InstanceInformationFilterList", "instanceInformationFilterList", "key", "valueSet"),
        ("Filters", "filters", "Key", "Values"),
    ] {
        for (index, filter) in input.objects(member)?.unwrap_or_default().iter().enumerate() {
            let name = filter.text(key)?;
            let list = filter.texts(values)?;
            let at = format!("{at}.{}.member", index + 1);
            let mut lower = values.to_owned();
            lower[..1].make_ascii_lowercase();
            constraints.required(&format!("{at}.key"), name);
            constraints.length(&format!("{at}.key"), name, 1, usize::MAX);
            constraints.required(&format!("{at}.{lower}"), list.as_ref());
            if let Some(list) = &list {
                constraints.entries(&format!("{at}.{lower}"), list, 1, 100);
            }
            if member == "InstanceInformationFilterList" {
                constraints.one_of(&format!("{at}.key"), name, KEYS);
            }
            found.push((name.unwrap_or_default().to_owned(), list.unwrap_or_default()));
        }
    }
    constraints.finish()?;
    let both = input.value("InstanceInformationFilterList").is_some() && input.value("Filters").is_some();
    if both {
        return Err(AwsError::validation("Only one of InstanceInformationFilterList and Filters can be given."));
    }
    let is_tag = |key: &str| key == "tag-key" || key.starts_with("tag:");
    if let Some((key, _)) = found.iter().find(|(key, _)| !is_tag(key) && !KEYS.contains(&key.as_str())) {
        return Err(AwsError::client("InvalidFilterKey", format!("The filter key {key} is not valid.")));
    }
    let tags = found.iter().filter(|(key, _)| is_tag(key)).count();
    if tags > 0 && tags < found.len() {
        return Err(AwsError::client("InvalidFilterKey", "Tag-based filters can't be combined with other filters."));
    }
    for (key, values) in &found {
        let allowed: &[&str] = match key.as_str() {
            "PingStatus" => &["Online", "ConnectionLost", "Inactive"],
            "ResourceType" => &["ManagedInstance", "EC2Instance"],
            "PlatformTypes" => &["Windows", "Linux", "MacOS"],
            _ => continue,
        };
        if let Some(value) = values.iter().find(|value| !allowed.contains(&value.as_str())) {
            return Err(AwsError::client(
                "InvalidInstanceInformationFilterValue",
                format!("{value} is not a valid value of {key}."),
            ));
        }
    }
    Ok(found)
}

pub fn describe(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let filters = filters(input)?;
    let mut found: Vec<&Instance> = call
        .region()
        .ssm
        .instances
        .values()
        .filter(|instance| filters.iter().all(|(key, values)| instance.fits(key, values)))
        .collect();
    found.sort_by_key(|instance| instance.born.order);
    let items = found.iter().map(|instance| (page::key(instance.born.order), instance.describe())).collect();
    paged(call, "DescribeInstanceInformation", input, (5, 50), 10, "InstanceInformationList", items)
}

/// The instance ID in a request.
fn id_of(input: Json<'_>) -> Result<String> {
    let id = input.text("InstanceId")?;
    let mut constraints = Constraints::default();
    constraints.required("instanceId", id);
    constraints.length("instanceId", id, 20, 124);
    constraints.pattern(
        "instanceId",
        id,
        r"(^mi-[0-9a-f]{17}$)|(^eks_c:[0-9A-Za-z][A-Za-z0-9\-_]{0,99}_\w{17}$)",
        |id| is_id(id) || id.starts_with("eks_c:"),
    );
    constraints.finish()?;
    Ok(id.unwrap_or_default().to_owned())
}

/// `mi-` and 17 hexadecimal digits.
pub fn is_id(text: &str) -> bool {
    text.strip_prefix("mi-")
        .is_some_and(|digits| digits.len() == 17 && digits.chars().all(|digit| matches!(digit, '0'..='9' | 'a'..='f')))
}

pub fn unknown(id: &str) -> AwsError {
    AwsError::client("InvalidInstanceId", format!("Not existing InstanceId {id}"))
}

pub fn deregister(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let id = id_of(input)?;
    match call.region().ssm.instances.remove(&id) {
        Some(_) => Ok(json!({})),
        None => Err(unknown(&id)),
    }
}

pub fn update_role(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let role = input.text("IamRole")?;
    let mut constraints = Constraints::default();
    constraints.required("iamRole", role);
    constraints.length("iamRole", role, 0, 64);
    constraints.finish()?;
    let id = id_of(input)?;
    if !call.region().ssm.instances.contains_key(&id) {
        return Err(unknown(&id));
    }
    let role = role.unwrap_or_default();
    check_role(call, role)?;
    if let Some(instance) = call.region().ssm.instances.get_mut(&id) {
        role.clone_into(&mut instance.iam_role);
    }
    Ok(json!({}))
}
