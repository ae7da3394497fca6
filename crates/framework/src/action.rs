//! Actions: something is done on request, with progress, and nothing is kept in state.

use crate::context::Context;
use crate::diagnostic::{Diagnostics, Result};
use crate::model::Model;
use crate::permission::Permissions;

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
    /// What the type must be allowed to do in other systems.
    const PERMISSIONS: Permissions = &[];

    /// Checks what concerns several attributes, beyond the model's own rules.
    fn validate(_args: &<Self::Args as Model>::Planned, _faults: &mut Diagnostics) {}

    /// Does it; [`Context::progress`] reports how far it is.
    fn invoke(args: &Self::Args, cx: &Context<Self::Clients>) -> impl Future<Output = Result<()>> + Send;
}
