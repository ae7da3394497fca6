//! `ekshybrid_outpost_cluster`: an EKS local cluster on an Outpost, whose control plane runs next to its nodes.
//!
//! EKS has two architectures with opposite rules: the control plane on EBS volumes in the user's account, and, with
//! `etcd_instance_type`, on instance stores in AWS's account. Most arguments count at creation only: a change of them is
//! refused, because a replacement would end everything that runs in the cluster.

mod apply;
mod arguments;
mod plan;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostics, Result};
use framework::model::{Model, Timestamp};
use framework::permission::Permissions;
use framework::resource::{Plan, Resource, State};

pub use arguments::{Administrator, InstanceType, LogType, Mode, RemoteRange, ServiceRange, SpreadLevel, Version};

use crate::attributes::permissions::{ACCESS_ENTRIES, ANY, CLUSTER, CLUSTERS, ROLES, aws, kube};
use crate::attributes::{ChangeTimeouts, ClusterName, OutpostArn, Region, RoleArn, SecurityGroupId, SubnetId};
use crate::session::place::Place;
use crate::session::{Clients, Context, tags};

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// Name of the cluster: 1 to 100 letters, digits, `-` and `_`, beginning with a letter or digit. Cannot change.
    pub name: ClusterName,
    /// ARN of the cluster role. For a control plane on EBS volumes it trusts `ec2.amazonaws.com` and has the policy
    /// `AmazonEKSLocalOutpostClusterPolicy`; with `etcd_instance_type` it trusts `eks.amazonaws.com` and has
    /// `AmazonEKSClusterPolicy` and `AmazonEKSServicePolicy`. Cannot change.
    pub role_arn: RoleArn,
    /// ARN of the Outpost, such as `arn:aws:outposts:us-west-2:111122223333:outpost/op-0123456789abcdef0`. Cannot
    /// change.
    pub outpost_arn: OutpostArn,
    /// Subnets of the control plane, all in one VPC: on the Outpost for a control plane on EBS volumes, in the Outpost's
    /// availability zone with at least 3 free addresses each with `etcd_instance_type`. Cannot change.
    pub subnet_ids: BTreeSet<SubnetId>,
    /// Instance type of the control plane, such as `m5.large`. The Outpost must have capacity for it. Cannot change.
    pub control_plane_instance_type: InstanceType,
    /// Placement group of the control plane; not with `etcd_instance_type`. Cannot change.
    pub control_plane_placement_group: Option<String>,
    /// How the control plane is spread: `host` (over at least 3 hosts) or `rack` (over at least 3 racks). Requires
    /// `etcd_instance_type`. Cannot change.
    pub control_plane_spread_level: Option<SpreadLevel>,
    /// Instance type of etcd, with instance stores. It selects the architecture in which the whole control plane runs in
    /// AWS's account. Cannot change.
    pub etcd_instance_type: Option<InstanceType>,
    /// How etcd is spread: `host` or `rack`. Requires `etcd_instance_type`. Cannot change.
    pub etcd_spread_level: Option<SpreadLevel>,
    /// Kubernetes version, such as `1.34`. It changes in place, one minor version at a time. Default: the default of EKS
    /// at creation.
    pub version: Option<Version>,
    /// Security groups of the control plane in addition to those that EKS creates. Include those of the VPC endpoints.
    /// Cannot change.
    pub security_group_ids: Option<BTreeSet<SecurityGroupId>>,
    /// Whether the API server is reachable from the internet too; only with `etcd_instance_type`. Default: false. It is
    /// always reachable from the VPC.
    #[attr(default = false)]
    pub endpoint_public_access: bool,
    /// CIDR range of Kubernetes services, from /24 to /12 within `10.0.0.0/8`, `172.16.0.0/12` or `192.168.0.0/16`.
    /// Default: chosen by EKS. Cannot change.
    pub service_ipv4_cidr: Option<ServiceRange>,
    /// CIDR ranges of hybrid nodes; only with `etcd_instance_type` and `remote_pod_networks`.
    pub remote_node_networks: Option<BTreeSet<RemoteRange>>,
    /// CIDR ranges of pods outside the VPC; only with `etcd_instance_type`.
    pub remote_pod_networks: Option<BTreeSet<RemoteRange>>,
    /// Authentication mode. A control plane on EBS volumes has `CONFIG_MAP` only; with `etcd_instance_type` it is
    /// `API_AND_CONFIG_MAP` (default) or `API`, to which it can change.
    pub authentication_mode: Option<Mode>,
    /// Whether whoever creates the cluster becomes an administrator. Must be true for a control plane on EBS volumes,
    /// where this permission can be neither seen nor removed. Default: true. Cannot change.
    #[attr(default = true)]
    pub bootstrap_cluster_creator_admin_permissions: bool,
    /// ARNs of IAM roles and users that administer the cluster. With access entries each gets one with the policy
    /// `AmazonEKSClusterAdminPolicy`; with `CONFIG_MAP` an entry in the ConfigMap aws-auth with the group
    /// `system:masters`, for which Terraform must reach the cluster's private endpoint. Access that a principal already
    /// has is kept as it is.
    pub admins: Option<BTreeSet<Administrator>>,
    /// Log types that the control plane sends to CloudWatch Logs: `api`, `audit`, `authenticator`, `controllerManager`,
    /// `scheduler`. Default: none.
    pub enabled_log_types: Option<BTreeSet<LogType>>,
    /// Whether EKS refuses to delete the cluster. While it is true, a destroy is refused at plan. Default: false.
    #[attr(default = false)]
    pub deletion_protection: bool,
    /// Region of the cluster, which is the Outpost's. Default: the provider's. Cannot change.
    pub region: Option<Region>,
    /// Tags of the cluster. The provider's `default_tags` are added.
    pub tags: Option<BTreeMap<String, String>>,
    /// How long to wait. Defaults: `create` and `update` `60m`, `delete` `30m`.
    pub timeouts: Option<ChangeTimeouts>,
}

