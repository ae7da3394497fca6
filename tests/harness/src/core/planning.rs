//! The walk that makes a plan: every object is read, then planned.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use framework::check::rules::planned_data;
use framework::value::Value;

use super::client::Kept;
use super::config::{Address, Configuration, Mode, ResourceBlock};
use super::outside::{Ephemeral, data, ephemeral, provider_block};
use super::provider::{self, effective, failed};
use super::schema::Attributes;
use super::show;
use super::state::{self, State, Stored};
use super::walk::{Key, Node, Visited, Walk, together, waits_for};
use crate::case::AttributePath;
use crate::layer::{Goal, LayerError};
use crate::outcome::{self, Action};

/// A plan that can be applied.
#[derive(Clone, Debug)]
pub struct SavedPlan {
    /// What it is for.
    pub goal: Goal,
    /// The state as it was read.
    pub refreshed: State,
    /// The changes by the address of the instance.
    pub changes: BTreeMap<String, PlannedChange>,
    /// Data sources that were read already.
    pub data: BTreeMap<String, Value>,
    /// Outputs that would change.
    pub outputs: BTreeSet<String>,
}

/// What would happen to one object.
#[derive(Clone, Debug)]
pub struct PlannedChange {
    /// Its block.
    pub block: Address,
    /// What would be done.
    pub action: Action,
    /// Whether it is imported.
    pub importing: bool,
    /// The object before, as it was read.
    pub prior: Kept,
    /// The object after.
    pub planned: Kept,
    /// Where the change makes a new object.
    pub replace_paths: Vec<AttributePath>,
}

/// The walk's own data.
pub struct Planning<'a> {
    walk: &'a Walk<'a>,
    goal: &'a Goal,
    /// The state before, after renames.
    before: &'a State,
    refreshed: RefCell<State>,
    changes: RefCell<BTreeMap<String, PlannedChange>>,
    data: RefCell<BTreeMap<String, Value>>,
    outputs: RefCell<BTreeSet<String>>,
    opened: RefCell<Vec<Ephemeral>>,
}

/// Plans; `None` after errors, which have been reported to the walk.
pub async fn plan(walk: &Walk<'_>, goal: &Goal, before: &State) -> Result<Option<SavedPlan>, LayerError> {
    let planning = Planning {
        walk,
        goal,
        before,
        refreshed: RefCell::new(before.clone()),
        changes: RefCell::default(),
        data: RefCell::default(),
        outputs: RefCell::default(),
        opened: RefCell::default(),
    };
    let walked = walk.run(|node| Box::pin(planning.visit(node))).await;
    let orphans = if walked.is_ok() { planning.orphans().await } else { Ok(()) };
    let generated = match goal {
        Goal::Generate { address, id } if walked.is_ok() => planning.generated(address, id).await,
        _ => Ok(()),
    };
    Ephemeral::close_all(walk, planning.opened.take()).await?;
    walked.and(orphans).and(generated)?;
    if failed(&walk.told.borrow()) {
        return Ok(None);
    }
    if *goal == Goal::Destroy {
        planning.everything().await?;
        if failed(&walk.told.borrow()) {
            return Ok(None);
        }
    }
    Ok(Some(SavedPlan {
        goal: goal.clone(),
        refreshed: planning.refreshed.into_inner(),
        changes: planning.changes.into_inner(),
        data: planning.data.into_inner(),
        outputs: planning.outputs.into_inner(),
    }))
}

