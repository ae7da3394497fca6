//! The nodes a pod can be scheduled to, by the rules that select nodes: node selector and required node affinity.
//! Taints are separate: a node that is off has some that DaemonSet pods tolerate automatically.
//!
//! Source: Kubernetes API reference, NodeSelectorRequirement; component-helpers, nodeaffinity.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::object::{labels, name};

/// Whether a pod's `spec` allows `node`.
#[must_use]
pub fn allows(spec: &Json, node: &Json) -> bool {
    let labels = labels(node);
    let selected = spec["nodeSelector"]
        .as_object()
        .into_iter()
        .flatten()
        .all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str());
    let required = &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let Some(terms) = required["nodeSelectorTerms"].as_array() else { return selected };
    let holds = |term: &Json| {
        let list = |member: &str| term[member].as_array().map(Vec::as_slice).unwrap_or_default();
        let (expressions, fields) = (list("matchExpressions"), list("matchFields"));
        // An empty term matches nothing.
        !(expressions.is_empty() && fields.is_empty())
            && expressions
                .iter()
                .all(|one| requirement(one, labels.get(one["key"].as_str().unwrap_or_default()).map(String::as_str)))
            && fields.iter().all(|one| one["key"] == "metadata.name" && requirement(one, Some(name(node))))
    };
    selected && terms.iter().any(holds)
}

/// Whether a label selector, as in a PodDisruptionBudget, selects an object with these labels. One without any
/// requirement selects everything, and none (null) nothing.
#[must_use]
pub fn selects(selector: &Json, labels: &BTreeMap<String, String>) -> bool {
    let Some(selector) = selector.as_object() else { return false };
    let list = |member: &str| selector.get(member);
    let equal = list("matchLabels").and_then(Json::as_object).into_iter().flatten();
    let expressions = list("matchExpressions").and_then(Json::as_array).into_iter().flatten();
    let of = |key: &str| labels.get(key).map(String::as_str);
    equal.into_iter().all(|(key, value)| of(key).is_some() && of(key) == value.as_str())
        && expressions.into_iter().all(|one| requirement(one, of(one["key"].as_str().unwrap_or_default())))
}

fn requirement(one: &Json, value: Option<&str>) -> bool {
    let values: Vec<&str> = one["values"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    match one["operator"].as_str().unwrap_or_default() {
        "In" => value.is_some_and(|value| values.contains(&value)),
        "NotIn" => value.is_none_or(|value| !values.contains(&value)),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => number(value).zip(number(values.first().copied())).is_some_and(|(value, bound)| value > bound),
        "Lt" => number(value).zip(number(values.first().copied())).is_some_and(|(value, bound)| value < bound),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_that_name_nodes() {
        let node = json!({ "metadata": { "name": "n1", "labels": { "type": "hybrid", "rack": "7" } } });
        let affinity = |terms: Json| {
            json!({ "affinity": { "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": terms } } } })
        };
        let one = |key: &str, operator: &str, values: &[&str]| {
            affinity(json!([{ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] }]))
        };
        for (allowed, spec) in [
            (true, json!({})),
            (true, json!({ "nodeSelector": { "type": "hybrid" } })),
            (false, json!({ "nodeSelector": { "type": "hybrid", "zone": "a" } })),
            (true, one("type", "In", &["ec2", "hybrid"])),
            (false, one("type", "In", &["ec2"])),
            (false, one("zone", "In", &["a"])),
            (false, one("type", "NotIn", &["hybrid"])),
            (true, one("zone", "NotIn", &["a"])),
            (true, one("type", "Exists", &[])),
            (false, one("type", "DoesNotExist", &[])),
            (true, one("rack", "Gt", &["6"])),
            (false, one("rack", "Lt", &["7"])),
            (false, one("type", "Like", &["hybrid"])),
            (false, affinity(json!([{}]))),
            (
                true,
                affinity(
                    json!([{}, { "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["n1"] }] }]),
                ),
            ),
            (
                false,
                affinity(json!([{ "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["n2"] }] }])),
            ),
        ] {
            assert_eq!(allows(&spec, &node), allowed, "{spec}");
        }
    }

    #[test]
    fn label_selectors() {
        let own = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        for (selected, selector) in [
            (false, Json::Null),
            (true, json!({})),
            (true, json!({ "matchLabels": { "app": "web" } })),
            (false, json!({ "matchLabels": { "app": "web", "tier": "a" } })),
            (true, json!({ "matchExpressions": [{ "key": "app", "operator": "In", "values": ["db", "web"] }] })),
            (false, json!({ "matchExpressions": [{ "key": "app", "operator": "DoesNotExist" }] })),
        ] {
            assert_eq!(selects(&selector, &own), selected, "{selector}");
        }
    }
}
