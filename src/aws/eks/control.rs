//! Clusters from their creation to their end: created, changed and deleted.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eks::types::{
    AuthenticationMode, ControlPlanePlacementRequest, CreateAccessConfigRequest, EtcdPlacementRequest,
    KubernetesNetworkConfigRequest, LogSetup, LogType, Logging, OutpostConfigRequest, RemoteNetworkConfigRequest,
    RemoteNodeNetwork, RemotePodNetwork, SpreadLevel, UpdateAccessConfigRequest, VpcConfigRequest,
};

use super::{Client, Cluster, Outpost, Update};
use crate::aws::clients::Effect;
use crate::aws::error::{Error, Kind, Operation, Result};

const CREATE: Operation = Operation::new("eks", "CreateCluster");
const DELETE: Operation = Operation::new("eks", "DeleteCluster");
const UPDATE_CONFIG: Operation = Operation::new("eks", "UpdateClusterConfig");
const UPDATE_VERSION: Operation = Operation::new("eks", "UpdateClusterVersion");
const DESCRIBE_UPDATE: Operation = Operation::new("eks", "DescribeUpdate");

/// The log types of a control plane. Source: EKS API reference, LogSetup.
pub const LOG_TYPES: [&str; 5] = ["api", "audit", "authenticator", "controllerManager", "scheduler"];

/// The arguments for creating a local cluster on an Outpost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalClusterSpec {
    /// Name.
    pub name: String,
    /// ARN of the cluster role.
    pub role_arn: String,
    /// Kubernetes version; EKS's default if `None`.
    pub version: Option<String>,
    /// Subnets.
    pub subnet_ids: Vec<String>,
    /// Security groups in addition to EKS's own.
    pub security_group_ids: Vec<String>,
    /// Whether the API server is reachable from the internet. It is always reachable from the VPC.
    pub endpoint_public_access: bool,
    /// Service IPv4 CIDR; EKS's default if `None`.
    pub service_ipv4_cidr: Option<String>,
    /// CIDR blocks of hybrid nodes.
    pub remote_node_networks: BTreeSet<String>,
    /// CIDR blocks of pods on hybrid nodes.
    pub remote_pod_networks: BTreeSet<String>,
    /// `API`, `API_AND_CONFIG_MAP` or `CONFIG_MAP`.
    pub authentication_mode: String,
    /// Whether the creator becomes an administrator.
    pub bootstrap_admin: bool,
    /// Where the control plane runs.
    pub outpost: Outpost,
    /// Log types that are on.
    pub log_types: BTreeSet<String>,
    /// Whether EKS refuses to delete it.
    pub deletion_protection: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// By which EKS recognizes a repeated request; DescribeCluster returns it.
    pub request_token: String,
}

/// One change of a cluster's configuration. EKS accepts one kind per call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterChange {
    /// The log types that are on; all others are turned off.
    LogTypes(BTreeSet<String>),
    /// Whether the API server is reachable from the internet.
    EndpointPublicAccess(bool),
    /// Authentication mode.
    AuthenticationMode(String),
    /// CIDR blocks of hybrid nodes, and of pods on them.
    RemoteNetworks(BTreeSet<String>, BTreeSet<String>),
    /// Whether EKS refuses to delete it.
    DeletionProtection(bool),
    /// Kubernetes version.
    Version(String),
}

fn logging(on: &BTreeSet<String>) -> Logging {
    let setup = |wanted: bool| {
        let kinds = LOG_TYPES.iter().filter(|kind| on.contains(**kind) == wanted).map(|kind| LogType::from(*kind));
        let kinds: Vec<LogType> = kinds.collect();
        (!kinds.is_empty()).then(|| LogSetup::builder().set_types(Some(kinds)).enabled(wanted).build())
    };
    Logging::builder().set_cluster_logging(Some([setup(true), setup(false)].into_iter().flatten().collect())).build()
}

fn remote_networks(nodes: &BTreeSet<String>, pods: &BTreeSet<String>) -> RemoteNetworkConfigRequest {
    let cidrs = |set: &BTreeSet<String>| Some(set.iter().cloned().collect::<Vec<_>>());
    let node = (!nodes.is_empty()).then(|| RemoteNodeNetwork::builder().set_cidrs(cidrs(nodes)).build());
    let pod = (!pods.is_empty()).then(|| RemotePodNetwork::builder().set_cidrs(cidrs(pods)).build());
    RemoteNetworkConfigRequest::builder()
        .set_remote_node_networks(Some(node.into_iter().collect()))
        .set_remote_pod_networks(Some(pod.into_iter().collect()))
        .build()
}

fn outpost_config(outpost: &Outpost) -> Result<OutpostConfigRequest> {
    let level = |text: &Option<String>| text.as_deref().map(SpreadLevel::from);
    let placement = ControlPlanePlacementRequest::builder()
        .set_group_name(outpost.control_plane_placement_group.clone())
        .set_spread_level(level(&outpost.control_plane_spread_level))
        .build();
    let is_placed = outpost.control_plane_placement_group.is_some() || outpost.control_plane_spread_level.is_some();
    let etcd = level(&outpost.etcd_spread_level);
    OutpostConfigRequest::builder()
        .set_outpost_arns(Some(outpost.arns.clone()))
        .control_plane_instance_type(&outpost.control_plane_instance_type)
        .set_control_plane_placement(is_placed.then_some(placement))
        .set_etcd_instance_type(outpost.etcd_instance_type.clone())
        .set_etcd_placement(etcd.map(|level| EtcdPlacementRequest::builder().spread_level(level).build()))
        .build()
        .map_err(|_| Error::new(Kind::Other))
}

