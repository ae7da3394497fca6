//! Releases on a real control plane, beside Helm's command line: each goes on with what the other made; and what else of
//! the Kubernetes client only a real API server can show.
//!
//! Left out, with a message, where the control plane's programs or Helm's command line are not built.

// A test fails by a panic, in its helpers too.
#![allow(clippy::unwrap_used)]

mod cut;
mod ground;
mod life;
mod nodes;
mod published;
mod refused;
