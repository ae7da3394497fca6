//! Data to YAML text, with the layout of libyaml's emitter as go-yaml uses it.

use super::analyze::{analyze, is_break, is_printable, is_space};
use super::scalar::{Scalar, resolve};
use crate::data::Data;
use crate::go::{float, is_digit, is_letter};
use crate::json;
use std::cmp::Ordering;

/// Whose YAML to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// go-yaml v2 after a trip through JSON: lists are not indented, text is folded past column 80.
    V2,
    /// go-yaml v3: lists are indented, nothing is folded.
    V3,
}

/// The text of one document, with its final line break.
pub(crate) fn emit(data: &Data, dialect: Dialect) -> String {
    let mut emitter = Emitter {
        out: String::new(),
        column: 0,
        indent: -1,
        after_space: true,
        at_indent: true,
        dialect,
        width: if dialect == Dialect::V2 { 80 } else { usize::MAX },
    };
    emitter.node(data, Place::Root);
    emitter.indent = 0;
    emitter.write_indent();
    emitter.out
}

/// The position of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Item,
    Value,
    /// A key on the line of its value.
    SimpleKey,
    Key,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

struct Emitter {
    out: String,
    column: usize,
    /// Current indentation; -1 outside the document.
    indent: isize,
    after_space: bool,
    /// Whether the line so far has only indentation and indicators.
    at_indent: bool,
    dialect: Dialect,
    width: usize,
}

const INDENT: isize = 2;
/// Longest key, in bytes, that is written without `?`.
const MAX_SIMPLE_KEY: usize = 128;

impl Emitter {
    fn put(&mut self, character: char) {
        self.out.push(character);
        self.column += 1;
    }

    fn put_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    fn write_break(&mut self, character: char) {
        if character == '\n' {
            self.put_break();
        } else {
            self.out.push(character);
            self.column = 0;
        }
    }

