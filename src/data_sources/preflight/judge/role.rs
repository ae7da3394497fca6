//! The hybrid nodes' role: whom it trusts, and what it may do.

use serde_json::Value as Json;

use crate::aws::iam::{Decision, Role};
use crate::data_sources::preflight::check::checks;
use crate::data_sources::preflight::facts::rights::{AGENT, DEREGISTRATION, EVERY_NODE, Right};
use crate::data_sources::preflight::facts::{Facts, Missing, known};
use crate::data_sources::preflight::report::{Found, Report};

checks! {
    NO_ROLE: Error, "role",
        "The role does not exist.",
        why: "Hosts get their credentials from it: no activation can be created, and no host can join.",
        fix: "Create the role, or correct its name.",
        needs: ["iam:GetRole"];
    TRUST: Error, "role_trust",
        "The role trusts neither Systems Manager nor IAM Roles Anywhere, or only for another account or region.",
        why: "Systems Manager refuses an activation with such a role, or its hosts get no credentials.",
        fix: "Set the trust policy with the function `hybrid_node_trust_policy`.",
        needs: ["iam:GetRole"];
    PERMISSIONS: Error, "role_permissions",
        "The role may not do what a hybrid node does: describe the cluster, list its access entries, pull images from ECR, and report to Systems Manager.",
        why: "`nodeadm init` fails, the agent stays offline, or pods wait for images for ever.",
        fix: "Attach AmazonSSMManagedInstanceCore and AmazonEC2ContainerRegistryPullOnly, and the policy from the function `hybrid_node_role_policy`.",
        needs: ["eks:DescribeCluster", "iam:GetRole", "iam:SimulatePrincipalPolicy"];
    UNINSTALL: Warning, "role_uninstall",
        "The role may not deregister its own hosts.",
        why: "`nodeadm uninstall` fails on the host, and a registered host that no longer exists stays in Systems Manager.",
        fix: "Attach the policy from the function `hybrid_node_role_policy`.",
        needs: ["eks:DescribeCluster", "iam:GetRole", "iam:SimulatePrincipalPolicy"];
}

pub(super) fn run(facts: &Facts, report: &mut Report) {
    let role = || match known(&facts.role)? {
        Some(role) => Ok(role),
        // That is a finding of its own.
        None => Err(Missing::NotAsked),
    };
    report.run(&NO_ROLE, || {
        let name = facts.asked.role.as_deref().unwrap_or_default();
        Ok(known(&facts.role)?
            .is_none()
            .then(|| Found::new(name, format!("There is no role `{name}`.")))
            .into_iter()
            .collect())
    });
    report.run(&TRUST, || {
        let place = Place { account: account_of(&role()?.arn), region: &facts.region };
        Ok(trust(role()?, place, facts.asked.activation.is_some()))
    });
    report.run(&PERMISSIONS, || {
        let needed = if is_for_agent(role()?, facts.asked.activation.is_some()) {
            [EVERY_NODE.as_slice(), &AGENT].concat()
        } else {
            EVERY_NODE.to_vec()
        };
        Ok(denied(role()?, known(&facts.decisions)?, &needed))
    });
    report.run(&UNINSTALL, || {
        if !is_for_agent(role()?, facts.asked.activation.is_some()) {
            return Err(Missing::NotAsked);
        }
        Ok(denied(role()?, known(&facts.decisions)?, &DEREGISTRATION))
    });
}

/// Where the hosts register.
#[derive(Clone, Copy)]
struct Place<'a> {
    account: &'a str,
    region: &'a str,
}

fn account_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

const SSM: &str = "ssm.amazonaws.com";
const ROLES_ANYWHERE: &str = "rolesanywhere.amazonaws.com";

/// Whether the role's hosts register with Systems Manager.
fn is_for_agent(role: &Role, has_activation: bool) -> bool {
    has_activation
        || !statements(role).iter().any(|statement| names(statement, ROLES_ANYWHERE))
        || statements(role).iter().any(|statement| names(statement, SSM))
}

