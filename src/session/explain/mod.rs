//! Explains errors to the user: exactly what went wrong, what is left behind, what to do.

mod aws;
mod configuration;
mod drain;
mod host;
mod kube;
mod network_check;
mod tunnel;

pub use aws::{explain, explain_at};
pub use configuration::{Need, REMEDY, unknown_configuration};
pub use drain::drained;
pub use host::explain_host;
pub use kube::{explain_kube, explained};
pub use network_check::{NetworkFailures, network_failures};
