//! Strings: trimming, cutting, indenting, quoting, joining, splitting, replacing.

use super::casts::{strings, text_list};
use crate::bytes;
use crate::go::{is_space, quote};
use crate::template::failure::Failure;
use crate::template::format;
use crate::template::function::{Arguments, Function, Outcome, Type};
use crate::template::limits::MAX_BYTES;
use crate::template::value::{Entries, Map, MapKind, Value};
use std::rc::Rc;

pub(super) const TABLE: &[Function] = &[
    Function::new("trim", &[Type::Text], |arguments| Ok(Value::text(arguments.text(0).trim_matches(is_space)))),
    Function::new("upper", &[Type::Text], |arguments| Ok(Value::text(map_case(&arguments.text(0), upper)))),
    Function::new("lower", &[Type::Text], |arguments| Ok(Value::text(map_case(&arguments.text(0), lower)))),
    Function::new("trimall", &[Type::Text, Type::Text], trim_all),
    Function::new("trimAll", &[Type::Text, Type::Text], trim_all),
    Function::new("trimSuffix", &[Type::Text, Type::Text], |arguments| {
        let text = arguments.text(1);
        Ok(Value::text(text.strip_suffix(&*arguments.text(0)).unwrap_or(&text)))
    }),
    Function::new("trimPrefix", &[Type::Text, Type::Text], |arguments| {
        let text = arguments.text(1);
        Ok(Value::text(text.strip_prefix(&*arguments.text(0)).unwrap_or(&text)))
    }),
    Function::new("trunc", &[Type::Int, Type::Text], truncate),
    Function::new("substr", &[Type::Int, Type::Int, Type::Text], substring),
    Function::new("repeat", &[Type::Int, Type::Text], repeat),
    Function::new("replace", &[Type::Text, Type::Text, Type::Text], |arguments| {
        Ok(Value::text(arguments.text(2).replace(&*arguments.text(0), &arguments.text(1))))
    }),
    Function::new("contains", &[Type::Text, Type::Text], |arguments| {
        Ok(Value::Bool(arguments.text(1).contains(&*arguments.text(0))))
    }),
    Function::new("hasPrefix", &[Type::Text, Type::Text], |arguments| {
        Ok(Value::Bool(arguments.text(1).starts_with(&*arguments.text(0))))
    }),
    Function::new("hasSuffix", &[Type::Text, Type::Text], |arguments| {
        Ok(Value::Bool(arguments.text(1).ends_with(&*arguments.text(0))))
    }),
    Function::variadic("quote", &[], Type::Any, |arguments| {
        Ok(Value::text(each(&arguments, |value| quote(&format::strval(value)))))
    }),
    Function::variadic("squote", &[], Type::Any, |arguments| {
        Ok(Value::text(each(&arguments, |value| format!("'{}'", format::plain(value)))))
    }),
    Function::variadic("cat", &[], Type::Any, |arguments| Ok(Value::text(each(&arguments, format::plain)))),
    Function::new("indent", &[Type::Int, Type::Text], |arguments| indent(&arguments, "")),
    Function::new("nindent", &[Type::Int, Type::Text], |arguments| indent(&arguments, "\n")),
    Function::new("plural", &[Type::Text, Type::Text, Type::Int], |arguments| {
        Ok(arguments.value(usize::from(arguments.int(2) != 1)).clone())
    }),
    Function::new("join", &[Type::Text, Type::Any], |arguments| {
        Ok(Value::text(strings(arguments.value(1)).join(&*arguments.text(0))))
    }),
    Function::new("splitList", &[Type::Text, Type::Text], |arguments| {
        Ok(text_list(split(&arguments.text(0), &arguments.text(1), -1)))
    }),
    Function::new("split", &[Type::Text, Type::Text], |arguments| {
        Ok(numbered(split(&arguments.text(0), &arguments.text(1), -1)))
    }),
    Function::new("splitn", &[Type::Text, Type::Int, Type::Text], |arguments| {
        Ok(numbered(split(&arguments.text(0), &arguments.text(2), arguments.int(1))))
    }),
];

/// Maps each character on its own, as Go does; Rust's own methods know about neighbours and about `ß`.
pub(super) fn map_case(text: &str, convert: fn(char) -> char) -> String {
    text.chars().map(convert).collect()
}

/// `unicode.ToUpper`: the one character that a character maps to, or itself where it maps to several.
pub(super) fn upper(character: char) -> char {
    let mut mapped = character.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(single), None) => single,
        _ => character,
    }
}

