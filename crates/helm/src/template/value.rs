//! Values while templates run: Go's reflect values, as far as a template can distinguish them.
//!
//! Maps are shared and mutable, because `set` in one template is seen by the next one. The Go type travels with each
//! value where `typeOf`, `kindOf`, `printf` or an error message can show it.

use super::date::Time;
use crate::data::Data;
use crate::version::Version;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Nothing: Go's invalid reflect value.
    Nil,
    Bool(bool),
    Int(i64, IntType),
    Unsigned(u64, UnsignedType),
    Float(f64),
    Text(Rc<str>),
    Bytes(Rc<[u8]>),
    List(List),
    Map(Map),
    Object(Rc<Object>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntType {
    Int,
    Int64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnsignedType {
    Uint8,
    Uint64,
}

/// A slice. Slices that Go returns as nil print like empty ones but encode to `null`.
#[derive(Debug, Clone)]
pub(crate) struct List {
    pub(crate) items: Rc<Vec<Value>>,
    pub(crate) element: Element,
    pub(crate) is_nil: bool,
}

/// Element type of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    Any,
    Text,
    Int,
    AnyList,
    /// `common.VersionSet`: the API versions, with a method `Has`.
    VersionSet,
}

#[derive(Debug, Clone)]
pub(crate) struct Map {
    pub(crate) entries: Rc<RefCell<Entries>>,
    pub(crate) kind: MapKind,
}

pub(crate) type Entries = BTreeMap<Rc<str>, Value>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MapKind {
    Any,
    /// `map[string]string`, from `split`.
    Text,
    /// `common.Values`, with methods.
    Values,
    /// `engine.files`, with methods.
    Files,
}

/// Structs that Helm and sprig hand to templates.
#[derive(Debug)]
pub(crate) enum Object {
    Capabilities {
        kube_version: Value,
        api_versions: Value,
        helm_version: Value,
    },
    KubeVersion {
        version: String,
        normalized: String,
        major: String,
        minor: String,
    },
    HelmVersion {
        version: String,
        git_commit: String,
        git_tree_state: String,
        go_version: String,
        kube_client_version: String,
    },
    Version {
        version: Version,
        is_pointer: bool,
    },
    Certificate {
        certificate: Rc<str>,
        key: Rc<str>,
    },
    Time(Time),
}

impl Value {
    pub(crate) fn text(text: impl Into<Rc<str>>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn int(number: i64) -> Self {
        Self::Int(number, IntType::Int)
    }

    pub(crate) fn int64(number: i64) -> Self {
        Self::Int(number, IntType::Int64)
    }

    pub(crate) fn list(items: Vec<Value>) -> Self {
        Self::List(List { items: Rc::new(items), element: Element::Any, is_nil: false })
    }

    pub(crate) fn nil_list(element: Element) -> Self {
        Self::List(List { items: Rc::new(Vec::new()), element, is_nil: true })
    }

    pub(crate) fn text_list(items: impl IntoIterator<Item = impl Into<Rc<str>>>) -> Self {
        let items = items.into_iter().map(|item| Self::Text(item.into())).collect();
        Self::List(List { items: Rc::new(items), element: Element::Text, is_nil: false })
    }

    pub(crate) fn map(entries: Entries) -> Self {
        Self::Map(Map::new(entries, MapKind::Any))
    }

    pub(crate) fn object(object: Object) -> Self {
        Self::Object(Rc::new(object))
    }

    pub(crate) fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// Go's `template.IsTrue`.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(number, _) => *number != 0,
            Self::Unsigned(number, _) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(list) => !list.items.is_empty(),
            Self::Map(map) => !map.entries.borrow().is_empty(),
            Self::Object(_) => true,
        }
    }

    /// sprig's `empty`.
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_true()
    }

    /// The type's name as `%T` and error messages show it; `None` for no value.
    pub(crate) fn type_name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Nil => return None,
            Self::Bool(_) => "bool",
            Self::Int(_, IntType::Int) => "int",
            Self::Int(_, IntType::Int64) => "int64",
            Self::Unsigned(_, UnsignedType::Uint8) => "uint8",
            Self::Unsigned(_, UnsignedType::Uint64) => "uint64",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Bytes(_) => "[]uint8",
            Self::List(list) => match list.element {
                Element::Any => "[]interface {}",
                Element::Text => "[]string",
                Element::Int => "[]int",
                Element::AnyList => "[][]interface {}",
                Element::VersionSet => "common.VersionSet",
            },
            Self::Map(map) => match map.kind {
                MapKind::Any => "map[string]interface {}",
                MapKind::Text => "map[string]string",
                MapKind::Values => "common.Values",
                MapKind::Files => "engine.files",
            },
            Self::Object(object) => object.type_name(),
        })
    }

    /// Go's `reflect.Kind` as text.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self {
            Self::Nil => "invalid",
            Self::Bytes(_) | Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Object(object) if object.is_pointer() => "ptr",
            Self::Object(_) => "struct",
            other => other.type_name().unwrap_or("invalid"),
        }
    }

    /// The elements, if this is a slice of any type.
    pub(crate) fn items(&self) -> Option<Vec<Value>> {
        match self {
            Self::List(list) => Some(list.items.as_ref().clone()),
            Self::Bytes(bytes) => {
                Some(bytes.iter().map(|byte| Self::Unsigned(u64::from(*byte), UnsignedType::Uint8)).collect())
            }
            _ => None,
        }
    }

    /// Go's `reflect.DeepEqual`: types count, an integer never equals a float.
    pub(crate) fn deep_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Nil) => true,
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::Int(left, left_type), Self::Int(right, right_type)) => left == right && left_type == right_type,
            (Self::Unsigned(left, left_type), Self::Unsigned(right, right_type)) => {
                left == right && left_type == right_type
            }
            (Self::Float(left), Self::Float(right)) => left == right,
            (Self::Text(left), Self::Text(right)) => left == right,
            (Self::Bytes(left), Self::Bytes(right)) => left == right,
            (Self::List(left), Self::List(right)) => {
                left.element == right.element
                    && left.is_nil == right.is_nil
                    && left.items.len() == right.items.len()
                    && left.items.iter().zip(right.items.iter()).all(|(left, right)| left.deep_equal(right))
            }
            (Self::Map(left), Self::Map(right)) => {
                if left.kind != right.kind {
                    return false;
                }
                if Rc::ptr_eq(&left.entries, &right.entries) {
                    return true;
                }
                let (left, right) = (left.entries.borrow(), right.entries.borrow());
                left.len() == right.len()
                    && left
                        .iter()
                        .zip(right.iter())
                        .all(|((left_key, left), (right_key, right))| left_key == right_key && left.deep_equal(right))
            }
            (Self::Object(left), Self::Object(right)) => Rc::ptr_eq(left, right) || left.equals(right),
            _ => false,
        }
    }
}

