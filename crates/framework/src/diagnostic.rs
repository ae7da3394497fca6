//! What a person is told: errors and warnings, each with a summary, a detail and, where one is at fault, an attribute.

use std::any::Any;

use crate::path::Path;

/// How grave a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The work was not done.
    Error,
    /// The work was done, and something about it is worth knowing.
    Warning,
}

/// One message for the person who runs Terraform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What could not be done, without values and without a final period.
    pub summary: String,
    /// What went wrong with which object, what is left behind, and what to do, in this order.
    pub detail: String,
    /// The attribute at fault; the root when it is none in particular.
    pub path: Path,
}

impl Diagnostic {
    /// An error that no single attribute is to blame for.
    pub fn error(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { severity: Severity::Error, summary: summary.into(), detail: detail.into(), path: Path::root() }
    }

    /// A warning.
    pub fn warning(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(summary, detail) }
    }

    /// A fault in the provider itself, which asks for a report.
    pub fn bug(what: impl std::fmt::Display) -> Self {
        Self::error(
            "Provider bug",
            format!(
                "{what}\n\nThis is a fault of the provider, not of your configuration. Please report it with the steps that lead here."
            ),
        )
    }

    /// The same message on an attribute.
    #[must_use]
    pub fn at(mut self, path: impl Into<Path>) -> Self {
        self.path = path.into();
        self
    }
}

/// Any number of messages. As the error of a [`Result`] it holds at least one error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all of `others`.
    pub fn append(&mut self, others: Diagnostics) {
        self.0.extend(others.0);
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

/// The outcome of work that explains itself to a person.
pub type Result<T> = std::result::Result<T, Diagnostics>;

/// What a panic said.
pub fn panic_message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_either_kind() {
        for (payload, expected) in [
            (Box::new("plain") as Box<dyn Any + Send>, "plain"),
            (Box::new("formatted 3".to_owned()), "formatted 3"),
            (Box::new(3), "no message"),
        ] {
            assert_eq!(panic_message(payload.as_ref()), expected);
        }
    }
}
