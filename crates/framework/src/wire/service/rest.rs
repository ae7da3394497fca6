//! Calls about everything but managed resources that have one answer.

use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::diagnostic::{Diagnostic, Result};
use crate::mask::masked;
use crate::server::{Answer, FunctionError};
use crate::value::Type;
use crate::wire::convert;
use crate::wire::proto::tfplugin6 as wire;

pub async fn validate_provider(
    inner: Shared,
    request: wire::validate_provider_config::Request,
    _: CancellationToken,
) -> Result<wire::validate_provider_config::Response> {
    let config = convert::value(request.config.as_ref(), &inner.types.provider)?;
    let diagnostics = inner.server.validate_provider(config).await;
    Ok(wire::validate_provider_config::Response { diagnostics: convert::diagnostics(&diagnostics) })
}

pub async fn configure(
    inner: Shared,
    request: wire::configure_provider::Request,
    _: CancellationToken,
) -> Result<wire::configure_provider::Response> {
    let config = convert::value(request.config.as_ref(), &inner.types.provider)?;
    let host = convert::host(request.client_capabilities);
    let diagnostics = inner.server.configure(config, request.terraform_version, host).await;
    Ok(wire::configure_provider::Response { diagnostics: convert::diagnostics(&diagnostics) })
}

pub async fn validate_data_source(
    inner: Shared,
    request: wire::validate_data_resource_config::Request,
    _: CancellationToken,
) -> Result<wire::validate_data_resource_config::Response> {
    let config = convert::value(request.config.as_ref(), inner.types.data_source(&request.type_name)?)?;
    let diagnostics = inner.server.validate_data_source(request.type_name, config).await;
    Ok(wire::validate_data_resource_config::Response { diagnostics: convert::diagnostics(&diagnostics) })
}

pub async fn read_data_source(
    inner: Shared,
    request: wire::read_data_source::Request,
    cancel: CancellationToken,
) -> Result<wire::read_data_source::Response> {
    let ty = inner.types.data_source(&request.type_name)?;
    let config = convert::value(request.config.as_ref(), ty)?;
    let host = convert::host(request.client_capabilities);
    let Answer { mut value, mut diagnostics } =
        inner.server.read_data_source(request.type_name.clone(), config.clone(), host, cancel).await;
    let deferred = convert::deferred(host, &mut diagnostics);
    if let (Some(_), Some(schema)) = (&deferred, inner.server.schema().data_sources.get(&request.type_name)) {
        value = Some(convert::unknown_results(schema, &config));
    }
    Ok(wire::read_data_source::Response {
        state: value.map(|state| convert::dynamic(&state, ty)).transpose()?,
        diagnostics: convert::diagnostics(&diagnostics),
        deferred,
    })
}

pub async fn call_function(
    inner: Shared,
    request: wire::call_function::Request,
    _: CancellationToken,
) -> Result<wire::call_function::Response> {
    let Some(signature) = inner.server.schema().functions.get(&request.name) else {
        return Ok(function_failed(&format!("This provider has no function `{}`.", request.name), None));
    };
    let types = signature.parameters.iter().chain(signature.variadic.iter().cycle()).map(|parameter| &parameter.ty);
    let count = request.arguments.len();
    let mut arguments = Vec::with_capacity(count);
    for ((index, sent), ty) in (0_i64..).zip(&request.arguments).zip(types) {
        match convert::value(Some(sent), ty) {
            Ok(argument) => arguments.push(argument),
            Err(errors) => {
                let text: Vec<_> = errors.0.iter().map(Diagnostic::detail).collect();
                return Ok(function_failed(&text.join("\n"), Some(index)));
            }
        }
    }
    if arguments.len() < count || count < signature.parameters.len() {
        let text = format!("`{}` was called with {count} arguments, which its signature does not allow.", request.name);
        return Ok(function_failed(&text, None));
    }
    let result = &signature.result;
    Ok(match inner.server.call_function(request.name.clone(), arguments).await {
        Ok(value) => wire::call_function::Response { result: Some(convert::dynamic(&value, result)?), error: None },
        Err(FunctionError { text, argument }) => function_failed(&text, argument),
    })
}

fn function_failed(text: &str, argument: Option<i64>) -> wire::call_function::Response {
    let error = wire::FunctionError { text: masked(text).into_owned(), function_argument: argument };
    wire::call_function::Response { result: None, error: Some(error) }
}

