//! Terraform providers over plugin protocol 6.
//!
//! ```text
//! wire (handshake, gRPC, msgpack) ──▶ server (one method per call) ──▶ adapters ──▶ a provider's own types
//! ```
//!
//! validation, planning and state from them. Only `wire` names protobuf or msgpack, and nothing here knows a cloud.

pub mod diagnostic;
pub mod path;
pub mod schema;
pub mod server;
pub mod value;
pub mod wire;
