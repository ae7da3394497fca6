//! No sensitive value of any registered type comes to light: with everything logged and every call failing, each value
//! is nowhere in the log and in no message.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use framework::diagnostic::Diagnostics;
use framework::schema::{Attribute, Kind, Nesting, Schema};
use framework::server::{ApplyRequest, Host, PlanRequest, Private, ReadRequest, Server};
use framework::value::Value;
use framework::wire::log::{HostLog, Lines};
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;

use crate::{example, out_of_reach};

const HOST: Host = Host { deferral_allowed: false, write_only_allowed: true };

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The paths of sensitive attributes.
fn sensitive(attributes: &[Attribute], path: &[String], found: &mut Vec<Vec<String>>) {
    for attribute in attributes {
        let path: Vec<String> = path.iter().cloned().chain([attribute.name.clone()]).collect();
        if attribute.sensitive {
            found.push(path);
        } else if let Kind::Nested { attributes, .. } = &attribute.kind {
            sensitive(attributes, &path, found);
        }
    }
}

fn nulls(attributes: &[Attribute]) -> Value {
    Value::map(attributes.iter().map(|attribute| (attribute.name.clone(), Value::Null)))
}

/// The object with this value at a path of attributes; collections on the way get one element with it.
fn with(attributes: &[Attribute], object: &Value, path: &[String], value: &Value) -> Value {
    let (first, rest) = path.split_first().expect("a path");
    let Value::Map(mut entries) = object.clone() else { panic!("an object") };
    let attribute = attributes.iter().find(|attribute| attribute.name == *first).expect("a declared attribute");
    let now = entries.get(first).cloned().unwrap_or(Value::Null);
    let changed = match &attribute.kind {
        _ if rest.is_empty() => value.clone(),
        Kind::Type(_) => panic!("{first} has no attributes"),
        Kind::Nested { nesting, attributes } => {
            let element = match (&now, nesting) {
                (Value::Map(_), Nesting::Single) => now.clone(),
                (Value::Map(entries), Nesting::Map) => entries.values().next().cloned().unwrap_or(Value::Null),
                (Value::List(elements) | Value::Set(elements), _) => elements.first().cloned().unwrap_or(Value::Null),
                _ => Value::Null,
            };
            let element = if matches!(element, Value::Map(_)) { element } else { nulls(attributes) };
            let element = with(attributes, &element, rest, value);
            match nesting {
                Nesting::Single => element,
                Nesting::Map => Value::map([("one".to_owned(), element)]),
                Nesting::List => Value::List(vec![element]),
                Nesting::Set => Value::set([element]),
            }
        }
    };
    entries.insert(first.clone(), changed);
    Value::Map(entries)
}

/// Everything unknown as some text, so that the object can be a state.
fn known(value: &Value) -> Value {
    match value {
        Value::Unknown(_) => Value::Null,
        Value::List(elements) => Value::List(elements.iter().map(known).collect()),
        Value::Set(elements) => Value::set(elements.iter().map(known)),
        Value::Map(entries) => Value::map(entries.iter().map(|(key, entry)| (key.clone(), known(entry)))),
        other => other.clone(),
    }
}

/// What was said while a type was tried with one secret.
#[derive(Default)]
struct Said(Vec<String>);

impl Said {
    fn add(&mut self, diagnostics: &Diagnostics) {
        self.0.extend(diagnostics.0.iter().map(|it| format!("{}: {}", it.summary, it.detail())));
    }
}

