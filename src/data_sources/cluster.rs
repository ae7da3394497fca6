//! `ekshybrid_cluster`: what nodes outside the VPC need to know about an EKS cluster.

use std::collections::{BTreeMap, BTreeSet};

use framework::data_source::DataSource;
use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Model, Timestamp};
use framework::path::Path;
use framework::permission::Permissions;

use crate::attributes::permissions::{ANY, CLUSTER, aws};
use crate::attributes::{ClusterName, Region};
use crate::aws;
use crate::session::place::DEFERRED;
use crate::session::{Clients, Context, aws_region, explain};

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// Name of the cluster. Default: the provider's `cluster_name`.
    pub cluster_name: Option<ClusterName>,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Name of the cluster.
    pub cluster_name: ClusterName,
    /// Region of the cluster.
    pub region: Region,
    /// ARN of the cluster.
    pub arn: String,
    /// UUID of a local cluster on an Outpost; null for other clusters.
    pub cluster_id: Option<String>,
    /// Status: `CREATING`, `ACTIVE`, `UPDATING`, `DELETING`, `FAILED` or `PENDING`.
    pub status: String,
    /// Kubernetes version, such as `1.34`.
    pub version: String,
    /// EKS platform version, such as `eks.12`.
    pub platform_version: Option<String>,
    /// Creation time of the cluster, in RFC 3339 format.
    pub created_at: Option<Timestamp>,
    /// URL of the API server. Null while the cluster is being created.
    pub endpoint: Option<String>,
    /// Certificate authority of the API server, as base64-encoded PEM. Null while the cluster is being created.
    pub certificate_authority: Option<String>,
    /// Whether the API server is reachable within the VPC.
    pub endpoint_private_access: bool,
    /// Whether the API server is reachable from the internet.
    pub endpoint_public_access: bool,
    /// IP ranges that may reach the API server from the internet.
    pub public_access_cidrs: BTreeSet<String>,
    /// ARN of the cluster's role.
    pub role_arn: Option<String>,
    /// URL of the OpenID Connect issuer.
    pub oidc_issuer: Option<String>,
    /// IP family: `ipv4` or `ipv6`.
    pub ip_family: Option<String>,
    /// CIDR range of Kubernetes services: IPv4, or IPv6 for clusters of that family.
    pub service_cidr: Option<String>,
    /// IP address of the cluster's DNS service: the tenth address of `service_cidr`.
    pub dns_address: Option<String>,
    /// CIDR ranges of hybrid nodes.
    pub remote_node_networks: BTreeSet<String>,
    /// CIDR ranges of pods on hybrid nodes.
    pub remote_pod_networks: BTreeSet<String>,
    /// VPC of the cluster.
    pub vpc_id: Option<String>,
    /// IPv4 CIDR blocks of the VPC. Null, with a warning, if the caller lacks the permission to describe it.
    pub vpc_cidr_blocks: Option<BTreeSet<String>>,
    /// Subnets of the control plane's network interfaces.
    pub subnet_ids: BTreeSet<String>,
    /// Security group that EKS created for the cluster.
    pub cluster_security_group_id: Option<String>,
    /// Additional security groups of the control plane's network interfaces.
    pub security_group_ids: BTreeSet<String>,
    /// Authentication mode: `API`, `API_AND_CONFIG_MAP` or `CONFIG_MAP`. Hybrid nodes require `API` or
    /// `API_AND_CONFIG_MAP`.
    pub authentication_mode: Option<String>,
    /// Outpost configuration of a local cluster; null for other clusters.
    pub outpost: Option<Outpost>,
    /// Tags of the cluster.
    pub tags: BTreeMap<String, String>,
}

/// Where the control plane of a local cluster runs, and on which instances.
#[derive(Clone, Debug, Model)]
pub struct Outpost {
    /// ARNs of the Outposts.
    pub arns: Vec<String>,
    /// Instance type of the control plane.
    pub control_plane_instance_type: String,
    /// Placement group of the control plane.
    pub control_plane_placement_group: Option<String>,
    /// How the control plane is spread in the instance-store architecture: `host` or `rack`.
    pub control_plane_spread_level: Option<String>,
    /// Instance type of etcd, in the instance-store architecture.
    pub etcd_instance_type: Option<String>,
    /// How etcd is spread: `host` or `rack`.
    pub etcd_spread_level: Option<String>,
}

/// The data source.
#[derive(Debug)]
pub enum ClusterData {}

impl DataSource for ClusterData {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;

