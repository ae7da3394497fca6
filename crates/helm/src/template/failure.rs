//! Run-time errors of templates, and the text that Helm makes of them.

use super::node::{Command, Node, Pipe, Template, Word};
use std::fmt;

/// An error with the ones that it wraps, outermost first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    pub(crate) message: String,
    /// Whether the evaluator raised it, with template, line and column, rather than a function.
    pub(crate) is_execution: bool,
    pub(crate) cause: Option<Box<Failure>>,
    /// Whether a limit of this engine was met. Such a failure is passed on as it is: wrapped at each of thousands of
    /// levels, its text would take gigabytes.
    pub(crate) is_limit: bool,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_execution: false, cause: None, is_limit: false }
    }

    /// A limit of this engine was met.
    pub(crate) fn limit(message: String) -> Self {
        Self { is_limit: true, ..Self::new(message) }
    }

    pub(crate) fn wrap(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), is_execution: false, cause: Some(Box::new(self)), is_limit: false }
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
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
    fn position(self) -> usize {
        match self {
            Self::Start => 0,
            Self::Node(node) => node.position(),
            Self::Pipe(pipe) => pipe.position,
            Self::Command(command) => command.position,
            Self::Word(word) => word.position(),
        }
    }

    /// A failure here, worded as Go's `template: NAME:LINE:COLUMN: executing "NAME" at <TEXT>: WHAT`.
    pub(crate) fn failure(self, template: &Template, what: &str, cause: Option<Failure>) -> Failure {
        let before = &template.source.text[..self.position()];
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |index| index + 1);
        let message = format!(
            "template: {}:{line}:{column}: executing {} at <{self}>: {what}",
            template.source.name,
            super::format::quote(&template.name)
        );
        Failure { message, is_execution: true, cause: cause.map(Box::new), is_limit: false }
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

/// Marks around the message of `fail` and `required`, which Helm shows alone.
pub(crate) const WARNING_START: &str = "HELM_ERR_START";
pub(crate) const WARNING_END: &str = "HELM_ERR_END";

/// The text of a parse error: `parse error at (LOCATION): WHAT`.
pub(crate) fn explain_parse_error(file: &str, message: &str) -> String {
    let parts: Vec<&str> = message.split(": ").collect();
    match parts.as_slice() {
        [_] => format!("parse error in ({file}): {message}"),
        [_, location, .., what] => format!("parse error at ({location}): {what}"),
        [_, location] => format!("parse error at ({location}): {location}"),
        [] => message.to_owned(),
    }
}

/// The text of a run-time error: the message of `fail` or `required` with its place, else one entry for each template
/// on the way to the fault, else the whole message.
pub(crate) fn explain(file: &str, failure: &Failure) -> String {
    if !failure.is_execution {
        return failure.message.clone();
    }
    let mut parts = failure.message.splitn(3, ": ");
    let (Some(_), Some(location), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return format!("execution error in ({file}): {}", failure.message);
    };
    if let Some(start) = rest.find(WARNING_START)
        && let Some(end) = rest.rfind(WARNING_END)
        && start + WARNING_START.len() <= end
    {
        return format!("execution error at ({location}): {}", &rest[start + WARNING_START.len()..end]);
    }
    let mut places: Vec<Place> = Vec::new();
    let mut current = Some(failure);
    while let Some(error) = current {
        let Some(place) = Place::parse(&error.message) else { return failure.message.clone() };
        if places.last() != Some(&place) {
            places.push(place);
        }
        current = error.cause.as_deref();
    }
    let text: String = places.iter().map(ToString::to_string).collect();
    text.trim_matches(super::text::is_space).to_owned()
}

#[derive(Debug, PartialEq, Default)]
struct Place {
    location: String,
    executing: String,
    message: String,
}

impl Place {
    fn parse(message: &str) -> Option<Self> {
        let rest = message.strip_prefix("template: ")?;
        if rest.starts_with("no template ") {
            return Some(Self { message: message.to_owned(), ..Self::default() });
        }
        if let Some(place) = Self::parse_executing(rest) {
            return Some(place);
        }
        let index = rest.rfind(": ")?;
        Some(Self {
            location: rest[..index].to_owned(),
            message: until_next(&rest[index + 2..]).to_owned(),
            ..Self::default()
        })
    }

    fn parse_executing(rest: &str) -> Option<Self> {
        let (location, after) = rest.split_once(": executing ")?;
        let after = after.strip_prefix('"')?;
        // An escaped quote ends the name too, as it does in Helm.
        let (name, after) = after.split_once('"')?;
        let (node, what) = after.strip_prefix(" at <")?.split_once(">: ")?;
        Some(Self {
            location: location.to_owned(),
            executing: format!("executing \"{name}\" at <{node}>:"),
            message: until_next(what).to_owned(),
        })
    }
}

fn until_next(message: &str) -> &str {
    message.find(" template:").map_or(message, |index| &message[..index])
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.location.is_empty() {
            write!(f, "{}\n  ", self.location)?;
        }
        if !self.executing.is_empty() {
            write!(f, "{}\n    ", self.executing)?;
        }
        if !self.message.is_empty() {
            writeln!(f, "{}", self.message)?;
        }
        Ok(())
    }
}
