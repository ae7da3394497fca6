//! What comes from elsewhere: import ids, stored and foreign states, and configurations generated from states. People
//! type the first, other programs wrote the second; nothing of it may be trusted.

use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use super::mutation::{self, Mutator, plausible};
use super::{Chance, Effort, HOST, Trial, Violation, complete};
use crate::check::{conform, rules};
use crate::schema::{Attribute, IdentitySchema, Schema};
use crate::server::{ImportRequest, MoveRequest, Server};
use crate::value::Value;
use crate::value::json::encode;

/// Imports, upgrades, moves and generated configurations of a managed resource.
///
/// # Panics
/// When the provider has no such resource.
pub async fn taking_over(server: &dyn Server, name: &str, example: &Value, effort: Effort) -> Vec<Violation> {
    let schema = server.schema().resources.get(name).unwrap_or_else(|| panic!("a resource `{name}`")).clone();
    let mut chance = Chance::new(effort.seed, name);
    let mut trial = Trial::new(server, "resource", name, &schema.attributes);
    let example = complete(&schema, example);
    let mutator = Mutator::new(&schema.attributes, &example);
    for id in mutation::texts() {
        trial.import(id, Value::Null, &schema).await;
    }
    for round in 0..effort.rounds {
        let config = if round == 0 { example.clone() } else { mutator.mutate(&example, &mut chance) };
        let unknown = trial.with_unknown_results(&config);
        let state = plausible(&schema.attributes, &unknown, &mut chance);
        trial.import("", trial.identity_of(&state), &schema).await;
        trial.upgrade(&schema, &state).await;
        trial.generate(&schema, &state).await;
    }
    for garbage in [Json::Null, json!([]), json!("text"), json!({}), json!({ "id": [{}], "name": 3 })] {
        trial.take_garbage(&schema, garbage).await;
    }
    trial.violations
}

