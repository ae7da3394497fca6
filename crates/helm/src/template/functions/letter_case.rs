//! Words and letters: case styles, abbreviations, wrapping.

use super::strings::{lower, upper};
use crate::bytes;
use crate::go::{is_digit, is_letter, is_space};
use crate::template::function::{Arguments, Function, Outcome, Type};
use crate::template::value::Value;
use regex::Regex;
use std::sync::LazyLock;

pub(super) const TABLE: &[Function] = &[
    Function::new("title", &[Type::Text], |arguments| Ok(Value::text(title(&arguments.text(0))))),
    Function::new("untitle", &[Type::Text], |arguments| Ok(Value::text(untitle(&arguments.text(0))))),
    Function::new("swapcase", &[Type::Text], |arguments| Ok(Value::text(swap_case(&arguments.text(0))))),
    Function::new("nospace", &[Type::Text], |arguments| Ok(Value::text(without_space(&arguments.text(0))))),
    Function::new("initials", &[Type::Text], |arguments| Ok(Value::text(initials(&arguments.text(0))))),
    Function::new("snakecase", &[Type::Text], |arguments| Ok(Value::text(connect(&arguments.text(0), '_')))),
    Function::new("kebabcase", &[Type::Text], |arguments| Ok(Value::text(connect(&arguments.text(0), '-')))),
    Function::new("camelcase", &[Type::Text], |arguments| Ok(Value::text(pascal_case(&arguments.text(0))))),
    Function::new("abbrev", &[Type::Int, Type::Text], |arguments| {
        let (width, text) = (arguments.int(0), arguments.text(1));
        if width < 4 {
            return Ok(Value::Text(text));
        }
        Ok(Value::text(abbreviate(&text, 0, width)))
    }),
    Function::new("abbrevboth", &[Type::Int, Type::Int, Type::Text], |arguments| {
        let (left, right, text) = (arguments.int(0), arguments.int(1), arguments.text(2));
        if right < 4 || (left > 0 && right < 7) {
            return Ok(Value::Text(text));
        }
        Ok(Value::text(abbreviate(&text, left, right)))
    }),
    Function::new("wrap", &[Type::Int, Type::Text], |arguments| {
        Ok(Value::text(wrap(&arguments.text(1), arguments.int(0), "", false)))
    }),
    Function::new("wrapWith", &[Type::Int, Type::Text, Type::Text], wrap_with),
];

/// Go's `strings.Title`: a letter after a separator becomes upper case.
fn title(text: &str) -> String {
    let mut previous = ' ';
    text.chars()
        .map(|character| {
            let starts = is_separator(previous);
            previous = character;
            if starts { upper(character) } else { character }
        })
        .collect()
}

fn is_separator(character: char) -> bool {
    if character.is_ascii() {
        return !(character.is_ascii_alphanumeric() || character == '_');
    }
    !(is_letter(character) || is_digit(character)) && is_space(character)
}

fn untitle(text: &str) -> String {
    let mut at_start = true;
    text.chars()
        .map(|character| {
            if is_space(character) {
                at_start = true;
                character
            } else if std::mem::take(&mut at_start) {
                lower(character)
            } else {
                character
            }
        })
        .collect()
}

fn swap_case(text: &str) -> String {
    let mut after_space = true;
    text.chars()
        .map(|character| {
            if character.is_uppercase() || is_title(character) {
                after_space = false;
                lower(character)
            } else if character.is_lowercase() {
                after_space = false;
                upper(character)
            } else {
                after_space = is_space(character);
                character
            }
        })
        .collect()
}

