//! The lifecycle contract: what Terraform insists on in every answer of a provider, tried with many configurations.
//!
//! Each function takes one example of a type's configuration, which must be right, changes it at random (nulls,
//! unknowns, other values, garbage) and checks every answer. The random numbers come from [`Effort::seed`] alone, so
//! that a run can be repeated. [`resource`] stops at the plan, which needs nothing outside; [`life`] also applies.

mod chance;
mod life;
mod message;
mod mutation;
mod plan;
mod taking;

use std::fmt;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use self::chance::Chance;
use self::message::well_formed;
use self::mutation::{Mutator, plausible};
use crate::check::{conform, rules, text_of};
use crate::diagnostic::Diagnostics;
use crate::schema::{Attribute, FunctionSignature, ProviderSchema, Schema};
use crate::server::{Host, ListRequest, PlanRequest, Planned, Server};
use crate::value::Value;

pub use life::life;
pub use taking::taking_over;

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Where the random numbers begin.
    pub seed: u64,
    /// How many configurations are tried.
    pub rounds: u32,
}

/// Something that the contract forbids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The type, such as ``resource `cloud_server` ``.
    pub place: String,
    /// What was seen, and in which call.
    pub problem: String,
    /// The configuration that led to it.
    pub config: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  with {}", self.place, self.problem, self.config)
    }
}

/// Hosts as Terraform 1.11 and newer introduce themselves.
const HOST: Host = Host { deferral_allowed: false, write_only_allowed: true };

/// One type under test: collects what is found, each problem once.
struct Trial<'a> {
    server: &'a dyn Server,
    name: &'a str,
    place: String,
    attributes: &'a [Attribute],
    violations: Vec<Violation>,
}

impl<'a> Trial<'a> {
    fn new(server: &'a dyn Server, kind: &str, name: &'a str, attributes: &'a [Attribute]) -> Self {
        Self { server, name, place: format!("{kind} `{name}`"), attributes, violations: Vec::new() }
    }

    fn violate(&mut self, config: &Value, problem: impl Into<String>) {
        let problem = problem.into();
        if self.violations.iter().all(|known| known.problem != problem) {
            self.violations.push(Violation { place: self.place.clone(), problem, config: text_of(config) });
        }
    }

    /// Runs one call; a panic is a violation and has no answer.
    async fn call<T>(&mut self, config: &Value, what: &str, call: impl Future<Output = T>) -> Option<T> {
        let answer = AssertUnwindSafe(call).catch_unwind().await;
        if let Err(panic) = &answer {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("without a text");
            self.violate(config, format!("{what} panicked: {text}"));
        }
        answer.ok()
    }

    fn messages(&mut self, config: &Value, what: &str, diagnostics: &Diagnostics) {
        let attributes = self.attributes;
        for problem in well_formed(attributes, config, diagnostics) {
            self.violate(config, format!("{what}: {problem}"));
        }
    }

    /// Validates twice, as Terraform does; whether the configuration is valid.
    async fn validate<F, R>(&mut self, config: &Value, example: bool, call: F) -> bool
    where
        F: Fn(Value) -> R,
        R: Future<Output = Diagnostics>,
    {
        let mut answers = Vec::new();
        for _ in 0..2 {
            let Some(answer) = self.call(config, "validation", call(config.clone())).await else { return false };
            answers.push(answer);
        }
        self.messages(config, "validation", &answers[0]);
        if answers[0] != answers[1] {
            self.violate(config, "validation answers differently when it is asked again");
        }
        if example && answers[0].has_errors() {
            self.violate(config, format!("the example is not valid: {}", texts(&answers[0])));
        }
        !answers[0].has_errors()
    }
}

fn texts(diagnostics: &Diagnostics) -> String {
    diagnostics.0.iter().map(|it| format!("{}: {}", it.summary, it.detail())).collect::<Vec<_>>().join("; ")
}

/// The example with every attribute in its place; what it leaves out is null.
fn complete(schema: &Schema, example: &Value) -> Value {
    let mut object = schema.null_object();
    if let Value::Map(entries) = example {
        object.extend(entries.clone());
    }
    Value::Map(object)
}

