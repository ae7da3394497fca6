//! Terraform providers over plugin protocol 6.
//!
//! ```text
//! wire (handshake, gRPC, msgpack) ──▶ server (one method per call) ──▶ adapters ──▶ a provider's own types
//! ```
//!
//! A provider declares its types as Rust structs with [`model::Model`]; the adapters derive names, schemas,
//! documentation, validation, planning and state from them. Only `wire` names protobuf or msgpack, and nothing here knows
//! a cloud. The words of declarations are the crate `declare`'s, and are re-exported here.

pub mod action;
pub mod check;
pub mod context;
pub mod data_source;
pub mod docs;
pub mod ephemeral;
pub mod function;
pub mod list;
pub mod note;
pub mod permission;
pub mod provider;
pub mod resource;
pub mod server;
pub mod wait;
pub mod wire;

pub use declare::{diagnostic, mask, model, path, schema, text_field, value};
