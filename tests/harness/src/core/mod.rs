//! A miniature Terraform core in this process. It drives a provider's gRPC service as Terraform does, and holds every
//! answer against the rules that Terraform holds it against.
//!
//! It knows what acceptance cases use: see [`config`] for blocks and [`functions`] for functions. Sensitivity is not
//! tracked through expressions, there is one provider and one module.

mod applying;
mod builtin;
mod client;
mod config;
mod convert;
mod eval;
mod functions;
mod logs;
mod outside;
mod planning;
mod provider;
mod pulse;
mod references;
mod schema;
mod show;
mod state;
#[cfg(test)]
mod tests;
mod walk;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use framework::permission::{Declared, TypeKind};
use serde_json::json;
use tempfile::TempDir;

pub use client::MakeServer;

use self::client::Connection;
use self::config::{Configuration, Mode};
use self::logs::{Asked, Log};
use self::planning::SavedPlan;
use self::pulse::Pulse;
use self::state::State;
use self::walk::{Key, Walk};
use crate::layer::{Goal, Interruption, Layer, LayerError, Look};
use crate::outcome::{self, Outcome};

/// A step of a case that takes longer has gone wrong; the slowest takes about a minute.
const PATIENCE: Duration = Duration::from_mins(10);

/// The in-process layer at work on one case.
pub struct InProcess {
    provider: String,
    make: Arc<MakeServer>,
    runtime: tokio::runtime::Runtime,
    log: Log,
    folder: TempDir,
    prelude: String,
    configuration: Configuration,
    state: RefCell<State>,
    plan: Option<SavedPlan>,
    before_forgetting: State,
    /// Whether this is a Terraform that hands a plan's private bytes to the plan during apply.
    hands_planned_private: bool,
    /// What people would have seen.
    said: String,
}

