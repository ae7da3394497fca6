//! `ekshybrid_vpc_cni`: settings of the VPC CNI (aws-node), through the add-on or the DaemonSet, whichever owns it.
//!
//! `settings` turns arguments into variables and back, and `notes` keeps the previous values. `daemon_set` and `addon`
//! read the two places where variables are set, `through_daemon_set` and `through_addon` write them. `plan`, `apply`,
//! `restore` and `read` plan, write, undo and refresh the settings in the cluster that `site` has found; `checks`
//! refuses what aws-node does not support.

mod addon;
mod apply;
mod checks;
mod daemon_set;
mod notes;
mod plan;
mod read;
mod restore;
mod settings;
mod site;
mod through_addon;
mod through_daemon_set;
mod version;

use std::collections::BTreeMap;

use framework::diagnostic::{Diagnostics, Result};
use framework::model::{Bounded, Model, Text};
use framework::permission::Permissions;
use framework::resource::{Plan, Resource, State};
use serde::{Deserialize, Serialize};

use crate::attributes::permissions::{ADDONS, ANY, CLUSTER, CLUSTERS, ROLES, aws, kube};
use crate::attributes::{ChangeTimeouts, ClusterName, LabelKey, Region};
use crate::session::place::placed;
use crate::session::{Clients, Context};

pub use version::Version;

/// Number of addresses, prefixes or interfaces kept ready. The bound exceeds what any node has.
pub type Target = Bounded<0, 10_000>;

/// Arguments.
#[derive(Clone, Debug, Model)]
#[model(at_most_one_of(eni_config_label, eni_config_annotation))]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    #[attr(replace)]
    pub cluster_name: Option<ClusterName>,
    /// Custom networking: give pods addresses from the subnets of ENIConfigs (`ekshybrid_eniconfig`) instead of their
    /// node's subnet (`AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG`). IPv4 clusters only. Applies only to nodes that start
    /// afterwards; replace running nodes.
    pub custom_networking: Option<bool>,
    /// Node label whose value is the name of the node's ENIConfig (`ENI_CONFIG_LABEL_DEF`), such as
    /// `topology.kubernetes.io/zone` for one ENIConfig per zone. An existing `ENI_CONFIG_ANNOTATION_DEF` is removed,
    /// because the annotation takes precedence over the label.
    pub eni_config_label: Option<LabelKey>,
    /// Node annotation whose value is the name of the node's ENIConfig (`ENI_CONFIG_ANNOTATION_DEF`). If neither the
    /// label nor the annotation is set, aws-node uses the annotation `k8s.amazonaws.com/eniConfig`. An existing
    /// `ENI_CONFIG_LABEL_DEF` is removed.
    pub eni_config_annotation: Option<LabelKey>,
    /// Assign /28 prefixes to network interfaces instead of single addresses (`ENABLE_PREFIX_DELEGATION`), so that a
    /// node can run more pods. Nitro instances only.
    pub prefix_delegation: Option<bool>,
    /// Disable SNAT on nodes (`AWS_VPC_K8S_CNI_EXTERNALSNAT`); use it when a NAT gateway or an on-premises router
    /// translates addresses. By default, traffic that leaves the VPC uses the node's primary interface, subnet and
    /// security groups.
    pub external_snat: Option<bool>,
    /// Number of free addresses each node keeps ready (`WARM_IP_TARGET`). Takes precedence over `warm_eni_target` and
    /// `warm_prefix_target`.
    pub warm_ip_target: Option<Target>,
    /// Minimum number of addresses allocated to each node (`MINIMUM_IP_TARGET`).
    pub minimum_ip_target: Option<Target>,
    /// Number of free network interfaces each node keeps ready (`WARM_ENI_TARGET`).
    pub warm_eni_target: Option<Target>,
    /// Number of free prefixes each node keeps ready with prefix delegation (`WARM_PREFIX_TARGET`). `0` requires
    /// `warm_ip_target` or `minimum_ip_target`; without either, aws-node does not start.
    pub warm_prefix_target: Option<Target>,
    /// Additional environment variables of aws-node, by name. Variables that have their own argument are refused here.
    pub environment: Option<BTreeMap<String, String>>,
    /// Minimum version of the VPC CNI for these settings; older versions are refused, at plan time if the cluster
    /// exists. Default: `1.6.3-eksbuild.2` with custom networking, `1.9.0` with prefix delegation.
    pub minimum_version: Option<Version>,
    /// Where to apply the settings: `addon` (configuration values of the EKS add-on vpc-cni), `daemonset` (the
    /// DaemonSet `kube-system/aws-node` itself), or `auto`, which uses the add-on if the cluster has it. With `addon`,
    /// the resource waits for an add-on that does not exist yet. Default: `auto`; the attribute then shows what was
    /// found.
    pub managed_by: Option<ManagedBy>,
    /// Wait until aws-node runs with the settings on every node. Default: true.
    #[attr(default = true)]
    pub wait_for_rollout: bool,
    /// Region of the cluster. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
    /// How long operations may take, including the wait for the cluster, aws-node, the add-on and the nodes. Defaults:
    /// `create` and `update` `20m`, up to `30m` more if the cluster is still being created; `delete` `10m`.
    pub timeouts: Option<ChangeTimeouts>,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// EKS cluster.
    #[attr(keep)]
    pub cluster_name: ClusterName,
    /// Version of the VPC CNI, such as `1.20.4-eksbuild.1`; null if its image does not state it.
    pub version: Option<String>,
    /// All environment variables of aws-node, including those set by others.
    pub effective_environment: BTreeMap<String, String>,
    /// Where the settings are applied: `addon` or `daemonset`.
    pub managed_by: ManagedBy,
    /// Region of the cluster.
    #[attr(keep)]
    pub region: Region,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// EKS cluster.
    pub cluster_name: ClusterName,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

