//! Calls about managed resources.

use tokio_util::sync::CancellationToken;

use super::{Inner, Shared};
use crate::diagnostic::Result;
use crate::server::{Answer, ApplyRequest, ImportRequest, Kept, MoveRequest, PlanRequest, ReadRequest};
use crate::value::Value;
use crate::wire::convert;
use crate::wire::proto::tfplugin6 as wire;

pub async fn validate(
    inner: Shared,
    request: wire::validate_resource_config::Request,
    _: CancellationToken,
) -> Result<wire::validate_resource_config::Response> {
    let config = convert::value(request.config.as_ref(), inner.types.resource(&request.type_name)?)?;
    let host = convert::host(request.client_capabilities);
    let diagnostics = inner.server.validate_resource(request.type_name, config, host).await;
    Ok(wire::validate_resource_config::Response { diagnostics: convert::diagnostics(&diagnostics) })
}

pub async fn upgrade_state(
    inner: Shared,
    request: wire::upgrade_resource_state::Request,
    _: CancellationToken,
) -> Result<wire::upgrade_resource_state::Response> {
    let ty = inner.types.resource(&request.type_name)?;
    let state = convert::raw_state(request.raw_state)?;
    let answer = inner.server.upgrade_state(request.type_name, request.version, state).await;
    let upgraded_state = answer.value.map(|state| convert::dynamic(&state, ty)).transpose()?;
    Ok(wire::upgrade_resource_state::Response {
        upgraded_state,
        diagnostics: convert::diagnostics(&answer.diagnostics),
    })
}

pub async fn upgrade_identity(
    inner: Shared,
    request: wire::upgrade_resource_identity::Request,
    _: CancellationToken,
) -> Result<wire::upgrade_resource_identity::Response> {
    let identity = convert::raw_state(request.raw_identity)?;
    let answer = inner.server.upgrade_identity(request.type_name.clone(), request.version, identity).await;
    Ok(wire::upgrade_resource_identity::Response {
        upgraded_identity: identity_out(&inner, &request.type_name, answer.value)?,
        diagnostics: convert::diagnostics(&answer.diagnostics),
    })
}

pub async fn read(
    inner: Shared,
    request: wire::read_resource::Request,
    cancel: CancellationToken,
) -> Result<wire::read_resource::Response> {
    let name = request.type_name;
    let state = convert::value(request.current_state.as_ref(), inner.types.resource(&name)?)?;
    let host = convert::host(request.client_capabilities);
    let neutral = ReadRequest {
        type_name: name.clone(),
        state,
        private: request.private.clone(),
        identity: identity_in(&inner, &name, request.current_identity.clone())?,
        host,
    };
    let mut answer = inner.server.read(neutral, cancel).await;
    let deferred = convert::deferred(host, &mut answer.diagnostics);
    let kept = kept(&inner, &name, answer, || Unchanged {
        state: request.current_state,
        private: request.private,
        identity: request.current_identity,
    })?;
    Ok(wire::read_resource::Response {
        new_state: kept.state,
        diagnostics: kept.diagnostics,
        private: kept.private,
        deferred,
        new_identity: kept.identity,
    })
}

pub async fn plan(
    inner: Shared,
    request: wire::plan_resource_change::Request,
    cancel: CancellationToken,
) -> Result<wire::plan_resource_change::Response> {
    let name = request.type_name;
    let ty = inner.types.resource(&name)?;
    let host = convert::host(request.client_capabilities);
    let neutral = PlanRequest {
        type_name: name.clone(),
        prior: convert::value(request.prior_state.as_ref(), ty)?,
        proposed: convert::value(request.proposed_new_state.as_ref(), ty)?,
        config: convert::value(request.config.as_ref(), ty)?,
        is_final: !request.planned_private.is_empty(),
        // A plan during apply has no state to take notes from, but since 6.11 those of the first plan.
        private: if request.planned_private.is_empty() { request.prior_private } else { request.planned_private },
        identity: identity_in(&inner, &name, request.prior_identity)?,
        host,
    };
    let Answer { value: planned, mut diagnostics } = inner.server.plan(neutral, cancel).await;
    let deferred = convert::deferred(host, &mut diagnostics);
    Ok(wire::plan_resource_change::Response {
        planned_state: planned.state.map(|state| convert::dynamic(&state, ty)).transpose()?,
        requires_replace: planned.requires_replace.iter().map(convert::path).collect(),
        planned_private: planned.private,
        diagnostics: convert::diagnostics(&diagnostics),
        legacy_type_system: false,
        deferred,
        planned_identity: identity_out(&inner, &name, planned.identity)?,
    })
}