impl Client {
    /// Starts the creation of a local cluster on an Outpost.
    ///
    /// # Errors
    /// Those of the call; [`Kind::InUse`] if a cluster of the name exists. [`Error::may_exist`] says whether the cluster
    /// may exist.
    pub async fn create_local_cluster(&self, spec: &LocalClusterSpec) -> Result<Cluster> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let network = VpcConfigRequest::builder()
            .set_subnet_ids(Some(spec.subnet_ids.clone()))
            .set_security_group_ids((!spec.security_group_ids.is_empty()).then(|| spec.security_group_ids.clone()))
            .endpoint_private_access(true)
            .endpoint_public_access(spec.endpoint_public_access)
            .build();
        let access = CreateAccessConfigRequest::builder()
            .authentication_mode(AuthenticationMode::from(spec.authentication_mode.as_str()))
            .bootstrap_cluster_creator_admin_permissions(spec.bootstrap_admin)
            .build();
        let services = spec
            .service_ipv4_cidr
            .as_ref()
            .map(|cidr| KubernetesNetworkConfigRequest::builder().service_ipv4_cidr(cidr).build());
        let has_remote = !spec.remote_node_networks.is_empty() || !spec.remote_pod_networks.is_empty();
        let request = regional
            .eks()
            .create_cluster()
            .name(&spec.name)
            .role_arn(&spec.role_arn)
            .set_version(spec.version.clone())
            .resources_vpc_config(network)
            .set_kubernetes_network_config(services)
            .access_config(access)
            .outpost_config(outpost_config(&spec.outpost)?)
            .set_remote_network_config(
                has_remote.then(|| remote_networks(&spec.remote_node_networks, &spec.remote_pod_networks)),
            )
            .set_logging((!spec.log_types.is_empty()).then(|| logging(&spec.log_types)))
            .set_deletion_protection(spec.deletion_protection.then_some(true))
            .set_tags((!spec.tags.is_empty()).then(|| spec.tags.clone().into_iter().collect()))
            .client_request_token(&spec.request_token);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(CREATE, Effect::Create, &regional.region, run).await?;
        self.forget_cluster(&spec.name).await?;
        output.cluster.map(Cluster::read).ok_or_else(|| Error::new(Kind::Other))
    }

    /// Starts one change; [`Client::cluster_update`] returns its status. `None`: EKS sees nothing to change.
    ///
    /// # Errors
    /// Those of the call; [`Kind::InUse`] while another change is in progress.
    pub async fn change_cluster(&self, name: &str, change: &ClusterChange) -> Result<Option<Update>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let answer = if let ClusterChange::Version(version) = change {
            let request = regional.eks().update_cluster_version().name(name).version(version);
            let run = |probe| request.customize().interceptor(probe).send();
            self.clients.run(UPDATE_VERSION, Effect::Change, &regional.region, run).await.map(|output| output.update)
        } else {
            let request = regional.eks().update_cluster_config().name(name);
            let request = match change {
                ClusterChange::LogTypes(on) => request.logging(logging(on)),
                ClusterChange::EndpointPublicAccess(public) => {
                    request.resources_vpc_config(VpcConfigRequest::builder().endpoint_public_access(*public).build())
                }
                ClusterChange::AuthenticationMode(mode) => request.access_config(
                    UpdateAccessConfigRequest::builder()
                        .authentication_mode(AuthenticationMode::from(mode.as_str()))
                        .build(),
                ),
                ClusterChange::RemoteNetworks(nodes, pods) => {
                    request.remote_network_config(remote_networks(nodes, pods))
                }
                ClusterChange::DeletionProtection(on) => request.deletion_protection(*on),
                ClusterChange::Version(_) => request,
            };
            let run = |probe| request.customize().interceptor(probe).send();
            self.clients.run(UPDATE_CONFIG, Effect::Change, &regional.region, run).await.map(|output| output.update)
        };
        self.forget_cluster(name).await?;
        match answer {
            Ok(update) => update.map(Update::read).map(Some).ok_or_else(|| Error::new(Kind::Other)),
            // Source: EKS's answer to an update that changes nothing, status 400.
            Err(error) if error.message().is_some_and(|text| text.contains("No changes")) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The status of a change.
    ///
    /// # Errors
    /// Those of the call; [`Kind::NotFound`] if the update or the cluster does not exist.
    pub async fn cluster_update(&self, name: &str, id: &str) -> Result<Update> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.eks().describe_update().name(name).update_id(id);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(DESCRIBE_UPDATE, Effect::Read, &regional.region, run).await?;
        output.update.map(Update::read).ok_or_else(|| Error::new(Kind::NotFound))
    }

    /// Starts the deletion of a cluster. One that does not exist is no error.
    ///
    /// # Errors
    /// Those of the call; [`Kind::InUse`] while EKS creates, changes or deletes it.
    pub async fn delete_cluster(&self, name: &str) -> Result<()> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.eks().delete_cluster().name(name);
        let run = |probe| request.customize().interceptor(probe).send();
        let answer = self.clients.run(DELETE, Effect::Change, &regional.region, run).await;
        self.forget_cluster(name).await?;
        match answer {
            Err(error) if !error.is_not_found() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "control_tests.rs"]
mod tests;
