//! What a plan may say.

use super::{Uncorrelated, brief, correlate, join, same};
use crate::schema::{Attribute, Kind, Nesting};
use crate::value::Value;

/// A planned value is the configuration's or exactly the prior one; only what is computed and not configured may be
/// invented.
pub fn planned(attributes: &[Attribute], prior: &Value, config: &Value, planned: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    if config.is_null() != planned.is_null() {
        faults.push("a configured object is planned to be absent, or an absent one to exist".to_owned());
    } else if !config.is_null() {
        object(attributes, prior, config, planned, "", &mut faults);
    }
    faults
}

fn object(
    attributes: &[Attribute],
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &str,
    faults: &mut Vec<String>,
) {
    for declared in attributes {
        let of = |value: &Value| value.attribute(&declared.name).cloned().unwrap_or(Value::Null);
        attribute(declared, &of(prior), &of(config), &of(planned), &join(path, &declared.name), faults);
    }
}

/// The three ways to be right: as configured, as before, or the provider's own choice where nothing is configured.
fn attribute(
    declared: &Attribute,
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &str,
    faults: &mut Vec<String>,
) {
    if declared.write_only {
        if !planned.is_null() {
            faults.push(format!("`{path}` is write-only and planned to be stored"));
        }
        return;
    }
    // An unknown configured value is planned as unknown; what is promised about it beyond that is allowed.
    if same(planned, config) || (planned == prior && !prior.is_null() && !config.is_null()) {
        return;
    }
    if config.is_null() {
        if !declared.computed {
            faults.push(format!("`{path}` is not configured, not computed, and planned as {}", brief(planned)));
        }
        return;
    }
    match (&declared.kind, config, planned) {
        (Kind::Nested { nesting, attributes }, config, planned)
            if !planned.is_null() && !planned.is_unknown() && !config.is_unknown() =>
        {
            collection(*nesting, attributes, [prior, config, planned], path, faults);
        }
        _ => faults.push(neither(path)),
    }
}

fn neither(path: &str) -> String {
    format!("`{path}` is planned neither as configured nor as before")
}

fn collection(
    nesting: Nesting,
    attributes: &[Attribute],
    [prior, config, planned]: [&Value; 3],
    path: &str,
    faults: &mut Vec<String>,
) {
    match (nesting, config, planned) {
        (Nesting::Single, Value::Map(_), Value::Map(_)) => object(attributes, prior, config, planned, path, faults),
        (Nesting::List, Value::List(configs), Value::List(elements)) if configs.len() == elements.len() => {
            for (index, (config, element)) in configs.iter().zip(elements).enumerate() {
                let before = match prior {
                    Value::List(before) => before.get(index).unwrap_or(&Value::Null),
                    _ => &Value::Null,
                };
                one(attributes, before, config, element, &format!("{path}[{index}]"), faults);
            }
        }
        (Nesting::Map, Value::Map(configs), Value::Map(entries)) if configs.keys().eq(entries.keys()) => {
            for (key, config) in configs {
                let before = prior.attribute(key).unwrap_or(&Value::Null);
                one(attributes, before, config, &entries[key], &format!("{path}[{key:?}]"), faults);
            }
        }
        (Nesting::Set, Value::Set(configs), Value::Set(elements)) if configs.len() == elements.len() => {
            // Core does not look for the prior element of one that has no name.
            let explains = |element: &Value, config: &Value| {
                let mut faults = Vec::new();
                one(attributes, &Value::Null, config, element, path, &mut faults);
                faults.is_empty()
            };
            match correlate(elements, configs, explains) {
                Some(Uncorrelated::One(element)) => faults
                    .push(format!("`{path}` holds an element that no configured one explains: {}", brief(element))),
                Some(Uncorrelated::Other(config)) => {
                    faults.push(format!("`{path}` lacks a configured element: {}", brief(config)));
                }
                None => {}
            }
        }
        _ => faults.push(neither(path)),
    }
}

fn one(attributes: &[Attribute], prior: &Value, config: &Value, planned: &Value, path: &str, faults: &mut Vec<String>) {
    match (config, planned) {
        (Value::Map(_), Value::Map(_)) => object(attributes, prior, config, planned, path, faults),
        _ if same(config, planned) => {}
        _ => faults.push(neither(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{nested, plain};
    use super::*;
    use crate::schema::Attribute;

    fn attributes() -> Vec<Attribute> {
        let secret = Attribute { write_only: true, ..plain("secret", false, true, false) };
        vec![
            plain("role", true, false, false),
            plain("name", false, true, false),
            plain("chosen", false, true, true),
            secret,
        ]
    }

    fn object(role: Value, name: Value, chosen: Value, secret: Value) -> Value {
        Value::map([("role", role), ("name", name), ("chosen", chosen), ("secret", secret)])
    }

    fn text(text: &str) -> Value {
        Value::from(text)
    }

    #[test]
    fn plans_are_held_against_the_configuration() {
        let null = Value::Null;
        let config = object(text("R"), null.clone(), null.clone(), text("s"));
        let prior = object(text("r"), null.clone(), text("c"), null.clone());
        for (state, faults) in [
            (object(text("R"), null.clone(), Value::unknown(), null.clone()), 0),
            (object(text("R"), null.clone(), text("new"), null.clone()), 0),
            (object(text("r"), null.clone(), text("c"), null.clone()), 0),
            (object(text("x"), null.clone(), text("c"), null.clone()), 1),
            (object(Value::unknown(), null.clone(), text("c"), null.clone()), 1),
            (object(text("R"), text("invented"), text("c"), null.clone()), 1),
            (object(text("R"), Value::unknown(), text("c"), null.clone()), 1),
            (object(text("R"), null.clone(), text("c"), text("s")), 1),
            (null.clone(), 1),
        ] {
            assert_eq!(planned(&attributes(), &prior, &config, &state).len(), faults, "{state:?}");
        }
        assert_eq!(planned(&attributes(), &prior, &null, &null).len(), 0);
        assert_eq!(planned(&attributes(), &prior, &null, &prior).len(), 1);
    }

    #[test]
    fn every_configured_element_of_a_set_is_planned() {
        let schema = [nested("rules", Nesting::Set, attributes())];
        let rules = |elements: &[(&str, Value)]| {
            let one = |(role, chosen): &(&str, Value)| object(text(role), Value::Null, chosen.clone(), Value::Null);
            Value::map([("rules", Value::set(elements.iter().map(one)))])
        };
        let config = rules(&[("a", Value::Null), ("b", Value::Null)]);
        for (state, faults) in [
            (rules(&[("a", text("1")), ("b", Value::unknown())]), 0),
            (rules(&[("a", text("1")), ("a", text("2"))]), 1),
            (rules(&[("a", text("1")), ("c", text("2"))]), 1),
            (rules(&[("a", text("1"))]), 1),
        ] {
            assert_eq!(planned(&schema, &Value::Null, &config, &state).len(), faults, "{state:?}");
        }
    }
}
