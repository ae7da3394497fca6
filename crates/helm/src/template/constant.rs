//! Numeric constants of a template, read as Go's text/template reads them.

use super::token::Kind;
use crate::go::{parse_float, parse_signed, parse_unsigned, quote, unquote_character};

/// A numeric constant: every reading of it that loses nothing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Number {
    pub(crate) text: String,
    pub(crate) signed: Option<i64>,
    pub(crate) unsigned: Option<u64>,
    pub(crate) float: Option<f64>,
    /// An imaginary or complex constant; no function takes one.
    pub(crate) complex: Option<(f64, f64)>,
}

/// Reads a constant.
pub(crate) fn parse(text: &str, kind: Kind) -> Result<Number, String> {
    let mut number = Number { text: text.to_owned(), signed: None, unsigned: None, float: None, complex: None };
    if kind == Kind::CharConstant {
        let Some((character, rest)) = unquote_character(&text[1..], '\'') else {
            return Err("invalid syntax".to_owned());
        };
        if rest != "'" {
            return Err(format!("malformed character constant: {text}"));
        }
        let code = u32::from(character);
        number.signed = Some(i64::from(code));
        number.unsigned = Some(u64::from(code));
        number.float = Some(f64::from(code));
        return Ok(number);
    }
    if kind == Kind::Complex || text.ends_with('i') {
        let Some((real, imaginary)) = complex(text) else {
            return Err(format!("illegal number syntax: {}", quote(text)));
        };
        number.complex = Some((real, imaginary));
        return Ok(number);
    }
    let unsigned = parse_unsigned(text, 0).ok();
    number.unsigned = unsigned;
    if let Ok(signed) = parse_signed(text, 0) {
        number.signed = Some(signed);
        if signed == 0 {
            number.unsigned = Some(0);
        }
    }
    if let Some(signed) = number.signed {
        number.float = Some(signed as f64);
    } else if let Some(unsigned) = number.unsigned {
        number.float = Some(unsigned as f64);
    } else if let Ok(float) = parse_float(text) {
        if !text.contains(['.', 'e', 'E', 'p', 'P']) {
            return Err(format!("integer overflow: {}", quote(text)));
        }
        number.float = Some(float);
        if float as i64 as f64 == float {
            number.signed = Some(float as i64);
        }
        if float >= 0.0 && float as u64 as f64 == float {
            number.unsigned = Some(float as u64);
        }
    } else {
        return Err(format!("illegal number syntax: {}", quote(text)));
    }
    Ok(number)
}

fn complex(text: &str) -> Option<(f64, f64)> {
    let text = text.strip_suffix('i')?;
    // The sign that starts the imaginary part is the last one that is not part of an exponent.
    let split = text
        .char_indices()
        .skip(1)
        .filter(|(index, character)| {
            matches!(character, '+' | '-') && !matches!(text.as_bytes()[index - 1], b'e' | b'E' | b'p' | b'P')
        })
        .last();
    match split {
        Some((index, _)) => Some((parse_float(&text[..index]).ok()?, parse_float(&text[index..]).ok()?)),
        None => Some((0.0, parse_float(text).ok()?)),
    }
}
