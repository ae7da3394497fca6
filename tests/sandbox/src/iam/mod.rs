//! IAM: roles, as far as other services look them up. Global: the same in every region.

mod operations;
mod simulate;
pub mod trust;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use operations::answer;

use crate::{
    identity::Permissions,
    moment::Moment,
    random,
    world::{Account, Birth},
};

#[derive(Clone, Serialize, Deserialize)]
pub struct Role {
    pub name: String,
    /// Starts and ends with a slash.
    pub path: String,
    pub id: String,
    pub born: Birth,
    pub description: Option<String>,
    pub max_session_seconds: i64,
    pub tags: BTreeMap<String, String>,
    /// The trust policy as JSON text.
    pub trust: String,
    /// Attached policies: ARN and name.
    pub attached: BTreeMap<String, String>,
    /// Its own policies: name and JSON text.
    #[serde(default)]
    pub inline: BTreeMap<String, String>,
    /// What sessions of the role may do.
    pub permissions: Permissions,
    /// Calls for which Systems Manager does not see the role yet.
    pub unsettled_attempts: u32,
    /// The role's own time until which Systems Manager does not see it.
    pub unsettled_until: Moment,
}

impl Role {
    pub fn new(account: &mut Account, name: &str, path: &str, trust: String) -> Self {
        let born = account.birth();
        Self {
            name: name.to_owned(),
            path: path.to_owned(),
            id: random::unique_id("AROA", 17),
            born,
            description: None,
            max_session_seconds: 3600,
            tags: BTreeMap::new(),
            trust,
            attached: BTreeMap::new(),
            inline: BTreeMap::new(),
            permissions: Permissions::all(),
            unsettled_attempts: 0,
            unsettled_until: born.at,
        }
    }

    pub fn arn(&self, account: &str) -> String {
        format!("arn:aws:iam::{account}:role{}{}", self.path, self.name)
    }

    /// The name as Systems Manager takes it: with the path before it and no leading slash.
    pub fn given_name(&self) -> String {
        format!("{}{}", self.path.trim_start_matches('/'), self.name)
    }

    /// As the API describes it; names are those of the wire.
    pub fn describe(&self, account: &str) -> Value {
        let tags: Vec<Value> = self.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        let document = percent_encoding::utf8_percent_encode(&self.trust, percent_encoding::NON_ALPHANUMERIC);
        json!({
            "Path": self.path,
            "RoleName": self.name,
            "RoleId": self.id,
            "Arn": self.arn(account),
            "CreateDate": self.born.at.iso(),
            "AssumeRolePolicyDocument": document.to_string(),
            "Description": self.description,
            "MaxSessionDuration": self.max_session_seconds,
            "Tags": if tags.is_empty() { Value::Null } else { Value::Array(tags) },
        })
    }
}

/// Whether Systems Manager can use a role, given as it is given there: the name, with the path before it and no
/// leading slash. Counts down the attempts of a role that has not settled.
pub fn usable_by_ssm(account: &mut Account, name: &str) -> bool {
    let advanced = account.advanced;
    let id = account.id.clone();
    let Some(role) = account.roles.values_mut().find(|role| role.given_name() == name) else {
        return false;
    };
    if role.unsettled_attempts > 0 {
        role.unsettled_attempts -= 1;
        return false;
    }
    role.born.now(advanced) >= role.unsettled_until
        && trust::trusts(&role.trust, &trust::Asker::Service { name: "ssm.amazonaws.com", account: &id })
}
