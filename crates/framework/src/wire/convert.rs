//! Between the wire's messages and the neutral types: values, messages for people, paths, schemas.

use prost_types::Timestamp;

use super::proto::tfplugin6 as wire;
use super::{json, msgpack};
use crate::diagnostic::{Diagnostic, Diagnostics, Result, Severity};
use crate::mask::masked;
use crate::path::{Path, Step};
use crate::schema::{Attribute, FunctionSignature, IdentitySchema, Kind, Nesting, Parameter, ProviderSchema, Schema};
use crate::server::Host;
use crate::value::{Type, Value};

/// Reads a value that the host sent. An absent one is null.
pub fn value(sent: Option<&wire::DynamicValue>, ty: &Type) -> Result<Value> {
    let Some(sent) = sent else { return Ok(Value::Null) };
    if !sent.msgpack.is_empty() {
        return msgpack::decode(&sent.msgpack, ty).map_err(|error| unreadable(&error));
    }
    if sent.json.is_empty() {
        return Ok(Value::Null);
    }
    let json = json::parse(&sent.json).map_err(|error| unreadable(&error))?;
    crate::value::json::decode(&json, ty).map_err(|error| unreadable(&error))
}

fn unreadable(error: &dyn std::error::Error) -> Diagnostics {
    Diagnostic::error(
        "Could not read a value from Terraform",
        format!(
            "A value that Terraform sent does not fit the provider's schema: {error}. Terraform and the provider \
             disagree about the schema, which points to a fault in one of them."
        ),
    )
    .remedy("Run `terraform init -upgrade`. If that does not help, report it.")
    .into()
}

/// Writes a value for the host.
pub fn dynamic(value: &Value, ty: &Type) -> Result<wire::DynamicValue> {
    match msgpack::encode(value, ty) {
        Ok(msgpack) => Ok(wire::DynamicValue { msgpack, json: Vec::new() }),
        Err(error) => Err(Diagnostic::bug(format!("A value of the provider does not fit its schema: {error}.")).into()),
    }
}

/// Reads stored state of any version.
pub fn raw_state(sent: Option<wire::RawState>) -> Result<serde_json::Value> {
    let sent = sent.unwrap_or_default();
    if sent.json.is_empty() && !sent.flatmap.is_empty() {
        return Err(Diagnostic::error(
            "Could not read the state",
            "The state was written by a Terraform older than 0.12.",
        )
        .remedy("Apply it once with Terraform 0.12 to bring it into the present form.")
        .into());
    }
    if sent.json.is_empty() {
        return Ok(serde_json::Value::Null);
    }
    json::parse(&sent.json).map_err(|error| {
        Diagnostic::error("Could not read the state", format!("{error}. The state may be damaged."))
            .remedy("Restore a backup of the state.")
            .into()
    })
}

/// What the host is able to do.
pub fn host(capabilities: Option<wire::ClientCapabilities>) -> Host {
    let sent = capabilities.unwrap_or_default();
    Host { deferral_allowed: sent.deferral_allowed, write_only_allowed: sent.write_only_attributes_allowed }
}

/// Whether the call is deferred: the provider's configuration is not known yet, that alone is in the way, and the host
/// can wait for it. The errors are taken away then.
pub fn deferred(host: Host, diagnostics: &mut Diagnostics) -> Option<wire::Deferred> {
    let is_deferred = host.deferral_allowed && diagnostics.take_awaiting();
    is_deferred.then(|| wire::Deferred { reason: wire::deferred::Reason::ProviderConfigUnknown.into() })
}

/// The answer of a deferred call that only takes a configuration: all results are unknown.
pub fn unknown_results(schema: &Schema, config: &Value) -> Value {
    let entries = schema.attributes.iter().map(|attribute| {
        let given = config.attribute(&attribute.name).filter(|value| !value.is_null()).cloned();
        let open = if attribute.computed { Value::unknown() } else { Value::Null };
        (attribute.name.clone(), given.unwrap_or(open))
    });
    Value::map(entries)
}

/// Messages for people. Registered secrets are masked here too: the last gate before Terraform prints them.
pub fn diagnostics(diagnostics: &Diagnostics) -> Vec<wire::Diagnostic> {
    diagnostics.0.iter().map(diagnostic).collect()
}

fn diagnostic(diagnostic: &Diagnostic) -> wire::Diagnostic {
    let severity = match diagnostic.severity {
        Severity::Error => wire::diagnostic::Severity::Error,
        Severity::Warning => wire::diagnostic::Severity::Warning,
    };
    wire::Diagnostic {
        severity: severity.into(),
        summary: masked(&diagnostic.summary).into_owned(),
        detail: masked(&diagnostic.detail()).into_owned(),
        attribute: (!diagnostic.at.is_root()).then(|| path(&diagnostic.at)),
    }
}

