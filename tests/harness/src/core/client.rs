//! One running provider, spoken to over gRPC in memory: no process, no TLS, the same bytes otherwise.
//!
//! What every answer must satisfy by itself (it decodes, messages have a summary and lead somewhere) is checked here.

use std::sync::Arc;

use framework::server::Server;
use framework::value::{Type, Value};
use framework::wire::proto::tfplugin6 as wire;
use framework::wire::proto::tfplugin6::provider_client::ProviderClient;
use framework::wire::{Service, msgpack};
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use tonic::transport::{Channel, Endpoint};

use super::schema::{Schemas, object_type};
use crate::case::{AttributePath, PathStep, Severity};
use crate::layer::LayerError;
use crate::outcome::{Message, Place};

/// As much as Terraform takes in one message.
const LARGEST_MESSAGE: usize = 256 << 20;

/// A provider under test: makes an instance as a new process would be one.
pub type MakeServer = dyn Fn() -> Arc<dyn Server> + Send + Sync;

/// A connection to one instance of the provider.
#[derive(Clone)]
pub struct Connection {
    client: ProviderClient<Channel>,
    /// What the provider declares.
    pub schemas: Arc<Schemas>,
}

/// Messages of one call, not yet tied to an object of the configuration.
pub type Messages = Vec<Message>;

/// A resource's state with what is kept beside it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The state; null when there is no object.
    pub value: Value,
    /// The provider's own bytes.
    pub private: Vec<u8>,
    /// The identity; null when there is none.
    pub identity: Value,
}

impl Kept {
    /// No object.
    pub fn none() -> Self {
        Self { value: Value::Null, private: Vec::new(), identity: Value::Null }
    }
}

/// A provider's plan for one object.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The planned state and what is kept with it.
    pub kept: Kept,
    /// Where a change makes a new object.
    pub requires_replace: Vec<AttributePath>,
}

fn capabilities() -> Option<wire::ClientCapabilities> {
    Some(wire::ClientCapabilities {
        deferral_allowed: false,
        write_only_attributes_allowed: true,
        store_planned_private: true,
        computed_blocks_allowed: true,
    })
}

/// A call by its method, with its name for messages.
macro_rules! call {
    ($self:expr, $method:ident, $request:expr) => {
        $self
            .client
            .clone()
            .$method($request)
            .await
            .map(tonic::Response::into_inner)
            .map_err(|status| LayerError::Call { call: stringify!($method), status: status.to_string() })
    };
}

impl Connection {
    /// Starts an instance, connects to it and reads its schemas.
    ///
    /// # Errors
    ///
    /// It does not answer, or its schemas break a rule.
    pub async fn open(make: &MakeServer) -> Result<Self, LayerError> {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let service = Service::new(make()).into_server();
        // The task ends when our end of the connection is dropped.
        tokio::spawn(
            tonic::transport::Server::builder()
                .serve_with_incoming(service, futures::stream::iter([Ok::<_, std::io::Error>(theirs)])),
        );
        let mut ours = Some(ours);
        let connector = tower::service_fn(move |_| {
            let ours = ours.take().ok_or_else(|| std::io::Error::other("the provider closed its connection"));
            std::future::ready(ours.map(TokioIo::new))
        });
        let channel = Endpoint::from_static("http://in-process")
            .connect_with_connector(connector)
            .await
            .map_err(|error| LayerError::Call { call: "connect", status: crate::run::chain(&error) })?;
        let client = ProviderClient::new(channel)
            .max_decoding_message_size(LARGEST_MESSAGE)
            .max_encoding_message_size(LARGEST_MESSAGE);
        let mut connection = Self { client, schemas: Arc::default() };
        let schema = call!(connection, get_provider_schema, wire::get_provider_schema::Request {})?;
        let identities =
            call!(connection, get_resource_identity_schemas, wire::get_resource_identity_schemas::Request {})?;
        for diagnostic in schema.diagnostics.iter().chain(&identities.diagnostics) {
            return Err(LayerError::Contract { rule: "schema", what: diagnostic.summary.clone() });
        }
        connection.schemas = Arc::new(Schemas::read(schema, identities)?);
        Ok(connection)
    }

