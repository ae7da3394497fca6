//! The state between commands: what Terraform's state file holds.

use std::collections::{BTreeMap, BTreeSet};

use framework::value::{Type, Value};
use serde_json::{Value as Json, json};

use super::config::{Address, Mode};

/// All objects and outputs.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The objects by the address of their instance.
    pub objects: BTreeMap<String, Stored>,
    /// The outputs' values, and whether they are hidden.
    pub outputs: BTreeMap<String, (Value, bool)>,
}

/// One stored object.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The block that it belongs to.
    pub block: Address,
    /// Its attributes as the state file has them.
    pub attributes: Json,
    /// The schema's version when it was stored.
    pub version: i64,
    /// The provider's own bytes.
    pub private: Vec<u8>,
    /// Its identity and that schema's version.
    pub identity: Option<(Json, i64)>,
    /// Whether the next plan must replace it.
    pub tainted: bool,
    /// The blocks that it depends on, for the order of deletion.
    pub depends: BTreeSet<Address>,
    /// The same as a value, for `show`.
    pub value: Value,
}

impl State {
    /// The instances of a block.
    pub fn instances_of<'a>(&'a self, block: &'a Address) -> impl Iterator<Item = (&'a String, &'a Stored)> {
        self.objects.iter().filter(move |(_, stored)| stored.block == *block)
    }

    /// The managed objects.
    pub fn managed(&self) -> impl Iterator<Item = (&String, &Stored)> {
        self.objects.iter().filter(|(_, stored)| stored.block.mode == Mode::Managed)
    }
}

/// A wholly known value as the state file has it. What has a dynamic type carries it along.
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::List(elements) | Value::Set(elements) => Json::Array(elements.iter().map(to_json).collect()),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|(name, value)| (name.clone(), to_json(value))).collect())
        }
        Value::Dynamic(inner) => json!({"type": inner.0.to_json(), "value": to_json(&inner.1)}),
        other => super::show::known(other),
    }
}

/// Reads the state file's form again.
pub fn from_json(json: &Json, ty: &Type) -> Result<Value, String> {
    framework::value::json::decode(json, ty).map_err(|error| error.to_string())
}
