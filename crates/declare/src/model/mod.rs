//! From declared Rust structs to schemas and values, and back.
//!
//! A [`Model`] is a struct whose fields are attributes; a [`Field`] is anything that a field may hold. Decoding
//! collects every fault at once, each on its attribute, and passes over what is unknown.

mod collections;
mod rules;
mod scalars;
mod secrets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use declare_macros::Model;
pub use rules::Rule;
use rules::check_rules;
pub use scalars::{Bounded, Dynamic, Span, Text, Timestamp};
pub use secrets::{Secret, WriteOnly};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::path::Path;
use crate::schema::{Attribute, Kind, Nesting};
use crate::value::{Refinement, Type, Value};

/// A set of attributes. Derive it.
pub trait Model: Sized + Send + Sync + 'static {
    /// The same attributes while they are being planned.
    type Planned: Clone + std::fmt::Debug + Send + Sync + 'static;

    /// The struct's doc comment.
    fn description() -> &'static str;
    /// The attributes as an argument would have them: required, or optional for `Option` and defaults.
    fn attributes() -> Vec<Attribute>;
    /// Rules over several attributes.
    fn rules() -> Vec<Rule>;
    /// Reads an object. `None`: something is unknown, or `faults` has grown.
    fn decode(object: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self>;
    /// Reads an object of which parts may be unknown.
    fn decode_planned(object: &Value, at: &Path, faults: &mut Diagnostics) -> Self::Planned;
    /// Every attribute by name.
    fn encode(&self) -> BTreeMap<String, Value>;
    /// Every attribute by name, with what is unknown.
    fn encode_planned(planned: &Self::Planned) -> BTreeMap<String, Value>;
    /// Whether two values of the attribute mean the same, though they may be spelled differently.
    fn equivalent(name: &str, one: &Value, other: &Value) -> bool;
}

/// What an attribute may hold.
pub trait Field: Sized {
    /// May be left out.
    const OPTIONAL: bool = false;
    /// Hidden in Terraform's output.
    const SENSITIVE: bool = false;
    /// Never stored.
    const WRITE_ONLY: bool = false;

    /// Its schema.
    fn kind() -> Kind;
    /// Reads a value. `None`: it is unknown, in whole or in part, or `faults` has grown.
    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self>;
    /// Writes it.
    fn encode(&self) -> Value;
    /// What is promised while it is unknown.
    fn refinement() -> Refinement {
        if Self::OPTIONAL { Refinement::none() } else { Refinement::not_null() }
    }
    /// Whether two values mean the same.
    fn equivalent(one: &Value, other: &Value) -> bool {
        one == other
    }
}

/// A value at plan: known, or not yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Maybe<T> {
    /// Known.
    Known(T),
    /// Known only after apply.
    Unknown,
}

impl<T> Maybe<T> {
    /// The value, when it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown => None,
        }
    }
}

impl<T> Maybe<Option<T>> {
    /// The value, when it is known and set.
    pub fn set(&self) -> Option<&T> {
        self.known().and_then(Option::as_ref)
    }

    /// Whether it is certainly not set.
    pub fn is_unset(&self) -> bool {
        matches!(self, Self::Known(None))
    }
}

impl<T> From<Option<T>> for Maybe<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Unknown, Self::Known)
    }
}

impl<T: Field> Maybe<T> {
    /// The value, or an unknown with the type's promise.
    pub fn encode(&self) -> Value {
        match self {
            Self::Known(value) => value.encode(),
            Self::Unknown => Value::Unknown(T::refinement()),
        }
    }
}

/// What a derive knows of an attribute.
pub struct Declaration {
    /// Its name.
    pub name: &'static str,
    /// Its doc comment.
    pub description: &'static str,
    /// A change makes a new object.
    pub replace: bool,
    /// Keeps its value on an update.
    pub keep: bool,
    /// Its default.
    pub default: Option<Value>,
    /// What a computed text begins with.
    pub prefix: Option<String>,
    /// Why not to use it any longer.
    pub deprecation: Option<String>,
}

/// The schema of an attribute of type `T`, as an argument.
pub fn declare<T: Field>(declaration: Declaration) -> Attribute {
    let has_default = declaration.default.is_some();
    Attribute {
        name: declaration.name.to_owned(),
        kind: T::kind(),
        description: declaration.description.to_owned(),
        required: !T::OPTIONAL && !has_default,
        optional: T::OPTIONAL || has_default,
        computed: has_default,
        sensitive: T::SENSITIVE,
        write_only: T::WRITE_ONLY,
        deprecation: declaration.deprecation,
        replace: declaration.replace,
        default: declaration.default,
        keep: declaration.keep,
        prefix: declaration.prefix,
        never_null: !T::OPTIONAL,
    }
}

