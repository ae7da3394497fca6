//! Regular expressions in Go's RE2 syntax. Rust's engine is of the same kind; the syntax is adapted where it differs.

use super::casts::text_list;
use super::{Arguments, Function, Outcome, Type};
use crate::template::engine::Context;
use crate::template::failure::Failure;
use crate::template::value::{Element, Value};
use regex::{NoExpand, Regex};
use std::rc::Rc;

pub(super) const TABLE: &[Function] = &[
    Function::new("regexMatch", &[Type::Text, Type::Text], |_, arguments| {
        Ok(Value::Bool(compile(&arguments.text(0)).is_ok_and(|regex| regex.is_match(&arguments.text(1)))))
    }),
    Function::new("mustRegexMatch", &[Type::Text, Type::Text], |_, arguments| {
        let regex = compile(&arguments.text(0)).map_err(Failure::new)?;
        Ok(Value::Bool(regex.is_match(&arguments.text(1))))
    }),
    Function::new("regexFind", &[Type::Text, Type::Text], |_, arguments| find(&arguments, panicking)),
    Function::new("mustRegexFind", &[Type::Text, Type::Text], |_, arguments| find(&arguments, plain)),
    Function::new("regexFindAll", &[Type::Text, Type::Text, Type::Int], |_, arguments| find_all(&arguments, panicking)),
    Function::new("mustRegexFindAll", &[Type::Text, Type::Text, Type::Int], |_, arguments| find_all(&arguments, plain)),
    Function::new("regexReplaceAll", &[Type::Text, Type::Text, Type::Text], |_, arguments| {
        replace(&arguments, panicking, false)
    }),
    Function::new("mustRegexReplaceAll", &[Type::Text, Type::Text, Type::Text], |_, arguments| {
        replace(&arguments, plain, false)
    }),
    Function::new("regexReplaceAllLiteral", &[Type::Text, Type::Text, Type::Text], |_, arguments| {
        replace(&arguments, panicking, true)
    }),
    Function::new("mustRegexReplaceAllLiteral", &[Type::Text, Type::Text, Type::Text], |_, arguments| {
        replace(&arguments, plain, true)
    }),
    Function::new("regexSplit", &[Type::Text, Type::Text, Type::Int], |_, arguments| split(&arguments, panicking)),
    Function::new("mustRegexSplit", &[Type::Text, Type::Text, Type::Int], |_, arguments| split(&arguments, plain)),
    Function::new("regexQuoteMeta", &[Type::Text], quote_meta),
];

/// How a function words a malformed expression.
type Wording = fn(&str, String) -> Failure;

/// As the functions without `must` do: they panic in Go.
fn panicking(pattern: &str, error: String) -> Failure {
    let shown = if pattern.contains('`') { crate::template::format::quote(pattern) } else { format!("`{pattern}`") };
    Failure::new(format!("regexp: Compile({shown}): {error}"))
}

fn plain(_: &str, error: String) -> Failure {
    Failure::new(error)
}

fn regex(arguments: &Arguments, wording: Wording) -> Result<Regex, Failure> {
    let pattern = arguments.text(0);
    compile(&pattern).map_err(|error| wording(&pattern, error))
}

fn find(arguments: &Arguments, wording: Wording) -> Outcome {
    let regex = regex(arguments, wording)?;
    Ok(Value::text(regex.find(&arguments.text(1)).map_or("", |found| found.as_str())))
}

fn find_all(arguments: &Arguments, wording: Wording) -> Outcome {
    let regex = regex(arguments, wording)?;
    let text = arguments.text(1);
    let limit = usize::try_from(arguments.int(2)).unwrap_or(usize::MAX);
    let found: Vec<Rc<str>> = regex.find_iter(&text).take(limit).map(|found| found.as_str().into()).collect();
    Ok(if found.is_empty() { Value::nil_list(Element::Text) } else { text_list(found) })
}

fn replace(arguments: &Arguments, wording: Wording, literal: bool) -> Outcome {
    let regex = regex(arguments, wording)?;
    let (text, with) = (arguments.text(1), arguments.text(2));
    let replaced = if literal { regex.replace_all(&text, NoExpand(&with)) } else { regex.replace_all(&text, &*with) };
    Ok(Value::text(&*replaced))
}

/// Go's `Regexp.Split`: an empty match at the start or end gives no empty part.
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
    for found in regex.find_iter(&text) {
        if limit > 0 && parts.len() as i64 == limit - 1 {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(text[start..end].into());
        }
        start = found.end();
    }
    if end != text.len() {
        parts.push(text[start..].into());
    }
    Ok(text_list(parts))
}

