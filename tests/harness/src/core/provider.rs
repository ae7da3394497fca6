//! Calls about managed resources with the checks that core makes after each: a broken rule ends the case with its name.

use std::sync::atomic::{AtomicU64, Ordering};

use framework::check::rules;
use framework::schema::Attribute;
use framework::value::Value;
use serde_json::Value as Json;

use super::builtin;
use super::client::{Connection, Kept, Messages, Planned};
use super::convert::convert;
use super::schema::{Attributes, object_type};
use super::show::brief;
use super::state;
use crate::case::{AttributePath, PathStep, Severity};
use crate::layer::LayerError;

/// Numbers the ids of `terraform_data`.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Whether an error is among the messages.
pub fn failed(messages: &Messages) -> bool {
    messages.iter().any(|message| message.severity == Severity::Error)
}

fn broken(rule: &'static str, instance: &str, what: impl std::fmt::Display) -> LayerError {
    LayerError::Contract { rule, what: format!("{instance}: {what}") }
}

fn hold(rule: &'static str, instance: &str, faults: &[String]) -> Result<(), LayerError> {
    if faults.is_empty() { Ok(()) } else { Err(broken(rule, instance, faults.join("; "))) }
}

/// The attributes of a managed type.
pub fn attributes<'a>(connection: &'a Connection, ty: &str) -> Result<std::borrow::Cow<'a, Attributes>, LayerError> {
    if ty == builtin::NAME {
        return Ok(std::borrow::Cow::Owned(builtin::attributes()));
    }
    let resource = connection.schemas.resources.get(ty);
    resource
        .map(|resource| std::borrow::Cow::Borrowed(&resource.attributes))
        .ok_or_else(|| LayerError::Configuration(format!("the provider has no resource {ty}")))
}

/// The version of a managed type's stored form.
pub fn version(connection: &Connection, ty: &str) -> i64 {
    connection.schemas.resources.get(ty).map_or(0, |resource| resource.version)
}

/// The rule for an identity that was returned. Only the plan of a creation may leave it out.
fn check_identity(
    connection: &Connection,
    ty: &str,
    instance: &str,
    before: &Value,
    after: &Value,
    is_new: bool,
) -> Result<(), LayerError> {
    let declared = connection.schemas.resources.get(ty).and_then(|resource| resource.identity.as_ref());
    let fault = declared.and_then(|declared| rules::identity(&declared.ty, before, after, is_new));
    fault.map_or(Ok(()), |fault| Err(broken("identity is whole and stays", instance, fault)))
}

/// Rules of every returned state: it conforms (checked when it was decoded), is known, and holds nothing write-only.
fn check_state(attributes: &Attributes, instance: &str, value: &Value) -> Result<(), LayerError> {
    if !value.is_wholly_known() {
        return Err(broken("returned state is wholly known", instance, brief(value)));
    }
    hold("write-only attributes are never returned", instance, &rules::write_only(attributes, value))
}

/// Checks a configuration, twice: it must be answered alike.
pub async fn validate(connection: &Connection, ty: &str, config: &Value) -> Result<Messages, LayerError> {
    if ty == builtin::NAME {
        return Ok(Vec::new());
    }
    let told = connection.validate_resource(ty, config).await?;
    let again = connection.validate_resource(ty, config).await?;
    if told != again {
        return Err(broken("validation can be repeated", ty, format!("{told:?}, then {again:?}")));
    }
    Ok(told)
}

/// Brings a stored object into the present form.
pub async fn upgrade(
    connection: &Connection,
    instance: &str,
    stored: &state::Stored,
) -> Result<(Kept, Messages), LayerError> {
    let ty = &stored.block.ty;
    if ty == builtin::NAME {
        let value = state::from_json(&stored.attributes, &object_type(&builtin::attributes()))
            .map_err(|fault| LayerError::Configuration(format!("{instance}: {fault}")))?;
        return Ok((Kept { value, ..Kept::none() }, Vec::new()));
    }
    let (value, mut told) = connection.upgrade_state(ty, stored.version, &stored.attributes).await?;
    if !failed(&told) {
        check_state(&*attributes(connection, ty)?, instance, &value)?;
        if value.is_null() {
            return Err(broken("an upgrade keeps the object", instance, "null is returned"));
        }
    }
    let identity = match &stored.identity {
        Some((identity, version)) => {
            let (identity, more) = connection.upgrade_identity(ty, *version, identity).await?;
            told.extend(more);
            identity
        }
        None => Value::Null,
    };
    Ok((Kept { value, private: stored.private.clone(), identity }, told))
}

