//! The wire room: everything between the operating system's process and the protocol-neutral server.
//!
//! Only this room names protobuf, gRPC, msgpack or the handshake with the host.

pub mod proto;
