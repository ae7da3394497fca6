//! Data sources: what a provider's author writes.

use crate::context::Context;
use crate::diagnostic::{Diagnostics, Result};
use crate::model::Model;
use crate::permission::Permissions;

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
    /// What the type must be allowed to do in other systems.
    const PERMISSIONS: Permissions = &[];

    /// Checks what concerns several attributes, beyond the model's own rules.
    fn validate(_args: &<Self::Args as Model>::Planned, _faults: &mut Diagnostics) {}

    /// Looks it up.
    fn read(args: &Self::Args, cx: &Context<Self::Clients>) -> impl Future<Output = Result<Self::Outputs>> + Send;
}
