//! `(?flags)`, `(?flags:…)`, `(?P<name>…)` and `(?<name>…)`: what follows `(?`.

use super::{fault, read};

/// What changes how an expression is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags {
    /// `i`: letters match in any case.
    pub(super) fold: bool,
    /// `m`: `^` and `$` match at lines.
    pub(super) lines: bool,
    /// `s`: `.` matches a line break.
    pub(super) dot_all: bool,
    /// `U`: repetitions are lazy, and greedy with `?`.
    pub(super) swap_greed: bool,
}

/// What `(?` began.
#[derive(Debug)]
pub(super) enum Opened<'p> {
    /// A group that is counted, with its name.
    Named(&'p str),
    /// A group that is not, with its flags.
    Plain(Flags),
    /// Flags for the rest of the group around.
    Set(Flags),
}

/// Reads from `(?` on; the rest follows the bracket or colon.
pub(super) fn open<'p>(text: &'p str, flags: Flags) -> Result<(Opened<'p>, &'p str), String> {
    // Go looks for a name only where something follows the `<`.
    for (prefix, least) in [("(?P<", 5), ("(?<", 4)] {
        if let Some(rest) = text.strip_prefix(prefix)
            && text.len() >= least
        {
            return named(text, rest);
        }
    }
    let mut now = flags;
    let (mut set, mut seen) = (true, false);
    let mut rest = &text[2..];
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            'i' => now.fold = set,
            'm' => now.lines = set,
            's' => now.dot_all = set,
            'U' => now.swap_greed = set,
            '-' if set => {
                (set, seen) = (false, false);
                continue;
            }
            ':' if set || seen => return Ok((Opened::Plain(now), rest)),
            ')' if set || seen => return Ok((Opened::Set(now), rest)),
            _ => break,
        }
        seen = true;
    }
    Err(fault("invalid or unsupported Perl syntax", read(text, rest)))
}

fn named<'p>(text: &'p str, rest: &'p str) -> Result<(Opened<'p>, &'p str), String> {
    const WRONG: &str = "invalid named capture";
    let Some((name, after)) = rest.split_once('>') else { return Err(fault(WRONG, text)) };
    let is_letter = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'_';
    if name.is_empty() || !name.bytes().all(is_letter) {
        return Err(fault(WRONG, read(text, after)));
    }
    Ok((Opened::Named(name), after))
}
