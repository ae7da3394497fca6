//! A pattern to a tree, from left to right: reports the first error that Go would report.

use super::flags::{Flags, Opened, open};
use super::tree::{Count, Excess, Node, Part};
use super::{class, escape, fault, read};
use regex_syntax::hir::Look;

/// Largest repeat count.
const MAX_COUNT: u32 = 1_000;

/// What was read.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) tree: Part,
    /// Names of the groups; the first is the whole match.
    pub(super) names: Vec<Option<String>>,
}

/// A group that is not closed yet; the outermost one is the whole pattern.
#[derive(Default)]
struct Group {
    /// None for one that is not counted.
    number: Option<u32>,
    /// Those of what is around it.
    outer: Flags,
    branches: Vec<Part>,
    sequence: Vec<Part>,
}

struct Parser<'p> {
    whole: &'p str,
    flags: Flags,
    groups: Vec<Group>,
    names: Vec<Option<String>>,
    /// From the repetition that was read last, if nothing was read since.
    repeated: Option<&'p str>,
}

/// Reads a pattern.
///
/// # Errors
/// Go's text.
pub(super) fn parse(pattern: &str) -> Result<Parsed, String> {
    let mut parser = Parser {
        whole: pattern,
        flags: Flags::default(),
        groups: vec![Group::default()],
        names: vec![None],
        repeated: None,
    };
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        rest = parser.step(character, rest)?;
    }
    parser.finish()
}

