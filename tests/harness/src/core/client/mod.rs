//! One running provider, spoken to over gRPC in memory: no process, no TLS, the same bytes otherwise.
//!
//! What every answer must satisfy by itself (it decodes, messages have a summary and lead somewhere) is checked here.

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

mod convert;
mod others;

use std::sync::Arc;

use framework::server::Server;
use framework::value::{Type, Value};
use framework::wire::Service;
use framework::wire::proto::tfplugin6 as wire;
use framework::wire::proto::tfplugin6::provider_client::ProviderClient;
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use tonic::transport::{Channel, Endpoint};

use self::convert::{decode, encode, messages, path};
use super::schema::{Schemas, object_type};
use crate::case::AttributePath;
use crate::layer::LayerError;
use crate::outcome::Message;

/// As much as Terraform takes in one message.
const LARGEST_MESSAGE: usize = 256 << 20;

/// A provider under test: makes an instance as a new process would be one.
pub type MakeServer = dyn Fn() -> Arc<dyn Server> + Send + Sync;

/// A connection to one instance of the provider.
#[derive(Clone)]
pub struct Connection {
    client: ProviderClient<Channel>,
    /// Whether the host is a Terraform that hands a plan's private bytes to the plan during apply, as 1.16 does.
    hands_planned_private: bool,
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

/// What Terraform 1.15 is able to do.
const CAPABILITIES: Option<wire::ClientCapabilities> = Some(wire::ClientCapabilities {
    deferral_allowed: false,
    write_only_attributes_allowed: true,
    store_planned_private: false,
    computed_blocks_allowed: false,
});

/// What Terraform 1.16 is able to do.
const NEWER_CAPABILITIES: Option<wire::ClientCapabilities> = Some(wire::ClientCapabilities {
    deferral_allowed: false,
    write_only_attributes_allowed: true,
    store_planned_private: true,
    computed_blocks_allowed: true,
});

impl Connection {
    /// Starts an instance, connects to it and reads its schemas.
    ///
    /// # Errors
    ///
    /// It does not answer, or its schemas break a rule.
    pub async fn open(make: &MakeServer, hands_planned_private: bool) -> Result<Self, LayerError> {
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
        let mut connection = Self { client, hands_planned_private, schemas: Arc::default() };
        let schema = call!(connection, get_provider_schema, wire::get_provider_schema::Request {})?;
        let identities =
            call!(connection, get_resource_identity_schemas, wire::get_resource_identity_schemas::Request {})?;
        if let Some(diagnostic) = schema.diagnostics.iter().chain(&identities.diagnostics).next() {
            return Err(LayerError::Contract { rule: "schema", what: diagnostic.summary.clone() });
        }
        connection.schemas = Arc::new(Schemas::read(schema, &identities)?);
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
            terraform_version: if self.hands_planned_private { "1.16.0" } else { "1.15.5" }.to_owned(),
            config: Some(encode(config, &object_type(&self.schemas.provider))?),
            client_capabilities: self.capabilities(),
        };
        messages(call!(self, configure_provider, request)?.diagnostics)
    }

    fn capabilities(&self) -> Option<wire::ClientCapabilities> {
        if self.hands_planned_private { NEWER_CAPABILITIES } else { CAPABILITIES }
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
            client_capabilities: CAPABILITIES,
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
            client_capabilities: CAPABILITIES,
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
            client_capabilities: self.capabilities(),
            prior_identity: self.send_identity(name, &prior.identity)?,
            planned_private: if self.hands_planned_private { planned_private.to_vec() } else { Vec::new() },
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
            client_capabilities: CAPABILITIES,
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

    /// Asks for a configuration that would make a state.
    pub async fn generate(&self, name: &str, state: &Value) -> Result<(Value, Messages), LayerError> {
        let ty = self.resource(name)?;
        let request =
            wire::generate_resource_config::Request { type_name: name.to_owned(), state: Some(encode(state, &ty)?) };
        let answer = call!(self, generate_resource_config, request)?;
        Ok((decode(name, answer.config, &ty)?, messages(answer.diagnostics)?))
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
}

fn not_deferred(name: &str, deferred: Option<&wire::Deferred>) -> Result<(), LayerError> {
    match deferred {
        None => Ok(()),
        Some(_) => {
            Err(LayerError::Contract { rule: "deferred only when allowed", what: format!("{name} is deferred") })
        }
    }
}
