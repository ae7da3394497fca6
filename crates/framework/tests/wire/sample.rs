//! A provider with one of each, whose resource does what its `mode` says.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::schema::{
    Attribute, FunctionSignature, IdentityAttribute, IdentitySchema, Kind, Parameter, ProviderSchema, Schema,
};
use framework::server::{
    Answer, ApplyRequest, Boxed, FunctionError, Host, ImportRequest, Imported, Kept, ListRequest, Listed, MoveRequest,
    Opened, PlanRequest, Planned, Private, ReadRequest, Server, Sink,
};
use framework::value::{Type, Value};
use framework::wire::log::mask;
use tokio_util::sync::CancellationToken;

/// Masked from the start; appears in a panic's message.
pub const SECRET: &str = "sample-secret-7731";

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}

/// Whether the next panic of this thread is caught where it happens.
pub fn is_catching() -> bool {
    CATCHING.get()
}

pub struct Sample {
    schema: ProviderSchema,
    /// Whether an apply has begun that never ends.
    stuck: AtomicBool,
    /// As configured.
    region: Mutex<String>,
}

fn attribute(name: &str, ty: Type, required: bool, optional: bool, computed: bool) -> Attribute {
    Attribute {
        name: name.to_owned(),
        kind: Kind::Type(ty),
        description: format!("The {name}."),
        required,
        optional,
        computed,
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

impl Sample {
    pub fn new() -> Self {
        mask(SECRET);
        let thing = Schema {
            version: 1,
            description: "A thing.".to_owned(),
            attributes: vec![
                attribute("id", Type::String, false, false, true),
                attribute("mode", Type::String, false, true, false),
                attribute("name", Type::String, true, false, false),
                attribute("size", Type::Number, false, true, false),
                attribute("tags", Type::set(Type::String), false, true, false),
            ],
            deprecation: None,
        };
        let named = |attributes| Schema { attributes, ..Schema::default() };
        let name = || attribute("name", Type::String, true, false, false);
        let map = |schema: Schema| [("sample_thing".to_owned(), schema)].into();
        let schema = ProviderSchema {
            provider: named(vec![attribute("region", Type::String, false, true, false)]),
            resources: map(thing),
            identities: [(
                "sample_thing".to_owned(),
                IdentitySchema {
                    version: 0,
                    attributes: vec![IdentityAttribute {
                        name: "id".to_owned(),
                        ty: Type::String,
                        description: "The id.".to_owned(),
                        required_for_import: true,
                    }],
                },
            )]
            .into(),
            data_sources: map(named(vec![name(), attribute("length", Type::Number, false, false, true)])),
            ephemeral_resources: map(named(vec![name(), attribute("token", Type::String, false, false, true)])),
            list_resources: map(named(vec![name()])),
            actions: map(named(vec![name()])),
            functions: [(
                "echo".to_owned(),
                FunctionSignature {
                    parameters: vec![Parameter {
                        name: "value".to_owned(),
                        ty: Type::Dynamic,
                        description: "Any value.".to_owned(),
                        allow_null: true,
                        allow_unknown: false,
                    }],
                    variadic: None,
                    result: Type::Dynamic,
                    summary: "Says it again".to_owned(),
                    description: "Says it again.".to_owned(),
                    deprecation: None,
                },
            )]
            .into(),
        };
        Self { schema, stuck: AtomicBool::new(false), region: Mutex::default() }
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> Boxed<'a, T> {
    Box::pin(std::future::ready(value))
}

fn identity(state: &Value) -> Option<Value> {
    let id = state.attribute("id").filter(|id| id.as_str().is_some())?;
    Some(Value::map([("id", id.clone())]))
}

fn kept(state: Value, private: Private) -> Kept {
    Kept { identity: identity(&state), state: Some(state), private }
}

fn with_id(state: &Value, id: Value) -> Value {
    let Value::Map(mut attributes) = state.clone() else { return state.clone() };
    attributes.insert("id".to_owned(), id);
    Value::Map(attributes)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.attribute(name).and_then(Value::as_str).unwrap_or_default()
}

/// The error of what cannot be done while the provider's configuration is unknown.
fn too_early() -> Diagnostics {
    Diagnostic::error("Too early", "The region is not known.").awaiting_configuration().into()
}

const TOO_EARLY: &str = "too early";

impl Server for Sample {
    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    fn validate_provider(&self, _: Value) -> Boxed<'_, Diagnostics> {
        ready(Diagnostics::new())
    }

    fn configure(&self, config: Value, terraform_version: String, _: Host) -> Boxed<'_, Diagnostics> {
        tracing::info!(terraform_version, "Configured");
        text(&config, "region").clone_into(&mut self.region.lock().expect("nobody panics here"));
        ready(Diagnostics::new())
    }

    fn validate_resource(&self, _: String, config: Value, _: Host) -> Boxed<'_, Diagnostics> {
        ready(match text(&config, "name") {
            "" => Diagnostics::new(),
            name if name.len() > 20 => Diagnostic::error("Name is too long", "Shorten `name`.").at("name").into(),
            _ => Diagnostics::new(),
        })
    }

    fn upgrade_state(&self, _: String, _: i64, state: serde_json::Value) -> Boxed<'_, Answer<Option<Value>>> {
        let ty = self.schema.resources["sample_thing"].ty();
        ready(match framework::value::json::decode(&state, &ty) {
            Ok(state) => Answer::of(Some(state)),
            Err(error) => Answer { value: None, diagnostics: Diagnostic::error("Bad state", error.to_string()).into() },
        })
    }

    fn upgrade_identity(&self, _: String, _: i64, identity: serde_json::Value) -> Boxed<'_, Answer<Option<Value>>> {
        let ty = self.schema.identities["sample_thing"].ty();
        ready(Answer::of(framework::value::json::decode(&identity, &ty).ok()))
    }

    fn read(&self, request: ReadRequest, _: CancellationToken) -> Boxed<'_, Answer<Kept>> {
        let is_early = text(&request.state, "mode") == TOO_EARLY;
        let diagnostics = if is_early { too_early() } else { Diagnostics::new() };
        ready(Answer { value: kept(request.state, request.private), diagnostics })
    }

    fn plan(&self, request: PlanRequest, _: CancellationToken) -> Boxed<'_, Answer<Planned>> {
        let state = if request.prior.is_null() && !request.proposed.is_null() {
            with_id(&request.proposed, Value::unknown())
        } else {
            request.proposed
        };
        let identity = identity(&request.prior);
        let diagnostics = if text(&state, "mode") == TOO_EARLY { too_early() } else { Diagnostics::new() };
        let value = Planned { state: Some(state), private: request.private, identity, ..Planned::default() };
        ready(Answer { value, diagnostics })
    }

    fn apply(&self, request: ApplyRequest, cancel: CancellationToken) -> Boxed<'_, Answer<Kept>> {
        Box::pin(async move {
            if request.planned.is_null() {
                return Answer::of(kept(Value::Null, Private::new()));
            }
            match text(&request.planned, "mode") {
                "panic" => panic!("the thing broke with {SECRET}"),
                "expected-panic" => {
                    CATCHING.set(true);
                    let caught = std::panic::catch_unwind(|| panic!("bad input"));
                    CATCHING.set(false);
                    assert!(caught.is_err(), "a panic is caught");
                    Answer::of(kept(with_id(&request.planned, Value::from("id-caught")), Private::new()))
                }
                "wait" => {
                    tracing::info!("Waiting");
                    cancel.cancelled().await;
                    let stopped = Diagnostic::error("Stopped", format!("Asked to stop, not told {SECRET}."));
                    Answer { value: Kept::default(), diagnostics: stopped.into() }
                }
                "stuck" => {
                    self.stuck.store(true, Ordering::SeqCst);
                    std::future::pending().await
                }
                _ => {
                    let id = Value::from(format!("id-{}", text(&request.planned, "name")));
                    Answer::of(kept(with_id(&request.planned, id), b"kept".to_vec()))
                }
            }
        })
    }

    fn import(&self, request: ImportRequest, _: CancellationToken) -> Boxed<'_, Answer<Vec<Imported>>> {
        let id = if request.id.is_empty() { text(&request.identity, "id").to_owned() } else { request.id };
        let name = id.trim_start_matches("id-").to_owned();
        let state = Value::map([("id", Value::from(id)), ("name", Value::from(name))]);
        let identity = identity(&state);
        let imported = Imported { type_name: request.type_name, state, private: Private::new(), identity };
        ready(Answer::of(vec![imported]))
    }

    fn move_state(&self, _: MoveRequest) -> Boxed<'_, Answer<Kept>> {
        ready(Answer { value: Kept::default(), diagnostics: Diagnostic::error("Not moved", "No.").into() })
    }

    fn generate_config(&self, _: String, state: Value) -> Boxed<'_, Answer<Option<Value>>> {
        ready(Answer::of(Some(with_id(&state, Value::Null))))
    }

    fn validate_data_source(&self, _: String, _: Value) -> Boxed<'_, Diagnostics> {
        ready(Diagnostics::new())
    }

    fn read_data_source(
        &self,
        _: String,
        config: Value,
        _: Host,
        _: CancellationToken,
    ) -> Boxed<'_, Answer<Option<Value>>> {
        let name = text(&config, "name").to_owned();
        if name == TOO_EARLY {
            return ready(too_early().into());
        }
        let region = self.region.lock().expect("nobody panics here").clone();
        let length = i64::try_from(if name == "region" { region.len() } else { name.len() }).expect("short");
        ready(Answer::of(Some(Value::map([("name", Value::from(name)), ("length", Value::from(length))]))))
    }

    fn call_function(&self, _: String, mut arguments: Vec<Value>) -> Boxed<'_, Result<Value, FunctionError>> {
        ready(match arguments.pop() {
            Some(value) if value.as_str() == Some("refuse") => {
                Err(FunctionError { text: format!("refused, not told {SECRET}"), argument: Some(0) })
            }
            Some(value) if value.as_str() == Some("stuck?") => {
                Ok(Value::Dynamic(Box::new((Type::Bool, Value::from(self.stuck.load(Ordering::SeqCst))))))
            }
            Some(value) => Ok(value),
            None => Err(FunctionError { text: "no argument".to_owned(), argument: None }),
        })
    }

    fn validate_ephemeral(&self, _: String, _: Value) -> Boxed<'_, Diagnostics> {
        ready(Diagnostics::new())
    }

    fn open_ephemeral(&self, _: String, config: Value, _: Host, _: CancellationToken) -> Boxed<'_, Answer<Opened>> {
        let name = text(&config, "name").to_owned();
        if name == TOO_EARLY {
            return ready(too_early().into());
        }
        let result = Value::map([("token", Value::from(format!("token-{name}"))), ("name", Value::from(name))]);
        let renew_at = "2026-01-02T03:04:05Z".parse().ok();
        ready(Answer::of(Opened { result: Some(result), renew_at, private: b"opened".to_vec() }))
    }

    fn renew_ephemeral(&self, _: String, private: Private, _: CancellationToken) -> Boxed<'_, Answer<Opened>> {
        ready(Answer::of(Opened { result: None, renew_at: None, private }))
    }

    fn close_ephemeral(&self, _: String, _: Private, _: CancellationToken) -> Boxed<'_, Diagnostics> {
        ready(Diagnostics::new())
    }

    fn validate_list(&self, _: String, _: Value, _: Value, _: Value) -> Boxed<'_, Diagnostics> {
        ready(Diagnostics::new())
    }

    fn list(&self, request: ListRequest, sink: Sink<Listed>, _: CancellationToken) -> Boxed<'_, Diagnostics> {
        Box::pin(async move {
            for number in 1..=request.limit {
                let state = Value::map([("id", Value::from(format!("id-{number}"))), ("name", Value::from("n"))]);
                let found = Listed {
                    identity: Value::map([("id", Value::from(format!("id-{number}")))]),
                    display_name: format!("number {number}"),
                    resource: request.include_resource.then_some(state),
                    diagnostics: Diagnostics::new(),
                };
                if sink.send(found).await.is_err() {
                    break;
                }
            }
            match text(&request.config, "name") {
                "panic" => panic!("the listing broke"),
                "warn" => Diagnostic::warning("Incomplete", "Some are missing.").into(),
                _ => Diagnostics::new(),
            }
        })
    }

    fn validate_action(&self, _: String, _: Value) -> Boxed<'_, Diagnostics> {
        ready(Diagnostics::new())
    }

    fn plan_action(&self, _: String, config: Value, _: Host, _: CancellationToken) -> Boxed<'_, Diagnostics> {
        ready(if text(&config, "name") == TOO_EARLY { too_early() } else { Diagnostics::new() })
    }

    fn invoke_action(
        &self,
        _: String,
        config: Value,
        sink: Sink<String>,
        _: CancellationToken,
    ) -> Boxed<'_, Diagnostics> {
        Box::pin(async move {
            for step in ["one", "two"] {
                // The host may have gone; the action is finished all the same.
                let _ = sink.send(format!("{step} of {}", text(&config, "name"))).await;
            }
            match text(&config, "name") {
                "panic" => panic!("the action broke"),
                _ => Diagnostics::new(),
            }
        })
    }
}