/// Outputs.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// `NAME@REGION`, by which the cluster can be imported. The cluster's UUID is `cluster_id`.
    #[attr(keep)]
    pub id: String,
    /// ID of the cluster, a UUID. Nodes of a control plane on EBS volumes, and tokens for it, name the cluster by this.
    #[attr(keep)]
    pub cluster_id: Option<String>,
    /// ARN of the cluster.
    #[attr(keep)]
    pub arn: String,
    /// Status: `ACTIVE` after an apply.
    pub status: String,
    /// Kubernetes version.
    #[attr(keep)]
    pub version: Version,
    /// EKS platform version.
    pub platform_version: Option<String>,
    /// Creation time, in RFC 3339 format.
    #[attr(keep)]
    pub created_at: Option<Timestamp>,
    /// URL of the API server.
    #[attr(keep)]
    pub endpoint: Option<String>,
    /// Certificate authority of the API server, as base64-encoded PEM.
    #[attr(keep)]
    pub certificate_authority: Option<String>,
    /// VPC of the cluster.
    #[attr(keep)]
    pub vpc_id: Option<String>,
    /// Security group that EKS created for the cluster.
    #[attr(keep)]
    pub cluster_security_group_id: Option<String>,
    /// CIDR range of Kubernetes services.
    #[attr(keep)]
    pub service_ipv4_cidr: Option<ServiceRange>,
    /// Authentication mode.
    #[attr(keep)]
    pub authentication_mode: Mode,
    /// Instances of a control plane on EBS volumes, or network interfaces of one with `etcd_instance_type`, whose
    /// instances are in AWS's account. Empty, with a warning, if the caller may not list them.
    #[attr(keep)]
    pub control_plane_instances: Vec<Member>,
    /// Lines for `/etc/hosts`: the address of each control-plane instance and the endpoint's host name. With them the
    /// API server is found while Route 53 cannot be reached. The addresses do not change.
    #[attr(keep)]
    pub hosts_entries: Vec<String>,
    /// How self-managed nodes join the cluster. Null until the cluster has an endpoint.
    #[attr(keep)]
    pub node_bootstrap: Option<NodeBootstrap>,
    /// Region of the cluster.
    #[attr(keep)]
    pub region: Region,
    /// All tags, including the provider's `default_tags`.
    #[attr(keep)]
    pub tags_all: BTreeMap<String, String>,
}

/// One address of the control plane.
#[derive(Clone, Debug, Model)]
pub struct Member {
    /// Id of the instance (`i-…`) or the network interface (`eni-…`).
    pub id: String,
    /// Name of the instance, or description of the interface.
    pub name: String,
    /// Private IPv4 address.
    pub private_ip: String,
    /// Subnet.
    pub subnet_id: String,
}