fn quote_meta(_: &mut Context<'_, '_>, arguments: Arguments) -> Outcome {
    let mut quoted = String::new();
    for character in arguments.text(0).chars() {
        if r"\.+*?()|[]{}^$".contains(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    Ok(Value::text(quoted))
}

/// A Go expression as a Rust one: `\d`, `\w`, `\s` and `\b` know ASCII only, `\Q…\E` quotes, and inside a class
/// `[`, `&&`, `--` and `~~` mean themselves.
fn compile(pattern: &str) -> Result<Regex, String> {
    check(pattern)?;
    let mut adapted = String::with_capacity(pattern.len() + 16);
    let characters: Vec<char> = pattern.chars().collect();
    let mut at = 0;
    let mut in_class = false;
    let mut class_start = 0;
    while at < characters.len() {
        let character = characters[at];
        at += 1;
        match character {
            '\\' => {
                let Some(escaped) = characters.get(at).copied() else {
                    return Err("error parsing regexp: trailing backslash at end of expression: ``".to_owned());
                };
                at += 1;
                if escaped == 'Q' {
                    let rest: String = characters[at..].iter().collect();
                    let quoted = rest.split("\\E").next().unwrap_or_default();
                    adapted.push_str(&regex::escape(quoted));
                    at += quoted.chars().count();
                    if characters[at..].starts_with(&['\\', 'E']) {
                        at += 2;
                    }
                    continue;
                }
                adapted.push_str(&escape(escaped, in_class));
            }
            '[' if !in_class => {
                in_class = true;
                adapted.push('[');
                if characters.get(at) == Some(&'^') {
                    at += 1;
                    adapted.push('^');
                }
                class_start = at;
            }
            '[' => {
                let is_named = characters.get(at) == Some(&':');
                adapted.push_str(if is_named { "[" } else { "\\[" });
                if is_named {
                    let rest: String = characters[at..].iter().collect();
                    if let Some(end) = rest.find(":]") {
                        adapted.push_str(&rest[..end + 2]);
                        at += rest[..end + 2].chars().count();
                    }
                }
            }
            ']' if in_class => {
                if at - 1 == class_start {
                    adapted.push_str("\\]");
                } else {
                    in_class = false;
                    adapted.push(']');
                }
            }
            '&' | '~' if in_class => {
                adapted.push('\\');
                adapted.push(character);
            }
            '-' if in_class && (at - 1 == class_start || characters.get(at) == Some(&']')) => adapted.push_str("\\-"),
            other => adapted.push(other),
        }
    }
    Regex::new(&adapted).map_err(|error| explain(pattern, &error))
}

fn escape(escaped: char, in_class: bool) -> String {
    let class = match escaped.to_ascii_lowercase() {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        's' => "\\t\\n\\f\\r ",
        _ => "",
    };
    match (escaped, in_class) {
        ('d' | 'w' | 's', true) => class.to_owned(),
        ('d' | 'w' | 's', false) => format!("[{class}]"),
        ('D' | 'W' | 'S', _) => format!("[^{class}]"),
        ('b', false) => "(?-u:\\b)".to_owned(),
        ('B', false) => "\\B".to_owned(),
        (other, _) => format!("\\{other}"),
    }
}

/// Faults that Rust's engine would not find or would word otherwise.
fn check(pattern: &str) -> Result<(), String> {
    let characters: Vec<char> = pattern.chars().collect();
    let mut open = 0_usize;
    let mut at = 0;
    let mut repeatable = false;
    while at < characters.len() {
        let character = characters[at];
        match character {
            '\\' => {
                at += 1;
                repeatable = true;
                match characters.get(at) {
                    None => {
                        return Err("error parsing regexp: trailing backslash at end of expression: ``".to_owned());
                    }
                    Some(escaped) if "ZGKRXhHNyijlmoqu".contains(*escaped) || ('1'..='9').contains(escaped) => {
                        return Err(format!("error parsing regexp: invalid escape sequence: `\\{escaped}`"));
                    }
                    Some(_) => {}
                }
            }
            '[' => {
                let start = at;
                at += 1;
                if characters.get(at) == Some(&'^') {
                    at += 1;
                }
                if characters.get(at) == Some(&']') {
                    at += 1;
                }
                while characters.get(at).is_some_and(|character| *character != ']') {
                    if let [low, '-', high, ..] = characters[at..]
                        && high != ']'
                        && ![low, high].iter().any(|end| matches!(end, '\\' | '['))
                    {
                        if low > high {
                            return Err(format!("error parsing regexp: invalid character class range: `{low}-{high}`"));
                        }
                        at += 2;
                    }
                    if characters[at] == '\\' {
                        at += 1;
                    } else if characters[at..].starts_with(&['[', ':']) {
                        let rest: String = characters[at..].iter().collect();
                        if let Some(end) = rest.find(":]") {
                            at += rest[..end + 1].chars().count();
                        }
                    }
                    at += 1;
                }
                if at >= characters.len() {
                    let rest: String = characters[start..].iter().collect();
                    return Err(format!("error parsing regexp: missing closing ]: `{rest}`"));
                }
                repeatable = true;
            }
            '(' => {
                open += 1;
                repeatable = false;
                if characters[at..].starts_with(&['(', '?']) {
                    let rest: String = characters[at..].iter().take(4).collect();
                    if let Some(look) = ["(?=", "(?!", "(?<=", "(?<!"].iter().find(|look| rest.starts_with(**look)) {
                        // Go names as much as it has read.
                        let shown = if look.len() == 4 { &rest[..4] } else { &rest[..3] };
                        return Err(format!("error parsing regexp: invalid or unsupported Perl syntax: `{shown}`"));
                    }
                    at += 1;
                }
            }
            ')' => {
                if open == 0 {
                    return Err(format!("error parsing regexp: unexpected ): `{pattern}`"));
                }
                open -= 1;
                repeatable = true;
            }
            '|' | '^' if character == '|' => repeatable = false,
            '*' | '+' | '?' => {
                if !repeatable {
                    return Err(format!(
                        "error parsing regexp: missing argument to repetition operator: `{character}`"
                    ));
                }
                if characters.get(at + 1) == Some(&'?') {
                    at += 1;
                }
                if let Some(next) = characters.get(at + 1).filter(|next| matches!(next, '*' | '+' | '?')) {
                    return Err(format!(
                        "error parsing regexp: invalid nested repetition operator: `{character}{next}`"
                    ));
                }
            }
            '{' if repeatable => {
                if let Some((text, least, most)) = repeat_count(&characters[at..]) {
                    if least > MAX_REPEAT || most.is_some_and(|most| most > MAX_REPEAT || most < least) {
                        return Err(format!("error parsing regexp: invalid repeat count: `{text}`"));
                    }
                    at += text.len() - 1;
                }
            }
            _ => repeatable = true,
        }
        at += 1;
    }
    if open > 0 {
        return Err(format!("error parsing regexp: missing closing ): `{pattern}`"));
    }
    Ok(())
}

/// Most repetitions that Go's engine takes.
const MAX_REPEAT: u32 = 1_000;

/// `{2}`, `{2,}` or `{2,5}` at the start of `characters`.
fn repeat_count(characters: &[char]) -> Option<(String, u32, Option<u32>)> {
    let end = characters.iter().position(|character| *character == '}')?;
    let text: String = characters[..=end].iter().collect();
    let inner = &text[1..text.len() - 1];
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let (least, most) = match inner.split_once(',') {
        None => (number(inner)?, None),
        Some((least, "")) => (number(least)?, None),
        Some((least, most)) => (number(least)?, Some(number(most)?)),
    };
    Some((text, least, most))
}

fn explain(pattern: &str, error: &regex::Error) -> String {
    let text = error.to_string();
    let what = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
    match error {
        regex::Error::CompiledTooBig(_) => format!("error parsing regexp: expression too large: `{pattern}`"),
        _ => format!("error parsing regexp: {what}: `{pattern}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_syntax_is_understood() {
        let table = [
            (r"^\d+$", "٣", false),
            (r"^[[:alpha:]_]+$", "a_b", true),
            (r"[a&&b]", "&", true),
            (r"^\Qa.b\E$", "a.b", true),
            (r"^\Qa.b\E$", "axb", false),
            (r"^[]a]+$", "]a", true),
            (r"^[[]$", "[", true),
            (r"^[\w.-]+$", "a.b-c", true),
            (r"(?i)ABC", "xabcx", true),
            (r"^[^\s]+$", "a b", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(compile(pattern).unwrap().is_match(text), expected, "{pattern}");
        }
    }

    #[test]
    fn malformed_expressions_are_worded_as_in_go() {
        let table = [
            ("a[", "error parsing regexp: missing closing ]: `[`"),
            ("(a", "error parsing regexp: missing closing ): `(a`"),
            ("a)", "error parsing regexp: unexpected ): `a)`"),
            ("*a", "error parsing regexp: missing argument to repetition operator: `*`"),
            ("a**", "error parsing regexp: invalid nested repetition operator: `**`"),
            ("a\\", "error parsing regexp: trailing backslash at end of expression: ``"),
            (r"\Za", "error parsing regexp: invalid escape sequence: `\\Z`"),
            ("(?=a)", "error parsing regexp: invalid or unsupported Perl syntax: `(?=`"),
        ];
        for (pattern, expected) in table {
            assert_eq!(compile(pattern).unwrap_err(), expected);
        }
    }
}
