//! What types declare about permissions: that it is written as the function and the pages read it, and that the guide
//! shows what the example stacks need.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use ekshybrid::attributes::permissions::{AWS, KUBERNETES};
use framework::server::Server;
use framework::value::Value;

use super::{bare, golden};

const GUIDE: &str = "docs/guides/permissions.md";
const BEGIN: &str = "<!-- stacks: written by `EKSHYBRID_RENEW_GOLDEN=1 cargo test --test contract` -->\n";
const END: &str = "<!-- end of stacks -->\n";

#[test]
fn permissions_are_written_in_the_words_of_their_systems() {
    let verbs =
        ["*", "approve", "bind", "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    let is_name = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    for declared in bare().declared() {
        let of = declared.kind.address(declared.name);
        for permission in declared.all() {
            assert!(!permission.acts.is_empty() && !permission.on.is_empty(), "{of}: {permission:?}");
            assert!(!permission.when.ends_with('.'), "{of}: {permission:?}");
            match permission.system {
                AWS => {
                    let actions = permission.acts.iter().map(|act| act.split_once(':').expect("service:Action"));
                    assert!(
                        actions.clone().all(|(service, name)| {
                            is_name(&service.replace('-', ""))
                                && is_name(name)
                                && name.starts_with(|c: char| c.is_ascii_uppercase())
                        }),
                        "{of}: {permission:?}"
                    );
                    let is_arn = permission.on.starts_with("arn:{partition}:") && permission.on.split(':').count() >= 6;
                    assert!(permission.on == "*" || is_arn, "{of}: {permission:?}");
                }
                KUBERNETES => {
                    assert!(permission.acts.iter().all(|verb| verbs.contains(verb)), "{of}: {permission:?}");
                }
                other => panic!("{of}: there is no system {other}"),
            }
        }
    }
}

#[test]
fn a_role_is_passed_only_with_a_permission_that_roles_can_narrow_down() {
    let mut passing = BTreeSet::new();
    for declared in bare().declared() {
        for permission in declared.all().filter(|permission| permission.acts.contains(&"iam:PassRole")) {
            assert_eq!(permission.acts, ["iam:PassRole"], "{}: nothing is beside it", declared.name);
            passing.insert(declared.kind.address(declared.name));
        }
    }
    let expected = ["activation", "managed_instance", "node", "node_access", "outpost_cluster", "vpc_cni"];
    assert_eq!(passing, expected.map(|name| format!("ekshybrid_{name}")).into());
}

/// The types of this provider in a stack, as they begin an address.
fn types(stack: &std::path::Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(stack).expect("a stack's folder") {
        let path = entry.expect("a file").path();
        if path.extension().is_none_or(|extension| extension != "tf") {
            continue;
        }
        for line in fs::read_to_string(&path).expect("a configuration").lines() {
            let mut words = line.split_whitespace();
            let (Some(block), Some(name)) = (words.next(), words.next()) else { continue };
            let name = name.trim_matches('"');
            if !name.starts_with("ekshybrid_") {
                continue;
            }
            match block {
                "resource" => found.insert(name.to_owned()),
                "data" | "ephemeral" | "action" | "list" => found.insert(format!("{block}.{name}")),
                _ => false,
            };
        }
    }
    found
}

/// What the function returns for types: policy and roles.
async fn required(types: &BTreeSet<String>) -> (String, String) {
    let types = Value::List(types.iter().map(|name| Value::from(name.as_str())).collect());
    let returned = bare().call_function("required_permissions".to_owned(), vec![types]).await.expect("permissions");
    let text = |name: &str| returned.attribute(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("iam_policy"), text("rbac"))
}

#[tokio::test]
async fn the_guide_shows_what_the_stacks_need() {
    let mut stacks = BTreeMap::new();
    for entry in fs::read_dir("examples/stacks").expect("the stacks") {
        let path = entry.expect("a folder").path();
        stacks.insert(path.file_name().expect("a name").to_string_lossy().into_owned(), types(&path));
    }
    let mut text = String::new();
    for (stack, types) in &stacks {
        assert!(!types.is_empty(), "{stack} uses types of this provider");
        let (policy, rbac) = required(types).await;
        let policy: serde_json::Value = serde_json::from_str(&policy).expect("a policy is JSON");
        let named: Vec<String> = types.iter().map(|name| format!("`{name}`")).collect();
        text.push_str(&format!(
            "### {stack}\n\n{}.\n\n```json\n{}\n```\n\n```yaml\n{rbac}```\n\n",
            named.join(", "),
            serde_json::to_string_pretty(&policy).expect("JSON")
        ));
    }
    let page = fs::read_to_string(GUIDE).expect("the guide");
    let (head, rest) = page.split_once(BEGIN).expect("the guide marks where the stacks begin");
    let (_, tail) = rest.split_once(END).expect("the guide marks where the stacks end");
    golden::compare(GUIDE, &format!("{head}{BEGIN}\n{text}{END}{tail}"));
}
