//! The functions that templates can call: Go's built-in ones, sprig's and Helm's.
//!
//! Each file holds one group with its table. A table row gives the Go signature, so that the evaluator can check and
//! convert arguments before the call, with Go's messages.

mod builtin;
mod casts;
mod certificate;
mod compare;
mod crypto;
mod dates;
mod encoding;
mod helm;
mod list;
mod map;
mod math;
mod merge;
mod password;
mod path;
mod random;
mod regular;
mod rsa_key;
mod text;
mod toml;
mod types;
mod url;
mod versions;
mod words;

use super::engine::Context;
use super::failure::Failure;
use super::value::{Entries, Map, Value};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::LazyLock;

pub(crate) use encoding::{files_as_config, files_as_secrets, values_as_yaml};
pub(crate) use path::{base, clean};

/// A parameter's Go type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Any,
    /// `reflect.Value`: like `Any`.
    Reflect,
    Text,
    Bool,
    Int,
    Uint32,
    Float,
    /// `map[string]interface{}`
    Map,
    /// `[]interface{}`
    List,
    Time,
    Version,
    Certificate,
}

/// A function or a method. For a method the receiver comes first in the arguments and is not among the parameters.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static [Type],
    /// Type of further arguments, if any number of them may follow.
    pub(crate) rest: Option<Type>,
    pub(crate) call: fn(&mut Context<'_, '_>, Arguments) -> Outcome,
}

pub(crate) type Outcome = Result<Value, Failure>;

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Function {
    pub(crate) const fn new(
        name: &'static str,
        parameters: &'static [Type],
        call: fn(&mut Context<'_, '_>, Arguments) -> Outcome,
    ) -> Self {
        Self { name, parameters, rest: None, call }
    }

    pub(crate) const fn variadic(
        name: &'static str,
        parameters: &'static [Type],
        rest: Type,
        call: fn(&mut Context<'_, '_>, Arguments) -> Outcome,
    ) -> Self {
        Self { name, parameters, rest: Some(rest), call }
    }
}

/// Finds a function by name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    static ALL: LazyLock<HashMap<&'static str, &'static Function>> = LazyLock::new(|| {
        TABLES.iter().flat_map(|table| table.iter()).map(|function| (function.name, function)).collect()
    });
    ALL.get(name).copied()
}

/// Later tables replace earlier ones, as Helm's functions replace sprig's and sprig's replace Go's.
const TABLES: &[&[Function]] = &[
    builtin::TABLE,
    compare::TABLE,
    casts::TABLE,
    certificate::TABLE,
    crypto::TABLE,
    dates::TABLE,
    encoding::TABLE,
    list::TABLE,
    map::TABLE,
    math::TABLE,
    merge::TABLE,
    password::TABLE,
    path::TABLE,
    random::TABLE,
    regular::TABLE,
    text::TABLE,
    toml::TABLE,
    types::TABLE,
    url::TABLE,
    versions::TABLE,
    words::TABLE,
    helm::TABLE,
];

/// Arguments whose number and types the evaluator has checked against the table row.
pub(crate) struct Arguments(Vec<Value>);

impl From<Vec<Value>> for Arguments {
    fn from(values: Vec<Value>) -> Self {
        Self(values)
    }
}

impl Arguments {
    pub(crate) fn value(&self, index: usize) -> &Value {
        self.0.get(index).unwrap_or(&Value::Nil)
    }

    /// A string; empty where the argument is missing.
    pub(crate) fn text(&self, index: usize) -> Rc<str> {
        match self.value(index) {
            Value::Text(text) => Rc::clone(text),
            _ => Rc::from(""),
        }
    }

    pub(crate) fn int(&self, index: usize) -> i64 {
        match self.value(index) {
            Value::Int(number, _) => *number,
            _ => 0,
        }
    }

    pub(crate) fn float(&self, index: usize) -> f64 {
        match self.value(index) {
            Value::Float(number) => *number,
            _ => 0.0,
        }
    }

    pub(crate) fn bool(&self, index: usize) -> bool {
        matches!(self.value(index), Value::Bool(true))
    }

    /// A map; `None` where it is nil, which reads as empty and cannot be written.
    pub(crate) fn map(&self, index: usize) -> Option<&Map> {
        match self.value(index) {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// A copy of a map's entries; empty where it is nil.
    pub(crate) fn entries(&self, index: usize) -> Entries {
        self.map(index).map(|map| map.entries.borrow().clone()).unwrap_or_default()
    }

    pub(crate) fn rest(&self, from: usize) -> &[Value] {
        self.0.get(from..).unwrap_or_default()
    }

    pub(crate) fn all(&self) -> &[Value] {
        &self.0
    }
}

/// What Go says where a nil interface is used as if it held something.
pub(crate) const NIL_DEREFERENCE: &str = "runtime error: invalid memory address or nil pointer dereference";
/// What Go says where the type of no value is asked for.
pub(crate) const ZERO_VALUE: &str = "reflect: call of reflect.Value.Type on zero Value";
