//! Actions: something is done on request, with progress, and nothing is kept in state.

use std::marker::PhantomData;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::diagnostic::{Diagnostics, Result};
use crate::model::{Model, as_configuration, check_config, decode_config};
use crate::schema::Schema;
use crate::server::{Boxed, Sink};
use crate::value::Value;

/// An action.
pub trait Action: Sized + Send + Sync + 'static {
    /// The provider's clients.
    type Clients: Send + Sync + 'static;
    /// What the configuration says.
    type Args: Model;

    /// The type's whole name.
    const NAME: &'static str;
    /// The whole description, in Markdown.
    const DESCRIPTION: &'static str;

    /// Checks what concerns several attributes, beyond the model's own rules.
    fn validate(_args: &<Self::Args as Model>::Planned, _faults: &mut Diagnostics) {}

    /// Does it; [`Context::progress`] tells how far it is.
    fn invoke(args: &Self::Args, cx: &Context<Self::Clients>) -> impl Future<Output = Result<()>> + Send;
}

pub(crate) trait Erased<C>: Send + Sync {
    fn name(&self) -> &'static str;
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
            let cx = Context::new(clients, cancel).with_progress(sink);
            let args = match decode_config::<A::Args>(&config, A::NAME) {
                Ok(args) => args,
                Err(faults) => return faults,
            };
            let outcome = A::invoke(&args, &cx).await;
            let mut diagnostics = cx.take_warnings();
            if let Err(errors) = outcome {
                diagnostics.append(errors);
            }
            diagnostics
        })
    }
}
