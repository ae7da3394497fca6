//! From Terraform's values to the trees that the `node` room reads, and from its faults to errors of a function.

use framework::server::FunctionError;
use framework::value::Value;

use crate::node::{Faults, Tree};

/// The value as a tree; unknown parts are values that come later.
pub(super) fn tree(value: &Value) -> Tree {
    match value {
        Value::Null => Tree::Null,
        Value::Unknown(_) => Tree::Later,
        Value::Bool(value) => Tree::Bool(*value),
        Value::Number(number) => Tree::Number(number.to_string()),
        Value::String(text) => Tree::Text(text.clone()),
        Value::List(elements) | Value::Set(elements) => Tree::List(elements.iter().map(tree).collect()),
        Value::Map(entries) => Tree::Map(entries.iter().map(|(key, value)| (key.clone(), tree(value))).collect()),
        Value::Dynamic(inner) => tree(&inner.1),
    }
}

/// Every fault of an argument, one a line. The last has no period: Terraform puts one behind the whole.
pub(super) fn refused(argument: i64, faults: &Faults) -> FunctionError {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    FunctionError::argument(argument, lines.join(".\n"))
}
