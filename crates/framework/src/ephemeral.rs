//! Ephemeral resources: values that live as long as one run and are never stored.

use std::marker::PhantomData;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::diagnostic::{Diagnostics, Result};
use crate::model::{Model, check_config, decode_config, merge_attributes, of_two_types};
use crate::schema::Schema;
use crate::server::{Answer, Boxed, Opened, Private};
use crate::value::Value;

/// An ephemeral resource.
pub trait Ephemeral: Sized + Send + Sync + 'static {
    /// The provider's clients.
    type Clients: Send + Sync + 'static;
    /// What the configuration says.
    type Args: Model;
    /// What it gives.
    type Outputs: Model;

    /// The type's whole name.
    const NAME: &'static str;
    /// The whole description, in Markdown.
    const DESCRIPTION: &'static str;

    /// Checks what concerns several attributes, beyond the model's own rules.
    fn validate(_args: &<Self::Args as Model>::Planned, _faults: &mut Diagnostics) {}

    /// Opens it. Notes for renewal and closing are kept with [`Context::keep_private`].
    fn open(
        args: &Self::Args,
        cx: &Context<Self::Clients>,
    ) -> impl Future<Output = Result<(Self::Outputs, Option<jiff::Timestamp>)>> + Send;

    /// Renews it; the answer is when to renew it again.
    fn renew(_cx: &Context<Self::Clients>) -> impl Future<Output = Result<Option<jiff::Timestamp>>> + Send {
        async { Ok(None) }
    }

    /// Closes it.
    fn close(_cx: &Context<Self::Clients>) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}

pub(crate) trait Erased<C>: Send + Sync {
    fn name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    /// Attributes that are an argument and a result of different types.
    fn of_two_types(&self) -> Vec<String>;
    fn validate(&self, config: &Value) -> Diagnostics;
    fn open(&self, config: Value, clients: Option<Arc<C>>, cancel: CancellationToken) -> Boxed<'_, Answer<Opened>>;
    fn renew(&self, private: Private, clients: Option<Arc<C>>, cancel: CancellationToken) -> Boxed<'_, Answer<Opened>>;
    fn close(&self, private: Private, clients: Option<Arc<C>>, cancel: CancellationToken) -> Boxed<'_, Diagnostics>;
}

pub(crate) struct Adapter<E>(PhantomData<fn() -> E>);

impl<E> Adapter<E> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E: Ephemeral> Erased<E::Clients> for Adapter<E> {
    fn name(&self) -> &'static str {
        E::NAME
    }

    fn schema(&self) -> Schema {
        Schema {
            description: E::DESCRIPTION.to_owned(),
            attributes: merge_attributes(E::Args::attributes(), E::Outputs::attributes()),
            ..Schema::default()
        }
    }

    fn of_two_types(&self) -> Vec<String> {
        of_two_types(&E::Args::attributes(), &E::Outputs::attributes())
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        check_config::<E::Args>(config, E::validate)
    }

    fn open(
        &self,
        config: Value,
        clients: Option<Arc<E::Clients>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Opened>> {
        Box::pin(async move {
            let cx = Context::new(clients, cancel);
            let args = match decode_config::<E::Args>(&config, E::NAME) {
                Ok(args) => args,
                Err(diagnostics) => return Answer { value: Opened::default(), diagnostics },
            };
            let outcome = E::open(&args, &cx).await;
            let mut diagnostics = cx.take_warnings();
            match outcome {
                Ok((outputs, renew_at)) => {
                    let mut object = args.encode();
                    for (name, value) in outputs.encode() {
                        // What the configuration says stays as it says it.
                        if config.attribute(&name).is_none_or(Value::is_null) {
                            object.insert(name, value);
                        }
                    }
                    let opened = Opened { result: Some(Value::Map(object)), renew_at, private: cx.private_bytes() };
                    Answer { value: opened, diagnostics }
                }
                Err(errors) => {
                    diagnostics.append(errors);
                    Answer { value: Opened::default(), diagnostics }
                }
            }
        })
    }

    fn renew(
        &self,
        private: Private,
        clients: Option<Arc<E::Clients>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Opened>> {
        Box::pin(async move {
            let cx = Context::new(clients, cancel).with_private(&private);
            match E::renew(&cx).await {
                Ok(renew_at) => {
                    let opened = Opened { result: None, renew_at, private: cx.private_bytes() };
                    Answer { value: opened, diagnostics: cx.take_warnings() }
                }
                Err(errors) => Answer { value: Opened { private, ..Opened::default() }, diagnostics: errors },
            }
        })
    }

    fn close(
        &self,
        private: Private,
        clients: Option<Arc<E::Clients>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Diagnostics> {
        Box::pin(async move {
            let cx = Context::new(clients, cancel).with_private(&private);
            let outcome = E::close(&cx).await;
            let mut diagnostics = cx.take_warnings();
            if let Err(errors) = outcome {
                diagnostics.append(errors);
            }
            diagnostics
        })
    }
}
