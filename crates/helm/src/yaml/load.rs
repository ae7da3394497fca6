//! YAML text to nodes, by way of the events of libyaml's parser, of which go-yaml's is a translation too.

use libyaml_safer::{Error, ErrorKind, EventData, Parser, ScalarStyle};
use std::collections::HashMap;
use std::io::{BufRead, Read};
use std::rc::Rc;

use crate::caught::caught;

/// Deepest nesting of a document; values are also read on threads with small stacks.
const MAX_DEPTH: usize = 250;

/// A node as it is written: scalars are not read yet, and aliases not followed.
pub(super) enum Node {
    Scalar { value: String, tag: Option<String>, is_plain: bool },
    List(Vec<Rc<Node>>),
    Map(Vec<(Rc<Node>, Rc<Node>)>),
    Alias(Rc<Node>),
}

/// The root of the first document; none if the text has no document.
///
/// # Errors
/// go-yaml's text.
pub(super) fn document(input: &[u8]) -> Result<Option<Rc<Node>>, String> {
    let begin = if input.starts_with(MARK) { MARK.len() } else { 0 };
    if let Ok(text) = std::str::from_utf8(&input[begin..])
        && text.contains('\u{feff}')
        && let Some(stand_in) = ('\u{f0000}'..='\u{f00ff}').find(|unused| !text.contains(*unused))
    {
        // Behind the beginning the mark is a character like any other for go-yaml, and none for this scanner.
        let mut replaced = input[..begin].to_vec();
        replaced.extend_from_slice(text.replace('\u{feff}', stand_in.encode_utf8(&mut [0; 4])).as_bytes());
        return marked(&replaced, Some(stand_in));
    }
    if input.first() == Some(&MARK[0]) && !input.starts_with(MARK) {
        // The reader takes any character that begins with this byte for a broken byte order mark, unless one comes first.
        return marked(&[MARK, input].concat(), None);
    }
    marked(input, None)
}

/// The byte order mark, which the reader passes over.
const MARK: &[u8] = "\u{feff}".as_bytes();

fn marked(input: &[u8], stand_in: Option<char>) -> Result<Option<Rc<Node>>, String> {
    let breaks = ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"];
    if breaks.iter().any(|end| input.ends_with(end.as_bytes())) {
        return guard(|| Loader { anchors: HashMap::new(), stand_in, end: None }.document(input));
    }
    // The scanner panics where a block scalar ends with the text and no line break. So one is added, and what it adds
    // to such a scalar is taken away again. The lines in errors are go-yaml's only with it.
    let padded = [input, b"\n"].concat();
    let line = input.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let skipped = if input.starts_with(MARK) { MARK.len() } else { 0 };
    let end = End { index: (padded.len() - skipped) as u64, line };
    guard(|| Loader { anchors: HashMap::new(), stand_in, end: Some(end) }.document(&padded))
}

/// Turns the scanner's panic into an error: it has one for a tag with a comma right behind it, as in `[!!str, a]`.
/// go-yaml takes the comma for a part of the tag there, which nobody can mean.
fn guard<T>(load: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    // Nothing of the parser outlives the call.
    caught(load).unwrap_or_else(|| Err("did not find expected whitespace or line break".to_owned()))
}

/// The end of a text to which a line break was added.
struct End<'t> {
    /// Where the text ends, with the break.
    index: u64,
    /// The last line as it was passed in.
    line: &'t [u8],
}

impl End<'_> {
    /// Takes the added break out of a block scalar that ends with the text.
    fn correct(&self, value: &mut String) {
        let Some(content) = value.strip_suffix('\n') else { return };
        // Only `+` keeps more than one break, or a break without anything before it.
        let keeps = content.is_empty() || content.ends_with('\n');
        // A last line of spaces is content only where it goes beyond the indentation.
        let last = content.rsplit('\n').next().unwrap_or_default();
        let is_blank = self.line.iter().all(|byte| *byte == b' ');
        if keeps || !is_blank || last.bytes().all(|byte| byte == b' ') {
            value.pop();
        }
    }
}

/// A text in the pieces in which go-yaml reads it, so that of two faults the same one is found first: characters that
/// are not allowed are reported when they are read, which is before what precedes them in the same piece is understood.
/// Source: go-yaml's yamlprivateh.go, `input_raw_buffer_size`.
struct Window<'t>(&'t [u8]);

