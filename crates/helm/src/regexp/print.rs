//! A tree as text that JavaScript and Rust read alike: the validator of schemas checks patterns as the one and compiles
//! them as the other.

use super::parse::parse;
use super::tree::{Count, Node, Part};
use regex_syntax::hir::{ClassUnicode, Look};

/// The pattern as text for the validator, with groups that are not counted. `\b` and `\B` are Unicode's there.
///
/// # Errors
/// Go's text.
pub(crate) fn common_pattern(pattern: &str) -> Result<String, String> {
    let mut text = String::new();
    print(&parse(pattern)?.tree, &mut text);
    Ok(text)
}

fn print(part: &Part, text: &mut String) {
    match &part.node {
        Node::Empty => text.push_str("(?:)"),
        Node::Set(set) => print_set(set, text),
        Node::Place(look) => text.push_str(match look {
            Look::End => "$",
            Look::StartLF => "(?m:^)",
            Look::EndLF => "(?m:$)",
            Look::WordAscii => "\\b",
            Look::WordAsciiNegate => "\\B",
            // The parser makes no others.
            _ => "^",
        }),
        Node::Repeat { what, count, greedy } => {
            enclosed(what, text);
            match count {
                Count::Any => text.push('*'),
                Count::Some => text.push('+'),
                Count::Maybe => text.push('?'),
                Count::Times { least, most: None } => text.push_str(&format!("{{{least},}}")),
                Count::Times { least, most: Some(most) } => text.push_str(&format!("{{{least},{most}}}")),
            }
            if !greedy {
                text.push('?');
            }
        }
        Node::Group { what, .. } => enclosed(what, text),
        Node::Sequence(parts) => {
            for part in parts {
                match part.node {
                    Node::Choice(_) => enclosed(part, text),
                    _ => print(part, text),
                }
            }
        }
        Node::Choice(parts) => {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    text.push('|');
                }
                print(part, text);
            }
        }
    }
}

fn enclosed(part: &Part, text: &mut String) {
    text.push_str("(?:");
    print(part, text);
    text.push(')');
}

fn print_set(set: &ClassUnicode, text: &mut String) {
    match set.ranges() {
        // Matches no character at all.
        [] => text.push_str("[^\\x00-\u{10ffff}]"),
        [one] if one.start() == one.end() => character(one.start(), text),
        ranges => {
            text.push('[');
            for range in ranges {
                character(range.start(), text);
                if range.start() != range.end() {
                    text.push('-');
                    character(range.end(), text);
                }
            }
            text.push(']');
        }
    }
}

/// A character inside brackets or outside.
fn character(character: char, text: &mut String) {
    if character.is_ascii_control() {
        text.push_str(&format!("\\x{:02x}", u32::from(character)));
        return;
    }
    // Not `<` and `>`, which Rust reads as ends of words behind a backslash.
    if r"\.+*?()|[]{}^$-&~/".contains(character) {
        text.push('\\');
    }
    text.push(character);
}
