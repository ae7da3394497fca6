//! Everything available to a call: the provider's configuration, its clients, the region and cluster of an object,
//! and how errors are explained.

mod clients;
pub mod cluster;
mod config;
mod connections;
mod ecr;
pub mod explain;
mod host_access;
mod hosts;
mod ignored_tags;
mod kubernetes;
pub mod place;
mod principal;
mod region;
mod settings;
pub mod tags;
mod tunnel;

pub use clients::{Clients, Defaults};
pub use config::Config;
pub use explain::{explain, explain_at};
pub use host_access::HostAccess;
pub use kubernetes::Access;
pub use principal::principal;
pub use region::{aws_region, planned_region};

/// Context passed to every type of this provider in addition to its own values.
pub type Context = framework::context::Context<Clients>;
