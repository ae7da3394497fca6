//! One bad schema for each rule.

use super::*;
use crate::schema::{IdentityAttribute, Parameter};
use crate::value::Value;

/// A schema without a fault: the base that every case spoils in one place.
fn sound() -> ProviderSchema {
    ProviderSchema {
        provider: described(vec![argument("region")]),
        resources: [("cloud_server".to_owned(), described(vec![argument("name"), result("id")]))].into(),
        identities: [("cloud_server".to_owned(), identity(vec![identity_attribute("id", Type::String)]))].into(),
        data_sources: [("cloud_image".to_owned(), described(vec![argument("name"), result("id")]))].into(),
        ephemeral_resources: [("cloud_token".to_owned(), described(vec![result("token")]))].into(),
        list_resources: [("cloud_server".to_owned(), described(vec![argument("name")]))].into(),
        actions: [("cloud_reboot".to_owned(), described(vec![argument("name")]))].into(),
        functions: [("sum".to_owned(), function(vec![parameter("numbers")]))].into(),
    }
}

fn described(attributes: Vec<Attribute>) -> Schema {
    Schema { description: "A thing.".into(), attributes, ..Schema::default() }
}

fn argument(name: &str) -> Attribute {
    Attribute {
        name: name.into(),
        kind: Kind::Type(Type::String),
        description: "What it is.".into(),
        required: false,
        optional: true,
        computed: false,
        sensitive: false,
        write_only: false,
        deprecation: None,
        replace: false,
        default: None,
        keep: false,
        prefix: None,
        never_null: false,
    }
}

fn result(name: &str) -> Attribute {
    Attribute { optional: false, computed: true, never_null: true, ..argument(name) }
}

fn nested(name: &str, nesting: Nesting, attributes: Vec<Attribute>) -> Attribute {
    Attribute { kind: Kind::Nested { nesting, attributes }, ..argument(name) }
}

fn identity(attributes: Vec<IdentityAttribute>) -> IdentitySchema {
    IdentitySchema { version: 0, attributes }
}

fn identity_attribute(name: &str, ty: Type) -> IdentityAttribute {
    IdentityAttribute { name: name.into(), ty, description: "What it is.".into(), required_for_import: true }
}

fn function(parameters: Vec<Parameter>) -> FunctionSignature {
    FunctionSignature {
        parameters,
        variadic: None,
        result: Type::Number,
        summary: "Adds numbers".into(),
        description: "Adds numbers.".into(),
        deprecation: None,
    }
}

fn parameter(name: &str) -> Parameter {
    Parameter {
        name: name.into(),
        ty: Type::list(Type::Number),
        description: "What it is.".into(),
        allow_null: false,
        allow_unknown: false,
    }
}

#[test]
fn a_sound_schema_has_no_findings() {
    assert_eq!(schema("cloud", &sound()), []);
}

/// Puts one more attribute into the managed resource.
fn with(attribute: Attribute) -> ProviderSchema {
    let mut schema = sound();
    schema.resources.get_mut("cloud_server").expect("the resource").attributes.push(attribute);
    schema
}

