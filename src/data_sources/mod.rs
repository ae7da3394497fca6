//! Data sources, one file per type.

pub mod cluster;
pub mod managed_instances;
