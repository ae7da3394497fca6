//! Text to tokens, with Go's text/template rules: delimiters `{{` and `}}`, trim markers, comments, quoted strings.
//!
//! The parser pulls one token at a time, because errors must surface in the order in which Go meets them.

use super::token::{Kind, Token};
use crate::go::{is_digit, is_letter};
use std::borrow::Cow;

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
const LEFT_COMMENT: &str = "/*";
const RIGHT_COMMENT: &str = "*/";
/// A trim marker is `-` and the space next to it.
const TRIM_MARKER: usize = 2;

enum State {
    Text,
    LeftDelimiter,
    Comment,
    RightDelimiter,
    Inside,
    Space,
    Identifier,
    Field,
    Variable,
    Character,
    Number,
    Quote,
    RawQuote,
}

/// What one state function decided.
enum Step<'s> {
    Go(State),
    Emit(Token<'s>),
}

pub(crate) struct Lexer<'s> {
    input: &'s str,
    position: usize,
    start: usize,
    at_eof: bool,
    paren_depth: i32,
    line: usize,
    start_line: usize,
    inside_action: bool,
}

impl<'s> Lexer<'s> {
    pub(crate) fn new(input: &'s str) -> Self {
        Self {
            input,
            position: 0,
            start: 0,
            at_eof: false,
            paren_depth: 0,
            line: 1,
            start_line: 1,
            inside_action: false,
        }
    }

