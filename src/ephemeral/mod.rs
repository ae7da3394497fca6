//! Ephemeral resources, one file per type.

pub mod activation_code;
