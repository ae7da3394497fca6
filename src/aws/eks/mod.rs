//! Elastic Kubernetes Service: clusters, access to them, and their add-ons.

mod access;
mod addon;
mod cluster;
mod condition;
mod control;
mod token;

use std::time::Duration;

use jiff::Timestamp;

use super::clients::Clients;
use super::settling::SETTLES_WITHIN;

pub use super::settling::Settling;
pub use access::{ADMINISTRATOR, AssociatedPolicy};
pub use access::{AccessEntry, AccessEntryChange, AccessEntrySpec, AccessEntryType};
pub use addon::{
    Addon, AddonChange, AddonConfiguration, AddonVersion, Conflicts, Issue, Update, UpdateStatus, VersionFilter,
};
pub use cluster::{Cluster, Outpost};
pub use condition::{Authority, ClusterVersion, Insight};
pub use control::{ClusterChange, LOG_TYPES, LocalClusterSpec};

/// The maximum page size.
const PAGE: i32 = 100;

/// Elastic Kubernetes Service in one region.
#[derive(Debug, Clone)]
pub struct Client {
    clients: Clients,
    region: Option<String>,
    settles_within: Duration,
}

impl Clients {
    /// Elastic Kubernetes Service in `region`, or in the provider's region.
    #[must_use]
    pub fn eks(&self, region: Option<&str>) -> Client {
        Client { clients: self.clone(), region: region.map(str::to_owned), settles_within: SETTLES_WITHIN }
    }
}

impl Client {
    /// The same client, with a limit on how long to wait for an IAM role to become visible to EKS.
    #[must_use]
    pub fn settling_within(mut self, duration: Duration) -> Self {
        self.settles_within = duration;
        self
    }
}

fn timestamp(time: Option<aws_smithy_types::DateTime>) -> Option<Timestamp> {
    Timestamp::from_second(time?.secs()).ok()
}
