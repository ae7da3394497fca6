//! The wire room: everything between the operating system's process and the protocol-neutral server.
//!
//! Only this room names protobuf, gRPC, msgpack or the handshake with the host.

mod convert;
mod handshake;
mod json;
pub mod log;
pub mod msgpack;
mod plugin;
pub mod proto;
mod routes;
mod serve;
mod service;
mod tls;
mod transport;

pub use serve::{ServeOptions, serve};
pub use service::Service;
