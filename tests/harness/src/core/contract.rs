//! What core checks after each call to a provider: facts that every answer must satisfy.
//!
//! Each check gives the broken places in words; the caller adds the rule's name and the object.

use framework::value::{Refinement, Value};
use framework::wire::proto::tfplugin6::schema::object::NestingMode;

use super::schema::{Attribute, Attributes, Nested};
use super::show::brief;

/// Rule 1: a planned value is the configuration's or exactly the prior one; only what is computed and not configured
/// may be invented.
pub fn plan(attributes: &Attributes, prior: &Value, config: &Value, planned: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    if config.is_null() != planned.is_null() {
        faults.push(if config.is_null() {
            "a deletion is planned as an object".to_owned()
        } else {
            "an object is planned as null".to_owned()
        });
    } else if !config.is_null() {
        planned_object(attributes, prior, config, planned, "", &mut faults);
    }
    faults
}

fn planned_object(
    attributes: &Attributes,
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &str,
    faults: &mut Vec<String>,
) {
    for (name, attribute) in attributes {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let of = |value: &Value| value.attribute(name).cloned().unwrap_or(Value::Null);
        planned_attribute(attribute, &of(prior), &of(config), &of(planned), &path, faults);
    }
}

fn planned_attribute(
    attribute: &Attribute,
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &str,
    faults: &mut Vec<String>,
) {
    if attribute.write_only {
        if !planned.is_null() {
            faults.push(format!("{path} is write-only and planned as {}", brief(planned)));
        }
        return;
    }
    // An unknown configured value is planned as unknown; what is promised about it beyond that is allowed.
    if same(planned, config) {
        return;
    }
    if config.is_null() {
        if !attribute.computed {
            faults.push(format!("{path} is neither configured nor computed, and is planned as {}", brief(planned)));
        }
        return;
    }
    if !prior.is_null() && planned == prior {
        return;
    }
    match &attribute.nested {
        Some(nested) if !planned.is_null() && !planned.is_unknown() && !config.is_unknown() => {
            planned_collection(nested, prior, config, planned, path, faults);
        }
        _ => faults.push(format!("{path} is configured as {} and planned as {}", brief(config), brief(planned))),
    }
}

fn planned_collection(
    nested: &Nested,
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &str,
    faults: &mut Vec<String>,
) {
    let attributes = &nested.attributes;
    match (nested.mode, config, planned) {
        (NestingMode::Single, config, planned) => planned_object(attributes, prior, config, planned, path, faults),
        (NestingMode::List, Value::List(config), Value::List(planned)) if config.len() == planned.len() => {
            for (index, (config, planned)) in config.iter().zip(planned).enumerate() {
                let prior = match prior {
                    Value::List(prior) => prior.get(index).cloned().unwrap_or(Value::Null),
                    _ => Value::Null,
                };
                planned_object(attributes, &prior, config, planned, &format!("{path}[{index}]"), faults);
            }
        }
        (NestingMode::Map, Value::Map(config), Value::Map(planned)) if config.keys().eq(planned.keys()) => {
            for (key, config) in config {
                let prior = prior.attribute(key).cloned().unwrap_or(Value::Null);
                planned_object(attributes, &prior, config, &planned[key], &format!("{path}[{key:?}]"), faults);
            }
        }
        (NestingMode::Set, Value::Set(config), Value::Set(planned)) if config.len() == planned.len() => {
            // Elements have no names, so each must find a configured one that it can come from.
            let priors: Vec<Value> = match prior {
                Value::Set(prior) => prior.clone(),
                _ => Vec::new(),
            };
            let mut left: Vec<&Value> = config.iter().collect();
            for element in planned {
                let comes_from = |config: &Value| {
                    std::iter::once(&Value::Null).chain(&priors).any(|prior| {
                        let mut faults = Vec::new();
                        planned_object(attributes, prior, config, element, "", &mut faults);
                        faults.is_empty()
                    })
                };
                match left.iter().position(|config| comes_from(config)) {
                    Some(position) => {
                        left.remove(position);
                    }
                    None => faults.push(format!("{path} is planned with {}, which is not configured", brief(element))),
                }
            }
        }
        _ => faults.push(format!("{path} is planned with other elements than configured")),
    }
}

