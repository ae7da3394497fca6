//! One of the map's texts as YAML: what it says, and where each entry stands.
//!
//! Only the first document counts, as for EKS.

use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Scanner, Span, StrInput, StructureStyle, TokenType};

use super::fault::Fault;
use super::value::{Meaning, Value, meaning};

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 30;
/// The most nodes that aliases may unfold to.
const MAX_NODES: usize = 100_000;

/// An entry of the list: bytes `start..end` are its own, a dash or a comma not among them.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Counted from one.
    pub(super) line: u64,
    /// Where its dash is; in brackets, where it begins.
    pub(super) dash: usize,
    pub(super) value: Value,
}

/// The list as it stands in the text.
#[derive(Clone, Debug)]
pub(super) enum Layout {
    /// There is no document, or one that says nothing; an entry may follow the line of this byte.
    Nothing { at: usize },
    /// `null`, spelled out at these bytes.
    Null { start: usize, end: usize },
    /// One entry a dash, the dashes in this column.
    Block { column: usize },
    /// In brackets; `open` is the byte after the first one. Commas between entries stand at these bytes.
    Flow { open: usize, commas: Vec<usize> },
}

/// A text that has been read.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) layout: Layout,
    pub(super) items: Vec<Item>,
}

/// A node with its place.
struct Node {
    start: usize,
    /// End of its last character.
    end: usize,
    line: u64,
    content: Content,
}

enum Content {
    Scalar { text: String, tag: Option<String>, plain: bool },
    List { flow: bool, column: usize, items: Vec<Rc<Node>> },
    Map(Vec<(Rc<Node>, Rc<Node>)>),
    Alias(Rc<Node>),
}

impl Document {
    /// A text that EKS does not read: an entry takes its place.
    pub(super) fn skipped(text: &str) -> Self {
        let (start, end) = (text.len() - text.trim_start().len(), text.trim_end().len());
        let layout = if start < end { Layout::Null { start, end } } else { Layout::Nothing { at: text.len() } };
        Self { layout, items: Vec::new() }
    }

    /// Reads a text without byte order mark.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let Some(root) = Loader::new(text).document()? else {
            return Ok(Self { layout: Layout::Nothing { at: text.len() }, items: Vec::new() });
        };
        let (flow, column, nodes) = match &root.content {
            Content::List { flow, column, items } => (*flow, *column, items),
            Content::Scalar { .. } if root.start == root.end => {
                return Ok(Self { layout: Layout::Nothing { at: root.start }, items: Vec::new() });
            }
            Content::Scalar { .. } if meaning(&value(&root, &mut 0)?) == Meaning::Null => {
                let layout = Layout::Null { start: root.start, end: root.end };
                return Ok(Self { layout, items: Vec::new() });
            }
            _ => return Err(Fault::at(root.line, "it is no list of entries")),
        };
        let mut unfolded = 0;
        let mut items = Vec::with_capacity(nodes.len());
        for node in nodes {
            let value = value(node, &mut unfolded)?;
            items.push(Item { start: node.start, end: node.end, line: node.line, dash: node.start, value });
        }
        let layout = if flow {
            Layout::Flow { open: root.start + 1, commas: commas(text, &root)? }
        } else {
            dashes(text, &root, column, &mut items)?;
            Layout::Block { column }
        };
        Ok(Self { layout, items })
    }
}

/// Finds the dash of each entry, which the reader does not tell: the list begins with the first, and nothing but space
/// and comments is between an entry and the next dash.
fn dashes(text: &str, root: &Node, column: usize, items: &mut [Item]) -> Result<(), Fault> {
    let mut from = root.start;
    for (index, item) in items.iter_mut().enumerate() {
        let dash = if index == 0 {
            Some(root.start)
        } else {
            let first_line = text[from..].find('\n').map_or(text.len(), |at| from + at + 1);
            let begin = if text[..from].ends_with('\n') { from } else { first_line };
            let mut at = begin;
            let mut found = None;
            for line in text[begin..item.start.max(begin)].split_inclusive('\n') {
                let part = line.trim_start_matches(' ');
                if part.starts_with('-') {
                    found = Some(at + line.len() - part.len());
                    break;
                }
                at += line.len();
            }
            found
        };
        let is_dash = |dash: &usize| text[*dash..].starts_with('-') && column_of(text, *dash) == column;
        item.dash = dash.filter(is_dash).ok_or_else(|| Fault::at(item.line, "the entry's dash cannot be found"))?;
        from = item.end;
    }
    Ok(())
}

fn column_of(text: &str, at: usize) -> usize {
    at - text[..at].rfind('\n').map_or(0, |found| found + 1)
}

