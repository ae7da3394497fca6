//! The walk that makes a plan's changes: deletions first, those that depend on others before them; then the rest in
//! the order of references.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use framework::check::rules;
use framework::value::Value;

use super::client::Kept;
use super::config::{Address, Mode, ResourceBlock};
use super::outside::{Ephemeral, data, ephemeral, provider_block};
use super::planning::{PlannedChange, SavedPlan, stored_of};
use super::provider;
use super::state::{State, Stored};
use super::walk::{Key, Node, Visited, Walk, together};
use crate::layer::{Goal, LayerError};
use crate::outcome::Action;

/// The walk's own data.
struct Applying<'a> {
    walk: &'a Walk<'a>,
    plan: &'a SavedPlan,
    state: &'a RefCell<State>,
    /// Set when the user asked to stop: what has not begun does not begin.
    stopped: &'a RefCell<bool>,
    /// Objects that could not be deleted.
    kept: RefCell<BTreeSet<String>>,
    /// Whether the provider has its configuration.
    configured: RefCell<bool>,
    opened: RefCell<Vec<Ephemeral>>,
}

/// Makes the changes. `state` is right at every moment, also when this ends early.
///
/// # Errors
///
/// A rule is broken.
pub async fn apply(
    walk: &Walk<'_>,
    plan: &SavedPlan,
    state: &RefCell<State>,
    stopped: &RefCell<bool>,
) -> Result<(), LayerError> {
    *state.borrow_mut() = plan.refreshed.clone();
    let applying = Applying {
        walk,
        plan,
        state,
        stopped,
        kept: RefCell::default(),
        configured: RefCell::default(),
        opened: RefCell::default(),
    };
    // What the provider's configuration refers to may be changed by this very run; deletions cannot wait for that, so
    // they go by what the state has.
    if applying.any_deletions() {
        applying.show_state();
        if !provider_block(walk, true).await? {
            return Ok(());
        }
        *applying.configured.borrow_mut() = true;
        applying.deletions().await?;
    }
    let walked = walk.run(|node| Box::pin(applying.visit(node))).await;
    Ephemeral::close_all(walk, applying.opened.take()).await?;
    walked?;
    let mut state = state.borrow_mut();
    if plan.goal == Goal::Destroy {
        state.objects.retain(|_, stored| stored.block.mode == Mode::Managed);
        if state.objects.is_empty() {
            state.outputs.clear();
        }
    } else {
        state.outputs.retain(|name, _| walk.configuration.outputs.contains_key(name));
    }
    Ok(())
}

