//! Go's `fmt` for template values: `print`, `println` and the printing of pipelines here, `printf` in `printf`.

mod float;
mod printf;
mod quote;

pub(crate) use float::{float, json as json_number};
pub(crate) use printf::printf;
pub(crate) use quote::{quote, unquote, unquote_character};

use super::engine::MAX_BYTES;
use super::value::{Object, Value};
use crate::bytes;
use std::fmt::Write as _;

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

/// What `String()` or `Error()` gives for types that have it.
fn stringer(object: &Object) -> Option<String> {
    match object {
        Object::Version { version, .. } => Some(version.to_string()),
        Object::Time(time) => Some(time.to_string()),
        _ => None,
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

/// Deepest nesting that is printed. Go overflows its stack on a map that holds itself; here the text ends.
const MAX_DEPTH: usize = 1_000;

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

/// The fields of a struct in Go's order.
pub(crate) fn fields(object: &Object) -> Vec<(&'static str, Value)> {
    let text = |text: &str| Value::text(text);
    match object {
        Object::Capabilities { kube_version, api_versions, helm_version } => vec![
            ("KubeVersion", kube_version.clone()),
            ("APIVersions", api_versions.clone()),
            ("HelmVersion", helm_version.clone()),
        ],
        Object::KubeVersion { version, normalized, major, minor } => vec![
            ("Version", text(version)),
            ("normalizedVersion", text(normalized)),
            ("Major", text(major)),
            ("Minor", text(minor)),
        ],
        Object::HelmVersion { version, git_commit, git_tree_state, go_version, kube_client_version } => vec![
            ("Version", text(version)),
            ("GitCommit", text(git_commit)),
            ("GitTreeState", text(git_tree_state)),
            ("GoVersion", text(go_version)),
            ("KubeClientVersion", text(kube_client_version)),
        ],
        Object::Certificate { certificate, key } => {
            vec![("Cert", Value::Text(certificate.clone())), ("Key", Value::Text(key.clone()))]
        }
        Object::Version { .. } | Object::Time(_) => Vec::new(),
    }
}