    /// Checks the provider's configuration.
    pub async fn validate_provider(&self, config: &Value) -> Result<Messages, LayerError> {
        let config = Some(encode(config, &object_type(&self.schemas.provider))?);
        let answer = call!(self, validate_provider_config, wire::validate_provider_config::Request { config })?;
        messages(answer.diagnostics)
    }

    /// Configures the provider.
    pub async fn configure(&self, config: &Value) -> Result<Messages, LayerError> {
        let request = wire::configure_provider::Request {
            terraform_version: "1.16.0".to_owned(),
            config: Some(encode(config, &object_type(&self.schemas.provider))?),
            client_capabilities: capabilities(),
        };
        messages(call!(self, configure_provider, request)?.diagnostics)
    }

    /// Asks the provider to stop what it is at.
    pub async fn stop(&self) -> Result<(), LayerError> {
        let answer = call!(self, stop_provider, wire::stop_provider::Request {})?;
        if answer.error.is_empty() { Ok(()) } else { Err(LayerError::Contract { rule: "stop", what: answer.error }) }
    }

    fn resource(&self, name: &str) -> Result<Type, LayerError> {
        self.schemas
            .resources
            .get(name)
            .map(|resource| object_type(&resource.attributes))
            .ok_or_else(|| LayerError::Configuration(format!("the provider has no resource {name}")))
    }

    fn identity(&self, name: &str) -> Option<Type> {
        self.schemas.resources.get(name)?.identity.as_ref().map(|identity| identity.ty.clone())
    }

    fn send_identity(&self, name: &str, identity: &Value) -> Result<Option<wire::ResourceIdentityData>, LayerError> {
        match self.identity(name) {
            Some(ty) if !identity.is_null() => {
                Ok(Some(wire::ResourceIdentityData { identity_data: Some(encode(identity, &ty)?) }))
            }
            _ => Ok(None),
        }
    }

    fn take_identity(&self, name: &str, sent: Option<wire::ResourceIdentityData>) -> Result<Value, LayerError> {
        match (self.identity(name), sent.and_then(|sent| sent.identity_data)) {
            (Some(ty), Some(data)) => decode("identity", Some(data), &ty),
            (None, Some(_)) => Err(LayerError::Contract {
                rule: "identity conforms",
                what: format!("{name} has no identity schema and returns an identity"),
            }),
            (_, None) => Ok(Value::Null),
        }
    }

    fn take_kept(
        &self,
        name: &str,
        value: Option<wire::DynamicValue>,
        private: Vec<u8>,
        identity: Option<wire::ResourceIdentityData>,
    ) -> Result<Kept, LayerError> {
        let value = decode(name, value, &self.resource(name)?)?;
        Ok(Kept { value, private, identity: self.take_identity(name, identity)? })
    }

    /// Checks a resource's configuration.
    pub async fn validate_resource(&self, name: &str, config: &Value) -> Result<Messages, LayerError> {
        let request = wire::validate_resource_config::Request {
            type_name: name.to_owned(),
            config: Some(encode(config, &self.resource(name)?)?),
            client_capabilities: capabilities(),
        };
        messages(call!(self, validate_resource_config, request)?.diagnostics)
    }

    /// Brings stored state into the present form.
    pub async fn upgrade_state(&self, name: &str, version: i64, state: &Json) -> Result<(Value, Messages), LayerError> {
        let raw_state = Some(wire::RawState { json: state.to_string().into_bytes(), ..wire::RawState::default() });
        let request = wire::upgrade_resource_state::Request { type_name: name.to_owned(), version, raw_state };
        let answer = call!(self, upgrade_resource_state, request)?;
        Ok((decode(name, answer.upgraded_state, &self.resource(name)?)?, messages(answer.diagnostics)?))
    }