impl Trial<'_> {
    fn with_unknown_results(&self, config: &Value) -> Value {
        Value::map(self.attributes.iter().map(|attribute| {
            let configured = config.attribute(&attribute.name).cloned().unwrap_or(Value::Null);
            let decided = attribute.computed && configured.is_null();
            (attribute.name.clone(), if decided { Value::unknown() } else { configured })
        }))
    }

    async fn import(&mut self, id: &str, identity: Value, schema: &Schema) {
        let given = if id.is_empty() { identity.clone() } else { Value::from(id) };
        let request = ImportRequest { type_name: self.name.to_owned(), id: id.to_owned(), identity, host: HOST };
        let call = self.server.import(request, CancellationToken::new());
        let Some(answer) = self.call(&given, "import", call).await else { return };
        self.messages(&given, "import", &answer.diagnostics);
        if answer.diagnostics.has_errors() {
            return;
        }
        let identity = self.server.schema().identities.get(self.name).map(IdentitySchema::ty);
        for imported in &answer.value {
            if !imported.state.is_wholly_known() || conform(&imported.state, &schema.ty()).is_err() {
                self.violate(&given, "the state of an import is not whole, known and of its type");
            }
            let fits = imported
                .identity
                .as_ref()
                .zip(identity.as_ref())
                .is_some_and(|(value, ty)| value.is_wholly_known() && conform(value, ty).is_ok());
            if identity.is_some() && !fits {
                self.violate(&given, "the identity of an import is not whole, known and of its type");
            }
        }
        if answer.value.is_empty() {
            self.violate(&given, "an import brings nothing, and no error says why");
        }
    }

    /// A state as this release stores it reads back as it is.
    async fn upgrade(&mut self, schema: &Schema, state: &Value) {
        let Some(stored) = encode(state) else { return };
        let call = self.server.upgrade_state(self.name.to_owned(), schema.version, stored);
        let Some(answer) = self.call(state, "upgrade", call).await else { return };
        self.messages(state, "upgrade", &answer.diagnostics);
        // A value with its type loses it on the way through plain JSON.
        let typed = !has_dynamic(self.attributes);
        if typed && answer.value.as_ref() != Some(state) {
            self.violate(state, "a state of the present version does not read back as it was stored");
        }
    }

    async fn generate(&mut self, schema: &Schema, state: &Value) {
        let call = self.server.generate_config(self.name.to_owned(), state.clone());
        let Some(answer) = self.call(state, "generation of a configuration", call).await else { return };
        self.messages(state, "generation of a configuration", &answer.diagnostics);
        let Some(config) = answer.value else {
            if !answer.diagnostics.has_errors() {
                self.violate(state, "no configuration is generated, and no error says why");
            }
            return;
        };
        if let Err(misfit) = conform(&config, &schema.ty()) {
            self.violate(state, format!("the generated configuration does not fit the schema: {misfit}"));
        }
        let set = |attribute: &&Attribute| config.attribute(&attribute.name).is_some_and(|value| !value.is_null());
        let read_only = |attribute: &&Attribute| !(attribute.required || attribute.optional) || attribute.write_only;
        if let Some(attribute) = schema.attributes.iter().filter(read_only).find(set) {
            self.violate(state, format!("the generated configuration sets `{}`, which it must not", attribute.name));
        }
    }

    /// A configuration that is generated from a state leaves the object as it is: Terraform plans it next, and whatever
    /// that plan shows would be done to an object that was only to be imported.
    ///
    /// A state that was invented here may want a change by itself; then nothing is said about it. It does where a
    /// configuration with every single argument as it is in the state is planned as a change too.
    pub(super) async fn generated_changes_nothing(&mut self, state: &Value, private: Vec<u8>, is_made_up: bool) {
        if is_made_up && self.changed_by(&self.everything_of(state), state, private.clone()).await != Some(Vec::new()) {
            return;
        }
        let call = self.server.generate_config(self.name.to_owned(), state.clone());
        let Some(answer) = self.call(state, "generation of a configuration", call).await else { return };
        let Some(config) = answer.value else { return };
        match self.changed_by(&config, state, private).await {
            Some(changed) if !changed.is_empty() => {
                let changed = changed.join("`, `");
                self.violate(&config, format!("the plan of a generated configuration changes `{changed}`"));
            }
            None if !is_made_up => self.violate(&config, "a generated configuration cannot be planned"),
            _ => {}
        }
    }

    /// The attributes that a plan of this configuration changes; `None` where it is refused.
    async fn changed_by(&mut self, config: &Value, state: &Value, private: Vec<u8>) -> Option<Vec<String>> {
        let (server, name) = (self.server, self.name.to_owned());
        let validate = |config| server.validate_resource(name.clone(), config, HOST);
        if !self.validate(config, false, validate).await {
            return None;
        }
        let planned = self.plan_once(state.clone(), config, private).await?.state?;
        let changed = self.attributes.iter().map(|attribute| &attribute.name);
        Some(changed.filter(|name| planned.attribute(name) != state.attribute(name)).cloned().collect())
    }

    /// Whether a configuration sets what is never stored.
    pub(super) fn sets_write_only(&self, config: &Value) -> bool {
        !rules::write_only(self.attributes, config).is_empty()
    }

    fn everything_of(&self, state: &Value) -> Value {
        Value::map(self.attributes.iter().map(|attribute| {
            let writable = (attribute.required || attribute.optional) && !attribute.write_only;
            let value = state.attribute(&attribute.name).filter(|_| writable);
            (attribute.name.clone(), value.cloned().unwrap_or(Value::Null))
        }))
    }

    async fn take_garbage(&mut self, schema: &Schema, garbage: Json) {
        let shown = Value::from(garbage.to_string());
        for version in -1..=schema.version + 1 {
            let call = self.server.upgrade_state(self.name.to_owned(), version, garbage.clone());
            if let Some(answer) = self.call(&shown, "upgrade of garbage", call).await {
                self.messages(&shown, "upgrade of garbage", &answer.diagnostics);
            }
        }
        let call = self.server.upgrade_identity(self.name.to_owned(), 0, garbage.clone());
        if let Some(answer) = self.call(&shown, "upgrade of a garbage identity", call).await {
            self.messages(&shown, "upgrade of a garbage identity", &answer.diagnostics);
        }
        let suffix = self.name.split_once('_').map_or(self.name, |(_, rest)| rest);
        for source_type in ["other_thing".to_owned(), format!("aws_{suffix}"), format!("aws_ssm_{suffix}")] {
            let request = MoveRequest {
                source_provider: "registry.terraform.io/hashicorp/aws".to_owned(),
                source_type,
                source_version: 0,
                source_state: garbage.clone(),
                target_type: self.name.to_owned(),
                source_private: b"\xff".to_vec(),
            };
            let Some(answer) = self.call(&shown, "move of garbage", self.server.move_state(request)).await else {
                continue;
            };
            self.messages(&shown, "move of garbage", &answer.diagnostics);
            let state = answer.value.state.unwrap_or(Value::Null);
            if !answer.diagnostics.has_errors() && (state.is_null() || conform(&state, &schema.ty()).is_err()) {
                self.violate(&shown, "a moved state is null or not of its type, and no error says why");
            }
        }
    }
}

fn has_dynamic(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| crate::check::contains_dynamic(&attribute.kind.ty()))
}
