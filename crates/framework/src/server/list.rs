//! ListResource: the existing objects of a type.

use std::marker::PhantomData;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::answer::{Boxed, Sink};
use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::list::{Found, List, Listed};
use crate::model::{Model, as_configuration, check_config, decode_config};
use crate::permission::Permissions;
use crate::resource::Resource;
use crate::schema::Schema;
use crate::value::Value;

/// Objects are to be listed.
#[derive(Debug)]
pub struct ListRequest {
    /// Type name.
    pub type_name: String,
    /// The list block's configuration.
    pub config: Value,
    /// Whether whole states are wanted.
    pub include_resource: bool,
    /// At the most so many.
    pub limit: i64,
}

/// A list resource for clients `C`.
pub(crate) trait Erased<C>: Send + Sync {
    fn name(&self) -> &'static str;
    fn permissions(&self) -> Permissions;
    fn schema(&self) -> Schema;
    fn validate(&self, config: &Value) -> Diagnostics;
    fn list(
        &self,
        request: ListRequest,
        clients: Option<Arc<C>>,
        sink: Sink<Listed>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Diagnostics>;
}

/// The one implementation of [`Erased`].
pub(crate) struct Adapter<L>(PhantomData<fn() -> L>);

impl<L> Adapter<L> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<L: List> Erased<<L::Resource as Resource>::Clients> for Adapter<L> {
    fn name(&self) -> &'static str {
        L::Resource::NAME
    }

    fn permissions(&self) -> Permissions {
        L::PERMISSIONS
    }

    fn schema(&self) -> Schema {
        Schema {
            description: L::DESCRIPTION.to_owned(),
            attributes: as_configuration(L::Args::attributes()),
            ..Schema::default()
        }
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        check_config::<L::Args>(config, |_, _| {})
    }

    fn list(
        &self,
        request: ListRequest,
        clients: Option<Arc<<L::Resource as Resource>::Clients>>,
        sink: Sink<Listed>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Diagnostics> {
        Box::pin(async move {
            let args = match decode_config::<L::Args>(&request.config, L::Resource::NAME) {
                Ok(args) => args,
                Err(faults) => return faults,
            };
            let cx = Context::new(clients, cancel);
            let mut found = Found::new(sink, request.limit, request.include_resource);
            let outcome = L::list(&args, &mut found, &cx).await;
            cx.ended(outcome).1
        })
    }
}