/// Looks at an object as it is now; null when it is gone.
pub async fn read(
    connection: &Connection,
    ty: &str,
    instance: &str,
    before: &Kept,
) -> Result<(Kept, Messages), LayerError> {
    if ty == builtin::NAME {
        return Ok((before.clone(), Vec::new()));
    }
    let (kept, told) = connection.read(ty, before).await?;
    if !failed(&told) {
        check_state(&*attributes(connection, ty)?, instance, &kept.value)?;
        if !kept.value.is_null() {
            check_identity(connection, ty, instance, &before.identity, &kept.identity, false)?;
        }
    }
    Ok((kept, told))
}

/// Takes an object over, and reads it.
pub async fn import(
    connection: &Connection,
    ty: &str,
    instance: &str,
    id: &str,
    identity: Option<&Json>,
) -> Result<(Kept, Messages), LayerError> {
    if ty == builtin::NAME {
        let value = Value::map([
            ("id", Value::from(id)),
            ("input", Value::Null),
            ("output", Value::Null),
            ("triggers_replace", Value::Null),
        ]);
        return Ok((Kept { value, ..Kept::none() }, Vec::new()));
    }
    let identity = match identity {
        None => Value::Null,
        Some(json) => {
            let schema = connection.schemas.resources.get(ty).and_then(|resource| resource.identity.as_ref());
            let schema = schema.ok_or_else(|| LayerError::Configuration(format!("{ty} has no identity")))?;
            state::from_json(json, &schema.ty).map_err(|fault| LayerError::Configuration(format!("{ty}: {fault}")))?
        }
    };
    let (mut imported, mut told) = connection.import(ty, id, &identity).await?;
    if failed(&told) {
        return Ok((Kept::none(), told));
    }
    let stub = match imported.len() {
        1 => imported.remove(0),
        count => return Err(broken("an import brings one object", instance, format!("{count} are returned"))),
    };
    check_state(&*attributes(connection, ty)?, instance, &stub.value)?;
    if stub.value.is_null() {
        return Err(broken("an import brings one object", instance, "null is returned"));
    }
    let (kept, more) = read(connection, ty, instance, &stub).await?;
    told.extend(more);
    if kept.value.is_null() && !failed(&told) {
        told.push(crate::outcome::Message {
            severity: Severity::Error,
            summary: "Cannot import non-existent remote object".to_owned(),
            detail: format!("While attempting to import an existing object to \"{instance}\", the provider detected that no object exists with the given id. Only pre-existing objects can be imported; check that the id is correct and that it is associated with the provider's configured region or endpoint, or use \"terraform apply\" to create a new remote object for this resource."),
            address: None,
            place: crate::outcome::Place::Unknown,
        });
    }
    Ok((kept, told))
}

/// Makes a configuration from a state: of its type, without what only the provider may say.
pub async fn generate(
    connection: &Connection,
    ty: &str,
    instance: &str,
    state: &Value,
) -> Result<(Value, Messages), LayerError> {
    let (config, told) = connection.generate(ty, state).await?;
    if !failed(&told) {
        hold("generated configurations can be written", instance, &read_only(&attributes(connection, ty)?, &config))?;
    }
    Ok((config, told))
}

/// What a configuration sets and may not.
fn read_only(attributes: &[Attribute], config: &Value) -> Vec<String> {
    let set = |attribute: &&Attribute| config.attribute(&attribute.name).is_some_and(|value| !value.is_null());
    let may_not = |attribute: &&Attribute| !(attribute.required || attribute.optional) || attribute.write_only;
    attributes.iter().filter(may_not).filter(set).map(|attribute| format!("it sets `{}`", attribute.name)).collect()
}

/// Plans a change or a creation.
pub async fn plan(
    connection: &Connection,
    ty: &str,
    instance: &str,
    prior: &Kept,
    config: &Value,
    planned_private: &[u8],
) -> Result<(Planned, Messages), LayerError> {
    let attributes = attributes(connection, ty)?;
    let proposed = rules::proposed(&attributes, &prior.value, config);
    if ty == builtin::NAME {
        return Ok((builtin::plan(prior, &proposed), Vec::new()));
    }
    let (planned, told) = connection.plan(ty, prior, &proposed, config, planned_private).await?;
    if failed(&told) {
        return Ok((planned, told));
    }
    let value = &planned.kept.value;
    hold("plan follows the configuration", instance, &rules::planned(&attributes, &prior.value, config, value))?;
    hold("write-only attributes are never returned", instance, &rules::write_only(&attributes, value))?;
    // Also the first plan of a replacement may be of another object already.
    let another = prior.value.is_null() || !planned.requires_replace.is_empty();
    let before = if another { &Value::Null } else { &prior.identity };
    check_identity(connection, ty, instance, before, &planned.kept.identity, another)?;
    for path in &planned.requires_replace {
        if reach(&prior.value, path).is_none() && reach(value, path).is_none() {
            return Err(broken("requires_replace paths exist", instance, path));
        }
    }
    Ok((planned, told))
}