/// Validation and plans of a managed resource: creation, no change, update, replacement, deletion.
///
/// # Panics
/// When the provider has no such resource.
pub async fn resource(server: &dyn Server, name: &str, example: &Value, effort: Effort) -> Vec<Violation> {
    let schema = server.schema().resources.get(name).unwrap_or_else(|| panic!("a resource `{name}`")).clone();
    let mut chance = Chance::new(effort.seed, name);
    let mut trial = Trial::new(server, "resource", name, &schema.attributes);
    let example = complete(&schema, example);
    if let Err(misfit) = conform(&example, &schema.ty()) {
        trial.violate(&example, format!("the example does not fit the schema: {misfit}"));
        return trial.violations;
    }
    let mutator = Mutator::new(&schema.attributes, &example);
    let mut changes = 0;
    for round in 0..effort.rounds {
        let config = if round == 0 { example.clone() } else { mutator.mutate(&example, &mut chance) };
        let validate = |config| server.validate_resource(name.to_owned(), config, HOST);
        if !trial.validate(&config, round == 0, validate).await {
            continue;
        }
        let Some(created) = trial.plan(Value::Null, &config, Vec::new()).await else {
            if round == 0 {
                trial.violate(&config, "the example cannot be planned while nothing outside can be reached");
            }
            continue;
        };
        let prior = plausible(&schema.attributes, &created.state.unwrap_or(Value::Null), &mut chance);
        trial.generated_changes_nothing(&prior, created.private.clone(), true).await;
        let known = mutation::known(&schema.attributes, &config, &mut chance);
        let next = if chance.one_in(3) { known } else { mutator.mutate(&known, &mut chance) };
        if trial.validate(&next, false, validate).await
            && trial.plan(prior.clone(), &next, created.private.clone()).await.is_some()
        {
            changes += 1;
        }
        trial.plan_delete(&prior, created.private).await;
    }
    if effort.rounds >= 100 && changes < effort.rounds / 20 {
        trial.violate(
            &example,
            format!("only {changes} of {} rounds reach a change: too little is tried", effort.rounds),
        );
    }
    trial.violations
}

impl Trial<'_> {
    fn identity_of(&self, state: &Value) -> Value {
        let Some(schema) = self.server.schema().identities.get(self.name) else { return Value::Null };
        if state.is_null() {
            return Value::Null;
        }
        Value::map(schema.attributes.iter().map(|attribute| {
            (attribute.name.clone(), state.attribute(&attribute.name).cloned().unwrap_or(Value::Null))
        }))
    }

    /// Plans and checks the answer; a replacement is planned again as Terraform does, with nothing before it.
    async fn plan(&mut self, prior: Value, config: &Value, private: Vec<u8>) -> Option<Planned> {
        let planned = self.plan_once(prior.clone(), config, private).await?;
        let replaced = plan::replaces(&planned, &prior);
        if prior.is_null() || !replaced {
            return Some(planned);
        }
        self.plan_once(Value::Null, config, Vec::new()).await
    }

    async fn plan_once(&mut self, prior: Value, config: &Value, private: Vec<u8>) -> Option<Planned> {
        let what = if prior.is_null() { "plan of a creation" } else { "plan of an update" };
        let identity = self.identity_of(&prior);
        let request = PlanRequest {
            type_name: self.name.to_owned(),
            proposed: rules::proposed(self.attributes, &prior, config),
            prior: prior.clone(),
            config: config.clone(),
            private,
            is_final: false,
            identity: identity.clone(),
            host: HOST,
        };
        let answer = self.call(config, what, self.server.plan(request, CancellationToken::new())).await?;
        self.messages(config, what, &answer.diagnostics);
        if answer.diagnostics.has_errors() {
            return None;
        }
        for problem in plan::problems(self.attributes, &prior, config, &answer.value) {
            self.violate(config, format!("{what}: {problem}"));
        }
        let is_new = prior.is_null() || plan::replaces(&answer.value, &prior);
        let after = answer.value.identity.clone().unwrap_or(Value::Null);
        if let Some(schema) = self.server.schema().identities.get(self.name)
            && let Some(problem) = rules::identity(&schema.ty(), &identity, &after, is_new)
        {
            self.violate(config, format!("{what}: {problem}"));
        }
        answer.value.state.is_some().then_some(answer.value)
    }

    async fn plan_delete(&mut self, prior: &Value, private: Vec<u8>) -> Option<Planned> {
        let request = PlanRequest {
            type_name: self.name.to_owned(),
            prior: prior.clone(),
            proposed: Value::Null,
            config: Value::Null,
            private,
            is_final: false,
            identity: self.identity_of(prior),
            host: HOST,
        };
        let what = "plan of a deletion";
        let answer = self.call(prior, what, self.server.plan(request, CancellationToken::new())).await?;
        self.messages(prior, what, &answer.diagnostics);
        if answer.diagnostics.has_errors() {
            return None;
        }
        if answer.value.state != Some(Value::Null) {
            self.violate(prior, format!("{what} is not null"));
        }
        Some(answer.value)
    }
}

/// What only takes a configuration and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// A data source.
    DataSource,
    /// An ephemeral resource: opened, renewed, closed.
    Ephemeral,
    /// An action: planned and run.
    Action,
    /// A list resource.
    List,
}