fn is_title(character: char) -> bool {
    matches!(character, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ')
}

/// Bytes count here, not characters: with a space in it, other text is read as Latin-1, as in Go's library.
fn without_space(text: &str) -> String {
    let bytes = bytes::of_text(text);
    if !bytes.iter().any(|byte| is_space(char::from(*byte))) {
        return text.to_owned();
    }
    bytes.iter().map(|byte| char::from(*byte)).filter(|character| !is_space(*character)).collect()
}

fn initials(text: &str) -> String {
    let mut after_gap = true;
    let mut letters = String::new();
    for character in bytes::of_text(text).iter().map(|byte| char::from(*byte)) {
        if is_space(character) {
            after_gap = true;
        } else if std::mem::take(&mut after_gap) {
            letters.push(character);
        }
    }
    letters
}

fn abbreviate(text: &str, offset: i64, width: i64) -> String {
    let bytes = bytes::of_text(text);
    let length = bytes.len() as i64;
    if length == 0 || width < 4 {
        return String::new();
    }
    if length <= width {
        return text.to_owned();
    }
    let mut offset = offset.min(length);
    if length - offset < width - 3 {
        offset = length - (width - 3);
    }
    let part = |from: i64, to: i64| bytes::to_text(&bytes[from.max(0) as usize..to as usize]);
    if offset <= 4 {
        return format!("{}...", part(0, width - 3));
    }
    if width < 7 {
        return String::new();
    }
    if offset + width - 3 < length {
        return format!("...{}", abbreviate(&part(offset, length), 0, width - 3));
    }
    format!("...{}", part(length - (width - 3), length))
}

fn wrap_with(arguments: Arguments) -> Outcome {
    Ok(Value::text(wrap(&arguments.text(2), arguments.int(0), &arguments.text(1), true)))
}

fn wrap(text: &str, width: i64, separator: &str, break_words: bool) -> String {
    let bytes = bytes::of_text(text);
    let separator = if separator.is_empty() { "\n" } else { separator };
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    let mut wrapped: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut offset = 0;
    while bytes.len() - offset > width {
        if bytes[offset] == b' ' {
            offset += 1;
            continue;
        }
        let line = &bytes[offset..=offset + width];
        let (end, next) = if let Some(space) = line.iter().rposition(|byte| *byte == b' ') {
            (offset + space, offset + space + 1)
        } else if break_words {
            (offset + width, offset + width)
        } else {
            match bytes[offset + width..].iter().position(|byte| *byte == b' ') {
                Some(space) => (offset + width + space, offset + width + space + 1),
                None => break,
            }
        };
        wrapped.extend_from_slice(&bytes[offset..end]);
        wrapped.extend_from_slice(separator.as_bytes());
        offset = next;
    }
    wrapped.extend_from_slice(&bytes[offset..]);
    bytes::to_text(&wrapped)
}

fn is_connector(character: char) -> bool {
    character == '-' || character == '_' || is_space(character)
}

fn is_punctuation(character: char) -> bool {
    static PUNCTUATION: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^\p{P}").expect("the pattern is constant and valid"));
    PUNCTUATION.is_match(character.encode_utf8(&mut [0; 4]))
}

/// `xstrings.ToPascalCase`.
fn pascal_case(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let Some(first) = characters.iter().position(|character| !is_connector(*character)) else {
        // Connectors alone: the last one is written twice in Go's library.
        out.push_str(text);
        out.extend(characters.last());
        return out;
    };
    out.extend(&characters[..first]);
    let mut run_is_upper = characters[first].is_uppercase();
    let mut current = upper(characters[first]);
    for next in characters[first + 1..].iter().copied() {
        let previous = std::mem::replace(&mut current, next);
        if is_connector(next) && is_connector(previous) {
            out.push(previous);
        } else if is_connector(previous) {
            run_is_upper = next.is_uppercase();
            current = upper(next);
        } else {
            if run_is_upper {
                if next.is_uppercase() {
                    current = lower(next);
                } else {
                    run_is_upper = false;
                }
            }
            out.push(previous);
        }
    }
    out.push(current);
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    None,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

/// `unicode.IsUpper || unicode.IsLower` and caseless letters, as the library counts the alphabet.
fn is_alphabet(character: char) -> bool {
    is_letter(character)
}

/// The first word of `characters`: its class and length.
fn next_word(characters: &[char]) -> (Word, usize) {
    let Some(first) = characters.first().copied() else { return (Word::None, 0) };
    let run = |from: usize, accept: &dyn Fn(char) -> bool| {
        from + characters[from..].iter().take_while(|character| accept(**character)).count()
    };
    if is_connector(first) {
        return (Word::Connector, run(1, &is_connector));
    }
    if is_punctuation(first) {
        return (Word::Punctuation, run(1, &is_punctuation));
    }
    if first.is_uppercase() {
        let length = match characters.get(1) {
            Some(second) if second.is_uppercase() => {
                let end = run(2, &char::is_uppercase);
                // `HTTPServer` is `HTTP` and `Server`.
                if characters.get(end).copied().is_some_and(is_alphabet) { end - 1 } else { end }
            }
            Some(second) if is_alphabet(*second) => run(2, &|c| is_alphabet(c) && !c.is_uppercase()),
            _ => 1,
        };
        return (Word::Upper, length);
    }
    if is_alphabet(first) {
        return (Word::Alphabet, run(1, &|c| is_alphabet(c) && !c.is_uppercase()));
    }
    if first.is_numeric() {
        return (Word::Number, run(1, &char::is_numeric));
    }
    let is_other = |c: char| !(is_connector(c) || is_alphabet(c) || c.is_numeric() || is_punctuation(c));
    (Word::Other, run(1, &is_other))
}

/// `xstrings.ToSnakeCase` and `ToKebabCase`.
fn connect(text: &str, connector: char) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut rest: &[char] = &characters;
    let mut take = || {
        let (kind, length) = next_word(rest);
        let (word, after) = rest.split_at(length);
        rest = after;
        (kind, word, after.is_empty())
    };
    let mut out = String::new();
    let put = |out: &mut String, kind: Word, word: &[char]| match kind {
        Word::Upper | Word::Connector => {
            out.extend(word.iter().map(|c| if is_connector(*c) { connector } else { lower(*c) }));
        }
        _ => out.extend(word),
    };
    let joins = |kind: Word| !matches!(kind, Word::None | Word::Punctuation | Word::Connector);
    let (mut kind, mut word, mut at_end) = take();
    while !at_end {
        if kind != Word::Connector {
            put(&mut out, kind, word);
        }
        let (previous, last) = (kind, word);
        (kind, word, at_end) = take();
        match previous {
            Word::Number => {
                while matches!(kind, Word::Alphabet | Word::Number) {
                    put(&mut out, kind, word);
                    (kind, word, at_end) = take();
                }
                if joins(kind) {
                    out.push(connector);
                }
            }
            Word::Connector => put(&mut out, previous, last),
            Word::Punctuation => {}
            _ if kind != Word::Number => {
                if !matches!(kind, Word::Connector | Word::Punctuation) {
                    out.push(connector);
                }
            }
            _ if at_end => {}
            _ => {
                let number = word;
                (kind, word, at_end) = take();
                if kind != Word::Alphabet {
                    put(&mut out, Word::Number, number);
                    if !matches!(kind, Word::Connector | Word::Punctuation) {
                        out.push(connector);
                    }
                    continue;
                }
                out.push(connector);
                put(&mut out, Word::Number, number);
                while matches!(kind, Word::Alphabet | Word::Number) {
                    put(&mut out, kind, word);
                    (kind, word, at_end) = take();
                }
                if joins(kind) {
                    out.push(connector);
                }
            }
        }
    }
    put(&mut out, kind, word);
    out
}

#[cfg(test)]
mod tests {
    use super::super::strings::map_case;
    use super::*;

    // Results of the Go libraries.
    #[test]
    fn case_styles_follow_the_libraries() {
        let snake = [
            ("HTTPServer", "http_server"),
            ("FirstName", "first_name"),
            ("NoHTTPS", "no_https"),
            ("GO_PATH", "go_path"),
            ("GO PATH", "go_path"),
            ("GO-PATH", "go_path"),
            ("http2xx", "http_2xx"),
            ("HTTP20xOK", "http_20x_ok"),
            ("Duration2m3s", "duration_2m3s"),
            ("Bld4Floor3rd", "bld4_floor_3rd"),
        ];
        for (text, expected) in snake {
            assert_eq!(connect(text, '_'), expected, "{text}");
        }
        for (text, expected) in [("http_server", "HttpServer"), ("_camel_case", "_CamelCase"), ("no_https", "NoHttps")]
        {
            assert_eq!(pascal_case(text), expected, "{text}");
        }
        assert_eq!(map_case("ß", upper), "ß");
    }
}
