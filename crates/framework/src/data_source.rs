//! Data sources: what a provider's author writes, and how it is run.

use std::marker::PhantomData;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::diagnostic::{Diagnostics, Result};
use crate::model::{Model, check_config, decode_config, merge_attributes, of_two_types};
use crate::schema::Schema;
use crate::server::{Answer, Boxed};
use crate::value::Value;

/// A data source.
pub trait DataSource: Sized + Send + Sync + 'static {
    /// The provider's clients.
    type Clients: Send + Sync + 'static;
    /// What the configuration says.
    type Args: Model;
    /// What is found.
    type Outputs: Model;

    /// The type's whole name.
    const NAME: &'static str;
    /// The whole description, in Markdown.
    const DESCRIPTION: &'static str;

    /// Checks what concerns several attributes, beyond the model's own rules.
    fn validate(_args: &<Self::Args as Model>::Planned, _faults: &mut Diagnostics) {}

    /// Looks it up.
    fn read(args: &Self::Args, cx: &Context<Self::Clients>) -> impl Future<Output = Result<Self::Outputs>> + Send;
}

pub(crate) trait Erased<C>: Send + Sync {
    fn name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    /// Attributes that are an argument and a result of different types.
    fn of_two_types(&self) -> Vec<String>;
    fn validate(&self, config: &Value) -> Diagnostics;
    fn read(
        &self,
        config: Value,
        clients: Option<Arc<C>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Option<Value>>>;
}

pub(crate) struct Adapter<D>(PhantomData<fn() -> D>);

impl<D> Adapter<D> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<D: DataSource> Erased<D::Clients> for Adapter<D> {
    fn name(&self) -> &'static str {
        D::NAME
    }

    fn schema(&self) -> Schema {
        Schema {
            description: D::DESCRIPTION.to_owned(),
            attributes: merge_attributes(D::Args::attributes(), D::Outputs::attributes()),
            ..Schema::default()
        }
    }

    fn of_two_types(&self) -> Vec<String> {
        of_two_types(&D::Args::attributes(), &D::Outputs::attributes())
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        check_config::<D::Args>(config, D::validate)
    }

    fn read(
        &self,
        config: Value,
        clients: Option<Arc<D::Clients>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Option<Value>>> {
        Box::pin(async move {
            let cx = Context::new(clients, cancel);
            let args = match decode_config::<D::Args>(&config, D::NAME) {
                Ok(args) => args,
                Err(diagnostics) => return Answer { value: None, diagnostics },
            };
            let outcome = D::read(&args, &cx).await;
            let mut diagnostics = cx.take_warnings();
            match outcome {
                Ok(outputs) => {
                    let mut object = args.encode();
                    for (name, value) in outputs.encode() {
                        // What the configuration says stays as it says it.
                        if config.attribute(&name).is_none_or(Value::is_null) {
                            object.insert(name, value);
                        }
                    }
                    Answer { value: Some(Value::Map(object)), diagnostics }
                }
                Err(errors) => {
                    diagnostics.append(errors);
                    Answer { value: None, diagnostics }
                }
            }
        })
    }
}