/// Equal, or both unknown.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Unknown(_), Value::Unknown(_)) => true,
        (Value::List(left), Value::List(right)) | (Value::Set(left), Value::Set(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Map(left), Value::Map(right)) => {
            left.keys().eq(right.keys()) && left.iter().all(|(key, value)| same(value, &right[key]))
        }
        (Value::Dynamic(left), Value::Dynamic(right)) => left.0 == right.0 && same(&left.1, &right.1),
        _ => left == right,
    }
}

/// Rules 4 and 5: what was planned as known is so; what was unknown may be anything that keeps the promises.
pub fn compatible(planned: &Value, actual: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    compare(planned, actual, "", &mut faults);
    faults
}

fn compare(planned: &Value, actual: &Value, path: &str, faults: &mut Vec<String>) {
    let here = if path.is_empty() { "the object" } else { path };
    match (planned, actual) {
        (Value::Unknown(promised), actual) => {
            if let Some(fault) = broken(promised, actual) {
                faults.push(format!("{here} was promised to be {fault}, and is {}", brief(actual)));
            }
        }
        (Value::Map(planned), Value::Map(actual)) => {
            for key in planned.keys().chain(actual.keys().filter(|key| !planned.contains_key(*key))) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let of = |side: &std::collections::BTreeMap<String, Value>| side.get(key).cloned();
                match (of(planned), of(actual)) {
                    (Some(planned), Some(actual)) => compare(&planned, &actual, &path, faults),
                    (planned, actual) => faults.push(format!(
                        "{path} was {} and is {}",
                        if planned.is_some() { "planned" } else { "not planned" },
                        if actual.is_some() { "there" } else { "missing" }
                    )),
                }
            }
        }
        (Value::List(planned), Value::List(actual)) if planned.len() == actual.len() => {
            for (index, (planned, actual)) in planned.iter().zip(actual).enumerate() {
                compare(planned, actual, &format!("{path}[{index}]"), faults);
            }
        }
        (Value::Set(planned), Value::Set(actual)) => {
            // Unknown elements may have turned out equal, so there may be fewer, but a known one must be there.
            let fits = |one: &Value, other: &Value| compatible(one, other).is_empty();
            let lost = planned.iter().find(|planned| !actual.iter().any(|actual| fits(planned, actual)));
            let new = actual.iter().find(|actual| !planned.iter().any(|planned| fits(planned, actual)));
            if let Some(lost) = lost {
                faults.push(format!("{here} was planned with {}, which is missing", brief(lost)));
            }
            if let Some(new) = new {
                faults.push(format!("{here} has {}, which was not planned", brief(new)));
            }
        }
        (Value::Dynamic(planned), Value::Dynamic(actual)) if planned.0 == actual.0 => {
            compare(&planned.1, &actual.1, path, faults);
        }
        (Value::Dynamic(planned), actual) if planned.1.is_unknown() => compare(&planned.1, actual, path, faults),
        (planned, actual) if planned == actual => {}
        (planned, actual) => faults.push(format!("{here} was planned as {} and is {}", brief(planned), brief(actual))),
    }
}

/// What was promised and is not so.
fn broken(promised: &Refinement, actual: &Value) -> Option<String> {
    if actual.is_unknown() {
        return None;
    }
    match promised.null {
        Some(false) if actual.is_null() => return Some("not null".to_owned()),
        Some(true) if !actual.is_null() => return Some("null".to_owned()),
        _ => {}
    }
    let length = match actual {
        Value::List(elements) | Value::Set(elements) => Some(elements.len() as u64),
        Value::Map(entries) => Some(entries.len() as u64),
        _ => None,
    };
    if let Some(length) = length {
        if promised.length_min.is_some_and(|least| length < least) {
            return Some(format!("at least {:?} long", promised.length_min));
        }
        if promised.length_max.is_some_and(|most| length > most) {
            return Some(format!("at most {:?} long", promised.length_max));
        }
    }
    if let (Value::String(text), Some(prefix)) = (actual, &promised.prefix)
        && !text.starts_with(prefix)
    {
        return Some(format!("a text that begins with `{prefix}`"));
    }
    if let Value::Number(number) = actual {
        let below = |(least, inclusive): &(_, bool)| number < least || (!inclusive && number == least);
        let above = |(most, inclusive): &(_, bool)| number > most || (!inclusive && number == most);
        if promised.number_min.as_ref().is_some_and(below) || promised.number_max.as_ref().is_some_and(above) {
            return Some("within other bounds".to_owned());
        }
    }
    None
}

