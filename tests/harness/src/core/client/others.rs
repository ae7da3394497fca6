//! Calls about everything but managed resources: data sources, functions, ephemeral resources, lists and actions.

use std::collections::BTreeMap;

use framework::value::{Type, Value};
use framework::wire::proto::tfplugin6 as wire;

use super::convert::{decode, encode, messages};
use super::{CAPABILITIES, Connection, Messages, not_deferred};
use crate::case::Severity;
use crate::core::schema::{Attributes, object_type};
use crate::layer::LayerError;

impl Connection {
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
            client_capabilities: CAPABILITIES,
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
            client_capabilities: CAPABILITIES,
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
            client_capabilities: CAPABILITIES,
        };
        let answer = call!(self, plan_action, plan)?;
        not_deferred(name, answer.deferred.as_ref())?;
        let mut told = messages(answer.diagnostics)?;
        let mut progress = Vec::new();
        if told.iter().any(|message| message.severity == Severity::Error) {
            return Ok((progress, told));
        }
        let request = wire::invoke_action::Request { action_type, config, client_capabilities: CAPABILITIES };
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

fn of(schemas: &BTreeMap<String, Attributes>, kind: &str, name: &str) -> Result<Type, LayerError> {
    let attributes = schemas.get(name);
    attributes
        .map(|attributes| object_type(attributes))
        .ok_or_else(|| LayerError::Configuration(format!("the provider has no {kind} {name}")))
}