/// `unicode.ToLower`.
pub(super) fn lower(character: char) -> char {
    let mut mapped = character.to_lowercase();
    match (mapped.next(), mapped.next()) {
        (Some(single), None) => single,
        (Some(first), Some(_)) if character == 'İ' => first,
        _ => character,
    }
}

fn trim_all(arguments: Arguments) -> Outcome {
    let cut = arguments.text(0);
    Ok(Value::text(arguments.text(1).trim_matches(|character| cut.contains(character))))
}

fn truncate(arguments: Arguments) -> Outcome {
    let text = arguments.text(1);
    let bytes = bytes::of_text(&text);
    let (count, length) = (arguments.int(0), bytes.len() as i64);
    if count < 0 && length + count > 0 {
        return Ok(Value::text(bytes::to_text(&bytes[(length + count) as usize..])));
    }
    if count >= 0 && length > count {
        return Ok(Value::text(bytes::to_text(&bytes[..count as usize])));
    }
    Ok(Value::Text(text))
}

fn substring(arguments: Arguments) -> Outcome {
    let text = arguments.text(2);
    let bytes = bytes::of_text(&text);
    let (start, end, length) = (arguments.int(0), arguments.int(1), bytes.len() as i64);
    let (start, end) = if start < 0 {
        (0, end)
    } else if end < 0 || end > length {
        (start, length)
    } else {
        (start, end)
    };
    if end < 0 {
        return Err(Failure::new(format!("runtime error: slice bounds out of range [:{end}]")));
    }
    if end > length {
        return Err(Failure::new(format!("runtime error: slice bounds out of range [:{end}] with length {length}")));
    }
    if start > end {
        // Go words it by what the expression was: `s[start:]` or `s[start:end]`.
        let shown = if end == length && (arguments.int(1) < 0 || arguments.int(1) > length) {
            format!("[{start}:{length}]")
        } else {
            format!("[{start}:{end}]")
        };
        return Err(Failure::new(format!("runtime error: slice bounds out of range {shown}")));
    }
    Ok(Value::text(bytes::to_text(&bytes[start as usize..end as usize])))
}

/// Refuses a text that one call would make larger than a whole render may be.
pub(super) fn check_size(bytes: i128) -> Result<(), Failure> {
    if bytes > MAX_BYTES as i128 {
        return Err(Failure::new(format!("the result is larger than {} MiB", MAX_BYTES >> 20)));
    }
    Ok(())
}

fn repeat(arguments: Arguments) -> Outcome {
    let (count, text) = (arguments.int(0), arguments.text(1));
    let Ok(times) = usize::try_from(count) else {
        return Err("strings: negative Repeat count".into());
    };
    check_size(i128::from(count) * text.len() as i128)?;
    Ok(Value::text(text.repeat(times)))
}

/// The shown arguments without nils, with spaces between.
fn each(arguments: &Arguments, show: impl Fn(&Value) -> String) -> String {
    let shown: Vec<String> = arguments.all().iter().filter(|value| !value.is_nil()).map(show).collect();
    shown.join(" ")
}

fn indent(arguments: &Arguments, before: &str) -> Outcome {
    let (spaces, text) = (arguments.int(0), arguments.text(1));
    let Ok(width) = usize::try_from(spaces) else {
        return Err("strings: negative Repeat count".into());
    };
    let lines = 1 + text.bytes().filter(|byte| *byte == b'\n').count();
    check_size(i128::from(spaces) * lines as i128 + text.len() as i128)?;
    let pad = " ".repeat(width);
    let mut indented = String::with_capacity(before.len() + text.len() + lines * width);
    indented.push_str(before);
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            indented.push('\n');
        }
        indented.push_str(&pad);
        indented.push_str(line);
    }
    Ok(Value::text(indented))
}

/// `strings.SplitN`: a negative limit means none, zero returns nothing, an empty separator splits characters.
pub(super) fn split(separator: &str, text: &str, limit: i64) -> Vec<Rc<str>> {
    if limit == 0 {
        return Vec::new();
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if !separator.is_empty() {
        return text.splitn(limit, separator).map(Rc::from).collect();
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if parts.len() + 1 == limit {
            break;
        }
        let (head, tail) = rest.split_at(character.len_utf8());
        parts.push(head.into());
        rest = tail;
    }
    if !rest.is_empty() {
        parts.push(rest.into());
    }
    parts
}

/// `{_0: first, _1: second, …}`.
fn numbered(parts: Vec<Rc<str>>) -> Value {
    let entries: Entries =
        parts.into_iter().enumerate().map(|(index, part)| (format!("_{index}").into(), Value::Text(part))).collect();
    Value::Map(Map::new(entries, MapKind::Text))
}
