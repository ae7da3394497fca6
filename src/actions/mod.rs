//! Actions, one file per type.

pub mod deregister_instance;
pub mod drain_nodes;
pub mod network_check;
pub mod recycle_nodes;
pub mod repair_node;
pub mod upgrade_node;
