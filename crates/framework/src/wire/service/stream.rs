//! Calls that answer with a stream of events: lists and actions.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::once;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::guard::Call;
use super::resource::identity_out;
use super::{Events, Inner, Shared};
use crate::diagnostic::{Diagnostics, Result};
use crate::mask::masked;
use crate::server::{ListRequest, Listed, Sink};
use crate::wire::convert;
use crate::wire::proto::tfplugin6 as wire;

/// So many events wait for the host; then the work waits too.
const WAITING: usize = 64;

/// Found objects one by one, and at the end what there is to say about the listing itself.
pub fn list(inner: &Shared, call: Call, request: wire::list_resource::Request) -> Events<wire::list_resource::Event> {
    let cancel = call.cancel.clone();
    let name = request.type_name.clone();
    let worker = Arc::clone(inner);
    let whole = async move |sink: Sink<Listed>| -> Result<Diagnostics> {
        let config = convert::value(request.config.as_ref(), worker.types.list(&request.type_name)?)?;
        let neutral = ListRequest {
            type_name: request.type_name,
            config,
            include_resource: request.include_resource_object,
            limit: request.limit,
        };
        Ok(worker.server.list(neutral, sink, cancel).await)
    };
    let inner = Arc::clone(inner);
    let event = move |found| listed(&inner, &name, found).unwrap_or_else(|diagnostics| list_failed(&diagnostics));
    events(call, whole, event, |diagnostics| (!diagnostics.0.is_empty()).then(|| list_failed(&diagnostics)))
}

fn listed(inner: &Inner, name: &str, found: Listed) -> Result<wire::list_resource::Event> {
    let resource_object =
        found.resource.map(|state| convert::dynamic(&state, inner.types.resource(name)?)).transpose()?;
    Ok(wire::list_resource::Event {
        identity: identity_out(inner, name, Some(found.identity))?,
        display_name: masked(&found.display_name).into_owned(),
        resource_object,
        diagnostic: convert::diagnostics(&found.diagnostics),
    })
}

/// An event without an object: the host only takes its diagnostics.
fn list_failed(diagnostics: &Diagnostics) -> wire::list_resource::Event {
    wire::list_resource::Event { diagnostic: convert::diagnostics(diagnostics), ..Default::default() }
}

/// Progress, and always exactly one completion at the end.
pub fn invoke(inner: &Shared, call: Call, request: wire::invoke_action::Request) -> Events<wire::invoke_action::Event> {
    use wire::invoke_action::event::{Completed, Progress, Type as Kind};
    let cancel = call.cancel.clone();
    let worker = Arc::clone(inner);
    let whole = async move |sink: Sink<String>| -> Result<Diagnostics> {
        let config = convert::value(request.config.as_ref(), worker.types.action(&request.action_type)?)?;
        Ok(worker.server.invoke_action(request.action_type, config, sink, cancel).await)
    };
    let event = |kind| wire::invoke_action::Event { r#type: Some(kind) };
    events(
        call,
        whole,
        move |message: String| event(Kind::Progress(Progress { message: masked(&message).into_owned() })),
        move |diagnostics| {
            let diagnostics = convert::diagnostics(&diagnostics);
            Some(event(Kind::Completed(Completed { diagnostics })))
        },
    )
}

/// Runs `work` with a sink, sends on what it puts there, and lets `last` make an event of its outcome.
fn events<S, E, W, F>(
    call: Call,
    work: W,
    event: impl Fn(S) -> E + Send + 'static,
    last: impl FnOnce(Diagnostics) -> Option<E> + Send + 'static,
) -> Events<E>
where
    S: Send + 'static,
    E: Send + 'static,
    W: FnOnce(Sink<S>) -> F,
    F: Future<Output = Result<Diagnostics>> + Send + 'static,
{
    let (sink, received) = mpsc::channel(WAITING);
    // The sink is dropped when the work ends, in whatever way, and the events end with it.
    let running = call.start(work(sink));
    let outcome = once(async move {
        let (Ok(diagnostics) | Err(diagnostics)) = running.finished().await.flatten();
        last(diagnostics)
    });
    let events = ReceiverStream::new(received).map(event).chain(outcome.filter_map(std::future::ready));
    Box::pin(events.map(Ok::<E, Status>))
}
