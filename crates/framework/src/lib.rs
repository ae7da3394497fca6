//! Terraform providers over plugin protocol 6.
//!
//! ```text
//! wire (handshake, gRPC, msgpack) ──▶ server (one method per call) ──▶ adapters ──▶ a provider's own types
//! ```
//!
//! A provider declares its types as Rust structs with [`model::Model`]; the adapters derive names, schemas,
//! documentation, validation, planning and state from them. Only `wire` names protobuf or msgpack, and nothing here knows a cloud.

// The derive names this crate from outside; inside, it is the crate itself.
extern crate self as framework;

pub mod action;
pub mod check;
pub mod context;
pub mod data_source;
pub mod diagnostic;
pub mod docs;
pub mod ephemeral;
pub mod function;
pub mod list;
pub mod mask;
pub mod model;
pub mod note;
pub mod path;
pub mod provider;
pub mod resource;
pub mod schema;
pub mod server;
pub mod value;
pub mod wait;
pub mod wire;
