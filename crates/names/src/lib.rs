//! The words of the field, each with one rule and one explanation: regions, ARNs, cluster names, address ranges, labels,
//! checksums, versions.
//!
//! Whoever takes such a word from a user, a file or an answer parses it here, so that the provider accepts the same
//! texts everywhere and explains a wrong one in the same words. A check is of the form alone: whether a region or a
//! role exists is known to AWS.
//!
//! ```
//! use names::{Region, Word};
//!
//! let region = Region::parse("cn-north-1")?;
//! assert_eq!(region.partition().dns_suffix(), "amazonaws.com.cn");
//! assert!(Region::parse("us-wset-2").unwrap_err().to_string().contains("`us-west-2`"));
//! # Ok::<(), names::Invalid>(())
//! ```
//!
//! Absent: input and output, Terraform, clients.

mod account;
mod arn;
pub mod cidr;
mod cluster;
mod ec2;
mod label;
mod nearest;
mod object;
mod partition;
mod region;
mod sha256;
mod uuid;
mod version;
mod word;

pub use account::{AccountId, RoleName};
pub use arn::{Arn, ArnError, OutpostArn, PolicyArn, ProfileArn, RoleArn, TargetGroupArn, TrustAnchorArn};
pub use cidr::Cidr;
pub use cluster::ClusterName;
pub use ec2::{ManagedNodeId, RouteTableId, SecurityGroupId, SubnetId, VpcId};
pub use label::{LabelKey, LabelValue};
pub use nearest::{differ_by, meant, nearest};
pub use object::{ObjectName, is_subdomain};
pub use partition::Partition;
pub use region::Region;
pub use sha256::Sha256;
pub use uuid::{ActivationId, LocalClusterId, is_uuid};
pub use version::{KubernetesVersion, VpcCniVersion};
pub use word::{Invalid, Word};
