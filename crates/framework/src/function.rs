//! Functions: pure, positional, without clients.

use crate::diagnostic::Diagnostics;
use crate::model::{Field, Model};
use crate::path::Path;
use crate::permission::Declared;
use crate::schema::Parameter;
use crate::value::Value;

/// A function of the provider.
pub trait Function: Sized + Send + Sync + 'static {
    /// The positional parameters, in the order of the fields. An `Option` parameter takes null.
    type Parameters: Model;
    /// What each of any number of further arguments is; [`NoVariadic`] for none.
    type Variadic: Variadic;
    /// What it returns.
    type Output: Field;

    /// The name that follows `provider::…::`.
    const NAME: &'static str;
    /// One line.
    const SUMMARY: &'static str;
    /// The whole description, in Markdown.
    const DESCRIPTION: &'static str;
    /// The same where parts of it are written at run time, such as a list of attributes.
    fn description() -> String {
        Self::DESCRIPTION.to_owned()
    }
    /// The function wants to see arguments of which parts are unknown, to check what is known of them.
    const SEES_UNKNOWN: bool = false;

    /// Computes the result; `Ok(None)` when it depends on what is unknown.
    ///
    /// # Errors
    /// What is wrong with which argument.
    fn call(parameters: Self::Parameters, variadic: Vec<Self::Variadic>)
    -> Result<Option<Self::Output>, FunctionError>;

    /// The same for a function about the provider itself, which needs to know what each of its types must be allowed to
    /// do.
    ///
    /// # Errors
    /// What is wrong with which argument.
    fn call_among(
        parameters: Self::Parameters,
        variadic: Vec<Self::Variadic>,
        _declared: &[Declared],
    ) -> Result<Option<Self::Output>, FunctionError> {
        Self::call(parameters, variadic)
    }
}

/// The type of further arguments.
pub trait Variadic: Sized {
    /// The parameter; `None` when there are none.
    fn parameter() -> Option<Parameter>;
    /// Reads one argument.
    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self>;
}

/// No further arguments.
#[derive(Clone, Copy, Debug)]
pub enum NoVariadic {}

impl Variadic for NoVariadic {
    fn parameter() -> Option<Parameter> {
        None
    }

    fn decode(_: &Value, _: &Path, _: &mut Diagnostics) -> Option<Self> {
        None
    }
}

/// A function failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// What went wrong.
    pub text: String,
    /// The position of the argument at fault, counted from zero; variadic ones count on.
    pub argument: Option<i64>,
}

impl FunctionError {
    /// An error that no single argument is to blame for.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), argument: None }
    }

    /// An error of the argument at `position`, counted from zero.
    pub fn argument(position: i64, text: impl Into<String>) -> Self {
        Self { text: text.into(), argument: Some(position) }
    }
}