/// A path. The wire has no step into a set, so the path ends at the set.
pub fn path(path: &Path) -> wire::AttributePath {
    use wire::attribute_path::step::Selector;
    let steps = path
        .0
        .iter()
        .map_while(|step| match step {
            Step::Attribute(name) => Some(Selector::AttributeName(name.clone())),
            Step::Key(key) => Some(Selector::ElementKeyString(key.clone())),
            Step::Index(index) => Some(Selector::ElementKeyInt(*index)),
            Step::Element(_) => None,
        })
        .map(|selector| wire::attribute_path::Step { selector: Some(selector) })
        .collect();
    wire::AttributePath { steps }
}

/// A point in time.
pub fn timestamp(time: jiff::Timestamp) -> Timestamp {
    let (mut seconds, mut nanos) = (time.as_second(), time.subsec_nanosecond());
    // Before 1970 jiff counts both parts down; protobuf's nanoseconds always count up.
    if nanos < 0 {
        seconds -= 1;
        nanos += 1_000_000_000;
    }
    Timestamp { seconds, nanos }
}

/// What the provider is able to do.
pub fn server_capabilities() -> wire::ServerCapabilities {
    wire::ServerCapabilities {
        plan_destroy: true,
        get_provider_schema_optional: true,
        move_resource_state: true,
        generate_resource_config: true,
    }
}

/// All schemas.
pub fn provider_schema(all: &ProviderSchema) -> wire::get_provider_schema::Response {
    let schemas = |map: &std::collections::BTreeMap<String, Schema>| {
        map.iter().map(|(name, given)| (name.clone(), schema(given))).collect()
    };
    wire::get_provider_schema::Response {
        provider: Some(schema(&all.provider)),
        resource_schemas: schemas(&all.resources),
        data_source_schemas: schemas(&all.data_sources),
        ephemeral_resource_schemas: schemas(&all.ephemeral_resources),
        list_resource_schemas: schemas(&all.list_resources),
        action_schemas: all
            .actions
            .iter()
            .map(|(name, given)| (name.clone(), wire::ActionSchema { schema: Some(schema(given)) }))
            .collect(),
        functions: functions(all),
        server_capabilities: Some(server_capabilities()),
        ..Default::default()
    }
}

/// The names of everything.
pub fn metadata(all: &ProviderSchema) -> wire::get_metadata::Response {
    use wire::get_metadata as names;
    fn each<T, S>(schemas: &std::collections::BTreeMap<String, S>, make: impl Fn(String) -> T) -> Vec<T> {
        schemas.keys().cloned().map(make).collect()
    }
    names::Response {
        server_capabilities: Some(server_capabilities()),
        diagnostics: Vec::new(),
        data_sources: each(&all.data_sources, |type_name| names::DataSourceMetadata { type_name }),
        resources: each(&all.resources, |type_name| names::ResourceMetadata { type_name }),
        functions: each(&all.functions, |name| names::FunctionMetadata { name }),
        ephemeral_resources: each(&all.ephemeral_resources, |type_name| names::EphemeralMetadata { type_name }),
        list_resources: each(&all.list_resources, |type_name| names::ListResourceMetadata { type_name }),
        state_stores: Vec::new(),
        actions: each(&all.actions, |type_name| names::ActionMetadata { type_name }),
    }
}

/// The signatures of all functions.
pub fn functions(all: &ProviderSchema) -> std::collections::BTreeMap<String, wire::Function> {
    all.functions.iter().map(|(name, given)| (name.clone(), function(given))).collect()
}

/// The schemas of all identities.
pub fn identities(all: &ProviderSchema) -> std::collections::BTreeMap<String, wire::ResourceIdentitySchema> {
    all.identities.iter().map(|(name, given)| (name.clone(), identity(given))).collect()
}

fn markdown() -> i32 {
    wire::StringKind::Markdown.into()
}

fn notation(ty: &Type) -> Vec<u8> {
    ty.to_json().to_string().into_bytes()
}

fn schema(given: &Schema) -> wire::Schema {
    wire::Schema {
        version: given.version,
        block: Some(wire::schema::Block {
            version: given.version,
            attributes: given.attributes.iter().map(attribute).collect(),
            description: given.description.clone(),
            description_kind: markdown(),
            deprecated: given.deprecation.is_some(),
            deprecation_message: given.deprecation.clone().unwrap_or_default(),
            ..Default::default()
        }),
    }
}

