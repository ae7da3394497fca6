//! Values that arrive as JSON text: stored state, and dynamic values of hosts that send JSON.
//!
//! What the JSON means is [`crate::value::json`]'s; this page reads the text without loss. A JSON number that neither
//! an integer nor a float of 64 bits holds exactly becomes text, which that page reads as the number it is.

use serde_json::Value as Json;

use crate::value::Number;

/// The text is no JSON.
#[derive(Debug, thiserror::Error)]
#[error("the text is not JSON")]
pub struct InvalidJson(#[source] serde_json::Error);

/// Reads JSON text.
pub fn parse(text: &[u8]) -> Result<Json, InvalidJson> {
    let text = keep_numbers(text);
    // Nesting is limited by serde_json itself.
    serde_json::from_slice(&text).map_err(InvalidJson)
}

/// Puts quotes around numbers that would lose digits.
fn keep_numbers(text: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(&byte) = rest.first() {
        let length = match byte {
            b'"' => string_length(rest),
            b'-' | b'0'..=b'9' => rest
                .iter()
                .position(|byte| !matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'))
                .unwrap_or(rest.len()),
            _ => 1,
        };
        let (token, after) = rest.split_at(length);
        if byte != b'"' && loses_digits(token) {
            kept.push(b'"');
            kept.extend_from_slice(token);
            kept.push(b'"');
        } else {
            kept.extend_from_slice(token);
        }
        rest = after;
    }
    kept
}

/// How long the string at the beginning of `text` is, quotes included.
fn string_length(text: &[u8]) -> usize {
    let mut escaped = false;
    for (at, &byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn loses_digits(token: &[u8]) -> bool {
    // Fifteen digits fit any float, and integers of eighteen digits any i64: the ordinary cases end here.
    if token.len() <= 15 && !token.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        return false;
    }
    let Ok(text) = std::str::from_utf8(token) else { return false };
    // What is no JSON number stays for serde_json to refuse.
    let Ok(parsed) = serde_json::from_str::<serde_json::Number>(text) else {
        return text.parse::<Number>().is_ok() && is_json_number(text);
    };
    let Ok(exact) = text.parse::<Number>() else { return false };
    parsed.to_string().parse::<Number>().map_or(true, |read| read != exact)
}

/// Whether `text` follows JSON's grammar for numbers, of whatever size.
fn is_json_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole = digits.split(['.', 'e', 'E']).next().unwrap_or_default();
    !whole.is_empty() && (whole == "0" || !whole.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_keep_their_digits() {
        for (text, kept) in [
            ("0.1", json!(0.1)),
            ("-12", json!(-12)),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("18446744073709551616", json!("18446744073709551616")),
            ("0.1234567890123456789", json!("0.1234567890123456789")),
            ("1e400", json!("1e400")),
            ("1e3", json!(1000.0)),
            (r#"{"a":[12345678901234567890123]}"#, json!({"a": ["12345678901234567890123"]})),
            (
                r#""12345678901234567890123 \" 12345678901234567890123""#,
                json!("12345678901234567890123 \" 12345678901234567890123"),
            ),
        ] {
            assert_eq!(parse(text.as_bytes()).expect(text), kept, "{text}");
        }
    }

    #[test]
    fn refused() {
        let deep = "[".repeat(1000);
        for text in ["", "{", "01234567890123456789", "1-2345678901234567", "\"open", "nul", &deep] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
