//! Releases on a real control plane, together with Helm's command line: each manages releases of the other; and what else
//! of the Kubernetes client only a real API server can show.
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
