//! OpenEphemeralResource, RenewEphemeralResource, CloseEphemeralResource.

use std::marker::PhantomData;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Boxed, Private};
use super::step::timeout;
use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::ephemeral::Ephemeral;
use crate::model::{Model, check_config, decode_config, merge_attributes, of_two_types};
use crate::permission::Permissions;
use crate::resource::{results_over, unconfigured};
use crate::schema::Schema;
use crate::value::Value;

/// An ephemeral resource was opened.
#[derive(Debug, Default)]
pub struct Opened {
    /// Its attributes.
    pub result: Option<Value>,
    /// When to renew it, in seconds since the epoch.
    pub renew_at: Option<jiff::Timestamp>,
    /// Bytes for renewal and closing.
    pub private: Private,
}

/// An ephemeral resource for clients `C`.
pub(crate) trait Erased<C>: Send + Sync {
    fn name(&self) -> &'static str;
    fn permissions(&self) -> Permissions;
    fn schema(&self) -> Schema;
    /// Attributes that are an argument and a result of different types.
    fn of_two_types(&self) -> Vec<String>;
    fn validate(&self, config: &Value) -> Diagnostics;
    fn open(&self, config: Value, clients: Option<Arc<C>>, cancel: CancellationToken) -> Boxed<'_, Answer<Opened>>;
    fn renew(&self, private: Private, clients: Option<Arc<C>>, cancel: CancellationToken) -> Boxed<'_, Answer<Opened>>;
    fn close(&self, private: Private, clients: Option<Arc<C>>, cancel: CancellationToken) -> Boxed<'_, Diagnostics>;
}

/// The one implementation of [`Erased`].
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

    fn permissions(&self) -> Permissions {
        E::PERMISSIONS
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
            let args = match decode_config::<E::Args>(&config, E::NAME) {
                Ok(args) => args,
                Err(faults) => return faults.into(),
            };
            let cx = Context::new(clients, cancel).with_timeout(timeout(&config, "open"));
            let outcome = E::open(&args, &cx).await;
            let (opened, diagnostics) = cx.ended(outcome);
            let Some((outputs, renew_at)) = opened else { return diagnostics.into() };
            let result = results_over(&Value::Map(args.encode()), unconfigured(Model::encode(&outputs), &config));
            let opened = Opened { result: Some(result), renew_at, private: cx.private_bytes() };
            Answer { value: opened, diagnostics }
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
            let outcome = E::renew(&cx).await;
            let (renewed, diagnostics) = cx.ended(outcome);
            let value = match renewed {
                Some(renew_at) => Opened { result: None, renew_at, private: cx.private_bytes() },
                None => Opened { private, ..Opened::default() },
            };
            Answer { value, diagnostics }
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
            cx.ended(outcome).1
        })
    }
}
