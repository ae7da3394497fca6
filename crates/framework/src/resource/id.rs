//! `id`: every resource has it, whether or not its type declares one. It is the object's import id, for tools that
//! know an object by one text, such as Pulumi's bridge, and for people who look for what to import.
//!
//! It follows from the identity, so types do not deal with it: it is added to every state that leaves the provider, and
//! removed from every one that comes back.

use super::{Form, Resource};
use crate::schema::{Attribute, Kind};
use crate::value::{Refinement, Type, Value};

/// Its name.
pub(crate) const ID: &str = "id";

impl<R: Resource> Form<R> {
    fn declares_id(&self) -> bool {
        self.attributes.iter().any(|attribute| attribute.name == ID)
    }

    /// The attribute, unless the type declares its own.
    pub(crate) fn id_attribute(&self) -> Option<Attribute> {
        let description = "Import id of the object, with its region where it has one.".to_owned();
        (!self.declares_id()).then(|| Attribute {
            name: ID.to_owned(),
            kind: Kind::Type(Type::String),
            description,
            required: false,
            optional: false,
            computed: true,
            sensitive: false,
            write_only: false,
            deprecation: None,
            replace: false,
            default: None,
            keep: false,
            prefix: None,
            never_null: false,
        })
    }

    /// The object as its type knows it.
    pub(crate) fn without_id(&self, object: Value) -> Value {
        match object {
            Value::Map(mut entries) if !self.declares_id() => {
                entries.remove(ID);
                Value::Map(entries)
            }
            other => other,
        }
    }

    /// The same, after the host's state `before`: as long as the identity is the same, so is the id.
    pub(crate) fn with_id_after(&self, before: &Value, state: Value) -> Value {
        let kept = before.attribute(ID).filter(|id| id.as_str().is_some());
        match (kept, state) {
            (Some(id), Value::Map(mut entries)) if !self.declares_id() => {
                let state = Value::Map(entries.clone());
                if self.identity(before) != self.identity(&state) {
                    return self.with_id(state);
                }
                entries.insert(ID.to_owned(), id.clone());
                Value::Map(entries)
            }
            (_, state) => self.with_id(state),
        }
    }

    /// A state as the host knows it. The id is unknown as long as a part of the identity is, and null if the object
    /// does not have one yet.
    pub(crate) fn with_id(&self, state: Value) -> Value {
        if self.declares_id() {
            return state;
        }
        let identity = self.identity(&state);
        match state {
            Value::Map(mut entries) => {
                let id = if identity.is_wholly_known() {
                    R::id(&identity).map_or(Value::Null, Value::from)
                } else {
                    Value::Unknown(Refinement::none())
                };
                entries.insert(ID.to_owned(), id);
                Value::Map(entries)
            }
            other => other,
        }
    }

    /// A configuration with the attribute, which nobody can set.
    pub(crate) fn with_no_id(&self, config: Value) -> Value {
        match config {
            Value::Map(mut entries) if !self.declares_id() => {
                entries.insert(ID.to_owned(), Value::Null);
                Value::Map(entries)
            }
            other => other,
        }
    }
}
