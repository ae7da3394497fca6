//! Everything a host needs to become a node of an EKS cluster, as text: `NodeConfig`, cloud-init user data, trust
//! and role policy, `bootstrap.sh` arguments; the maximum number of pods; the VPC endpoints of closed networks; and
//! kubeconfigs.
//!
//! Everything here is pure: it converts loosely typed input ([`tree::Tree`]) to a typed value or to every fault in
//! the input, and the typed value renders itself. Absent: I/O, the framework, AWS clients.
//!
//! ```text
//! Tree ──shape──▶ draft (known, absent, later, faulty) ──checks──▶ NodeConfig, UserData, TrustPolicy ──▶ text
//! ```

pub mod bootstrap;
pub mod config;
pub mod endpoints;
pub mod instance_limits;
pub mod kubeconfig;
mod kubelet;
pub mod max_pods;
pub mod role_policy;
mod shape;
pub mod tree;
pub mod trust_policy;
pub mod user_data;
mod words;
mod yaml;

pub use kubelet::{NodeLabels, Taint, TaintEffect};
pub use tree::{Fault, Faults, Parsed, Tree};
