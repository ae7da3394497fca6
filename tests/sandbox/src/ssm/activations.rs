//! Hybrid activations: codes with which hosts outside AWS register.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{instances, paged, tag_list};
use crate::{
    aws::{
        Call,
        constraints::{Constraints, NAME_PATTERN, is_name, tags},
        error::{AwsError, Result},
        input::Json,
        page,
    },
    iam,
    moment::Moment,
    random,
    world::Birth,
};

/// Validity in hours if none is requested.
const DEFAULT_HOURS: i64 = 24;
const LONGEST_DAYS: i64 = 30;

#[derive(Clone, Serialize, Deserialize)]
pub struct Activation {
    pub id: String,
    pub code: String,
    pub born: Birth,
    pub description: Option<String>,
    pub default_instance_name: Option<String>,
    /// As given: the name, including its path if it has one.
    pub iam_role: String,
    pub registration_limit: i64,
    pub registrations: i64,
    pub expires: Moment,
    pub tags: BTreeMap<String, String>,
}

impl Activation {
    /// Whether it has expired.
    pub fn is_expired(&self, advanced: i64) -> bool {
        self.born.now(advanced) >= self.expires
    }

    /// The `DescribeActivations` output, which does not contain the code.
    pub fn describe(&self, advanced: i64) -> Value {
        let mut value = json!({"ActivationId": self.id});
        if let Some(description) = &self.description {
            value["Description"] = description.clone().into();
        }
        if let Some(name) = &self.default_instance_name {
            value["DefaultInstanceName"] = name.clone().into();
        }
        value["IamRole"] = self.iam_role.clone().into();
        value["RegistrationLimit"] = self.registration_limit.into();
        value["RegistrationsCount"] = self.registrations.into();
        value["ExpirationDate"] = self.expires.epoch().into();
        value["Expired"] = self.is_expired(advanced).into();
        value["CreatedDate"] = self.born.at.epoch().into();
        value["Tags"] = tag_list(&self.tags);
        value
    }
}

/// Rejects a role that Systems Manager cannot use, and a caller who may not pass it.
pub fn check_role(call: &mut Call<'_>, role: &str) -> Result<()> {
    let arn = format!("arn:aws:iam::{}:role/{role}", call.account);
    call.authorize("iam:PassRole", &arn)?;
    if iam::usable_by_ssm(call.account(), role) {
        Ok(())
    } else {
        Err(AwsError::validation(format!("Nonexistent role or missing ssm service principal in trust policy: {arn}")))
    }
}

pub fn create(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let role = input.text("IamRole")?;
    let description = input.text("Description")?;
    let name = input.text("DefaultInstanceName")?;
    let limit = input.integer("RegistrationLimit")?;
    let given_tags = input.tags("Tags")?.unwrap_or_default();
    let mut constraints = Constraints::default();
    constraints.required("iamRole", role);
    constraints.length("iamRole", role, 0, 64);
    constraints.length("description", description, 0, 256);
    constraints.length("defaultInstanceName", name, 0, 256);
    constraints.pattern("defaultInstanceName", name, NAME_PATTERN, is_name);
    constraints.range("registrationLimit", limit, 1, 1000);
    tags(&mut constraints, &given_tags);
    constraints.finish()?;
    let expires = match input.time("ExpirationDate")? {
        None => None,
        Some(date) if date <= call.now => {
            return Err(AwsError::validation("ExpirationDate must be in the future."));
        }
        Some(date) if date > call.now.plus_seconds(LONGEST_DAYS * 86400) => {
            return Err(AwsError::validation("ExpirationDate must not be more than 30 days in the future."));
        }
        Some(date) => Some(date),
    };
    let role = role.unwrap_or_default();
    check_role(call, role)?;
    let born = call.account().birth();
    let activation = Activation {
        id: random::uuid(),
        code: random::secret(20),
        born,
        description: description.map(ToOwned::to_owned),
        default_instance_name: name.map(ToOwned::to_owned),
        iam_role: role.to_owned(),
        registration_limit: limit.unwrap_or(1),
        registrations: 0,
        expires: expires.unwrap_or_else(|| born.at.plus_seconds(DEFAULT_HOURS * 3600)),
        tags: given_tags.into_iter().collect(),
    };
    let answer = json!({"ActivationId": activation.id, "ActivationCode": activation.code});
    call.region().ssm.activations.insert(activation.id.clone(), activation);
    Ok(answer)
}

