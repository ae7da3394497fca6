//! Explains errors to the user: exactly what went wrong, what is left behind, what to do.

mod aws;
mod configuration;
mod drain;
mod kube;

pub use aws::{explain, explain_at};
pub use configuration::{Need, REMEDY, unknown_configuration};
pub use drain::drained;
pub use kube::{explain_kube, explained};
