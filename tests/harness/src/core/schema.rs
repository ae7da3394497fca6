//! The provider's schemas, as they come over the wire, in a form to compute with.
//!
//! Nested blocks are refused: providers of this framework declare nested attributes only.

use std::collections::BTreeMap;

pub use framework::schema::object_type;
use framework::schema::{Attribute, Kind, Nesting};
use framework::value::Type;
use framework::wire::proto::tfplugin6 as wire;
use wire::schema::object::NestingMode;

use crate::layer::LayerError;

/// The attributes of a block, as far as the wire tells of them: what a provider keeps to itself (defaults, what asks for
/// replacement) is not there.
pub type Attributes = Vec<Attribute>;

/// Everything that the provider declares.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    /// The provider's configuration.
    pub provider: Attributes,
    /// Managed resources by type name.
    pub resources: BTreeMap<String, Resource>,
    /// Data sources by type name.
    pub data_sources: BTreeMap<String, Attributes>,
    /// Ephemeral resources by type name.
    pub ephemeral: BTreeMap<String, Attributes>,
    /// List resources by type name.
    pub lists: BTreeMap<String, Attributes>,
    /// Actions by type name.
    pub actions: BTreeMap<String, Attributes>,
    /// Functions by name.
    pub functions: BTreeMap<String, Function>,
    /// Whether deletions are planned too.
    pub plan_destroy: bool,
    /// Whether the provider makes configurations from states.
    pub generates: bool,
}

/// A managed resource.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Version of the stored form.
    pub version: i64,
    /// Its attributes.
    pub attributes: Attributes,
    /// Its identity, if it has one.
    pub identity: Option<Identity>,
}

/// A resource's identity.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Version of the stored form.
    pub version: i64,
    /// The object type of its attributes.
    pub ty: Type,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its parameters, the variadic one apart.
    pub parameters: Vec<Parameter>,
    /// What further arguments are.
    pub variadic: Option<Parameter>,
    /// What it returns.
    pub returns: Type,
}

/// A function's parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name, for messages.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Null may be passed.
    pub null: bool,
    /// Unknown values may be passed.
    pub unknown: bool,
}

