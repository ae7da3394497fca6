//! What a host needs in order to become a node of an EKS cluster, as text: `NodeConfig`, cloud-init, trust policy,
//! arguments of `bootstrap.sh`; and how many pods it can have.
//!
//! Everything here is pure: loosely typed input ([`tree::Tree`]) goes in, a typed value or every fault of the input
//! comes out, and the typed value renders itself. Absent: input and output, the framework, AWS clients.
//!
//! ```text
//! Tree ──shape──▶ draft (known, absent, later, faulty) ──checks──▶ NodeConfig, UserData, TrustPolicy ──▶ text
//! ```

pub mod bootstrap;
pub mod config;
pub mod instance_limits;
mod kubelet;
pub mod max_pods;
mod shape;
pub mod tree;
pub mod trust_policy;
pub mod user_data;
mod words;
mod yaml;

pub use kubelet::{NodeLabels, Taint, TaintEffect};
pub use tree::{Fault, Faults, Parsed, Tree};
