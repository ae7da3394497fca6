//! Quoting and unquoting as Go's `strconv` does it.

use super::characters::is_print;
use crate::bytes;
use std::fmt::Write as _;

/// `strconv.Quote`: double quotes, escapes for what does not print.
pub(crate) fn quote(text: &str) -> String {
    quote_with(text, '"', false)
}

/// `strconv.QuoteToASCII`.
pub(crate) fn quote_to_ascii(text: &str) -> String {
    quote_with(text, '"', true)
}

/// `strconv.QuoteRune`, or `QuoteRuneToASCII`.
pub(crate) fn quote_character(character: char, ascii: bool) -> String {
    quote_with(character.encode_utf8(&mut [0; 4]), '\'', ascii)
}

fn quote_with(text: &str, quote: char, ascii: bool) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(quote);
    for character in text.chars() {
        if let Some(byte) = bytes::stray(character) {
            escape(&mut quoted, format_args!("\\x{byte:02x}"));
            continue;
        }
        match character {
            '\\' => quoted.push_str("\\\\"),
            character if character == quote => {
                quoted.push('\\');
                quoted.push(quote);
            }
            character if is_print(character) && (!ascii || character.is_ascii()) => quoted.push(character),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            character => {
                let code = u32::from(character);
                match code {
                    0..0x20 | 0x7f => escape(&mut quoted, format_args!("\\x{code:02x}")),
                    0x80..0x10000 => escape(&mut quoted, format_args!("\\u{code:04x}")),
                    _ => escape(&mut quoted, format_args!("\\U{code:08x}")),
                }
            }
        }
    }
    quoted.push(quote);
    quoted
}

fn escape(quoted: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = quoted.write_fmt(arguments);
}

/// `strconv.CanBackquote`.
pub(crate) fn can_backquote(text: &str) -> bool {
    text.chars().all(|character| {
        !matches!(character, '\u{feff}' | '`' | '\u{7f}')
            && (character == '\t' || character >= ' ')
            && bytes::stray(character).is_none()
    })
}

/// `strconv.Unquote` of a Go string literal, interpreted or raw; `None` where the syntax is invalid.
pub(crate) fn unquote(literal: &str) -> Option<String> {
    let quote = literal.chars().next()?;
    if literal.len() < 2 || !literal.ends_with(quote) {
        return None;
    }
    let inner = &literal[1..literal.len() - 1];
    match quote {
        '`' => Some(inner.replace('\r', "")),
        '"' if !inner.contains(['\\', '"', '\n']) => Some(inner.to_owned()),
        '"' => {
            let mut text: Vec<u8> = Vec::with_capacity(inner.len());
            let mut rest = inner;
            while let Some(first) = rest.chars().next() {
                if first == '"' || first == '\n' {
                    return None;
                }
                let (unit, after) = unquote_unit(rest, '"')?;
                match unit {
                    Unit::Byte(byte) => text.push(byte),
                    Unit::Character(character) => {
                        text.extend_from_slice(bytes::of_text(character.encode_utf8(&mut [0; 4])).as_ref());
                    }
                }
                rest = after;
            }
            Some(bytes::to_text(&text))
        }
        _ => None,
    }
}

/// `strconv.UnquoteChar`: the first character of `text`, and what follows it.
pub(crate) fn unquote_character(text: &str, quote: char) -> Option<(char, &str)> {
    let (unit, rest) = unquote_unit(text, quote)?;
    Some(match unit {
        Unit::Byte(byte) => (char::from(byte), rest),
        Unit::Character(character) => (character, rest),
    })
}

enum Unit {
    /// From `\x` or an octal escape: a byte, not a code point.
    Byte(u8),
    Character(char),
}

fn unquote_unit(text: &str, quote: char) -> Option<(Unit, &str)> {
    let mut characters = text.chars();
    let first = characters.next()?;
    if first == quote && (quote == '\'' || quote == '"') {
        return None;
    }
    if first != '\\' {
        return Some((Unit::Character(first), characters.as_str()));
    }
    let character = match characters.next()? {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' => '\\',
        escaped @ ('\'' | '"') if escaped == quote => escaped,
        kind @ ('x' | 'u' | 'U') => {
            let length = match kind {
                'x' => 2,
                'u' => 4,
                _ => 8,
            };
            let rest = characters.as_str();
            let digits = rest.get(..length)?;
            let code = u32::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
            let unit =
                if kind == 'x' { Unit::Byte(u8::try_from(code).ok()?) } else { Unit::Character(char::from_u32(code)?) };
            return Some((unit, &rest[length..]));
        }
        '0'..='7' => {
            let digits = text.get(1..4)?;
            let code = u32::from_str_radix(digits, 8).ok().filter(|_| !digits.starts_with('+'))?;
            return Some((Unit::Byte(u8::try_from(code).ok()?), &text[4..]));
        }
        _ => return None,
    };
    Some((Unit::Character(character), characters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_follows_strconv() {
        let table = [
            ("plain", r#""plain""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("tab\tline\nbell\u{7}", r#""tab\tline\nbell\a""#),
            ("ü\u{a0}\u{200b}😀", "\"ü\\u00a0\\u200b😀\""),
            ("\u{1}\u{7f}", r#""\x01\x7f""#),
            (&bytes::to_text(&[0xff]), r#""\xff""#),
        ];
        for (text, expected) in table {
            assert_eq!(quote(text), expected);
            assert_eq!(unquote(expected).as_deref(), Some(text));
        }
    }

    #[test]
    fn malformed_literals_are_refused() {
        for literal in [r#"""#, r#""\q""#, r#""\x4""#, r#""\u12""#, r#""\'""#, r#""\400""#, "'a"] {
            assert_eq!(unquote(literal), None, "{literal}");
        }
    }
}
