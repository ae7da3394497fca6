//! ImportResourceState: the stub of a state from an id or an identity, which the host refreshes next.

use super::answer::{Answer, Host, Private};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::Model;
use crate::path::Path;
use crate::resource::{Form, Resource};
use crate::value::Value;

/// A request to adopt an existing object.
#[derive(Debug)]
pub struct ImportRequest {
    /// Type name.
    pub type_name: String,
    /// The id that the person gave; empty when an identity was given.
    pub id: String,
    /// The identity that the person gave, or null.
    pub identity: Value,
    /// What the host is able to do.
    pub host: Host,
}

/// An imported object: a stub of its state, which the host refreshes next.
#[derive(Debug)]
pub struct Imported {
    /// Type name.
    pub type_name: String,
    /// The stub.
    pub state: Value,
    /// Bytes kept with it.
    pub private: Private,
    /// Its identity.
    pub identity: Option<Value>,
}

pub(super) fn import<R: Resource>(form: &Form<R>, request: ImportRequest) -> Answer<Vec<Imported>> {
    let identity = if request.id.is_empty() {
        request.identity
    } else {
        match R::import_id(&request.id) {
            Ok(identity) => Value::Map(identity.encode()),
            Err(why) => {
                let cause = format!("`{}` is no import id of `{}`. {why}", request.id, R::NAME);
                return Diagnostic::error("Invalid import id", cause).into();
            }
        }
    };
    let mut faults = Diagnostics::new();
    if R::Identity::decode(&identity, &Path::root(), &mut faults).is_none() {
        return faults.into();
    }
    let mut stub = form.null_object();
    if let Value::Map(entries) = &identity {
        stub.extend(entries.clone());
    }
    Answer::of(vec![Imported {
        type_name: R::NAME.to_owned(),
        state: Value::Map(stub),
        private: Vec::new(),
        identity: Some(identity),
    }])
}