/// Plans a deletion.
pub async fn plan_destroy(
    connection: &Connection,
    ty: &str,
    instance: &str,
    prior: &Kept,
) -> Result<(Kept, Messages), LayerError> {
    if ty == builtin::NAME || !connection.schemas.plan_destroy {
        return Ok((Kept { private: prior.private.clone(), ..Kept::none() }, Vec::new()));
    }
    let (planned, told) = connection.plan(ty, prior, &Value::Null, &Value::Null, &[]).await?;
    if !failed(&told) && !planned.kept.value.is_null() {
        return Err(broken("a deletion is planned as null", instance, brief(&planned.kept.value)));
    }
    Ok((Kept { identity: prior.identity.clone(), ..planned.kept }, told))
}

/// The places of `requires_replace` whose values really change: the others are ignored, as Terraform's core does.
pub fn effective(prior: &Value, planned: &Planned) -> Vec<AttributePath> {
    let changes = |path: &&AttributePath| {
        let after = reach(&planned.kept.value, path);
        after.as_ref().is_some_and(|after| !after.is_wholly_known()) || reach(prior, path) != after
    };
    planned.requires_replace.iter().filter(changes).cloned().collect()
}

/// What is at a path; `None` when nothing is there.
fn reach(value: &Value, path: &AttributePath) -> Option<Value> {
    path.0.iter().try_fold(value.clone(), |value, step| match (step, value) {
        (PathStep::Name(name), value) => value.attribute(name).cloned(),
        (PathStep::Index(index), Value::List(elements)) => elements.get(*index).cloned(),
        _ => None,
    })
}

/// Makes a planned change.
pub async fn apply(
    connection: &Connection,
    ty: &str,
    instance: &str,
    prior: &Kept,
    planned: &Kept,
    config: &Value,
) -> Result<(Kept, Messages), LayerError> {
    if ty == builtin::NAME {
        let fresh_id = || format!("00000000-0000-4000-8000-{:012x}", NEXT_ID.fetch_add(1, Ordering::Relaxed));
        return Ok((
            if planned.value.is_null() { Kept::none() } else { builtin::apply(&planned.value, fresh_id) },
            Vec::new(),
        ));
    }
    let attributes = attributes(connection, ty)?;
    let (kept, told) = connection.apply(ty, &prior.value, planned, config).await?;
    // Also what is returned beside an error goes into the state, so it must fit there.
    check_state(&attributes, instance, &kept.value)?;
    if failed(&told) {
        return Ok((kept, told));
    }
    if planned.value.is_null() != kept.value.is_null() {
        let what = if kept.value.is_null() {
            "an object was planned and null is returned"
        } else {
            "a deletion returns an object"
        };
        return Err(broken("null is returned for deletions only", instance, what));
    }
    hold("what was planned is applied", instance, &rules::compatible(&planned.value, &kept.value))?;
    if !kept.value.is_null() {
        check_identity(connection, ty, instance, &prior.identity, &kept.identity, false)?;
        hold("the planned identity is applied", instance, &rules::compatible(&planned.identity, &kept.identity))
            .or_else(|error| if planned.identity.is_null() { Ok(()) } else { Err(error) })?;
    }
    Ok((kept, told))
}

/// Builds the configuration value of a block from its evaluated arguments, in the types of its schema.
///
/// # Errors
///
/// Summary, detail and the attribute at fault, as Terraform reports them.
pub fn configuration(
    attributes: &Attributes,
    mut given: std::collections::BTreeMap<String, Value>,
) -> Result<Value, (String, String, Option<String>)> {
    let mut entries = std::collections::BTreeMap::new();
    for attribute in attributes {
        let name = &attribute.name;
        let value = given.remove(name).unwrap_or(Value::Null);
        if value.is_null() && attribute.required {
            let detail = format!("The argument \"{name}\" is required, but no definition was found.");
            return Err(("Missing required argument".to_owned(), detail, None));
        }
        let value = super::convert::convert_attribute(value, attribute).map_err(|fault| {
            let detail = format!("Inappropriate value for attribute \"{name}\": {fault}.");
            ("Incorrect attribute value type".to_owned(), detail, Some(name.clone()))
        })?;
        entries.insert(name.clone(), value);
    }
    if let Some(name) = given.into_keys().next() {
        let detail = format!("An argument named \"{name}\" is not expected here.");
        return Err(("Unsupported argument".to_owned(), detail, Some(name)));
    }
    Ok(Value::Map(entries))
}

/// Converts a variable's default to its declared type.
pub fn typed(value: Value, ty: Option<&framework::value::Type>) -> Result<Value, String> {
    match ty {
        Some(ty) => convert(value, ty).map(super::eval::plain),
        None => Ok(value),
    }
}
