//! Values as JSON: the form of stored state, and of values that a host sends as JSON.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Number, Type, Value};

/// The JSON does not fit the type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at `{path}`: {expected} was expected")]
pub struct Mismatch {
    /// Where, in dotted form; empty for the value itself.
    pub path: String,
    /// What the type asks for.
    pub expected: &'static str,
}

/// Reads JSON as a value of `ty`. Attributes that an object type does not have are ignored, and those that the
/// JSON does not have are null: stored state may be of a release that had fewer or more of them.
///
/// # Errors
/// When the JSON is of another shape than `ty`.
pub fn decode(json: &Json, ty: &Type) -> Result<Value, Mismatch> {
    decode_at(json, ty, "")
}

fn decode_at(json: &Json, ty: &Type, path: &str) -> Result<Value, Mismatch> {
    let mismatch = |expected| Err(Mismatch { path: path.to_owned(), expected });
    if json.is_null() {
        return Ok(Value::Null);
    }
    Ok(match ty {
        Type::Bool => match json {
            Json::Bool(value) => Value::Bool(*value),
            Json::String(text) if text == "true" => Value::Bool(true),
            Json::String(text) if text == "false" => Value::Bool(false),
            _ => return mismatch("true or false"),
        },
        Type::Number => {
            let number = match json {
                Json::Number(number) => number.to_string().parse(),
                Json::String(text) => text.parse(),
                _ => return mismatch("a number"),
            };
            match number {
                Ok(number) => Value::Number(number),
                Err(_) => return mismatch("a number"),
            }
        }
        Type::String => match json {
            Json::String(text) => Value::String(text.clone()),
            // Terraform converts between primitive types wherever it reads JSON.
            Json::Bool(value) => Value::String(value.to_string()),
            Json::Number(number) => Value::String(number.to_string()),
            _ => return mismatch("text"),
        },
        Type::List(element) => Value::List(elements(json, element, path)?),
        Type::Set(element) => Value::set(elements(json, element, path)?),
        Type::Tuple(types) => match json {
            Json::Array(items) if items.len() == types.len() => Value::List(
                items
                    .iter()
                    .zip(types)
                    .enumerate()
                    .map(|(index, (item, ty))| decode_at(item, ty, &join(path, index)))
                    .collect::<Result<_, _>>()?,
            ),
            _ => return mismatch("a list of fixed length"),
        },
        Type::Map(element) => match json {
            Json::Object(entries) => Value::Map(
                entries
                    .iter()
                    .map(|(key, item)| Ok((key.clone(), decode_at(item, element, &join(path, key))?)))
                    .collect::<Result<_, _>>()?,
            ),
            _ => return mismatch("a map"),
        },
        Type::Object { attributes, .. } => match json {
            Json::Object(entries) => Value::Map(
                attributes
                    .iter()
                    .map(|(name, ty)| {
                        let item = entries.get(name).unwrap_or(&Json::Null);
                        Ok((name.clone(), decode_at(item, ty, &join(path, name))?))
                    })
                    .collect::<Result<BTreeMap<_, _>, _>>()?,
            ),
            _ => return mismatch("an object"),
        },
        Type::Dynamic => {
            let Json::Object(entries) = json else { return mismatch("an object of `type` and `value`") };
            let ty = entries.get("type").and_then(|ty| Type::from_json(ty).ok());
            let (Some(ty), Some(value)) = (ty, entries.get("value")) else {
                return mismatch("an object of `type` and `value`");
            };
            let value = decode_at(value, &ty, path)?;
            Value::Dynamic(Box::new((ty, value)))
        }
    })
}

fn elements(json: &Json, element: &Type, path: &str) -> Result<Vec<Value>, Mismatch> {
    let Json::Array(items) = json else {
        return Err(Mismatch { path: path.to_owned(), expected: "a list" });
    };
    items.iter().enumerate().map(|(index, item)| decode_at(item, element, &join(path, index))).collect()
}

fn join(path: &str, step: impl std::fmt::Display) -> String {
    if path.is_empty() { step.to_string() } else { format!("{path}.{step}") }
}

/// Writes a wholly known value as JSON without its types; `None` when something in it is unknown.
pub fn encode(value: &Value) -> Option<Json> {
    Some(match value {
        Value::Null => Json::Null,
        Value::Unknown(_) => return None,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(number) => encode_number(number),
        Value::String(text) => Json::String(text.clone()),
        Value::List(elements) | Value::Set(elements) => {
            Json::Array(elements.iter().map(encode).collect::<Option<_>>()?)
        }
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|(key, value)| Some((key.clone(), encode(value)?))).collect::<Option<_>>()?)
        }
        Value::Dynamic(inner) => encode(&inner.1)?,
    })
}

fn encode_number(number: &Number) -> Json {
    match number.as_i64() {
        Some(integer) => Json::from(integer),
        // A number that JSON's f64 cannot carry without loss goes as text, as Terraform itself does.
        None => match serde_json::Number::from_f64(number.to_f64()) {
            Some(float) if float.to_string().parse::<Number>().is_ok_and(|read| read == *number) => Json::Number(float),
            _ => Json::String(number.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn older_state_fits_a_newer_type() {
        let ty = Type::object([("a", Type::String), ("new", Type::Bool)]);
        let value = decode(&json!({"a": "x", "gone": 1}), &ty).expect("fits");
        assert_eq!(value, Value::map([("a", Value::from("x")), ("new", Value::Null)]));
    }

    #[test]
    fn a_mismatch_says_where() {
        let ty = Type::object([("a", Type::list(Type::Number))]);
        let error = decode(&json!({"a": [1, {}]}), &ty).expect_err("no number");
        assert_eq!(error.to_string(), "at `a.1`: a number was expected");
    }
}
