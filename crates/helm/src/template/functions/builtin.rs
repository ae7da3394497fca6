//! Go's own template functions, without the comparisons.

use crate::bytes;
use crate::go::is_print;
use crate::template::failure::Failure;
use crate::template::format;
use crate::template::function::{Arguments, Function, Outcome, Type};
use crate::template::value::{Element, List, UnsignedType, Value};
use std::fmt::Write as _;
use std::rc::Rc;

pub(super) const TABLE: &[Function] = &[
    // The evaluator handles `and`, `or` and `call` itself: it needs the operands before they are evaluated.
    Function::variadic("and", &[Type::Reflect], Type::Reflect, |_| Ok(Value::Nil)),
    Function::variadic("or", &[Type::Reflect], Type::Reflect, |_| Ok(Value::Nil)),
    Function::new("not", &[Type::Reflect], |arguments| Ok(Value::Bool(!arguments.value(0).is_true()))),
    Function::variadic("call", &[Type::Reflect], Type::Reflect, |_| Ok(Value::Nil)),
    Function::variadic("html", &[], Type::Any, |arguments| Ok(Value::text(escape_html(&joined(&arguments))))),
    Function::variadic("js", &[], Type::Any, |arguments| Ok(Value::text(escape_script(&joined(&arguments))))),
    Function::variadic("urlquery", &[], Type::Any, |arguments| Ok(Value::text(query_escape(&joined(&arguments))))),
    Function::variadic("index", &[Type::Reflect], Type::Reflect, index),
    Function::new("len", &[Type::Reflect], length),
    Function::variadic("print", &[], Type::Any, |arguments| Ok(Value::text(format::sprint(arguments.all())))),
    Function::variadic("println", &[], Type::Any, |arguments| Ok(Value::text(format::sprintln(arguments.all())))),
    Function::variadic("printf", &[Type::Text], Type::Any, |arguments| {
        Ok(Value::text(format::printf(&arguments.text(0), arguments.rest(1))))
    }),
];

/// A position in a sequence of `length` elements.
fn position(index: &Value, length: usize) -> Result<usize, Failure> {
    let number = match index {
        Value::Int(number, _) => *number,
        Value::Unsigned(number, _) => *number as i64,
        Value::Nil => return Err("cannot index slice/array with nil".into()),
        other => {
            let kind = other.type_name().unwrap_or_default();
            return Err(Failure::new(format!("cannot index slice/array with type {kind}")));
        }
    };
    usize::try_from(number)
        .ok()
        .filter(|number| *number <= length)
        .ok_or_else(|| Failure::new(format!("index out of range: {number}")))
}

fn index(arguments: Arguments) -> Outcome {
    let mut item = arguments.value(0).clone();
    if item.is_nil() {
        return Err("index of untyped nil".into());
    }
    for key in arguments.rest(1) {
        item = match &item {
            Value::Nil => return Err("index of nil pointer".into()),
            Value::List(List { items, .. }) => {
                let at = position(key, items.len())?;
                items.get(at).cloned().ok_or("reflect: slice index out of range")?
            }
            Value::Bytes(bytes) => byte_at(bytes, position(key, bytes.len())?, "reflect: slice index out of range")?,
            Value::Text(text) => {
                let bytes = bytes::of_text(text);
                byte_at(&bytes, position(key, bytes.len())?, "reflect: string index out of range")?
            }
            Value::Map(map) => match key {
                Value::Text(key) => map.entry(key).unwrap_or_else(|| map.zero()),
                Value::Nil => return Err("value is nil; should be of type string".into()),
                other => {
                    let kind = other.type_name().unwrap_or_default();
                    return Err(Failure::new(format!("value has type {kind}; should be string")));
                }
            },
            other => {
                let kind = other.type_name().unwrap_or_default().trim_start_matches('*');
                return Err(Failure::new(format!("can't index item of type {kind}")));
            }
        };
    }
    Ok(item)
}

fn byte_at(bytes: &[u8], at: usize, beyond: &str) -> Outcome {
    let byte = bytes.get(at).ok_or(beyond)?;
    Ok(Value::Unsigned(u64::from(*byte), UnsignedType::Uint8))
}

fn length(arguments: Arguments) -> Outcome {
    let length = match arguments.value(0) {
        Value::Nil => return Err("len of nil pointer".into()),
        Value::Text(text) => bytes::length(text),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.items.len(),
        Value::Map(map) => map.entries.borrow().len(),
        other => {
            let kind = other.type_name().unwrap_or_default().trim_start_matches('*');
            return Err(Failure::new(format!("len of type {kind}")));
        }
    };
    Ok(Value::int(length as i64))
}

/// The operands as one text, with nothing for no value where there is one operand.
fn joined(arguments: &Arguments) -> Rc<str> {
    match arguments.all() {
        [Value::Text(text)] => Rc::clone(text),
        values => {
            let shown: Vec<Value> = values
                .iter()
                .map(|value| if value.is_nil() { Value::text("<no value>") } else { value.clone() })
                .collect();
            format::sprint(&shown).into()
        }
    }
}

fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\0' => escaped.push('\u{fffd}'),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn escape_script(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\'' => escaped.push_str("\\'"),
            '"' => escaped.push_str("\\\""),
            '<' | '>' | '&' | '=' | '\0'..='\u{1f}' => {
                // Writing to a string cannot fail, here and below.
                let _ = write!(escaped, "\\u{:04X}", u32::from(character));
            }
            other if other.is_ascii() || is_print(other) => escaped.push(other),
            other => {
                let _ = write!(escaped, "\\u{:04X}", u32::from(other));
            }
        }
    }
    escaped
}

/// Go's `url.QueryEscape`: a space becomes a plus sign.
pub(super) fn query_escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in bytes::of_text(text).iter() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(*byte)),
            b' ' => escaped.push('+'),
            other => {
                let _ = write!(escaped, "%{other:02X}");
            }
        }
    }
    escaped
}

/// A list of the same type as `list` with other elements.
pub(super) fn same_list(list: &List, items: Vec<Value>) -> Value {
    Value::List(List { items: Rc::new(items), element: list.element, is_nil: false })
}

/// A list of integers.
pub(super) fn int_list(items: impl Iterator<Item = i64>) -> Value {
    Value::List(List { items: Rc::new(items.map(Value::int).collect()), element: Element::Int, is_nil: false })
}