impl<'p> Parser<'p> {
    /// Reads one thing at the start of `text`; the rest is what follows.
    fn step(&mut self, character: char, text: &'p str) -> Result<&'p str, String> {
        let after = &text[character.len_utf8()..];
        let repeated = self.repeated.take();
        match character {
            '*' => self.repeat(Count::Any, text, after, repeated),
            '+' => self.repeat(Count::Some, text, after, repeated),
            '?' => self.repeat(Count::Maybe, text, after, repeated),
            '{' => match count(text) {
                Some((count, after)) => {
                    let Some(count) = count else {
                        return Err(fault("invalid repeat count", read(text, after)));
                    };
                    self.repeat(count, text, after, repeated)
                }
                // Where it counts nothing, it means itself.
                None => self.literal('{', after),
            },
            '(' if after.starts_with('?') => self.open_with_flags(text),
            '(' => {
                self.open(Some(None), self.flags);
                Ok(after)
            }
            '|' => {
                let branch = self.sequence()?;
                self.group().branches.push(branch);
                Ok(after)
            }
            ')' => {
                self.close()?;
                Ok(after)
            }
            '^' => self.place(if self.flags.lines { Look::StartLF } else { Look::Start }, after),
            '$' => self.place(if self.flags.lines { Look::EndLF } else { Look::End }, after),
            '.' => self.push(Node::Set(class::any(self.flags.dot_all)), after),
            '[' => {
                let (set, after) = class::bracket(text, self.flags.fold)?;
                self.push(Node::Set(set), after)
            }
            '\\' => self.escape(text),
            other => self.literal(other, after),
        }
    }

    fn escape(&mut self, text: &'p str) -> Result<&'p str, String> {
        let after = text.get(2..).unwrap_or_default();
        match text.as_bytes().get(1) {
            Some(b'A') => return self.place(Look::Start, after),
            Some(b'z') => return self.place(Look::End, after),
            Some(b'b') => return self.place(Look::WordAscii, after),
            Some(b'B') => return self.place(Look::WordAsciiNegate, after),
            Some(b'C') => return Err(fault("invalid escape sequence", "\\C")),
            Some(b'Q') => {
                let (quoted, rest) = after.split_once("\\E").unwrap_or((after, ""));
                for character in quoted.chars() {
                    self.literal(character, "")?;
                }
                return Ok(rest);
            }
            _ => {}
        }
        let named = match class::unicode(text, self.flags.fold)? {
            None => class::perl(text, self.flags.fold),
            found => found,
        };
        if let Some((set, after)) = named {
            return self.push(Node::Set(set), after);
        }
        let (character, after) = escape::character(text)?;
        self.push(Node::Set(class::one(character, self.flags.fold)), after)
    }

    fn literal(&mut self, character: char, after: &'p str) -> Result<&'p str, String> {
        self.push(Node::Set(class::one(u32::from(character), self.flags.fold)), after)
    }

    fn place(&mut self, look: Look, after: &'p str) -> Result<&'p str, String> {
        self.push(Node::Place(look), after)
    }

    fn push(&mut self, node: Node, after: &'p str) -> Result<&'p str, String> {
        let part = self.part(node)?;
        self.group().sequence.push(part);
        Ok(after)
    }

    fn part(&self, node: Node) -> Result<Part, String> {
        Part::new(node).map_err(|excess: Excess| fault(excess.text(), self.whole))
    }

    /// Repeats what was read last.
    fn repeat(
        &mut self,
        count: Count,
        text: &'p str,
        mut after: &'p str,
        repeated: Option<&'p str>,
    ) -> Result<&'p str, String> {
        let mut greedy = !self.flags.swap_greed;
        if let Some(rest) = after.strip_prefix('?') {
            (after, greedy) = (rest, !greedy);
        }
        if let Some(first) = repeated {
            return Err(fault("invalid nested repetition operator", read(first, after)));
        }
        let Some(what) = self.group().sequence.pop() else {
            return Err(fault("missing argument to repetition operator", read(text, after)));
        };
        let part = self.part(Node::Repeat { what: Box::new(what), count, greedy })?;
        if matches!(count, Count::Times { least: 2.., .. } | Count::Times { most: Some(2..), .. })
            && !part.is_countable()
        {
            return Err(fault("invalid repeat count", read(text, after)));
        }
        self.group().sequence.push(part);
        self.repeated = Some(text);
        Ok(after)
    }

    fn open_with_flags(&mut self, text: &'p str) -> Result<&'p str, String> {
        let (opened, after) = open(text, self.flags)?;
        match opened {
            Opened::Named(name) => self.open(Some(Some(name)), self.flags),
            Opened::Plain(flags) => self.open(None, flags),
            Opened::Set(flags) => self.flags = flags,
        }
        Ok(after)
    }

    /// Opens a group: one that is counted, with or without a name, or one that is not.
    fn open(&mut self, counted: Option<Option<&str>>, inner: Flags) {
        let number = counted.map(|name| {
            self.names.push(name.map(str::to_owned));
            u32::try_from(self.names.len() - 1).unwrap_or(u32::MAX)
        });
        self.groups.push(Group { number, outer: self.flags, ..Group::default() });
        self.flags = inner;
    }

    fn close(&mut self) -> Result<(), String> {
        let what = self.alternatives()?;
        if self.groups.len() < 2 {
            return Err(fault("unexpected )", self.whole));
        }
        let Some(group) = self.groups.pop() else { return Ok(()) };
        self.flags = group.outer;
        let part = match group.number {
            Some(number) => self.part(Node::Group { what: Box::new(what), number })?,
            None => what,
        };
        self.group().sequence.push(part);
        Ok(())
    }

    fn finish(mut self) -> Result<Parsed, String> {
        let tree = self.alternatives()?;
        if self.groups.len() > 1 {
            return Err(fault("missing closing )", self.whole));
        }
        Ok(Parsed { tree, names: self.names })
    }

    /// The group that is being read.
    fn group(&mut self) -> &mut Group {
        // The outermost one is never closed.
        let last = self.groups.len() - 1;
        &mut self.groups[last]
    }

    /// What was read since the last `|` or bracket.
    fn sequence(&mut self) -> Result<Part, String> {
        let mut parts = std::mem::take(&mut self.group().sequence);
        match parts.len() {
            0 => self.part(Node::Empty),
            1 => Ok(parts.remove(0)),
            _ => self.part(Node::Sequence(parts)),
        }
    }

    fn alternatives(&mut self) -> Result<Part, String> {
        let last = self.sequence()?;
        let mut branches = std::mem::take(&mut self.group().branches);
        if branches.is_empty() {
            return Ok(last);
        }
        branches.push(last);
        self.part(Node::Choice(branches))
    }
}

/// `{2}`, `{2,}` or `{2,5}` at the start of `text`, with the rest. The count is none where Go takes no such numbers.
fn count(text: &str) -> Option<(Option<Count>, &str)> {
    let (least, rest) = number(&text[1..])?;
    let (most, rest) = match rest.strip_prefix(',') {
        None => (Some(least), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => {
            let (most, rest) = number(rest)?;
            (Some(most), rest)
        }
    };
    let rest = rest.strip_prefix('}')?;
    let fits = least <= MAX_COUNT && most.is_none_or(|most| (least..=MAX_COUNT).contains(&most));
    Some((fits.then_some(Count::Times { least, most }), rest))
}

/// A number without zeros before it.
fn number(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(digits);
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), rest))
}
