//! What a plain YAML scalar means to go-yaml: null, boolean, number, timestamp or string.

use crate::go::{parse_float, parse_signed, parse_unsigned};

/// The meaning of a scalar.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Float(f64),
    /// A date; decoded into a document it stays the text that it was.
    Timestamp,
    Text,
}

/// Resolves a plain scalar without a tag.
pub(crate) fn resolve(text: &str) -> Scalar {
    let Some(first) = text.bytes().next() else { return Scalar::Null };
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    match first {
        b'.' => parse_float(text).map_or(Scalar::Text, Scalar::Float),
        b'+' | b'-' | b'0'..=b'9' => number(text),
        _ => Scalar::Text,
    }
}

fn number(text: &str) -> Scalar {
    if is_timestamp(text) {
        return Scalar::Timestamp;
    }
    let plain = text.replace('_', "");
    if let Ok(number) = parse_signed(&plain, 0) {
        return Scalar::Int(number);
    }
    if let Ok(number) = parse_unsigned(&plain, 0) {
        return Scalar::Unsigned(number);
    }
    if is_float(&plain)
        && let Ok(number) = parse_float(&plain)
    {
        return Scalar::Float(number);
    }
    Scalar::Text
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
pub(super) fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(index) => (&unsigned[..index], Some(&unsigned[index + 1..])),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_is_good = match mantissa.split_once('.') {
        None => digits(mantissa),
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
    };
    mantissa_is_good && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
}

/// A date in one of go-yaml's four forms.
pub(super) fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 5 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return false;
    }
    let mut rest = &text[5..];
    let Some(month) = take_number(&mut rest, 2) else { return false };
    if !take(&mut rest, '-') {
        return false;
    }
    let Some(day) = take_number(&mut rest, 2) else { return false };
    let year: i16 = text[..4].parse().unwrap_or(0);
    let (Ok(month), Ok(day)) = (i8::try_from(month), i8::try_from(day)) else { return false };
    if jiff::civil::Date::new(year, month, day).is_err() {
        return false;
    }
    if rest.is_empty() {
        return true;
    }
    let has_zone = if take(&mut rest, ' ') { false } else { take(&mut rest, 'T') || take(&mut rest, 't') };
    if !has_zone && !text[5..].contains(' ') {
        return false;
    }
    for (index, limit) in [24, 60, 60].into_iter().enumerate() {
        if index > 0 && !take(&mut rest, ':') {
            return false;
        }
        if take_number(&mut rest, 2).is_none_or(|number| number >= limit) {
            return false;
        }
    }
    if rest.starts_with(['.', ',']) {
        let digits = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return false;
        }
        rest = &rest[1 + digits..];
    }
    if !has_zone {
        return rest.is_empty();
    }
    if rest == "Z" {
        return true;
    }
    let offset = rest.as_bytes();
    offset.len() == 6
        && matches!(offset[0], b'+' | b'-')
        && offset[3] == b':'
        && rest[1..3].parse::<u8>().is_ok_and(|hours| hours <= 24)
        && rest[4..6].parse::<u8>().is_ok_and(|minutes| minutes < 60)
}

fn take(rest: &mut &str, wanted: char) -> bool {
    match rest.strip_prefix(wanted) {
        Some(after) => {
            *rest = after;
            true
        }
        None => false,
    }
}

/// One or two digits.
fn take_number(rest: &mut &str, most: usize) -> Option<u8> {
    let digits = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let number = rest[..digits].parse().ok()?;
    *rest = &rest[digits..];
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_follow_go_yaml() {
        let table = [
            ("0644", Scalar::Int(420)),
            ("0o17", Scalar::Int(15)),
            ("0x1F", Scalar::Int(31)),
            ("08", Scalar::Float(8.0)),
            ("1_000", Scalar::Int(1000)),
            ("1e3", Scalar::Float(1000.0)),
            ("1.5.2", Scalar::Text),
            ("yes", Scalar::Bool(true)),
            ("y", Scalar::Bool(true)),
            ("Off", Scalar::Bool(false)),
            ("~", Scalar::Null),
            ("-", Scalar::Text),
            ("12:30:45", Scalar::Text),
            ("2001-12-14", Scalar::Timestamp),
            ("2001-12-14T21:59:43.10-05:00", Scalar::Timestamp),
            ("2001-12-14 21:59:43", Scalar::Timestamp),
            ("2001-13-14", Scalar::Text),
            ("18446744073709551615", Scalar::Unsigned(u64::MAX)),
            ("<<", Scalar::Text),
        ];
        for (text, expected) in table {
            assert_eq!(resolve(text), expected, "{text}");
        }
    }
}
