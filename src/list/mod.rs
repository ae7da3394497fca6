//! List resources, one file per type.

pub mod activation;
pub mod eniconfig;
pub mod managed_instance;
pub mod node_access;
pub mod outpost_cluster;
