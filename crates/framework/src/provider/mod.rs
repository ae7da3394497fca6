//! A provider: its configuration, its clients, and the one list of everything that it offers.

mod generated;
mod registry;
mod server;

pub use registry::Registry;
pub use server::{ProviderServer, Rules};

use crate::context::Context;
use crate::diagnostic::{Diagnostics, Result};
use crate::model::Model;

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

    /// Checks what concerns several attributes, beyond the model's own rules.
    fn validate(_config: &<Self::Config as Model>::Planned, _faults: &mut Diagnostics) {}

    /// Makes the clients. Parts of the configuration may be unknown while Terraform plans.
    fn configure(
        config: <Self::Config as Model>::Planned,
        terraform_version: &str,
        cx: &Context<Self::Clients>,
    ) -> impl Future<Output = Result<Self::Clients>> + Send;

    /// Everything that the provider offers.
    fn registry() -> Registry<Self::Clients>;
}
