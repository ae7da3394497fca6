//! A provider: its configuration, its clients, and the one list of everything that it offers.

mod dispatch;
mod registry;

pub use dispatch::{ProviderServer, Rules};
pub use registry::Registry;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::diagnostic::{Diagnostics, Result};
use crate::model::Model;
use crate::permission::Permissions;

/// A provider.
pub trait Provider: Sized + Send + Sync + 'static {
    /// What its configuration says.
    type Config: Model;
    /// What its types work with. Made without any network traffic.
    type Clients: Send + Sync + 'static;

    /// Its name, such as `ekshybrid`.
    const NAME: &'static str;
    /// The whole description, in Markdown.
    const DESCRIPTION: &'static str;
    /// What any of its types may ask of other systems.
    const PERMISSIONS: Permissions = &[];
    /// What closes the section about permissions on every page of a type, in Markdown.
    const PERMISSIONS_NOTE: &'static str = "";

    /// Checks what concerns several attributes, beyond the model's own rules.
    fn validate(_config: &<Self::Config as Model>::Planned, _faults: &mut Diagnostics) {}

    /// Makes the clients. Parts of the configuration may be unknown while Terraform plans.
    fn configure(
        config: <Self::Config as Model>::Planned,
        terraform_version: &str,
        cx: &Context<Self::Clients>,
    ) -> impl Future<Output = Result<Self::Clients>> + Send;

    /// The clients as one call uses them: a cheap copy whose calls end when `cancel` fires. What is not bound must look
    /// at [`Context::cancel`] in every call of every type.
    fn bound(clients: &Arc<Self::Clients>, _cancel: &CancellationToken) -> Arc<Self::Clients> {
        Arc::clone(clients)
    }

    /// Everything that the provider offers.
    fn registry() -> Registry<Self::Clients>;
}
