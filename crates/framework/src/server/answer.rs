//! What every call has in common: how it is answered, and what goes to and fro.

use std::pin::Pin;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::value::Value;

/// A boxed future, as trait objects need it.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An answer that may come with messages. A value next to errors is what the call completed before it failed.
#[derive(Debug, Default)]
pub struct Answer<T> {
    /// What is answered.
    pub value: T,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

impl<T> Answer<T> {
    /// An answer without messages.
    pub fn of(value: T) -> Self {
        Self { value, diagnostics: Diagnostics::new() }
    }

    /// The same messages with another value.
    pub(super) fn map<U>(self, of: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { value: of(self.value), diagnostics: self.diagnostics }
    }
}

impl<T: Default> From<Diagnostics> for Answer<T> {
    fn from(diagnostics: Diagnostics) -> Self {
        Self { value: T::default(), diagnostics }
    }
}

impl<T: Default> From<Diagnostic> for Answer<T> {
    fn from(diagnostic: Diagnostic) -> Self {
        Diagnostics::from(diagnostic).into()
    }
}

/// Bytes that the host keeps for the provider with a state. Empty when there are none.
pub type Private = Vec<u8>;

/// What the host is able to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host {
    /// The host accepts deferred answers.
    pub deferral_allowed: bool,
    /// The host keeps write-only values out of plans and states.
    pub write_only_allowed: bool,
}

/// The state of one object, with what is kept with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The state; null when the object does not exist. `None` only next to errors of a call that produced no state.
    pub state: Option<Value>,
    /// Bytes kept with it.
    pub private: Private,
    /// Its identity; `None` when the type has none.
    pub identity: Option<Value>,
}

/// Where a call's events go; it is closed when the host has ended.
pub type Sink<T> = tokio::sync::mpsc::Sender<T>;

/// The message about a type name that is not registered.
pub fn unknown_type(kind: &str, name: &str) -> Diagnostic {
    Diagnostic::error("Unknown type", format!("This provider has no {kind} `{name}`."))
}