#[test]
fn faults_of_attributes() {
    let text = || Some(Value::from("a"));
    for (attribute, place, problem) in [
        (argument("Size"), "`Size`", "its name does not consist of"),
        (argument("1st"), "`1st`", "its name does not consist of"),
        (argument("name"), "`name`", "is declared twice"),
        (argument("count"), "`count`", "Terraform keeps this name for itself"),
        (argument("for_each"), "`for_each`", "Terraform keeps this name for itself"),
        (argument("provider"), "`provider`", "Terraform keeps this name for itself"),
        (argument("lifecycle"), "`lifecycle`", "Terraform keeps this name for itself"),
        (argument("depends_on"), "`depends_on`", "Terraform keeps this name for itself"),
        (argument("connection"), "`connection`", "Terraform keeps this name for itself"),
        (argument("provisioner"), "`provisioner`", "Terraform keeps this name for itself"),
        (Attribute { description: String::new(), ..argument("a") }, "`a`", "has no description"),
        (
            Attribute { description: "What it is".into(), ..argument("a") },
            "`a`",
            "its description does not end with a period",
        ),
        (Attribute { required: true, ..argument("a") }, "`a`", "is required and optional or computed at once"),
        (Attribute { required: true, ..result("a") }, "`a`", "is required and optional or computed at once"),
        (Attribute { optional: false, ..argument("a") }, "`a`", "is neither required nor optional nor computed"),
        (Attribute { replace: true, ..result("a") }, "`a`", "asks for replacement but is no argument"),
        (Attribute { keep: true, ..argument("a") }, "`a`", "keeps its prior value but is not computed"),
        (Attribute { prefix: Some("a-".into()), ..argument("a") }, "`a`", "promises a prefix"),
        (
            Attribute { prefix: Some("a-".into()), kind: Kind::Type(Type::Number), ..result("a") },
            "`a`",
            "promises a prefix",
        ),
        (
            Attribute { default: text(), computed: true, kind: Kind::Type(Type::Number), ..argument("a") },
            "`a`",
            "its default does not fit its type",
        ),
        (Attribute { default: Some(Value::Null), computed: true, ..argument("a") }, "`a`", "its default is null"),
        (Attribute { default: text(), ..result("a") }, "`a`", "has a default but is not optional"),
        (Attribute { write_only: true, computed: true, ..argument("a") }, "`a`", "is write-only and has a default"),
        (Attribute { write_only: true, replace: true, ..argument("a") }, "`a`", "and asks for replacement"),
        (
            nested("a", Nesting::Set, vec![Attribute { write_only: true, ..argument("b") }]),
            "`a.b`",
            "is write-only inside of a set",
        ),
        (
            nested("a", Nesting::Set, vec![Attribute { default: text(), computed: true, ..argument("b") }]),
            "`a.b`",
            "has a default inside of a set",
        ),
        (
            nested("a", Nesting::List, vec![Attribute { replace: true, ..argument("b") }]),
            "`a.b`",
            "asks for replacement inside of another attribute",
        ),
        (
            nested("a", Nesting::Map, vec![Attribute { keep: true, ..result("b") }]),
            "`a.b`",
            "keeps its prior value inside of another attribute",
        ),
        (
            nested("a", Nesting::Single, vec![Attribute { prefix: Some("a-".into()), ..result("b") }]),
            "`a.b`",
            "promises a prefix inside of another attribute",
        ),
        (
            nested(
                "a",
                Nesting::Set,
                vec![nested(
                    "b",
                    Nesting::Single,
                    vec![Attribute { kind: Kind::Type(Type::Dynamic), ..argument("c") }],
                )],
            ),
            "`a.b.c`",
            "is dynamic inside of a set",
        ),
        (
            Attribute { kind: Kind::Type(Type::set(Type::Dynamic)), ..argument("a") },
            "`a`",
            "holds elements of dynamic type",
        ),
        (
            Attribute {
                kind: Kind::Type(Type::Object {
                    attributes: [("b".to_owned(), Type::String)].into(),
                    optional: ["b".to_owned()].into(),
                }),
                ..argument("a")
            },
            "`a`",
            "its type has optional parts",
        ),
        (nested("a", Nesting::List, vec![argument("B")]), "`a.B`", "its name does not consist of"),
        (
            nested("a", Nesting::Map, vec![Attribute { description: String::new(), ..argument("b") }]),
            "`a.b`",
            "has no description",
        ),
    ] {
        expect(&with(attribute), &format!("resource `cloud_server`, {place}"), problem);
    }
}

/// There is this finding, and no other.
fn expect(bad: &ProviderSchema, place: &str, problem: &str) {
    let findings = schema("cloud", bad);
    let found = |finding: &Finding| finding.place == place && finding.problem.contains(problem);
    assert!(!findings.is_empty() && findings.iter().all(found), "{place}: {problem}, but found {findings:#?}");
}

#[test]
fn faults_of_configurations_without_results() {
    let mut provider = sound();
    provider.provider.attributes.push(argument("alias"));
    expect(&provider, "provider, `alias`", "Terraform keeps this name for itself");

    let mut provider = sound();
    provider.provider.attributes.push(result("account"));
    expect(&provider, "provider, `account`", "is computed where only a configuration is read");

    let mut action = sound();
    let attributes = &mut action.actions.get_mut("cloud_reboot").expect("the action").attributes;
    attributes.push(Attribute { write_only: true, ..argument("password") });
    // Terraform reads an action's configuration in a block of its own.
    attributes.push(argument("count"));
    expect(&action, "action `cloud_reboot`, `password`", "is write-only outside of a managed resource");

    let mut data = sound();
    let attributes = &mut data.data_sources.get_mut("cloud_image").expect("the data source").attributes;
    attributes.push(Attribute { replace: true, ..argument("owner") });
    expect(&data, "data source `cloud_image`, `owner`", "asks for replacement but is no argument");
}

