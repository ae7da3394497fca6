//! Data to JSON text.

use super::number::number;
use crate::data::Data;
use std::fmt::Write as _;

/// How the text looks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Style {
    /// Whether `<`, `>` and `&` stay as they are; Go escapes them by default.
    pub(crate) keep_html: bool,
    /// Whether to break lines and indent by two spaces.
    pub(crate) pretty: bool,
}

/// The JSON text of `data`; the error is Go's for a number that JSON cannot hold.
pub(crate) fn write(data: &Data, style: Style) -> Result<String, String> {
    let mut out = String::new();
    value(data, style, 0, &mut out)?;
    Ok(out)
}

fn value(data: &Data, style: Style, depth: usize, out: &mut String) -> Result<(), String> {
    match data {
        Data::Null => out.push_str("null"),
        Data::Bool(boolean) => out.push_str(if *boolean { "true" } else { "false" }),
        // Writing to a string cannot fail, here and below.
        Data::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Data::Unsigned(number) => {
            let _ = write!(out, "{number}");
        }
        Data::Float(float) => match number(*float) {
            Some(text) => out.push_str(&text),
            None => {
                let shown = crate::go::float(*float, 'g', None);
                return Err(format!("json: unsupported value: {shown}"));
            }
        },
        Data::Text(text) => string(text, style, out),
        Data::List(list) if list.is_empty() => out.push_str("[]"),
        Data::List(list) => {
            out.push('[');
            for (index, item) in list.iter().enumerate() {
                separate(index, style, depth, out);
                value(item, style, depth + 1, out)?;
            }
            close(']', style, depth, out);
        }
        Data::Map(map) if map.is_empty() => out.push_str("{}"),
        Data::Map(map) => {
            out.push('{');
            for (index, (key, item)) in map.iter().enumerate() {
                separate(index, style, depth, out);
                string(key, style, out);
                out.push_str(if style.pretty { ": " } else { ":" });
                value(item, style, depth + 1, out)?;
            }
            close('}', style, depth, out);
        }
    }
    Ok(())
}

fn separate(index: usize, style: Style, depth: usize, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
    if style.pretty {
        line(depth + 1, out);
    }
}

fn close(bracket: char, style: Style, depth: usize, out: &mut String) {
    if style.pretty {
        line(depth, out);
    }
    out.push(bracket);
}

fn line(depth: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

fn string(text: &str, style: Style, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' if !style.keep_html => escape(character, out),
            '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => escape(character, out),
            other if crate::bytes::stray(other).is_some() => out.push_str("\\ufffd"),
            other => out.push(other),
        }
    }
    out.push('"');
}

fn escape(character: char, out: &mut String) {
    let _ = write!(out, "\\u{:04x}", u32::from(character));
}