    /// Brings a stored identity into the present form.
    pub async fn upgrade_identity(
        &self,
        name: &str,
        version: i64,
        identity: &Json,
    ) -> Result<(Value, Messages), LayerError> {
        let raw_identity =
            Some(wire::RawState { json: identity.to_string().into_bytes(), ..wire::RawState::default() });
        let request = wire::upgrade_resource_identity::Request { type_name: name.to_owned(), version, raw_identity };
        let answer = call!(self, upgrade_resource_identity, request)?;
        Ok((self.take_identity(name, answer.upgraded_identity)?, messages(answer.diagnostics)?))
    }

    /// Looks at the object as it is now.
    pub async fn read(&self, name: &str, kept: &Kept) -> Result<(Kept, Messages), LayerError> {
        let request = wire::read_resource::Request {
            type_name: name.to_owned(),
            current_state: Some(encode(&kept.value, &self.resource(name)?)?),
            private: kept.private.clone(),
            provider_meta: None,
            client_capabilities: capabilities(),
            current_identity: self.send_identity(name, &kept.identity)?,
        };
        let answer = call!(self, read_resource, request)?;
        not_deferred(name, answer.deferred.as_ref())?;
        let kept = self.take_kept(name, answer.new_state, answer.private, answer.new_identity)?;
        Ok((kept, messages(answer.diagnostics)?))
    }

    /// Asks what would change.
    pub async fn plan(
        &self,
        name: &str,
        prior: &Kept,
        proposed: &Value,
        config: &Value,
        planned_private: &[u8],
    ) -> Result<(Planned, Messages), LayerError> {
        let ty = self.resource(name)?;
        let request = wire::plan_resource_change::Request {
            type_name: name.to_owned(),
            prior_state: Some(encode(&prior.value, &ty)?),
            proposed_new_state: Some(encode(proposed, &ty)?),
            config: Some(encode(config, &ty)?),
            prior_private: prior.private.clone(),
            provider_meta: None,
            client_capabilities: capabilities(),
            prior_identity: self.send_identity(name, &prior.identity)?,
            planned_private: planned_private.to_vec(),
        };
        let answer = call!(self, plan_resource_change, request)?;
        not_deferred(name, answer.deferred.as_ref())?;
        if answer.legacy_type_system {
            return Err(LayerError::Contract { rule: "never legacy_type_system", what: name.to_owned() });
        }
        let kept = self.take_kept(name, answer.planned_state, answer.planned_private, answer.planned_identity)?;
        let requires_replace = answer.requires_replace.iter().map(path).collect();
        Ok((Planned { kept, requires_replace }, messages(answer.diagnostics)?))
    }

    /// Makes the change.
    pub async fn apply(
        &self,
        name: &str,
        prior: &Value,
        planned: &Kept,
        config: &Value,
    ) -> Result<(Kept, Messages), LayerError> {
        let ty = self.resource(name)?;
        let request = wire::apply_resource_change::Request {
            type_name: name.to_owned(),
            prior_state: Some(encode(prior, &ty)?),
            planned_state: Some(encode(&planned.value, &ty)?),
            config: Some(encode(config, &ty)?),
            planned_private: planned.private.clone(),
            provider_meta: None,
            planned_identity: self.send_identity(name, &planned.identity)?,
        };
        let answer = call!(self, apply_resource_change, request)?;
        if answer.legacy_type_system {
            return Err(LayerError::Contract { rule: "never legacy_type_system", what: name.to_owned() });
        }
        let kept = self.take_kept(name, answer.new_state, answer.private, answer.new_identity)?;
        Ok((kept, messages(answer.diagnostics)?))
    }

    /// Takes an object over, by its id or its identity.
    pub async fn import(&self, name: &str, id: &str, identity: &Value) -> Result<(Vec<Kept>, Messages), LayerError> {
        let request = wire::import_resource_state::Request {
            type_name: name.to_owned(),
            id: id.to_owned(),
            client_capabilities: capabilities(),
            identity: self.send_identity(name, identity)?,
        };
        let answer = call!(self, import_resource_state, request)?;
        not_deferred(name, answer.deferred.as_ref())?;
        let mut imported = Vec::new();
        for one in answer.imported_resources {
            if one.type_name != name {
                let what = format!("{} is imported in the place of {name}", one.type_name);
                return Err(LayerError::Contract { rule: "import of the asked type", what });
            }
            imported.push(self.take_kept(name, one.state, one.private, one.identity)?);
        }
        Ok((imported, messages(answer.diagnostics)?))
    }

