//! Ephemeral resources: values that exist during one run and are never stored.

use crate::context::Context;
use crate::diagnostic::{Diagnostics, Result};
use crate::model::Model;
use crate::permission::Permissions;

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
    /// What the type must be allowed to do in other systems.
    const PERMISSIONS: Permissions = &[];

    /// Checks what concerns several attributes, beyond the model's own rules.
    fn validate(_args: &<Self::Args as Model>::Planned, _faults: &mut Diagnostics) {}

    /// Opens it. Notes for renewal and closing are kept with [`Context::note`].
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
