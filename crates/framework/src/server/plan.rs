//! PlanResourceChange: what would change, as far as it is known.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Answer, Host, Private};
use super::step::caught;
use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::model::Model;
use crate::path::Path;
use crate::resource::{Draft, Form, PROMISED, Plan, Promises, Resource, draft, is_unset, promise, write_only};
use crate::value::Value;

/// A resource's plan is asked for.
#[derive(Debug)]
pub struct PlanRequest {
    /// Type name.
    pub type_name: String,
    /// The state before; null for a creation.
    pub prior: Value,
    /// The state that the host proposes; null for a deletion.
    pub proposed: Value,
    /// The configuration; null for a deletion.
    pub config: Value,
    /// What was kept with the prior state.
    pub private: Private,
    /// Whether this is known to be the second plan, which Terraform makes while it applies. Only Terraform 1.16 says so;
    /// `false` means that it may be either.
    pub is_final: bool,
    /// The identity before, if any.
    pub identity: Value,
    /// The `provider_meta` block, if the provider has a schema for it; null here.
    pub host: Host,
}

/// A plan.
#[derive(Debug, Default)]
pub struct Planned {
    /// The state after apply, as far as it is known. `None` if what was proposed cannot be planned; the errors say why.
    pub state: Option<Value>,
    /// Attributes whose change makes a new object.
    pub requires_replace: Vec<Path>,
    /// Bytes for apply.
    pub private: Private,
    /// The identity after apply; `None` when the type has none.
    pub identity: Option<Value>,
}

pub(super) async fn plan<R: Resource>(
    form: &Form<R>,
    request: PlanRequest,
    cx: Context<R::Clients>,
) -> Answer<Planned> {
    if request.proposed.is_null() {
        return deletion(form, &request.prior, &cx).await;
    }
    let prior = (!request.prior.is_null()).then_some(&request.prior);
    let same = |name: &str, one: &Value, other: &Value| form.equivalent(name, one, other);
    let drafted = draft(&form.attributes, prior, &request.proposed, &request.config, &same);
    let before = match prior.map(|prior| form.decode_or_explain(prior)).transpose() {
        Ok(before) => before,
        // A state of an older version that was not refreshed. Nothing can be done with it, and nothing has to be.
        Err(_) if drafted.changed.is_empty() => {
            return Answer::of(Planned {
                state: Some(Value::Map(drafted.planned)),
                private: cx.planned_bytes(),
                identity: form.known_identity(&request.prior),
                ..Planned::default()
            });
        }
        Err(faults) => return faults.into(),
    };

    let mut faults = Diagnostics::new();
    let object = Value::Map(drafted.planned.clone());
    let filled_in = write_only::filled_in(&form.attributes, &object, &request.config);
    let args = form.without_undecided(&filled_in, &request.config);
    let args = R::Args::decode_planned(&args, &Path::root(), &mut faults);
    if faults.has_errors() {
        return faults.into();
    }
    // Unknown results are no faults.
    let outputs = R::Outputs::decode_planned(&object, &Path::root(), &mut Diagnostics::new());
    let undecided = R::Outputs::encode_planned(&outputs);
    let Draft { planned, changed, replace } = drafted;
    let mut plan = Plan::<R> {
        args,
        outputs,
        prior: before,
        changed,
        replace,
        kept: BTreeSet::new(),
        faults: Diagnostics::new(),
        planned: planned.clone(),
        config: request.config.clone(),
        before: request.prior.clone(),
        promises: Promises {
            is_final: request.is_final,
            given: cx.noted(&PROMISED).says().cloned().unwrap_or_default(),
            made: BTreeMap::new(),
        },
    };
    cx.forget(&PROMISED);
    let outcome = caught("Planning", R::NAME, R::plan(&mut plan, &cx)).await;
    let (_, mut diagnostics) = cx.ended(outcome);
    diagnostics.append(std::mem::take(&mut plan.faults));
    if !plan.promises.made.is_empty() {
        cx.note(&PROMISED, &plan.promises.made);
    }
    let state = Value::Map(completed(form, &plan, planned, &undecided));
    let identity = match prior {
        Some(prior) if !plan.is_replaced() => form.identity(prior),
        _ => form.identity(&state),
    };
    // OpenTofu 1.12 cannot store an identity of which a part is unknown; Terraform takes none just as well.
    let identity = Some(identity).filter(Value::is_wholly_known);
    let replaces = plan.replace.iter().filter(|_| prior.is_some());
    let requires_replace = replaces.map(|name| Path::attribute(name.clone())).collect();
    let value = Planned { state: Some(state), requires_replace, private: cx.planned_bytes(), identity };
    Answer { value, diagnostics }
}

/// The draft with what the type's own step has decided. `undecided` are the results as the step got them.
fn completed<R: Resource>(
    form: &Form<R>,
    plan: &Plan<R>,
    mut planned: BTreeMap<String, Value>,
    undecided: &BTreeMap<String, Value>,
) -> BTreeMap<String, Value> {
    for (name, value) in R::Outputs::encode_planned(&plan.outputs) {
        // Only what the step itself set: the draft's own values keep their promises and spelling.
        if undecided.get(&name) == Some(&value) || !is_unset(&plan.config, &name) {
            continue;
        }
        let value = match (&value, form.attributes.iter().find(|attribute| attribute.name == name)) {
            (Value::Unknown(_), Some(attribute)) => Value::Unknown(promise(attribute)),
            _ => value,
        };
        planned.insert(name, value);
    }
    for name in &plan.kept {
        planned.insert(name.clone(), plan.before.attribute(name).cloned().unwrap_or(Value::Null));
    }
    if plan.is_replaced() && !plan.is_create() {
        for attribute in form.undecided(&plan.config) {
            planned.insert(attribute.name.clone(), Value::Unknown(promise(attribute)));
        }
    }
    planned
}

async fn deletion<R: Resource>(form: &Form<R>, prior: &Value, cx: &Context<R::Clients>) -> Answer<Planned> {
    let diagnostics = match form.decode(prior) {
        Some(state) => cx.ended(caught("Planning the removal of", R::NAME, R::plan_delete(&state, cx)).await).1,
        None => Diagnostics::new(),
    };
    let identity = form.known_identity(prior);
    let planned = Planned { state: Some(Value::Null), private: cx.planned_bytes(), identity, ..Planned::default() };
    Answer { value: planned, diagnostics }
}
