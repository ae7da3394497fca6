//! The ConfigMap kube-system/aws-auth: lists of roles, users and accounts, each as YAML text in one key.

use serde_json::Value;

use super::{access::Granted, token::Identity};
use crate::plane::api::Api;

const PATH: &str = "/api/v1/namespaces/kube-system/configmaps/aws-auth";

struct Entry {
    arn: String,
    username: String,
    groups: Vec<String>,
}

impl Entry {
    /// An entry as the authenticator reads it: values of a wrong type are dropped, names are case-insensitive and
    /// read in the order of a JSON object's names, and without an ARN there is no entry.
    fn of(item: &Value) -> Option<Self> {
        let mut entry = Self { arn: String::new(), username: String::new(), groups: Vec::new() };
        for (name, value) in item.as_object()? {
            let text = || value.as_str().map(ToOwned::to_owned);
            match name.to_ascii_lowercase().as_str() {
                "rolearn" | "userarn" => entry.arn = text().unwrap_or(entry.arn),
                "username" => entry.username = text().unwrap_or(entry.username),
                "groups" => {
                    let groups = value.as_array().into_iter().flatten().filter_map(Value::as_str);
                    entry.groups = groups.map(ToOwned::to_owned).collect();
                }
                _ => {}
            }
        }
        (!entry.arn.is_empty()).then_some(entry)
    }
}

/// The current grants of a cluster's map.
pub async fn granted(api: &Api, identity: &Identity) -> Option<Granted> {
    let map = api.get(PATH).await.ok()?;
    of_map(&map["data"], identity)
}

/// A value that is not YAML, or not such a list, counts as empty.
fn of_map(data: &Value, identity: &Identity) -> Option<Granted> {
    let arn = identity.pathless_arn();
    let members = if identity.session.is_empty() { ["mapUsers", "mapRoles"] } else { ["mapRoles", "mapUsers"] };
    for member in members {
        let mut entries: Vec<Entry> = list(&data[member]).iter().filter_map(Entry::of).collect();
        // Of several entries, the last one takes effect.
        entries.reverse();
        if let Some(entry) = entries.into_iter().find(|entry| entry.arn.eq_ignore_ascii_case(&arn)) {
            let username = if entry.username.is_empty() { identity.arn.clone() } else { entry.username };
            return Some(Granted { username, groups: entry.groups });
        }
    }
    // Every principal of a listed account is identified by its ARN, without groups.
    let accounts = list(&data["mapAccounts"]);
    // Unquoted, an account id is a number.
    let text = |account: &Value| match account {
        Value::Number(number) => number.to_string(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let listed = accounts.iter().any(|account| text(account) == identity.account);
    listed.then(|| Granted { username: identity.arn.clone(), groups: Vec::new() })
}

/// The authenticator first converts the text to JSON, with go-yaml v2.
fn list(member: &Value) -> Vec<Value> {
    let data = member.as_str().and_then(|text| helm::from_yaml(text).ok()).unwrap_or_default();
    data.as_list().into_iter().flatten().map(Value::from).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identity(principal: &str, session: &str) -> Identity {
        Identity {
            arn: "arn:aws:sts::111122223333:assumed-role/nodes/s".into(),
            user_id: "AROAEXAMPLE:s".into(),
            account: "111122223333".into(),
            access_key: "ASIAEXAMPLE".into(),
            principal_arn: principal.into(),
            session: session.into(),
        }
    }

    #[test]
    fn entries_are_found_as_the_authenticator_finds_them() {
        let role = "arn:aws:iam::111122223333:role/team/nodes";
        let user = "arn:aws:iam::111122223333:user/ann";
        let roles = "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{SessionName}}\n  groups: [system:bootstrappers, system:nodes]\n";
        let users = "- userarn: arn:aws:iam::111122223333:user/ann\n  username: ann\n  groups:\n    - team\n";
        for (data, principal, session, expected) in [
            (json!({"mapRoles": roles}), role, "s", Some("system:node:{{SessionName}}")),
            (json!({"mapRoles": roles, "mapUsers": users}), user, "", Some("ann")),
            // A path in the map never matches, as on EKS.
            (json!({"mapRoles": roles.replace("role/nodes", "role/team/nodes")}), role, "s", None),
            (json!({"mapRoles": "- rolearn: [\n"}), role, "s", None),
            // An invalid entry does not affect the others; a value of another type is ignored.
            (
                json!({"mapRoles": format!("- text\n- role_arn: x\n{roles}")}),
                role,
                "s",
                Some("system:node:{{SessionName}}"),
            ),
            (
                json!({"mapRoles": roles.replace("system:node:{{SessionName}}", "12")}),
                role,
                "s",
                Some("arn:aws:sts::111122223333:assumed-role/nodes/s"),
            ),
            (json!({"mapRoles": format!("- &x\n  username: other\n{}  <<: *x\n", roles)}), role, "s", Some("other")),
            (
                json!({"mapAccounts": "- \"111122223333\"\n"}),
                role,
                "s",
                Some("arn:aws:sts::111122223333:assumed-role/nodes/s"),
            ),
            (json!({"mapAccounts": "- \"444455556666\"\n"}), role, "s", None),
            (json!({}), role, "s", None),
        ] {
            let granted = of_map(&data, &identity(principal, session));
            assert_eq!(granted.map(|granted| granted.username).as_deref(), expected, "{data}");
        }
    }
}