impl InProcess {
    /// Prepares a case. `provider` is the provider's local name, `crates` are those whose log events are its own;
    /// `prelude` is the provider block that is used when a configuration has none.
    ///
    /// # Errors
    ///
    /// There is no runtime or no folder to be had.
    pub fn new(
        provider: impl Into<String>,
        crates: &'static [&'static str],
        make: Arc<MakeServer>,
        prelude: String,
    ) -> Result<Self, LayerError> {
        // One thread, so that what it logs belongs to this case.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(LayerError::io("make a runtime for the case"))?;
        let folder = TempDir::with_prefix("acceptance-").map_err(LayerError::io("make a folder for the case"))?;
        let provider = provider.into();
        let configuration = Configuration::parse(&prelude, &provider)?;
        Ok(Self {
            provider,
            make,
            runtime,
            log: Log::of(crates),
            folder,
            prelude,
            configuration,
            state: RefCell::default(),
            plan: None,
            before_forgetting: State::default(),
            hands_planned_private: false,
            said: String::new(),
        })
    }

    /// From now on is Terraform 1.16, which hands the private bytes of a plan to the plan that it makes anew while it
    /// applies. Older ones and OpenTofu hand over what is beside the state.
    pub fn hand_planned_private(&mut self) {
        self.hands_planned_private = true;
    }

    /// Runs work with the log of this case, but not for ever.
    fn block_on<T>(&self, work: impl Future<Output = Result<T, LayerError>>) -> Result<T, LayerError> {
        let _listening = self.log.listen();
        let limited = async { tokio::time::timeout(PATIENCE, work).await };
        self.runtime.block_on(limited).unwrap_or(Err(LayerError::Endless(PATIENCE)))
    }

    async fn connect(&self) -> Result<Connection, LayerError> {
        Connection::open(&*self.make, self.hands_planned_private).await
    }

    async fn walk<'a>(&'a self, connection: &'a Connection) -> Result<Walk<'a>, LayerError> {
        Walk::new(connection, &self.provider, &self.configuration, self.folder.path()).await
    }

    /// The messages of a walk, equal ones once.
    fn outcome(walk: &Walk<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        for message in walk.told.take() {
            outcome.add(message);
        }
        outcome
    }

    async fn validated(&self) -> Result<Outcome, LayerError> {
        let connection = self.connect().await?;
        let walk = self.walk(&connection).await?;
        outside::validate(&walk).await?;
        Ok(Self::outcome(&walk))
    }

    async fn planned(&self, goal: &Goal) -> Result<(Outcome, Option<SavedPlan>), LayerError> {
        let mut outcome = self.validated().await?;
        if outcome.failed() {
            return Ok((outcome, None));
        }
        let connection = self.connect().await?;
        let walk = self.walk(&connection).await?;
        let mut before = self.state.borrow().clone();
        planning::moved(&walk, &self.configuration, &mut before).await?;
        let plan = planning::plan(&walk, goal, &before).await?;
        outcome.plan = plan.as_ref().map(|plan| plan.show(&walk));
        for message in walk.told.take() {
            outcome.add(message);
        }
        Ok((outcome, plan))
    }

    async fn applied(
        &self,
        plan: &SavedPlan,
        interruption: Option<&mut Interruption<'_>>,
    ) -> Result<Outcome, LayerError> {
        let connection = self.connect().await?;
        let walk = self.walk(&connection).await?;
        let stopped = RefCell::new(false);
        let work = applying::apply(&walk, plan, &self.state, &stopped);
        match interruption {
            None => work.await?,
            Some(interruption) => {
                let told = Cell::new(None);
                let stop = async {
                    while !(interruption.due)() {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    *stopped.borrow_mut() = true;
                    told.set(Some(Pulse::start()));
                    connection.stop().await
                };
                let mut work = std::pin::pin!(work);
                tokio::select! {
                    done = &mut work => done?,
                    stopping = stop => {
                        stopping?;
                        work.await?;
                    }
                }
                interruption.took = told.take().map(|told| told.elapsed());
            }
        }
        Ok(Self::outcome(&walk))
    }

    async fn queried(&self, lists: Vec<config::ListBlock>) -> Result<Outcome, LayerError> {
        let connection = self.connect().await?;
        let walk = self.walk(&connection).await?;
        let mut found = Vec::new();
        if outside::provider_block(&walk, true).await? {
            for list in lists {
                let address = format!("list.{}.{}", list.ty, list.name);
                let Some(attributes) = connection.schemas.lists.get(&list.ty) else {
                    return Err(LayerError::Configuration(format!("the provider has no list resource {}", list.ty)));
                };
                let Some(config) = walk.block(attributes, &list.arguments, &Key::None, &address).await? else {
                    continue;
                };
                let (events, told) = connection.list(&list.ty, &config, list.include_resource, list.limit).await?;
                walk.tell(&address, told);
                if i64::try_from(events.len()).is_ok_and(|count| count > list.limit) {
                    let what = format!("{address}: {} for a limit of {}", events.len(), list.limit);
                    return Err(LayerError::Contract { rule: "a listing keeps to its limit", what });
                }
                for event in events {
                    let (identity, display_name, object) = connection.listed(&list.ty, event)?;
                    if !identity.is_wholly_known() || (list.include_resource && object.is_null()) {
                        let what = format!("{address}: {display_name}");
                        return Err(LayerError::Contract { rule: "listed objects have identity and object", what });
                    }
                    let mut one = json!({
                        "address": address,
                        "display_name": display_name,
                        "identity": show::known(&identity),
                        "resource_type": list.ty,
                    });
                    if !object.is_null() {
                        one["resource_object"] = show::known(&object);
                    }
                    found.push(one);
                }
            }
        }
        Ok(Outcome { found, ..Self::outcome(&walk) })
    }

    async fn invoked(&self, address: &str) -> Result<Outcome, LayerError> {
        let connection = self.connect().await?;
        let walk = self.walk(&connection).await?;
        // What the action refers to is as the state has it.
        for (block, resource) in &self.configuration.resources {
            let state = self.state.borrow();
            let instances: Vec<_> =
                state.instances_of(block).map(|(_, stored)| (Key::None, stored.value.clone())).collect();
            walk.set_instances(block, resource, instances);
        }
        let Some(action) = self.configuration.actions.get(address) else {
            return Err(LayerError::Configuration(format!("there is no {address}")));
        };
        let Some(attributes) = connection.schemas.actions.get(&action.ty) else {
            return Err(LayerError::Configuration(format!("the provider has no action {}", action.ty)));
        };
        let mut progress = Vec::new();
        if outside::provider_block(&walk, true).await?
            && let Some(config) = walk.block(attributes, &action.arguments, &Key::None, address).await?
        {
            let told = connection.validate_action(&action.ty, &config).await?;
            if walk.tell(address, told) {
                let (seen, told) = connection.invoke(&action.ty, &config).await?;
                walk.tell(address, told);
                progress = seen;
            }
        }
        Ok(Outcome { progress, ..Self::outcome(&walk) })
    }

    /// Keeps what people would have seen of an outcome.
    fn say(&mut self, outcome: &Outcome) {
        for message in &outcome.messages {
            self.said.push_str(&format!("{}\n{}\n", message.summary, message.detail));
        }
        for line in &outcome.progress {
            self.said.push_str(line);
            self.said.push('\n');
        }
    }
}

/// What is wrong with a request that neither its type nor the provider declares.
fn undeclared(declared: &[Declared], asked: &Asked) -> Option<String> {
    let Asked { rpc, subject, system, act, on } = asked;
    let kind = TypeKind::of_call(rpc);
    let mut able =
        declared.iter().filter(|it| it.kind == TypeKind::Provider || (Some(it.kind) == kind && it.name == subject));
    if able.any(|it| it.covers(system, act, on.as_deref())) {
        return None;
    }
    let on = on.as_ref().map(|on| format!(" on {on}")).unwrap_or_default();
    Some(match kind {
        Some(kind) => {
            format!("{} asks {system} for {act}{on}, which its PERMISSIONS do not declare", kind.address(subject))
        }
        None => format!("{system} is asked for {act}{on} outside of any type's call ({rpc:?})"),
    })
}

