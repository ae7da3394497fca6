//! Failures while templates are parsed and run, with their places and what they wrap.

use crate::go::quote;
use std::fmt;

/// A place in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Path of the file in the chart, such as `cilium/templates/cilium-agent/daemonset.yaml`; `gotpl` for a text that
    /// `tpl` renders.
    pub template: String,
    /// Line, from 1.
    pub line: usize,
    /// Bytes before the place in its line; unknown where a template cannot be parsed.
    pub column: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.template, self.line)?;
        self.column.map_or(Ok(()), |column| write!(f, ":{column}"))
    }
}

/// A template that cannot be parsed: `template: NAME:LINE: WHAT`, as Go words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParseError {
    pub(crate) place: Place,
    pub(crate) what: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template: {}: {}", self.place, self.what)
    }
}

/// An error at run time with the ones that it wraps, outermost first. Its text is Go's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    /// What is wrong, without the place.
    pub(crate) what: String,
    /// Where, if the evaluator or the parser found it; functions do not know where they are called. Boxed, because the
    /// evaluator's many levels of calls hold room for it.
    found: Option<Box<Found>>,
    pub(crate) cause: Option<Box<Failure>>,
    /// Whether a limit of this engine was met. Such a failure is passed on as it is: wrapped at each of thousands of
    /// levels, its text would take gigabytes.
    pub(crate) is_limit: bool,
}

/// Where a failure was found.
#[derive(Debug, Clone, PartialEq)]
struct Found {
    place: Place,
    /// The named template and the node that the evaluator was at; none for the parser.
    executing: Option<(String, String)>,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), found: None, cause: None, is_limit: false }
    }

    /// A limit of this engine was met.
    pub(crate) fn limit(what: String) -> Self {
        Self { is_limit: true, ..Self::new(what) }
    }

    /// A failure of the evaluator at `node` in the template `name`.
    pub(crate) fn executing(place: Place, name: &str, node: String, what: String, cause: Option<Self>) -> Self {
        let found = Found { place, executing: Some((name.to_owned(), node)) };
        Self { what, found: Some(Box::new(found)), cause: cause.map(Box::new), is_limit: false }
    }

    pub(crate) fn wrap(self, what: impl Into<String>) -> Self {
        Self { cause: Some(Box::new(self)), ..Self::new(what) }
    }

    /// Whether the evaluator raised it, with template, line and column, rather than a function.
    pub(crate) fn is_execution(&self) -> bool {
        self.found.as_ref().is_some_and(|found| found.executing.is_some())
    }

    /// Where it was found, if not by a function.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.found.as_ref().map(|found| &found.place)
    }

    /// This failure and what it wraps, outermost first.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |failure| failure.cause.as_deref())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(found) = &self.found {
            write!(f, "template: {}: ", found.place)?;
            if let Some((name, node)) = &found.executing {
                write!(f, "executing {} at <{node}>: ", quote(name))?;
            }
        }
        f.write_str(&self.what)
    }
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        Self { found: Some(Box::new(Found { place: error.place, executing: None })), ..Self::new(error.what) }
    }
}

impl From<String> for Failure {
    fn from(what: String) -> Self {
        Self::new(what)
    }
}

impl From<&str> for Failure {
    fn from(what: &str) -> Self {
        Self::new(what)
    }
}
