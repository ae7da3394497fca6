//! Generated bindings of `proto/`: messages, clients and servers, as they travel.

#![allow(clippy::all, clippy::pedantic, missing_docs, rustdoc::all, reason = "generated code")]

/// Plugin protocol 6.11.
pub mod tfplugin6 {
    tonic::include_proto!("tfplugin6");
}

/// The services that every plugin has in addition to its own.
pub mod plugin {
    tonic::include_proto!("plugin");
}
