//! Actions, one file per type.

pub mod deregister_instance;
