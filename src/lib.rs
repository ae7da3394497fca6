//! `ekshybrid`: Amazon EKS beyond the plain VPC, as a Terraform provider.
//!
//! `ARCHITECTURE.md` has the map of the rooms and of who may use whom, which `tests/rooms` checks. To add a resource,
//! write its file, name it in [`registry`], and give it an example under `examples/`: its documentation, the contract
//! tests and the golden schema follow from the declaration.

pub mod actions;
pub mod attributes;
pub mod aws;
pub mod charts;
pub mod cni;
pub mod data_sources;
pub mod ephemeral;
pub mod functions;
pub mod host;
pub mod images;
pub mod kube;
pub mod list;
pub mod net;
pub mod node;
pub mod registry;
pub mod resources;
pub mod session;
