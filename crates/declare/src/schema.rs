//! Schemas: what a configuration may say, and how each attribute behaves.

use std::collections::BTreeMap;

use crate::value::{Type, Value};

/// The schema of a resource, data source, provider or any other configurable thing.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Version of the stored state's form; only resources have one above zero.
    pub version: i64,
    /// What the thing is, in Markdown.
    pub description: String,
    /// The attributes, in the order of their declaration.
    pub attributes: Vec<Attribute>,
    /// Why not to use it any longer.
    pub deprecation: Option<String>,
}

/// One attribute.
// The flags are Terraform's own, each independent of the others.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Its name: `[a-z][a-z0-9_]*`.
    pub name: String,
    /// A plain type, or attributes of its own.
    pub kind: Kind,
    /// What it is, with unit, default and limits, in Markdown.
    pub description: String,
    /// Must be set; excludes `optional` and `computed`.
    pub required: bool,
    /// May be set.
    pub optional: bool,
    /// The provider may decide it when it is not set.
    pub computed: bool,
    /// Hidden in Terraform's output.
    pub sensitive: bool,
    /// Taken from the configuration at apply, never stored.
    pub write_only: bool,
    /// Why not to use it any longer.
    pub deprecation: Option<String>,
    /// A change makes a new object.
    pub replace: bool,
    /// What it is when it is not set.
    pub default: Option<Value>,
    /// Keeps its prior value on an update, where other computed attributes become unknown.
    pub keep: bool,
    /// What a computed text begins with, promised while it is unknown.
    pub prefix: Option<String>,
    /// Never null once applied.
    pub never_null: bool,
}

/// What an attribute holds.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A value of this type.
    Type(Type),
    /// Objects with attributes of their own.
    Nested {
        /// One object, or a collection of them.
        nesting: Nesting,
        /// The attributes of each.
        attributes: Vec<Attribute>,
    },
}

/// How nested objects are gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// One object.
    Single,
    /// Objects in order.
    List,
    /// Objects without order.
    Set,
    /// Objects by key.
    Map,
}

impl Kind {
    /// The type of the attribute's value.
    pub fn ty(&self) -> Type {
        match self {
            Self::Type(ty) => ty.clone(),
            Self::Nested { nesting, attributes } => {
                let object = object_type(attributes);
                match nesting {
                    Nesting::Single => object,
                    Nesting::List => Type::list(object),
                    Nesting::Set => Type::set(object),
                    Nesting::Map => Type::map(object),
                }
            }
        }
    }
}

impl Schema {
    /// The type of a whole configuration or state.
    pub fn ty(&self) -> Type {
        object_type(&self.attributes)
    }

    /// The attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// An object with every attribute null.
    pub fn null_object(&self) -> BTreeMap<String, Value> {
        self.attributes.iter().map(|attribute| (attribute.name.clone(), Value::Null)).collect()
    }
}

/// The object type that these attributes make.
pub fn object_type(attributes: &[Attribute]) -> Type {
    Type::object(attributes.iter().map(|attribute| (attribute.name.clone(), attribute.kind.ty())))
}

/// The schema of a resource's identity.
#[derive(Clone, Debug, Default)]
pub struct IdentitySchema {
    /// Version of its form.
    pub version: i64,
    /// Its attributes.
    pub attributes: Vec<IdentityAttribute>,
}

/// One attribute of an identity: a primitive type, or a list of one.
#[derive(Clone, Debug)]
pub struct IdentityAttribute {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// What it is.
    pub description: String,
    /// An import must give it; otherwise it may leave it out.
    pub required_for_import: bool,
}

impl IdentitySchema {
    /// The type of a whole identity.
    pub fn ty(&self) -> Type {
        Type::object(self.attributes.iter().map(|attribute| (attribute.name.clone(), attribute.ty.clone())))
    }
}

/// The signature of a function.
#[derive(Clone, Debug)]
pub struct FunctionSignature {
    /// Positional parameters.
    pub parameters: Vec<Parameter>,
    /// A last parameter that may be given any number of times.
    pub variadic: Option<Parameter>,
    /// The type of the result.
    pub result: Type,
    /// One line.
    pub summary: String,
    /// The whole description, in Markdown.
    pub description: String,
    /// Why not to use it any longer.
    pub deprecation: Option<String>,
}

/// One parameter of a function.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name, for documentation and messages.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// What it is, in Markdown.
    pub description: String,
    /// Null may be passed.
    pub allow_null: bool,
    /// The function is called although the value, or a part of it, is unknown.
    pub allow_unknown: bool,
}

/// An action has only a schema; it changes no state of Terraform's.
pub type ActionSchema = Schema;

/// Everything that a provider offers.
#[derive(Clone, Debug, Default)]
pub struct ProviderSchema {
    /// The provider's own configuration.
    pub provider: Schema,
    /// Managed resources by type name.
    pub resources: BTreeMap<String, Schema>,
    /// Their identities by type name.
    pub identities: BTreeMap<String, IdentitySchema>,
    /// Data sources by type name.
    pub data_sources: BTreeMap<String, Schema>,
    /// Ephemeral resources by type name.
    pub ephemeral_resources: BTreeMap<String, Schema>,
    /// Configurations of list resources by type name.
    pub list_resources: BTreeMap<String, Schema>,
    /// Actions by type name.
    pub actions: BTreeMap<String, ActionSchema>,
    /// Functions by name.
    pub functions: BTreeMap<String, FunctionSignature>,
}
