//! Cilium and Calico: what is installed and what is known about it, without Terraform's states, plans and contexts.
//!
//! `product` turns arguments into a source and values (`cilium`, `calico`), in which `hidden` tracks what must not be
//! shown. `prepared` fetches and renders them, once for each plan and apply, and `fingerprint` describes the result.
//! `pool` checks the pods' addresses, and `definitions` lists the custom resource definitions that a CNI creates.
//! `aws_node` removes and restores the DaemonSet of the VPC CNI.

pub mod arguments;
pub(crate) mod aws_node;
pub(crate) mod calico;
pub(crate) mod cilium;
pub(crate) mod definitions;
pub(crate) mod fingerprint;
pub(crate) mod hidden;
pub(crate) mod pool;
pub(crate) mod prepared;
pub(crate) mod product;