fn trust(role: &Role, place: Place<'_>, needs_ssm: bool) -> Vec<Found> {
    let statements = statements(role);
    if statements.is_empty() {
        return vec![Found::new(&role.arn, "The trust policy has no statement that could be read.")];
    }
    let of = |service: &str| statements.iter().filter(|statement| names(statement, service)).collect::<Vec<_>>();
    let ssm = of(SSM);
    if ssm.is_empty() {
        if !needs_ssm && !of(ROLES_ANYWHERE).is_empty() {
            return Vec::new();
        }
        let also = if needs_ssm { "" } else { ", nor IAM Roles Anywhere" };
        return vec![Found::new(&role.arn, format!("The role does not trust Systems Manager{also}."))];
    }
    let misfits: Vec<String> = ssm.iter().filter_map(|statement| misfit(statement, place)).collect();
    match misfits.first() {
        // One statement that fits is enough.
        Some(misfit) if misfits.len() == ssm.len() => {
            vec![Found::new(&role.arn, format!("The role trusts Systems Manager only {misfit}."))]
        }
        _ => Vec::new(),
    }
}

/// The statements that let somebody assume the role.
fn statements(role: &Role) -> Vec<Json> {
    let document: Json = serde_json::from_str(&role.trust_policy).unwrap_or_default();
    let allows = |statement: &Json| {
        statement["Effect"] == "Allow"
            && list(&statement["Action"])
                .any(|action| ["sts:AssumeRole", "sts:*", "*"].iter().any(|one| action.eq_ignore_ascii_case(one)))
    };
    match document["Statement"].clone() {
        Json::Array(statements) => statements.into_iter().filter(allows).collect(),
        one => [one].into_iter().filter(allows).collect(),
    }
}

fn list(value: &Json) -> impl Iterator<Item = &str> {
    let many = value.as_array().into_iter().flatten();
    value.as_str().into_iter().chain(many.filter_map(Json::as_str))
}

fn names(statement: &Json, service: &str) -> bool {
    list(&statement["Principal"]["Service"]).any(|one| one == service)
}

/// The condition of a statement that the hosts' account or region does not meet; conditions of other kinds are not
/// judged.
fn misfit(statement: &Json, place: Place<'_>) -> Option<String> {
    for (operator, tests) in statement["Condition"].as_object()? {
        let is_judged = ["StringEquals", "StringLike", "ArnEquals", "ArnLike"].contains(&operator.as_str());
        for (key, wanted) in tests.as_object().into_iter().flatten().filter(|_| is_judged) {
            let given: Vec<&str> = list(wanted).collect();
            if key.eq_ignore_ascii_case("aws:SourceAccount") && !given.iter().any(|one| matches(one, place.account)) {
                return Some(format!("for account {}", given.join(", ")));
            }
            let fits = |arn: &&str| {
                let mut parts = arn.split(':').skip(3);
                parts.next().is_some_and(|one| matches(one, place.region))
                    && parts.next().is_some_and(|one| matches(one, place.account))
            };
            if key.eq_ignore_ascii_case("aws:SourceArn") && !given.iter().any(fits) {
                return Some(format!("for {}", given.join(", ")));
            }
        }
    }
    None
}

/// Whether a pattern, in which `*` is any run of characters, fits a text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text
            .strip_prefix(start)
            .is_some_and(|text| (0..=text.len()).any(|at| text.get(at..).is_some_and(|text| matches(rest, text)))),
    }
}