pub async fn apply(
    inner: Shared,
    request: wire::apply_resource_change::Request,
    cancel: CancellationToken,
) -> Result<wire::apply_resource_change::Response> {
    let name = request.type_name;
    let ty = inner.types.resource(&name)?;
    let neutral = ApplyRequest {
        type_name: name.clone(),
        prior: convert::value(request.prior_state.as_ref(), ty)?,
        planned: convert::value(request.planned_state.as_ref(), ty)?,
        config: convert::value(request.config.as_ref(), ty)?,
        private: request.planned_private.clone(),
        identity: identity_in(&inner, &name, request.planned_identity)?,
        // The call carries no capabilities: what the host can do was said with the plan.
        host: crate::server::Host::default(),
    };
    let answer = inner.server.apply(neutral, cancel).await;
    let kept = kept(&inner, &name, answer, || Unchanged {
        state: request.prior_state,
        private: request.planned_private,
        identity: None,
    })?;
    Ok(wire::apply_resource_change::Response {
        new_state: kept.state,
        private: kept.private,
        diagnostics: kept.diagnostics,
        legacy_type_system: false,
        new_identity: kept.identity,
    })
}

pub async fn import(
    inner: Shared,
    request: wire::import_resource_state::Request,
    cancel: CancellationToken,
) -> Result<wire::import_resource_state::Response> {
    inner.types.resource(&request.type_name)?;
    let neutral = ImportRequest {
        identity: identity_in(&inner, &request.type_name, request.identity)?,
        type_name: request.type_name,
        id: request.id,
        host: convert::host(request.client_capabilities),
    };
    let Answer { value: imported, diagnostics } = inner.server.import(neutral, cancel).await;
    let imported_resources = imported
        .into_iter()
        .map(|one| {
            Ok(wire::import_resource_state::ImportedResource {
                state: Some(convert::dynamic(&one.state, inner.types.resource(&one.type_name)?)?),
                identity: identity_out(&inner, &one.type_name, one.identity)?,
                type_name: one.type_name,
                private: one.private,
            })
        })
        .collect::<Result<_>>()?;
    Ok(wire::import_resource_state::Response {
        imported_resources,
        diagnostics: convert::diagnostics(&diagnostics),
        deferred: None,
    })
}

pub async fn move_state(
    inner: Shared,
    request: wire::move_resource_state::Request,
    _: CancellationToken,
) -> Result<wire::move_resource_state::Response> {
    let name = request.target_type_name;
    inner.types.resource(&name)?;
    let neutral = MoveRequest {
        source_provider: request.source_provider_address,
        source_type: request.source_type_name,
        source_version: request.source_schema_version,
        source_state: convert::raw_state(request.source_state)?,
        target_type: name.clone(),
        source_private: request.source_private,
    };
    let answer = inner.server.move_state(neutral).await;
    let kept = kept(&inner, &name, answer, Unchanged::default)?;
    Ok(wire::move_resource_state::Response {
        target_state: kept.state,
        diagnostics: kept.diagnostics,
        target_private: kept.private,
        target_identity: kept.identity,
    })
}

pub async fn generate_config(
    inner: Shared,
    request: wire::generate_resource_config::Request,
    _: CancellationToken,
) -> Result<wire::generate_resource_config::Response> {
    let ty = inner.types.resource(&request.type_name)?;
    let state = convert::value(request.state.as_ref(), ty)?;
    let answer = inner.server.generate_config(request.type_name.clone(), state).await;
    Ok(wire::generate_resource_config::Response {
        config: answer.value.map(|config| convert::dynamic(&config, ty)).transpose()?,
        diagnostics: convert::diagnostics(&answer.diagnostics),
    })
}

/// What the host had before.
#[derive(Default)]
struct Unchanged {
    state: Option<wire::DynamicValue>,
    private: Vec<u8>,
    identity: Option<wire::ResourceIdentityData>,
}

/// What the host is to keep now.
struct Sent {
    state: Option<wire::DynamicValue>,
    private: Vec<u8>,
    identity: Option<wire::ResourceIdentityData>,
    diagnostics: Vec<wire::Diagnostic>,
}

/// A state as it is sent. Where a failed call has none, the host keeps what it had: sending nothing would mean that
/// the object no longer exists.
fn kept(inner: &Inner, name: &str, answer: Answer<Kept>, before: impl FnOnce() -> Unchanged) -> Result<Sent> {
    let Answer { value: Kept { state, private, identity }, diagnostics } = answer;
    let diagnostics = convert::diagnostics(&diagnostics);
    let Some(state) = state else {
        let Unchanged { state, private, identity } = before();
        return Ok(Sent { state, private, identity, diagnostics });
    };
    let state = convert::dynamic(&state, inner.types.resource(name)?)?;
    Ok(Sent { state: Some(state), private, identity: identity_out(inner, name, identity)?, diagnostics })
}

/// An identity that the host sent; null when the type has none, or the host is older than identities.
pub fn identity_in(inner: &Inner, name: &str, sent: Option<wire::ResourceIdentityData>) -> Result<Value> {
    let data = sent.and_then(|sent| sent.identity_data);
    match inner.types.identity(name) {
        Some(ty) => convert::value(data.as_ref(), ty),
        None => Ok(Value::Null),
    }
}

/// An identity for the host.
pub fn identity_out(inner: &Inner, name: &str, identity: Option<Value>) -> Result<Option<wire::ResourceIdentityData>> {
    let (Some(ty), Some(identity)) = (inner.types.identity(name), identity.filter(|identity| !identity.is_null()))
    else {
        return Ok(None);
    };
    Ok(Some(wire::ResourceIdentityData { identity_data: Some(convert::dynamic(&identity, ty)?) }))
}
