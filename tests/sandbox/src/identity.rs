//! Who calls: principals, their keys, and what they may do. Permissions are lists of actions; resources and
//! conditions of policies are not modelled.

use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// A key pair, with the session that it belongs to.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credential {
    pub account: String,
    pub secret: String,
    /// Set for temporary credentials; requests must carry it.
    pub session_token: Option<String>,
    /// Real time.
    pub expires: Option<Moment>,
    pub principal: Principal,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Principal {
    pub arn: String,
    pub user_id: String,
    /// ARN of the role behind a session.
    pub role_arn: Option<String>,
    /// Every one must permit an action: the principal's own policy, then a session's.
    pub permissions: Vec<Permissions>,
}

/// Actions such as `ssm:CreateActivation`, with `*` for any run of characters; case is ignored, as in IAM.
#[derive(Clone, Serialize, Deserialize)]
pub struct Permissions {
    pub allow: Vec<String>,
    pub deny: Vec<String>,
}

impl Permissions {
    pub fn all() -> Self {
        Self { allow: vec!["*".into()], deny: Vec::new() }
    }

    /// Reads the actions of a session policy; `None` when it is not a policy document.
    pub fn of_policy(text: &str) -> Option<Self> {
        let document: serde_json::Value = serde_json::from_str(text).ok()?;
        let statement = document.get("Statement")?;
        let mut permissions = Self { allow: Vec::new(), deny: Vec::new() };
        let one = std::slice::from_ref(statement);
        for statement in statement.as_array().map_or(one, Vec::as_slice) {
            let list = match statement.get("Effect")?.as_str()? {
                "Allow" => &mut permissions.allow,
                "Deny" => &mut permissions.deny,
                _ => return None,
            };
            let action = statement.get("Action")?;
            match action {
                serde_json::Value::String(action) => list.push(action.clone()),
                other => {
                    list.extend(other.as_array()?.iter().filter_map(|action| action.as_str().map(ToOwned::to_owned)));
                }
            }
        }
        Some(permissions)
    }
}

/// Why an action is not allowed, in the words of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    NothingAllows,
    ExplicitDeny,
}

impl Principal {
    pub fn may(&self, action: &str) -> Result<(), Refused> {
        for layer in &self.permissions {
            if layer.deny.iter().any(|pattern| matches(pattern, action)) {
                return Err(Refused::ExplicitDeny);
            }
            if !layer.allow.iter().any(|pattern| matches(pattern, action)) {
                return Err(Refused::NothingAllows);
            }
        }
        Ok(())
    }

    /// AWS's sentence for a refused action.
    pub fn refusal(&self, action: &str, resource: Option<&str>, why: Refused) -> String {
        let on = resource.map_or(String::new(), |resource| format!(" on resource: {resource}"));
        let why = match why {
            Refused::NothingAllows => {
                format!(" because no identity-based policy allows the {action} action")
            }
            Refused::ExplicitDeny => " with an explicit deny in an identity-based policy".to_owned(),
        };
        format!("User: {} is not authorized to perform: {action}{on}{why}", self.arn)
    }
}

/// Whether `text` fits a pattern in which `*` matches any run of characters.
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    let text = text.to_ascii_lowercase();
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_patterns() {
        for (pattern, action, expected) in [
            ("*", "ssm:CreateActivation", true),
            ("ssm:*", "ssm:CreateActivation", true),
            ("ssm:Create*", "ssm:DeleteActivation", false),
            ("ssm:createactivation", "ssm:CreateActivation", true),
            ("ssm:*Activation", "ssm:CreateActivation", true),
            ("ssm:*Activation", "ssm:DescribeActivations", false),
            ("ssm:CreateActivation", "ssm:CreateActivations", false),
            ("s*m:*e*n", "ssm:CreateActivation", true),
        ] {
            assert_eq!(matches(pattern, action), expected, "{pattern} {action}");
        }
    }

    #[test]
    fn every_layer_must_permit_and_a_deny_wins() {
        let layer = |allow: &[&str], deny: &[&str]| Permissions {
            allow: allow.iter().map(|s| (*s).to_owned()).collect(),
            deny: deny.iter().map(|s| (*s).to_owned()).collect(),
        };
        for (layers, expected) in [
            (vec![layer(&["*"], &[])], Ok(())),
            (vec![layer(&["*"], &["ssm:A"])], Err(Refused::ExplicitDeny)),
            (vec![layer(&["eks:*"], &[])], Err(Refused::NothingAllows)),
            (vec![layer(&["*"], &[]), layer(&["eks:*"], &[])], Err(Refused::NothingAllows)),
        ] {
            let principal = Principal {
                arn: "arn:aws:iam::111122223333:user/u".into(),
                user_id: "AIDA".into(),
                role_arn: None,
                permissions: layers,
            };
            assert_eq!(principal.may("ssm:A"), expected);
        }
    }

    #[test]
    fn session_policies_are_read() {
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ssm:*"],"Resource":"*"},{"Effect":"Deny","Action":"ssm:DeleteActivation","Resource":"*"}]}"#;
        let permissions = Permissions::of_policy(policy).unwrap();
        assert_eq!(permissions.allow, ["ssm:*"]);
        assert_eq!(permissions.deny, ["ssm:DeleteActivation"]);
        assert!(Permissions::of_policy("{}").is_none());
        assert!(Permissions::of_policy("no policy").is_none());
    }
}