/// Rule 7: write-only attributes are null in everything that is returned.
pub fn write_only(attributes: &Attributes, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    look_for_write_only(attributes, value, "", &mut faults);
    faults
}

fn look_for_write_only(attributes: &Attributes, value: &Value, path: &str, faults: &mut Vec<String>) {
    for (name, attribute) in attributes {
        let Some(value) = value.attribute(name).filter(|value| !value.is_null()) else { continue };
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if attribute.write_only {
            faults.push(format!("{path} is write-only and is returned"));
        }
        let Some(nested) = &attribute.nested else { continue };
        let mut one = |value: &Value| look_for_write_only(&nested.attributes, value, &path, faults);
        match (nested.mode, value) {
            (NestingMode::Single, value) => one(value),
            (_, Value::List(elements) | Value::Set(elements)) => elements.iter().for_each(one),
            (_, Value::Map(elements)) => elements.values().for_each(one),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use framework::value::Type;

    fn attribute(optional: bool, computed: bool, write_only: bool) -> Attribute {
        Attribute {
            ty: Type::String,
            required: !optional && !computed,
            optional,
            computed,
            sensitive: false,
            write_only,
            nested: None,
        }
    }

    fn attributes() -> Attributes {
        [
            ("role".to_owned(), attribute(false, false, false)),
            ("name".to_owned(), attribute(true, false, false)),
            ("chosen".to_owned(), attribute(true, true, false)),
            ("secret".to_owned(), attribute(true, false, true)),
        ]
        .into()
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
        for (planned, faults) in [
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
            assert_eq!(plan(&attributes(), &prior, &config, &planned).len(), faults, "{planned:?}");
        }
        assert_eq!(plan(&attributes(), &prior, &null, &null).len(), 0);
        assert_eq!(plan(&attributes(), &prior, &null, &prior).len(), 1);
    }

    #[test]
    fn promises_are_kept() {
        let prefix = Refinement { prefix: Some("act-".into()), ..Refinement::not_null() };
        let bounds = Refinement { number_min: Some((5_i64.into(), false)), ..Refinement::none() };
        let length = Refinement { length_max: Some(1), ..Refinement::none() };
        for (promised, actual, faults) in [
            (Refinement::none(), Value::Null, 0),
            (Refinement::not_null(), Value::Null, 1),
            (prefix.clone(), text("act-1"), 0),
            (prefix, text("1"), 1),
            (bounds.clone(), Value::from(6), 0),
            (bounds, Value::from(5), 1),
            (length.clone(), Value::List(vec![text("a")]), 0),
            (length, Value::List(vec![text("a"), text("b")]), 1),
        ] {
            let planned = Value::Unknown(promised);
            assert_eq!(compatible(&planned, &actual).len(), faults, "{planned:?} {actual:?}");
        }
    }

    #[test]
    fn known_values_do_not_change() {
        let planned =
            Value::map([("a", text("1")), ("b", Value::unknown()), ("c", Value::set([text("x"), Value::unknown()]))]);
        let actual = |a: &str, c: Vec<Value>| Value::map([("a", text(a)), ("b", text("any")), ("c", Value::set(c))]);
        for (actual, faults) in [
            (actual("1", vec![text("x"), text("y")]), 0),
            (actual("1", vec![text("x")]), 0),
            (actual("2", vec![text("x")]), 1),
            (actual("1", vec![text("y")]), 1),
            (Value::map([("a", text("1"))]), 2),
        ] {
            assert_eq!(compatible(&planned, &actual).len(), faults, "{actual:?}");
        }
    }
}
