//! Values in the JSON of `terraform show -json`, so that both layers are looked at alike.

use framework::schema::{Attribute, Kind, Nesting};
use framework::value::Value;
use serde_json::{Map, Value as Json};

/// The value, unknown parts left out of objects and null in lists.
pub fn known(value: &Value) -> Json {
    match value {
        Value::Null | Value::Unknown(_) => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(number) => {
            serde_json::from_str(number.as_str()).unwrap_or_else(|_| Json::String(number.as_str().to_owned()))
        }
        Value::String(text) => Json::String(text.clone()),
        Value::List(elements) | Value::Set(elements) => Json::Array(elements.iter().map(known).collect()),
        Value::Map(entries) => Json::Object(
            entries
                .iter()
                .filter(|(_, value)| !value.is_unknown())
                .map(|(name, value)| (name.clone(), known(value)))
                .collect(),
        ),
        Value::Dynamic(inner) => known(&inner.1),
    }
}

/// `true` for each unknown part.
pub fn unknown(value: &Value) -> Json {
    match value {
        Value::Unknown(_) => Json::Bool(true),
        Value::List(elements) | Value::Set(elements) => Json::Array(elements.iter().map(unknown).collect()),
        Value::Map(entries) => Json::Object(
            entries
                .iter()
                .filter(|(_, value)| !value.is_wholly_known())
                .map(|(name, value)| (name.clone(), unknown(value)))
                .collect(),
        ),
        Value::Dynamic(inner) => unknown(&inner.1),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Json::Bool(false),
    }
}

/// `true` for each part that the schema calls sensitive.
pub fn sensitive(attributes: &[Attribute], value: &Value) -> Json {
    let mut marks = Map::new();
    for attribute in attributes {
        let name = &attribute.name;
        let Some(value) = value.attribute(name) else { continue };
        if attribute.sensitive {
            marks.insert(name.clone(), Json::Bool(true));
        } else if let Kind::Nested { nesting, attributes } = &attribute.kind {
            let inner = |value: &Value| sensitive(attributes, value);
            let marked = match (nesting, value) {
                (Nesting::Single, value) => inner(value),
                (_, Value::List(elements) | Value::Set(elements)) => Json::Array(elements.iter().map(inner).collect()),
                (_, Value::Map(elements)) => {
                    Json::Object(elements.iter().map(|(key, value)| (key.clone(), inner(value))).collect())
                }
                _ => continue,
            };
            marks.insert(name.clone(), marked);
        }
    }
    Json::Object(marks)
}

/// A value for messages.
pub fn brief(value: &Value) -> String {
    if value.is_unknown() {
        "(known after apply)".to_owned()
    } else if value.is_wholly_known() {
        known(value).to_string()
    } else {
        format!("{} (partly known after apply)", known(value))
    }
}