impl Schemas {
    /// Reads the provider's answers, and checks what `GetProviderSchema` must hold to.
    ///
    /// # Errors
    ///
    /// A type is no type, or a rule of schemas is broken.
    pub fn read(
        schema: wire::get_provider_schema::Response,
        identities: &wire::get_resource_identity_schemas::Response,
    ) -> Result<Self, LayerError> {
        let mut all = Self::default();
        if let Some(provider) = schema.provider {
            all.provider = root("provider", provider)?.1;
        }
        for (name, resource) in schema.resource_schemas {
            let (version, attributes) = root(&name, resource)?;
            let identity = identities.identity_schemas.get(&name).map(|schema| identity(&name, schema)).transpose()?;
            all.resources.insert(name, Resource { version, attributes, identity });
        }
        for (name, schema) in schema.data_source_schemas {
            let attributes = root(&name, schema)?.1;
            all.data_sources.insert(name, attributes);
        }
        for (name, schema) in schema.ephemeral_resource_schemas {
            let attributes = root(&name, schema)?.1;
            all.ephemeral.insert(name, attributes);
        }
        for (name, schema) in schema.list_resource_schemas {
            let identified = all.resources.get(&name).is_some_and(|resource| resource.identity.is_some());
            if !identified {
                return Err(rule(format!("list resource {name} is not a managed resource with identity")));
            }
            let attributes = root(&name, schema)?.1;
            all.lists.insert(name, attributes);
        }
        for (name, schema) in schema.action_schemas {
            let attributes = schema.schema.map(|schema| root(&name, schema)).transpose()?.unwrap_or_default().1;
            all.actions.insert(name, attributes);
        }
        for (name, function) in schema.functions {
            let parameter = |parameter: &wire::function::Parameter| {
                Ok::<_, LayerError>(Parameter {
                    name: parameter.name.clone(),
                    ty: ty(&name, &parameter.r#type)?,
                    null: parameter.allow_null_value,
                    unknown: parameter.allow_unknown_values,
                })
            };
            let read = Function {
                parameters: function.parameters.iter().map(parameter).collect::<Result<_, _>>()?,
                variadic: function.variadic_parameter.as_ref().map(parameter).transpose()?,
                returns: ty(&name, &function.r#return.unwrap_or_default().r#type)?,
            };
            all.functions.insert(name, read);
        }
        let able = schema.server_capabilities.unwrap_or_default();
        (all.plan_destroy, all.generates) = (able.plan_destroy, able.generate_resource_config);
        Ok(all)
    }
}

fn rule(what: impl Into<String>) -> LayerError {
    LayerError::Contract { rule: "schema", what: what.into() }
}

fn root(name: &str, schema: wire::Schema) -> Result<(i64, Attributes), LayerError> {
    let block = schema.block.unwrap_or_default();
    if !block.block_types.is_empty() {
        return Err(rule(format!("{name} has nested blocks, which this harness does not know")));
    }
    Ok((schema.version, attributes(name, &block.attributes)?))
}

fn attributes(owner: &str, declared: &[wire::schema::Attribute]) -> Result<Attributes, LayerError> {
    declared.iter().map(|one| attribute(&format!("{owner}.{}", one.name), one)).collect()
}

fn attribute(path: &str, declared: &wire::schema::Attribute) -> Result<Attribute, LayerError> {
    let named = !declared.name.is_empty()
        && declared.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !named {
        return Err(rule(format!("{path} is not named in [a-z0-9_]")));
    }
    if declared.required == (declared.optional || declared.computed) {
        return Err(rule(format!("{path} is not exactly one of required or optional and computed")));
    }
    let kind = match &declared.nested_type {
        None => Kind::Type(ty(path, &declared.r#type)?),
        Some(object) => {
            let nesting = match object.nesting() {
                NestingMode::Single => Nesting::Single,
                NestingMode::List => Nesting::List,
                NestingMode::Set => Nesting::Set,
                NestingMode::Map => Nesting::Map,
                NestingMode::Invalid => return Err(rule(format!("{path} has no nesting mode"))),
            };
            let attributes = attributes(path, &object.attributes)?;
            if nesting == Nesting::Set && !attributes.iter().all(may_be_in_set) {
                return Err(rule(format!("{path} is a set with a dynamic or write-only attribute inside")));
            }
            Kind::Nested { nesting, attributes }
        }
    };
    Ok(Attribute {
        name: declared.name.clone(),
        kind,
        description: declared.description.clone(),
        required: declared.required,
        optional: declared.optional,
        computed: declared.computed,
        sensitive: declared.sensitive,
        write_only: declared.write_only,
        deprecation: None,
        replace: false,
        default: None,
        keep: false,
        prefix: None,
        never_null: false,
    })
}

fn may_be_in_set(attribute: &Attribute) -> bool {
    !attribute.write_only
        && match &attribute.kind {
            Kind::Type(ty) => *ty != Type::Dynamic,
            Kind::Nested { attributes, .. } => attributes.iter().all(may_be_in_set),
        }
}

fn identity(name: &str, schema: &wire::ResourceIdentitySchema) -> Result<Identity, LayerError> {
    let mut types = Vec::new();
    for attribute in &schema.identity_attributes {
        types.push((attribute.name.clone(), ty(name, &attribute.r#type)?));
    }
    Ok(Identity { version: schema.version, ty: Type::object(types) })
}

fn ty(owner: &str, json: &[u8]) -> Result<Type, LayerError> {
    serde_json::from_slice(json)
        .map_err(|error| error.to_string())
        .and_then(|json| Type::from_json(&json).map_err(|error| error.to_string()))
        .map_err(|error| rule(format!("{owner} has a type that is none ({error})")))
}