impl Map {
    pub(crate) fn new(entries: Entries, kind: MapKind) -> Self {
        Self { entries: Rc::new(RefCell::new(entries)), kind }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<Value> {
        self.entries.borrow().get(key).cloned()
    }

    /// Whether the elements are of interface type, so that messages name that type and not the value's own.
    pub(crate) fn holds_interfaces(&self) -> bool {
        matches!(self.kind, MapKind::Any | MapKind::Values)
    }

    /// What Go's `reflect.Zero` of the element type is.
    pub(crate) fn zero(&self) -> Value {
        match self.kind {
            MapKind::Any | MapKind::Values => Value::Nil,
            MapKind::Text => Value::text(""),
            MapKind::Files => Value::Bytes(Rc::from([])),
        }
    }
}

impl Object {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Capabilities { .. } => "*common.Capabilities",
            Self::KubeVersion { .. } => "common.KubeVersion",
            Self::HelmVersion { .. } => "version.BuildInfo",
            Self::Version { is_pointer: true, .. } => "*semver.Version",
            Self::Version { .. } => "semver.Version",
            Self::Certificate { .. } => "sprig.certificate",
            Self::Time(_) => "time.Time",
        }
    }

    pub(crate) fn is_pointer(&self) -> bool {
        self.type_name().starts_with('*')
    }

    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Version { version: left, .. }, Self::Version { version: right, .. }) => left == right,
            (
                Self::Certificate { certificate: left, key: left_key },
                Self::Certificate { certificate: right, key: right_key },
            ) => left == right && left_key == right_key,
            (Self::Time(left), Self::Time(right)) => left == right,
            _ => false,
        }
    }
}

impl From<&Data> for Value {
    fn from(data: &Data) -> Self {
        match data {
            Data::Null => Self::Nil,
            Data::Bool(value) => Self::Bool(*value),
            Data::Int(number) => Self::int64(*number),
            Data::Unsigned(number) => Self::Unsigned(*number, UnsignedType::Uint64),
            Data::Float(number) => Self::Float(*number),
            Data::Text(text) => Self::text(text.as_str()),
            Data::List(list) => Self::list(list.iter().map(Self::from).collect()),
            Data::Map(map) => {
                Self::map(map.iter().map(|(key, value)| (key.as_str().into(), Self::from(value))).collect())
            }
        }
    }
}