    /// Takes over the state of another type.
    pub async fn move_state(
        &self,
        source: &str,
        source_version: i64,
        state: &Json,
        private: &[u8],
        target: &str,
    ) -> Result<(Kept, Messages), LayerError> {
        let request = wire::move_resource_state::Request {
            source_provider_address: "terraform.io/builtin/terraform".to_owned(),
            source_type_name: source.to_owned(),
            source_schema_version: source_version,
            source_state: Some(wire::RawState { json: state.to_string().into_bytes(), ..wire::RawState::default() }),
            target_type_name: target.to_owned(),
            source_private: private.to_vec(),
            source_identity: None,
            source_identity_schema_version: 0,
        };
        let answer = call!(self, move_resource_state, request)?;
        let kept = self.take_kept(target, answer.target_state, answer.target_private, answer.target_identity)?;
        Ok((kept, messages(answer.diagnostics)?))
    }

    /// Checks a data source's configuration.
    pub async fn validate_data(&self, name: &str, config: &Value) -> Result<Messages, LayerError> {
        let config = Some(encode(config, &of(&self.schemas.data_sources, "data source", name)?)?);
        let request = wire::validate_data_resource_config::Request { type_name: name.to_owned(), config };
        messages(call!(self, validate_data_resource_config, request)?.diagnostics)
    }

    /// Reads a data source.
    pub async fn read_data(&self, name: &str, config: &Value) -> Result<(Value, Messages), LayerError> {
        let ty = of(&self.schemas.data_sources, "data source", name)?;
        let request = wire::read_data_source::Request {
            type_name: name.to_owned(),
            config: Some(encode(config, &ty)?),
            provider_meta: None,
            client_capabilities: capabilities(),
        };
        let answer = call!(self, read_data_source, request)?;
        not_deferred(name, answer.deferred.as_ref())?;
        Ok((decode(name, answer.state, &ty)?, messages(answer.diagnostics)?))
    }

    /// Calls a function. The inner error is the function's own, with the position of the argument at fault.
    pub async fn call_function(
        &self,
        name: &str,
        arguments: &[(Value, Type)],
        returns: &Type,
    ) -> Result<Result<Value, (String, Option<i64>)>, LayerError> {
        let arguments = arguments.iter().map(|(value, ty)| encode(value, ty)).collect::<Result<_, _>>()?;
        let answer = call!(self, call_function, wire::call_function::Request { name: name.to_owned(), arguments })?;
        match answer.error {
            Some(error) => Ok(Err((error.text, error.function_argument))),
            None => decode(name, answer.result, returns).map(Ok),
        }
    }

    /// Opens an ephemeral resource.
    pub async fn open_ephemeral(
        &self,
        name: &str,
        config: &Value,
    ) -> Result<(Value, Option<Vec<u8>>, Messages), LayerError> {
        let ty = of(&self.schemas.ephemeral, "ephemeral resource", name)?;
        let config = Some(encode(config, &ty)?);
        let validate =
            wire::validate_ephemeral_resource_config::Request { type_name: name.to_owned(), config: config.clone() };
        let told = messages(call!(self, validate_ephemeral_resource_config, validate)?.diagnostics)?;
        if told.iter().any(|message| message.severity == Severity::Error) {
            return Ok((Value::Null, None, told));
        }
        let request = wire::open_ephemeral_resource::Request {
            type_name: name.to_owned(),
            config,
            client_capabilities: capabilities(),
        };
        let answer = call!(self, open_ephemeral_resource, request)?;
        not_deferred(name, answer.deferred.as_ref())?;
        let told = messages(answer.diagnostics)?;
        Ok((decode(name, answer.result, &ty)?, answer.private, told))
    }

