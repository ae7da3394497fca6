//! List resources, one file per type. Types without one say why in `crate::registry`.

pub mod activation;
pub mod aws_auth_entry;
pub mod cni;
pub mod eniconfig;
pub mod eniconfig_binding;
pub mod managed_instance;
pub mod node;
pub mod node_access;
pub mod outpost_cluster;
pub mod target_group_attachment;
pub mod vpc_cni;
pub mod vpc_endpoints;
