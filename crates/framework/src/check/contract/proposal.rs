//! The state that Terraform proposes to a plan: the configuration, with the prior values of what it leaves out.

use std::collections::BTreeMap;

use crate::schema::{Attribute, Kind, Nesting};
use crate::value::Value;

/// Proposes a state. `prior` may be null, for a creation; a null `config` proposes a deletion.
pub fn propose(attributes: &[Attribute], prior: &Value, config: &Value) -> Value {
    let Value::Map(config) = config else { return config.clone() };
    Value::Map(propose_object(attributes, prior, config))
}

fn propose_object(
    attributes: &[Attribute],
    prior: &Value,
    config: &BTreeMap<String, Value>,
) -> BTreeMap<String, Value> {
    attributes
        .iter()
        .map(|attribute| {
            let before = prior.attribute(&attribute.name).unwrap_or(&Value::Null);
            let configured = config.get(&attribute.name).unwrap_or(&Value::Null);
            (attribute.name.clone(), propose_attribute(attribute, before, configured))
        })
        .collect()
}

fn propose_attribute(attribute: &Attribute, before: &Value, configured: &Value) -> Value {
    if attribute.computed && configured.is_null() {
        return before.clone();
    }
    let Kind::Nested { nesting, attributes } = &attribute.kind else { return configured.clone() };
    let element = |before: &Value, configured: &Value| match configured {
        Value::Map(entries) if !before.is_null() => Value::Map(propose_object(attributes, before, entries)),
        other => other.clone(),
    };
    match (nesting, configured) {
        (Nesting::Single, Value::Map(entries)) => Value::Map(propose_object(attributes, before, entries)),
        (Nesting::List, Value::List(elements)) => {
            let before = match before {
                Value::List(before) => before.as_slice(),
                _ => &[],
            };
            let at = |index: usize| before.get(index).unwrap_or(&Value::Null);
            Value::List(elements.iter().enumerate().map(|(index, it)| element(at(index), it)).collect())
        }
        (Nesting::Map, Value::Map(entries)) => Value::Map(
            entries
                .iter()
                .map(|(key, entry)| (key.clone(), element(before.attribute(key).unwrap_or(&Value::Null), entry)))
                .collect(),
        ),
        (Nesting::Set, Value::Set(elements)) => {
            // An element goes on where a prior one differs in nothing but what the provider decided.
            let mut before = match before {
                Value::Set(before) => before.clone(),
                _ => Vec::new(),
            };
            Value::set(elements.iter().map(|configured| {
                match before.iter().position(|prior| continues(attributes, prior, configured)) {
                    Some(index) => element(&before.swap_remove(index), configured),
                    None => configured.clone(),
                }
            }))
        }
        (_, other) => other.clone(),
    }
}

fn continues(attributes: &[Attribute], prior: &Value, configured: &Value) -> bool {
    attributes.iter().all(|attribute| {
        let part = |object: &Value| object.attribute(&attribute.name).cloned().unwrap_or(Value::Null);
        let (before, configured) = (part(prior), part(configured));
        before == configured || (attribute.computed && configured.is_null())
    })
}
