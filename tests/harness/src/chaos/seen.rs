//! What the world looks like between two commands, in a form in which two rounds can be compared.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::{Value as Json, json};

use crate::case::Outside;
use crate::run::chain;
use crate::sandbox::Account;

/// Lists of objects whose names are compared, in addition to what [`Account::dump`] holds whole. The objects of every
/// custom resource definition belong to them too.
const LISTS: [&str; 10] = [
    "/api/v1/namespaces",
    "/api/v1/configmaps",
    "/api/v1/secrets",
    "/api/v1/serviceaccounts",
    "/apis/apps/v1/daemonsets",
    "/apis/apps/v1/deployments",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "/apis/scheduling.k8s.io/v1/priorityclasses",
    DEFINITIONS,
];
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const NODES: &str = "/api/v1/nodes";

/// Everything that a round may change, as it is now. `has_cluster` = there is an API server to ask.
pub fn seen(account: &Account<'_>, has_cluster: bool) -> Result<Json, String> {
    let mut seen = account.dump().map_err(|error| chain(&error))?;
    if has_cluster {
        let mut names = BTreeMap::new();
        for list in LISTS {
            names.insert(list.to_owned(), names_of(&items(account, list)?));
        }
        for definition in items(account, DEFINITIONS)? {
            let spec = &definition["spec"];
            let version = spec["versions"].as_array().into_iter().flatten().find(|version| version["storage"] == true);
            let part = |value: &Json| value.as_str().unwrap_or_default().to_owned();
            let version = version.map(|version| part(&version["name"])).unwrap_or_default();
            let list = format!("/apis/{}/{version}/{}", part(&spec["group"]), part(&spec["names"]["plural"]));
            names.insert(list.clone(), names_of(&items(account, &list)?));
        }
        seen["names"] = json!(names);
        let nodes = items(account, NODES)?;
        let node = |node: &Json| (name_of(node), node["metadata"]["annotations"].clone());
        seen["annotations of nodes"] = json!(nodes.iter().map(node).collect::<BTreeMap<_, _>>());
    }
    forget_managers(&mut seen["kubernetes"]);
    Ok(seen)
}

fn items(account: &Account<'_>, list: &str) -> Result<Vec<Json>, String> {
    let (method, path) = ("GET".to_owned(), list.to_owned());
    let asked = Outside::Kube { method, path, body: None, name: Some("list".to_owned()) };
    let answer = account.change(&asked).map_err(|error| chain(&error))?;
    Ok(answer.and_then(|(_, mut answer)| Some(answer["items"].as_array_mut()?.split_off(0))).unwrap_or_default())
}

fn name_of(item: &Json) -> String {
    let part = |name: &str| item["metadata"][name].as_str().unwrap_or_default();
    format!("{}/{}", part("namespace"), part("name"))
}

/// The names of objects. Revisions of a release are one: a repeated apply makes more of them.
fn names_of(items: &[Json]) -> BTreeSet<String> {
    let name = |item: &Json| {
        let name = name_of(item);
        match name.rsplit_once(".v") {
            Some((release, revision)) if name.contains("/sh.helm.release.") && revision.parse::<u32>().is_ok() => {
                release.to_owned()
            }
            _ => name,
        }
    };
    items.iter().map(name).collect()
}

/// Takes out who has written to an object: an object of somebody else's keeps the name of everybody who ever did.
fn forget_managers(value: &mut Json) {
    if let Some(members) = value.as_object_mut() {
        members.remove("managers");
        members.values_mut().for_each(forget_managers);
    }
}

/// Takes out the activations that neither `before` nor the state knows: the answer to their creation went to a process
/// that was killed.
pub fn forget_orphans(before: &Json, known: &BTreeSet<String>, after: &mut Json) {
    let Some(regions) = after["regions"].as_object_mut() else { return };
    for (name, region) in regions {
        let old = before["regions"][name]["ssm"]["activations"].as_object().cloned().unwrap_or_default();
        let activations = region.get_mut("ssm").and_then(|ssm| ssm.get_mut("activations"));
        if let Some(activations) = activations.and_then(Json::as_object_mut) {
            activations.retain(|id, _| old.contains_key(id) || known.contains(id));
        }
    }
}

/// What has changed since `before`, without what differs between any two accounts: their own identifiers, what AWS
/// generates, and times. Objects whose keys are generated become a list. Null when nothing has changed.
pub fn changes(before: &Json, after: &Json, account: &Account<'_>) -> Json {
    let mut own = Vec::new();
    texts(&account.told["holds"], &mut own);
    own.extend(account.told["account_id"].as_str().map(str::to_owned));
    // The longest first: an ARN holds the account's number.
    own.sort_by_key(|text| std::cmp::Reverse(text.len()));
    let generated = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\
                     |\\b[0-9a-f]{64}\\b|\\b(?:mi|i|eni)-[0-9a-f]{17}\\b|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z";
    let generated = Regex::new(generated).expect("the expression is a constant");
    without(&changed(before, after), &|text| {
        let text = own.iter().fold(text.to_owned(), |text, name| text.replace(name.as_str(), "(own)"));
        in_order(&generated.replace_all(&text, "(generated)"))
    })
}

