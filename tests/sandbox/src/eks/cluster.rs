//! A cluster: its data, what becomes of it with time, how it is described.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    access_entries::Entry, addons::Addon, nodegroups::NodeGroup, outposts::Outpost, remote_networks::RemoteNetworks,
    update::Update,
};
use crate::{moment::Moment, plane::Standing, world::Birth};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    Creating,
    Active,
    Updating,
    Deleting,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Network {
    pub vpc_id: String,
    pub subnet_ids: Vec<String>,
    pub security_group_ids: Vec<String>,
    pub cluster_security_group_id: String,
    pub public: bool,
    pub private: bool,
    pub public_cidrs: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Cluster {
    pub name: String,
    pub arn: String,
    pub born: Birth,
    pub version: String,
    pub role_arn: String,
    pub network: Network,
    pub service_cidr: String,
    pub authentication_mode: String,
    pub bootstrap_admin: bool,
    pub remote: RemoteNetworks,
    pub upgrade_support: String,
    pub deletion_protection: bool,
    /// The log types that are on.
    pub logging: Vec<String>,
    pub tags: BTreeMap<String, String>,
    pub client_request_token: Option<String>,
    /// 32 digits in the endpoint's name and the issuer's.
    pub endpoint_id: String,
    /// PEM of the cluster's certificate authority, and of its key.
    pub certificate: String,
    pub certificate_key: String,
    /// PEM of the authority that is to follow, while EKS rotates them.
    #[serde(default)]
    pub successor: Option<String>,
    pub access_entries: BTreeMap<String, Entry>,
    #[serde(default)]
    pub addons: BTreeMap<String, Addon>,
    #[serde(default)]
    pub node_groups: BTreeMap<String, NodeGroup>,
    pub updates: Vec<Update>,
    pub phase: Phase,
    /// The cluster's own time at which the phase ends.
    pub phase_ends: Moment,
    /// Whether aws-node, coredns and kube-proxy come with the cluster.
    #[serde(default = "yes")]
    pub bootstrap_addons: bool,
    /// ARN of a creator who is administrator without an access entry, as where the mode is CONFIG_MAP.
    #[serde(default)]
    pub hidden_admin: Option<String>,
    /// EKS Auto Mode's members of the description, where it is on.
    #[serde(default)]
    pub auto_mode: Option<Value>,
    /// Set for a local cluster on an Outpost.
    #[serde(default)]
    pub outpost: Option<Outpost>,
    /// First and last NodePort, where the cluster has a range of its own.
    #[serde(default)]
    pub node_ports: Option<(u16, u16)>,
    /// Why EKS could not create it.
    #[serde(default)]
    pub issue: Option<String>,
    #[serde(skip)]
    pub standing: Standing,
}

fn yes() -> bool {
    true
}

impl Cluster {
    /// All certificate authorities, the active one first.
    fn authorities(&self) -> String {
        format!("{}{}", self.certificate, self.successor.as_deref().unwrap_or_default())
    }

    pub fn status(&self) -> &'static str {
        match self.phase {
            Phase::Creating if self.standing == Standing::Failed => "FAILED",
            Phase::Creating => "CREATING",
            Phase::Active => "ACTIVE",
            Phase::Updating => "UPDATING",
            Phase::Deleting => "DELETING",
        }
    }

    /// Begins a phase that lasts for some seconds.
    pub fn begin(&mut self, phase: Phase, seconds: i64, advanced: i64) {
        self.phase = phase;
        self.phase_ends = self.born.now(advanced).plus_seconds(seconds);
    }

    /// Ends a phase whose time is over. False = the cluster is gone.
    pub fn settle(&mut self, advanced: i64) -> bool {
        self.addons.retain(|_, addon| addon.settle(advanced));
        self.settle_node_groups(advanced);
        if self.phase == Phase::Active || self.born.now(advanced) < self.phase_ends {
            return true;
        }
        if self.phase == Phase::Creating && matches!(self.standing, Standing::Ordered | Standing::Failed) {
            return true;
        }
        if self.phase == Phase::Deleting {
            return false;
        }
        self.phase = Phase::Active;
        for update in &mut self.updates {
            "Successful".clone_into(&mut update.status);
        }
        true
    }

    /// What a token for the cluster names. Source: AWS CLI, `update-kubeconfig`.
    pub fn audience(&self) -> &str {
        self.outpost.as_ref().filter(|outpost| outpost.is_ebs()).map_or(&self.name, |outpost| &outpost.id)
    }

    fn region(&self) -> &str {
        self.arn.split(':').nth(3).unwrap_or_default()
    }

    /// As the API describes it. What does not exist yet while a cluster is being created is left out.
    pub fn describe(&self) -> Value {
        let mut network = json!({
            "subnetIds": self.network.subnet_ids,
            "securityGroupIds": self.network.security_group_ids,
            "vpcId": self.network.vpc_id,
            "endpointPublicAccess": self.network.public,
            "endpointPrivateAccess": self.network.private,
            "publicAccessCidrs": self.network.public_cidrs,
        });
        let mut value = json!({
            "name": self.name,
            "arn": self.arn,
            "createdAt": self.born.at.epoch(),
            "version": self.version,
            "roleArn": self.role_arn,
            "resourcesVpcConfig": {},
            "kubernetesNetworkConfig": {
                "serviceIpv4Cidr": self.service_cidr,
                "ipFamily": "ipv4",
                "elasticLoadBalancing": {"enabled": self.auto_mode.is_some()},
            },
            "logging": {"clusterLogging": self.logging()},
            "status": self.status(),
            "certificateAuthority": {},
            "platformVersion": "eks.1",
            "tags": self.tags,
            "accessConfig": {
                "authenticationMode": self.authentication_mode,
                "bootstrapClusterCreatorAdminPermissions": self.bootstrap_admin,
            },
            "upgradePolicy": {"supportType": self.upgrade_support},
            "deletionProtection": self.deletion_protection,
        });
        if let Some(token) = &self.client_request_token {
            value["clientRequestToken"] = token.clone().into();
        }
        if let Some(remote) = self.remote.describe() {
            value["remoteNetworkConfig"] = remote;
        }
        if let Some(compute) = &self.auto_mode {
            value["computeConfig"] = compute.clone();
            value["storageConfig"] = json!({"blockStorage": {"enabled": true}});
        }
        if let Some(outpost) = &self.outpost {
            value["id"] = outpost.id.clone().into();
            value["outpostConfig"] = outpost.describe();
        }
        if let Some((first, last)) = self.node_ports {
            value["kubeApiServerConfig"] = json!({"serviceNodePortRange": {"minPort": first, "maxPort": last}});
        }
        if let Some(code) = &self.issue {
            let message = format!("The cluster could not be created: {code}.");
            value["health"] = json!({"issues": [{"code": code, "message": message, "resourceIds": []}]});
        }
        if self.phase != Phase::Creating {
            use base64::{Engine, engine::general_purpose::STANDARD};
            let region = self.region();
            network["clusterSecurityGroupId"] = self.network.cluster_security_group_id.clone().into();
            value["endpoint"] = match &self.standing {
                Standing::Ready { endpoint } => endpoint.clone(),
                _ => format!("https://{}.gr7.{region}.eks.amazonaws.com", self.endpoint_id),
            }
            .into();
            let issuer = format!("https://oidc.eks.{region}.amazonaws.com/id/{}", self.endpoint_id);
            value["identity"] = json!({"oidc": {"issuer": issuer}});
            value["certificateAuthority"] = json!({"data": STANDARD.encode(self.authorities())});
            value["health"] = json!({"issues": []});
        }
        value["resourcesVpcConfig"] = network;
        value
    }

    fn logging(&self) -> Vec<Value> {
        let (on, off): (Vec<&str>, Vec<&str>) =
            LOG_TYPES.iter().partition(|kind| self.logging.iter().any(|on| on == *kind));
        [(on, true), (off, false)]
            .into_iter()
            .filter(|(kinds, _)| !kinds.is_empty())
            .map(|(kinds, enabled)| json!({"types": kinds, "enabled": enabled}))
            .collect()
    }
}

pub const LOG_TYPES: [&str; 5] = ["api", "audit", "authenticator", "controllerManager", "scheduler"];
