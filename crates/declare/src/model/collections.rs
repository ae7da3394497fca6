//! Fields of many values, and fields that may be left out.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostics;
use crate::model::{Field, collection, mismatch};
use crate::path::{Path, Step};
use crate::schema::{Kind, Nesting};
use crate::value::{Type, Value};

impl<T: Field> Field for Option<T> {
    const OPTIONAL: bool = true;
    const SENSITIVE: bool = T::SENSITIVE;
    const WRITE_ONLY: bool = T::WRITE_ONLY;

    fn kind() -> Kind {
        T::kind()
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::decode(value, at, faults).map(Some) }
    }

    fn encode(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::encode)
    }

    fn equivalent(one: &Value, other: &Value) -> bool {
        T::equivalent(one, other)
    }
}

impl<T: Field> Field for Box<T> {
    const OPTIONAL: bool = T::OPTIONAL;
    const SENSITIVE: bool = T::SENSITIVE;
    const WRITE_ONLY: bool = T::WRITE_ONLY;

    fn kind() -> Kind {
        T::kind()
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        T::decode(value, at, faults).map(Self::new)
    }

    fn encode(&self) -> Value {
        T::encode(self)
    }

    fn equivalent(one: &Value, other: &Value) -> bool {
        T::equivalent(one, other)
    }
}

impl<T: Field> Field for Vec<T> {
    const SENSITIVE: bool = T::SENSITIVE;

    fn kind() -> Kind {
        collection(T::kind(), Nesting::List, Type::list)
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        match value {
            Value::Unknown(_) => None,
            Value::List(elements) | Value::Set(elements) => {
                decode_all((0i64..).map(Step::Index).zip(elements), at, faults)
            }
            _ => mismatch("a list", at, faults),
        }
    }

    fn encode(&self) -> Value {
        Value::List(self.iter().map(T::encode).collect())
    }

    fn equivalent(one: &Value, other: &Value) -> bool {
        match (one, other) {
            (Value::List(ones), Value::List(others)) => {
                ones.len() == others.len() && ones.iter().zip(others).all(|(one, other)| T::equivalent(one, other))
            }
            _ => one == other,
        }
    }
}

impl<T: Field + Ord> Field for BTreeSet<T> {
    const SENSITIVE: bool = T::SENSITIVE;

    fn kind() -> Kind {
        collection(T::kind(), Nesting::Set, Type::set)
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        match value {
            Value::Unknown(_) => None,
            Value::List(elements) | Value::Set(elements) => {
                let steps = elements.iter().map(|element| Step::Element(Box::new(element.clone())));
                decode_all(steps.zip(elements), at, faults).map(|elements: Vec<T>| elements.into_iter().collect())
            }
            _ => mismatch("a set", at, faults),
        }
    }

    fn encode(&self) -> Value {
        Value::set(self.iter().map(T::encode))
    }

    fn equivalent(one: &Value, other: &Value) -> bool {
        match (one, other) {
            (Value::Set(ones), Value::Set(others)) => {
                let each_in = |ones: &[Value], others: &[Value]| {
                    ones.iter().all(|one| others.iter().any(|other| T::equivalent(one, other)))
                };
                ones.len() == others.len() && each_in(ones, others) && each_in(others, ones)
            }
            _ => one == other,
        }
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    const SENSITIVE: bool = T::SENSITIVE;

    fn kind() -> Kind {
        collection(T::kind(), Nesting::Map, Type::map)
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        match value {
            Value::Unknown(_) => None,
            Value::Map(entries) => {
                let steps = entries.keys().map(|key| Step::Key(key.clone()));
                let values: Vec<T> = decode_all(steps.zip(entries.values()), at, faults)?;
                Some(entries.keys().cloned().zip(values).collect())
            }
            _ => mismatch("a map", at, faults),
        }
    }

    fn encode(&self) -> Value {
        Value::Map(self.iter().map(|(key, value)| (key.clone(), value.encode())).collect())
    }

    fn equivalent(one: &Value, other: &Value) -> bool {
        match (one, other) {
            (Value::Map(ones), Value::Map(others)) => {
                ones.len() == others.len()
                    && ones.iter().all(|(key, one)| others.get(key).is_some_and(|other| T::equivalent(one, other)))
            }
            _ => one == other,
        }
    }
}

/// Reads every element, so that the faults of all of them are found, not only the first.
fn decode_all<'a, T: Field>(
    elements: impl Iterator<Item = (Step, &'a Value)>,
    at: &Path,
    faults: &mut Diagnostics,
) -> Option<Vec<T>> {
    let decoded: Vec<Option<T>> = elements.map(|(step, element)| T::decode(element, &at.then(step), faults)).collect();
    decoded.into_iter().collect()
}
