//! What a host needs in order to become an EKS hybrid node, as text: `NodeConfig`, cloud-init, trust policy.
//!
//! Everything here is pure: loosely typed input ([`tree::Tree`]) goes in, a typed value or every fault of the input
//! comes out, and the typed value renders itself. Absent: input and output, Terraform, AWS clients.
//!
//! ```text
//! Tree ──shape──▶ draft (known, absent, later, faulty) ──checks──▶ NodeConfig, UserData, TrustPolicy ──▶ text
//! ```

mod aws;
pub mod cidr;
pub mod config;
mod shape;
pub mod tree;
pub mod trust_policy;
pub mod user_data;
mod yaml;

pub use aws::{AccountId, Partition, ProfileArn, Region, RoleArn, TrustAnchorArn};
pub use tree::{Fault, Faults, Parsed, Step, Tree};
