//! The whole schema as text that is kept with the sources, so that every change of it is seen in a review.

use serde_json::{Map, Value as Json, json};

use crate::schema::{Attribute, FunctionSignature, IdentitySchema, Kind, Nesting, Parameter, ProviderSchema, Schema};
use crate::value::json::encode;

/// Everything that a user or Terraform can see of the schema, as JSON with one line for each fact. Types come in the
/// order of their names, attributes in that of their declaration.
pub fn golden(schema: &ProviderSchema) -> String {
    let types = |types: &std::collections::BTreeMap<String, Schema>| -> Json {
        types.iter().map(|(name, schema)| (name.clone(), thing(schema))).collect::<Map<_, _>>().into()
    };
    let whole = json!({
        "provider": thing(&schema.provider),
        "resources": types(&schema.resources),
        "identities":
            schema.identities.iter().map(|(name, it)| (name.clone(), identity(it))).collect::<Map<_, _>>(),
        "data_sources": types(&schema.data_sources),
        "ephemeral_resources": types(&schema.ephemeral_resources),
        "list_resources": types(&schema.list_resources),
        "actions": types(&schema.actions),
        "functions":
            schema.functions.iter().map(|(name, it)| (name.clone(), function(it))).collect::<Map<_, _>>(),
    });
    // JSON made of JSON values always has a text.
    serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
}

/// An object of what is said: nulls and falsehoods are left out.
fn said(entries: impl IntoIterator<Item = (&'static str, Json)>) -> Json {
    let worth_saying = |value: &Json| !(value.is_null() || *value == Json::Bool(false));
    entries
        .into_iter()
        .filter(|(_, value)| worth_saying(value))
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<Map<_, _>>()
        .into()
}

fn thing(schema: &Schema) -> Json {
    said([
        ("version", if schema.version == 0 { Json::Null } else { json!(schema.version) }),
        ("description", json!(schema.description)),
        ("deprecation", json!(schema.deprecation)),
        ("attributes", attributes(&schema.attributes)),
    ])
}

fn attributes(attributes: &[Attribute]) -> Json {
    attributes.iter().map(|it| (it.name.clone(), attribute(it))).collect::<Map<_, _>>().into()
}

fn attribute(attribute: &Attribute) -> Json {
    let (ty, nesting, nested) = match &attribute.kind {
        Kind::Type(ty) => (ty.to_json(), Json::Null, Json::Null),
        Kind::Nested { nesting, attributes: nested } => {
            let nesting = match nesting {
                Nesting::Single => "single",
                Nesting::List => "list",
                Nesting::Set => "set",
                Nesting::Map => "map",
            };
            (Json::Null, json!(nesting), attributes(nested))
        }
    };
    said([
        ("type", ty),
        ("nesting", nesting),
        ("required", json!(attribute.required)),
        ("optional", json!(attribute.optional)),
        ("computed", json!(attribute.computed)),
        ("sensitive", json!(attribute.sensitive)),
        ("write_only", json!(attribute.write_only)),
        ("replace", json!(attribute.replace)),
        ("keep", json!(attribute.keep)),
        ("never_null", json!(attribute.never_null)),
        ("prefix", json!(attribute.prefix)),
        // Text, because a default of `false` is said too.
        (
            "default",
            attribute
                .default
                .as_ref()
                .map_or(Json::Null, |it| encode(it).map_or(Json::Null, |it| json!(it.to_string()))),
        ),
        ("deprecation", json!(attribute.deprecation)),
        ("description", json!(attribute.description)),
        ("attributes", nested),
    ])
}

fn identity(identity: &IdentitySchema) -> Json {
    let attributes: Map<String, Json> = identity
        .attributes
        .iter()
        .map(|it| {
            let facts = [
                ("type", it.ty.to_json()),
                ("required_for_import", json!(it.required_for_import)),
                ("description", json!(it.description)),
            ];
            (it.name.clone(), said(facts))
        })
        .collect();
    json!({ "version": identity.version, "attributes": attributes })
}

fn function(function: &FunctionSignature) -> Json {
    said([
        ("summary", json!(function.summary)),
        ("description", json!(function.description)),
        ("deprecation", json!(function.deprecation)),
        ("parameters", function.parameters.iter().map(parameter).collect::<Vec<_>>().into()),
        ("variadic", function.variadic.as_ref().map_or(Json::Null, parameter)),
        ("result", function.result.to_json()),
    ])
}

fn parameter(parameter: &Parameter) -> Json {
    said([
        ("name", json!(parameter.name)),
        ("type", parameter.ty.to_json()),
        ("allow_null", json!(parameter.allow_null)),
        ("allow_unknown", json!(parameter.allow_unknown)),
        ("description", json!(parameter.description)),
    ])
}