impl Window<'_> {
    const SIZE: usize = 512;
}

impl Read for Window<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(out)
    }
}

impl BufRead for Window<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        Ok(&self.0[..self.0.len().min(Self::SIZE)])
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

/// Events to nodes. An anchor is known once its node is complete.
struct Loader<'t> {
    anchors: HashMap<String, Option<Rc<Node>>>,
    /// What stands for byte order marks inside the text.
    stand_in: Option<char>,
    /// Set where a line break was added.
    end: Option<End<'t>>,
}

impl Loader<'_> {
    fn document(mut self, input: &[u8]) -> Result<Option<Rc<Node>>, String> {
        let mut parser = Parser::new();
        parser.set_input(Window(input));
        loop {
            match self.next(&mut parser)? {
                EventData::DocumentStart { .. } => break,
                EventData::StreamEnd => return Ok(None),
                _ => {}
            }
        }
        let event = self.next(&mut parser)?;
        let root = self.node(&mut parser, event, 0)?;
        self.next(&mut parser)?;
        Ok(Some(root))
    }

    fn node(&mut self, parser: &mut Parser<Window<'_>>, event: EventData, depth: usize) -> Result<Rc<Node>, String> {
        if depth > MAX_DEPTH {
            return Err(format!("exceeded max depth of {MAX_DEPTH}"));
        }
        let (node, anchor) = match event {
            EventData::Scalar { anchor, tag, value, plain_implicit, .. } => {
                let value = match self.stand_in {
                    Some(stand_in) => value.replace(stand_in, "\u{feff}"),
                    None => value,
                };
                (Node::Scalar { value, tag, is_plain: plain_implicit }, anchor)
            }
            EventData::SequenceStart { anchor, .. } => {
                self.open(anchor.as_deref());
                let mut items = Vec::new();
                loop {
                    match self.next(parser)? {
                        EventData::SequenceEnd => break,
                        event => items.push(self.node(parser, event, depth + 1)?),
                    }
                }
                (Node::List(items), anchor)
            }
            EventData::MappingStart { anchor, .. } => {
                self.open(anchor.as_deref());
                let mut entries = Vec::new();
                loop {
                    match self.next(parser)? {
                        EventData::MappingEnd => break,
                        event => {
                            let key = self.node(parser, event, depth + 1)?;
                            let event = self.next(parser)?;
                            entries.push((key, self.node(parser, event, depth + 1)?));
                        }
                    }
                }
                (Node::Map(entries), anchor)
            }
            EventData::Alias { anchor } => {
                return match self.anchors.get(&anchor) {
                    Some(Some(node)) => Ok(Rc::new(Node::Alias(Rc::clone(node)))),
                    Some(None) => Err(format!("anchor '{anchor}' value contains itself")),
                    None => Err(format!("unknown anchor '{anchor}' referenced")),
                };
            }
            _ => return Err("unexpected event".to_owned()),
        };
        let node = Rc::new(node);
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, Some(Rc::clone(&node)));
        }
        Ok(node)
    }

    fn open(&mut self, anchor: Option<&str>) {
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor.to_owned(), None);
        }
    }

    fn next(&self, parser: &mut Parser<Window<'_>>) -> Result<EventData, String> {
        let mut event = parser.parse().map_err(|error| explain(&error, self.end.is_some()))?;
        if let EventData::Scalar { value, style: ScalarStyle::Literal | ScalarStyle::Folded, .. } = &mut event.data
            && let Some(end) = self.end.as_ref().filter(|end| end.index == event.end_mark.index)
        {
            end.correct(value);
        }
        Ok(event.data)
    }
}

/// go-yaml's text: the line where it is known, counted as go-yaml counts it, and the problem.
fn explain(error: &Error, is_padded: bool) -> String {
    let problem = error.problem();
    // Of all errors at the end, only this one reports the line without the added break.
    let surplus = u64::from(is_padded && problem == "found unexpected end of stream");
    let problem_line = error.problem_mark().map_or(0, |mark| mark.line.saturating_sub(surplus));
    let context_line = error.context_mark().map_or(0, |mark| mark.line);
    let line =
        if problem_line != 0 { problem_line + u64::from(error.kind() == ErrorKind::Scanner) } else { context_line };
    if line == 0 { problem.to_owned() } else { format!("line {line}: {problem}") }
}
