//! The contract checker: passes a provider that keeps the contract, and sees each breach of one that does not.

use framework::check::contract::{Effort, Plain, Violation, function, life, plain, resource, taking_over};
use framework::check::{self};
use framework::provider::{Provider, ProviderServer, Registry};
use framework::server::Server;
use framework::value::Value;

use crate::cloud::{Cloud, Config, Region};
use crate::host::{configured, object, server_config};

const EFFORT: Effort = Effort { seed: 1, rounds: 400 };

fn listed(violations: &[Violation]) -> String {
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_provider_declares_nothing_wrong() {
    assert_eq!(check::provider(&ProviderServer::<Cloud>::new()), []);
}

/// Registers its server twice.
struct Twice;

impl Provider for Twice {
    type Config = Config;
    type Clients = std::sync::Arc<Region>;

    const NAME: &'static str = "cloud";
    const DESCRIPTION: &'static str = "Servers of a cloud that exists only in tests.";

    async fn configure(
        _: <Config as framework::model::Model>::Planned,
        _: &str,
        _: &framework::context::Context<Self::Clients>,
    ) -> framework::diagnostic::Result<Self::Clients> {
        Ok(Region::named("twice"))
    }

    fn registry() -> Registry<Self::Clients> {
        Registry::new()
            .resource::<crate::cloud::Server>()
            .resource::<crate::cloud::Server>()
            .unlisted::<crate::cloud::Server>("Nobody asks.")
    }
}

/// Says nothing of lists, or too much.
struct Undecided<const LISTED: bool>;

impl<const LISTED: bool> Provider for Undecided<LISTED> {
    type Config = Config;
    type Clients = std::sync::Arc<Region>;

    const NAME: &'static str = "cloud";
    const DESCRIPTION: &'static str = "Servers of a cloud that exists only in tests.";

    async fn configure(
        _: <Config as framework::model::Model>::Planned,
        _: &str,
        _: &framework::context::Context<Self::Clients>,
    ) -> framework::diagnostic::Result<Self::Clients> {
        Ok(Region::named("undecided"))
    }

    fn registry() -> Registry<Self::Clients> {
        let registry = Registry::new().resource::<crate::cloud::Server>();
        if !LISTED {
            return registry;
        }
        registry.list::<crate::cloud::further::Servers>().unlisted::<crate::cloud::Server>("Nobody asks.")
    }
}

#[test]
fn a_type_has_a_list_or_a_reason_against_it() {
    let texts = |findings: Vec<check::Finding>| findings.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        texts(check::provider(&ProviderServer::<Undecided<false>>::new())),
        ["resource `cloud_server`: has neither a list resource nor a reason why"]
    );
    assert_eq!(
        texts(check::provider(&ProviderServer::<Undecided<true>>::new())),
        ["resource `cloud_server`: has a list resource, and a reason against"]
    );
}

#[test]
fn a_type_that_is_registered_twice() {
    let findings = check::provider(&ProviderServer::<Twice>::new());
    let texts: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["resource `cloud_server`: is registered more than once"]);
}

fn example() -> Value {
    let disk = Value::map([
        ("size", Value::from(10)),
        ("filesystem", Value::Null),
        ("key", Value::from("a-long-secret-key")),
        ("key_file", Value::Null),
    ]);
    server_config([
        ("lifetime", "36h".into()),
        ("disks", Value::List(vec![disk])),
        ("labels", Value::map([("team", Value::from("blue"))])),
        (
            "watch",
            Value::map([
                ("address", Value::from("a")),
                ("every", Value::Null),
                ("token_wo", "token-twenty-three".into()),
                ("token_version", 1.into()),
            ]),
        ),
        ("password_wo", "hunter-twenty-two".into()),
        ("password_version", 1.into()),
    ])
}

#[tokio::test]
async fn a_resource_keeps_the_contract_with_and_without_clients() {
    let bare = ProviderServer::<Cloud>::new();
    let found = resource(&bare, "cloud_server", &example(), EFFORT).await;
    assert!(found.is_empty(), "{}", listed(&found));
    let full = configured("contract").await;
    let found = resource(&full, "cloud_server", &example(), EFFORT).await;
    assert!(found.is_empty(), "{}", listed(&found));
}

#[tokio::test]
async fn a_resource_keeps_the_contract_its_whole_life() {
    let server = configured("contract-life").await;
    let found = life(&server, "cloud_server", &example(), EFFORT).await;
    assert!(found.is_empty(), "{}", listed(&found));
    let found = taking_over(&server, "cloud_server", &example(), EFFORT).await;
    assert!(found.is_empty(), "{}", listed(&found));
}

#[tokio::test]
async fn everything_else_keeps_the_contract() {
    let server = configured("contract-others").await;
    crate::host::made(&server, &server_config([])).await;
    let schema = server.schema();
    for (kind, name, example) in [
        (Plain::DataSource, "cloud_image", object(&schema.data_sources["cloud_image"], [("name", "debian".into())])),
        (Plain::Ephemeral, "cloud_token", object(&schema.ephemeral_resources["cloud_token"], [("server", "s".into())])),
        (Plain::Action, "cloud_reboot", object(&schema.actions["cloud_reboot"], [("server", "s".into())])),
        (Plain::List, "cloud_server", object(&schema.list_resources["cloud_server"], [])),
    ] {
        let found = plain(&server, kind, name, &example, EFFORT).await;
        assert!(found.is_empty(), "{}", listed(&found));
    }
    for (name, example) in [
        ("join", vec![Value::from("-"), "a".into(), "b".into()]),
        ("ratio", vec![7.into(), 2.into()]),
        ("shout", vec!["a".into(), Value::List(vec!["b".into()])]),
    ] {
        let found = function(&server, name, &example, EFFORT).await;
        assert!(found.is_empty(), "{}", listed(&found));
    }
}

#[tokio::test]
async fn an_example_that_is_wrong_is_found() {
    let server = configured("contract-example").await;
    let once = Effort { seed: 1, rounds: 1 };
    let invalid = server_config([("name", "no name".into())]);
    let found = resource(&server, "cloud_server", &invalid, once).await;
    assert!(listed(&found).contains("the example is not valid: Invalid server name"), "{}", listed(&found));

    let misfit = server_config([("labels", "text".into())]);
    let found = resource(&server, "cloud_server", &misfit, once).await;
    assert!(listed(&found).contains("the example does not fit the schema: at `labels`"), "{}", listed(&found));

    let found = function(&server, "ratio", &[1.into(), 0.into()], once).await;
    assert!(listed(&found).contains("the example fails: nothing can be divided by zero"), "{}", listed(&found));
}
