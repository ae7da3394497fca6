//! The state that core proposes to a plan: the configuration, with what was computed before where it says nothing.

use super::member;
use crate::schema::{Attribute, Kind, Nesting};
use crate::value::Value;

/// Merges a configuration with the prior state, which is null for a creation. A null configuration proposes a deletion.
pub fn proposed(attributes: &[Attribute], prior: &Value, config: &Value) -> Value {
    if config.is_null() { Value::Null } else { object(attributes, prior, config) }
}

/// What a data source will be: its configuration, with everything computed unknown.
pub fn planned_data(attributes: &[Attribute], config: &Value) -> Value {
    object(attributes, &Value::unknown(), config)
}

fn object(attributes: &[Attribute], prior: &Value, config: &Value) -> Value {
    Value::map(attributes.iter().map(|declared| {
        let (prior, config) = (member(prior, &declared.name), member(config, &declared.name));
        (declared.name.clone(), attribute(declared, prior, config))
    }))
}

fn attribute(declared: &Attribute, prior: Value, config: Value) -> Value {
    if declared.computed && config.is_null() {
        // A prior object with something that only a configuration can have set is not what the provider computed.
        return if configured_before(declared, &prior) { config } else { prior };
    }
    match &declared.kind {
        Kind::Nested { nesting, attributes } if !config.is_unknown() && !config.is_null() => {
            collection(*nesting, attributes, &prior, &config)
        }
        _ => config,
    }
}

fn configured_before(declared: &Attribute, prior: &Value) -> bool {
    let Kind::Nested { nesting, attributes } = &declared.kind else { return false };
    declared.optional && holds_configured(*nesting, attributes, prior)
}

fn holds_configured(nesting: Nesting, attributes: &[Attribute], value: &Value) -> bool {
    let mut found = false;
    super::each(nesting, value, &mut |object| {
        found |= attributes.iter().any(|attribute| {
            let value = member(object, &attribute.name);
            let inside = match &attribute.kind {
                Kind::Nested { nesting, attributes } => holds_configured(*nesting, attributes, &value),
                Kind::Type(_) => false,
            };
            !value.is_null() && !value.is_unknown() && (!attribute.computed || inside)
        });
    });
    found
}

fn collection(nesting: Nesting, attributes: &[Attribute], prior: &Value, config: &Value) -> Value {
    let merge = |prior: &Value, config: &Value| {
        if config.is_unknown() || config.is_null() { config.clone() } else { object(attributes, prior, config) }
    };
    // What was not there before is as configured; of what is not known at all nothing computed is known either.
    let with = |before: Option<&Value>, config: &Value| match (prior, before) {
        (Value::Unknown(_), _) => merge(prior, config),
        (_, Some(before)) => merge(before, config),
        (_, None) => config.clone(),
    };
    match (nesting, config) {
        (Nesting::Single, config) => merge(prior, config),
        (Nesting::List, Value::List(elements)) => {
            let before = |index: usize| match prior {
                Value::List(before) => before.get(index),
                _ => None,
            };
            Value::List(elements.iter().enumerate().map(|(index, config)| with(before(index), config)).collect())
        }
        (Nesting::Map, Value::Map(elements)) => {
            Value::map(elements.iter().map(|(key, config)| (key.clone(), with(prior.attribute(key), config))))
        }
        (Nesting::Set, Value::Set(elements)) => {
            let mut left: Vec<&Value> = match prior {
                Value::Set(prior) => prior.iter().collect(),
                _ => Vec::new(),
            };
            Value::set(elements.iter().map(|config| {
                // Each prior element can match one element only.
                match left.iter().position(|prior| may_come_from(attributes, prior, config)) {
                    Some(position) => merge(left.remove(position), config),
                    None => with(None, config),
                }
            }))
        }
        _ => config.clone(),
    }
}

/// Whether a prior element can be what this configured element became: it differs only in what was computed.
fn may_come_from(attributes: &[Attribute], prior: &Value, config: &Value) -> bool {
    let (Value::Map(before), Value::Map(_)) = (prior, config) else { return prior == config || prior.is_null() };
    before.iter().all(|(name, prior)| {
        let config = member(config, name);
        if *prior == config {
            return true;
        }
        match attributes.iter().find(|attribute| attribute.name == *name) {
            Some(Attribute { kind: Kind::Nested { nesting, attributes }, .. }) => {
                nested_may_come_from(*nesting, attributes, prior, &config)
            }
            Some(attribute) => attribute.computed && config.is_null(),
            None => false,
        }
    })
}

fn nested_may_come_from(nesting: Nesting, attributes: &[Attribute], prior: &Value, config: &Value) -> bool {
    match (nesting, prior, config) {
        (_, Value::Null, _) => true,
        (Nesting::Single, Value::Map(_), Value::Map(_)) => may_come_from(attributes, prior, config),
        (Nesting::List, Value::List(before), Value::List(after)) => {
            before.len() <= after.len()
                && before.iter().zip(after).all(|(prior, config)| may_come_from(attributes, prior, config))
        }
        (Nesting::Map, Value::Map(before), Value::Map(after)) => before
            .iter()
            .all(|(key, prior)| after.get(key).is_some_and(|config| may_come_from(attributes, prior, config))),
        // Elements of an inner set cannot be distinguished, so it must be the same.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{nested, plain};
    use super::*;

    fn attributes() -> Vec<Attribute> {
        vec![plain("role", true, false, false), plain("name", false, true, true), plain("id", false, false, true)]
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
            (&prior, Value::Null, Value::Null),
        ] {
            assert_eq!(proposed(&attributes(), prior, &config), expected);
        }
    }

    #[test]
    fn elements_keep_their_computed_values() {
        let one = |role: &str, id: Value| object_of(role, Value::Null, id);
        let rules = |value: Value| Value::map([("rules", value)]);
        let (known, unset) = (Value::from("1"), Value::Null);
        let list = [nested("rules", Nesting::List, attributes())];
        assert_eq!(
            proposed(
                &list,
                &rules(Value::List(vec![one("a", known.clone())])),
                &rules(Value::List(vec![one("b", unset.clone()), one("c", unset.clone())])),
            ),
            rules(Value::List(vec![one("b", known.clone()), one("c", unset.clone())]))
        );
        let set = [nested("rules", Nesting::Set, attributes())];
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
    fn elements_of_sets_are_found_again_by_what_is_inside_of_them() {
        let inner = |ids: [Value; 2]| Value::List(ids.map(|id| object_of("r", Value::Null, id)).to_vec());
        let set = |inner: Value| Value::map([("rules", Value::set([Value::map([("ports", inner)])]))]);
        let ports = vec![nested("ports", Nesting::List, attributes())];
        let schema = [nested("rules", Nesting::Set, ports)];
        let before = set(inner([Value::from("1"), Value::from("2")]));
        assert_eq!(proposed(&schema, &before, &set(inner([Value::Null, Value::Null]))), before);
    }

    #[test]
    fn data_sources_are_unknown_where_they_are_computed() {
        assert_eq!(
            planned_data(&attributes(), &object_of("r", Value::Null, Value::Null)),
            object_of("r", Value::unknown(), Value::unknown())
        );
    }
}
