//! Fields that must not be seen, and fields that must not be kept.

use std::fmt;

use crate::diagnostic::Diagnostics;
use crate::model::Field;
use crate::path::Path;
use crate::schema::Kind;
use crate::value::Value;

/// A value that is sensitive in the schema and cannot be printed: `Debug` shows `[sensitive]`, and there is no
/// `Display`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Keeps `value` from being printed.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself: the only way to it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[sensitive]")
    }
}

impl<T: Field> Field for Secret<T> {
    const OPTIONAL: bool = T::OPTIONAL;
    const SENSITIVE: bool = true;
    const WRITE_ONLY: bool = T::WRITE_ONLY;

    fn kind() -> Kind {
        T::kind()
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        T::decode(value, at, faults).map(Self)
    }

    fn encode(&self) -> Value {
        self.0.encode()
    }

    fn equivalent(one: &Value, other: &Value) -> bool {
        T::equivalent(one, other)
    }
}

/// A value that is taken from the configuration at each call and never stored; it cannot be printed either.
#[derive(Clone)]
pub struct WriteOnly<T>(Option<T>);

impl<T> WriteOnly<T> {
    /// The value as configured; `None` when it is not set.
    pub fn expose(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl<T> fmt::Debug for WriteOnly<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[write-only]")
    }
}

impl<T: Field> Field for WriteOnly<T> {
    const OPTIONAL: bool = true;
    const SENSITIVE: bool = true;
    const WRITE_ONLY: bool = true;

    fn kind() -> Kind {
        T::kind()
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        if value.is_null() { Some(Self(None)) } else { T::decode(value, at, faults).map(|value| Self(Some(value))) }
    }

    fn encode(&self) -> Value {
        Value::Null
    }
}