    const NAME: &'static str = "ekshybrid_cluster";
    const DESCRIPTION: &'static str = "\
An EKS cluster as nodes outside the VPC have to know it: endpoint and certificate authority, range of the services and \
address of DNS, remote networks, VPC, and how access is granted. However many types of this provider ask for the same \
cluster, AWS is asked once a minute at most.";
    const PERMISSIONS: Permissions =
        &[CLUSTER, &[aws(&["ec2:DescribeVpcs"], ANY).when("`vpc_cidr_blocks` is to be known; optional")]];

    async fn read(args: &Args, cx: &Context) -> Result<Outputs> {
        let clients = cx.clients()?;
        let name = clients.cluster_name(args.cluster_name.as_ref())?;
        let region = aws_region(args.region.as_ref(), cx).await?;
        let aws = clients.aws()?;
        let cluster = aws.eks(Some(region.as_str())).cluster(name.as_str()).await.map_err(|error| {
            if error.is_not_found() {
                return Diagnostic::error(
                    "Cluster not found",
                    format!("{error}.\n\nCheck the name `{name}` and the region `{region}`. {DEFERRED}"),
                )
                .at(Path::attribute(Args::NAMES.cluster_name))
                .into();
            }
            explain("Could not read the cluster", &error, None)
        })?;
        let vpc_cidr_blocks = match &cluster.vpc_id {
            Some(vpc_id) => vpc_cidr_blocks(aws, &region, vpc_id, cx).await?,
            None => None,
        };
        Ok(outputs(&cluster, name, region, vpc_cidr_blocks))
    }
}

/// The VPC's CIDR blocks; without the permission to describe it, the rest of the cluster is still useful.
async fn vpc_cidr_blocks(
    aws: &aws::Clients,
    region: &Region,
    vpc_id: &str,
    cx: &Context,
) -> Result<Option<BTreeSet<String>>> {
    match aws.ec2(Some(region.as_str())).vpc(vpc_id).await {
        Ok(vpc) => Ok(vpc.map(|vpc| vpc.cidr_blocks.into_iter().collect())),
        Err(error) if error.missing_permission().is_some() => {
            cx.report(Diagnostic::warning(
                "Ranges of the cluster's VPC are not known",
                format!("{error}.\n\n`vpc_cidr_blocks` is null. {}", aws::permission("ec2:DescribeVpcs")),
            ));
            Ok(None)
        }
        Err(error) => Err(explain("Could not read the cluster's VPC", &error, None)),
    }
}

fn outputs(
    cluster: &aws::eks::Cluster,
    name: ClusterName,
    region: Region,
    vpc_cidr_blocks: Option<BTreeSet<String>>,
) -> Outputs {
    let set = |list: &[String]| list.iter().cloned().collect::<BTreeSet<String>>();
    let v6 = cluster.ip_family.as_deref() == Some("ipv6");
    Outputs {
        cluster_name: name,
        region,
        arn: cluster.arn.clone(),
        cluster_id: cluster.id.clone(),
        status: cluster.status.clone(),
        version: cluster.version.clone(),
        platform_version: cluster.platform_version.clone(),
        created_at: cluster.created_at.map(Timestamp::from),
        endpoint: cluster.endpoint.clone(),
        certificate_authority: cluster.certificate_authority.clone(),
        endpoint_private_access: cluster.endpoint_private_access,
        endpoint_public_access: cluster.endpoint_public_access,
        public_access_cidrs: set(&cluster.public_access_cidrs),
        role_arn: cluster.role_arn.clone(),
        oidc_issuer: cluster.oidc_issuer.clone(),
        ip_family: cluster.ip_family.clone(),
        service_cidr: if v6 { cluster.service_ipv6_cidr.clone() } else { cluster.service_ipv4_cidr.clone() },
        dns_address: cluster.dns_address(),
        remote_node_networks: set(&cluster.remote_node_networks),
        remote_pod_networks: set(&cluster.remote_pod_networks),
        vpc_id: cluster.vpc_id.clone(),
        vpc_cidr_blocks,
        subnet_ids: set(&cluster.subnet_ids),
        cluster_security_group_id: cluster.cluster_security_group_id.clone(),
        security_group_ids: set(&cluster.security_group_ids),
        authentication_mode: cluster.authentication_mode.clone(),
        outpost: cluster.outpost.as_ref().map(|outpost| Outpost {
            arns: outpost.arns.clone(),
            control_plane_instance_type: outpost.control_plane_instance_type.clone(),
            control_plane_placement_group: outpost.control_plane_placement_group.clone(),
            control_plane_spread_level: outpost.control_plane_spread_level.clone(),
            etcd_instance_type: outpost.etcd_instance_type.clone(),
            etcd_spread_level: outpost.etcd_spread_level.clone(),
        }),
        tags: cluster.tags.clone(),
    }
}
