//! Changes one entry in one of the map's texts and keeps every other byte.
//!
//! The text is not regenerated from its parsed form: comments, order, quoting and indentation belong to others. Bytes
//! are inserted, removed or replaced at the entry, and the result is parsed again: if its content is not exactly the
//! previous content plus the change, it is refused.

use std::ops::Range;

use super::authenticator;
use super::document::{Document, Item, Layout};
use super::fault::Fault;
use super::{Entry, List};

/// Byte order mark: the parser skips it without counting it.
const BOM: char = '\u{feff}';

/// A parsed text of the ConfigMap.
#[derive(Clone, Debug)]
pub(super) struct Text<'t> {
    list: List,
    bom: &'t str,
    source: &'t str,
    document: Document,
    /// Entries in the order of the text; `None` for one that EKS skips.
    entries: Vec<Option<Entry>>,
}

impl<'t> Text<'t> {
    /// Parses a text as EKS does.
    pub(super) fn read(list: List, whole: &'t str) -> Result<Self, Fault> {
        let text = whole.strip_prefix(BOM).unwrap_or(whole);
        let bom = &whole[..whole.len() - text.len()];
        let document = if authenticator::is_skipped(text) { Document::skipped(text) } else { Document::read(text)? };
        let entries = document.items.iter().map(|item| authenticator::entry(list, item)).collect::<Result<_, _>>()?;
        Ok(Self { list, bom, source: text, document, entries })
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().flatten()
    }

    /// No entry and no comment: nothing that anybody would miss.
    pub(super) fn is_blank(&self) -> bool {
        let rest = self.source.trim();
        self.document.items.is_empty() && (authenticator::is_skipped(rest) || rest == "[]")
    }

    /// Finds the entry `wanted`. If several have its ARN, it is the one that is equal.
    pub(super) fn find(&self, wanted: &Entry) -> Found {
        let same: Vec<usize> = (0..self.entries.len())
            .filter(|index| self.entries[*index].as_ref().is_some_and(|entry| entry.is_for(&wanted.arn)))
            .collect();
        let equal = same.iter().rev().find(|index| self.entries[**index].as_ref() == Some(wanted));
        match (equal, same.as_slice()) {
            (Some(index), _) | (None, [index]) => Found::At(*index),
            (None, []) => Found::Nowhere,
            (None, [.., _]) => Found::Several,
        }
    }