/// Takes over what is called otherwise now.
///
/// # Errors
///
/// A rule is broken.
pub async fn moved(walk: &Walk<'_>, configuration: &Configuration, state: &mut State) -> Result<(), LayerError> {
    for (from, to) in &configuration.moved {
        let target = Address::parse(to).ok_or_else(|| LayerError::Configuration(format!("`{to}` is no address")))?;
        let sources: Vec<String> = state
            .objects
            .keys()
            .filter(|instance| {
                *instance == from || instance.strip_prefix(from.as_str()).is_some_and(|rest| rest.starts_with('['))
            })
            .cloned()
            .collect();
        for source in sources {
            let instance = format!("{to}{}", &source[from.len()..]);
            let Some(mut stored) = state.objects.remove(&source) else { continue };
            if stored.block.ty != target.ty {
                let (kept, told) = walk
                    .connection
                    .move_state(&stored.block.ty, stored.version, &stored.attributes, &stored.private, &target.ty)
                    .await?;
                if !walk.tell(to, told) {
                    continue;
                }
                stored = stored_of(walk, &target, &kept, false);
            }
            stored.block = target.clone();
            state.objects.insert(instance, stored);
        }
    }
    Ok(())
}

/// An object in the form of the state.
pub fn stored_of(walk: &Walk<'_>, block: &Address, kept: &Kept, tainted: bool) -> Stored {
    let schemas = &walk.connection.schemas;
    let identity = schemas.resources.get(&block.ty).and_then(|resource| resource.identity.as_ref());
    Stored {
        block: block.clone(),
        attributes: state::to_json(&kept.value),
        version: provider::version(walk.connection, &block.ty),
        private: kept.private.clone(),
        identity: identity
            .filter(|_| !kept.identity.is_null())
            .map(|identity| (state::to_json(&kept.identity), identity.version)),
        tainted,
        depends: walk.dependencies(block),
        value: kept.value.clone(),
    }
}