/// Commas between the entries of a list in brackets.
fn commas(text: &str, root: &Node) -> Result<Vec<usize>, Fault> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    for token in Scanner::new(StrInput::new(text)) {
        let token = token.map_err(|error| Fault::unreadable(&error))?;
        let start = place(&token.span().start);
        if start >= root.end {
            break;
        }
        match token.token_type() {
            TokenType::FlowSequenceStart | TokenType::FlowMappingStart => depth += 1,
            TokenType::FlowSequenceEnd | TokenType::FlowMappingEnd => depth = depth.saturating_sub(1),
            TokenType::FlowEntry if depth == 1 => found.push(start),
            _ => {}
        }
    }
    Ok(found)
}

/// The value of a node. `unfolded` counts nodes: aliases of aliases grow without a bound.
fn value(node: &Node, unfolded: &mut usize) -> Result<Value, Fault> {
    *unfolded += 1;
    if *unfolded > MAX_NODES {
        return Err(Fault::at(node.line, "its aliases unfold to too much"));
    }
    Ok(match &node.content {
        Content::Scalar { text, tag, plain } => Value::Scalar { text: text.clone(), tag: tag.clone(), plain: *plain },
        Content::List { items, .. } => {
            Value::List(items.iter().map(|item| value(item, unfolded)).collect::<Result<_, _>>()?)
        }
        Content::Map(pairs) => {
            let pair = |(key, one): &(Rc<Node>, Rc<Node>)| Ok((value(key, unfolded)?, value(one, unfolded)?));
            Value::Map(pairs.iter().map(pair).collect::<Result<_, _>>()?)
        }
        Content::Alias(target) => value(target, unfolded)?,
    })
}

/// The byte that a mark stands at; a text in memory always has one.
fn place(mark: &Marker) -> usize {
    mark.byte_offset().unwrap_or_default()
}

/// Events to nodes. An anchor is known once its node is complete.
struct Loader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Rc<Node>>,
}

impl<'t> Loader<'t> {
    fn new(text: &'t str) -> Self {
        let options = granit_parser::options! { emit_comments: false, block_nesting_limit: MAX_DEPTH, flow_nesting_limit: MAX_DEPTH };
        Self { parser: Parser::new_from_str_with_options(text, options), anchors: HashMap::new() }
    }

    fn document(mut self) -> Result<Option<Rc<Node>>, Fault> {
        loop {
            match self.next()?.0 {
                Event::DocumentStart(..) => break,
                Event::StreamEnd => return Ok(None),
                _ => {}
            }
        }
        let event = self.next()?;
        let root = self.node(event)?;
        // What follows the list in its document is an error that only the next event tells.
        self.next()?;
        Ok(Some(root))
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Fault> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(Fault::unreadable(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, (event, span): (Event<'t>, Span)) -> Result<Rc<Node>, Fault> {
        let line = line(&span.start);
        let (start, mut end) = (place(&span.start), place(&span.end));
        let (content, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map(|tag| tag.to_string());
                (Content::Scalar { text: text.into_owned(), tag, plain: style == ScalarStyle::Plain }, anchor)
            }
            Event::SequenceStart(style, anchor, _) => {
                let flow = style == StructureStyle::Flow;
                let mut items = Vec::new();
                loop {
                    let next = self.next()?;
                    if next.0 == Event::SequenceEnd {
                        end = if flow { place(&next.1.end) } else { last_end(items.last(), end) };
                        break;
                    }
                    items.push(self.node(next)?);
                }
                (Content::List { flow, column: span.start.col(), items }, anchor)
            }
            Event::MappingStart(style, anchor, _) => {
                let mut pairs: Vec<(Rc<Node>, Rc<Node>)> = Vec::new();
                loop {
                    let next = self.next()?;
                    if next.0 == Event::MappingEnd {
                        let flow = style == StructureStyle::Flow;
                        let last = pairs.last().map(|(_, value)| value);
                        end = if flow { place(&next.1.end) } else { last_end(last, end) };
                        break;
                    }
                    let key = self.node(next)?;
                    let next = self.next()?;
                    let value = self.node(next)?;
                    pairs.push((key, value));
                }
                (Content::Map(pairs), anchor)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(target) => (Content::Alias(Rc::clone(target)), 0),
                None => return Err(Fault::at(line, "an alias stands within what it means")),
            },
            _ => return Err(Fault::at(line, "it ends too early")),
        };
        let node = Rc::new(Node { start, end, line, content });
        // Numbers of anchors begin at one.
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        Ok(node)
    }
}

fn line(mark: &Marker) -> u64 {
    u64::try_from(mark.line()).unwrap_or(u64::MAX)
}

/// A block collection has no end of its own: the reader tells where the next token is. Its last part ends it.
fn last_end(last: Option<&Rc<Node>>, otherwise: usize) -> usize {
    last.map_or(otherwise, |node| node.end.max(otherwise))
}
