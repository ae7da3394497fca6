//! The state that core proposes to a provider: the configuration, with what was computed before where it says nothing.
//!
//! The rule is hashicorp/terraform's `objchange.ProposedNew`, for attributes and nested attributes.

use std::collections::BTreeMap;

use framework::value::Value;
use framework::wire::proto::tfplugin6::schema::object::NestingMode;

use super::schema::{Attribute, Attributes, Nested};

/// Merges a configuration with the prior state. Both are objects of these attributes, or null.
pub fn proposed(attributes: &Attributes, prior: &Value, config: &Value) -> Value {
    if config.is_null() {
        return prior.clone();
    }
    object(attributes, prior, config)
}

/// What a data source will be: its configuration, with unknown in the place of everything computed.
pub fn planned_data(attributes: &Attributes, config: &Value) -> Value {
    object(attributes, &Value::unknown(), config)
}

fn object(attributes: &Attributes, prior: &Value, config: &Value) -> Value {
    let entries: BTreeMap<String, Value> = attributes
        .iter()
        .map(|(name, declared)| {
            let prior = member(prior, name);
            let config = config.attribute(name).cloned().unwrap_or(Value::Null);
            (name.clone(), attribute(declared, prior, config))
        })
        .collect();
    Value::Map(entries)
}

/// A member of what may be unknown or null as a whole.
fn member(value: &Value, name: &str) -> Value {
    if value.is_unknown() { Value::unknown() } else { value.attribute(name).cloned().unwrap_or(Value::Null) }
}

fn attribute(declared: &Attribute, prior: Value, config: Value) -> Value {
    if declared.computed && config.is_null() {
        // A prior object with something that only a configuration can have set is not what the provider computed.
        return if configured_before(declared, &prior) { config } else { prior };
    }
    match &declared.nested {
        Some(nested) if !config.is_unknown() && !config.is_null() => collection(nested, &prior, &config),
        _ => config,
    }
}

fn configured_before(declared: &Attribute, prior: &Value) -> bool {
    let Some(nested) = &declared.nested else { return false };
    declared.optional && holds_configured(nested, prior)
}

fn holds_configured(nested: &Nested, value: &Value) -> bool {
    let one = |object: &Value| {
        nested.attributes.iter().any(|(name, attribute)| {
            let value = member(object, name);
            !value.is_null()
                && !value.is_unknown()
                && (!attribute.computed
                    || attribute.nested.as_ref().is_some_and(|nested| holds_configured(nested, &value)))
        })
    };
    match (nested.mode, value) {
        (NestingMode::Single, object) => one(object),
        (_, Value::List(elements) | Value::Set(elements)) => elements.iter().any(one),
        (_, Value::Map(elements)) => elements.values().any(one),
        _ => false,
    }
}

fn collection(nested: &Nested, prior: &Value, config: &Value) -> Value {
    let merge = |prior: &Value, config: &Value| {
        if config.is_unknown() || config.is_null() { config.clone() } else { object(&nested.attributes, prior, config) }
    };
    match (nested.mode, config) {
        (NestingMode::Single, config) => merge(prior, config),
        (NestingMode::List, Value::List(elements)) => Value::List(
            elements
                .iter()
                .enumerate()
                .map(|(index, config)| match prior {
                    Value::Unknown(_) => merge(prior, config),
                    Value::List(prior) => prior.get(index).map_or_else(|| config.clone(), |prior| merge(prior, config)),
                    _ => config.clone(),
                })
                .collect(),
        ),
        (NestingMode::Map, Value::Map(elements)) => Value::map(elements.iter().map(|(key, config)| {
            let merged = match prior {
                Value::Unknown(_) => merge(prior, config),
                Value::Map(prior) => prior.get(key).map_or_else(|| config.clone(), |prior| merge(prior, config)),
                _ => config.clone(),
            };
            (key.clone(), merged)
        })),
        (NestingMode::Set, Value::Set(elements)) => {
            let mut left: Vec<&Value> = match prior {
                Value::Set(prior) => prior.iter().collect(),
                _ => Vec::new(),
            };
            Value::set(elements.iter().map(|config| {
                // Each prior element can stand for one element only.
                match left.iter().position(|prior| may_come_from(&nested.attributes, prior, config)) {
                    Some(position) => merge(left.remove(position), config),
                    None => config.clone(),
                }
            }))
        }
        _ => config.clone(),
    }
}

