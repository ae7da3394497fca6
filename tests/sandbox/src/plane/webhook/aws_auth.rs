//! The ConfigMap kube-system/aws-auth: lists of roles, users and accounts, each list as YAML text in a member.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{access::Granted, token::Identity};
use crate::plane::api::Api;

const PATH: &str = "/api/v1/namespaces/kube-system/configmaps/aws-auth";

#[derive(Deserialize)]
struct Entry {
    #[serde(alias = "userarn")]
    rolearn: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    groups: Vec<String>,
}

/// What the map of a cluster grants now.
pub async fn granted(api: &Api, identity: &Identity) -> Option<Granted> {
    let map = api.get(PATH).await.ok()?;
    of_map(&map["data"], identity)
}

/// A member that is not YAML, or not such a list, counts as empty.
fn of_map(data: &Value, identity: &Identity) -> Option<Granted> {
    let arn = identity.pathless_arn();
    let members = if identity.session.is_empty() { ["mapUsers", "mapRoles"] } else { ["mapRoles", "mapUsers"] };
    for member in members {
        let entries: Vec<Entry> = list(&data[member]);
        if let Some(entry) = entries.into_iter().find(|entry| entry.rolearn.eq_ignore_ascii_case(&arn)) {
            let username = if entry.username.is_empty() { identity.arn.clone() } else { entry.username };
            return Some(Granted { username, groups: entry.groups });
        }
    }
    // Everybody of a listed account comes under their ARN, without groups.
    let accounts: Vec<Value> = list(&data["mapAccounts"]);
    // Written without quotes an account is a number.
    let text = |account: &Value| account.as_str().map_or_else(|| account.to_string(), ToOwned::to_owned);
    let listed = accounts.iter().any(|account| text(account) == identity.account);
    listed.then(|| Granted { username: identity.arn.clone(), groups: Vec::new() })
}

fn list<T: DeserializeOwned>(member: &Value) -> Vec<T> {
    member.as_str().and_then(|text| serde_yaml_ng::from_str(text).ok()).unwrap_or_default()
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
