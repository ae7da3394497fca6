//! TOML: written as Go's BurntSushi library writes it, read by the `toml` crate.

use crate::go::float;
use crate::template::failure::Failure;
use crate::template::function::{Arguments, Function, Outcome, Type};
use crate::template::value::{Element, Entries, Object, Value};
use std::fmt::Write as _;
use std::rc::Rc;

pub(super) const TABLE: &[Function] = &[
    Function::new("toToml", &[Type::Any], |arguments| {
        if arguments.value(0).is_nil() {
            return Err(crate::template::function::ZERO_VALUE.into());
        }
        Ok(Value::text(encode(arguments.value(0)).unwrap_or_else(|error| error)))
    }),
    Function::new("mustToToml", &[Type::Any], |arguments| {
        encode(arguments.value(0)).map(Value::text).map_err(Failure::new)
    }),
    Function::new("fromToml", &[Type::Text], from_toml),
];

fn from_toml(arguments: Arguments) -> Outcome {
    match toml::from_str::<toml::Table>(&arguments.text(0)) {
        Ok(table) => Ok(Value::map(entries(table))),
        Err(error) => {
            let message = format!("toml: {}", error.message());
            Ok(Value::map([("Error".into(), Value::text(message))].into()))
        }
    }
}

fn entries(table: toml::Table) -> Entries {
    table.into_iter().map(|(key, value)| (key.into(), decode(value))).collect()
}

fn decode(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::text(text),
        toml::Value::Integer(number) => Value::int64(number),
        toml::Value::Float(number) => Value::Float(number),
        toml::Value::Boolean(value) => Value::Bool(value),
        toml::Value::Datetime(time) => time_value(&time.to_string()),
        toml::Value::Array(items) => Value::list(items.into_iter().map(decode).collect()),
        toml::Value::Table(table) => Value::map(entries(table)),
    }
}

fn time_value(text: &str) -> Value {
    const LAYOUTS: [&str; 4] =
        ["2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02", "15:04:05.999999999"];
    let parsed = LAYOUTS.iter().find_map(|layout| crate::template::date::Time::parse(layout, text).ok());
    parsed.map_or_else(|| Value::text(text), |time| Value::object(Object::Time(time)))
}

fn encode(value: &Value) -> Result<String, String> {
    let mut out = String::new();
    match value {
        Value::Nil => return Err(crate::template::function::ZERO_VALUE.to_owned()),
        value if is_array_of_tables(value) => {
            return Err("toml: top-level values must be Go maps or structs".to_owned());
        }
        value if is_hash(value) => table(&[], value, &mut out, 0)?,
        value => element(value, &mut out, 0)?,
    }
    Ok(out)
}

/// Deepest nesting; a map that holds itself is deeper than any.
const MAX_DEPTH: usize = 1_000;

fn members(value: &Value) -> Vec<(Rc<str>, Value)> {
    match value {
        Value::Map(map) => map.entries.borrow().iter().map(|(key, value)| (Rc::clone(key), value.clone())).collect(),
        Value::Object(object) => {
            crate::template::format::fields(object).into_iter().map(|(key, value)| (key.into(), value)).collect()
        }
        _ => Vec::new(),
    }
}

fn is_hash(value: &Value) -> bool {
    match value {
        Value::Map(_) => true,
        Value::Object(object) => !matches!(**object, Object::Time(_) | Object::Version { .. }),
        _ => false,
    }
}

fn is_array_of_tables(value: &Value) -> bool {
    match value {
        Value::List(list) => {
            list.element != Element::AnyList && !list.items.is_empty() && list.items.iter().all(is_hash)
        }
        _ => false,
    }
}

/// The `[a.b]` head of a table and its members.
fn table(key: &[Rc<str>], value: &Value, out: &mut String, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("toml: more than {MAX_DEPTH} levels"));
    }
    if key.len() == 1 {
        line(out);
    }
    if !key.is_empty() {
        let _ = writeln!(out, "{}[{}]", indent(key), dotted(key));
    }
    fields(key, value, out, depth)
}

