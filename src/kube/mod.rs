//! A cluster's Kubernetes API, on the kube crate.
//!
//! [`Target`] describes an API server and its credentials. [`Client`] is the only way to reach it: it adds the bearer
//! token to each request, retries what may be retried, and ends when Terraform asks to stop. Each other file covers
//! one area. [`Error`] is the error of the module.
//!
//! What is absent from this module: Terraform, AWS, and SSH. Tokens come through [`TokenSource`], and connections where
//! there is no direct one through [`Tunnel`], which the provider implements.

mod asked;
pub mod aws_auth;
pub mod check;
mod claim;
mod client;
mod discover;
mod discovery;
pub mod drain;
mod error;
mod listing;
mod node;
mod node_marks;
mod object;
mod objects;
pub mod offline;
pub mod placement;
mod pod;
pub mod release;
mod request;
mod rollout;
mod settling;
mod signing;
mod target;
mod tunnel;
mod watch;
pub mod x509;

pub use claim::{Claim, Owners};
pub use client::Client;
pub use discovery::{Discovery, Served};
pub use drain::{Cordon, Drain, DrainOptions, DrainStep};
pub use error::{Attempt, BoxError, Caller, Error, FieldConflict, Kind, Result, Verb};
pub use node::{Annotated, Change, Node, Taint};
pub use object::{Resource, annotations, labels, name, owned_by};
pub use pod::Trouble;
pub use rollout::Rollout;
pub use signing::{Signing, SigningRequest};
pub use target::{Credentials, Exec, Server, Target, TokenSource};
pub use tunnel::{Stream, Tunnel, TunnelError};

/// Annotation on the DaemonSet aws-node whose settings are managed, with their previous values.
pub const VPC_CNI_MARK: &str = "ekshybrid/vpc-cni";
/// The field manager for everything that this provider writes.
pub const FIELD_MANAGER: &str = "ekshybrid";