    pub(super) fn entry(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index).and_then(Option::as_ref)
    }

    /// The text with one entry added at the end of the list.
    pub(super) fn with(&self, entry: &Entry) -> Result<String, Fault> {
        let (at, added) = match &self.document.layout {
            Layout::Nothing { at } => self.after_line(*at, &block(self.list, entry, 0)),
            Layout::Null { start, end } => {
                return self.checked(*start..*end, &format!("[{}]", flow(self.list, entry)), Change::Added(entry));
            }
            Layout::Block { column } => {
                let at = self.document.items.last().map_or(0, |item| item.end);
                self.after_line(at, &block(self.list, entry, *column))
            }
            Layout::Flow { open, .. } => match self.document.items.last() {
                None => (*open, flow(self.list, entry)),
                Some(last) => {
                    let before = self.indentation(last.start);
                    let between = before.map_or(", ".to_owned(), |before| format!(",{}{before}", self.line_break()));
                    (last.end, between + &flow(self.list, entry))
                }
            },
        };
        self.checked(at..at, &added, Change::Added(entry))
    }

    /// The text with one entry replaced by another.
    pub(super) fn with_changed(&self, index: usize, entry: &Entry) -> Result<String, Fault> {
        let item = &self.document.items[index];
        match &self.document.layout {
            Layout::Block { column } => {
                let (range, last) = self.lines(item)?;
                let mut new = self.with_breaks(&block(self.list, entry, *column));
                if last {
                    new.truncate(new.trim_end().len());
                }
                self.checked(range, &new, Change::Changed(index, entry))
            }
            _ => self.checked(item.start..item.end, &flow(self.list, entry), Change::Changed(index, entry)),
        }
    }

    /// The text with one entry removed.
    pub(super) fn without(&self, index: usize) -> Result<String, Fault> {
        let items = &self.document.items;
        let item = &items[index];
        let Layout::Flow { commas, open } = &self.document.layout else {
            let (range, last) = self.lines(item)?;
            // If the last line has no line break, the break before it is removed with it.
            let before = &self.source[..range.start];
            let before = before.strip_suffix('\n').unwrap_or(before);
            let cut = before.strip_suffix('\r').unwrap_or(before).len();
            // Blank lines after the entry must not become part of a text that ends before it.
            let behind = &self.source[range.end..];
            let empty: usize =
                behind.split_inclusive('\n').take_while(|line| line.trim().is_empty()).map(str::len).sum();
            let first = if last { cut..range.end } else { range.clone() };
            let tries = [first, range.clone(), range.start..range.end + empty];
            let mut outcome = Err(Fault::at(item.line, "the entry cannot be taken out"));
            for range in tries {
                outcome = self.checked(range, "", Change::Removed(index));
                if outcome.is_ok() {
                    break;
                }
            }
            return outcome;
        };
        let after = items.get(index + 1).map_or(self.source.len(), |next| next.start);
        let comma_after = commas.iter().find(|comma| (item.end..after).contains(*comma));
        let before = index.checked_sub(1).map_or(*open, |previous| items[previous].end);
        let comma_before = commas.iter().find(|comma| (before..item.start).contains(*comma));
        let blank = |range: Range<usize>| self.source[range].trim().is_empty();
        let mut removed = item.start..item.end;
        let mut other_comma = None;
        match (comma_after, comma_before) {
            // The last entry, followed by a comma that stays.
            (Some(_), Some(comma)) if items.len() == index + 1 && blank(comma + 1..item.start) => {
                removed.start = *comma;
            }
            (Some(comma), _) if blank(item.end..*comma) => {
                removed.end = comma + 1;
                let rest = &self.source[removed.end..];
                removed.end += rest.len() - rest.trim_start().len();
            }
            (None, Some(comma)) if blank(comma + 1..item.start) => removed.start = *comma,
            (Some(comma), _) | (None, Some(comma)) => other_comma = Some(*comma),
            (None, None) => {}
        }
        let mut text = self.source.to_owned();
        text.replace_range(removed.clone(), "");
        if let Some(comma) = other_comma {
            let moved = if comma > removed.start { comma - removed.len() } else { comma };
            text.replace_range(moved..=moved, "");
        }
        self.check(&text, Change::Removed(index))
    }

    /// The whole lines of a block-style entry, and whether the text ends in the last of them without a line break.
    fn lines(&self, item: &Item) -> Result<(Range<usize>, bool), Fault> {
        let start = self.source[..item.dash].rfind('\n').map_or(0, |at| at + 1);
        if !self.source[start..item.dash].trim().is_empty() {
            return Err(Fault::at(item.line, "something else stands on the entry's line"));
        }
        let end = self.line_end(item.end);
        Ok((start..end, !self.source[..end].ends_with('\n')))
    }

    /// The byte after the line that holds `at`; `at` itself if a line begins there.
    fn line_end(&self, at: usize) -> usize {
        if at > 0 && self.source[..at].ends_with('\n') {
            return at;
        }
        self.source[at..].find('\n').map_or(self.source.len(), |found| at + found + 1)
    }

    /// Where to insert lines after the line of `at`, and those lines, with as many line breaks as the text had at its
    /// end.
    fn after_line(&self, at: usize, lines: &str) -> (usize, String) {
        let lines = self.with_breaks(lines);
        let at = self.line_end(at);
        if at == 0 || self.source[..at].ends_with('\n') {
            return (at, lines);
        }
        (at, format!("{}{}", self.line_break(), lines.trim_end()))
    }

    fn line_break(&self) -> &'static str {
        let first = self.source.find('\n');
        if first.is_some_and(|at| self.source[..at].ends_with('\r')) { "\r\n" } else { "\n" }
    }

    fn with_breaks(&self, lines: &str) -> String {
        if self.line_break() == "\n" { lines.to_owned() } else { lines.replace('\n', "\r\n") }
    }

    /// The text before `at` on its line, if it is only whitespace and another line comes before.
    fn indentation(&self, at: usize) -> Option<&'t str> {
        let start = self.source[..at].rfind('\n')? + 1;
        let before = &self.source[start..at];
        before.trim().is_empty().then_some(before)
    }

    fn checked(&self, range: Range<usize>, new: &str, change: Change<'_>) -> Result<String, Fault> {
        let mut text = self.source.to_owned();
        text.replace_range(range, new);
        self.check(&text, change)
    }

    /// Returns the new text if its content is the previous content plus the change, and nothing else.
    fn check(&self, new: &str, change: Change<'_>) -> Result<String, Fault> {
        let entangled = |why: Option<Fault>| Fault {
            line: None,
            problem: format!(
                "the entry cannot be changed without changing others{}",
                why.map(|fault| format!(" ({fault})")).unwrap_or_default()
            ),
        };
        let read = Text::read(self.list, new).map_err(|fault| entangled(Some(fault)))?;
        let values = |text: &Text<'_>| text.document.items.iter().map(|item| item.value.clone()).collect::<Vec<_>>();
        let (mut before, mut after) = (values(self), values(&read));
        let own = match change {
            Change::Added(entry) => {
                let last = read.entries.last().cloned().flatten();
                drop(after.pop());
                last.as_ref() == Some(entry)
            }
            Change::Changed(index, entry) => {
                before.remove(index);
                let own = index < after.len() && read.entry(index) == Some(entry);
                if own {
                    after.remove(index);
                }
                own
            }
            Change::Removed(index) => {
                before.remove(index);
                true
            }
        };
        if own && before == after { Ok(format!("{}{new}", self.bom)) } else { Err(entangled(None)) }
    }
}

