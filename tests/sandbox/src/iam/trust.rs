//! Trust policies: who may assume a role. Statements, principals and the conditions that are used with them in
//! practice (external ID, source account, audience and subject of a token); other conditions do not match.

use serde_json::{Value, json};

/// Who asks to assume a role.
pub enum Asker<'a> {
    /// A service, for a role that it is to use in `account`.
    Service { name: &'a str, account: &'a str },
    Principal {
        arn: &'a str,
        /// The role behind a session.
        role_arn: Option<&'a str>,
        account: &'a str,
        external_id: Option<&'a str>,
    },
    WebIdentity {
        /// Without `https://`.
        issuer: &'a str,
        audience: &'a str,
        subject: &'a str,
    },
}

/// Whether `document` has an Allow statement for the asker and no Deny.
pub fn trusts(document: &str, asker: &Asker<'_>) -> bool {
    let Ok(document) = serde_json::from_str::<Value>(document) else {
        return false;
    };
    let mut allowed = false;
    for statement in list(&document["Statement"]) {
        let fits = has_action(statement, asker) && has_principal(statement, asker) && conditions_hold(statement, asker);
        match (fits, statement["Effect"].as_str()) {
            (true, Some("Allow")) => allowed = true,
            (true, Some("Deny")) => return false,
            _ => {}
        }
    }
    allowed
}

/// Whether the text is a policy document with statements that all name a principal.
pub fn is_trust_policy(document: &str) -> bool {
    let Ok(document) = serde_json::from_str::<Value>(document) else {
        return false;
    };
    let statements = list(&document["Statement"]);
    !statements.is_empty()
        && statements.iter().all(|statement| {
            matches!(statement["Effect"].as_str(), Some("Allow" | "Deny"))
                && !statement["Principal"].is_null()
                && !statement["Action"].is_null()
        })
}

/// A trust policy for services and principals; an entry that starts with `https://` is a token issuer.
pub fn document(account: &str, services: &[String], principals: &[String], external_id: Option<&str>) -> String {
    let mut statements = Vec::new();
    if !services.is_empty() {
        statements.push(json!({
            "Effect": "Allow",
            "Principal": {"Service": services},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }));
    }
    let (issuers, people): (Vec<&String>, Vec<&String>) =
        principals.iter().partition(|entry| entry.starts_with("https://"));
    if !people.is_empty() {
        let mut statement = json!({
            "Effect": "Allow",
            "Principal": {"AWS": people},
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        });
        if let Some(external_id) = external_id {
            statement["Condition"] = json!({"StringEquals": {"sts:ExternalId": external_id}});
        }
        statements.push(statement);
    }
    for issuer in issuers {
        statements.push(json!({
            "Effect": "Allow",
            "Principal": {"Federated": provider_arn(account, issuer.trim_start_matches("https://"))},
            "Action": "sts:AssumeRoleWithWebIdentity",
        }));
    }
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

/// ARN of the identity provider of an issuer (given without `https://`).
pub fn provider_arn(account: &str, issuer: &str) -> String {
    format!("arn:aws:iam::{account}:oidc-provider/{issuer}")
}

/// One or many, as policies allow everywhere.
fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().collect(),
        one => vec![one],
    }
}

fn texts(value: &Value) -> Vec<&str> {
    list(value).into_iter().filter_map(Value::as_str).collect()
}

fn has_action(statement: &Value, asker: &Asker<'_>) -> bool {
    let action = match asker {
        Asker::WebIdentity { .. } => "sts:AssumeRoleWithWebIdentity",
        _ => "sts:AssumeRole",
    };
    texts(&statement["Action"]).iter().any(|pattern| crate::identity::matches(pattern, action))
}

fn has_principal(statement: &Value, asker: &Asker<'_>) -> bool {
    let principal = &statement["Principal"];
    if principal.as_str() == Some("*") {
        return true;
    }
    match asker {
        Asker::Service { name, .. } => texts(&principal["Service"]).contains(name),
        Asker::Principal { arn, role_arn, account, .. } => texts(&principal["AWS"]).iter().any(|entry| {
            *entry == "*"
                || entry == arn
                || Some(*entry) == *role_arn
                || entry == account
                || *entry == format!("arn:aws:iam::{account}:root")
        }),
        Asker::WebIdentity { issuer, .. } => texts(&principal["Federated"])
            .iter()
            .any(|entry| entry.split_once(":oidc-provider/").is_some_and(|(_, found)| found == *issuer)),
    }
}

