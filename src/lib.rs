//! `ekshybrid`: Amazon EKS beyond the plain VPC, as a Terraform provider.
//!
//! ```text
//! main ──▶ provider ──▶ resources, data_sources, functions, ephemeral, actions, list ──▶ aws · kube · charts · node
//!                                    └──▶ attributes (argument types that several of them share)
//! ```
//!
//! | room | what | what is absent |
//! |---|---|---|
//! | [`provider`] | configuration, shared clients, the one list of all types | calls of its own |
//! | [`resources`] … [`list`] | one file per type | each other, protobuf, HTTP |
//! | [`attributes`] | argument types, tags, connecting to a cluster, and how errors are explained | protobuf, HTTP |
//! | [`aws`] | one client per service, typed errors | Terraform |
//! | [`kube`] | a cluster's Kubernetes API, typed errors | Terraform, AWS |
//! | [`charts`] | where charts and manifests come from, typed errors; their images | Terraform, AWS, Kubernetes |
//! | [`node`] | NodeConfig, user data, trust policies | Terraform, AWS clients, I/O |
//!
//! To add a resource: write its file, name it in [`provider::registry`], give it an example under `examples/`. Its
//! documentation, the contract tests and the golden schema follow from the declaration.

pub mod actions;
pub mod attributes;
pub mod aws;
pub mod charts;
pub mod data_sources;
pub mod ephemeral;
pub mod functions;
pub mod kube;
pub mod list;
pub mod node;
pub mod provider;
pub mod resources;
