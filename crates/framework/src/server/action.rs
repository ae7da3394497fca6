//! InvokeAction: an action is run, with progress.

use std::marker::PhantomData;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::answer::{Boxed, Sink};
use super::step::timeout;
use crate::action::Action;
use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::model::{Model, as_configuration, check_config, decode_config};
use crate::permission::Permissions;
use crate::schema::Schema;
use crate::value::Value;

/// An action for clients `C`.
pub(crate) trait Erased<C>: Send + Sync {
    fn name(&self) -> &'static str;
    fn permissions(&self) -> Permissions;
    fn schema(&self) -> Schema;
    fn validate(&self, config: &Value) -> Diagnostics;
    fn invoke(
        &self,
        config: Value,
        clients: Option<Arc<C>>,
        sink: Sink<String>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Diagnostics>;
}

/// The one implementation of [`Erased`].
pub(crate) struct Adapter<A>(PhantomData<fn() -> A>);

impl<A> Adapter<A> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<A: Action> Erased<A::Clients> for Adapter<A> {
    fn name(&self) -> &'static str {
        A::NAME
    }

    fn permissions(&self) -> Permissions {
        A::PERMISSIONS
    }

    fn schema(&self) -> Schema {
        Schema {
            description: A::DESCRIPTION.to_owned(),
            attributes: as_configuration(A::Args::attributes()),
            ..Schema::default()
        }
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        check_config::<A::Args>(config, A::validate)
    }

    fn invoke(
        &self,
        config: Value,
        clients: Option<Arc<A::Clients>>,
        sink: Sink<String>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Diagnostics> {
        Box::pin(async move {
            let args = match decode_config::<A::Args>(&config, A::NAME) {
                Ok(args) => args,
                Err(faults) => return faults,
            };
            let cx = Context::new(clients, cancel).with_progress(sink).with_timeout(timeout(&config, "invoke"));
            let outcome = A::invoke(&args, &cx).await;
            cx.ended(outcome).1
        })
    }
}
