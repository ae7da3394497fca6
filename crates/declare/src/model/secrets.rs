//! Fields that must not be seen, and fields that must not be kept.

use std::fmt;

use crate::diagnostic::Diagnostics;
use crate::mask::{each_text, mask_value};
use crate::model::Field;
use crate::path::Path;
use crate::schema::Kind;
use crate::value::Value;

/// A value that is sensitive in the schema and cannot be printed: `Debug` shows `[sensitive]`, and there is no
/// `Display`. From the moment that there is one, its texts are also masked in logs, diagnostics and panics, wherever
/// they got there from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret<T>(T);

impl<T: Field> Secret<T> {
    /// Keeps `value` from being printed.
    pub fn new(value: T) -> Self {
        mask_value(&value.encode());
        Self(value)
    }
}

impl<T> Secret<T> {
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
        hushed(value, faults, |faults| T::decode(value, at, faults)).map(Self)
    }

    fn encode(&self) -> Value {
        let value = self.0.encode();
        mask_value(&value);
        value
    }

    fn equivalent(one: &Value, other: &Value) -> bool {
        T::equivalent(one, other)
    }
}

/// A value that is taken from the configuration at each call and never stored; it cannot be printed either.
///
/// A state has none, so two that are compared are of the same call, or one of them is not set.
#[derive(Clone, PartialEq, Eq)]
pub struct WriteOnly<T>(Option<T>);

impl<T> WriteOnly<T> {
    /// A value as a configuration would give it; `None` when it sets none.
    pub fn new(value: Option<T>) -> Self {
        Self(value)
    }

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
        if value.is_null() {
            return Some(Self(None));
        }
        hushed(value, faults, |faults| T::decode(value, at, faults)).map(|value| Self(Some(value)))
    }

    fn encode(&self) -> Value {
        Value::Null
    }
}

/// Decodes, and takes the value's texts out of whatever that says: a field's own rule may quote what it refuses.
fn hushed<T>(value: &Value, faults: &mut Diagnostics, decode: impl FnOnce(&mut Diagnostics) -> Option<T>) -> Option<T> {
    mask_value(value);
    let mut own = Diagnostics::new();
    let decoded = decode(&mut own);
    if !own.0.is_empty() {
        let mut texts = Vec::new();
        each_text(value, &mut |text| texts.push(text.to_owned()));
        texts.retain(|text| !text.is_empty());
        // The longest first: one text may be a part of another.
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        for fault in &mut own.0 {
            for text in &texts {
                for part in fault.texts_mut() {
                    *part = without(part, text);
                }
            }
        }
        faults.append(own);
    }
    decoded
}

fn without(message: &str, text: &str) -> String {
    // A very short text is part of ordinary words; there only its quotation goes.
    if text.chars().count() < 4 {
        message.replace(&format!("`{text}`"), "[sensitive]")
    } else {
        message.replace(text, "[sensitive]")
    }
}
