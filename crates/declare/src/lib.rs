//! How things are declared: Terraform's values and types, schemas, structs of attributes, and messages for people.
//!
//! ```text
//! value, path ──▶ schema ──▶ model (structs of attributes, by derive) ──▶ whoever declares something
//!            └──▶ diagnostic (what a person is shown) ────┘
//! ```
//!
//! Nothing here plans, serves, or knows of a provider: whatever reads structured input may use it, a function of a
//! provider and a renderer of configuration files alike. `framework` re-exports all of it.

// The derive names this crate from outside; inside, it is the crate itself.
extern crate self as declare;

pub mod diagnostic;
pub mod mask;
pub mod model;
pub mod path;
pub mod schema;
pub mod value;