    /// Checks an ephemeral resource's configuration.
    pub async fn validate_ephemeral(&self, name: &str, config: &Value) -> Result<Messages, LayerError> {
        let config = Some(encode(config, &of(&self.schemas.ephemeral, "ephemeral resource", name)?)?);
        let request = wire::validate_ephemeral_resource_config::Request { type_name: name.to_owned(), config };
        messages(call!(self, validate_ephemeral_resource_config, request)?.diagnostics)
    }

    /// Closes an ephemeral resource.
    pub async fn close_ephemeral(&self, name: &str, private: Option<Vec<u8>>) -> Result<Messages, LayerError> {
        let request = wire::close_ephemeral_resource::Request { type_name: name.to_owned(), private };
        messages(call!(self, close_ephemeral_resource, request)?.diagnostics)
    }

    /// Lists objects: each in the form of `terraform query -json`.
    pub async fn list(
        &self,
        name: &str,
        config: &Value,
        include_resource: bool,
        limit: i64,
    ) -> Result<(Vec<wire::list_resource::Event>, Messages), LayerError> {
        let config = Some(encode(config, &of(&self.schemas.lists, "list resource", name)?)?);
        let validate = wire::validate_list_resource_config::Request {
            type_name: name.to_owned(),
            config: config.clone(),
            include_resource_object: Some(encode(&Value::Bool(include_resource), &Type::Bool)?),
            limit: Some(encode(&Value::from(limit), &Type::Number)?),
        };
        let told = messages(call!(self, validate_list_resource_config, validate)?.diagnostics)?;
        if told.iter().any(|message| message.severity == Severity::Error) {
            return Ok((Vec::new(), told));
        }
        let request = wire::list_resource::Request {
            type_name: name.to_owned(),
            config,
            include_resource_object: include_resource,
            limit,
        };
        let mut stream = call!(self, list_resource, request)?;
        let (mut found, mut told) = (Vec::new(), told);
        let broken = |status: tonic::Status| LayerError::Call { call: "list_resource", status: status.to_string() };
        while let Some(event) = stream.message().await.map_err(broken)? {
            told.extend(messages(event.diagnostic.clone())?);
            // An event with errors alone brings no object.
            if event.identity.is_some() {
                found.push(event);
            }
        }
        Ok((found, told))
    }

    /// The identity and the object of a listed event.
    pub fn listed(&self, name: &str, event: wire::list_resource::Event) -> Result<(Value, String, Value), LayerError> {
        let object = match event.resource_object {
            Some(object) => decode(name, Some(object), &self.resource(name)?)?,
            None => Value::Null,
        };
        Ok((self.take_identity(name, event.identity)?, event.display_name, object))
    }

    /// Checks an action's configuration.
    pub async fn validate_action(&self, name: &str, config: &Value) -> Result<Messages, LayerError> {
        let config = Some(encode(config, &of(&self.schemas.actions, "action", name)?)?);
        let request = wire::validate_action_config::Request { type_name: name.to_owned(), config };
        messages(call!(self, validate_action_config, request)?.diagnostics)
    }

    /// Plans and runs an action: its progress, and its messages.
    pub async fn invoke(&self, name: &str, config: &Value) -> Result<(Vec<String>, Messages), LayerError> {
        let config = Some(encode(config, &of(&self.schemas.actions, "action", name)?)?);
        let action_type = name.to_owned();
        let plan = wire::plan_action::Request {
            action_type: action_type.clone(),
            config: config.clone(),
            client_capabilities: capabilities(),
        };
        let answer = call!(self, plan_action, plan)?;
        not_deferred(name, answer.deferred.as_ref())?;
        let mut told = messages(answer.diagnostics)?;
        let mut progress = Vec::new();
        if told.iter().any(|message| message.severity == Severity::Error) {
            return Ok((progress, told));
        }
        let request = wire::invoke_action::Request { action_type, config, client_capabilities: capabilities() };
        let mut stream = call!(self, invoke_action, request)?;
        let rule = |what: &str| LayerError::Contract { rule: "Progress* then Completed", what: what.to_owned() };
        let broken = |status: tonic::Status| LayerError::Call { call: "invoke_action", status: status.to_string() };
        let mut completed = false;
        while let Some(event) = stream.message().await.map_err(broken)? {
            use wire::invoke_action::event::Type;
            match event.r#type {
                _ if completed => return Err(rule("an event after Completed")),
                Some(Type::Progress(one)) => progress.push(one.message),
                Some(Type::Completed(end)) => {
                    told.extend(messages(end.diagnostics)?);
                    completed = true;
                }
                None => return Err(rule("an event that is neither")),
            }
        }
        if completed { Ok((progress, told)) } else { Err(rule("no Completed")) }
    }
}