impl Plain {
    fn kind(self) -> &'static str {
        match self {
            Self::DataSource => "data source",
            Self::Ephemeral => "ephemeral resource",
            Self::Action => "action",
            Self::List => "list resource",
        }
    }

    fn schema(self, schema: &ProviderSchema, name: &str) -> Option<Schema> {
        let types = match self {
            Self::DataSource => &schema.data_sources,
            Self::Ephemeral => &schema.ephemeral_resources,
            Self::Action => &schema.actions,
            Self::List => &schema.list_resources,
        };
        types.get(name).cloned()
    }
}

/// Validation of a data source, ephemeral resource, action or list resource, and the call itself when the
/// configuration is valid and wholly known.
///
/// # Panics
/// When the provider has no such type.
pub async fn plain(server: &dyn Server, kind: Plain, name: &str, example: &Value, effort: Effort) -> Vec<Violation> {
    let schema = kind.schema(server.schema(), name).unwrap_or_else(|| panic!("a type `{name}`"));
    let mut chance = Chance::new(effort.seed, name);
    let mut trial = Trial::new(server, kind.kind(), name, &schema.attributes);
    let example = complete(&schema, example);
    if let Err(misfit) = conform(&example, &schema.ty()) {
        trial.violate(&example, format!("the example does not fit the schema: {misfit}"));
        return trial.violations;
    }
    let mutator = Mutator::new(&schema.attributes, &example);
    for round in 0..effort.rounds {
        let config = if round == 0 { example.clone() } else { mutator.mutate(&example, &mut chance) };
        let valid = trial
            .validate(&config, round == 0, |config| {
                let name = name.to_owned();
                match kind {
                    Plain::DataSource => server.validate_data_source(name, config),
                    Plain::Ephemeral => server.validate_ephemeral(name, config),
                    Plain::Action => server.validate_action(name, config),
                    Plain::List => server.validate_list(name, config, Value::from(true), Value::from(10)),
                }
            })
            .await;
        if valid && config.is_wholly_known() {
            trial.run_plain(kind, &config).await;
        }
    }
    trial.violations
}

impl Trial<'_> {
    async fn run_plain(&mut self, kind: Plain, config: &Value) {
        let (server, name, cancel) = (self.server, self.name.to_owned(), CancellationToken::new());
        let results = kind.schema(server.schema(), self.name).map(|schema| schema.ty());
        let fits = |value: &Value| results.as_ref().is_none_or(|ty| conform(value, ty).is_ok());
        match kind {
            Plain::DataSource => {
                let call = server.read_data_source(name, config.clone(), HOST, cancel);
                let Some(answer) = self.call(config, "read", call).await else { return };
                self.messages(config, "read", &answer.diagnostics);
                let whole = answer.value.as_ref().is_some_and(|value| value.is_wholly_known() && fits(value));
                if !answer.diagnostics.has_errors() && !whole {
                    self.violate(config, "read answers with no whole, known value of its type");
                }
            }
            Plain::Ephemeral => {
                let call = server.open_ephemeral(name.clone(), config.clone(), HOST, cancel.clone());
                let Some(answer) = self.call(config, "open", call).await else { return };
                self.messages(config, "open", &answer.diagnostics);
                let whole = answer.value.result.as_ref().is_some_and(|value| value.is_wholly_known() && fits(value));
                if answer.diagnostics.has_errors() {
                    return;
                }
                if !whole {
                    self.violate(config, "open answers with no whole, known value of its type");
                }
                let call = server.renew_ephemeral(name.clone(), answer.value.private.clone(), cancel.clone());
                if let Some(answer) = self.call(config, "renewal", call).await {
                    self.messages(config, "renewal", &answer.diagnostics);
                }
                let call = server.close_ephemeral(name, answer.value.private, cancel);
                if let Some(answer) = self.call(config, "close", call).await {
                    self.messages(config, "close", &answer);
                }
            }
            Plain::Action => {
                let call = server.plan_action(name.clone(), config.clone(), HOST, cancel.clone());
                if let Some(answer) = self.call(config, "plan", call).await {
                    self.messages(config, "plan", &answer);
                }
                // Wide enough that nobody has to listen; an action that says more than this waits for its listener.
                let (sink, mut lines) = tokio::sync::mpsc::channel(1_024);
                let drain = async { while lines.recv().await.is_some() {} };
                let call = async { tokio::join!(server.invoke_action(name, config.clone(), sink, cancel), drain).0 };
                if let Some(answer) = self.call(config, "run", call).await {
                    self.messages(config, "run", &answer);
                }
            }
            Plain::List => {
                let (sink, mut found) = tokio::sync::mpsc::channel(1_024);
                let request = ListRequest { type_name: name, config: config.clone(), include_resource: true, limit: 3 };
                let collect = async {
                    let mut all = Vec::new();
                    while let Some(listed) = found.recv().await {
                        all.push(listed);
                    }
                    all
                };
                let call = async { tokio::join!(server.list(request, sink, cancel), collect) };
                let Some((answer, all)) = self.call(config, "listing", call).await else { return };
                self.messages(config, "listing", &answer);
                self.listed(config, &all);
            }
        }
    }

    fn listed(&mut self, config: &Value, all: &[crate::server::Listed]) {
        if all.len() > 3 {
            self.violate(config, "the listing continues beyond the limit");
        }
        let schema = self.server.schema();
        let identity = schema.identities.get(self.name).map(crate::schema::IdentitySchema::ty);
        let resource = schema.resources.get(self.name).map(Schema::ty);
        for listed in all {
            if listed.display_name.is_empty() {
                self.violate(config, "a listed object has no name for people");
            }
            let whole = |value: &Value, ty: &crate::value::Type| value.is_wholly_known() && conform(value, ty).is_ok();
            if !identity.as_ref().is_some_and(|ty| whole(&listed.identity, ty)) {
                self.violate(config, "the identity of a listed object is not whole, known and of its type");
            }
            let state = listed.resource.as_ref();
            if !state.zip(resource.as_ref()).is_some_and(|(state, ty)| whole(state, ty)) {
                self.violate(config, "the state of a listed object is not whole, known and of its type");
            }
        }
    }
}

