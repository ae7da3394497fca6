//! Between the bytes of the wire and values, with the rules that every answer must satisfy by itself.

use framework::value::{Type, Value};
use framework::wire::msgpack;
use framework::wire::proto::tfplugin6 as wire;
use serde_json::Value as Json;

use super::Messages;
use crate::case::{AttributePath, PathStep, Severity};
use crate::layer::LayerError;
use crate::outcome::{Message, Place};

pub(super) fn encode(value: &Value, ty: &Type) -> Result<wire::DynamicValue, LayerError> {
    let msgpack = msgpack::encode(value, ty).map_err(|error| {
        LayerError::Configuration(format!("a value does not fit its type: {}", crate::run::chain(&error)))
    })?;
    Ok(wire::DynamicValue { msgpack, json: Vec::new() })
}

/// An answer's value; an absent one is null.
pub(super) fn decode(what: &str, sent: Option<wire::DynamicValue>, ty: &Type) -> Result<Value, LayerError> {
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
pub(super) fn messages(diagnostics: Vec<wire::Diagnostic>) -> Result<Messages, LayerError> {
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

pub(super) fn path(sent: &wire::AttributePath) -> AttributePath {
    use wire::attribute_path::step::Selector;
    let step = |step: &wire::attribute_path::Step| match &step.selector {
        Some(Selector::AttributeName(name) | Selector::ElementKeyString(name)) => Some(PathStep::Name(name.clone())),
        Some(Selector::ElementKeyInt(index)) => usize::try_from(*index).ok().map(PathStep::Index),
        None => None,
    };
    AttributePath(sent.steps.iter().filter_map(step).collect())
}
