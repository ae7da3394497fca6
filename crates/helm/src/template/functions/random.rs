//! Random texts and numbers. They differ in each render, so a plan must never show them as changes.

use super::strings::check_size;
use crate::template::failure::Failure;
use crate::template::function::{Arguments, Function, Outcome, Type};
use crate::template::value::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(super) const TABLE: &[Function] = &[
    Function::new("randAlphaNum", &[Type::Int], |arguments| text(&arguments, |c| c.is_ascii_alphanumeric())),
    Function::new("randAlpha", &[Type::Int], |arguments| text(&arguments, |c| c.is_ascii_alphabetic())),
    Function::new("randNumeric", &[Type::Int], |arguments| text(&arguments, |c| c.is_ascii_digit())),
    Function::new("randAscii", &[Type::Int], |arguments| text(&arguments, |c| (b' '..0x7f).contains(c))),
    Function::new("randInt", &[Type::Int, Type::Int], rand_int),
    Function::new("randBytes", &[Type::Int], rand_bytes),
    Function::new("shuffle", &[Type::Text], shuffle),
    Function::new("uuidv4", &[], |_| uuid()),
];

/// Random bytes from the operating system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Failure::new(error.to_string()))?;
    Ok(bytes)
}

/// A number below `limit`, each with the same chance.
fn below(limit: u64) -> Result<u64, Failure> {
    let fair = u64::MAX - u64::MAX % limit;
    loop {
        let number = u64::from_le_bytes(random()?);
        if number < fair {
            return Ok(number % limit);
        }
    }
}

fn text(arguments: &Arguments, allowed: impl Fn(&u8) -> bool) -> Outcome {
    let letters: Vec<u8> = (0..0x80).filter(allowed).collect();
    // A count below zero returns nothing, because the library's error is dropped.
    let count = arguments.int(0).max(0);
    check_size(i128::from(count))?;
    let mut text = String::new();
    for _ in 0..count {
        text.push(char::from(letters[below(letters.len() as u64)? as usize]));
    }
    Ok(Value::text(text))
}

fn rand_int(arguments: Arguments) -> Outcome {
    let (least, limit) = (arguments.int(0), arguments.int(1));
    match u64::try_from(i128::from(limit) - i128::from(least)) {
        Ok(span) if span > 0 => Ok(Value::int(least.wrapping_add(below(span)? as i64))),
        _ => Err("invalid argument to Intn".into()),
    }
}

fn rand_bytes(arguments: Arguments) -> Outcome {
    let Ok(count) = usize::try_from(arguments.int(0)) else {
        return Err("runtime error: makeslice: len out of range".into());
    };
    check_size(count as i128)?;
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes).map_err(|error| Failure::new(error.to_string()))?;
    Ok(Value::text(STANDARD.encode(bytes)))
}

fn shuffle(arguments: Arguments) -> Outcome {
    let mut characters: Vec<char> = arguments.text(0).chars().collect();
    for index in (1..characters.len()).rev() {
        characters.swap(index, below(index as u64 + 1)? as usize);
    }
    Ok(Value::text(characters.into_iter().collect::<String>()))
}

fn uuid() -> Outcome {
    let mut bytes: [u8; 16] = random()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex::encode(bytes);
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    Ok(Value::text(parts.join("-")))
}
