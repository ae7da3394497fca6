//! Sets of characters: `[…]`, `\d` and its kin, `[[:alpha:]]`.

use super::{escape, fault, property, read};
use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

const WRONG_RANGE: &str = "invalid character class range";

/// A set with its rest.
type Found<'p> = Option<(ClassUnicode, &'p str)>;

/// Characters from `low` to `high`. Those that no text holds are left out.
pub(super) fn add(set: &mut ClassUnicode, low: u32, high: u32) {
    let low = char::from_u32(low).unwrap_or('\u{e000}');
    let high = char::from_u32(high).unwrap_or('\u{d7ff}');
    if low <= high {
        set.push(ClassUnicodeRange::new(low, high));
    }
}

/// Every character, or every one but the line break.
pub(super) fn any(line_break: bool) -> ClassUnicode {
    let mut set = ClassUnicode::empty();
    if line_break {
        add(&mut set, 0, u32::from(char::MAX));
    } else {
        add(&mut set, 0, 9);
        add(&mut set, 11, u32::from(char::MAX));
    }
    set
}

/// One character, in any case with `fold`.
pub(super) fn one(character: u32, fold: bool) -> ClassUnicode {
    let mut set = ClassUnicode::empty();
    add(&mut set, character, character);
    if fold {
        set.case_fold_simple();
    }
    set
}

fn of(ranges: &[(char, char)], fold: bool, negated: bool) -> ClassUnicode {
    let mut set = ClassUnicode::new(ranges.iter().map(|(low, high)| ClassUnicodeRange::new(*low, *high)));
    if fold {
        set.case_fold_simple();
    }
    if negated {
        set.negate();
    }
    set
}

/// `\d`, `\s`, `\w` and their opposites, which know ASCII alone.
pub(super) fn perl(text: &str, fold: bool) -> Found<'_> {
    let letter = text.strip_prefix('\\')?.bytes().next()?;
    let ranges: &[(char, char)] = match letter.to_ascii_lowercase() {
        b'd' => &[('0', '9')],
        b's' => &[('\t', '\n'), ('\u{c}', '\r'), (' ', ' ')],
        b'w' => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        _ => return None,
    };
    Some((of(ranges, fold, letter.is_ascii_uppercase()), &text[2..]))
}

/// `[:alpha:]` inside brackets. Without an end it is not a class.
fn posix(text: &str, fold: bool) -> Result<Found<'_>, String> {
    let Some((name, rest)) = text.strip_prefix("[:").and_then(|inner| inner.split_once(":]")) else { return Ok(None) };
    let (name, negated) = name.strip_prefix('^').map_or((name, false), |name| (name, true));
    let ranges: &[(char, char)] = match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\u{7f}')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\u{1f}'), ('\u{7f}', '\u{7f}')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return Err(fault(WRONG_RANGE, read(text, rest))),
    };
    Ok(Some((of(ranges, fold, negated), rest)))
}

/// `\p{Greek}`, `\pN`, `\P{…}`, `\p{^…}`.
pub(super) fn unicode(text: &str, fold: bool) -> Result<Found<'_>, String> {
    let Some(after) = text.strip_prefix("\\p").or_else(|| text.strip_prefix("\\P")) else { return Ok(None) };
    let mut negated = text.starts_with("\\P");
    let (mut name, rest) = match after.strip_prefix('{') {
        Some(inner) => inner.split_once('}').ok_or_else(|| fault(WRONG_RANGE, text))?,
        None => after.split_at(after.chars().next().map_or(0, char::len_utf8)),
    };
    if let Some(inner) = name.strip_prefix('^') {
        (name, negated) = (inner, !negated);
    }
    let Some(mut set) = property::set(name) else { return Err(fault(WRONG_RANGE, read(text, rest))) };
    if fold {
        set.case_fold_simple();
    }
    if negated {
        set.negate();
    }
    Ok(Some((set, rest)))
}

/// Reads from the bracket on. Behind it `]` means itself, and `-` does wherever no range can be meant.
pub(super) fn bracket(text: &str, fold: bool) -> Result<(ClassUnicode, &str), String> {
    let mut rest = &text[1..];
    let negated = rest.starts_with('^');
    if negated {
        rest = &rest[1..];
    }
    let mut set = ClassUnicode::empty();
    let mut is_first = true;
    while is_first || !rest.starts_with(']') {
        is_first = false;
        let named = match posix(rest, fold)? {
            None => unicode(rest, fold)?.or_else(|| perl(rest, fold)),
            found => found,
        };
        if let Some((named, after)) = named {
            set.union(&named);
            rest = after;
            continue;
        }
        let start = rest;
        let low;
        (low, rest) = member(rest, text)?;
        let mut high = low;
        if let Some(after) = rest.strip_prefix('-')
            && !after.is_empty()
            && !after.starts_with(']')
        {
            (high, rest) = member(after, text)?;
            if high < low {
                return Err(fault(WRONG_RANGE, read(start, rest)));
            }
        }
        let mut range = ClassUnicode::empty();
        add(&mut range, low, high);
        if fold {
            range.case_fold_simple();
        }
        set.union(&range);
    }
    if negated {
        set.negate();
    }
    Ok((set, &rest[1..]))
}

fn member<'p>(text: &'p str, whole: &str) -> Result<(u32, &'p str), String> {
    match text.chars().next() {
        None => Err(fault("missing closing ]", whole)),
        Some('\\') => escape::character(text),
        Some(character) => Ok((u32::from(character), &text[character.len_utf8()..])),
    }
}