pub fn describe(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let mut filters = Vec::new();
    let mut constraints = Constraints::default();
    for (index, filter) in input.objects("Filters")?.unwrap_or_default().iter().enumerate() {
        let key = filter.text("FilterKey")?;
        let at = format!("filters.{}.member.filterKey", index + 1);
        constraints.one_of(&at, key, &["ActivationIds", "DefaultInstanceName", "IamRole"]);
        filters.push((key.unwrap_or_default().to_owned(), filter.texts("FilterValues")?.unwrap_or_default()));
    }
    constraints.finish()?;
    if filters.iter().any(|(key, values)| key.is_empty() || values.is_empty()) {
        return Err(AwsError::client("InvalidFilter", "A filter needs a key and values."));
    }
    let advanced = call.account().advanced;
    let mut found: Vec<&Activation> = call
        .region()
        .ssm
        .activations
        .values()
        .filter(|activation| {
            filters.iter().all(|(key, values)| {
                let value = match key.as_str() {
                    "ActivationIds" => Some(&activation.id),
                    "IamRole" => Some(&activation.iam_role),
                    _ => activation.default_instance_name.as_ref(),
                };
                value.is_some_and(|value| values.contains(value))
            })
        })
        .collect();
    found.sort_by_key(|activation| activation.born.order);
    let items =
        found.iter().map(|activation| (page::key(activation.born.order), activation.describe(advanced))).collect();
    paged(call, "DescribeActivations", input, (1, 50), 50, "ActivationList", items)
}

/// Whether a text has the format of an activation ID.
pub fn is_id(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && text.chars().all(|letter| matches!(letter, '0'..='9' | 'a'..='f' | '-'))
}

pub const ID_PATTERN: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

pub fn delete(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let id = input.text("ActivationId")?;
    let mut constraints = Constraints::default();
    constraints.required("activationId", id);
    constraints.pattern("activationId", id, ID_PATTERN, is_id);
    constraints.finish()?;
    let id = id.unwrap_or_default();
    match call.region().ssm.activations.remove(id) {
        Some(_) => Ok(json!({})),
        None => Err(AwsError::client("InvalidActivation", format!("Activation {id} does not exist."))),
    }
}

/// Registers a host with an activation, for the agent and for the control API. The code is checked if given.
pub fn register(
    account: &mut crate::world::Account,
    region: &str,
    id: &str,
    code: Option<&str>,
) -> Result<instances::Instance> {
    let advanced = account.advanced;
    let born = account.birth();
    let Some(activation) = account.region(region).ssm.activations.get_mut(id) else {
        return Err(AwsError::client("InvalidActivation", ""));
    };
    if code.is_some_and(|code| code != activation.code) {
        return Err(AwsError::client("InvalidActivation", ""));
    }
    if activation.is_expired(advanced) {
        return Err(AwsError::client("ActivationExpired", ""));
    }
    if activation.registrations >= activation.registration_limit {
        return Err(AwsError::client(
            "InvalidActivation",
            format!("The registration limit of activation {id} has been reached."),
        ));
    }
    activation.registrations += 1;
    let instance = instances::Instance::registered(activation, born);
    account.region(region).ssm.instances.insert(instance.id.clone(), instance.clone());
    Ok(instance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Account;

    fn activation(account: &mut Account, limit: i64) -> Activation {
        let born = account.birth();
        Activation {
            id: random::uuid(),
            code: "c".repeat(20),
            born,
            description: None,
            default_instance_name: Some("host".into()),
            iam_role: "r".into(),
            registration_limit: limit,
            registrations: 0,
            expires: born.at.plus_seconds(3600),
            tags: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
        }
    }

    #[test]
    fn registration_rules() {
        let mut account = Account::new("111122223333");
        let made = activation(&mut account, 1);
        let id = made.id.clone();
        account.region("us-west-2").ssm.activations.insert(id.clone(), made);
        let code = |result: Result<instances::Instance>| result.map(|_| ()).map_err(|error| error.code);
        let refused = |code: &str| Err(code.to_owned());
        assert_eq!(code(register(&mut account, "us-west-2", "x", None)), refused("InvalidActivation"));
        assert_eq!(code(register(&mut account, "us-east-1", &id, None)), refused("InvalidActivation"));
        assert_eq!(code(register(&mut account, "us-west-2", &id, Some("bad"))), refused("InvalidActivation"));
        let instance = register(&mut account, "us-west-2", &id, Some(&"c".repeat(20))).unwrap();
        assert_eq!(instance.tags["k"], "v");
        assert_eq!(instance.name, "host");
        assert_eq!(code(register(&mut account, "us-west-2", &id, None)), refused("InvalidActivation"));
    }

    #[test]
    fn the_clock_moves_what_exists_and_nothing_else() {
        let mut account = Account::new("111122223333");
        let before = activation(&mut account, 1);
        account.advanced += 2 * 3600 * 1000;
        let after = activation(&mut account, 1);
        assert!(before.is_expired(account.advanced));
        assert!(!after.is_expired(account.advanced));
    }

    #[test]
    fn ids() {
        assert!(is_id(&random::uuid()));
        for wrong in ["", "x", "5743558d-563b-4457-8682-d16c3EXAMPLE", "5743558d563b44578682d16c31234567"] {
            assert!(!is_id(wrong), "{wrong}");
        }
    }
}
