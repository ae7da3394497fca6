//! Character classes as Go's `unicode` package draws them, where Rust's standard library draws them otherwise.

use regex::Regex;
use std::sync::LazyLock;

/// Go's `unicode.IsLetter`: category L.
pub(crate) fn is_letter(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphabetic();
    }
    in_class(&LETTER, character)
}

/// Go's `unicode.IsDigit`: category Nd.
pub(crate) fn is_digit(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_digit();
    }
    in_class(&DIGIT, character)
}

/// Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols, and of all spaces only U+0020.
pub(crate) fn is_print(character: char) -> bool {
    if character.is_ascii() {
        return character == ' ' || character.is_ascii_graphic();
    }
    in_class(&PRINT, character)
}

/// Go's `unicode.IsSpace`.
pub(crate) fn is_space(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
        || (!character.is_ascii() && character.is_whitespace())
}

static LETTER: LazyLock<Regex> = LazyLock::new(|| class(r"^\p{L}"));
static DIGIT: LazyLock<Regex> = LazyLock::new(|| class(r"^\p{Nd}"));
static PRINT: LazyLock<Regex> = LazyLock::new(|| class(r"^[\p{L}\p{M}\p{N}\p{P}\p{S}]"));

fn class(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the three patterns above are constant and valid")
}

fn in_class(class: &Regex, character: char) -> bool {
    let mut buffer = [0; 4];
    class.is_match(character.encode_utf8(&mut buffer))
}
