//! From the calls of the protocol to the methods of a [`Resource`].

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use super::plan::Promises;
use super::planning::{draft, promise};
use super::{MoveSource, Plan, Resource, State, import};
use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics, panic_message};
use crate::model::{Model, check_config, merge_attributes, of_two_types};
use crate::note::Note;
use crate::path::Path;
use crate::schema::{Attribute, IdentityAttribute, IdentitySchema, Kind, Nesting, Schema};
use crate::server::{
    Answer, ApplyRequest, Boxed, ImportRequest, Imported, Kept, MoveRequest, PlanRequest, Planned, ReadRequest,
};
use crate::value::{Value, json};

/// What a plan promises of results that had to be looked up, by name.
const PROMISED: Note<BTreeMap<String, serde_json::Value>> = Note::named("framework:promised");

/// A resource whose Rust types are hidden, so that all of them fit one list.
pub(crate) trait Erased<C>: Send + Sync {
    fn name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    fn identity_schema(&self) -> IdentitySchema;
    fn import_id(&self) -> &'static str;
    fn rules(&self) -> Vec<crate::model::Rule>;
    /// Attributes that are an argument and a result of different types.
    fn of_two_types(&self) -> Vec<String>;
    fn validate(&self, config: &Value) -> Diagnostics;
    fn upgrade_state(&self, version: i64, state: serde_json::Value) -> Answer<Option<Value>>;
    fn upgrade_identity(&self, identity: &serde_json::Value) -> Answer<Option<Value>>;
    fn import(&self, request: ImportRequest) -> Answer<Vec<Imported>>;
    fn move_state(&self, request: &MoveRequest) -> Answer<Kept>;
    fn read(&self, request: ReadRequest, clients: Option<Arc<C>>, cancel: CancellationToken)
    -> Boxed<'_, Answer<Kept>>;
    fn plan(
        &self,
        request: PlanRequest,
        clients: Option<Arc<C>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Planned>>;
    fn apply(
        &self,
        request: ApplyRequest,
        clients: Option<Arc<C>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Kept>>;
}

/// The one implementation of [`Erased`].
pub(crate) struct Adapter<R: Resource> {
    attributes: Vec<Attribute>,
    arguments: BTreeSet<String>,
    results: BTreeSet<String>,
    identity: Vec<String>,
    resource: PhantomData<fn() -> R>,
}

impl<R: Resource> Adapter<R> {
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

    fn equivalent(&self, name: &str, one: &Value, other: &Value) -> bool {
        if self.arguments.contains(name) {
            R::Args::equivalent(name, one, other)
        } else {
            R::Outputs::equivalent(name, one, other)
        }
    }

    /// Arguments that are also results and not decided yet read as not set, not as unknown; but one that the
    /// configuration sets to something unknown is unknown.
    fn without_undecided(&self, object: &Value, config: &Value) -> Value {
        let Value::Map(entries) = object else { return object.clone() };
        let settle = |name: &String, value: &Value| {
            let configured = config.attribute(name).is_some_and(|value| !value.is_null());
            let undecided = value.is_unknown() && self.results.contains(name) && !configured;
            if undecided { Value::Null } else { value.clone() }
        };
        Value::Map(entries.iter().map(|(name, value)| (name.clone(), settle(name, value))).collect())
    }

    fn null_object(&self) -> BTreeMap<String, Value> {
        self.attributes.iter().map(|attribute| (attribute.name.clone(), Value::Null)).collect()
    }

    /// The identity of a state, as far as it is known there.
    fn identity(&self, state: &Value) -> Value {
        let part = |name: &String| state.attribute(name).cloned().unwrap_or(Value::Null);
        Value::map(self.identity.iter().map(|name| (name.clone(), part(name))))
    }

    fn known_identity(&self, state: &Value) -> Option<Value> {
        (!state.is_null()).then(|| self.identity(state)).filter(Value::is_wholly_known)
    }

    /// The state as declared structs; `None` when something is missing, as right after an import.
    fn decode(&self, state: &Value) -> Option<State<R>> {
        let mut faults = Diagnostics::new();
        let args = R::Args::decode(&self.without_undecided(state, &Value::Null), &Path::root(), &mut faults);
        let outputs = R::Outputs::decode(state, &Path::root(), &mut faults);
        Some(State { args: args?, outputs: outputs? })
    }

    fn decode_or_explain(&self, state: &Value) -> Result<State<R>, Diagnostics> {
        let mut faults = Diagnostics::new();
        let args = R::Args::decode(&self.without_undecided(state, &Value::Null), &Path::root(), &mut faults);
        let outputs = R::Outputs::decode(state, &Path::root(), &mut faults);
        match (args, outputs) {
            (Some(args), Some(outputs)) => Ok(State { args, outputs }),
            _ => Err(Diagnostic::error(
                "State cannot be read",
                format!(
                    "The stored state of this `{}` is incomplete or was changed by hand: {}",
                    R::NAME,
                    faults.0.iter().map(Diagnostic::detail).collect::<Vec<_>>().join(" ")
                ),
            )
            .remedy("Run a plan with refresh, which reads the object again, or remove it from the state and import it.")
            .into()),
        }
    }

    /// The state as a whole object: results over arguments, where an attribute is both.
    fn encode(args: &Value, outputs: BTreeMap<String, Value>) -> Value {
        let mut object = match args {
            Value::Map(entries) => entries.clone(),
            _ => BTreeMap::new(),
        };
        object.extend(outputs);
        Value::Map(object)
    }

    fn encode_state(state: &State<R>) -> Value {
        Self::encode(&Value::Map(Model::encode(&state.args)), Model::encode(&state.outputs))
    }

    /// Takes over the earlier spelling of every attribute that still means the same.
    fn keep_spelling(&self, prior: &Value, fresh: Value) -> Value {
        let Value::Map(fresh) = fresh else { return fresh };
        Value::Map(
            fresh
                .into_iter()
                .map(|(name, value)| match prior.attribute(&name) {
                    Some(before) if !before.is_null() && self.equivalent(&name, before, &value) => {
                        let before = before.clone();
                        (name, before)
                    }
                    _ => (name, value),
                })
                .collect(),
        )
    }

    async fn run_read(&self, request: ReadRequest, cx: Context<R::Clients>) -> Answer<Kept> {
        let prior = self.decode(&request.state);
        let mut faults = Diagnostics::new();
        let identity = self.identity(&request.state);
        let Some(identity) = R::Identity::decode(&identity, &Path::root(), &mut faults) else {
            return failed_read(request, faults);
        };
        match caught("Reading", R::NAME, R::read(&identity, prior.as_ref(), &cx)).await {
            Ok(Some(state)) => {
                let state = self.keep_spelling(&request.state, Self::encode_state(&state));
                let identity = Some(self.identity(&state));
                let kept = Kept { state: Some(state), private: cx.private_bytes(), identity };
                Answer { value: kept, diagnostics: cx.take_warnings() }
            }
            Ok(None) => {
                let kept = Kept { state: Some(Value::Null), private: Vec::new(), identity: None };
                Answer { value: kept, diagnostics: cx.take_warnings() }
            }
            Err(mut errors) => {
                errors.append(cx.take_warnings());
                failed_read(request, errors)
            }
        }
    }

    async fn run_plan(&self, request: PlanRequest, cx: Context<R::Clients>) -> Answer<Planned> {
        if request.proposed.is_null() {
            let diagnostics = match self.decode(&request.prior) {
                Some(state) => match caught("Planning the removal of", R::NAME, R::plan_delete(&state, &cx)).await {
                    Ok(()) => cx.take_warnings(),
                    Err(mut errors) => {
                        errors.append(cx.take_warnings());
                        errors
                    }
                },
                None => Diagnostics::new(),
            };
            let identity = self.known_identity(&request.prior);
            let planned =
                Planned { state: Some(Value::Null), private: cx.planned_bytes(), identity, ..Planned::default() };
            return Answer { value: planned, diagnostics };
        }
        let prior = (!request.prior.is_null()).then_some(&request.prior);
        let same = |name: &str, one: &Value, other: &Value| self.equivalent(name, one, other);
        let mut draft = draft(&self.attributes, prior, &request.proposed, &request.config, &same);

        let mut faults = Diagnostics::new();
        let object = Value::Map(draft.planned.clone());
        let with_write_only = with_write_only(&self.attributes, &object, &request.config);
        let args = R::Args::decode_planned(
            &self.without_undecided(&with_write_only, &request.config),
            &Path::root(),
            &mut faults,
        );
        if faults.has_errors() {
            return Answer { value: Planned::default(), diagnostics: faults };
        }
        let before = match prior.map(|prior| self.decode_or_explain(prior)).transpose() {
            Ok(before) => before,
            // A state of an older version, not read anew. Nothing can be done with it, and nothing has to be.
            Err(_) if draft.changed.is_empty() => {
                let planned = Planned {
                    state: Some(Value::Map(draft.planned)),
                    private: cx.planned_bytes(),
                    identity: self.known_identity(&request.prior),
                    ..Planned::default()
                };
                return Answer::of(planned);
            }
            Err(faults) => return Answer { value: Planned::default(), diagnostics: faults },
        };
        // Results that are not known yet are no faults.
        let outputs = R::Outputs::decode_planned(&object, &Path::root(), &mut Diagnostics::new());
        let undecided = R::Outputs::encode_planned(&outputs);
        let mut plan = Plan::<R> {
            args,
            outputs,
            prior: before,
            changed: std::mem::take(&mut draft.changed),
            replace: std::mem::take(&mut draft.replace),
            kept: BTreeSet::new(),
            faults: Diagnostics::new(),
            planned: draft.planned.clone(),
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
        let mut diagnostics = cx.take_warnings();
        diagnostics.append(std::mem::take(&mut plan.faults));
        if let Err(errors) = outcome {
            diagnostics.append(errors);
        }

        if !plan.promises.made.is_empty() {
            cx.note(&PROMISED, &plan.promises.made);
        }

        let mut planned = draft.planned;
        for (name, value) in R::Outputs::encode_planned(&plan.outputs) {
            // Only what the step itself set: the draft's own values keep their promises and spelling.
            if undecided.get(&name) != Some(&value) {
                let configured = request.config.attribute(&name).is_some_and(|value| !value.is_null());
                if configured {
                    continue;
                }
                let value = match (&value, self.attributes.iter().find(|attribute| attribute.name == name)) {
                    (Value::Unknown(_), Some(attribute)) => Value::Unknown(promise(attribute)),
                    _ => value,
                };
                planned.insert(name, value);
            }
        }
        for name in &plan.kept {
            planned.insert(name.clone(), request.prior.attribute(name).cloned().unwrap_or(Value::Null));
        }
        if plan.is_replaced() && prior.is_some() {
            for attribute in &self.attributes {
                let undecided = attribute.computed
                    && attribute.default.is_none()
                    && request.config.attribute(&attribute.name).is_none_or(Value::is_null);
                if undecided {
                    planned.insert(attribute.name.clone(), Value::Unknown(promise(attribute)));
                }
            }
        }
        let state = Value::Map(planned);
        let identity = match prior {
            Some(prior) if !plan.is_replaced() => self.identity(prior),
            _ => self.identity(&state),
        };
        // OpenTofu 1.12 cannot store an identity of which a part is unknown; Terraform takes none just as well.
        let identity = Some(identity).filter(Value::is_wholly_known);
        let requires_replace = if prior.is_some() {
            plan.replace.iter().map(|name| Path::attribute(name.clone())).collect()
        } else {
            Vec::new()
        };
        let value = Planned { state: Some(state), requires_replace, private: cx.planned_bytes(), identity };
        Answer { value, diagnostics }
    }

    async fn run_apply(&self, request: ApplyRequest, cx: Context<R::Clients>) -> Answer<Kept> {
        // A promise is between a plan and the plan during its apply.
        cx.forget(&PROMISED);
        if request.planned.is_null() {
            return self.run_delete(request, cx).await;
        }
        let known = with_write_only(&self.attributes, &request.planned, &request.config);
        let mut faults = Diagnostics::new();
        let Some(args) = R::Args::decode(&self.without_undecided(&known, &request.config), &Path::root(), &mut faults)
        else {
            if !faults.has_errors() {
                faults.push(Diagnostic::bug(format!("an argument of `{}` was still unknown at apply", R::NAME)));
            }
            let state = Some(request.prior.clone());
            return Answer { value: self.kept(state, cx.private_bytes()), diagnostics: faults };
        };
        let outcome = if request.prior.is_null() {
            caught("Making", R::NAME, R::create(&args, &cx)).await
        } else {
            match self.decode_or_explain(&request.prior) {
                Ok(prior) => caught("Changing", R::NAME, R::update(&prior, &args, &cx)).await,
                Err(errors) => Err(errors),
            }
        };
        let saved = cx.take_saved();
        let mut diagnostics = cx.take_warnings();
        let state = match outcome {
            Ok(outputs) => Self::encode(&request.planned, Self::unconfigured(Model::encode(&outputs), &request.config)),
            Err(errors) => {
                diagnostics.append(errors);
                match saved {
                    // What exists is kept; what is not known of it is null until the next refresh.
                    Some(outputs) => {
                        known_only(Self::encode(&request.planned, Self::unconfigured(outputs, &request.config)))
                    }
                    None => request.prior.clone(),
                }
            }
        };
        Answer { value: self.kept(Some(state), cx.private_bytes()), diagnostics }
    }

    /// Results of attributes that the configuration sets stay as configured: core insists on it, and a real
    /// difference is drift for the next read to show.
    fn unconfigured(outputs: BTreeMap<String, Value>, config: &Value) -> BTreeMap<String, Value> {
        outputs.into_iter().filter(|(name, _)| config.attribute(name).is_none_or(Value::is_null)).collect()
    }

    async fn run_delete(&self, request: ApplyRequest, cx: Context<R::Clients>) -> Answer<Kept> {
        let outcome = match self.decode_or_explain(&request.prior) {
            Ok(state) => caught("Removing", R::NAME, R::delete(&state, &cx)).await,
            Err(errors) => Err(errors),
        };
        let saved = cx.take_saved();
        let mut diagnostics = cx.take_warnings();
        match outcome {
            Ok(()) => Answer { value: self.kept(Some(Value::Null), Vec::new()), diagnostics },
            Err(errors) => {
                diagnostics.append(errors);
                let state = match saved {
                    Some(outputs) => known_only(Self::encode(&request.prior, outputs)),
                    None => request.prior.clone(),
                };
                // What the deletion noted on its way is the record of what is left to do.
                Answer { value: self.kept(Some(state), cx.private_bytes()), diagnostics }
            }
        }
    }

    fn kept(&self, state: Option<Value>, private: Vec<u8>) -> Kept {
        let identity = state.as_ref().and_then(|state| self.known_identity(state));
        Kept { state, private, identity }
    }
}

impl<R: Resource> Erased<R::Clients> for Adapter<R> {
    fn name(&self) -> &'static str {
        R::NAME
    }

    fn schema(&self) -> Schema {
        Schema {
            version: R::VERSION,
            description: R::DESCRIPTION.to_owned(),
            attributes: self.attributes.clone(),
            deprecation: None,
        }
    }

    fn identity_schema(&self) -> IdentitySchema {
        let attributes = R::Identity::attributes();
        IdentitySchema {
            version: 0,
            attributes: attributes
                .into_iter()
                .map(|attribute| IdentityAttribute {
                    ty: attribute.kind.ty(),
                    required_for_import: attribute.required,
                    name: attribute.name,
                    description: attribute.description,
                })
                .collect(),
        }
    }

    fn import_id(&self) -> &'static str {
        R::IMPORT_ID
    }

    fn rules(&self) -> Vec<crate::model::Rule> {
        R::Args::rules()
    }

    fn of_two_types(&self) -> Vec<String> {
        of_two_types(&R::Args::attributes(), &R::Outputs::attributes())
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        check_config::<R::Args>(config, R::validate)
    }

    fn upgrade_state(&self, version: i64, state: serde_json::Value) -> Answer<Option<Value>> {
        let upgraded = if version == R::VERSION { Ok(state) } else { R::upgrade(version, state) };
        match upgraded {
            Ok(state) => match json::decode(&state, &self.schema().ty()) {
                Ok(state) => Answer::of(Some(without_write_only(&self.attributes, state))),
                Err(mismatch) => Diagnostic::error(
                    "Stored state does not fit",
                    format!("The stored state of this `{}` cannot be read: {mismatch}.", R::NAME),
                )
                .into(),
            },
            Err(errors) => Answer { value: None, diagnostics: errors },
        }
    }

    fn upgrade_identity(&self, identity: &serde_json::Value) -> Answer<Option<Value>> {
        match json::decode(identity, &self.identity_schema().ty()) {
            Ok(identity) => Answer::of(Some(identity)),
            Err(mismatch) => {
                Diagnostic::error("Stored identity does not fit", format!("The identity cannot be read: {mismatch}."))
                    .into()
            }
        }
    }

    fn import(&self, request: ImportRequest) -> Answer<Vec<Imported>> {
        let known: Vec<(String, Value)> = if request.id.is_empty() {
            match &request.identity {
                Value::Map(entries) => entries.clone().into_iter().collect(),
                _ => Vec::new(),
            }
        } else {
            match R::import_id(&request.id) {
                Ok(parts) => parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                Err(why) => {
                    return Diagnostic::error(
                        "Invalid import id",
                        format!("`{}` is no import id of `{}`. {why}", request.id, R::NAME),
                    )
                    .into();
                }
            }
        };
        let state = import::stub(self.null_object(), known);
        let identity = self.identity(&state);
        let mut faults = Diagnostics::new();
        if R::Identity::decode(&identity, &Path::root(), &mut faults).is_none() {
            return Answer { value: Vec::new(), diagnostics: faults };
        }
        Answer::of(vec![Imported {
            type_name: R::NAME.to_owned(),
            state,
            private: Vec::new(),
            identity: Some(identity),
        }])
    }

    fn move_state(&self, request: &MoveRequest) -> Answer<Kept> {
        let source = MoveSource {
            provider: &request.source_provider,
            type_name: &request.source_type,
            version: request.source_version,
            state: &request.source_state,
        };
        match R::move_from(&source) {
            Some(Ok(state)) => match json::decode(&state, &self.schema().ty()) {
                Ok(state) => Answer::of(self.kept(Some(without_write_only(&self.attributes, state)), Vec::new())),
                Err(mismatch) => Diagnostic::bug(format!("the moved state does not fit: {mismatch}")).into(),
            },
            Some(Err(errors)) => Answer { value: Kept::default(), diagnostics: errors },
            None => Diagnostic::error(
                "State cannot be moved",
                format!("`{}` cannot take over a `{}` of `{}`.", R::NAME, request.source_type, request.source_provider),
            )
            .into(),
        }
    }

    fn read(
        &self,
        request: ReadRequest,
        clients: Option<Arc<R::Clients>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Kept>> {
        let cx = Context::new(clients, cancel).with_private(&request.private);
        Box::pin(self.run_read(request, cx))
    }

    fn plan(
        &self,
        request: PlanRequest,
        clients: Option<Arc<R::Clients>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Planned>> {
        let cx = Context::new(clients, cancel).with_private(&request.private);
        Box::pin(self.run_plan(request, cx))
    }

    fn apply(
        &self,
        request: ApplyRequest,
        clients: Option<Arc<R::Clients>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Kept>> {
        let cx = Context::new(clients, cancel).with_private(&request.private);
        Box::pin(self.run_apply(request, cx))
    }
}

/// Runs a step of the type. A panic in it is an error like others, so that what was saved and noted before it is kept.
async fn caught<T>(
    doing: &str,
    name: &str,
    step: impl Future<Output = Result<T, Diagnostics>>,
) -> Result<T, Diagnostics> {
    AssertUnwindSafe(step).catch_unwind().await.unwrap_or_else(|payload| {
        let why = panic_message(payload.as_ref());
        Err(Diagnostic::bug(format!("{doing} this `{name}` failed unexpectedly: {why}.")).into())
    })
}

/// The object without its write-only values. A state of an older version or of another type may hold one that was
/// stored then, and Terraform refuses every plan as long as it does.
fn without_write_only(attributes: &[Attribute], object: Value) -> Value {
    let Value::Map(mut entries) = object else { return object };
    for attribute in attributes {
        let Some(slot) = entries.get_mut(&attribute.name) else { continue };
        if attribute.write_only {
            *slot = Value::Null;
        } else if let Kind::Nested { nesting, attributes } = &attribute.kind {
            let one = |element| without_write_only(attributes, element);
            *slot = match (nesting, std::mem::replace(slot, Value::Null)) {
                (Nesting::Single, value) => one(value),
                (_, Value::List(elements)) => Value::List(elements.into_iter().map(one).collect()),
                (_, Value::Map(entries)) => Value::map(entries.into_iter().map(|(key, it)| (key, one(it)))),
                (_, other) => other,
            };
        }
    }
    Value::Map(entries)
}

/// The object with the configuration's write-only values in their places.
fn with_write_only(attributes: &[Attribute], object: &Value, config: &Value) -> Value {
    let Value::Map(entries) = object else { return object.clone() };
    let mut entries = entries.clone();
    for attribute in attributes {
        let configured = config.attribute(&attribute.name).unwrap_or(&Value::Null);
        if attribute.write_only {
            entries.insert(attribute.name.clone(), configured.clone());
        } else if let Kind::Nested { nesting, attributes } = &attribute.kind
            && let Some(slot) = entries.get_mut(&attribute.name)
        {
            *slot = nested_with_write_only(*nesting, attributes, slot, configured);
        }
    }
    Value::Map(entries)
}

fn nested_with_write_only(nesting: Nesting, attributes: &[Attribute], value: &Value, configured: &Value) -> Value {
    match (nesting, value, configured) {
        (Nesting::Single, ..) => with_write_only(attributes, value, configured),
        (Nesting::List, Value::List(elements), Value::List(configured)) => Value::List(
            elements
                .iter()
                .enumerate()
                .map(|(index, element)| {
                    with_write_only(attributes, element, configured.get(index).unwrap_or(&Value::Null))
                })
                .collect(),
        ),
        (Nesting::Map, Value::Map(entries), Value::Map(configured)) => Value::Map(
            entries
                .iter()
                .map(|(key, entry)| {
                    let configured = configured.get(key).unwrap_or(&Value::Null);
                    (key.clone(), with_write_only(attributes, entry, configured))
                })
                .collect(),
        ),
        // Sets hold nothing write-only: `crate::check` refuses such a schema.
        _ => value.clone(),
    }
}

/// The value with null in place of everything unknown.
fn known_only(value: Value) -> Value {
    match value {
        Value::Unknown(_) => Value::Null,
        Value::List(elements) => Value::List(elements.into_iter().map(known_only).collect()),
        Value::Set(elements) => Value::set(elements.into_iter().map(known_only)),
        Value::Map(entries) => Value::Map(entries.into_iter().map(|(name, value)| (name, known_only(value))).collect()),
        Value::Dynamic(inner) => {
            let (ty, value) = *inner;
            Value::Dynamic(Box::new((ty, known_only(value))))
        }
        other => other,
    }
}

fn failed_read(request: ReadRequest, diagnostics: Diagnostics) -> Answer<Kept> {
    let identity = (!request.identity.is_null()).then_some(request.identity);
    Answer { value: Kept { state: Some(request.state), private: request.private, identity }, diagnostics }
}

impl<T: Default> From<Diagnostic> for Answer<T> {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { value: T::default(), diagnostics: diagnostic.into() }
    }
}
