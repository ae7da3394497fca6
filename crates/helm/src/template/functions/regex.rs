//! The functions that match, replace and split by regular expressions.

use super::casts::text_list;
use crate::regexp::Regexp;
use crate::template::failure::Failure;
use crate::template::function::{Arguments, Function, Outcome, Type};
use crate::template::value::{Element, Value};
use std::rc::Rc;

pub(super) const TABLE: &[Function] = &[
    Function::new("regexMatch", &[Type::Text, Type::Text], |arguments| {
        Ok(Value::Bool(Regexp::new(&arguments.text(0)).is_ok_and(|regex| regex.is_match(&arguments.text(1)))))
    }),
    Function::new("mustRegexMatch", &[Type::Text, Type::Text], |arguments| {
        let regex = Regexp::new(&arguments.text(0)).map_err(Failure::new)?;
        Ok(Value::Bool(regex.is_match(&arguments.text(1))))
    }),
    Function::new("regexFind", &[Type::Text, Type::Text], |arguments| find(&arguments, panicking)),
    Function::new("mustRegexFind", &[Type::Text, Type::Text], |arguments| find(&arguments, plain)),
    Function::new("regexFindAll", &[Type::Text, Type::Text, Type::Int], |arguments| find_all(&arguments, panicking)),
    Function::new("mustRegexFindAll", &[Type::Text, Type::Text, Type::Int], |arguments| find_all(&arguments, plain)),
    Function::new("regexReplaceAll", &[Type::Text, Type::Text, Type::Text], |arguments| {
        replace(&arguments, panicking, false)
    }),
    Function::new("mustRegexReplaceAll", &[Type::Text, Type::Text, Type::Text], |arguments| {
        replace(&arguments, plain, false)
    }),
    Function::new("regexReplaceAllLiteral", &[Type::Text, Type::Text, Type::Text], |arguments| {
        replace(&arguments, panicking, true)
    }),
    Function::new("mustRegexReplaceAllLiteral", &[Type::Text, Type::Text, Type::Text], |arguments| {
        replace(&arguments, plain, true)
    }),
    Function::new("regexSplit", &[Type::Text, Type::Text, Type::Int], |arguments| split(&arguments, panicking)),
    Function::new("mustRegexSplit", &[Type::Text, Type::Text, Type::Int], |arguments| split(&arguments, plain)),
    Function::new("regexQuoteMeta", &[Type::Text], quote_meta),
];

/// How a function words a malformed expression.
type Wording = fn(&str, String) -> Failure;

/// As the functions without `must` report it: they panic in Go.
fn panicking(pattern: &str, error: String) -> Failure {
    let shown = if pattern.contains('`') { crate::go::quote(pattern) } else { format!("`{pattern}`") };
    Failure::new(format!("regexp: Compile({shown}): {error}"))
}

fn plain(_: &str, error: String) -> Failure {
    Failure::new(error)
}

fn regex(arguments: &Arguments, wording: Wording) -> Result<Rc<Regexp>, Failure> {
    let pattern = arguments.text(0);
    Regexp::new(&pattern).map_err(|error| wording(&pattern, error))
}

fn find(arguments: &Arguments, wording: Wording) -> Outcome {
    let regex = regex(arguments, wording)?;
    Ok(Value::text(regex.find(&arguments.text(1)).unwrap_or_default()))
}

fn find_all(arguments: &Arguments, wording: Wording) -> Outcome {
    let regex = regex(arguments, wording)?;
    let text = arguments.text(1);
    let limit = usize::try_from(arguments.int(2)).unwrap_or(usize::MAX);
    let found: Vec<Rc<str>> = regex.ranges(&text).take(limit).map(|range| text[range].into()).collect();
    Ok(if found.is_empty() { Value::nil_list(Element::Text) } else { text_list(found) })
}

fn replace(arguments: &Arguments, wording: Wording, literal: bool) -> Outcome {
    let regex = regex(arguments, wording)?;
    let (text, with) = (arguments.text(1), arguments.text(2));
    Ok(Value::text(if literal { regex.replace_literal(&text, &with) } else { regex.replace(&text, &with) }))
}

/// Go's `Regexp.Split`: an empty match at the start or end adds no empty part.
fn split(arguments: &Arguments, wording: Wording) -> Outcome {
    let regex = regex(arguments, wording)?;
    let (text, limit) = (arguments.text(1), arguments.int(2));
    if limit == 0 {
        return Ok(Value::nil_list(Element::Text));
    }
    if !arguments.text(0).is_empty() && text.is_empty() {
        return Ok(text_list(vec!["".into()]));
    }
    let mut parts: Vec<Rc<str>> = Vec::new();
    let (mut start, mut end) = (0, 0);
    for found in regex.ranges(&text) {
        if limit > 0 && parts.len() as i64 == limit - 1 {
            break;
        }
        end = found.start;
        if found.end != 0 {
            parts.push(text[start..end].into());
        }
        start = found.end;
    }
    if end != text.len() {
        parts.push(text[start..].into());
    }
    Ok(text_list(parts))
}

fn quote_meta(arguments: Arguments) -> Outcome {
    let mut quoted = String::new();
    for character in arguments.text(0).chars() {
        if r"\.+*?()|[]{}^$".contains(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    Ok(Value::text(quoted))
}
