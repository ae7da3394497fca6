//! Loosely typed input: HCL as written by the user, before validation.
//!
//! A [`Tree`] is a Terraform [`Value`] without types, refinements and sets, and without a way to print it, since any
//! string may be a secret. This module converts a tree to typed values and collects errors in it as [`Fault`]s.

use std::collections::BTreeMap;
use std::fmt;

pub use declare::path::{Path, Step};
use declare::value::Value;

/// One value of unknown type.
#[derive(Clone, PartialEq, Eq)]
pub enum Tree {
    /// Null: equivalent to not set.
    Null,
    /// Unknown until apply. Passes every check that needs the value.
    Later,
    /// True or false.
    Bool(bool),
    /// A number, as decimal text: Terraform's numbers are exact and do not fit a float.
    Number(String),
    /// A string.
    Text(String),
    /// A list, set or tuple.
    List(Vec<Tree>),
    /// An object or a map.
    Map(BTreeMap<String, Tree>),
}

/// Converts a Terraform value; unknown parts become `Later`.
impl From<&Value> for Tree {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Unknown(_) => Self::Later,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.to_string()),
            Value::String(text) => Self::Text(text.clone()),
            Value::List(elements) | Value::Set(elements) => Self::List(elements.iter().map(Self::from).collect()),
            Value::Map(entries) => {
                Self::Map(entries.iter().map(|(key, value)| (key.clone(), Self::from(value))).collect())
            }
            Value::Dynamic(inner) => Self::from(&inner.1),
        }
    }
}

impl Tree {
    /// The same object without one attribute.
    pub(crate) fn without(&self, name: &str) -> Self {
        match self {
            Self::Map(entries) => Self::Map(
                entries
                    .iter()
                    .filter(|(key, _)| *key != name)
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect(),
            ),
            other => other.clone(),
        }
    }

    /// The kind of value in the user's terms: `a string`, `an object`.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Later => "a value known after apply",
            Self::Bool(_) => "a bool",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
        }
    }
}

/// Shows the structure and attribute names, never a value.
impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Later => f.write_str("Later"),
            Self::Bool(_) => f.write_str("Bool(…)"),
            Self::Number(_) => f.write_str("Number(…)"),
            Self::Text(_) => f.write_str("Text(…)"),
            Self::List(items) => f.debug_list().entries(items).finish(),
            Self::Map(entries) => f.debug_map().entries(entries).finish(),
        }
    }
}

/// One error in the input, and its position.
///
/// Displayed as `hybrid.ssm.activation_id: must be …`. A message never contains a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Path from the root; empty for the whole input.
    pub path: Path,
    /// What is wrong and how to fix it, starting in lowercase and without a final period.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_root() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// All errors in one input, in the order of its declaration. Never empty.
///
/// Displayed as one line per fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// `None` if there are no faults.
    pub(crate) fn of(faults: Vec<Fault>) -> Option<Self> {
        (!faults.is_empty()).then_some(Self(faults))
    }

    /// Converts the faults of an attribute to faults of the object that contains it.
    pub(crate) fn below(mut self, name: &str) -> Self {
        for fault in &mut self.0 {
            fault.path.0.insert(0, Step::Attribute(name.to_owned()));
        }
        self
    }

    /// The faults one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Input without faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed<T> {
    /// Everything is known.
    Ready(T),
    /// Valid as far as it is known; some values are known only at apply.
    Pending,
}

impl<T> Parsed<T> {
    /// The same with another value.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Parsed<U> {
        match self {
            Self::Ready(value) => Parsed::Ready(change(value)),
            Self::Pending => Parsed::Pending,
        }
    }
}

#[cfg(test)]
pub(crate) mod written {
    //! Trees for tests, written as JSON.

    use super::Tree;
    use serde_json::Value;

    /// Represents a value that is known after apply.
    pub(crate) const LATER: &str = "\u{0}later";

    pub(crate) fn tree(value: Value) -> Tree {
        match value {
            Value::Null => Tree::Null,
            Value::Bool(value) => Tree::Bool(value),
            Value::Number(value) => Tree::Number(value.to_string()),
            Value::String(value) if value == LATER => Tree::Later,
            Value::String(value) => Tree::Text(value),
            Value::Array(items) => Tree::List(items.into_iter().map(tree).collect()),
            Value::Object(entries) => Tree::Map(entries.into_iter().map(|(key, value)| (key, tree(value))).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_its_place_as_hcl_does() {
        let fault = Fault {
            path: Path::attribute("kubelet").dot("flags").then(Step::Index(2)),
            message: "must be a string".into(),
        };
        assert_eq!(fault.to_string(), "kubelet.flags[2]: must be a string");
        let fault = Fault { path: Path::attribute("config").then(Step::Key("a b".into())), message: "is wrong".into() };
        assert_eq!(fault.to_string(), "config[\"a b\"]: is wrong");
        assert_eq!(Fault { path: Path::root(), message: "is wrong".into() }.to_string(), "is wrong");
    }

    #[test]
    fn no_value_is_ever_printed() {
        let tree = written::tree(serde_json::json!({"code": "abcdefgh", "list": ["abcdefgh", 77, true]}));
        let printed = format!("{tree:?} {tree:#?}");
        assert!(printed.contains("code"), "{printed}");
        for value in ["abcdefgh", "77", "true"] {
            assert!(!printed.contains(value), "{printed}");
        }
    }
}