async fn drive_resource(server: &dyn Server, name: &str, config: &Value, said: &mut Said) {
    let cancel = CancellationToken::new;
    said.add(&server.validate_resource(name.to_owned(), config.clone(), HOST).await);
    let state = known(config);
    for prior in [Value::Null, state.clone()] {
        let planned = server
            .plan(
                PlanRequest {
                    type_name: name.to_owned(),
                    proposed: config.clone(),
                    prior: prior.clone(),
                    config: config.clone(),
                    private: Private::new(),
                    is_final: false,
                    identity: Value::Null,
                    host: HOST,
                },
                cancel(),
            )
            .await;
        said.add(&planned.diagnostics);
        let request = ApplyRequest {
            type_name: name.to_owned(),
            prior,
            planned: state.clone(),
            config: state.clone(),
            private: Private::new(),
            identity: Value::Null,
            host: HOST,
        };
        said.add(&server.apply(request, cancel()).await.diagnostics);
    }
    let request = ReadRequest {
        type_name: name.to_owned(),
        state: state.clone(),
        private: Private::new(),
        identity: Value::Null,
        host: HOST,
    };
    said.add(&server.read(request, cancel()).await.diagnostics);
    said.add(&server.generate_config(name.to_owned(), state).await.diagnostics);
}

#[tokio::test]
async fn no_sensitive_value_comes_to_light() {
    let sink = Sink::default();
    let lines = Lines::to(sink.clone()).expect("a thread");
    let subscriber = Registry::default().with(HostLog::new(LevelFilter::TRACE, &["ekshybrid"], lines.clone()));
    let _logging = tracing::subscriber::set_default(subscriber);
    let server = out_of_reach().await;
    let schema = server.schema().clone();
    let mut tried = Vec::new();
    let mut said = Said::default();
    let mut secret = |place: String, path: &[String]| {
        // Long enough for a mask, and in no other text.
        let text = format!("zq{:03}-never-seen-{}", tried.len(), path.last().expect("a name"));
        // What holds further texts is as dangerous in its parts.
        let whole = if text.ends_with("values") { format!("inner:\n  probe: {text}\n") } else { text.clone() };
        tried.push((place, text));
        Value::from(whole)
    };
    let each = |schema: &Schema, object: &Value| {
        let mut paths = Vec::new();
        sensitive(&schema.attributes, &[], &mut paths);
        paths
            .into_iter()
            .map(|path| (path.clone(), with(&schema.attributes, object, &path, &Value::Null)))
            .collect::<Vec<_>>()
    };
    for (path, object) in each(&schema.provider, &Value::Map(schema.provider.null_object())) {
        let config = with(&schema.provider.attributes, &object, &path, &secret("provider".to_owned(), &path));
        said.add(&server.validate_provider(config.clone()).await);
        let other = framework::provider::ProviderServer::<ekshybrid::registry::Ekshybrid>::new();
        said.add(&other.configure(config, "1.15.5".to_owned(), HOST).await);
    }
    for (name, schema) in &schema.resources {
        let object = example::block("resources", name, "resource.tf", "resource", schema);
        for (path, object) in each(schema, &object) {
            let config = with(&schema.attributes, &object, &path, &secret(format!("resource {name}"), &path));
            drive_resource(&server, name, &config, &mut said).await;
        }
    }
    for (name, schema) in &schema.data_sources {
        let object = known(&example::block("data-sources", name, "data-source.tf", "data", schema));
        for (path, object) in each(schema, &object) {
            let config = with(&schema.attributes, &object, &path, &secret(format!("data {name}"), &path));
            said.add(&server.validate_data_source(name.clone(), config.clone()).await);
            let cancel = CancellationToken::new();
            said.add(&server.read_data_source(name.clone(), config, HOST, cancel).await.diagnostics);
        }
    }
    lines.flush(Duration::from_mins(1));
    let log = String::from_utf8(sink.0.lock().expect("no panic").clone()).expect("UTF-8");
    assert!(log.contains("ekshybrid"), "nothing was logged, so nothing is shown");
    assert!(tried.len() >= 11, "the provider has more sensitive attributes than {tried:?}");
    for (place, text) in &tried {
        for line in log.lines().chain(said.0.iter().map(String::as_str)) {
            assert!(!line.contains(text.as_str()), "{place}: {line}");
        }
    }
}
