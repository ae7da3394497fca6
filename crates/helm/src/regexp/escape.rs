//! One character behind a backslash.

use super::{fault, read};

/// Reads from the backslash on. The character may be one that no text holds, such as a surrogate.
pub(super) fn character(text: &str) -> Result<(u32, &str), String> {
    let mut rest = &text[1..];
    let Some(escaped) = rest.chars().next() else {
        return Err(fault("trailing backslash at end of expression", ""));
    };
    rest = &rest[escaped.len_utf8()..];
    let is_octal = |digit: &u8| matches!(digit, b'0'..=b'7');
    match escaped {
        // A digit alone would refer to a group.
        '1'..='7' if !rest.as_bytes().first().is_some_and(is_octal) => {}
        '0'..='7' => {
            let more = rest.bytes().take(2).take_while(is_octal).count();
            let digits = &text[1..2 + more];
            // Three octal digits always fit.
            return Ok((u32::from_str_radix(digits, 8).unwrap_or_default(), &rest[more..]));
        }
        'x' => return hexadecimal(text, rest),
        'a' => return Ok((0x07, rest)),
        'f' => return Ok((0x0c, rest)),
        'n' => return Ok((0x0a, rest)),
        'r' => return Ok((0x0d, rest)),
        't' => return Ok((0x09, rest)),
        'v' => return Ok((0x0b, rest)),
        sign if sign.is_ascii() && !sign.is_ascii_alphanumeric() => return Ok((u32::from(sign), rest)),
        _ => {}
    }
    Err(wrong(text, rest))
}

fn wrong(text: &str, rest: &str) -> String {
    fault("invalid escape sequence", read(text, rest))
}

/// `\x7F` or `\x{10FFFF}`. Where it is wrong, Go names what it has read so far.
fn hexadecimal<'p>(text: &'p str, digits: &'p str) -> Result<(u32, &'p str), String> {
    let mut rest = digits;
    let mut next = || {
        let character = rest.chars().next();
        rest = &rest[character.map_or(0, char::len_utf8)..];
        (character, rest)
    };
    let (first, after) = next();
    if first.is_none() {
        return Err(wrong(text, after));
    }
    if first != Some('{') {
        let (second, after) = next();
        let value = |digit: Option<char>| digit.and_then(|digit| digit.to_digit(16));
        return match (value(first), value(second)) {
            (Some(first), Some(second)) => Ok((first * 16 + second, after)),
            _ => Err(wrong(text, after)),
        };
    }
    let (mut number, mut count) = (0, 0);
    loop {
        let (character, after) = next();
        match character.and_then(|character| character.to_digit(16)) {
            Some(digit) => {
                number = number * 16 + digit;
                count += 1;
                if number > u32::from(char::MAX) {
                    return Err(wrong(text, after));
                }
            }
            None if character == Some('}') && count > 0 => return Ok((number, after)),
            None => return Err(wrong(text, after)),
        }
    }
}
