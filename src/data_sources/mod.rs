//! Data sources, one file per type.

pub mod cluster;
pub mod cni_images;
pub mod kubeconfig;
pub mod managed_instances;
pub mod max_pods;
pub mod nodes;
pub mod preflight;
