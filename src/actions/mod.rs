//! Actions, one file per type.

pub mod deregister_instance;
pub mod drain_nodes;
pub mod recycle_nodes;
pub mod repair_node;
pub mod upgrade_node;