/// Whether a prior element can be what this configured element became: it differs only in what was computed.
fn may_come_from(attributes: &Attributes, prior: &Value, config: &Value) -> bool {
    attributes.iter().all(|(name, attribute)| {
        let (prior, config) = (member(prior, name), member(config, name));
        if prior == config || (attribute.computed && config.is_null()) {
            return true;
        }
        match &attribute.nested {
            Some(nested) if nested.mode == NestingMode::Single => may_come_from(&nested.attributes, &prior, &config),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use framework::value::Type;

    fn plain(required: bool, optional: bool, computed: bool) -> Attribute {
        Attribute { ty: Type::String, required, optional, computed, sensitive: false, write_only: false, nested: None }
    }

    fn attributes() -> Attributes {
        [
            ("role".to_owned(), plain(true, false, false)),
            ("name".to_owned(), plain(false, true, true)),
            ("id".to_owned(), plain(false, false, true)),
        ]
        .into()
    }

    fn object_of(role: &str, name: Value, id: Value) -> Value {
        Value::map([("role", Value::from(role)), ("name", name), ("id", id)])
    }

    #[test]
    fn computed_values_stay_where_nothing_is_configured() {
        let prior = object_of("old", Value::from("chosen"), Value::from("1"));
        for (prior, config, expected) in [
            (&Value::Null, object_of("r", Value::Null, Value::Null), object_of("r", Value::Null, Value::Null)),
            (&prior, object_of("r", Value::Null, Value::Null), object_of("r", Value::from("chosen"), Value::from("1"))),
            (&prior, object_of("r", Value::from("n"), Value::Null), object_of("r", Value::from("n"), Value::from("1"))),
            (&prior, Value::Null, prior.clone()),
        ] {
            assert_eq!(proposed(&attributes(), prior, &config), expected);
        }
    }

    fn nested(mode: NestingMode, ty: Type) -> Attributes {
        let mut attribute = plain(false, true, false);
        attribute.ty = ty;
        attribute.nested = Some(Nested { mode, attributes: attributes() });
        [("rules".to_owned(), attribute)].into()
    }

    #[test]
    fn elements_keep_their_computed_values() {
        let one = |role: &str, id: Value| object_of(role, Value::Null, id);
        let rules = |value: Value| Value::map([("rules", value)]);
        let (known, unset) = (Value::from("1"), Value::Null);
        let list = nested(NestingMode::List, Type::list(Type::Dynamic));
        assert_eq!(
            proposed(
                &list,
                &rules(Value::List(vec![one("a", known.clone())])),
                &rules(Value::List(vec![one("b", unset.clone()), one("c", unset.clone())])),
            ),
            rules(Value::List(vec![one("b", known.clone()), one("c", unset.clone())]))
        );
        let set = nested(NestingMode::Set, Type::set(Type::Dynamic));
        assert_eq!(
            proposed(
                &set,
                &rules(Value::set([one("a", known.clone()), one("x", Value::from("2"))])),
                &rules(Value::set([one("a", unset.clone()), one("b", unset.clone())])),
            ),
            rules(Value::set([one("a", known), one("b", unset)]))
        );
    }

    #[test]
    fn data_sources_are_unknown_where_they_are_computed() {
        assert_eq!(
            planned_data(&attributes(), &object_of("r", Value::Null, Value::Null)),
            object_of("r", Value::unknown(), Value::unknown())
        );
    }
}
