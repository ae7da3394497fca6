//! Bytes that are not UTF-8, inside Rust strings.
//!
//! Go's strings hold any bytes; charts carry binary files and templates cut strings in the middle of a character.
//! Here each byte that is not part of valid UTF-8 becomes one of the last 128 code points of Unicode
//! (`U+10FF80`–`U+10FFFF`, private use), and becomes itself again where bytes are counted, hashed, encoded or written.

use std::borrow::Cow;

const FIRST: u32 = 0x10_FF00;

/// The string for `bytes`: themselves where they are UTF-8.
pub(crate) fn to_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(FIRST + u32::from(*byte))));
    }
    text
}

/// The bytes for `text`: the inverse of [`to_text`].
pub(crate) fn of_text(text: &str) -> Cow<'_, [u8]> {
    if !text.as_bytes().contains(&0xF4) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for character in text.chars() {
        match stray(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// The byte that `character` stands for, if it stands for one.
pub(crate) fn stray(character: char) -> Option<u8> {
    let code = u32::from(character);
    (FIRST + 0x80..=FIRST + 0xFF).contains(&code).then(|| (code - FIRST) as u8)
}

/// The text with U+FFFD for each byte that is not UTF-8, which no manifest can hold.
pub(crate) fn replace_stray(text: String) -> String {
    if !text.as_bytes().contains(&0xF4) {
        return text;
    }
    text.chars().map(|character| if stray(character).is_some() { '\u{fffd}' } else { character }).collect()
}

/// Length in bytes as Go counts it.
pub(crate) fn length(text: &str) -> usize {
    if text.as_bytes().contains(&0xF4) { of_text(text).len() } else { text.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_survive() {
        let all: Vec<u8> = (0..=255).chain("é😀".bytes()).chain([0xC3]).collect();
        assert_eq!(of_text(&to_text(&all)).as_ref(), all.as_slice());
        assert_eq!(length(&to_text(&all)), all.len());
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(to_text("grün\u{10FFFD}".as_bytes()).chars().next(), Some('g'));
        assert_eq!(to_text("grün".as_bytes()), "grün");
    }
}