/// The result of a search for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    At(usize),
    Nowhere,
    /// Several entries have the ARN, and none is equal.
    Several,
}

#[derive(Clone, Copy)]
enum Change<'e> {
    Added(&'e Entry),
    Changed(usize, &'e Entry),
    Removed(usize),
}

/// The entry as lines, with the dash in `column`.
fn block(list: List, entry: &Entry, column: usize) -> String {
    let indent = " ".repeat(column);
    let mut lines = format!("{indent}- {}: {}\n", list.arn_member(), scalar(&entry.arn));
    if !entry.username.is_empty() {
        lines.push_str(&format!("{indent}  username: {}\n", scalar(&entry.username)));
    }
    if !entry.groups.is_empty() {
        lines.push_str(&format!("{indent}  groups:\n"));
    }
    for group in &entry.groups {
        lines.push_str(&format!("{indent}    - {}\n", scalar(group)));
    }
    lines
}

/// The entry on one line, as JSON: a flow sequence may be JSON.
fn flow(list: List, entry: &Entry) -> String {
    let mut members = vec![format!("{}: {}", quoted(list.arn_member()), quoted(&entry.arn))];
    if !entry.username.is_empty() {
        members.push(format!("\"username\": {}", quoted(&entry.username)));
    }
    if !entry.groups.is_empty() {
        let groups: Vec<String> = entry.groups.iter().map(|group| quoted(group)).collect();
        members.push(format!("\"groups\": [{}]", groups.join(", ")));
    }
    format!("{{{}}}", members.join(", "))
}

/// Plain where every parser reads it as a string, as for ARNs and most names; otherwise quoted.
fn scalar(text: &str) -> String {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    let rest = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:@+={}".contains(c));
    let word = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let is_word = word.iter().any(|word| text.eq_ignore_ascii_case(word));
    if first && rest && !text.ends_with(':') && !is_word { text.to_owned() } else { quoted(text) }
}

/// Double-quoted, with JSON's escapes, all of which YAML supports.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() || c == BOM || matches!(c, '\u{2028}' | '\u{2029}') => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
