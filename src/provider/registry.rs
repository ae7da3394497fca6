//! The one list of everything that the provider offers.

use framework::provider::Registry;

use super::Clients;
use crate::resources::activation::Activation;

/// All types and functions.
pub(super) fn registry() -> Registry<Clients> {
    Registry::new().resource::<Activation>()
}
