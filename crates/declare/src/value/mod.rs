//! Terraform's values and types, free of any wire format.
//!
//! A [`Value`] says nothing about its type beyond its shape: a `List` may be a list or a tuple, a `Map` a map or an
//! object. Whoever encodes or checks it brings the [`Type`].

pub mod json;
mod number;
mod ty;

use std::collections::BTreeMap;

pub use number::{InvalidNumber, Number};
pub use ty::{InvalidType, Type};

/// A value as Terraform knows them: null and unknown are values too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Absent.
    Null,
    /// Known only after apply; the refinement is what is promised about it.
    Unknown(Refinement),
    /// True or false.
    Bool(bool),
    /// An arbitrarily exact decimal number.
    Number(Number),
    /// Text.
    String(String),
    /// The elements of a list or tuple, in order.
    List(Vec<Value>),
    /// The elements of a set, in canonical order: build it with [`Value::set`], so that equal sets compare equal.
    Set(Vec<Value>),
    /// The elements of a map, or the attributes of an object.
    Map(BTreeMap<String, Value>),
    /// A value whose type travels with it.
    Dynamic(Box<(Type, Value)>),
}

/// What is promised about an unknown value. Every promise must hold once the value is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refinement {
    /// `Some(false)`: certainly not null; `Some(true)`: certainly null; `None`: either.
    pub null: Option<bool>,
    /// What the text begins with.
    pub prefix: Option<String>,
    /// The least number, and whether it is itself allowed.
    pub number_min: Option<(Number, bool)>,
    /// The greatest number, and whether it is itself allowed.
    pub number_max: Option<(Number, bool)>,
    /// The least count of elements.
    pub length_min: Option<u64>,
    /// The greatest count of elements.
    pub length_max: Option<u64>,
}

impl Refinement {
    /// Nothing is promised.
    pub fn none() -> Self {
        Self::default()
    }

    /// The value will not be null.
    pub fn not_null() -> Self {
        Self { null: Some(false), ..Self::default() }
    }
}

impl Value {
    /// An unknown value of which nothing is promised.
    pub fn unknown() -> Self {
        Self::Unknown(Refinement::none())
    }

    /// A set: elements in canonical order, known duplicates removed. Unknown elements are all kept, because they may
    /// turn out to differ.
    pub fn set(elements: impl IntoIterator<Item = Value>) -> Self {
        let mut elements: Vec<Value> = elements.into_iter().collect();
        elements.sort();
        elements.dedup_by(|a, b| a == b && a.is_wholly_known());
        Self::Set(elements)
    }

    /// An object or map from name and value pairs.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// Whether the value is null, also inside a dynamic wrapper.
    pub fn is_null(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Dynamic(inner) => inner.1.is_null(),
            _ => false,
        }
    }

    /// Whether the value itself is unknown; its elements may still be.
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Unknown(_) => true,
            Self::Dynamic(inner) => inner.1.is_unknown(),
            _ => false,
        }
    }

    /// Whether nothing in the value is unknown.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Self::Unknown(_) => false,
            Self::List(elements) | Self::Set(elements) => elements.iter().all(Self::is_wholly_known),
            Self::Map(entries) => entries.values().all(Self::is_wholly_known),
            Self::Dynamic(inner) => inner.1.is_wholly_known(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => true,
        }
    }

    /// The value with null instead of everything unknown.
    #[must_use]
    pub fn known_or_null(self) -> Self {
        match self {
            Self::Unknown(_) => Self::Null,
            Self::List(elements) => Self::List(elements.into_iter().map(Self::known_or_null).collect()),
            Self::Set(elements) => Self::set(elements.into_iter().map(Self::known_or_null)),
            Self::Map(entries) => Self::map(entries.into_iter().map(|(name, value)| (name, value.known_or_null()))),
            Self::Dynamic(inner) => {
                let (ty, value) = *inner;
                Self::Dynamic(Box::new((ty, value.known_or_null())))
            }
            other => other,
        }
    }

    /// The attribute or key of that name; `None` when this is no object or map, or has no such entry.
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Map(entries) => entries.get(name),
            Self::Dynamic(inner) => inner.1.attribute(name),
            _ => None,
        }
    }

    /// The text of a known string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Dynamic(inner) => inner.1.as_str(),
            _ => None,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(Number::from(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_compare_without_order_and_repetition() {
        let one = Value::set([Value::from("b"), Value::from("a"), Value::from("b")]);
        let other = Value::set([Value::from("a"), Value::from("b")]);
        assert_eq!(one, other);
    }

    #[test]
    fn unknown_elements_of_a_set_are_not_merged() {
        let Value::Set(elements) = Value::set([Value::unknown(), Value::unknown()]) else { panic!("a set") };
        assert_eq!(elements.len(), 2);
    }
}
