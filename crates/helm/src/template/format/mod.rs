//! Go's `fmt` for template values: `print`, `println` and the printing of pipelines here, `printf` in `printf`.

mod printf;
mod structs;

pub(crate) use printf::printf;
pub(crate) use structs::fields;

use super::limits::{MAX_BYTES, MAX_DEPTH};
use super::value::{Object, Value};
use crate::bytes;
use crate::data::Data;
use crate::go::float;
use std::fmt::Write as _;
use structs::stringer;

/// `%v` of plain data.
pub(crate) fn plain_data(data: &Data) -> String {
    plain(&Value::from(data))
}

/// `%#v` of plain data as go-yaml decodes it.
pub(crate) fn go_syntax(data: &Data) -> String {
    let text = printf("%#v", &[Value::from(data)]);
    text.replace("map[string]interface {}{", "map[interface {}]interface {}{")
}

/// What an action prints: `fmt.Fprint` of the value, `<no value>` for none.
pub(crate) fn display(value: &Value, out: &mut String) {
    match value {
        Value::Nil => out.push_str("<no value>"),
        Value::Object(object) => match object.as_ref() {
            // The place of this struct has an address, so its pointer's String method counts.
            Object::KubeVersion { normalized, .. } => out.push_str(normalized),
            // An action prints what a pointer leads to, `print` the pointer.
            Object::Capabilities { .. } => write_fields(object, out, 0),
            _ => write_plain(value, out, 0),
        },
        value => write_plain(value, out, 0),
    }
}

/// `fmt.Sprint`: a space between operands when neither is a string.
pub(crate) fn sprint(values: &[Value]) -> String {
    let mut out = String::new();
    let mut after_text = false;
    for (index, value) in values.iter().enumerate() {
        let is_text = matches!(value, Value::Text(_));
        if index > 0 && !is_text && !after_text {
            out.push(' ');
        }
        write_plain(value, &mut out, 0);
        after_text = is_text;
    }
    out
}

/// `fmt.Sprintln`.
pub(crate) fn sprintln(values: &[Value]) -> String {
    let mut out = String::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        write_plain(value, &mut out, 0);
    }
    out.push('\n');
    out
}

/// `%v` of one value; `<nil>` for none.
pub(crate) fn plain(value: &Value) -> String {
    let mut out = String::new();
    write_plain(value, &mut out, 0);
    out
}

/// sprig's `strval`: strings and bytes as they are, everything else by `%v`.
pub(crate) fn strval(value: &Value) -> std::rc::Rc<str> {
    match value {
        Value::Text(text) => std::rc::Rc::clone(text),
        Value::Bytes(bytes) => bytes::to_text(bytes).into(),
        value => plain(value).into(),
    }
}

fn write_plain(value: &Value, out: &mut String, depth: usize) {
    if out.len() > MAX_BYTES {
        // Lists that share their parts can be longer than any memory; the caller refuses what is this long.
        return;
    }
    match value {
        Value::Nil => out.push_str("<nil>"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        // Writing to a string cannot fail, here and below.
        Value::Int(number, _) => {
            let _ = write!(out, "{number}");
        }
        Value::Unsigned(number, _) => {
            let _ = write!(out, "{number}");
        }
        Value::Float(number) => out.push_str(&float(*number, 'g', None)),
        Value::Text(text) => out.push_str(text),
        Value::Bytes(bytes) => {
            out.push('[');
            for (index, byte) in bytes.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                let _ = write!(out, "{byte}");
            }
            out.push(']');
        }
        Value::List(list) => {
            out.push('[');
            for (index, item) in list.items.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                write_plain(item, out, depth + 1);
            }
            out.push(']');
        }
        Value::Map(map) => {
            if depth >= MAX_DEPTH {
                out.push_str("map[...]");
                return;
            }
            out.push_str("map[");
            for (index, (key, item)) in map.entries.borrow().iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                out.push_str(key);
                out.push(':');
                write_plain(item, out, depth + 1);
            }
            out.push(']');
        }
        Value::Object(object) => match stringer(object) {
            Some(text) => out.push_str(&text),
            None => write_struct(object, out, depth),
        },
    }
}

fn write_struct(object: &Object, out: &mut String, depth: usize) {
    if object.is_pointer() && depth > 0 {
        // Go prints where the struct is in memory.
        out.push_str("0xc000000000");
        return;
    }
    if object.is_pointer() {
        out.push('&');
    }
    write_fields(object, out, depth);
}

fn write_fields(object: &Object, out: &mut String, depth: usize) {
    out.push('{');
    for (index, (_, field)) in fields(object).iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        write_plain(field, out, depth + 1);
    }
    out.push('}');
}
