//! While the provider's configuration is unknown, whatever fails for that reason says so in a way that hosts can defer.

use ekshybrid::registry::Ekshybrid;
use framework::diagnostic::Diagnostics;
use framework::provider::ProviderServer;
use framework::server::{Host, Server};
use framework::value::Value;
use tokio_util::sync::CancellationToken;

use crate::example;

const HOST: Host = Host { deferral_allowed: true, write_only_allowed: true };

/// The provider with credentials that are known only after apply, for AWS and for registries.
async fn unknown() -> ProviderServer<Ekshybrid> {
    let server = ProviderServer::<Ekshybrid>::new();
    let config = super::null_but(
        &server.schema().provider.clone(),
        // With these, nothing outside the process is reached: neither AWS nor a registry.
        ["access_key", "secret_key", "registries"].map(|name| (name, Value::unknown())),
    );
    assert_eq!(server.configure(config, "1.15.5".to_owned(), HOST).await, Diagnostics::new());
    server
}

#[tokio::test]
async fn what_needs_the_configuration_can_be_deferred() {
    let server = unknown().await;
    let schema = server.schema();
    let mut deferred = Vec::new();
    for (name, schema) in &schema.data_sources {
        let config = example::block("data-sources", name, "data-source.tf", "data", schema);
        // Hosts read with a whole configuration only.
        if !config.is_wholly_known() {
            continue;
        }
        let answer = server.read_data_source(name.clone(), config, HOST, CancellationToken::new()).await;
        check(name, answer.diagnostics, &mut deferred);
    }
    for (name, schema) in &schema.ephemeral_resources {
        let config = example::block("ephemeral-resources", name, "ephemeral-resource.tf", "ephemeral", schema);
        if !config.is_wholly_known() {
            continue;
        }
        let answer = server.open_ephemeral(name.clone(), config, HOST, CancellationToken::new()).await;
        check(name, answer.diagnostics, &mut deferred);
    }
    assert!(deferred.len() > 4, "{deferred:?}");
}

fn check(name: &str, mut diagnostics: Diagnostics, deferred: &mut Vec<String>) {
    if diagnostics.take_awaiting() {
        deferred.push(name.to_owned());
    }
    assert!(!diagnostics.has_errors(), "{name}: {diagnostics:?}");
}
