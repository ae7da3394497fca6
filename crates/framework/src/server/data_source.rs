//! ReadDataSource: something is looked up.

use std::marker::PhantomData;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Boxed};
use super::step::timeout;
use crate::context::Context;
use crate::data_source::DataSource;
use crate::diagnostic::Diagnostics;
use crate::model::{Model, check_config, decode_config, merge_attributes, of_two_types};
use crate::permission::Permissions;
use crate::resource::{results_over, unconfigured};
use crate::schema::Schema;
use crate::value::Value;

/// A data source for clients `C`.
pub(crate) trait Erased<C>: Send + Sync {
    fn name(&self) -> &'static str;
    fn permissions(&self) -> Permissions;
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

/// The one implementation of [`Erased`].
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

    fn permissions(&self) -> Permissions {
        D::PERMISSIONS
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
            let args = match decode_config::<D::Args>(&config, D::NAME) {
                Ok(args) => args,
                Err(faults) => return faults.into(),
            };
            let cx = Context::new(clients, cancel).with_timeout(timeout(&config, "read"));
            let outcome = D::read(&args, &cx).await;
            let (outputs, diagnostics) = cx.ended(outcome);
            let value = outputs
                .map(|found| results_over(&Value::Map(args.encode()), unconfigured(Model::encode(&found), &config)));
            Answer { value, diagnostics }
        })
    }
}