fn denied(role: &Role, decisions: &[Decision], needed: &[Right]) -> Vec<Found> {
    // A condition on a tag or another value is not judged without that value.
    let is_denied = |action: &str| {
        let mut of = decisions.iter().filter(|one| one.action.eq_ignore_ascii_case(action));
        of.any(|one| !one.is_allowed && one.missing_context.is_empty())
    };
    let denied = needed.iter().filter(|(action, _)| is_denied(action));
    let actions: Vec<String> = denied.map(|(action, _)| format!("`{action}`")).collect();
    if actions.is_empty() {
        return Vec::new();
    }
    vec![Found::new(&role.arn, format!("The policies of the role do not allow {}.", actions.join(", ")))]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HERE: Place<'_> = Place { account: "111122223333", region: "us-west-2" };

    fn role(trust_policy: &Json) -> Role {
        Role { arn: "arn:aws:iam::111122223333:role/hybrid".to_owned(), trust_policy: trust_policy.to_string() }
    }

    fn trusting(service: &str, condition: &Json) -> Role {
        role(&json!({ "Statement": [{
            "Effect": "Allow", "Principal": { "Service": service }, "Action": ["sts:AssumeRole"], "Condition": condition,
        }] }))
    }

    #[test]
    fn whom_a_role_trusts() {
        for (name, role, needs_ssm, expected) in [
            ("ssm", trusting(SSM, &Json::Null), true, None),
            ("rolesanywhere", trusting(ROLES_ANYWHERE, &Json::Null), false, None),
            (
                "rolesanywhere with an activation",
                trusting(ROLES_ANYWHERE, &Json::Null),
                true,
                Some("The role does not trust Systems Manager."),
            ),
            (
                "ec2",
                trusting("ec2.amazonaws.com", &Json::Null),
                false,
                Some("The role does not trust Systems Manager, nor IAM Roles Anywhere."),
            ),
            (
                "its account",
                trusting(SSM, &json!({ "StringEquals": { "aws:SourceAccount": "111122223333" } })),
                true,
                None,
            ),
            (
                "another account",
                trusting(SSM, &json!({ "StringEquals": { "aws:SourceAccount": "999922223333" } })),
                true,
                Some("The role trusts Systems Manager only for account 999922223333."),
            ),
            (
                "its region",
                trusting(SSM, &json!({ "ArnEquals": { "aws:SourceArn": "arn:aws:ssm:us-west-2:111122223333:*" } })),
                true,
                None,
            ),
            (
                "another region",
                trusting(SSM, &json!({ "ArnLike": { "aws:SourceArn": "arn:aws:ssm:eu-*:111122223333:*" } })),
                true,
                Some("The role trusts Systems Manager only for arn:aws:ssm:eu-*:111122223333:*."),
            ),
            (
                "a condition of another kind",
                trusting(SSM, &json!({ "Bool": { "aws:SecureTransport": "true" } })),
                true,
                None,
            ),
            (
                "one statement is enough",
                role(&json!({ "Statement": [
                { "Effect": "Allow", "Principal": { "Service": SSM }, "Action": "sts:AssumeRole", "Condition": { "StringEquals": { "aws:SourceAccount": "9" } } },
                { "Effect": "Allow", "Principal": { "Service": [SSM, "ec2.amazonaws.com"] }, "Action": "sts:AssumeRole" },
            ] })),
                true,
                None,
            ),
            (
                "no list",
                role(
                    &json!({ "Statement": { "Effect": "Allow", "Principal": { "Service": SSM }, "Action": "sts:AssumeRole" } }),
                ),
                true,
                None,
            ),
            (
                "only tags",
                role(
                    &json!({ "Statement": { "Effect": "Allow", "Principal": { "Service": SSM }, "Action": "sts:TagSession" } }),
                ),
                true,
                Some("The trust policy has no statement that could be read."),
            ),
        ] {
            let found = trust(&role, HERE, needs_ssm);
            assert_eq!(found.first().map(|one| one.what.as_str()), expected, "{name}");
        }
    }

    #[test]
    fn hosts_of_roles_anywhere_have_no_agent() {
        for (role, has_activation, expected) in [
            (trusting(SSM, &Json::Null), false, true),
            (trusting(ROLES_ANYWHERE, &Json::Null), false, false),
            (trusting(ROLES_ANYWHERE, &Json::Null), true, true),
            (trusting("ec2.amazonaws.com", &Json::Null), false, true),
        ] {
            assert_eq!(is_for_agent(&role, has_activation), expected, "{role:?}");
        }
    }

    #[test]
    fn what_depends_on_a_condition_is_not_called_denied() {
        let decision = |action: &str, is_allowed, keys: &[&str]| Decision {
            action: action.to_owned(),
            is_allowed,
            missing_context: keys.iter().map(ToString::to_string).collect(),
        };
        let decisions = [
            decision("ssm:describeinstanceinformation", false, &[]),
            decision("ssm:DeregisterManagedInstance", false, &["ssm:resourceTag/EKSClusterARN"]),
            decision("eks:DescribeCluster", true, &[]),
        ];
        let role = trusting(SSM, &Json::Null);
        let whats =
            |needed: &[Right]| denied(&role, &decisions, needed).into_iter().map(|one| one.what).collect::<Vec<_>>();
        assert_eq!(
            whats(&DEREGISTRATION),
            ["The policies of the role do not allow `ssm:DescribeInstanceInformation`."]
        );
        assert_eq!(whats(&EVERY_NODE), [""; 0]);
    }

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "x", true),
            ("us-*", "us-west-2", true),
            ("us-*", "eu-west-1", false),
            ("a*c", "abc", true),
            ("a*c", "abd", false),
            ("a", "ab", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
