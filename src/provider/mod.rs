//! What a call has at hand: the provider's configuration and the clients made from it.

mod clients;
mod config;
mod ecr;
mod kubernetes;
mod settings;

pub use clients::{Clients, Defaults};
pub use config::Config;
pub use kubernetes::Way;

/// What every type of this provider is given beside its own values.
pub type Context = framework::context::Context<Clients>;
