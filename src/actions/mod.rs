//! Actions, one file per type.

pub mod deregister_instance;
pub mod drain_nodes;
