//! Acceptance cases: one text file each, run by two layers that must agree.
//!
//! ```text
//! case (the file) ──▶ run (steps, expectations) ──▶ layer ─┬▶ core: a miniature Terraform over the provider's gRPC service
//!                          │                              └▶ terraform: a real one as a process
//!                          └▶ sandbox (an account of its own)
//! ```
//!
//! Nothing here knows a particular provider: the test binaries of the root package bring theirs.

pub mod aws;
pub mod case;
pub mod chaos;
pub mod check;
pub mod core;
pub mod difference;
pub mod helm;
pub mod host;
pub mod kubernetes;
pub mod layer;
pub mod outcome;
pub mod places;
pub mod plugin;
pub mod run;
pub mod sandbox;
pub mod strict;
pub mod suite;
pub mod terraform;
