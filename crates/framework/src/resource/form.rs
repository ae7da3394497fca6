//! The form of a resource's states: its attributes, and the way between values and declared structs.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use super::{Resource, State};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::model::{Model, merge_attributes};
use crate::path::Path;
use crate::schema::{Attribute, IdentityAttribute, IdentitySchema, Schema};
use crate::value::Value;

/// What is known of a resource type from its declarations alone.
pub(crate) struct Form<R: Resource> {
    /// Arguments and results.
    pub attributes: Vec<Attribute>,
    arguments: BTreeSet<String>,
    results: BTreeSet<String>,
    identity: Vec<String>,
    resource: PhantomData<fn() -> R>,
}

impl<R: Resource> Form<R> {
    pub(crate) fn new() -> Self {
        let names = |attributes: &[Attribute]| attributes.iter().map(|attribute| attribute.name.clone()).collect();
        let arguments = R::Args::attributes();
        let results = R::Outputs::attributes();
        Self {
            arguments: names(&arguments),
            results: names(&results),
            identity: R::Identity::attributes().into_iter().map(|attribute| attribute.name).collect(),
            attributes: merge_attributes(arguments, results),
            resource: PhantomData,
        }
    }

    pub(crate) fn schema(&self) -> Schema {
        Schema {
            version: R::VERSION,
            description: R::DESCRIPTION.to_owned(),
            attributes: self.attributes.iter().cloned().chain(self.id_attribute()).collect(),
            deprecation: None,
        }
    }

    pub(crate) fn identity_schema() -> IdentitySchema {
        let attribute = |attribute: Attribute| IdentityAttribute {
            ty: attribute.kind.ty(),
            required_for_import: attribute.required,
            name: attribute.name,
            description: attribute.description,
        };
        IdentitySchema { version: 0, attributes: R::Identity::attributes().into_iter().map(attribute).collect() }
    }

    /// Whether two values of the attribute mean the same.
    pub(crate) fn equivalent(&self, name: &str, one: &Value, other: &Value) -> bool {
        if self.arguments.contains(name) {
            R::Args::equivalent(name, one, other)
        } else {
            R::Outputs::equivalent(name, one, other)
        }
    }

    /// Arguments that are also results and not decided yet read as not set, not as unknown; but one that the
    /// configuration sets to something unknown is unknown.
    pub(crate) fn without_undecided(&self, object: &Value, config: &Value) -> Value {
        let Value::Map(entries) = object else { return object.clone() };
        let decided = |name: &String, value: &Value| {
            let undecided = value.is_unknown() && self.results.contains(name) && is_unset(config, name);
            if undecided { Value::Null } else { value.clone() }
        };
        Value::Map(entries.iter().map(|(name, value)| (name.clone(), decided(name, value))).collect())
    }

    /// The results that the provider decides under this configuration.
    pub(crate) fn undecided<'a>(&'a self, config: &'a Value) -> impl Iterator<Item = &'a Attribute> {
        self.attributes
            .iter()
            .filter(|attribute| attribute.computed && attribute.default.is_none() && is_unset(config, &attribute.name))
    }

    pub(crate) fn null_object(&self) -> BTreeMap<String, Value> {
        self.attributes.iter().map(|attribute| (attribute.name.clone(), Value::Null)).collect()
    }

    /// The identity of a state, as far as it is known there.
    pub(crate) fn identity(&self, state: &Value) -> Value {
        let part = |name: &String| state.attribute(name).cloned().unwrap_or(Value::Null);
        Value::map(self.identity.iter().map(|name| (name.clone(), part(name))))
    }

    /// The identity of a state, if all of it is known.
    pub(crate) fn known_identity(&self, state: &Value) -> Option<Value> {
        (!state.is_null()).then(|| self.identity(state)).filter(Value::is_wholly_known)
    }

    fn parts(&self, state: &Value, faults: &mut Diagnostics) -> Option<State<R>> {
        let args = R::Args::decode(&self.without_undecided(state, &Value::Null), &Path::root(), faults);
        let outputs = R::Outputs::decode(state, &Path::root(), faults);
        Some(State { args: args?, outputs: outputs? })
    }

    /// The state as declared structs; `None` when something is missing, as right after an import.
    pub(crate) fn decode(&self, state: &Value) -> Option<State<R>> {
        self.parts(state, &mut Diagnostics::new())
    }

    /// The same, with the reason why it cannot be read.
    pub(crate) fn decode_or_explain(&self, state: &Value) -> Result<State<R>> {
        let mut faults = Diagnostics::new();
        self.parts(state, &mut faults).ok_or_else(|| {
            Diagnostic::error(
                "State cannot be read",
                format!(
                    "The stored state of this `{}` is incomplete or was changed by hand: {}",
                    R::NAME,
                    faults.0.iter().map(Diagnostic::detail).collect::<Vec<_>>().join(" ")
                ),
            )
            .remedy("Run a plan with refresh, which reads the object again, or remove it from the state and import it.")
            .into()
        })
    }

    /// A state as a whole object: results over arguments, where an attribute is both.
    pub(crate) fn encode(state: &State<R>) -> Value {
        results_over(&Value::Map(Model::encode(&state.args)), Model::encode(&state.outputs))
    }

    /// Keeps the earlier spelling of every attribute that still means the same.
    pub(crate) fn keep_spelling(&self, prior: &Value, fresh: Value) -> Value {
        let Value::Map(fresh) = fresh else { return fresh };
        let spelled = |(name, value): (String, Value)| match prior.attribute(&name) {
            Some(before) if !before.is_null() && self.equivalent(&name, before, &value) => (name, before.clone()),
            _ => (name, value),
        };
        Value::Map(fresh.into_iter().map(spelled).collect())
    }
}

/// Whether the configuration leaves the attribute out.
pub(crate) fn is_unset(config: &Value, name: &str) -> bool {
    config.attribute(name).is_none_or(Value::is_null)
}

/// The object with these results in it.
pub(crate) fn results_over(object: &Value, results: BTreeMap<String, Value>) -> Value {
    let mut entries = match object {
        Value::Map(entries) => entries.clone(),
        _ => BTreeMap::new(),
    };
    entries.extend(results);
    Value::Map(entries)
}

/// The results of attributes that the configuration does not set. What it sets stays as configured: Terraform insists
/// on it, and a real difference is drift for the next read to show.
pub(crate) fn unconfigured(results: BTreeMap<String, Value>, config: &Value) -> BTreeMap<String, Value> {
    results.into_iter().filter(|(name, _)| is_unset(config, name)).collect()
}