/// Where the settings are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ManagedBy {
    /// Whatever owns aws-node.
    #[serde(rename = "auto")]
    Auto,
    /// The EKS add-on vpc-cni.
    #[serde(rename = "addon")]
    Addon,
    /// The DaemonSet itself.
    #[serde(rename = "daemonset")]
    DaemonSet,
}

/// What owns aws-node in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Owner {
    /// The EKS add-on vpc-cni.
    #[serde(rename = "addon")]
    Addon,
    /// Nothing: the DaemonSet is self-managed.
    #[serde(rename = "daemonset")]
    DaemonSet,
}

impl From<Owner> for ManagedBy {
    fn from(owner: Owner) -> Self {
        match owner {
            Owner::Addon => Self::Addon,
            Owner::DaemonSet => Self::DaemonSet,
        }
    }
}

impl Text for ManagedBy {
    const NOUN: &'static str = "owner of the settings";

    fn parse(text: &str) -> std::result::Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "addon" => Ok(Self::Addon),
            "daemonset" => Ok(Self::DaemonSet),
            _ => Err(format!("`{text}` is none of `auto`, `addon` and `daemonset`.")),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Auto => "auto",
            Self::Addon => "addon",
            Self::DaemonSet => "daemonset",
        }
    }
}

framework::text_field!(ManagedBy);

/// The resource.
#[derive(Debug)]
pub enum VpcCni {}

placed!(VpcCni);

impl Resource for VpcCni {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_vpc_cni";
    const DESCRIPTION: &'static str = "\
Settings of the Amazon VPC CNI (aws-node) of a cluster: custom networking and everything else that is a variable of \
the DaemonSet.

The settings are made where they last. Where the EKS add-on vpc-cni owns aws-node they are merged into its \
configuration values, checked against the add-on's schema at plan; otherwise they are applied to the DaemonSet by \
server-side apply. Only the variables that are named here are touched. A destroy puts each of them back as it was \
before, its owner included, and leaves alone what somebody else has changed since.

There is one for a cluster, and a second one is refused. Beside an `aws_eks_addon` for vpc-cni, let that ignore \
changes of `configuration_values`, and refer to it (`depends_on`) so that the add-on is there first. A value that a \
person has set with kubectl is overwritten with a warning; one that another program manages is refused.

Nodes of EKS Auto Mode never run aws-node, and these settings do not concern them.";
    const IMPORT_ID: &'static str = "the cluster's name, or `CLUSTER@REGION` for another region than the provider's";
    const PERMISSIONS: Permissions = &[
        CLUSTER,
        &[
            aws(&["eks:DescribeAddonConfiguration", "eks:DescribeAddonVersions"], ANY),
            aws(&["eks:DescribeAddon", "eks:UpdateAddon"], ADDONS).when("EKS manages the VPC CNI as an add-on"),
            aws(&["eks:DescribeUpdate"], CLUSTERS).when("EKS manages the VPC CNI as an add-on"),
            aws(&["eks:DescribeUpdate"], ADDONS).when("EKS manages the VPC CNI as an add-on"),
            aws(&["iam:PassRole"], ROLES).when("the add-on has a role, which its update passes"),
            kube(&["get", "patch", "update"], "kube-system:daemonsets.apps"),
            kube(&["list"], "eniconfigs.crd.k8s.amazonaws.com").when("custom networking is switched; optional"),
            kube(&["list"], "nodes").when("a rollout takes long; optional"),
            kube(&["list"], "kube-system:controllerrevisions.apps").when("a rollout takes long; optional"),
            kube(&["list"], "kube-system:pods").when("a rollout takes long; optional"),
        ],
    ];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        settings::check_environment(&args.environment, faults);
    }

    async fn plan(plan: &mut Plan<Self>, cx: &Context) -> Result<()> {
        plan::plan(plan, cx).await
    }

    async fn plan_delete(state: &State<Self>, cx: &Context) -> Result<()> {
        restore::plan_delete(state, cx);
        Ok(())
    }

    async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
        apply::create(args, cx).await
    }

    async fn read(identity: &Identity, prior: Option<&State<Self>>, cx: &Context) -> Result<Option<State<Self>>> {
        read::read(identity, prior, cx).await
    }

    async fn update(prior: &State<Self>, args: &Args, cx: &Context) -> Result<Outputs> {
        apply::update(prior, args, cx).await
    }

    async fn delete(state: &State<Self>, cx: &Context) -> Result<()> {
        restore::delete(state, cx).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_ids() {
        let parts = |id: &str| {
            VpcCni::import_id(id).map(|it| (it.cluster_name.to_string(), it.region.map(|region| region.to_string())))
        };
        assert_eq!(parts("workshop@us-west-2"), Ok(("workshop".to_owned(), Some("us-west-2".to_owned()))));
        assert_eq!(parts("workshop"), Ok(("workshop".to_owned(), None)));
        for id in ["", "workshop@", "@us-west-2", "work shop", "workshop@us-west"] {
            assert!(parts(id).is_err(), "{id}");
        }
    }
}
