//! Terraform's own functions, as far as cases use them.

use std::collections::BTreeMap;
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
    if name != "sensitive" && name != "nonsensitive" && !arguments.iter().all(Value::is_wholly_known) {
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
    let map = |position: usize| match arguments.get(position) {
        Some(Value::Map(entries)) => Ok(entries.clone()),
        _ => Err(format!("argument {position} must be a map")),
    };
    let first = || arguments.first().cloned().ok_or_else(|| "an argument is missing".to_owned());
    Ok(match name {
        "sensitive" | "nonsensitive" => first()?,
        "jsonencode" => Value::String(escaped(&known(&first()?).to_string())),
        "jsondecode" => {
            let json: serde_json::Value = serde_json::from_str(&text(0)?).map_err(|error| error.to_string())?;
            from_json(json)
        }
        "tostring" => convert(first()?, &Type::String)?,
        "tonumber" => convert(first()?, &Type::Number)?,
        "tobool" => convert(first()?, &Type::Bool)?,
        "tolist" => Value::List(list(0)?),
        "toset" => Value::set(list(0)?),
        "tomap" => Value::Map(map(0)?),
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
        "split" => {
            let (separator, whole) = (text(0)?, text(1)?);
            Value::List(whole.split(&separator).map(Value::from).collect())
        }
        "concat" => {
            let mut all = Vec::new();
            for position in 0..arguments.len() {
                all.extend(list(position)?);
            }
            Value::List(all)
        }
        "merge" => {
            let mut all = BTreeMap::new();
            for position in 0..arguments.len() {
                all.extend(map(position)?);
            }
            Value::Map(all)
        }
        "keys" => Value::List(map(0)?.into_keys().map(Value::String).collect()),
        "values" => Value::List(map(0)?.into_values().collect()),
        "lookup" => match map(0)?.get(&text(1)?) {
            Some(value) => value.clone(),
            None => arguments.get(2).cloned().ok_or("the key does not exist")?,
        },
        "contains" => Value::Bool(list(0)?.contains(arguments.get(1).ok_or("an argument is missing")?)),
        "range" => match arguments.first() {
            Some(Value::Number(end)) if arguments.len() == 1 => {
                Value::List((0..end.as_i64().unwrap_or(0)).map(Value::from).collect())
            }
            _ => return Err("this layer knows `range` with one argument only".to_owned()),
        },
        "one" => match list(0)?.as_slice() {
            [] => Value::Null,
            [only] => only.clone(),
            _ => return Err("must be a list, set, or tuple value with either zero or one elements".to_owned()),
        },
        "coalesce" => arguments
            .iter()
            .find(|value| !value.is_null() && value.as_str() != Some(""))
            .cloned()
            .unwrap_or(Value::Null),
        "lower" => Value::String(text(0)?.to_lowercase()),
        "upper" => Value::String(text(0)?.to_uppercase()),
        "trimspace" => Value::String(text(0)?.trim().to_owned()),
        "replace" => Value::String(text(0)?.replace(&text(1)?, &text(2)?)),
        "startswith" => Value::Bool(text(0)?.starts_with(&text(1)?)),
        "endswith" => Value::Bool(text(0)?.ends_with(&text(1)?)),
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
        "format" => format(&text(0)?, &arguments[1..])?,
        other => return Err(format!("the in-process layer does not know the function {other}")),
    })
}

/// Nothing in memory has more elements than an `i64` counts.
fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// `%s`, `%d`, `%v`, `%q`, `%0Nd` and `%%`.
fn format(pattern: &str, arguments: &[Value]) -> Result<Value, String> {
    let mut result = String::new();
    let mut arguments = arguments.iter();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('%') {
        result.push_str(before);
        let verb = after.find(|character: char| character.is_ascii_alphabetic() || character == '%');
        let verb = verb.ok_or("a verb is missing after `%`")?;
        let (flags, after) = after.split_at(verb);
        if let Some(after) = after.strip_prefix('%') {
            result.push('%');
            rest = after;
            continue;
        }
        let argument = arguments.next().ok_or("not enough arguments")?;
        let shown = match argument {
            Value::String(text) => text.clone(),
            other => known(other).to_string(),
        };
        match (after.chars().next(), flags.strip_prefix('0').and_then(|width| width.parse::<usize>().ok())) {
            (Some('d'), Some(width)) => result.push_str(&format!("{shown:0>width$}")),
            (Some('s' | 'd' | 'v'), None) if flags.is_empty() => result.push_str(&shown),
            (Some('q'), None) if flags.is_empty() => result.push_str(&format!("{shown:?}")),
            _ => return Err(format!("the in-process layer does not know the verb in `{pattern}`")),
        }
        rest = &after[1..];
    }
    result.push_str(rest);
    Ok(Value::String(result))
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
            (
                "format",
                vec![Value::from("%s-%03d-%q%%"), Value::from("a"), Value::from(7), Value::from("x")],
                Value::from("a-007-\"x\"%"),
            ),
            ("coalesce", vec![Value::Null, Value::from(""), Value::from("x")], Value::from("x")),
            ("base64decode", vec![Value::from("YWI=")], Value::from("ab")),
            ("upper", vec![Value::unknown()], Value::unknown()),
        ] {
            assert_eq!(call(name, arguments, Path::new(".")), Ok(expected), "{name}");
        }
        assert!(call("nothing", vec![], Path::new(".")).is_err());
        assert!(call("format", vec![Value::from("%s")], Path::new(".")).is_err());
    }
}
