//! List resources: the objects of a managed type that exist, for `terraform query` and bulk import.

use std::marker::PhantomData;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::diagnostic::{Diagnostics, Result};
use crate::model::{Model, as_configuration, check_config, decode_config, merge_attributes};
use crate::resource::{Resource, State};
use crate::schema::{Attribute, Schema};
use crate::server::{Boxed, ListRequest, Listed, Sink};
use crate::value::Value;

/// Lists the objects of a managed resource type; it has that type's name.
pub trait List: Sized + Send + Sync + 'static {
    /// The managed type.
    type Resource: Resource;
    /// What narrows the list down.
    type Args: Model;

    /// The whole description, in Markdown.
    const DESCRIPTION: &'static str;

    /// Finds objects and hands each to `found`; ends early when that says that no more are wanted.
    fn list(
        args: &Self::Args,
        found: &mut Found<Self::Resource>,
        cx: &Context<<Self::Resource as Resource>::Clients>,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// Where found objects go.
pub struct Found<R: Resource> {
    sink: Sink<Listed>,
    left: i64,
    include_resource: bool,
    attributes: Vec<Attribute>,
    resource: PhantomData<fn() -> R>,
}

impl<R: Resource> Found<R> {
    /// Hands over one object. `false`: no more are wanted.
    pub async fn push(&mut self, identity: &R::Identity, display_name: impl Into<String>, state: &State<R>) -> bool {
        if self.left <= 0 {
            return false;
        }
        self.left -= 1;
        let resource = self.include_resource.then(|| {
            let mut object: std::collections::BTreeMap<String, Value> =
                self.attributes.iter().map(|attribute| (attribute.name.clone(), Value::Null)).collect();
            object.extend(state.args.encode());
            object.extend(state.outputs.encode());
            Value::Map(object)
        });
        let listed = Listed {
            identity: Value::Map(identity.encode()),
            display_name: display_name.into(),
            resource,
            diagnostics: Diagnostics::new(),
        };
        self.sink.send(listed).await.is_ok() && self.left > 0
    }
}

pub(crate) trait Erased<C>: Send + Sync {
    fn name(&self) -> &'static str;
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
            let cx = Context::new(clients, cancel);
            let args = match decode_config::<L::Args>(&request.config, <L::Resource as Resource>::NAME) {
                Ok(args) => args,
                Err(faults) => return faults,
            };
            let mut found = Found {
                sink,
                // Terraform's own limit; none given means all.
                left: if request.limit > 0 { request.limit } else { i64::MAX },
                include_resource: request.include_resource,
                attributes: merge_attributes(
                    <L::Resource as Resource>::Args::attributes(),
                    <L::Resource as Resource>::Outputs::attributes(),
                ),
                resource: PhantomData,
            };
            let outcome = L::list(&args, &mut found, &cx).await;
            let mut diagnostics = cx.take_warnings();
            if let Err(errors) = outcome {
                diagnostics.append(errors);
            }
            diagnostics
        })
    }
}
