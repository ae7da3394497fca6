//! Releases on a real control plane, together with Helm's command line: each manages the other's releases; and
//! behavior of the Kubernetes client that only a real API server can show.
//!
//! Skipped, with a message, if the control plane's programs or Helm's command line are not built.

// A test fails by panicking, including in its helpers.
#![allow(clippy::unwrap_used)]

mod cut;
mod drain;
mod ground;
mod life;
mod nodes;
mod published;
mod refused;