impl Layer for InProcess {
    fn configure(&mut self, configuration: &str) -> Result<(), LayerError> {
        let mut text = configuration.to_owned();
        if !configuration.lines().any(|line| line.trim_start().starts_with("provider \"")) {
            text.push('\n');
            text.push_str(&self.prelude);
        }
        self.configuration = Configuration::parse(&text, &self.provider)?;
        Ok(())
    }

    fn put_file(&mut self, name: &str, content: &str) -> Result<(), LayerError> {
        let path = self.folder.path().join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(LayerError::io(format!("make the folder of {name}")))?;
        }
        std::fs::write(path, content).map_err(LayerError::io(format!("write {name}")))
    }

    fn validate(&mut self) -> Result<Outcome, LayerError> {
        let outcome = self.block_on(self.validated())?;
        self.say(&outcome);
        Ok(outcome)
    }

    fn plan(&mut self, goal: &Goal, _: Look) -> Result<Outcome, LayerError> {
        self.plan = None;
        let (outcome, plan) = self.block_on(self.planned(goal))?;
        self.plan = plan.filter(|_| !outcome.failed());
        self.say(&outcome);
        Ok(outcome)
    }

    fn apply(&mut self, interruption: Option<&mut Interruption<'_>>) -> Result<Outcome, LayerError> {
        let plan = self.plan.take().ok_or_else(|| LayerError::Configuration("there is no plan to apply".to_owned()))?;
        let outcome = self.block_on(self.applied(&plan, interruption))?;
        self.say(&outcome);
        Ok(outcome)
    }

    fn query(&mut self, configuration: &str) -> Result<Outcome, LayerError> {
        let lists = config::lists(configuration, &self.provider)?;
        let outcome = self.block_on(self.queried(lists))?;
        self.say(&outcome);
        Ok(outcome)
    }

    fn invoke(&mut self, address: &str) -> Result<Outcome, LayerError> {
        let outcome = self.block_on(self.invoked(address))?;
        self.say(&outcome);
        Ok(outcome)
    }

    fn forget(&mut self, address: &str) -> Result<(), LayerError> {
        self.before_forgetting = self.state.borrow().clone();
        match self.state.borrow_mut().objects.remove(address) {
            Some(_) => Ok(()),
            None => Err(LayerError::Configuration(format!("{address} is not in the state"))),
        }
    }

    fn put_back(&mut self) -> Result<(), LayerError> {
        *self.state.borrow_mut() = std::mem::take(&mut self.before_forgetting);
        Ok(())
    }

    fn taint(&mut self, address: &str) -> Result<(), LayerError> {
        let mut state = self.state.borrow_mut();
        let stored = state.objects.get_mut(address);
        let stored = stored.ok_or_else(|| LayerError::Configuration(format!("{address} is not in the state")))?;
        stored.tainted = true;
        Ok(())
    }

    fn is_empty(&mut self) -> Result<bool, LayerError> {
        Ok(self.state.borrow().objects.is_empty())
    }

    fn state(&mut self, _marks: bool) -> Result<outcome::State, LayerError> {
        let state = self.state.borrow();
        let connection = self.block_on(self.connect())?;
        let mut shown = outcome::State::default();
        for (instance, stored) in &state.objects {
            let sensitive = match stored.block.mode {
                Mode::Managed => show::sensitive(&provider::attributes(&connection, &stored.block.ty)?, &stored.value),
                _ => connection
                    .schemas
                    .data_sources
                    .get(&stored.block.ty)
                    .map_or(serde_json::Value::Null, |attributes| show::sensitive(attributes, &stored.value)),
            };
            let object = outcome::Object {
                values: show::known(&stored.value),
                sensitive,
                identity: stored.identity.as_ref().map(|(identity, _)| identity.clone()),
                tainted: stored.tainted,
            };
            shown.objects.insert(instance.clone(), object);
        }
        for (name, (value, sensitive)) in &state.outputs {
            let output = outcome::Output { value: show::known(value), sensitive: *sensitive };
            shown.outputs.insert(name.clone(), output);
        }
        Ok(shown)
    }

    fn logs(&self) -> String {
        self.log.text()
    }

    fn undeclared(&self) -> Vec<String> {
        let server = (self.make)();
        self.log.asked().iter().filter_map(|asked| undeclared(server.declared(), asked)).collect()
    }

    fn said(&self) -> String {
        format!("{}{}", self.said, self.log.text())
    }
}
