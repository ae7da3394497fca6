//! How long things take in one account; set through the control API.

use serde::{Deserialize, Serialize};

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub cluster_create_seconds: i64,
    pub cluster_delete_seconds: i64,
    pub cluster_update_seconds: i64,
    /// Calls that IAM's new roles are unusable for.
    pub role_settle_attempts: u32,
    pub role_settle_seconds: i64,
    /// Whether CreateCluster starts a real control plane; the cluster is CREATING until it stands.
    pub control_plane: bool,
}