fn of(
    schemas: &std::collections::BTreeMap<String, super::schema::Attributes>,
    kind: &str,
    name: &str,
) -> Result<Type, LayerError> {
    let attributes = schemas.get(name);
    attributes.map(object_type).ok_or_else(|| LayerError::Configuration(format!("the provider has no {kind} {name}")))
}

fn not_deferred(name: &str, deferred: Option<&wire::Deferred>) -> Result<(), LayerError> {
    match deferred {
        None => Ok(()),
        Some(_) => {
            Err(LayerError::Contract { rule: "deferred only when allowed", what: format!("{name} is deferred") })
        }
    }
}

fn encode(value: &Value, ty: &Type) -> Result<wire::DynamicValue, LayerError> {
    let msgpack = msgpack::encode(value, ty).map_err(|error| {
        LayerError::Configuration(format!("a value does not fit its type: {}", crate::run::chain(&error)))
    })?;
    Ok(wire::DynamicValue { msgpack, json: Vec::new() })
}

/// An answer's value; an absent one is null.
fn decode(what: &str, sent: Option<wire::DynamicValue>, ty: &Type) -> Result<Value, LayerError> {
    let broken = |fault: String| LayerError::Contract {
        rule: "answers conform to the schema",
        what: format!("{what}: {fault}"),
    };
    let Some(sent) = sent else { return Ok(Value::Null) };
    if sent.msgpack.is_empty() {
        let json = if sent.json.is_empty() {
            Json::Null
        } else {
            serde_json::from_slice(&sent.json).map_err(|error| broken(error.to_string()))?
        };
        return framework::value::json::decode(&json, ty).map_err(|error| broken(error.to_string()));
    }
    msgpack::decode(&sent.msgpack, ty).map_err(|error| broken(crate::run::chain(&error)))
}

/// Messages as they came; each must have a severity and a summary.
fn messages(diagnostics: Vec<wire::Diagnostic>) -> Result<Messages, LayerError> {
    let mut messages = Vec::new();
    for diagnostic in diagnostics {
        let severity = match diagnostic.severity() {
            wire::diagnostic::Severity::Error => Severity::Error,
            wire::diagnostic::Severity::Warning => Severity::Warning,
            wire::diagnostic::Severity::Invalid => {
                return Err(LayerError::Contract { rule: "messages have a severity", what: diagnostic.summary });
            }
        };
        if diagnostic.summary.is_empty() {
            return Err(LayerError::Contract { rule: "messages have a summary", what: diagnostic.detail });
        }
        let place = match &diagnostic.attribute {
            Some(attribute) if !attribute.steps.is_empty() => Place::Path(path(attribute)),
            _ => Place::Unknown,
        };
        let (summary, detail) = (diagnostic.summary, diagnostic.detail);
        messages.push(Message { severity, summary, detail, address: None, place });
    }
    Ok(messages)
}

fn path(sent: &wire::AttributePath) -> AttributePath {
    use wire::attribute_path::step::Selector;
    let step = |step: &wire::attribute_path::Step| match &step.selector {
        Some(Selector::AttributeName(name) | Selector::ElementKeyString(name)) => Some(PathStep::Name(name.clone())),
        Some(Selector::ElementKeyInt(index)) => usize::try_from(*index).ok().map(PathStep::Index),
        None => None,
    };
    AttributePath(sent.steps.iter().filter_map(step).collect())
}
