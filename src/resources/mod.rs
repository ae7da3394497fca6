//! Managed resources, one file per type.

pub mod activation;
pub mod cni;
pub mod eniconfig;
pub mod managed_instance;
pub mod vpc_cni;