impl Applying<'_> {
    fn any_deletions(&self) -> bool {
        self.plan.changes.values().any(|change| matches!(change.action, Action::Delete | Action::Replace))
    }

    /// Lets references see the objects as they are before anything is changed.
    fn show_state(&self) {
        for (address, block) in &self.walk.configuration.resources {
            let objects = self.plan.refreshed.instances_of(address);
            let instances = objects.map(|(_, stored)| (Key::None, stored.value.clone())).collect();
            self.walk.set_instances(address, block, instances);
        }
    }

    /// Deletes what is planned to be deleted or replaced. Each object waits for its dependents.
    async fn deletions(&self) -> Result<(), LayerError> {
        let mut open: BTreeMap<&String, &PlannedChange> = self
            .plan
            .changes
            .iter()
            .filter(|(_, change)| matches!(change.action, Action::Delete | Action::Replace))
            .collect();
        while !open.is_empty() {
            let depends_on = |instance: &String, block: &Address| {
                self.plan.refreshed.objects.get(instance).is_some_and(|stored| stored.depends.contains(block))
            };
            let free: Vec<&String> = open
                .iter()
                .filter(|(instance, change)| {
                    !open.keys().any(|other| other != *instance && depends_on(other, &change.block))
                })
                .map(|(instance, _)| *instance)
                .collect();
            // What could not be deleted keeps its dependencies.
            let held =
                |change: &PlannedChange| self.kept.borrow().iter().any(|instance| depends_on(instance, &change.block));
            if free.is_empty() {
                return Err(LayerError::Configuration("objects depend on each other in a circle".to_owned()));
            }
            together(free.iter().filter_map(|instance| {
                let change = open[*instance];
                if held(change) {
                    self.kept.borrow_mut().insert((*instance).clone());
                    return None;
                }
                Some(self.delete(instance, change))
            }))
            .await?;
            for instance in free {
                open.remove(instance);
            }
        }
        Ok(())
    }

    async fn delete(&self, instance: &str, change: &PlannedChange) -> Result<(), LayerError> {
        let walk = self.walk;
        let _slot = walk.slot().await?;
        if *self.stopped.borrow() {
            self.kept.borrow_mut().insert(instance.to_owned());
            return Ok(());
        }
        let ty = &change.block.ty;
        // The deleting half of a replacement is not planned by itself: it gets what the plan keeps beside the state.
        let planned = Kept { private: change.planned.private.clone(), ..Kept::none() };
        let (kept, told) =
            provider::apply(walk.connection, ty, instance, &change.prior, &planned, &Value::Null).await?;
        let went_well = walk.tell(instance, told);
        let mut state = self.state.borrow_mut();
        if went_well {
            state.objects.remove(instance);
        } else {
            self.kept.borrow_mut().insert(instance.to_owned());
            // An answer without a state beside an error means that the object is as it was.
            if !kept.value.is_null() {
                let tainted = state.objects.get(instance).is_some_and(|stored| stored.tainted);
                let depends = state.objects.get(instance).map(|stored| stored.depends.clone()).unwrap_or_default();
                let stored = Stored { depends, ..stored_of(walk, &change.block, &kept, tainted) };
                state.objects.insert(instance.to_owned(), stored);
            }
        }
        Ok(())
    }

    async fn visit(&self, node: Node) -> Visited {
        let walk = self.walk;
        let destroying = self.plan.goal == Goal::Destroy;
        match node {
            Node::Provider if destroying || *self.configured.borrow() => Ok(true),
            Node::Provider => provider_block(walk, true).await,
            Node::Local(name) => {
                if destroying {
                    Ok(true)
                } else {
                    walk.local(&name).await
                }
            }
            Node::Output(name) if !destroying => {
                let Some(value) = walk.output(&name).await? else { return Ok(false) };
                let sensitive = walk.configuration.outputs[&name].sensitive;
                self.state.borrow_mut().outputs.insert(name, (value, sensitive));
                Ok(true)
            }
            Node::Resource(address) if !destroying => {
                let block = &walk.configuration.resources[&address];
                match address.mode {
                    Mode::Managed => self.managed(&address, block).await,
                    Mode::Data => self.data(&address, block).await,
                    Mode::Ephemeral => ephemeral(walk, &address, block, &self.opened).await,
                }
            }
            Node::Output(_) | Node::Resource(_) => Ok(true),
        }
    }

    async fn managed(&self, address: &Address, block: &ResourceBlock) -> Visited {
        let walk = self.walk;
        let Some(keys) = walk.expand(address, block).await? else { return Ok(false) };
        let made = together(keys.iter().map(|key| self.instance(address, block, key))).await?;
        let mut values = Vec::new();
        for (key, made) in keys.into_iter().zip(made) {
            let Some(value) = made else { return Ok(false) };
            values.push((key, value));
        }
        walk.set_instances(address, block, values);
        Ok(true)
    }

    /// Applies one planned change and returns the object; `None` after an error, which has been reported.
    async fn instance(&self, address: &Address, block: &ResourceBlock, key: &Key) -> Result<Option<Value>, LayerError> {
        let walk = self.walk;
        let instance = key.instance(address);
        let ty = &address.ty;
        let as_it_is = || self.state.borrow().objects.get(&instance).map_or(Value::Null, |stored| stored.value.clone());
        let change = match self.plan.changes.get(&instance) {
            Some(change) if change.action != Action::NoOp => change,
            _ => return Ok(Some(as_it_is())),
        };
        let _slot = walk.slot().await?;
        if *self.stopped.borrow() || self.kept.borrow().contains(&instance) {
            return Ok(None);
        }
        let attributes = provider::attributes(walk.connection, ty)?;
        let Some(config) = walk.block(&attributes, &block.arguments, key, &instance).await? else { return Ok(None) };
        let broken =
            |rule: &'static str, what: String| LayerError::Contract { rule, what: format!("{instance}: {what}") };
        if !config.is_wholly_known() {
            return Err(broken("everything is known at apply", super::show::brief(&config)));
        }
        let prior = if change.action == Action::Update { change.prior.clone() } else { Kept::none() };
        let told = provider::validate(walk.connection, ty, &config).await?;
        if !walk.tell(&instance, told) {
            return Ok(None);
        }
        let private = &change.planned.private;
        let (planned, told) = provider::plan(walk.connection, ty, &instance, &prior, &config, private).await?;
        if !walk.tell(&instance, told) {
            return Ok(None);
        }
        let faults = rules::compatible(&change.planned.value, &planned.kept.value);
        if !faults.is_empty() {
            return Err(broken("the plan during apply keeps what was planned", faults.join("; ")));
        }
        let planned = planned.kept;
        // Terraform asks its hooks once more between the plan and the change.
        if *self.stopped.borrow() {
            return Ok(None);
        }
        if planned.value == prior.value {
            return Ok(Some(as_it_is()));
        }
        let (kept, told) = provider::apply(walk.connection, ty, &instance, &prior, &planned, &config).await?;
        let went_well = walk.tell(&instance, told);
        // Half-done work is in the state: a creation's as tainted. Nothing beside an error leaves what was there.
        if !kept.value.is_null() {
            let tainted = !went_well && change.action != Action::Update;
            let stored = stored_of(walk, address, &kept, tainted);
            self.state.borrow_mut().objects.insert(instance.clone(), stored);
        }
        Ok(went_well.then_some(kept.value))
    }

    async fn data(&self, address: &Address, block: &ResourceBlock) -> Visited {
        let walk = self.walk;
        let Some(keys) = walk.expand(address, block).await? else { return Ok(false) };
        let attributes = &walk.connection.schemas.data_sources[&address.ty];
        let mut values = Vec::new();
        for key in keys {
            let instance = key.instance(address);
            if let Some(value) = self.plan.data.get(&instance) {
                values.push((key, value.clone()));
                continue;
            }
            let Some(config) = walk.block(attributes, &block.arguments, &key, &instance).await? else {
                return Ok(false);
            };
            let Some(value) = data(walk, address, &instance, &config).await? else { return Ok(false) };
            let kept = Kept { value: value.clone(), ..Kept::none() };
            let stored = stored_of(walk, address, &kept, false);
            self.state.borrow_mut().objects.insert(instance, stored);
            values.push((key, value));
        }
        walk.set_instances(address, block, values);
        Ok(true)
    }
}
