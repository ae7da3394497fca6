//! One of the map's texts as YAML: its content, and the position of each entry.
//!
//! Only the first document counts, as for EKS.

use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Scanner, Span, StrInput, StructureStyle, TokenType};

use super::fault::Fault;
use super::value::{Meaning, Value, meaning};

/// Maximum nesting.
const MAX_DEPTH: usize = 30;
/// Maximum number of nodes after expanding aliases.
const MAX_NODES: usize = 100_000;

/// An entry of the list, at bytes `start..end`, without its dash or comma.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Line number, starting at 1.
    pub(super) line: u64,
    /// Position of its dash; in a flow sequence, where the entry begins.
    pub(super) dash: usize,
    pub(super) value: Value,
}

/// The layout of the list in the text.
#[derive(Clone, Debug)]
pub(super) enum Layout {
    /// No document, or an empty one; an entry can be added after the line that holds this byte.
    Nothing { at: usize },
    /// An explicit `null`, at these bytes.
    Null { start: usize, end: usize },
    /// A block sequence with one entry per dash, the dashes in this column.
    Block { column: usize },
    /// A flow sequence; `open` is the byte after the opening bracket, `commas` are the positions of the commas
    /// between entries.
    Flow { open: usize, commas: Vec<usize> },
}

/// A parsed text.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) layout: Layout,
    pub(super) items: Vec<Item>,
}

/// A node with its position.
struct Node {
    start: usize,
    /// The end of its last character.
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
    /// A text that EKS does not read: a new entry replaces it.
    pub(super) fn skipped(text: &str) -> Self {
        let (start, end) = (text.len() - text.trim_start().len(), text.trim_end().len());
        let layout = if start < end { Layout::Null { start, end } } else { Layout::Nothing { at: text.len() } };
        Self { layout, items: Vec::new() }
    }

    /// Parses a text without a byte order mark.
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

/// Finds the dash of each entry, which the parser does not report: the list begins with the first, and only
/// whitespace and comments lie between an entry and the next dash.
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

/// The commas between the entries of a flow sequence.
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

/// The value of a node. `unfolded` counts nodes: aliases of aliases can grow without bound.
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

/// The byte offset of a mark; marks in an in-memory text always have one.
fn place(mark: &Marker) -> usize {
    mark.byte_offset().unwrap_or_default()
}

/// Builds nodes from parser events. An anchor is known once its node is complete.
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
        // An error after the list, in the same document, is reported only by the next event.
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
        // Anchor ids start at 1.
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        Ok(node)
    }
}

fn line(mark: &Marker) -> u64 {
    u64::try_from(mark.line()).unwrap_or(u64::MAX)
}

/// A block collection has no end of its own: the parser reports where the next token is. It ends with its last part.
fn last_end(last: Option<&Rc<Node>>, otherwise: usize) -> usize {
    last.map_or(otherwise, |node| node.end.max(otherwise))
}