pub async fn validate_ephemeral(
    inner: Shared,
    request: wire::validate_ephemeral_resource_config::Request,
    _: CancellationToken,
) -> Result<wire::validate_ephemeral_resource_config::Response> {
    let config = convert::value(request.config.as_ref(), inner.types.ephemeral(&request.type_name)?)?;
    let diagnostics = inner.server.validate_ephemeral(request.type_name, config).await;
    Ok(wire::validate_ephemeral_resource_config::Response { diagnostics: convert::diagnostics(&diagnostics) })
}

pub async fn open_ephemeral(
    inner: Shared,
    request: wire::open_ephemeral_resource::Request,
    cancel: CancellationToken,
) -> Result<wire::open_ephemeral_resource::Response> {
    let ty = inner.types.ephemeral(&request.type_name)?;
    let config = convert::value(request.config.as_ref(), ty)?;
    let host = convert::host(request.client_capabilities);
    let Answer { value: mut opened, mut diagnostics } =
        inner.server.open_ephemeral(request.type_name.clone(), config.clone(), host, cancel).await;
    let deferred = convert::deferred(host, &mut diagnostics);
    if let (Some(_), Some(schema)) = (&deferred, inner.server.schema().ephemeral_resources.get(&request.type_name)) {
        opened.result = Some(convert::unknown_results(schema, &config));
    }
    Ok(wire::open_ephemeral_resource::Response {
        diagnostics: convert::diagnostics(&diagnostics),
        renew_at: opened.renew_at.map(convert::timestamp),
        result: opened.result.map(|result| convert::dynamic(&result, ty)).transpose()?,
        private: Some(opened.private),
        deferred,
    })
}

pub async fn renew_ephemeral(
    inner: Shared,
    request: wire::renew_ephemeral_resource::Request,
    cancel: CancellationToken,
) -> Result<wire::renew_ephemeral_resource::Response> {
    inner.types.ephemeral(&request.type_name)?;
    let private = request.private.unwrap_or_default();
    let Answer { value: opened, diagnostics } = inner.server.renew_ephemeral(request.type_name, private, cancel).await;
    Ok(wire::renew_ephemeral_resource::Response {
        diagnostics: convert::diagnostics(&diagnostics),
        renew_at: opened.renew_at.map(convert::timestamp),
        private: Some(opened.private),
    })
}

pub async fn close_ephemeral(
    inner: Shared,
    request: wire::close_ephemeral_resource::Request,
    cancel: CancellationToken,
) -> Result<wire::close_ephemeral_resource::Response> {
    inner.types.ephemeral(&request.type_name)?;
    let private = request.private.unwrap_or_default();
    let diagnostics = inner.server.close_ephemeral(request.type_name, private, cancel).await;
    Ok(wire::close_ephemeral_resource::Response { diagnostics: convert::diagnostics(&diagnostics) })
}

pub async fn validate_list(
    inner: Shared,
    request: wire::validate_list_resource_config::Request,
    _: CancellationToken,
) -> Result<wire::validate_list_resource_config::Response> {
    let config = convert::value(request.config.as_ref(), inner.types.list(&request.type_name)?)?;
    let include_resource = convert::value(request.include_resource_object.as_ref(), &Type::Bool)?;
    let limit = convert::value(request.limit.as_ref(), &Type::Number)?;
    let diagnostics = inner.server.validate_list(request.type_name, config, include_resource, limit).await;
    Ok(wire::validate_list_resource_config::Response { diagnostics: convert::diagnostics(&diagnostics) })
}

pub async fn validate_action(
    inner: Shared,
    request: wire::validate_action_config::Request,
    _: CancellationToken,
) -> Result<wire::validate_action_config::Response> {
    let config = convert::value(request.config.as_ref(), inner.types.action(&request.type_name)?)?;
    let diagnostics = inner.server.validate_action(request.type_name, config).await;
    Ok(wire::validate_action_config::Response { diagnostics: convert::diagnostics(&diagnostics) })
}

pub async fn plan_action(
    inner: Shared,
    request: wire::plan_action::Request,
    cancel: CancellationToken,
) -> Result<wire::plan_action::Response> {
    let config = convert::value(request.config.as_ref(), inner.types.action(&request.action_type)?)?;
    let host = convert::host(request.client_capabilities);
    let mut diagnostics = inner.server.plan_action(request.action_type, config, host, cancel).await;
    let deferred = convert::deferred(host, &mut diagnostics);
    Ok(wire::plan_action::Response { diagnostics: convert::diagnostics(&diagnostics), deferred })
}
