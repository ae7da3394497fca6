//! Messages for the person who runs Terraform: errors and warnings, each built from its parts.
//!
//! A message says what could not be done, exactly what went wrong, what is left behind, and what to do. The parts are
//! kept apart until the message is sent, so that whoever knows more (what exists by now, which argument helps) adds it
//! to its part instead of patching a text.
//!
//! ```
//! use declare::diagnostic::Diagnostic;
//!
//! let refused = Diagnostic::error("Could not create the server", "Region `x` answered 503 to request `7f`.");
//! let whole = refused.left("The disk `d-1` exists and is recorded in state.").remedy("Apply again.").at("zone");
//! assert_eq!(
//!     whole.detail(),
//!     "Region `x` answered 503 to request `7f`.\n\nThe disk `d-1` exists and is recorded in state.\n\nApply again."
//! );
//! ```

use std::any::Any;
use std::fmt::Display;

use crate::path::Path;

/// Whether the work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The work was not done.
    Error,
    /// The work was done, but the person should know this.
    Warning,
}

/// One message for the person who runs Terraform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What could not be done, without values and without a final period.
    pub summary: String,
    /// Exactly what went wrong, with identity: object, cluster, region, status, request id.
    pub cause: String,
    /// What exists or has changed nevertheless, and where it is recorded; empty if there is nothing to say.
    pub left: String,
    /// What to do, in the imperative; empty if there is nothing to say.
    pub remedy: String,
    /// The attribute at fault; the root when it is none in particular.
    pub at: Path,
    /// Whether it is an error only because the provider's configuration is not known yet. A host that can defer then does
    /// so, and shows no error.
    pub awaits_configuration: bool,
}

impl Diagnostic {
    /// An error that no single attribute is to blame for.
    pub fn error(summary: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            summary: summary.into(),
            cause: cause.into(),
            left: String::new(),
            remedy: String::new(),
            at: Path::root(),
            awaits_configuration: false,
        }
    }

    /// A warning.
    pub fn warning(summary: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(summary, cause) }
    }

    /// A bug in the provider itself. It asks for a report.
    pub fn bug(what: impl Display) -> Self {
        Self::error("Provider bug", what.to_string()).remedy(
            "This is a fault of the provider, not of your configuration. Please report it with the steps that lead here.",
        )
    }

    /// Adds what is left behind. An empty text adds nothing.
    #[must_use]
    pub fn left(mut self, what: impl AsRef<str>) -> Self {
        add(&mut self.left, what.as_ref());
        self
    }

    /// Adds what to do. An empty text adds nothing.
    #[must_use]
    pub fn remedy(mut self, what: impl AsRef<str>) -> Self {
        add(&mut self.remedy, what.as_ref());
        self
    }

    /// The same error, which the provider's unknown configuration alone causes.
    #[must_use]
    pub fn awaiting_configuration(mut self) -> Self {
        self.awaits_configuration = true;
        self
    }

    /// The same message on an attribute.
    #[must_use]
    pub fn at(mut self, path: impl Into<Path>) -> Self {
        self.at = path.into();
        self
    }

    /// Everything below the summary: the parts in their order, a paragraph each.
    pub fn detail(&self) -> String {
        let parts = [&self.cause, &self.left, &self.remedy];
        parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join("\n\n")
    }

    /// Every text of the message, for what has to look at or change all of them.
    pub(crate) fn texts_mut(&mut self) -> [&mut String; 4] {
        [&mut self.summary, &mut self.cause, &mut self.left, &mut self.remedy]
    }
}

/// Adds a sentence to a part.
fn add(part: &mut String, what: &str) {
    if !part.is_empty() && !what.is_empty() {
        part.push(' ');
    }
    part.push_str(what);
}

/// An error's text as a sentence of a message: with a capital letter at the beginning and a period at the end. Names
/// such as `` `x` `` and `ssm:CreateActivation` keep their first letter.
pub fn sentence(text: &str) -> String {
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    let first = text.split_whitespace().next().unwrap_or_default();
    if first.contains([':', '`']) {
        return format!("{text}{end}");
    }
    let mut letters = text.chars();
    let capital: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{capital}{}{end}", letters.as_str())
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

    /// Takes the errors away if the provider's unknown configuration alone causes all of them, and there is at least one.
    /// `true`: it did.
    pub fn take_awaiting(&mut self) -> bool {
        let is_error = |it: &Diagnostic| it.severity == Severity::Error;
        let only_awaits = self.0.iter().filter(|it| is_error(it)).all(|it| it.awaits_configuration);
        let takes = self.has_errors() && only_awaits;
        if takes {
            self.0.retain(|it| !is_error(it));
        }
        takes
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Adds to the first error what is left behind: the first is what ended the work.
    #[must_use]
    pub fn left(self, what: impl AsRef<str>) -> Self {
        self.with_first_error(|error| error.left(what))
    }

    /// Adds to the first error what to do.
    #[must_use]
    pub fn remedy(self, what: impl AsRef<str>) -> Self {
        self.with_first_error(|error| error.remedy(what))
    }

    /// Changes the first error.
    #[must_use]
    pub fn with_first_error(mut self, change: impl FnOnce(Diagnostic) -> Diagnostic) -> Self {
        if let Some(at) = self.0.iter().position(|diagnostic| diagnostic.severity == Severity::Error) {
            let changed = change(self.0.remove(at));
            self.0.insert(at, changed);
        }
        self
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

/// The outcome of work that explains itself to a person.
pub type Result<T> = std::result::Result<T, Diagnostics>;

/// The message of a panic.
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

    #[test]
    fn parts_are_joined_in_their_order_however_they_were_added() {
        let message = Diagnostic::error("Could not do it", "It broke.")
            .remedy("Apply again.")
            .left("A exists.")
            .left("")
            .left("B exists.")
            .remedy("Or do not.");
        assert_eq!(message.detail(), "It broke.\n\nA exists. B exists.\n\nApply again. Or do not.");
        assert_eq!(Diagnostic::error("Could not do it", "It broke.").detail(), "It broke.");
    }

    #[test]
    fn more_is_added_to_the_error_that_ended_the_work() {
        let messages = Diagnostics(vec![
            Diagnostic::warning("Beware", "It is old."),
            Diagnostic::error("Could not do it", "It broke."),
            Diagnostic::error("Could not undo it", "It broke too."),
        ])
        .left("A exists.");
        let details: Vec<_> = messages.0.iter().map(Diagnostic::detail).collect();
        assert_eq!(details, ["It is old.", "It broke.\n\nA exists.", "It broke too."]);
        assert_eq!(Diagnostics::new().remedy("Apply again."), Diagnostics::new());
    }

    #[test]
    fn sentences() {
        for (text, expected) in [
            ("could not connect", "Could not connect."),
            ("Already one.", "Already one."),
            ("ärger", "Ärger."),
            ("`name` is empty", "`name` is empty."),
            ("ssm:CreateActivation was denied", "ssm:CreateActivation was denied."),
            ("is it?", "Is it?"),
            ("", "."),
        ] {
            assert_eq!(sentence(text), expected);
        }
    }
}
