//! The abstract syntax tree of a template: nodes with their byte offset, and their text form as Go shows it in messages.

use super::constant::Number;
use super::function::Function;
use std::fmt;
use std::rc::Rc;

/// A text from which one or more templates were parsed.
#[derive(Debug)]
pub(crate) struct Source {
    /// Name in messages: the file's path in the chart, `gotpl` for the text of `tpl`.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// One named template.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) name: String,
    pub(crate) source: Rc<Source>,
    pub(crate) body: Vec<Node>,
}

impl Template {
    /// Whether the body prints nothing: such a definition never replaces an earlier one.
    pub(crate) fn is_empty(&self) -> bool {
        self.body
            .iter()
            .all(|node| matches!(node, Node::Text { text, .. } if text.trim_matches(crate::go::is_space).is_empty()))
    }
}

#[derive(Debug)]
pub(crate) enum Node {
    Text { position: usize, text: String },
    Action { position: usize, pipe: Pipe },
    If(Branch),
    Range(Branch),
    With(Branch),
    Template { position: usize, name: String, pipe: Option<Pipe> },
    Break { position: usize },
    Continue { position: usize },
}

#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) position: usize,
    pub(crate) pipe: Pipe,
    pub(crate) body: List,
    pub(crate) otherwise: Option<List>,
}

#[derive(Debug)]
pub(crate) struct List {
    pub(crate) nodes: Vec<Node>,
}

#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) position: usize,
    pub(crate) is_assignment: bool,
    pub(crate) declared: Vec<String>,
    pub(crate) commands: Vec<Command>,
}

#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) position: usize,
    pub(crate) words: Vec<Word>,
}

/// An operand of a command.
#[derive(Debug)]
pub(crate) enum Word {
    Identifier { position: usize, function: &'static Function },
    Field { position: usize, path: Vec<Rc<str>> },
    Variable { position: usize, name: String, path: Vec<Rc<str>> },
    Chain { position: usize, node: Box<Word>, path: Vec<Rc<str>> },
    Dot { position: usize },
    Nil { position: usize },
    Bool { position: usize, value: bool },
    Number { position: usize, number: Box<Number> },
    Text { position: usize, quoted: String, text: Rc<str> },
    Pipe(Pipe),
}

impl Node {
    pub(crate) fn position(&self) -> usize {
        match self {
            Self::Text { position, .. }
            | Self::Action { position, .. }
            | Self::Template { position, .. }
            | Self::Break { position }
            | Self::Continue { position } => *position,
            Self::If(branch) | Self::Range(branch) | Self::With(branch) => branch.position,
        }
    }
}

impl Word {
    pub(crate) fn position(&self) -> usize {
        match self {
            Self::Identifier { position, .. }
            | Self::Field { position, .. }
            | Self::Variable { position, .. }
            | Self::Chain { position, .. }
            | Self::Dot { position }
            | Self::Nil { position }
            | Self::Bool { position, .. }
            | Self::Number { position, .. }
            | Self::Text { position, .. } => *position,
            Self::Pipe(pipe) => pipe.position,
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { text, .. } => f.write_str(text),
            Self::Action { pipe, .. } => write!(f, "{{{{{pipe}}}}}"),
            Self::If(branch) => branch.write(f, "if"),
            Self::Range(branch) => branch.write(f, "range"),
            Self::With(branch) => branch.write(f, "with"),
            Self::Template { name, pipe, .. } => {
                write!(f, "{{{{template {}", crate::go::quote(name))?;
                if let Some(pipe) = pipe {
                    write!(f, " {pipe}")?;
                }
                f.write_str("}}")
            }
            Self::Break { .. } => f.write_str("{{break}}"),
            Self::Continue { .. } => f.write_str("{{continue}}"),
        }
    }
}

impl Branch {
    fn write(&self, f: &mut fmt::Formatter<'_>, keyword: &str) -> fmt::Result {
        write!(f, "{{{{{keyword} {}}}}}{}", self.pipe, self.body)?;
        if let Some(otherwise) = &self.otherwise {
            write!(f, "{{{{else}}}}{otherwise}")?;
        }
        f.write_str("{{end}}")
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.nodes.iter().try_for_each(|node| node.fmt(f))
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.declared.is_empty() {
            f.write_str(&self.declared.join(", "))?;
            f.write_str(if self.is_assignment { " = " } else { " := " })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                f.write_str(" | ")?;
            }
            command.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            word.write_operand(f)?;
        }
        Ok(())
    }
}

impl Word {
    /// As an operand: pipelines in parentheses.
    fn write_operand(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Pipe(pipe) = self { write!(f, "({pipe})") } else { write!(f, "{self}") }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identifier { function, .. } => f.write_str(function.name),
            Self::Field { path, .. } => write_path(f, path),
            Self::Variable { name, path, .. } => {
                f.write_str(name)?;
                write_path(f, path)
            }
            Self::Chain { node, path, .. } => {
                node.write_operand(f)?;
                write_path(f, path)
            }
            Self::Dot { .. } => f.write_str("."),
            Self::Nil { .. } => f.write_str("nil"),
            Self::Bool { value, .. } => write!(f, "{value}"),
            Self::Number { number, .. } => f.write_str(&number.text),
            Self::Text { quoted, .. } => f.write_str(quoted),
            Self::Pipe(pipe) => pipe.fmt(f),
        }
    }
}

fn write_path(f: &mut fmt::Formatter<'_>, path: &[Rc<str>]) -> fmt::Result {
    path.iter().try_for_each(|part| write!(f, ".{part}"))
}

/// The node that is being evaluated, for messages.
#[derive(Clone, Copy)]
pub(crate) enum At<'t> {
    Start,
    Node(&'t Node),
    Pipe(&'t Pipe),
    Command(&'t Command),
    Word(&'t Word),
}

impl At<'_> {
    pub(crate) fn position(self) -> usize {
        match self {
            Self::Start => 0,
            Self::Node(node) => node.position(),
            Self::Pipe(pipe) => pipe.position,
            Self::Command(command) => command.position,
            Self::Word(word) => word.position(),
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => Ok(()),
            Self::Node(node) => node.fmt(f),
            Self::Pipe(pipe) => pipe.fmt(f),
            Self::Command(command) => command.fmt(f),
            Self::Word(word) => word.fmt(f),
        }
    }
}
