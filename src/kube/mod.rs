//! A cluster's Kubernetes API, on the kube crate.
//!
//! [`Target`] says where an API server is and who calls; [`Client`] is the one way to it: it adds the bearer token to
//! each request, repeats what may be repeated, and ends when Terraform asks to stop. The other files are one kind of
//! work each. [`Error`] is the one error of the room.
//!
//! What is absent from this room: Terraform, and AWS. Tokens come through [`TokenSource`], which the provider fills.

pub mod aws_auth;
mod claim;
mod client;
mod discover;
mod discovery;
mod error;
mod listing;
mod node;
mod object;
mod objects;
pub mod offline;
pub mod placement;
mod pod;
pub mod release;
mod request;
mod rollout;
mod settling;
mod target;

pub use claim::{Claim, Owners};
pub use client::Client;
pub use discovery::{Discovery, Served};
pub use error::{Attempt, BoxError, Caller, Error, FieldConflict, Kind, Result, Verb};
pub use node::{Annotated, Change, Node, Taint};
pub use object::{Resource, annotations, labels, name, owned_by};
pub use pod::Trouble;
pub use rollout::Rollout;
pub use target::{Credentials, Exec, Server, Target, TokenSource};

/// Annotation of the DaemonSet aws-node whose settings are managed, with their values before.
pub const VPC_CNI_MARK: &str = "ekshybrid/vpc-cni";
/// The field manager of everything that this provider writes.
pub const FIELD_MANAGER: &str = "ekshybrid";