fn attribute(given: &Attribute) -> wire::schema::Attribute {
    let (ty, nested) = match &given.kind {
        Kind::Type(ty) => (notation(ty), None),
        Kind::Nested { nesting, attributes } => (Vec::new(), Some(object(*nesting, attributes))),
    };
    wire::schema::Attribute {
        name: given.name.clone(),
        r#type: ty,
        nested_type: nested,
        description: given.description.clone(),
        description_kind: markdown(),
        required: given.required,
        optional: given.optional,
        computed: given.computed,
        sensitive: given.sensitive,
        write_only: given.write_only,
        deprecated: given.deprecation.is_some(),
        deprecation_message: given.deprecation.clone().unwrap_or_default(),
    }
}

fn object(nesting: Nesting, attributes: &[Attribute]) -> wire::schema::Object {
    use wire::schema::object::NestingMode;
    let nesting = match nesting {
        Nesting::Single => NestingMode::Single,
        Nesting::List => NestingMode::List,
        Nesting::Set => NestingMode::Set,
        Nesting::Map => NestingMode::Map,
    };
    wire::schema::Object {
        attributes: attributes.iter().map(attribute).collect(),
        nesting: nesting.into(),
        ..Default::default()
    }
}

fn identity(given: &IdentitySchema) -> wire::ResourceIdentitySchema {
    wire::ResourceIdentitySchema {
        version: given.version,
        identity_attributes: given
            .attributes
            .iter()
            .map(|attribute| wire::resource_identity_schema::IdentityAttribute {
                name: attribute.name.clone(),
                r#type: notation(&attribute.ty),
                required_for_import: attribute.required_for_import,
                optional_for_import: !attribute.required_for_import,
                description: attribute.description.clone(),
            })
            .collect(),
    }
}

fn function(given: &FunctionSignature) -> wire::Function {
    wire::Function {
        parameters: given.parameters.iter().map(parameter).collect(),
        variadic_parameter: given.variadic.as_ref().map(parameter),
        r#return: Some(wire::function::Return { r#type: notation(&given.result) }),
        summary: given.summary.clone(),
        description: given.description.clone(),
        description_kind: markdown(),
        deprecation_message: given.deprecation.clone().unwrap_or_default(),
    }
}

fn parameter(given: &Parameter) -> wire::function::Parameter {
    wire::function::Parameter {
        name: given.name.clone(),
        r#type: notation(&given.ty),
        allow_null_value: given.allow_null,
        allow_unknown_values: given.allow_unknown,
        description: given.description.clone(),
        description_kind: markdown(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_in_either_encoding_or_not_at_all() {
        let sent = |msgpack: &[u8], json: &[u8]| wire::DynamicValue { msgpack: msgpack.into(), json: json.into() };
        for (sent, expected) in [
            (None, Value::Null),
            (Some(sent(b"", b"")), Value::Null),
            (Some(sent(b"\xa1x", b"")), Value::from("x")),
            (Some(sent(b"", b"\"x\"")), Value::from("x")),
        ] {
            assert_eq!(value(sent.as_ref(), &Type::String), Ok(expected));
        }
    }

    #[test]
    fn unreadable_values_say_why_on_the_way() {
        for (msgpack, json, why) in [
            (&b"\x01"[..], &b""[..], "text was expected, but a number was found"),
            (b"", b"{", "the text is not JSON"),
            (b"", b"[]", "text was expected"),
        ] {
            let sent = wire::DynamicValue { msgpack: msgpack.into(), json: json.into() };
            let error = value(Some(&sent), &Type::String).expect_err(why);
            assert!(error.0[0].detail().contains(why), "{}", error.0[0].detail());
        }
    }

    #[test]
    fn state_of_ancient_terraform_is_refused() {
        let flatmap = [("id".to_owned(), "x".to_owned())].into();
        let error = raw_state(Some(wire::RawState { json: Vec::new(), flatmap })).expect_err("flatmap");
        assert!(error.0[0].detail().contains("0.12"), "{}", error.0[0].detail());
    }

    #[test]
    fn a_path_ends_before_a_set() {
        let inside = Path::attribute("a").then(Step::Index(1)).then(Step::Element(Box::new(Value::Null))).dot("b");
        assert_eq!(path(&inside).steps.len(), 2);
    }

    #[test]
    fn nanoseconds_count_up() {
        for (text, seconds, nanos) in
            [("2026-01-02T03:04:05.5Z", 1_767_323_045, 500_000_000), ("1969-12-31T23:59:59.25Z", -1, 250_000_000)]
        {
            let time: jiff::Timestamp = text.parse().expect("a time");
            assert_eq!(timestamp(time), Timestamp { seconds, nanos }, "{text}");
        }
    }
}
