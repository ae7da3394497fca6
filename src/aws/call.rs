//! One call of an AWS operation: sent by the SDK, logged in one line, and its error converted to this module's.
//!
//! At TRACE, the SDK logs whole requests and responses, including activation codes and keys. Its logging is therefore
//! disabled during a call, and this module logs instead: endpoint, operation, attempts and outcome. Never a body, and
//! no header but the request id.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use tokio::sync::watch;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use super::classify::{kind_of, shown};
use super::error::{Answer, Error, Kind, Operation, Place, Result};
use super::transport::{AnswerLost, Unreached, cause};
use crate::net::causes::{chain, find};

/// Sends one operation. `run` gets a probe to add to the request with `customize().interceptor(probe)`.
pub(super) async fn send<O, E, F, Fut>(operation: Operation, region: &str, run: F) -> Result<O>
where
    F: FnOnce(Probe) -> Fut,
    Fut: Future<Output = std::result::Result<O, SdkError<E, HttpResponse>>>,
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let probe = Probe::new(operation);
    send_with(probe, operation, region, run).await
}

/// The same, with a probe of which the caller keeps a copy.
pub(super) async fn send_with<O, E, F, Fut>(probe: Probe, operation: Operation, region: &str, run: F) -> Result<O>
where
    F: FnOnce(Probe) -> Fut,
    Fut: Future<Output = std::result::Result<O, SdkError<E, HttpResponse>>>,
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let started = Instant::now();
    let answer = run(probe.clone()).with_subscriber(NoSubscriber::default()).await;
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let attempts = probe.attempts();
    match answer {
        Ok(output) => {
            tracing::debug!(%operation, region, attempts, milliseconds, "AWS answered");
            Ok(output)
        }
        Err(error) => {
            let place = Place { region, endpoint: probe.endpoint(), attempts };
            let error = explain(operation, place, &error);
            tracing::debug!(%operation, region, attempts, milliseconds, %error, "AWS call failed");
            Err(error)
        }
    }
}

/// Converts an SDK error to this module's error.
///
/// The SDK's error is not kept, because its Debug output contains the raw response. Its text is kept.
fn explain<E>(operation: Operation, place: Place<'_>, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    // Credentials could not be obtained: the cause is one of our errors, wrapped by the SDK.
    if let Some(own) = find::<Error>(error) {
        return own.clone();
    }
    let response = error.raw_response();
    let metadata = error.as_service_error().map(ProvideErrorMetadata::meta);
    let answer = Answer {
        status: response.map(|response| response.status().as_u16()),
        code: metadata.and_then(|metadata| metadata.code()).map(str::to_owned),
        message: metadata.and_then(|metadata| metadata.message()).map(shown).filter(|text| !text.is_empty()),
        request_id: error.request_id().map(str::to_owned),
    };
    let kind = if let Some(lost) = find::<AnswerLost>(error) {
        Kind::AnswerLost { cause: lost.cause.clone() }
    } else if let Some(unreached) = find::<Unreached>(error) {
        Kind::Unreachable { address: unreached.address.clone(), cause: unreached.cause.clone() }
    } else {
        match error {
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => {
                Kind::Unreachable { address: place.endpoint.clone().unwrap_or_default(), cause: shown(&cause(error)) }
            }
            SdkError::ServiceError(_) => kind_of(operation, &answer),
            _ => Kind::Other,
        }
    };
    // A service error's code and message say everything; for other errors, the chain of causes is all there is.
    let source = error.as_service_error().is_none().then(|| shown(&chain(error)).into());
    Error::failed(kind, operation, place, answer, source)
}

/// Observes the attempts of one call.
#[derive(Clone)]
pub(super) struct Probe(Arc<Watched>);

struct Watched {
    operation: Operation,
    attempts: AtomicU32,
    /// Set while the SDK pauses between a failed attempt and the next: whether AWS confirmed that nothing was done.
    failed: watch::Sender<Option<bool>>,
    endpoint: Mutex<Option<String>>,
    /// Destination of log lines: logging is disabled while the SDK works.
    log: Dispatch,
}

impl Probe {
    pub(super) fn new(operation: Operation) -> Self {
        Self(Arc::new(Watched {
            operation,
            attempts: AtomicU32::new(0),
            failed: watch::Sender::new(None),
            endpoint: Mutex::new(None),
            log: tracing::dispatcher::get_default(Clone::clone),
        }))
    }

    /// How often the request was sent.
    pub(super) fn attempts(&self) -> u32 {
        self.0.attempts.load(Ordering::Relaxed)
    }

    /// Waits until no attempt is in flight because the last one failed; returns whether AWS confirmed that it did
    /// nothing. Never completes for a call that ends.
    pub(super) async fn failed_attempt(&self) -> bool {
        let mut failed = self.0.failed.subscribe();
        // The sender lives as long as `self`.
        failed.wait_for(Option::is_some).await.is_ok_and(|undone| *undone == Some(true))
    }

    /// The endpoint of the last attempt.
    pub(super) fn endpoint(&self) -> Option<String> {
        self.0.endpoint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Probe").field(&self.0.operation).finish()
    }
}

impl Intercept for Probe {
    fn name(&self) -> &'static str {
        "Probe"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        self.0.attempts.fetch_add(1, Ordering::Relaxed);
        self.0.failed.send_replace(None);
        let uri: http::Uri = context.request().uri().parse().unwrap_or_default();
        if let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) {
            *self.0.endpoint.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{scheme}://{authority}"));
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        if context.output_or_error().is_some_and(|outcome| outcome.is_err()) {
            let status = context.response().map(|response| response.status().as_u16());
            // A rejected request changes nothing; a lost response or a server error may have.
            self.0.failed.send_replace(Some(status.is_some_and(|status| status < 500)));
            tracing::dispatcher::with_default(&self.0.log, || {
                tracing::debug!(operation = %self.0.operation, attempt = self.attempts(), status, "AWS attempt failed");
            });
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
