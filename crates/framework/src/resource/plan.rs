//! The plan of one resource, as its own planning step sees it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::model::{Field, Maybe, Model};
use crate::note::Note;
use crate::path::Path;
use crate::resource::{Resource, State};
use crate::value::{Value, json};

/// What a plan promises of results that had to be looked up, by name.
pub(crate) const PROMISED: Note<BTreeMap<String, Json>> = Note::named("framework:promised");

/// A plan in the making.
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
    pub(crate) promises: Promises,
}

/// Results that had to be looked up outside, and are promised although the next look may fail.
#[derive(Default)]
pub(crate) struct Promises {
    /// Whether this is known to be the second plan, which Terraform makes while it applies.
    pub is_final: bool,
    /// What the plan that is being applied has promised, where the host hands it over.
    pub given: BTreeMap<String, Json>,
    /// What this plan promises.
    pub made: BTreeMap<String, Json>,
}

impl<R: Resource> Plan<R> {
    /// Whether the object is to be created.
    pub fn is_create(&self) -> bool {
        self.before.is_null()
    }

    /// Whether the attribute will differ from what it is; always true for a creation.
    pub fn changes(&self, name: &str) -> bool {
        self.changed.contains(name)
    }

    /// Whether anything that the configuration decides will differ.
    pub fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Replaces the object instead of updating it. The attribute must change with it: results become unknown
    /// by themselves then, but `name` must be among what the plan shows as changing.
    pub fn replace(&mut self, name: &str) {
        self.replace.insert(name.to_owned());
    }

    /// Whether the object is to be replaced already.
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
    /// decided outside the resource (the provider's region), and an object that was created by another default is
    /// replaced. An unknown default (`None`) leaves everything as it is.
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

    /// Plans a result that has to be looked up outside, where the look can fail for the moment.
    ///
    /// Terraform plans once more while it applies, and insists that what the first plan knew is known there too. So a
    /// failed look, or one that finds nothing, keeps what was promised, if the host hands the promise over (Terraform
    /// 1.16). Otherwise the failure is the plan's own once Terraform is known to be applying. Older versions do not say
    /// so before the first apply of a run: the result is left unknown then, with a warning that names the cause, as in
    /// a first plan. Terraform shows it next to its own error.
    pub fn looked_up<T: Field>(
        &mut self,
        name: &str,
        found: Result<Maybe<T>>,
        planned: impl FnOnce(&mut <R::Outputs as Model>::Planned) -> &mut Maybe<T>,
    ) {
        let failure = match found {
            Ok(Maybe::Known(value)) => {
                if let Some(json) = json::encode(&value.encode()) {
                    self.promises.made.insert(name.to_owned(), json);
                }
                *planned(&mut self.outputs) = Maybe::Known(value);
                return;
            }
            Ok(Maybe::Unknown) => None,
            Err(failure) => Some(failure),
        };
        let promised = self.promises.given.get(name).and_then(|json| {
            let value = json::decode(json, &T::kind().ty()).ok()?;
            T::decode(&value, &Path::attribute(name), &mut Diagnostics::new())
        });
        if promised.is_some() {
            tracing::debug!(name, ?failure, "could not be looked up again; the promise of the plan is kept");
        } else if self.promises.is_final {
            self.faults.append(failure.unwrap_or_default());
        } else if let Some(failure) = failure {
            let why: Vec<_> = failure.0.iter().map(|it| format!("{}: {}", it.summary, it.cause)).collect();
            let warning = Diagnostic::warning(
                format!("`{name}` is known only after apply"),
                format!("It could not be looked up. {}", why.join(" ")),
            );
            self.faults.push(warning.remedy(
                "If Terraform reports an inconsistent final plan next to this, nothing was changed: apply again.",
            ));
        }
        *planned(&mut self.outputs) = promised.into();
    }

    /// The planned value of an attribute.
    pub fn value(&self, name: &str) -> &Value {
        self.planned.get(name).unwrap_or(&Value::Null)
    }
}