/// These attributes as results: all computed, also the nested ones.
pub fn as_outputs(mut attributes: Vec<Attribute>) -> Vec<Attribute> {
    for attribute in &mut attributes {
        attribute.required = false;
        attribute.optional = false;
        attribute.computed = true;
        // They speak of configuration, which a result has none of.
        attribute.default = None;
        attribute.replace = false;
        if let Kind::Nested { attributes, .. } = &mut attribute.kind {
            *attributes = as_outputs(std::mem::take(attributes));
        }
    }
    attributes
}

/// These attributes where only configuration is read and nothing is planned or stored: a default is filled in by the
/// provider alone, so Terraform must not expect a computed value.
pub fn as_configuration(mut attributes: Vec<Attribute>) -> Vec<Attribute> {
    for attribute in &mut attributes {
        attribute.computed = false;
        if let Kind::Nested { attributes, .. } = &mut attribute.kind {
            *attributes = as_configuration(std::mem::take(attributes));
        }
    }
    attributes
}

/// Arguments and results in one schema. An attribute that is both is optional and computed: an argument that the
/// provider decides when it is not set.
pub fn merge_attributes(arguments: Vec<Attribute>, outputs: Vec<Attribute>) -> Vec<Attribute> {
    let mut merged = arguments;
    for output in as_outputs(outputs) {
        match merged.iter_mut().find(|argument| argument.name == output.name) {
            Some(argument) => {
                argument.computed = true;
                argument.keep |= output.keep;
                argument.sensitive |= output.sensitive;
                argument.never_null = output.never_null;
                if argument.prefix.is_none() {
                    argument.prefix = output.prefix;
                }
            }
            None => merged.push(output),
        }
    }
    merged
}

/// Names of attributes that are an argument and a result of different types: no value could be both.
pub fn of_two_types(arguments: &[Attribute], outputs: &[Attribute]) -> Vec<String> {
    let differs = |argument: &&Attribute| {
        outputs.iter().any(|output| output.name == argument.name && output.kind.ty() != argument.kind.ty())
    };
    arguments.iter().filter(differs).map(|argument| argument.name.clone()).collect()
}

/// Reads a configuration that is wholly known, as it is wherever it is used and not only checked.
///
/// # Errors
/// Every fault of the configuration; a bug where something is unknown.
pub fn decode_config<M: Model>(config: &Value, of: &str) -> crate::diagnostic::Result<M> {
    let mut faults = Diagnostics::new();
    match M::decode(config, &Path::root(), &mut faults) {
        Some(decoded) => Ok(decoded),
        None if faults.has_errors() => Err(faults),
        None => Err(Diagnostic::bug(format!("A part of the configuration of `{of}` was still unknown.")).into()),
    }
}

/// Reads the attribute `name` of `object`; null becomes the default when there is one.
pub fn decode_attribute<T: Field>(
    object: &Value,
    name: &str,
    fallback: Option<fn() -> T>,
    at: &Path,
    faults: &mut Diagnostics,
) -> Option<T> {
    if object.is_unknown() {
        return None;
    }
    let value = object.attribute(name).unwrap_or(&Value::Null);
    match fallback {
        Some(fallback) if value.is_null() => Some(fallback()),
        _ => T::decode(value, &at.dot(name), faults),
    }
}

/// Checks a configuration whose parts may be unknown: each attribute, the rules over several, and what the type adds.
pub fn check_config<M: Model>(config: &Value, further: impl FnOnce(&M::Planned, &mut Diagnostics)) -> Diagnostics {
    let mut faults = Diagnostics::new();
    check_rules(&M::rules(), config, &Path::root(), &mut faults);
    let planned = M::decode_planned(config, &Path::root(), &mut faults);
    further(&planned, &mut faults);
    faults
}

/// Reads a nested object and checks the rules over several of its attributes.
pub fn decode_object<M: Model>(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<M> {
    match value {
        Value::Unknown(_) => None,
        Value::Map(_) => {
            check_rules(&M::rules(), value, at, faults);
            M::decode(value, at, faults)
        }
        _ => mismatch("an object", at, faults),
    }
}

/// Whether two objects mean the same, attribute by attribute.
pub fn equivalent_objects<M: Model>(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Map(ones), Value::Map(others)) => {
            ones.len() == others.len()
                && ones.iter().all(|(name, one)| others.get(name).is_some_and(|other| M::equivalent(name, one, other)))
        }
        _ => one == other,
    }
}

/// Reports that a value is null or of another shape than its type; hosts convert values before they send them, so
/// only a null in a place that must be set gets here in practice.
pub(crate) fn mismatch<T>(expected: &str, at: &Path, faults: &mut Diagnostics) -> Option<T> {
    faults.push(Diagnostic::error("Missing or misshapen value", format!("`{at}` must be {expected}.")).at(at.clone()));
    None
}

/// The kind of a collection of `element`.
fn collection(element: Kind, nesting: Nesting, ty: fn(Type) -> Type) -> Kind {
    match element {
        Kind::Nested { nesting: Nesting::Single, attributes } => Kind::Nested { nesting, attributes },
        other => Kind::Type(ty(other.ty())),
    }
}
