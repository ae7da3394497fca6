//! The plan of one resource, as its own planning step sees it.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{Maybe, Model};
use crate::path::Path;
use crate::resource::{Resource, State};
use crate::value::Value;

/// A plan that is being made.
pub struct Plan<R: Resource> {
    /// The arguments as they will be, defaults included.
    pub args: <R::Args as Model>::Planned,
    /// The results as they will be. What this step sets must hold after apply.
    pub outputs: <R::Outputs as Model>::Planned,
    /// The object before; `None` for a creation.
    pub prior: Option<State<R>>,
    pub(crate) changed: BTreeSet<String>,
    pub(crate) replace: BTreeSet<String>,
    pub(crate) kept: BTreeSet<String>,
    pub(crate) faults: Diagnostics,
    pub(crate) planned: BTreeMap<String, Value>,
    pub(crate) config: Value,
    pub(crate) before: Value,
}

impl<R: Resource> Plan<R> {
    /// Whether the object is to be made.
    pub fn is_create(&self) -> bool {
        self.prior.is_none()
    }

    /// Whether the attribute will differ from what it is; always true for a creation.
    pub fn changes(&self, name: &str) -> bool {
        self.changed.contains(name)
    }

    /// Whether anything that the configuration decides will differ.
    pub fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Makes a new object instead of changing this one. The attribute must change with it: results become unknown
    /// by themselves then, but `name` must be among what the plan shows as changing.
    pub fn replace(&mut self, name: &str) {
        self.replace.insert(name.to_owned());
    }

    /// Whether a new object is already needed.
    pub fn is_replaced(&self) -> bool {
        !self.replace.is_empty()
    }

    /// Leaves an argument as it is in the state, because the configuration says the same in other words. Terraform
    /// allows that only where both the state and the configuration set it; elsewhere nothing is done. Results that
    /// are unknown because of the argument stay so until this step sets them.
    pub fn keep(&mut self, name: &str) {
        let is_set = self.before.attribute(name).is_some_and(|value| !value.is_null());
        if is_set && self.configures(name) {
            self.changed.remove(name);
            self.replace.remove(name);
            self.kept.insert(name.to_owned());
        }
    }

    /// Refuses the plan because of an attribute.
    pub fn fault(&mut self, name: &str, summary: &str, detail: impl Into<String>) {
        self.faults.push(Diagnostic::error(summary, detail).at(Path::attribute(name)));
    }

    /// Whether the configuration sets the attribute, to whatever value.
    pub fn configures(&self, name: &str) -> bool {
        self.config.attribute(name).is_some_and(|value| !value.is_null())
    }

    /// Plans an argument that is a result too and that the configuration leaves out: it follows its default, which is
    /// decided outside the resource (the provider's region), and an object that was made by another default is made
    /// anew. A default that is not known (`None`) leaves everything as it is.
    pub fn follow_default<T: Clone + PartialEq>(
        &mut self,
        name: &str,
        default: Option<&T>,
        recorded: impl FnOnce(&R::Outputs) -> &T,
        planned: impl FnOnce(&mut <R::Outputs as Model>::Planned) -> &mut Maybe<T>,
    ) {
        let Some(default) = default.filter(|_| !self.configures(name)) else { return };
        if self.prior.as_ref().is_some_and(|prior| recorded(&prior.outputs) != default) {
            self.replace(name);
        }
        *planned(&mut self.outputs) = Maybe::Known(default.clone());
    }

    /// The planned value of an attribute as it stands.
    pub fn value(&self, name: &str) -> &Value {
        self.planned.get(name).unwrap_or(&Value::Null)
    }
}