/// A function: called with the example's arguments and with changed ones; the same arguments give the same answer.
///
/// # Panics
/// When the provider has no such function.
pub async fn function(server: &dyn Server, name: &str, example: &[Value], effort: Effort) -> Vec<Violation> {
    let signature = server.schema().functions.get(name).unwrap_or_else(|| panic!("a function `{name}`")).clone();
    let parameters: Vec<Attribute> = mutation::parameters(&signature, example.len());
    let mut chance = Chance::new(effort.seed, name);
    let mut trial = Trial::new(server, "function", name, &[]);
    if parameters.len() != example.len() {
        trial.violate(&Value::List(example.to_vec()), "the example has another number of arguments");
        return trial.violations;
    }
    let object = |values: &[Value]| {
        Value::map(parameters.iter().zip(values).map(|(parameter, value)| (parameter.name.clone(), value.clone())))
    };
    let whole = object(example);
    let mutator = Mutator::new(&parameters, &whole);
    for round in 0..effort.rounds {
        let config = if round == 0 { whole.clone() } else { mutator.mutate(&whole, &mut chance) };
        let part = |parameter: &Attribute| config.attribute(&parameter.name).cloned().unwrap_or(Value::Null);
        let arguments: Vec<Value> = parameters.iter().map(part).collect();
        if !accepted(&parameters, &signature, &arguments) {
            continue;
        }
        let one = trial.call(&config, "call", server.call_function(name.to_owned(), arguments.clone())).await;
        let other = trial.call(&config, "call", server.call_function(name.to_owned(), arguments.clone())).await;
        if one != other {
            trial.violate(&config, "the same arguments give another answer");
        }
        match one {
            Some(Ok(result)) => {
                if let Err(misfit) = conform(&result, &signature.result) {
                    trial.violate(&config, format!("the result is not of its type: {misfit}"));
                }
                if arguments.iter().all(Value::is_wholly_known) && !result.is_wholly_known() {
                    trial.violate(&config, "the result of known arguments is unknown");
                }
            }
            Some(Err(error)) => {
                if round == 0 {
                    trial.violate(&config, format!("the example fails: {}", error.text));
                }
                if error.text.trim().is_empty() {
                    trial.violate(&config, "an error has no text");
                }
                if error.text.trim_end().ends_with('.') {
                    trial.violate(&config, "an error ends with a period, and Terraform puts one behind it");
                }
                let beyond = |position| usize::try_from(position).is_ok_and(|position| position >= arguments.len());
                if error.argument.is_some_and(|position| position < 0 || beyond(position)) {
                    trial.violate(&config, "an error is on an argument that was not given");
                }
            }
            None => {}
        }
    }
    trial.violations
}

/// Whether Terraform would make the call: it keeps nulls and unknowns from parameters that do not take them.
fn accepted(parameters: &[Attribute], signature: &FunctionSignature, arguments: &[Value]) -> bool {
    let declared = signature.parameters.iter().chain(std::iter::repeat_with(|| signature.variadic.as_ref()).flatten());
    parameters.iter().zip(declared).zip(arguments).all(|((_, parameter), argument)| {
        (parameter.allow_null || !argument.is_null()) && (parameter.allow_unknown || argument.is_wholly_known())
    })
}
