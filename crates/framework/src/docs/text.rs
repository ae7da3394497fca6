//! Texts of declarations as they appear in a page.

use crate::value::Type;

/// Paragraphs with their line breaks taken out, so that a text wrapped in a source file is not wrapped in a page.
/// Lists, tables, headings and code keep their lines.
pub(super) fn unwrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut in_code = false;
    let mut joins = false;
    for line in text.trim().lines() {
        let line = line.trim_end();
        let fence = line.trim_start().starts_with("```");
        let block = in_code || fence || line.is_empty() || starts_block(line);
        match lines.last_mut() {
            Some(last) if joins && !block => {
                last.push(' ');
                last.push_str(line.trim_start());
            }
            _ => lines.push(line.to_owned()),
        }
        if fence {
            in_code = !in_code;
        }
        // Whatever follows a paragraph or a list item belongs to it; what follows code, a table or a blank line does not.
        joins = !(in_code || fence || line.is_empty() || line.starts_with('|') || line.starts_with('#'));
    }
    lines.join("\n")
}

fn starts_block(line: &str) -> bool {
    let line = line.trim_start();
    let numbered = line.split_once(". ").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
    numbered || ["- ", "* ", "|", "#", "> ", "<"].iter().any(|start| line.starts_with(start))
}

/// A text without Markdown, for places that show it as it is.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = unwrapped(text).replace(['`', '*'], "");
    // A link keeps its words.
    while let Some((before, words, after)) = link(&rest) {
        plain.push_str(&before);
        plain.push_str(&words);
        rest = after;
    }
    plain + &rest
}

fn link(text: &str) -> Option<(String, String, String)> {
    let middle = text.find("](")?;
    let start = text[..middle].rfind('[')?;
    let end = middle + text[middle..].find(')')?;
    Some((text[..start].to_owned(), text[start + 1..middle].to_owned(), text[end + 1..].to_owned()))
}

/// Every line with `indent` before it; blank lines stay blank.
pub(super) fn indented(text: &str, indent: &str) -> String {
    let indent_line = |line: &str| if line.is_empty() { String::new() } else { format!("{indent}{line}") };
    text.lines().map(indent_line).collect::<Vec<_>>().join("\n")
}

/// The type in words, such as `List of String`.
pub(super) fn type_name(ty: &Type) -> String {
    match ty {
        Type::Bool => "Boolean".to_owned(),
        Type::Number => "Number".to_owned(),
        Type::String => "String".to_owned(),
        Type::Dynamic => "Dynamic".to_owned(),
        Type::List(element) => format!("List of {}", type_name(element)),
        Type::Set(element) => format!("Set of {}", type_name(element)),
        Type::Map(element) => format!("Map of {}", type_name(element)),
        Type::Tuple(_) => "Tuple".to_owned(),
        Type::Object { .. } => "Object".to_owned(),
    }
}

/// The type as Terraform's messages name it, such as `list of string`.
pub(super) fn friendly_name(ty: &Type) -> String {
    match ty {
        Type::Bool => "bool".to_owned(),
        Type::Number => "number".to_owned(),
        Type::String => "string".to_owned(),
        Type::Dynamic => "dynamic".to_owned(),
        Type::List(element) => format!("list of {}", friendly_name(element)),
        Type::Set(element) => format!("set of {}", friendly_name(element)),
        Type::Map(element) => format!("map of {}", friendly_name(element)),
        Type::Tuple(_) => "tuple".to_owned(),
        Type::Object { .. } => "object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_unwrapped_and_blocks_are_not() {
        for (given, expected) in [
            ("one\ntwo", "one two"),
            ("one\n\ntwo\nthree", "one\n\ntwo three"),
            ("Either:\n- one\n  and more\n- two", "Either:\n- one and more\n- two"),
            ("1. a\n2. b", "1. a\n2. b"),
            ("| a | b |\n|---|---|\n| 1 | 2 |", "| a | b |\n|---|---|\n| 1 | 2 |"),
            ("Code:\n```\na\nb\n```\nafter\nit", "Code:\n```\na\nb\n```\nafter it"),
        ] {
            assert_eq!(unwrapped(given), expected);
        }
    }

    #[test]
    fn plain_text_has_no_marks() {
        assert_eq!(plain("The `id` of a [thing](https://example.com/a), or **none**."), "The id of a thing, or none.");
        assert_eq!(plain("a [b](c) d [e](f)"), "a b d e");
    }
}
