//! Plays Terraform: calls a server with values that Terraform would send.

use std::collections::BTreeMap;

use framework::check::rules::proposed;
use framework::diagnostic::{Diagnostics, Severity};
use framework::provider::ProviderServer;
use framework::schema::Schema;
use framework::server::{Answer, ApplyRequest, Host, Kept, PlanRequest, Planned, ReadRequest, Server};
use framework::value::Value;
use tokio_util::sync::CancellationToken;

use crate::cloud::Cloud;

pub const HOST: Host = Host { deferral_allowed: false, write_only_allowed: true };

/// The provider, configured for a region that no other test uses.
pub async fn configured(region: &str) -> ProviderServer<Cloud> {
    let server = ProviderServer::<Cloud>::new();
    let config = object(&server.schema().provider, [("region", Value::from(region)), ("token", Value::from("t"))]);
    let diagnostics = server.configure(config, "1.15.5".into(), HOST).await;
    assert_eq!(diagnostics, Diagnostics::new());
    server
}

/// An object of the schema, null but for these.
pub fn object(schema: &Schema, entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut object: BTreeMap<String, Value> = schema.null_object();
    for (name, value) in entries {
        assert!(object.insert(name.to_owned(), value).is_some(), "no attribute `{name}`");
    }
    Value::Map(object)
}

/// A configuration of `cloud_server`.
pub fn server_config(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let base = [("name", Value::from("web")), ("image", Value::from("debian"))];
    object(&server_schema(), base.into_iter().chain(entries))
}

pub fn server_schema() -> Schema {
    ProviderServer::<Cloud>::new().schema().resources["cloud_server"].clone()
}

/// The value with one attribute changed.
pub fn with(value: &Value, name: &str, changed: impl Into<Value>) -> Value {
    let Value::Map(mut entries) = value.clone() else { panic!("an object") };
    entries.insert(name.to_owned(), changed.into());
    Value::Map(entries)
}

/// Severity, summary and path of each message.
pub fn told(diagnostics: &Diagnostics) -> Vec<(Severity, &str, String)> {
    diagnostics.0.iter().map(|it| (it.severity, it.summary.as_str(), it.at.to_string())).collect()
}

pub fn error(summary: &str, path: &str) -> (Severity, String, String) {
    (Severity::Error, summary.to_owned(), path.to_owned())
}

pub fn identity(id: &str) -> Value {
    Value::map([("id", Value::from(id))])
}

/// What nothing was kept of yet.
pub fn nothing() -> Kept {
    Kept { state: Some(Value::Null), private: Vec::new(), identity: None }
}

pub async fn plan(server: &dyn Server, before: &Kept, config: &Value) -> Answer<Planned> {
    let prior = before.state.clone().expect("a state");
    let attributes = &server.schema().resources["cloud_server"].attributes;
    let request = PlanRequest {
        type_name: "cloud_server".into(),
        proposed: proposed(attributes, &prior, config),
        prior,
        config: config.clone(),
        private: before.private.clone(),
        is_final: false,
        identity: before.identity.clone().unwrap_or(Value::Null),
        host: HOST,
    };
    server.plan(request, CancellationToken::new()).await
}

pub async fn apply(server: &dyn Server, before: &Kept, config: &Value, cancel: CancellationToken) -> Answer<Kept> {
    let planned = plan(server, before, config).await;
    assert_eq!(planned.diagnostics, Diagnostics::new());
    let request = ApplyRequest {
        type_name: "cloud_server".into(),
        prior: before.state.clone().expect("a state"),
        planned: planned.value.state.expect("a plan"),
        config: config.clone(),
        private: planned.value.private,
        identity: planned.value.identity.unwrap_or(Value::Null),
        host: HOST,
    };
    server.apply(request, cancel).await
}

/// Makes a server; no message is expected.
pub async fn made(server: &dyn Server, config: &Value) -> Kept {
    let answer = apply(server, &nothing(), config, CancellationToken::new()).await;
    assert_eq!(answer.diagnostics, Diagnostics::new());
    answer.value
}

pub async fn read(server: &dyn Server, kept: &Kept) -> Answer<Kept> {
    let request = ReadRequest {
        type_name: "cloud_server".into(),
        state: kept.state.clone().expect("a state"),
        private: kept.private.clone(),
        identity: kept.identity.clone().unwrap_or(Value::Null),
        host: HOST,
    };
    server.read(request, CancellationToken::new()).await
}

/// The attribute of a kept state.
pub fn part<'a>(kept: &'a Kept, name: &str) -> &'a Value {
    kept.state.as_ref().and_then(|state| state.attribute(name)).unwrap_or_else(|| panic!("`{name}`"))
}
