//! Managed resources, one file per type.

pub mod activation;
pub mod managed_instance;
pub mod vpc_cni;
