//! Managed resources, one file per type.

pub mod activation;
pub mod aws_auth_entry;
pub mod client_certificate;
pub mod cni;
pub mod eniconfig;
pub mod eniconfig_binding;
pub mod host_file;
pub mod image_mirror;
pub mod managed_instance;
pub mod network_check;
pub mod node;
pub mod node_access;
pub mod node_recycle;
pub mod nodeadm_artifacts;
pub mod outpost_cluster;
pub mod target_group_attachment;
pub mod vpc_cni;
pub mod vpc_endpoints;