fn conditions_hold(statement: &Value, asker: &Asker<'_>) -> bool {
    let Some(conditions) = statement["Condition"].as_object() else {
        return true;
    };
    conditions.iter().all(|(operator, tests)| {
        let like = match operator.as_str() {
            "StringEquals" | "ArnEquals" => false,
            "StringLike" | "ArnLike" => true,
            _ => return false,
        };
        tests.as_object().is_some_and(|tests| {
            tests.iter().all(|(key, wanted)| {
                // The ARN of the resource on whose behalf a service acts is not modelled: it is taken to fit.
                if key.eq_ignore_ascii_case("aws:SourceArn") {
                    return matches!(asker, Asker::Service { .. });
                }
                value_of(key, asker).is_some_and(|value| {
                    texts(wanted)
                        .iter()
                        .any(|wanted| if like { crate::identity::matches(wanted, value) } else { *wanted == value })
                })
            })
        })
    })
}

fn value_of<'a>(key: &str, asker: &Asker<'a>) -> Option<&'a str> {
    match asker {
        Asker::Service { account, .. } => key.eq_ignore_ascii_case("aws:SourceAccount").then_some(account),
        Asker::Principal { external_id, .. } => {
            if key.eq_ignore_ascii_case("sts:ExternalId") {
                *external_id
            } else {
                None
            }
        }
        Asker::WebIdentity { issuer, audience, subject } => match key.strip_prefix(issuer)? {
            ":aud" => Some(audience),
            ":sub" => Some(subject),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSM: Asker<'_> = Asker::Service { name: "ssm.amazonaws.com", account: "111122223333" };

    #[test]
    fn services() {
        let with = |condition: &str| {
            format!(
                r#"{{"Statement":{{"Effect":"Allow","Principal":{{"Service":"ssm.amazonaws.com"}},"Action":"sts:AssumeRole"{condition}}}}}"#
            )
        };
        for (document, expected) in [
            (with(""), true),
            (with(r#","Condition":{"StringEquals":{"aws:SourceAccount":"111122223333"}}"#), true),
            (with(r#","Condition":{"StringEquals":{"aws:SourceAccount":"999922223333"}}"#), false),
            (with(r#","Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:ssm:us-west-2:111122223333:*"}}"#), true),
            (with("").replace("ssm.", "ec2."), false),
            (with("").replace("Allow", "Deny"), false),
            (with("").replace("sts:AssumeRole", "sts:TagSession"), false),
            ("not json".to_owned(), false),
        ] {
            assert_eq!(trusts(&document, &SSM), expected, "{document}");
        }
    }

    #[test]
    fn principals_and_external_ids() {
        let asker = |external_id| Asker::Principal {
            arn: "arn:aws:iam::111122223333:user/u",
            role_arn: None,
            account: "111122223333",
            external_id,
        };
        let open = document("1", &[], &["arn:aws:iam::111122223333:root".into()], None);
        let closed = document("1", &[], &["111122223333".into()], Some("secret"));
        let other = document("1", &[], &["arn:aws:iam::111122223333:user/v".into()], None);
        for (document, external_id, expected) in [
            (&open, None, true),
            (&open, Some("any"), true),
            (&closed, Some("secret"), true),
            (&closed, Some("wrong"), false),
            (&closed, None, false),
            (&other, None, false),
        ] {
            assert_eq!(trusts(document, &asker(external_id)), expected, "{document} {external_id:?}");
        }
    }

    #[test]
    fn web_identities() {
        let document = document("1", &[], &["https://issuer.test/x".into()], None);
        for (issuer, expected) in [("issuer.test/x", true), ("issuer.test/y", false)] {
            let asker = Asker::WebIdentity { issuer, audience: "sts.amazonaws.com", subject: "s" };
            assert_eq!(trusts(&document, &asker), expected);
        }
        assert!(!trusts(&document, &SSM));
    }
}
