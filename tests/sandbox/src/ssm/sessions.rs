//! Session Manager, as far as a session is started and ended: its data channel is not modelled, so nothing answers at the
//! stream's URL.
//!
//! Source: Systems Manager API reference, StartSession; the parameters are those of the document.

use serde_json::{Value, json};

use crate::{
    aws::{
        Call,
        constraints::Constraints,
        error::{AwsError, Result},
        input::Json,
    },
    random,
};

const TO_REMOTE_HOST: &str = "AWS-StartPortForwardingSessionToRemoteHost";

pub fn start(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let target = input.text("Target")?;
    let document = input.text("DocumentName")?;
    let mut constraints = Constraints::default();
    constraints.required("target", target);
    constraints.length("target", target, 1, 400);
    constraints.pattern("documentName", document, r"^[a-zA-Z0-9_\-.:/]{3,128}$", |name| {
        (3..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:/".contains(&b))
    });
    constraints.length("reason", input.text("Reason")?, 1, 256);
    constraints.finish()?;
    let (target, document) = (target.unwrap_or_default(), document.unwrap_or("SSM-SessionManagerRunShell"));
    let arn = call.arn("ssm", &format!("document/{document}"));
    call.authorize("ssm:StartSession", &arn)?;
    match document {
        TO_REMOTE_HOST => forwarding(input.object("Parameters")?)?,
        "SSM-SessionManagerRunShell" => {}
        _ => {
            return Err(AwsError::client("InvalidDocument", format!("Document with name {document} does not exist.")));
        }
    }
    if call.region().ssm.instances.get(target).is_none_or(|instance| instance.ping != "Online") {
        return Err(AwsError::client("TargetNotConnected", format!("{target} is not connected.")));
    }
    let name = call.principal.arn.rsplit('/').next().unwrap_or_default().to_owned();
    let id = format!("{name}-{}", random::hex(17));
    let region = call.region.clone();
    call.region().ssm.sessions.insert(id.clone());
    Ok(json!({
        "SessionId": id,
        "StreamUrl": format!("wss://ssmmessages.{region}.amazonaws.com/v1/data-channel/{id}?role=publish_subscribe"),
        "TokenValue": random::secret(64),
    }))
}

pub fn terminate(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let id = input.text("SessionId")?;
    let mut constraints = Constraints::default();
    constraints.required("sessionId", id);
    constraints.length("sessionId", id, 1, 96);
    constraints.finish()?;
    let id = id.unwrap_or_default();
    call.region().ssm.sessions.remove(id);
    Ok(json!({"SessionId": id}))
}

/// Checks the parameters as the document does.
fn forwarding(parameters: Option<Json<'_>>) -> Result<()> {
    let invalid = |text: String| Err(AwsError::client("ValidationException", text));
    let Some(parameters) = parameters else { return Ok(()) };
    let port = |text: &str, least: u16| {
        let number = text.parse::<u16>().ok().filter(|number| *number >= least);
        number.is_some_and(|number| number.to_string() == text)
    };
    // The document's pattern: ^[^,$^&\(\)!;'"<>`{}\[\]\|#=]{3,}$
    let host = |text: &str| text.len() >= 3 && !text.contains(|letter| ",$^&()!;'\"<>`{}[]|#=".contains(letter));
    for name in parameters.names() {
        let values = parameters.texts(name)?.unwrap_or_default();
        let [value] = &values[..] else {
            return invalid(format!("Parameter {name} must have one value"));
        };
        let fits = match name {
            "host" => host(value),
            "portNumber" => port(value, 1),
            "localPortNumber" => port(value, 0),
            _ => return invalid(format!("Parameter {name} is not defined in the document {TO_REMOTE_HOST}")),
        };
        if !fits {
            return invalid(format!("Parameter {name} does not match its allowed pattern"));
        }
    }
    Ok(())
}