    /// The next token; after the end always [`Kind::Eof`].
    pub(crate) fn next_token(&mut self) -> Token<'s> {
        let mut state = if self.inside_action { State::Inside } else { State::Text };
        loop {
            match self.step(&state) {
                Step::Go(next) => state = next,
                Step::Emit(token) => return token,
            }
        }
    }

    fn step(&mut self, state: &State) -> Step<'s> {
        match state {
            State::Text => self.text(),
            State::LeftDelimiter => self.left_delimiter(),
            State::Comment => self.comment(),
            State::RightDelimiter => self.right_delimiter(),
            State::Inside => self.inside(),
            State::Space => self.space(),
            State::Identifier => self.identifier(),
            State::Field => self.field_or_variable(Kind::Field),
            State::Variable => {
                if self.at_terminator() {
                    self.emit(Kind::Variable)
                } else {
                    self.field_or_variable(Kind::Variable)
                }
            }
            State::Character => self.quoted('\'', Kind::CharConstant, "unterminated character constant"),
            State::Number => self.number(),
            State::Quote => self.quoted('"', Kind::String, "unterminated quoted string"),
            State::RawQuote => self.raw_quote(),
        }
    }

    fn rest(&self) -> &'s str {
        &self.input[self.position..]
    }

    fn next(&mut self) -> Option<char> {
        let Some(character) = self.rest().chars().next() else {
            self.at_eof = true;
            return None;
        };
        self.position += character.len_utf8();
        if character == '\n' {
            self.line += 1;
        }
        Some(character)
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn backup(&mut self) {
        if !self.at_eof
            && let Some(character) = self.input[..self.position].chars().next_back()
        {
            self.position -= character.len_utf8();
            if character == '\n' {
                self.line -= 1;
            }
        }
    }

    fn take(&mut self, kind: Kind) -> Token<'s> {
        let token = Token {
            kind,
            position: self.start,
            text: Cow::Borrowed(&self.input[self.start..self.position]),
            line: self.start_line,
        };
        self.start = self.position;
        self.start_line = self.line;
        token
    }

    fn emit(&mut self, kind: Kind) -> Step<'s> {
        Step::Emit(self.take(kind))
    }

    fn count_lines(&mut self) {
        self.line += self.input[self.start..self.position].bytes().filter(|byte| *byte == b'\n').count();
    }

    fn ignore(&mut self) {
        self.count_lines();
        self.start = self.position;
        self.start_line = self.line;
    }

    fn accept(&mut self, valid: &str) -> bool {
        match self.peek() {
            Some(character) if valid.contains(character) => {
                self.next();
                true
            }
            _ => false,
        }
    }

    fn accept_run(&mut self, valid: &str) {
        while self.accept(valid) {}
    }

    fn error(&mut self, message: impl Into<String>) -> Step<'s> {
        let token =
            Token { kind: Kind::Error, position: self.start, text: Cow::Owned(message.into()), line: self.start_line };
        self.start = 0;
        self.position = 0;
        self.input = "";
        Step::Emit(token)
    }

    fn text(&mut self) -> Step<'s> {
        if let Some(offset) = self.rest().find(LEFT) {
            if offset > 0 {
                self.position += offset;
                let mut trimmed = 0;
                if has_left_trim_marker(&self.input[self.position + LEFT.len()..]) {
                    let text = &self.input[self.start..self.position];
                    trimmed = text.len() - text.trim_end_matches(is_space).len();
                }
                self.position -= trimmed;
                self.count_lines();
                let token = self.take(Kind::Text);
                self.position += trimmed;
                self.ignore();
                if !token.text.is_empty() {
                    return Step::Emit(token);
                }
            }
            return Step::Go(State::LeftDelimiter);
        }
        self.position = self.input.len();
        if self.position > self.start {
            self.count_lines();
            return self.emit(Kind::Text);
        }
        self.emit(Kind::Eof)
    }

    /// Whether the right delimiter comes next, and whether a trim marker precedes it.
    fn at_right_delimiter(&self) -> (bool, bool) {
        let rest = self.rest();
        if has_right_trim_marker(rest) && rest[TRIM_MARKER..].starts_with(RIGHT) {
            return (true, true);
        }
        (rest.starts_with(RIGHT), false)
    }

    fn left_delimiter(&mut self) -> Step<'s> {
        self.position += LEFT.len();
        let after = if has_left_trim_marker(self.rest()) { TRIM_MARKER } else { 0 };
        if self.rest()[after..].starts_with(LEFT_COMMENT) {
            self.position += after;
            self.ignore();
            return Step::Go(State::Comment);
        }
        let token = self.take(Kind::LeftDelimiter);
        self.inside_action = true;
        self.position += after;
        self.ignore();
        self.paren_depth = 0;
        Step::Emit(token)
    }

    fn comment(&mut self) -> Step<'s> {
        self.position += LEFT_COMMENT.len();
        let Some(offset) = self.rest().find(RIGHT_COMMENT) else {
            return self.error("unclosed comment");
        };
        self.position += offset + RIGHT_COMMENT.len();
        let (closed, trim) = self.at_right_delimiter();
        if !closed {
            return self.error("comment ends before closing delimiter");
        }
        self.count_lines();
        let _comment = self.take(Kind::Text);
        if trim {
            self.position += TRIM_MARKER;
        }
        self.position += RIGHT.len();
        if trim {
            self.skip_space();
        }
        self.ignore();
        Step::Go(State::Text)
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.position += rest.len() - rest.trim_start_matches(is_space).len();
    }

    fn right_delimiter(&mut self) -> Step<'s> {
        let (_, trim) = self.at_right_delimiter();
        if trim {
            self.position += TRIM_MARKER;
            self.ignore();
        }
        self.position += RIGHT.len();
        let token = self.take(Kind::RightDelimiter);
        if trim {
            self.skip_space();
            self.ignore();
        }
        self.inside_action = false;
        Step::Emit(token)
    }

    fn inside(&mut self) -> Step<'s> {
        if self.at_right_delimiter().0 {
            if self.paren_depth == 0 {
                return Step::Go(State::RightDelimiter);
            }
            return self.error("unclosed left paren");
        }
        let Some(character) = self.next() else { return self.error("unclosed action") };
        match character {
            space if is_space(space) => {
                self.backup();
                Step::Go(State::Space)
            }
            '=' => self.emit(Kind::Assign),
            ':' => {
                if self.next() == Some('=') {
                    self.emit(Kind::Declare)
                } else {
                    self.error("expected :=")
                }
            }
            '|' => self.emit(Kind::Pipe),
            '"' => Step::Go(State::Quote),
            '`' => Step::Go(State::RawQuote),
            '$' => Step::Go(State::Variable),
            '\'' => Step::Go(State::Character),
            '.' if self.rest().bytes().next().is_some_and(|byte| !byte.is_ascii_digit()) => Step::Go(State::Field),
            '.' | '+' | '-' | '0'..='9' => {
                self.backup();
                Step::Go(State::Number)
            }
            word if is_alphanumeric(word) => {
                self.backup();
                Step::Go(State::Identifier)
            }
            '(' => {
                self.paren_depth += 1;
                self.emit(Kind::LeftParen)
            }
            ')' => {
                self.paren_depth -= 1;
                if self.paren_depth < 0 {
                    return self.error("unexpected right paren");
                }
                self.emit(Kind::RightParen)
            }
            printable if printable.is_ascii_graphic() => self.emit(Kind::Char),
            other => self.error(format!("unrecognized character in action: {}", unicode_name(Some(other)))),
        }
    }

    fn space(&mut self) -> Step<'s> {
        let mut spaces = 0;
        while self.peek().is_some_and(is_space) {
            self.next();
            spaces += 1;
        }
        let last = &self.input[self.position - 1..];
        if has_right_trim_marker(last) && last[TRIM_MARKER..].starts_with(RIGHT) {
            self.backup();
            if spaces == 1 {
                return Step::Go(State::RightDelimiter);
            }
        }
        self.emit(Kind::Space)
    }

    /// Passes over letters, digits and underscores.
    fn skip_word(&mut self) {
        // Nearly every name is ASCII; only what follows needs Unicode's tables.
        self.position += self.rest().bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        while self.peek().is_some_and(is_alphanumeric) {
            self.next();
        }
    }

    fn identifier(&mut self) -> Step<'s> {
        self.skip_word();
        let word = &self.input[self.start..self.position];
        if !self.at_terminator() {
            return self.bad_character();
        }
        match Kind::keyword(word) {
            Some(kind) => self.emit(kind),
            None if word == "true" || word == "false" => self.emit(Kind::Bool),
            None => self.emit(Kind::Identifier),
        }
    }

    fn bad_character(&mut self) -> Step<'s> {
        let name = unicode_name(self.peek());
        self.error(format!("bad character {name}"))
    }

    fn field_or_variable(&mut self, kind: Kind) -> Step<'s> {
        if self.at_terminator() {
            return self.emit(if kind == Kind::Variable { Kind::Variable } else { Kind::Dot });
        }
        self.skip_word();
        if !self.at_terminator() {
            return self.bad_character();
        }
        self.emit(kind)
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(character) => is_space(character) || self.rest().starts_with(RIGHT),
        }
    }

    fn quoted(&mut self, quote: char, kind: Kind, message: &str) -> Step<'s> {
        loop {
            match self.next() {
                Some('\\') => {
                    if matches!(self.next(), None | Some('\n')) {
                        return self.error(message);
                    }
                }
                None | Some('\n') => return self.error(message),
                Some(character) if character == quote => return self.emit(kind),
                Some(_) => {}
            }
        }
    }

    fn raw_quote(&mut self) -> Step<'s> {
        loop {
            match self.next() {
                None => return self.error("unterminated raw quoted string"),
                Some('`') => return self.emit(Kind::RawString),
                Some(_) => {}
            }
        }
    }

    fn number(&mut self) -> Step<'s> {
        if !self.scan_number() {
            return self.bad_number();
        }
        if matches!(self.peek(), Some('+' | '-')) {
            if !self.scan_number() || !self.input[..self.position].ends_with('i') {
                return self.bad_number();
            }
            return self.emit(Kind::Complex);
        }
        self.emit(Kind::Number)
    }

    fn bad_number(&mut self) -> Step<'s> {
        let text = crate::go::quote(&self.input[self.start..self.position]);
        self.error(format!("bad number syntax: {text}"))
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        let mut decimal = true;
        let mut hexadecimal = false;
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
                decimal = false;
                hexadecimal = true;
            } else if self.accept("oO") {
                digits = "01234567_";
                decimal = false;
            } else if self.accept("bB") {
                digits = "01_";
                decimal = false;
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        if (decimal && self.accept("eE")) || (hexadecimal && self.accept("pP")) {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(character: char) -> bool {
    character == '_' || is_letter(character) || is_digit(character)
}

fn has_left_trim_marker(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 2 && bytes[0] == b'-' && is_space(char::from(bytes[1]))
}

fn has_right_trim_marker(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 2 && is_space(char::from(bytes[0])) && bytes[1] == b'-'
}

/// Go's `%#U`: the code point and, if it is printable, the character in single quotes. The end of input is -1 there.
fn unicode_name(character: Option<char>) -> String {
    match character {
        None => "U+FFFFFFFFFFFFFFFF".to_owned(),
        Some(character) if crate::go::is_print(character) => {
            format!("U+{:04X} '{character}'", u32::from(character))
        }
        Some(character) => format!("U+{:04X}", u32::from(character)),
    }
}