#[test]
fn faults_of_types() {
    let mut schema = sound();
    schema.data_sources.insert("other_image".into(), described(vec![]));
    expect(&schema, "data source `other_image`", "does not begin with `cloud_`");

    let mut schema = sound();
    schema.actions.insert("cloud_Boot".into(), described(vec![]));
    expect(&schema, "action `cloud_Boot`", "its name does not consist of");

    let mut schema = sound();
    schema.ephemeral_resources.insert("cloud_key".into(), Schema::default());
    expect(&schema, "ephemeral resource `cloud_key`", "has no description");

    let mut schema = sound();
    schema.resources.get_mut("cloud_server").expect("the resource").version = -1;
    expect(&schema, "resource `cloud_server`", "is below zero");
}

#[test]
fn faults_of_lists_and_identities() {
    let mut alone = sound();
    alone.list_resources.insert("cloud_disk".into(), described(vec![]));
    expect(&alone, "list resource `cloud_disk`", "no managed resource has its name");

    let mut nameless = sound();
    nameless.identities.clear();
    expect(&nameless, "list resource `cloud_server`", "its managed resource has no identity");

    for (attributes, place, problem) in [
        (vec![identity_attribute("serial", Type::String)], "identity of `cloud_server`, `serial`", "no such attribute"),
        (vec![identity_attribute("id", Type::Bool)], "identity of `cloud_server`, `id`", "is of another type"),
        (
            vec![IdentityAttribute { required_for_import: false, ..identity_attribute("id", Type::String) }],
            "identity of `cloud_server`",
            "asks for nothing at import",
        ),
        (
            vec![IdentityAttribute { description: "No period".into(), ..identity_attribute("id", Type::String) }],
            "identity of `cloud_server`, `id`",
            "does not end with a period",
        ),
    ] {
        let mut bad = sound();
        bad.identities.insert("cloud_server".into(), identity(attributes));
        expect(&bad, place, problem);
    }

    let mut secret = sound();
    secret.resources.get_mut("cloud_server").expect("the resource").attributes[1].sensitive = true;
    expect(&secret, "identity of `cloud_server`, `id`", "is sensitive");

    let mut nested = with(Attribute { kind: Kind::Type(Type::map(Type::String)), ..result("tags") });
    let tags = identity_attribute("tags", Type::map(Type::String));
    nested.identities.insert("cloud_server".into(), identity(vec![tags]));
    expect(&nested, "identity of `cloud_server`, `tags`", "is neither a plain value nor a list");

    let mut orphan = sound();
    orphan.identities.insert("cloud_disk".into(), identity(vec![identity_attribute("id", Type::String)]));
    expect(&orphan, "identity of `cloud_disk`", "no managed resource has its name");
}

#[test]
fn faults_of_functions() {
    for (name, bad, place, problem) in [
        ("Sum", function(vec![]), "function `Sum`", "its name does not consist of"),
        (
            "sum",
            FunctionSignature { summary: "One\ntwo".into(), ..function(vec![]) },
            "function `sum`",
            "its summary is not one line",
        ),
        (
            "sum",
            FunctionSignature { description: String::new(), ..function(vec![]) },
            "function `sum`",
            "has no description",
        ),
        (
            "sum",
            function(vec![parameter("Numbers")]),
            "function `sum`, parameter `Numbers`",
            "its name does not consist of",
        ),
        (
            "sum",
            FunctionSignature { variadic: Some(parameter("a")), ..function(vec![parameter("a")]) },
            "function `sum`, parameter `a`",
            "is declared twice",
        ),
        (
            "sum",
            function(vec![Parameter { description: "No period".into(), ..parameter("a") }]),
            "function `sum`, parameter `a`",
            "does not end with a period",
        ),
        (
            "sum",
            function(vec![Parameter { ty: Type::set(Type::Dynamic), ..parameter("a") }]),
            "function `sum`, parameter `a`",
            "is a set of dynamic elements",
        ),
    ] {
        let mut schema = sound();
        schema.functions = [(name.to_owned(), bad)].into();
        expect(&schema, place, problem);
    }
}