/// What a node's user data needs, by operating system.
#[derive(Clone, Debug, Model)]
pub struct NodeBootstrap {
    /// Arguments of `/etc/eks/bootstrap.sh` on Amazon Linux 2.
    pub al2: String,
    /// `NodeConfig` for nodeadm on Amazon Linux 2023, as YAML.
    pub al2023: String,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// Name of the cluster.
    pub name: ClusterName,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

/// The resource.
#[derive(Debug)]
pub enum OutpostCluster {}

impl Resource for OutpostCluster {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_outpost_cluster";
    const DESCRIPTION: &'static str = "\
An EKS local cluster on an Outpost. Its control plane runs on the Outpost, so the cluster keeps working while the Outpost \
is disconnected from the Region.

There are two architectures, whose rules are checked at plan time:

| | EBS volumes (without `etcd_instance_type`) | instance stores (with `etcd_instance_type`) |
|---|---|---|
| control plane | 3 instances in your account | 6 instances in AWS's account |
| cluster role | trusts `ec2.amazonaws.com`; `AmazonEKSLocalOutpostClusterPolicy` | trusts `eks.amazonaws.com`; `AmazonEKSClusterPolicy`, `AmazonEKSServicePolicy` |
| access | `CONFIG_MAP`; the creator is always administrator | `API_AND_CONFIG_MAP` or `API` |
| placement | placement group | spread over hosts or racks |
| endpoint | private only | private, and public if you wish |
| remote networks | none | pods, or nodes and pods |
| tokens and nodes name it by | `cluster_id` | name |

## What cannot change

Most arguments count only when EKS creates the cluster. A plan that changes one is refused with the reason; the cluster \
is never replaced because of it. If you do want another cluster in its place, add one with another name and move the \
workloads, or mark this one with `terraform taint ekshybrid_outpost_cluster.NAME`: the next plan then deletes it, with \
everything in it, and creates it anew.

If an apply that creates the cluster fails after EKS has accepted it, Terraform marks the cluster as tainted. If it \
became `ACTIVE` after all, keep it with `terraform untaint ekshybrid_outpost_cluster.NAME`.

## Administrators

Whoever creates the cluster is an administrator, and for a control plane on EBS volumes nothing shows who that was. Name \
further ones in `admins`: a plan that would create a cluster without any warns. If one of them cannot be granted access \
once the cluster is active, the apply warns and keeps the cluster; the next plan shows what is missing.";
    const IMPORT_ID: &'static str = "the cluster's name, or `NAME@REGION` for another region than the provider's";
    const PERMISSIONS: Permissions = &[
        CLUSTER,
        &[
            aws(
                &[
                    "eks:CreateCluster",
                    "eks:DeleteCluster",
                    "eks:UpdateClusterConfig",
                    "eks:UpdateClusterVersion",
                    "eks:DescribeUpdate",
                    "eks:TagResource",
                    "eks:UntagResource",
                ],
                CLUSTERS,
            ),
            aws(&["iam:PassRole"], ROLES),
            aws(&["iam:CreateServiceLinkedRole"], ROLES)
                .only_if("iam:AWSServiceName", "outposts.eks-local.amazonaws.com")
                .when("it is the account's first local cluster"),
            aws(&["ec2:DescribeSubnets"], ANY).when("a plan checks the arguments"),
            aws(&["ec2:DescribeInstances"], ANY).when("`etcd_instance_type` is not set"),
            aws(&["ec2:DescribeNetworkInterfaces"], ANY).when("`etcd_instance_type` is set"),
            aws(&["eks:CreateAccessEntry", "eks:ListAccessEntries"], CLUSTERS)
                .when("`admins` are granted access by access entries"),
            aws(
                &[
                    "eks:DescribeAccessEntry",
                    "eks:DeleteAccessEntry",
                    "eks:AssociateAccessPolicy",
                    "eks:ListAssociatedAccessPolicies",
                ],
                ACCESS_ENTRIES,
            )
            .when("`admins` are granted access by access entries"),
            kube(&["get", "create", "patch", "update", "delete"], "kube-system:configmaps")
                .when("`admins` are granted access by aws-auth"),
        ],
    ];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        tags::check(&args.tags, Args::NAMES.tags, faults);
        plan::rules::check(args, faults);
    }

    async fn plan(plan: &mut Plan<Self>, cx: &Context) -> Result<()> {
        plan::plan(plan, cx).await
    }

    async fn plan_delete(state: &State<Self>, _: &Context) -> Result<()> {
        plan::plan_delete(state)
    }

    async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
        apply::create(args, cx).await
    }

    async fn read(identity: &Identity, prior: Option<&State<Self>>, cx: &Context) -> Result<Option<State<Self>>> {
        read::read(identity, prior, cx).await
    }

    async fn update(prior: &State<Self>, args: &Args, cx: &Context) -> Result<Outputs> {
        apply::change::update(prior, args, cx).await
    }

    async fn delete(state: &State<Self>, cx: &Context) -> Result<()> {
        apply::delete(state, cx).await
    }
}

fn place_of(state: &State<OutpostCluster>) -> Place {
    Place { cluster: state.args.name.clone(), region: state.outputs.region.clone() }
}
