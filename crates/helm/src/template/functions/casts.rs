//! Conversions: `int`, `int64`, `float64`, `atoi`, `toString`, `toStrings`, `toDecimal`. What cannot be read is zero.

use crate::go::{NumberError, parse_float, parse_signed};
use crate::template::format;
use crate::template::function::{Function, Type};
use crate::template::value::{Element, List, Value};
use std::rc::Rc;

pub(super) const TABLE: &[Function] = &[
    Function::new("atoi", &[Type::Text], |arguments| {
        // Out of range is the nearest number, as strconv.Atoi returns with its error.
        let text = arguments.text(0);
        Ok(Value::int(match parse_signed(&text, 10) {
            Ok(number) => number,
            Err(NumberError::Range) if text.starts_with('-') => i64::MIN,
            Err(NumberError::Range) => i64::MAX,
            Err(NumberError::Syntax) => 0,
        }))
    }),
    Function::new("int", &[Type::Any], |arguments| Ok(Value::int(to_int(arguments.value(0))))),
    Function::new("int64", &[Type::Any], |arguments| Ok(Value::int64(to_int(arguments.value(0))))),
    Function::new("float64", &[Type::Any], |arguments| Ok(Value::Float(to_float(arguments.value(0))))),
    Function::new("toDecimal", &[Type::Any], |arguments| {
        // Despite its name it reads octal.
        Ok(Value::int64(parse_signed(&format::plain(arguments.value(0)), 8).unwrap_or(0)))
    }),
    Function::new("toString", &[Type::Any], |arguments| Ok(Value::Text(format::strval(arguments.value(0))))),
    Function::new("toStrings", &[Type::Any], |arguments| Ok(text_list(strings(arguments.value(0))))),
];

/// `cast.ToInt64`.
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(number, _) => *number,
        Value::Unsigned(number, _) => *number as i64,
        Value::Float(number) => float_to_int(*number),
        Value::Text(text) => parse_signed(without_zero_decimals(text), 0).unwrap_or(0),
        Value::Bool(value) => i64::from(*value),
        _ => 0,
    }
}

/// Go on amd64 returns the smallest integer for what does not fit.
fn float_to_int(number: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) { number as i64 } else { i64::MIN }
}

/// `1.00` reads as `1`.
fn without_zero_decimals(text: &str) -> &str {
    match text.trim_end_matches('0') {
        trimmed if trimmed.len() < text.len() && trimmed.ends_with('.') => &trimmed[..trimmed.len() - 1],
        _ => text,
    }
}

/// `cast.ToFloat64`.
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Int(number, _) => *number as f64,
        Value::Unsigned(number, _) => *number as f64,
        Value::Float(number) => *number,
        Value::Text(text) => parse_float(text).unwrap_or(0.0),
        Value::Bool(value) => f64::from(u8::from(*value)),
        _ => 0.0,
    }
}

/// sprig's `toStrings`: the elements as text without nils; anything else as its only element.
pub(super) fn strings(value: &Value) -> Vec<Rc<str>> {
    match value.items() {
        Some(items) => items.iter().filter(|item| !item.is_nil()).map(format::strval).collect(),
        None if value.is_nil() => Vec::new(),
        None => vec![format::strval(value)],
    }
}

pub(super) fn text_list(items: Vec<Rc<str>>) -> Value {
    let items = items.into_iter().map(Value::Text).collect();
    Value::List(List { items: Rc::new(items), element: Element::Text, is_nil: false })
}
