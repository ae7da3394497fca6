//! Delays and limits of one account; set through the control API.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The API server endpoint that DescribeCluster returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointBy {
    /// A loopback address of this machine.
    #[default]
    Loopback,
    /// An address that the sandbox's hosts can reach too.
    Hosts,
    /// The host name that AWS would have used, which only hosts resolve.
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
    /// How long an add-on's pods may take to become Ready before it is DEGRADED.
    pub addon_patience_seconds: i64,
    pub nodegroup_create_seconds: i64,
    pub nodegroup_delete_seconds: i64,
    /// How long a node group's nodes may take to become Ready before it is `CREATE_FAILED`.
    pub nodegroup_patience_seconds: i64,
    /// For how many calls new IAM roles are unusable.
    pub role_settle_attempts: u32,
    pub role_settle_seconds: i64,
    /// How long the API server does not know a new access entry.
    pub access_entry_settle_seconds: i64,
    /// How long the API server does not know a newly associated access policy.
    pub access_policy_settle_seconds: i64,
    /// The issue with which CreateCluster ends as FAILED, such as `InsufficientFreeAddresses`.
    pub cluster_create_fails: Option<String>,
    /// Whether CreateCluster starts a real control plane; the cluster is CREATING until it is available.
    pub control_plane: bool,
    /// The ends that pods meet in control planes started from now on (see `POST …/pods`).
    pub pod_ends: Vec<crate::plane::End>,
    /// The endpoint of control planes started from now on.
    pub endpoint: EndpointBy,
    /// How long an interface endpoint of a VPC is pending, and how long an endpoint is being deleted.
    pub vpc_endpoint_seconds: i64,
    /// Quota: interface endpoints of a VPC.
    pub interface_endpoints_per_vpc: usize,
    /// Quota: gateway endpoints of a region.
    pub gateway_endpoints_per_region: usize,
    /// Services without VPC endpoints, such as `xray`.
    pub endpoint_services_absent: Vec<String>,
    /// Services whose interface endpoints fail while they are created, with the message.
    pub endpoint_services_fail: BTreeMap<String, String>,
    /// Letters of the zones in which a service has no VPC endpoints.
    pub endpoint_services_lack_zones: BTreeMap<String, Vec<String>>,
    /// KMS keys of the account, the same in every region: their aliases (`alias/codes`) with their ids.
    pub kms_keys: BTreeMap<String, String>,
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
            cluster_create_fails: None,
            control_plane: false,
            pod_ends: Vec::new(),
            endpoint: EndpointBy::default(),
            vpc_endpoint_seconds: 0,
            // Source: AWS PrivateLink guide, quotas.
            interface_endpoints_per_vpc: 50,
            gateway_endpoints_per_region: 20,
            endpoint_services_absent: Vec::new(),
            endpoint_services_fail: BTreeMap::new(),
            endpoint_services_lack_zones: BTreeMap::new(),
            kms_keys: BTreeMap::new(),
        }
    }
}
