//! Everything that the provider registers, held against Terraform's rules the day it is registered: declarations,
//! examples, and the lifecycle contract under random configurations. Nothing outside the process is reached.

mod deferral;
mod every_terraform;
mod example;
mod golden;
mod ids;
mod lives;
mod permissions;
mod secrets;

use ekshybrid::registry::Ekshybrid;
use framework::check::contract::{Effort, Plain, Violation, function, plain, resource, taking_over};
use framework::diagnostic::Diagnostics;
use framework::provider::ProviderServer;
use framework::schema::Schema;
use framework::server::{Host, Server};
use framework::value::Value;

/// The seed is fixed, so that a failure comes again; another one finds other things.
fn effort(rounds: u32) -> Effort {
    let seed = std::env::var("EKSHYBRID_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(2_026);
    Effort { seed, rounds }
}

fn expect_none(violations: &[Violation]) {
    let texts: Vec<String> = violations.iter().take(10).map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), texts.join("\n"));
}

/// The provider as it is while its configuration is not known yet.
fn bare() -> ProviderServer<Ekshybrid> {
    ProviderServer::new()
}

/// The provider with credentials, and with AWS out of reach: every call is refused at once by the loopback device.
async fn out_of_reach() -> ProviderServer<Ekshybrid> {
    let server = ProviderServer::<Ekshybrid>::new();
    let closed = || Value::from("http://127.0.0.1:1");
    let schema = server.schema().provider.clone();
    let services = ["ec2", "ecr", "eks", "elbv2", "iam", "sts", "ssm"];
    let config = null_but(
        &schema,
        [
            ("region", Value::from("us-west-2")),
            ("access_key", Value::from("AKIAIOSFODNN7EXAMPLE")),
            ("secret_key", Value::from("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")),
            ("max_retries", Value::from(0)),
            ("endpoints", Value::map(services.map(|service| (service, closed())))),
        ],
    );
    assert_eq!(server.validate_provider(config.clone()).await, Diagnostics::new());
    let host = Host { deferral_allowed: false, write_only_allowed: true };
    assert_eq!(server.configure(config, "1.15.5".to_owned(), host).await, Diagnostics::new());
    server
}

fn null_but(schema: &Schema, entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut object = schema.null_object();
    object.extend(entries.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Value::Map(object)
}

#[test]
fn nothing_is_declared_wrong() {
    let findings: Vec<String> = framework::check::provider(&bare()).iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[tokio::test]
async fn resources_keep_the_contract() {
    let (bare, full) = (bare(), out_of_reach().await);
    for (name, schema) in &bare.schema().resources {
        let config = example::block("resources", name, "resource.tf", "resource", schema);
        expect_none(&resource(&bare, name, &config, effort(600)).await);
        expect_none(&taking_over(&bare, name, &config, effort(200)).await);
        // What asks AWS at plan is told that it cannot; the form of the message counts.
        let violations = resource(&full, name, &config, effort(20)).await;
        let about_reach = |it: &&Violation| !it.problem.contains("while nothing outside can be reached");
        expect_none(&violations.iter().filter(about_reach).cloned().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn everything_else_keeps_the_contract() {
    let (bare, full) = (bare(), out_of_reach().await);
    let schema = bare.schema();
    for (kind, folder, file, keyword, types) in [
        (Plain::DataSource, "data-sources", "data-source.tf", "data", &schema.data_sources),
        (Plain::Ephemeral, "ephemeral-resources", "ephemeral-resource.tf", "ephemeral", &schema.ephemeral_resources),
        (Plain::Action, "actions", "action.tf", "action", &schema.actions),
        (Plain::List, "list-resources", "list-resource.tfquery.hcl", "list", &schema.list_resources),
    ] {
        for (name, schema) in types {
            let config = example::block(folder, name, file, keyword, schema);
            expect_none(&plain(&bare, kind, name, &config, effort(400)).await);
            expect_none(&plain(&full, kind, name, &config, effort(20)).await);
        }
    }
}

#[tokio::test]
async fn functions_keep_the_contract() {
    let server = bare();
    for (name, signature) in &server.schema().functions {
        let arguments = example::arguments(name, signature);
        expect_none(&function(&server, name, &arguments, effort(1_500)).await);
    }
}

#[test]
fn the_examples_of_the_provider_are_valid() {
    let server = bare();
    let config = example::block("provider", "ekshybrid", "provider.tf", "provider", &server.schema().provider);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    assert_eq!(runtime.block_on(server.validate_provider(config)), Diagnostics::new());
}

#[test]
fn the_schema_is_as_reviewed() {
    golden::compare("tests/golden/schema.json", &framework::check::golden(bare().schema()));
}