fn line(out: &mut String) {
    if !out.is_empty() {
        out.push('\n');
    }
}

fn fields(key: &[Rc<str>], value: &Value, out: &mut String, depth: usize) -> Result<(), String> {
    let (tables, direct): (Vec<_>, Vec<_>) =
        members(value).into_iter().partition(|(_, member)| is_hash(member) || is_array_of_tables(member));
    for (name, member) in direct.into_iter().chain(tables) {
        if member.is_nil() {
            continue;
        }
        let inner: Vec<Rc<str>> = key.iter().cloned().chain([name]).collect();
        if is_hash(&member) {
            table(&inner, &member, out, depth + 1)?;
        } else if is_array_of_tables(&member) {
            for item in member.items().unwrap_or_default() {
                line(out);
                let _ = writeln!(out, "{}[[{}]]", indent(&inner), dotted(&inner));
                fields(&inner, &item, out, depth + 1)?;
            }
        } else {
            let _ = write!(out, "{}{} = ", indent(&inner), quoted_key(inner.last().map_or("", |name| name)));
            element(&member, out, depth)?;
            out.push('\n');
        }
    }
    Ok(())
}

fn indent(key: &[Rc<str>]) -> String {
    "  ".repeat(key.len().saturating_sub(1))
}

fn dotted(key: &[Rc<str>]) -> String {
    let parts: Vec<String> = key.iter().map(|part| quoted_key(part)).collect();
    parts.join(".")
}

fn quoted_key(key: &str) -> String {
    let is_bare =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_bare { key.to_owned() } else { quoted(key) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\0'..='\u{1f}' | '\u{7f}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

fn element(value: &Value, out: &mut String, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("toml: more than {MAX_DEPTH} levels"));
    }
    match value {
        Value::Nil => return Err("toml: cannot encode array with nil element".to_owned()),
        Value::Bool(value) => out.push_str(&value.to_string()),
        Value::Int(number, _) => out.push_str(&number.to_string()),
        Value::Unsigned(number, _) => out.push_str(&number.to_string()),
        Value::Float(number) => match float(*number, 'g', None).as_str() {
            "NaN" => out.push_str("nan"),
            "+Inf" => out.push_str("inf"),
            "-Inf" => out.push_str("-inf"),
            text if text.contains(['.', 'e']) => out.push_str(text),
            text => {
                out.push_str(text);
                out.push_str(".0");
            }
        },
        Value::Text(text) => out.push_str(&quoted(text)),
        Value::List(_) | Value::Bytes(_) => {
            out.push('[');
            for (index, item) in value.items().unwrap_or_default().iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                element(item, out, depth + 1)?;
            }
            out.push(']');
        }
        Value::Object(object) => match &**object {
            Object::Time(time) => out.push_str(&time.rfc3339()),
            Object::Version { version, .. } => out.push_str(&quoted(&version.to_string())),
            _ => inline(value, out, depth)?,
        },
        Value::Map(_) => inline(value, out, depth)?,
    }
    Ok(())
}

/// A table inside an array that is not an array of tables.
fn inline(value: &Value, out: &mut String, depth: usize) -> Result<(), String> {
    out.push('{');
    let (tables, direct): (Vec<_>, Vec<_>) =
        members(value).into_iter().partition(|(_, member)| is_hash(member) || is_array_of_tables(member));
    let last = direct.len() + tables.len();
    for (index, (name, member)) in direct.into_iter().chain(tables).enumerate() {
        if member.is_nil() {
            continue;
        }
        let _ = write!(out, "{} = ", quoted_key(&name));
        element(&member, out, depth + 1)?;
        if index + 1 < last {
            out.push_str(", ");
        }
    }
    out.push('}');
    Ok(())
}
