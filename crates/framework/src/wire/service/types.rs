//! The types of all values that travel, by the name of what they belong to.

use std::collections::{BTreeMap, HashMap};

use crate::diagnostic::Result;
use crate::schema::{ProviderSchema, Schema};
use crate::server::unknown_type;
use crate::value::Type;

/// Types, worked out once.
pub struct Types {
    /// Of the provider's configuration.
    pub provider: Type,
    resources: HashMap<String, Type>,
    identities: HashMap<String, Type>,
    data_sources: HashMap<String, Type>,
    ephemeral_resources: HashMap<String, Type>,
    list_resources: HashMap<String, Type>,
    actions: HashMap<String, Type>,
}

impl Types {
    /// The types that the schemas make.
    pub fn of(schema: &ProviderSchema) -> Self {
        let types = |schemas: &BTreeMap<String, Schema>| {
            schemas.iter().map(|(name, schema)| (name.clone(), schema.ty())).collect()
        };
        Self {
            provider: schema.provider.ty(),
            resources: types(&schema.resources),
            identities: schema.identities.iter().map(|(name, schema)| (name.clone(), schema.ty())).collect(),
            data_sources: types(&schema.data_sources),
            ephemeral_resources: types(&schema.ephemeral_resources),
            list_resources: types(&schema.list_resources),
            actions: types(&schema.actions),
        }
    }

    /// Of a resource's configuration, plan and state.
    pub fn resource(&self, name: &str) -> Result<&Type> {
        find(&self.resources, "resource type", name)
    }

    /// Of a resource's identity, if it has one.
    pub fn identity(&self, name: &str) -> Option<&Type> {
        self.identities.get(name)
    }

    /// Of a data source.
    pub fn data_source(&self, name: &str) -> Result<&Type> {
        find(&self.data_sources, "data source", name)
    }

    /// Of an ephemeral resource.
    pub fn ephemeral(&self, name: &str) -> Result<&Type> {
        find(&self.ephemeral_resources, "ephemeral resource type", name)
    }

    /// Of a list resource's configuration.
    pub fn list(&self, name: &str) -> Result<&Type> {
        find(&self.list_resources, "list resource type", name)
    }

    /// Of an action's configuration.
    pub fn action(&self, name: &str) -> Result<&Type> {
        find(&self.actions, "action", name)
    }
}

fn find<'a>(types: &'a HashMap<String, Type>, kind: &str, name: &str) -> Result<&'a Type> {
    types.get(name).ok_or_else(|| unknown_type(kind, name).into())
}
