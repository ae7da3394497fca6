//! What a function of the template language is: its Go signature, its arguments and its result.

use super::failure::Failure;
use super::value::{Entries, Map, MapKind, Object, Value};
use crate::lookup::Lookup;
use std::rc::Rc;

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

impl Type {
    /// Whether a value can be passed as this type.
    pub(crate) fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Any | Self::Reflect => true,
            Self::Text => matches!(value, Value::Text(_)),
            Self::Bool => matches!(value, Value::Bool(_)),
            Self::Int => value.type_name() == Some("int"),
            Self::Uint32 => false,
            Self::Float => matches!(value, Value::Float(_)),
            Self::Map => matches!(value, Value::Map(map) if matches!(map.kind, MapKind::Any | MapKind::Values)),
            Self::List => value.type_name() == Some("[]interface {}"),
            Self::Time => matches!(value, Value::Object(object) if matches!(**object, Object::Time(_))),
            Self::Version => value.type_name() == Some("*semver.Version"),
            Self::Certificate => {
                matches!(value, Value::Object(object) if matches!(**object, Object::Certificate { .. }))
            }
        }
    }

    pub(crate) fn can_be_nil(self) -> bool {
        matches!(self, Self::Any | Self::Reflect | Self::Map | Self::List | Self::Version)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Reflect => "reflect.Value",
            Self::Text => "string",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint32 => "uint32",
            Self::Float => "float64",
            Self::Map => "map[string]interface {}",
            Self::List => "[]interface {}",
            Self::Time => "time.Time",
            Self::Version => "*semver.Version",
            Self::Certificate => "sprig.certificate",
        }
    }
}

/// A function or a method. For a method the receiver comes first in the arguments and is not among the parameters.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static [Type],
    /// Type of further arguments, if any number of them may follow.
    pub(crate) rest: Option<Type>,
    pub(crate) call: Call,
}

/// What a function runs.
#[derive(Clone, Copy)]
pub(crate) enum Call {
    /// Computes its result from the arguments alone.
    Pure(fn(Arguments) -> Outcome),
    /// Renders other templates, or asks the cluster.
    Rendering(fn(&mut dyn Rendering, Arguments) -> Outcome),
}

/// What [`Call::Rendering`] may use in addition to its arguments. The evaluator is behind it, so that functions do not depend on
/// the evaluator that calls them.
pub(crate) trait Rendering {
    /// `include`: the output of a named template.
    fn include(&mut self, name: &str, data: Value) -> Result<String, Failure>;

    /// `tpl`: the output of a text as a template, which can use the caller's templates.
    fn evaluate(&mut self, text: &str, data: Value) -> Result<String, Failure>;

    /// The cluster that `lookup` looks into.
    fn cluster(&self) -> &dyn Lookup;
}

pub(crate) type Outcome = Result<Value, Failure>;

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Function {
    pub(crate) const fn new(name: &'static str, parameters: &'static [Type], call: fn(Arguments) -> Outcome) -> Self {
        Self { name, parameters, rest: None, call: Call::Pure(call) }
    }

    pub(crate) const fn rendering(
        name: &'static str,
        parameters: &'static [Type],
        call: fn(&mut dyn Rendering, Arguments) -> Outcome,
    ) -> Self {
        Self { name, parameters, rest: None, call: Call::Rendering(call) }
    }

    pub(crate) const fn variadic(
        name: &'static str,
        parameters: &'static [Type],
        rest: Type,
        call: fn(Arguments) -> Outcome,
    ) -> Self {
        Self { name, parameters, rest: Some(rest), call: Call::Pure(call) }
    }
}

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

/// Go's message when a nil interface is used as if it held a value.
pub(crate) const NIL_DEREFERENCE: &str = "runtime error: invalid memory address or nil pointer dereference";
/// Go's message when the type of a missing value is requested.
pub(crate) const ZERO_VALUE: &str = "reflect: call of reflect.Value.Type on zero Value";
