//! Ephemeral resources, one file per type.

pub mod activation_code;
pub mod cluster_token;
