//! Plain data as YAML and JSON carry it: what values, manifests and release objects are made of.

use std::collections::BTreeMap;

/// A document. Maps are ordered by key, as Go's encoders write them.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Data {
    /// No value.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number that was written as one. Numbers that came through JSON are [`Data::Float`], as in Helm.
    Int(i64),
    /// A whole number beyond the range of `Int`.
    Unsigned(u64),
    /// Any number.
    Float(f64),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Data>),
    /// A map with string keys.
    Map(Map),
}

/// A map of [`Data`].
pub type Map = BTreeMap<String, Data>;

/// Puts `from` over `into`: maps are merged key by key, everything else is replaced.
pub(crate) fn merge(into: &mut Map, from: Map) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Data::Map(inner)), Data::Map(value)) => merge(inner, value),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

impl Data {
    /// The map, if this is one.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The map, if this is one, to change it.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The string, if this is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The list, if this is one.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Data]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// Whether this is [`Data::Null`].
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The entry `key`, if this is a map that has it.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Data> {
        self.as_map()?.get(key)
    }

    /// The entry at the end of a chain of keys.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Data> {
        path.iter().try_fold(self, |data, key| data.entry(key))
    }

    /// The same data with every number a float, as it is after a trip through Go's JSON.
    pub(crate) fn with_floats(self) -> Self {
        match self {
            Self::Int(number) => Self::Float(number as f64),
            Self::Unsigned(number) => Self::Float(number as f64),
            Self::List(list) => Self::List(list.into_iter().map(Self::with_floats).collect()),
            Self::Map(map) => Self::Map(map.into_iter().map(|(key, value)| (key, value.with_floats())).collect()),
            other => other,
        }
    }
}

impl From<serde_json::Value> for Data {
    /// Numbers become floats, as in Go's `encoding/json`.
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => Self::Text(text),
            serde_json::Value::Array(list) => Self::List(list.into_iter().map(Self::from).collect()),
            serde_json::Value::Object(map) => {
                Self::Map(map.into_iter().map(|(key, value)| (key, Self::from(value))).collect())
            }
        }
    }
}

impl From<&Data> for serde_json::Value {
    /// A whole float becomes an integer; JSON cannot distinguish them.
    fn from(data: &Data) -> Self {
        match data {
            Data::Null => Self::Null,
            Data::Bool(value) => Self::Bool(*value),
            Data::Int(number) => (*number).into(),
            Data::Unsigned(number) => (*number).into(),
            Data::Float(number) if number.fract() == 0.0 && number.abs() < 9.0e18 => (*number as i64).into(),
            Data::Float(number) => serde_json::Number::from_f64(*number).map_or(Self::Null, Self::Number),
            Data::Text(text) => Self::String(text.clone()),
            Data::List(list) => Self::Array(list.iter().map(Self::from).collect()),
            Data::Map(map) => Self::Object(map.iter().map(|(key, value)| (key.clone(), Self::from(value))).collect()),
        }
    }
}
