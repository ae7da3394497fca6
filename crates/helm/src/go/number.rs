//! Numbers as Go's `strconv` reads them: base prefixes, underscores, hexadecimal floats, exact ranges.

use super::quote::quote;

/// Why a text is not a number of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberError {
    Syntax,
    /// Too large; the value is the nearest one of the type, which Go returns with the error.
    Range,
}

impl NumberError {
    /// Go's wording: `strconv.ParseInt: parsing "x": invalid syntax`.
    pub(crate) fn message(self, function: &str, text: &str) -> String {
        let what = match self {
            Self::Syntax => "invalid syntax",
            Self::Range => "value out of range",
        };
        format!("strconv.{function}: parsing {}: {what}", quote(text))
    }
}

/// `strconv.ParseUint(text, base, 64)`.
pub(crate) fn parse_unsigned(text: &str, base: u32) -> Result<u64, NumberError> {
    if text.is_empty() {
        return Err(NumberError::Syntax);
    }
    let mut digits = text;
    let mut radix = base;
    if base == 0 {
        radix = 10;
        let lower = text.to_ascii_lowercase();
        if text.len() >= 3 && lower.starts_with("0b") {
            (radix, digits) = (2, &text[2..]);
        } else if text.len() >= 3 && lower.starts_with("0o") {
            (radix, digits) = (8, &text[2..]);
        } else if text.len() >= 3 && lower.starts_with("0x") {
            (radix, digits) = (16, &text[2..]);
        } else if let Some(octal) = text.strip_prefix('0') {
            // A lone zero too: it leaves no digits, which reads as zero.
            (radix, digits) = (8, octal);
        }
    }
    let mut underscores = false;
    let mut value: u64 = 0;
    let mut overflow = false;
    for character in digits.chars() {
        if character == '_' && base == 0 {
            underscores = true;
            continue;
        }
        let digit = character.to_digit(radix).ok_or(NumberError::Syntax)?;
        match value.checked_mul(u64::from(radix)).and_then(|product| product.checked_add(u64::from(digit))) {
            Some(next) => value = next,
            None => overflow = true,
        }
    }
    if underscores && !underscores_are_placed_well(text) {
        return Err(NumberError::Syntax);
    }
    if overflow { Err(NumberError::Range) } else { Ok(value) }
}

/// `strconv.ParseInt(text, base, 64)`.
pub(crate) fn parse_signed(text: &str, base: u32) -> Result<i64, NumberError> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = parse_unsigned(digits, base)?;
    if negative {
        if magnitude > 1 << 63 { Err(NumberError::Range) } else { Ok((magnitude as i64).wrapping_neg()) }
    } else {
        i64::try_from(magnitude).map_err(|_| NumberError::Range)
    }
}

/// `strconv.ParseFloat(text, 64)`; a number too large is [`NumberError::Range`].
pub(crate) fn parse_float(text: &str) -> Result<f64, NumberError> {
    let (sign, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (-1.0, &text[1..]),
        Some(b'+') => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    let lower = unsigned.to_ascii_lowercase();
    match lower.as_str() {
        "inf" | "infinity" => return Ok(sign * f64::INFINITY),
        "nan" if unsigned.len() == text.len() => return Ok(f64::NAN),
        _ => {}
    }
    if lower.contains('_') && !underscores_are_placed_well(text) {
        return Err(NumberError::Syntax);
    }
    let plain = lower.replace('_', "");
    if let Some(hexadecimal) = plain.strip_prefix("0x") {
        return hexadecimal_float(hexadecimal).map(|value| sign * value);
    }
    if !plain.bytes().next().is_some_and(|byte| byte.is_ascii_digit() || byte == b'.')
        || plain.bytes().any(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'+' | b'-'))
    {
        return Err(NumberError::Syntax);
    }
    let value: f64 = plain.parse().map_err(|_| NumberError::Syntax)?;
    if value.is_infinite() { Err(NumberError::Range) } else { Ok(sign * value) }
}

fn hexadecimal_float(text: &str) -> Result<f64, NumberError> {
    let (mantissa, exponent) = text.split_once('p').ok_or(NumberError::Syntax)?;
    let exponent: i32 = exponent.parse().map_err(|_| NumberError::Syntax)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(NumberError::Syntax);
    }
    let mut value = 0.0;
    for character in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(character.to_digit(16).ok_or(NumberError::Syntax)?);
    }
    let shift = exponent.saturating_sub(4 * i32::try_from(fraction.len()).unwrap_or(i32::MAX));
    let value = value * 2f64.powi(shift);
    if value.is_infinite() { Err(NumberError::Range) } else { Ok(value) }
}

/// Go's rule for `_`: between digits, or between a base prefix and a digit.
fn underscores_are_placed_well(text: &str) -> bool {
    let mut rest = text.trim_start_matches(['+', '-']).as_bytes();
    // What precedes: `0` a digit, `_` an underscore, `!` anything else, `^` the start.
    let mut previous = b'^';
    let mut hexadecimal = false;
    if rest.len() >= 2 && rest[0] == b'0' && matches!(rest[1].to_ascii_lowercase(), b'b' | b'o' | b'x') {
        hexadecimal = rest[1].eq_ignore_ascii_case(&b'x');
        previous = b'0';
        rest = &rest[2..];
    }
    for byte in rest {
        if byte.is_ascii_digit() || (hexadecimal && byte.is_ascii_hexdigit()) {
            previous = b'0';
        } else if *byte == b'_' {
            if previous != b'0' {
                return false;
            }
            previous = b'_';
        } else {
            if previous == b'_' {
                return false;
            }
            previous = b'!';
        }
    }
    previous != b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_follow_strconv() {
        let table: &[(&str, Result<i64, NumberError>)] = &[
            ("0", Ok(0)),
            ("-0", Ok(0)),
            ("0x1F", Ok(31)),
            ("0b101", Ok(5)),
            ("0o17", Ok(15)),
            ("017", Ok(15)),
            ("08", Err(NumberError::Syntax)),
            ("1_000", Ok(1000)),
            ("1__0", Err(NumberError::Syntax)),
            ("_1", Err(NumberError::Syntax)),
            ("9223372036854775807", Ok(i64::MAX)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9223372036854775808", Err(NumberError::Range)),
            ("", Err(NumberError::Syntax)),
            ("1.0", Err(NumberError::Syntax)),
        ];
        for (text, expected) in table {
            assert_eq!(parse_signed(text, 0), *expected, "{text}");
        }
    }

    #[test]
    fn floats_follow_strconv() {
        let table: &[(&str, Result<f64, NumberError>)] = &[
            ("1.5", Ok(1.5)),
            (".5", Ok(0.5)),
            ("5.", Ok(5.0)),
            ("1e3", Ok(1000.0)),
            ("0x1p4", Ok(16.0)),
            ("0x1.8p1", Ok(3.0)),
            ("1_0.5", Ok(10.5)),
            ("1e400", Err(NumberError::Range)),
            ("e5", Err(NumberError::Syntax)),
            ("1f", Err(NumberError::Syntax)),
            ("", Err(NumberError::Syntax)),
        ];
        for (text, expected) in table {
            assert_eq!(parse_float(text), *expected, "{text}");
        }
    }
}