impl Planning<'_> {
    async fn visit(&self, node: Node) -> Visited {
        let walk = self.walk;
        match node {
            Node::Provider => provider_block(walk, true).await,
            Node::Local(name) => walk.local(&name).await,
            Node::Output(name) => self.output(&name).await,
            Node::Resource(address) => {
                let block = &walk.configuration.resources[&address];
                match address.mode {
                    Mode::Managed => self.managed(&address, block).await,
                    Mode::Data => self.data(&address, block).await,
                    Mode::Ephemeral => ephemeral(walk, &address, block, &self.opened).await,
                }
            }
        }
    }

    async fn output(&self, name: &str) -> Visited {
        let Some(value) = self.walk.output(name).await? else { return Ok(false) };
        let before = self.before.outputs.get(name).map_or(&Value::Null, |(value, _)| value);
        if *before != value {
            self.outputs.borrow_mut().insert(name.to_owned());
        }
        Ok(true)
    }

    /// Reads the objects of the state and gives what they are now; `None` after an error, which has been reported.
    async fn refresh(&self, instance: &str, stored: &Stored) -> Result<Option<Kept>, LayerError> {
        let walk = self.walk;
        let _slot = walk.slot().await?;
        let (before, told) = provider::upgrade(walk.connection, instance, stored).await?;
        if !walk.tell(instance, told) {
            return Ok(None);
        }
        let (kept, told) = provider::read(walk.connection, &stored.block.ty, instance, &before).await?;
        if !walk.tell(instance, told) {
            return Ok(None);
        }
        let mut refreshed = self.refreshed.borrow_mut();
        if kept.value.is_null() {
            refreshed.objects.remove(instance);
        } else {
            let depends = stored.depends.clone();
            let stored = Stored { depends, ..stored_of(walk, &stored.block, &kept, stored.tainted) };
            refreshed.objects.insert(instance.to_owned(), stored);
        }
        Ok(Some(kept))
    }

    /// Plans all instances of a block, and the deletion of those that it has no longer.
    async fn managed(&self, address: &Address, block: &ResourceBlock) -> Visited {
        let walk = self.walk;
        let Some(keys) = walk.expand(address, block).await? else { return Ok(false) };
        let attributes = provider::attributes(walk.connection, &address.ty)?;
        let planned = together(keys.iter().map(|key| self.instance(address, block, &attributes, key))).await?;
        let instances: BTreeSet<String> = keys.iter().map(|key| key.instance(address)).collect();
        let leftover: Vec<(String, Stored)> = self
            .before
            .instances_of(address)
            .filter(|(instance, _)| !instances.contains(*instance))
            .map(|(instance, stored)| (instance.clone(), stored.clone()))
            .collect();
        together(leftover.iter().map(|(instance, stored)| self.deletion(instance, stored))).await?;
        let mut values = Vec::new();
        for (key, planned) in keys.into_iter().zip(planned) {
            let Some(value) = planned else { return Ok(false) };
            values.push((key, value));
        }
        walk.set_instances(address, block, values);
        Ok(true)
    }

    /// Plans one instance and gives its planned value; `None` after an error, which has been reported.
    async fn instance(
        &self,
        address: &Address,
        block: &ResourceBlock,
        attributes: &Attributes,
        key: &Key,
    ) -> Result<Option<Value>, LayerError> {
        let walk = self.walk;
        let instance = key.instance(address);
        let stored = self.before.objects.get(&instance);
        let (prior, importing) = match (stored, self.import(&instance)) {
            (Some(stored), _) => match self.refresh(&instance, stored).await? {
                Some(kept) => (kept, false),
                None => return Ok(None),
            },
            (None, Some((id, identity))) => {
                let (kept, told) =
                    provider::import(walk.connection, &address.ty, &instance, &id, identity.as_ref()).await?;
                if !walk.tell(&instance, told) {
                    return Ok(None);
                }
                self.refreshed.borrow_mut().objects.insert(instance.clone(), stored_of(walk, address, &kept, false));
                (kept, true)
            }
            (None, None) => (Kept::none(), false),
        };
        match self.goal {
            Goal::Refresh => return Ok(Some(prior.value)),
            // Also before a deletion of everything the configuration is planned once, and its errors count.
            Goal::Change
            | Goal::Destroy
            | Goal::ImportById { .. }
            | Goal::ImportByIdentity { .. }
            | Goal::Generate { .. } => {}
        }
        let Some(config) = walk.block(attributes, &block.arguments, key, &instance).await? else { return Ok(None) };
        let _slot = walk.slot().await?;
        let told = provider::validate(walk.connection, &address.ty, &config).await?;
        if !walk.tell(&instance, told) {
            return Ok(None);
        }
        let tainted = stored.is_some_and(|stored| stored.tainted);
        let start = if tainted { Kept::none() } else { prior.clone() };
        let config = ignoring(block, &start.value, config);
        let (planned, told) = provider::plan(walk.connection, &address.ty, &instance, &start, &config, &[]).await?;
        if !walk.tell(&instance, told) {
            return Ok(None);
        }
        let replace_paths = if start.value.is_null() { Vec::new() } else { effective(&start.value, &planned) };
        let (planned, action) = if !replace_paths.is_empty() && planned.kept.value != prior.value {
            // The making half is planned from nothing, but with what the first plan keeps beside its state. Its
            // warnings have come with the first plan already, and nothing is ignored in what is new.
            let beside = Kept { value: Value::Null, ..planned.kept };
            let Some(config) = walk.block(attributes, &block.arguments, key, &instance).await? else {
                return Ok(None);
            };
            let (planned, told) =
                provider::plan(walk.connection, &address.ty, &instance, &beside, &config, &[]).await?;
            if provider::failed(&told) {
                walk.tell(&instance, told);
                return Ok(None);
            }
            (planned, Action::Replace)
        } else if tainted && !prior.value.is_null() {
            (planned, Action::Replace)
        } else if prior.value.is_null() {
            (planned, Action::Create)
        } else if planned.kept.value == prior.value {
            (planned, Action::NoOp)
        } else {
            (planned, Action::Update)
        };
        let value = planned.kept.value.clone();
        let block = address.clone();
        let change = PlannedChange { block, action, importing, prior, planned: planned.kept, replace_paths };
        self.changes.borrow_mut().insert(instance, change);
        Ok(Some(value))
    }

    /// Takes an object over that has no configuration, and plans it with the one that the provider makes from its state.
    async fn generated(&self, instance: &str, id: &str) -> Result<(), LayerError> {
        let walk = self.walk;
        let address =
            Address::parse(instance).ok_or_else(|| LayerError::Configuration(format!("`{instance}` is no address")))?;
        if walk.configuration.resources.contains_key(&address) {
            return Err(LayerError::Configuration(format!("{instance} has a configuration, so none is made")));
        }
        if !walk.connection.schemas.generates {
            return Err(LayerError::Configuration("the provider makes no configurations".to_owned()));
        }
        let (prior, told) = provider::import(walk.connection, &address.ty, instance, id, None).await?;
        if !walk.tell(instance, told) {
            return Ok(());
        }
        let (config, told) = provider::generate(walk.connection, &address.ty, instance, &prior.value).await?;
        if !walk.tell(instance, told) {
            return Ok(());
        }
        let told = provider::validate(walk.connection, &address.ty, &config).await?;
        if !walk.tell(instance, told) {
            return Ok(());
        }
        let (planned, told) = provider::plan(walk.connection, &address.ty, instance, &prior, &config, &[]).await?;
        if !walk.tell(instance, told) {
            return Ok(());
        }
        let replace_paths = effective(&prior.value, &planned);
        let action = match planned.kept.value == prior.value {
            true => Action::NoOp,
            false if replace_paths.is_empty() => Action::Update,
            false => Action::Replace,
        };
        self.refreshed.borrow_mut().objects.insert(instance.to_owned(), stored_of(walk, &address, &prior, false));
        let change =
            PlannedChange { block: address, action, importing: true, prior, planned: planned.kept, replace_paths };
        self.changes.borrow_mut().insert(instance.to_owned(), change);
        Ok(())
    }

    /// What is to be imported as this instance.
    fn import(&self, instance: &str) -> Option<(String, Option<serde_json::Value>)> {
        match self.goal {
            Goal::ImportById { address, id } if address == instance => Some((id.clone(), None)),
            Goal::ImportByIdentity { address, identity } if address == instance => {
                Some((String::new(), Some(identity.clone())))
            }
            _ => None,
        }
    }

    /// Reads an object that has no configuration any more, and plans its deletion.
    async fn deletion(&self, instance: &str, stored: &Stored) -> Result<(), LayerError> {
        if let Some(prior) = self.refresh(instance, stored).await?
            && !prior.value.is_null()
            && !matches!(self.goal, Goal::Refresh)
        {
            self.delete(instance, &stored.block, &prior).await?;
        }
        Ok(())
    }

    async fn delete(&self, instance: &str, block: &Address, prior: &Kept) -> Result<(), LayerError> {
        let walk = self.walk;
        let (planned, told) = provider::plan_destroy(walk.connection, &block.ty, instance, prior).await?;
        if walk.tell(instance, told) {
            let change = PlannedChange {
                block: block.clone(),
                action: Action::Delete,
                importing: false,
                prior: prior.clone(),
                planned,
                replace_paths: Vec::new(),
            };
            self.changes.borrow_mut().insert(instance.to_owned(), change);
        }
        Ok(())
    }

    /// Objects whose whole block is gone.
    async fn orphans(&self) -> Result<(), LayerError> {
        let configured = &self.walk.configuration.resources;
        let orphans: Vec<(&String, &Stored)> =
            self.before.managed().filter(|(_, stored)| !configured.contains_key(&stored.block)).collect();
        together(orphans.into_iter().map(|(instance, stored)| self.deletion(instance, stored))).await?;
        self.refreshed
            .borrow_mut()
            .objects
            .retain(|_, stored| stored.block.mode == Mode::Managed || configured.contains_key(&stored.block));
        let outputs = &self.walk.configuration.outputs;
        let gone = self.before.outputs.keys().filter(|name| !outputs.contains_key(*name)).cloned();
        self.outputs.borrow_mut().extend(gone);
        Ok(())
    }

    /// Forgets what was planned and plans that everything which exists goes. Warnings of the first plan go with it.
    async fn everything(&self) -> Result<(), LayerError> {
        self.walk.told.take();
        self.changes.take();
        self.data.take();
        self.outputs.replace(self.before.outputs.keys().cloned().collect());
        self.refreshed.borrow_mut().objects.retain(|_, stored| stored.block.mode == Mode::Managed);
        let there = self.refreshed.borrow().clone();
        together(there.managed().map(|(instance, stored)| async move {
            let (prior, told) = provider::upgrade(self.walk.connection, instance, stored).await?;
            if self.walk.tell(instance, told) {
                self.delete(instance, &stored.block, &prior).await?;
            }
            Ok(())
        }))
        .await
        .map(drop)
    }

    /// Reads data sources whose configuration is known and that wait for nothing; the others are read at apply.
    async fn data(&self, address: &Address, block: &ResourceBlock) -> Visited {
        let walk = self.walk;
        let Some(keys) = walk.expand(address, block).await? else { return Ok(false) };
        let Some(attributes) = walk.connection.schemas.data_sources.get(&address.ty) else {
            return Err(LayerError::Configuration(format!("the provider has no data source {}", address.ty)));
        };
        let waits = waits_for(block).iter().any(|needed| {
            self.changes.borrow().values().any(|change| change.block == *needed && change.action != Action::NoOp)
        });
        let mut values = Vec::new();
        for key in keys {
            let instance = key.instance(address);
            let Some(config) = walk.block(attributes, &block.arguments, &key, &instance).await? else {
                return Ok(false);
            };
            if config.is_wholly_known() && !waits {
                let Some(value) = data(walk, address, &instance, &config).await? else { return Ok(false) };
                self.data.borrow_mut().insert(instance.clone(), value.clone());
                let kept = Kept { value: value.clone(), ..Kept::none() };
                self.refreshed.borrow_mut().objects.insert(instance, stored_of(walk, address, &kept, false));
                values.push((key, value));
                continue;
            }
            let told = walk.connection.validate_data(&address.ty, &config).await?;
            if !walk.tell(&instance, told) {
                return Ok(false);
            }
            let planned = Kept { value: planned_data(attributes, &config), ..Kept::none() };
            values.push((key, planned.value.clone()));
            let change = PlannedChange {
                block: address.clone(),
                action: Action::Read,
                importing: false,
                prior: Kept::none(),
                planned,
                replace_paths: Vec::new(),
            };
            self.changes.borrow_mut().insert(instance, change);
        }
        walk.set_instances(address, block, values);
        Ok(true)
    }
}

