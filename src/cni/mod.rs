//! Cilium and Calico: what is installed, and what is known of it, without Terraform's states, plans and contexts.
//!
//! `product` turns arguments into a chart and values (`cilium`, `calico`), in which `hidden` knows what nobody may see.
//! `prepared` and `fingerprint` say what a chart renders to, `pool` checks the pods' addresses, `definitions` lists the
//! custom resource definitions that a CNI brings. `aws_node` removes and restores the DaemonSet of the VPC CNI.

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
