//! How long things take in one account; set through the control API.

use serde::{Deserialize, Serialize};

/// What DescribeCluster tells of an API server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointBy {
    /// An address of this machine alone.
    #[default]
    Loopback,
    /// An address that the sandbox's hosts reach as well.
    Hosts,
    /// The name that AWS would have given it, which only hosts resolve.
    Name,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub cluster_create_seconds: i64,
    pub cluster_delete_seconds: i64,
    pub cluster_update_seconds: i64,
    pub addon_create_seconds: i64,
    pub addon_update_seconds: i64,
    pub addon_delete_seconds: i64,
    /// How long an add-on's pods may take to be Ready until it is DEGRADED.
    pub addon_patience_seconds: i64,
    pub nodegroup_create_seconds: i64,
    pub nodegroup_delete_seconds: i64,
    /// How long a node group's nodes may take to be Ready until it is `CREATE_FAILED`.
    pub nodegroup_patience_seconds: i64,
    /// Calls that IAM's new roles are unusable for.
    pub role_settle_attempts: u32,
    pub role_settle_seconds: i64,
    /// How long the API server knows nothing of a new access entry.
    pub access_entry_settle_seconds: i64,
    /// How long the API server knows nothing of an access policy that was associated.
    pub access_policy_settle_seconds: i64,
    /// Whether CreateCluster starts a real control plane; the cluster is CREATING until it stands.
    pub control_plane: bool,
    /// What a control plane that is started from now on has for its endpoint.
    pub endpoint: EndpointBy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cluster_create_seconds: 0,
            cluster_delete_seconds: 0,
            cluster_update_seconds: 0,
            addon_create_seconds: 0,
            addon_update_seconds: 0,
            addon_delete_seconds: 0,
            addon_patience_seconds: 60,
            nodegroup_create_seconds: 0,
            nodegroup_delete_seconds: 0,
            nodegroup_patience_seconds: 900,
            role_settle_attempts: 0,
            role_settle_seconds: 0,
            access_entry_settle_seconds: 0,
            access_policy_settle_seconds: 0,
            control_plane: false,
            endpoint: EndpointBy::default(),
        }
    }
}