/// The changed members alone.
fn changed(before: &Json, after: &Json) -> Json {
    match (before, after) {
        _ if before == after => Json::Null,
        (Json::Object(old), Json::Object(new)) => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            let of = |side: &serde_json::Map<String, Json>, name| side.get(name).cloned().unwrap_or_default();
            let members = names.into_iter().map(|name| (name.clone(), changed(&of(old, name), &of(new, name))));
            let members: serde_json::Map<String, Json> = members.filter(|(_, change)| !change.is_null()).collect();
            // A member that is null and one that does not exist are the same here.
            if members.is_empty() { Json::Null } else { members.into() }
        }
        (_, Json::Null) => "(gone)".into(),
        _ => after.clone(),
    }
}

/// The entries of aws-auth, which Terraform writes in any order, in one order.
fn in_order(text: &str) -> String {
    let mut entries: Vec<&str> = text.split("\n- rolearn: ").map(|entry| entry.trim_end_matches('\n')).collect();
    if let Some(entries) = entries.get_mut(1..) {
        entries.sort_unstable();
    }
    entries.join("\n- rolearn: ")
}

fn texts(value: &Json, into: &mut Vec<String>) {
    match value {
        Json::String(text) => into.push(text.clone()),
        Json::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Json::Object(members) => members.values().for_each(|member| texts(member, into)),
        _ => {}
    }
}

fn without(value: &Json, rename: &dyn Fn(&str) -> String) -> Json {
    match value {
        Json::String(text) => rename(text).into(),
        // Seconds since 1970, in any form.
        Json::Number(number) if number.as_f64().is_some_and(|number| number > 1e9) => "(generated)".into(),
        Json::Array(items) => items.iter().map(|item| without(item, rename)).collect(),
        Json::Object(members) => {
            let renamed = members.iter().map(|(name, member)| (rename(name), without(member, rename)));
            let renamed: Vec<(String, Json)> = renamed.collect();
            if renamed.iter().any(|(name, _)| name == "(generated)") {
                let mut list: Vec<Json> = renamed.into_iter().map(|(_, member)| member).collect();
                list.sort_by_key(Json::to_string);
                list.into()
            } else {
                Json::Object(renamed.into_iter().collect())
            }
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_keys_become_a_list() {
        let id = |digit: &str| format!("{0}{0}-{1}-{1}-{1}-{0}{0}{0}", digit.repeat(4), digit.repeat(4));
        let rename = |text: &str| {
            let generated = text.len() == 36 && text.matches('-').count() == 4;
            if generated { "(generated)".to_owned() } else { text.to_owned() }
        };
        let value = json!({"activations": {id("b"): {"site": 2}, id("a"): {"site": 1}}, "of": id("a")});
        let expected = json!({"activations": [{"site": 1}, {"site": 2}], "of": "(generated)"});
        assert_eq!(without(&value, &rename), expected);
    }

    #[test]
    fn changes_name_what_came_and_what_went() {
        let before = json!({"a": {"b": 1, "c": 2, "e": null}, "d": [1]});
        let after = json!({"a": {"b": 1, "c": 3}, "f": {"g": null}});
        assert_eq!(changed(&before, &after), json!({"a": {"c": 3}, "d": "(gone)", "f": {"g": null}}));
        assert_eq!(changed(&before, &json!({"a": {"b": 1, "c": 2}, "d": [1]})), Json::Null);
    }

    #[test]
    fn entries_have_one_order() {
        let text = "# theirs\n- rolearn: c\n  groups:\n    - x\n- rolearn: a\n- rolearn: b\n";
        assert_eq!(in_order(text), "# theirs\n- rolearn: a\n- rolearn: b\n- rolearn: c\n  groups:\n    - x");
        assert_eq!(in_order("another text"), "another text");
    }

    #[test]
    fn revisions_of_a_release_are_one_name() {
        let secret = |name: &str| json!({"metadata": {"namespace": "n", "name": name}});
        let items = [secret("sh.helm.release.v1.cilium.v1"), secret("sh.helm.release.v1.cilium.v12"), secret("a.v1")];
        let names: Vec<String> = names_of(&items).into_iter().collect();
        assert_eq!(names, ["n/a.v1", "n/sh.helm.release.v1.cilium"]);
    }

    #[test]
    fn only_orphans_are_forgotten() {
        let of = |ids: &[&str]| {
            let activations: BTreeMap<&str, u8> = ids.iter().map(|id| (*id, 1)).collect();
            json!({"regions": {"r": {"ssm": {"activations": activations}}}})
        };
        let mut after = of(&["old", "known", "orphan"]);
        forget_orphans(&of(&["old"]), &BTreeSet::from(["known".to_owned()]), &mut after);
        assert_eq!(after, of(&["old", "known"]));
    }
}