    fn write_indent(&mut self) {
        let indent = usize::try_from(self.indent).unwrap_or(0);
        if !self.at_indent || self.column > indent || (self.column == indent && !self.after_space) {
            self.put_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.after_space = true;
        self.at_indent = true;
    }

    fn indicator(&mut self, text: &str, needs_space: bool, is_space: bool, is_indent: bool) {
        if needs_space && !self.after_space {
            self.put(' ');
        }
        for character in text.chars() {
            self.put(character);
        }
        self.after_space = is_space;
        self.at_indent = self.at_indent && is_indent;
    }

    fn increase_indent(&mut self, flow: bool, indentless: bool) -> isize {
        let before = self.indent;
        if self.indent < 0 {
            self.indent = if flow { INDENT } else { 0 };
        } else if !indentless {
            self.indent += INDENT;
        }
        before
    }

    fn node(&mut self, data: &Data, place: Place) {
        match data {
            Data::Null => self.scalar("null", Style::Plain, place),
            Data::Bool(value) => self.scalar(if *value { "true" } else { "false" }, Style::Plain, place),
            Data::Int(number) => self.scalar(&number.to_string(), Style::Plain, place),
            Data::Unsigned(number) => self.scalar(&number.to_string(), Style::Plain, place),
            Data::Float(number) => {
                let text = self.number(*number);
                self.scalar(&text, Style::Plain, place);
            }
            Data::Text(text) => {
                let style = self.string_style(text);
                self.scalar(text, style, place);
            }
            Data::List(list) if list.is_empty() => self.empty("[", "]"),
            Data::List(list) => self.list(list, place),
            Data::Map(map) if map.is_empty() => self.empty("{", "}"),
            Data::Map(map) => self.map(map),
        }
    }

    fn number(&self, number: f64) -> String {
        if self.dialect == Dialect::V2 {
            // In JSON text a whole number has no exponent up to 1e21, and reads as an integer where it fits one.
            match json::number(number).as_deref().map(|text| (text.to_owned(), resolve(text))) {
                Some((_, Scalar::Int(integer))) => return integer.to_string(),
                Some((_, Scalar::Unsigned(integer))) => return integer.to_string(),
                _ => {}
            }
        }
        match float(number, 'g', None).as_str() {
            "+Inf" => ".inf".to_owned(),
            "-Inf" => "-.inf".to_owned(),
            "NaN" => ".nan".to_owned(),
            text => text.to_owned(),
        }
    }

    fn string_style(&self, text: &str) -> Style {
        if text.contains('\n') {
            return Style::Literal;
        }
        let resolved = resolve(text);
        let reads_as_text =
            resolved == Scalar::Text && !is_base_sixty(text) && !(self.dialect == Dialect::V3 && is_octal(text));
        if reads_as_text { Style::Plain } else { Style::Double }
    }

    fn empty(&mut self, open: &str, close: &str) {
        self.indicator(open, true, true, false);
        self.indicator(close, false, false, false);
    }

    fn list(&mut self, list: &[Data], place: Place) {
        let indentless = self.dialect == Dialect::V2 && place == Place::Value && !self.at_indent;
        let before = self.increase_indent(false, indentless);
        for item in list {
            self.write_indent();
            self.indicator("-", true, false, true);
            self.node(item, Place::Item);
        }
        self.indent = before;
    }

    fn map(&mut self, map: &crate::data::Map) {
        let before = self.increase_indent(false, false);
        let mut entries: Vec<(&String, &Data)> = map.iter().collect();
        let dialect = self.dialect;
        entries.sort_by(|left, right| compare_keys(left.0, right.0, dialect));
        for (key, value) in entries {
            self.write_indent();
            let style = self.string_style(key);
            if key.len() <= MAX_SIMPLE_KEY && !key.contains(is_break) {
                self.scalar(key, style, Place::SimpleKey);
                self.indicator(":", false, false, false);
            } else {
                self.indicator("?", true, false, true);
                self.scalar(key, style, Place::Key);
                self.write_indent();
                self.indicator(":", true, false, true);
            }
            self.node(value, Place::Value);
        }
        self.indent = before;
    }

    fn scalar(&mut self, text: &str, wanted: Style, place: Place) {
        let is_key = place == Place::SimpleKey;
        let analysis = analyze(text, self.dialect == Dialect::V3);
        let mut style = wanted;
        if is_key && analysis.multiline {
            style = Style::Double;
        }
        if style == Style::Plain && (!analysis.plain || (text.is_empty() && is_key)) {
            style = Style::Single;
        }
        if (style == Style::Single && !analysis.single_quoted)
            || (style == Style::Literal && (!analysis.block || is_key))
        {
            style = Style::Double;
        }
        let before = self.increase_indent(true, false);
        match style {
            Style::Plain => self.plain(text, !is_key),
            Style::Single => self.single_quoted(text, !is_key),
            Style::Double => self.double_quoted(text, !is_key),
            Style::Literal => self.literal(text),
        }
        self.indent = before;
    }

    fn plain(&mut self, text: &str, may_fold: bool) {
        if !self.after_space {
            self.put(' ');
        }
        self.flow(text, may_fold, false);
        self.after_space = false;
        self.at_indent = false;
    }

    fn single_quoted(&mut self, text: &str, may_fold: bool) {
        self.indicator("'", true, false, false);
        self.flow(text, may_fold, true);
        self.indicator("'", false, false, false);
        self.after_space = false;
        self.at_indent = false;
    }

    /// The text of a plain or single-quoted scalar, folded at single spaces past the width.
    fn flow(&mut self, text: &str, may_fold: bool, quoted: bool) {
        let (mut spaces, mut breaks) = (false, false);
        let mut characters = text.char_indices().peekable();
        while let Some((index, character)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            if is_space(character) {
                let inside = !quoted || (index > 0 && next.is_some());
                if may_fold && !spaces && self.column > self.width && inside && next.is_none_or(|next| !is_space(next))
                {
                    self.write_indent();
                } else {
                    self.put(character);
                }
                spaces = true;
            } else if is_break(character) {
                if !breaks && character == '\n' {
                    self.put_break();
                }
                self.write_break(character);
                self.at_indent = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                if quoted && character == '\'' {
                    self.put('\'');
                }
                self.put(character);
                self.at_indent = false;
                spaces = false;
                breaks = false;
            }
        }
    }

    fn double_quoted(&mut self, text: &str, may_fold: bool) {
        self.indicator("\"", true, false, false);
        let mut spaces = false;
        // After a byte order mark at the start, go-yaml escapes every character.
        let escapes_all = text.starts_with('\u{feff}');
        let mut characters = text.char_indices().peekable();
        while let Some((index, character)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            if escapes_all
                || !is_printable(character)
                || is_break(character)
                || matches!(character, '\u{feff}' | '"' | '\\')
            {
                self.escape(character);
                spaces = false;
            } else if is_space(character) {
                if may_fold && !spaces && self.column > self.width && index > 0 && next.is_some() {
                    self.write_indent();
                    if next.is_some_and(is_space) {
                        self.put('\\');
                    }
                } else {
                    self.put(character);
                }
                spaces = true;
            } else {
                self.put(character);
                spaces = false;
            }
        }
        self.indicator("\"", false, false, false);
        self.after_space = false;
        self.at_indent = false;
    }

    fn escape(&mut self, character: char) {
        let code = u32::from(character);
        let text = match character {
            '\0' => "0".to_owned(),
            '\u{7}' => "a".to_owned(),
            '\u{8}' => "b".to_owned(),
            '\t' => "t".to_owned(),
            '\n' => "n".to_owned(),
            '\u{b}' => "v".to_owned(),
            '\u{c}' => "f".to_owned(),
            '\r' => "r".to_owned(),
            '\u{1b}' => "e".to_owned(),
            '"' => "\"".to_owned(),
            '\\' => "\\".to_owned(),
            '\u{85}' => "N".to_owned(),
            '\u{a0}' => "_".to_owned(),
            '\u{2028}' => "L".to_owned(),
            '\u{2029}' => "P".to_owned(),
            _ if code <= 0xFF => format!("x{code:02X}"),
            _ if code <= 0xFFFF => format!("u{code:04X}"),
            _ => format!("U{code:08X}"),
        };
        self.put('\\');
        text.chars().for_each(|character| self.put(character));
    }

    fn literal(&mut self, text: &str) {
        self.indicator("|", true, false, false);
        if text.starts_with(|character| is_space(character) || is_break(character)) {
            self.indicator("2", false, false, false);
        }
        let mut from_end = text.chars().rev();
        match (from_end.next(), from_end.next()) {
            (Some(last), _) if !is_break(last) => self.indicator("-", false, false, false),
            (None, _) => self.indicator("-", false, false, false),
            (Some(_), None) => self.indicator("+", false, false, false),
            (Some(_), Some(before)) if is_break(before) => self.indicator("+", false, false, false),
            _ => {}
        }
        self.put_break();
        self.at_indent = true;
        self.after_space = true;
        let mut breaks = true;
        for character in text.chars() {
            if is_break(character) {
                self.write_break(character);
                self.at_indent = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                self.put(character);
                self.at_indent = false;
                breaks = false;
            }
        }
    }
}

/// Numbers like `12:30`, which YAML 1.1 reads in base 60: `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`.
fn is_base_sixty(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (unsigned, ""),
    };
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let mut rest = parts.peekable();
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    rest.peek().is_some()
        && first.starts_with(|character: char| character.is_ascii_digit())
        && is_digits(first)
        && is_digits(fraction)
        && rest.all(|part| match part.as_bytes() {
            [digit] => digit.is_ascii_digit(),
            [tens, digit] => (b'0'..=b'5').contains(tens) && digit.is_ascii_digit(),
            _ => false,
        })
}

