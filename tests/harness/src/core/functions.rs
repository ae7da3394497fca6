//! Terraform's own functions, as far as cases use them.

use std::path::Path;

use base64::Engine as _;
use framework::value::{Type, Value};

use super::convert::convert;
use super::eval::plain;
use super::show::known;

/// Calls a function. Any unknown in an argument makes the result unknown.
///
/// # Errors
///
/// What is wrong with the call, or that the function is not known here.
pub fn call(name: &str, arguments: Vec<Value>, folder: &Path) -> Result<Value, String> {
    let arguments: Vec<Value> = arguments.into_iter().map(plain).collect();
    if name != "nonsensitive" && !arguments.iter().all(Value::is_wholly_known) {
        return Ok(Value::unknown());
    }
    let text = |position: usize| match arguments.get(position).cloned().map(|value| convert(value, &Type::String)) {
        Some(Ok(Value::String(text))) => Ok(text),
        _ => Err(format!("argument {position} must be a string")),
    };
    let list = |position: usize| match arguments.get(position) {
        Some(Value::List(elements) | Value::Set(elements)) => Ok(elements.clone()),
        _ => Err(format!("argument {position} must be a list")),
    };
    let first = || arguments.first().cloned().ok_or_else(|| "an argument is missing".to_owned());
    Ok(match name {
        "nonsensitive" => first()?,
        "jsonencode" => Value::String(escaped(&known(&first()?).to_string())),
        "jsondecode" => {
            let json: serde_json::Value = serde_json::from_str(&text(0)?).map_err(|error| error.to_string())?;
            from_json(json)
        }
        "tolist" => Value::List(list(0)?),
        "toset" => Value::set(list(0)?),
        "length" => Value::from(match first()? {
            Value::List(elements) | Value::Set(elements) => count(elements.len()),
            Value::Map(entries) => count(entries.len()),
            Value::String(text) => count(text.chars().count()),
            _ => return Err("argument must be a string, a collection type, or a structural type".to_owned()),
        }),
        "join" => {
            let separator = text(0)?;
            let parts: Vec<String> = list(1)?
                .into_iter()
                .map(|part| match convert(part, &Type::String) {
                    Ok(Value::String(part)) => Ok(part),
                    _ => Err("every element must be a string".to_owned()),
                })
                .collect::<Result<_, _>>()?;
            Value::String(parts.join(&separator))
        }
        "concat" => {
            let mut all = Vec::new();
            for position in 0..arguments.len() {
                all.extend(list(position)?);
            }
            Value::List(all)
        }
        "base64encode" => Value::String(base64::engine::general_purpose::STANDARD.encode(text(0)?)),
        "base64decode" => {
            let bytes =
                base64::engine::general_purpose::STANDARD.decode(text(0)?).map_err(|error| error.to_string())?;
            Value::String(String::from_utf8(bytes).map_err(|error| error.to_string())?)
        }
        "file" => {
            let name = text(0)?;
            Value::String(std::fs::read_to_string(folder.join(&name)).map_err(|error| format!("{name}: {error}"))?)
        }
        other => return Err(format!("the in-process layer does not know the function {other}")),
    })
}

/// Nothing in memory has more elements than an `i64` counts.
fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// Terraform's encoder writes these so that the result may stand in HTML.
fn escaped(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn from_json(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(number) => number.to_string().parse().map_or(Value::Null, Value::Number),
        Json::String(text) => Value::String(text),
        Json::Array(elements) => Value::List(elements.into_iter().map(from_json).collect()),
        Json::Object(members) => Value::map(members.into_iter().map(|(name, value)| (name, from_json(value)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_answer_as_terraforms() {
        let list = |texts: &[&str]| Value::List(texts.iter().map(|text| Value::from(*text)).collect());
        for (name, arguments, expected) in [
            (
                "jsonencode",
                vec![Value::map([("b", Value::from(1)), ("a", Value::Null)])],
                Value::from(r#"{"a":null,"b":1}"#),
            ),
            ("jsondecode", vec![Value::from("[1,\"a\"]")], Value::List(vec![Value::from(1), Value::from("a")])),
            ("join", vec![Value::from(","), list(&["a", "b"])], Value::from("a,b")),
            ("length", vec![list(&["a", "b"])], Value::from(2)),
            ("base64decode", vec![Value::from("YWI=")], Value::from("ab")),
            ("base64encode", vec![Value::unknown()], Value::unknown()),
        ] {
            assert_eq!(call(name, arguments, Path::new(".")), Ok(expected), "{name}");
        }
        assert!(call("nothing", vec![], Path::new(".")).is_err());
    }
}