/// The configuration with the prior values where changes are to be ignored.
fn ignoring(block: &ResourceBlock, prior: &Value, config: Value) -> Value {
    let Value::Map(mut entries) = config else { return config };
    for name in &block.ignore_changes {
        if let Some(value) = prior.attribute(name) {
            entries.insert(name.clone(), value.clone());
        }
    }
    Value::Map(entries)
}

impl SavedPlan {
    /// The plan as both layers show it.
    pub fn show(&self, walk: &Walk<'_>) -> outcome::Plan {
        let changes = self.changes.iter().map(|(instance, change)| {
            let value = &change.planned.value;
            let attributes = match change.block.mode {
                Mode::Managed => {
                    provider::attributes(walk.connection, &change.block.ty).map(std::borrow::Cow::into_owned).ok()
                }
                _ => walk.connection.schemas.data_sources.get(&change.block.ty).cloned(),
            };
            outcome::Change {
                address: instance.clone(),
                action: change.action,
                importing: change.importing,
                after: show::known(value),
                unknown: show::unknown(value),
                sensitive: attributes.map_or(serde_json::Value::Null, |attributes| show::sensitive(&attributes, value)),
                replace_paths: change.replace_paths.clone(),
            }
        });
        outcome::Plan { changes: changes.collect(), outputs: self.outputs.clone() }
    }
}