/// YAML 1.2 octals with underscores, which only v3 reads.
fn is_octal(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text).replace('_', "");
    unsigned
        .strip_prefix("0o")
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| (b'0'..=b'7').contains(&b)))
}

/// go-yaml's order of keys: letters after other characters, digits by their number.
fn compare_keys(left: &str, right: &str, dialect: Dialect) -> Ordering {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut after_digit = false;
    for index in 0..left.len().min(right.len()) {
        let (a, b) = (left[index], right[index]);
        if a == b {
            after_digit = is_digit(a);
            continue;
        }
        match (is_letter(a), is_letter(b)) {
            (true, true) => return a.cmp(&b),
            (true, false) | (false, true) => {
                let letter_first = dialect == Dialect::V3 && after_digit;
                return if is_letter(a) == letter_first { Ordering::Less } else { Ordering::Greater };
            }
            (false, false) => {}
        }
        let mut start = 0;
        if a == '0' || b == '0' {
            let digits = left[..index].iter().rev().take_while(|character| is_digit(**character));
            if digits.into_iter().any(|character| *character != '0') {
                start = 1;
            }
        }
        let (a_number, a_end) = number_at(&left, index, start);
        let (b_number, b_end) = number_at(&right, index, start);
        return a_number.cmp(&b_number).then(a_end.cmp(&b_end)).then(a.cmp(&b));
    }
    left.len().cmp(&right.len())
}

fn number_at(characters: &[char], from: usize, start: i64) -> (i64, usize) {
    let mut number = start;
    let mut end = from;
    while let Some(character) = characters.get(end).filter(|character| is_digit(**character)) {
        number = number.wrapping_mul(10).wrapping_add(i64::from(u32::from(*character)) - i64::from(b'0'));
        end += 1;
    }
    (number, end)
}
