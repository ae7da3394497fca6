//! `ekshybrid_eniconfig`: the subnet and security groups of the pods' network interfaces in one zone.
//!
//! A plan queries only AWS, never the cluster: neither the cluster nor the VPC CNI need exist yet.

mod apply;
mod notes;
mod plan;
mod read;

pub use read::state;

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostics, Result};
use framework::model::Model;
use framework::permission::Permissions;
use framework::resource::{MoveSource, Plan, Resource, State};
use framework::value::Value;

use crate::attributes::permissions::{ANY, CLUSTER, aws, kube};
use crate::attributes::{ChangeTimeouts, ClusterName, ObjectName, Region, SecurityGroupId, SubnetId, labels};
use crate::session::place::{self, placed};
use crate::session::{Clients, Context};

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    #[attr(replace)]
    pub cluster_name: Option<ClusterName>,
    /// Subnet of the pods' network interfaces, in the cluster's VPC. It may belong to a secondary CIDR block.
    pub subnet_id: SubnetId,
    /// Name of the ENIConfig. Nodes select their ENIConfig by this name, usually through the label
    /// `topology.kubernetes.io/zone`. Default: the subnet's zone, such as `us-west-2a`.
    #[attr(replace)]
    pub name: Option<ObjectName>,
    /// Security groups of the interfaces, in the cluster's VPC. Default: the cluster security group, which EKS
    /// attaches to the nodes of managed node groups without a launch template. `[]` means the node's own groups (VPC
    /// CNI 1.8 or later). If nodes have a security group of their own, as with the module terraform-aws-modules/eks,
    /// set `[]` or that group (`module.NAME.node_security_group_id`): traffic allowed by that module's rules does not
    /// reach pods in the cluster security group.
    pub security_group_ids: Option<BTreeSet<SecurityGroupId>>,
    /// Labels to set on the object. Labels set by others are kept.
    pub labels: Option<BTreeMap<String, String>>,
    /// Region of the cluster. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
    /// Operation timeouts. `create` covers the wait for the cluster (default: 30 minutes while EKS creates it, 5
    /// minutes if no cluster of this name exists) and for the VPC CNI to install the ENIConfig CRD (default: `10m`).
    /// `update` is the same for changes. `delete` covers finalizers added by others; default: `5m`.
    pub timeouts: Option<ChangeTimeouts>,
}

/// Outputs.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Name of the cluster.
    #[attr(keep)]
    pub cluster_name: ClusterName,
    /// Name of the ENIConfig.
    #[attr(keep)]
    pub name: ObjectName,
    /// Security groups of the interfaces.
    #[attr(keep)]
    pub security_group_ids: BTreeSet<SecurityGroupId>,
    /// Availability Zone of the subnet. Null if the caller may not describe the subnet.
    #[attr(keep)]
    pub availability_zone: Option<String>,
    /// VPC of the subnet. Null if the caller may not describe the subnet.
    #[attr(keep)]
    pub vpc_id: Option<String>,
    /// Region of the cluster.
    #[attr(keep)]
    pub region: Region,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// EKS cluster.
    pub cluster_name: ClusterName,
    /// Name of the ENIConfig.
    pub name: ObjectName,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

/// The resource.
#[derive(Debug)]
pub enum EniConfig {}

placed!(EniConfig);

impl Resource for EniConfig {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_eniconfig";
    const DESCRIPTION: &'static str = "\
An ENIConfig of the Amazon VPC CNI: the subnet and the security groups of the pods' network interfaces on the nodes \
that choose it, mostly one for each zone. For IPv4 clusters.

A plan needs neither the cluster nor its API: what is known is checked with AWS (the subnet's VPC and zone, the \
security groups). The apply waits until the cluster is active and the VPC CNI has brought the kind ENIConfig.

Nodes look for their ENIConfig when the VPC CNI starts on them, so make ENIConfigs before custom networking is switched \
on, and both before the nodes; `ekshybrid_vpc_cni` switches it on. A change of the subnet or the security groups counts \
for interfaces that are made after it.

An object of the same name that exists already is never taken over, but can be imported. A `moved` block adopts a \
`kubernetes_manifest` or `kubectl_manifest`; set the provider's `cluster_name` for it. A change that somebody made by \
hand (`kubectl edit`) is shown by the plan and taken back by the apply; a field that another declarative manager owns, \
such as the VPC CNI's add-on, is left to it, with an error that names the manager.

When the add-on vpc-cni is deleted, EKS deletes the kind ENIConfig, and every ENIConfig with it: update the add-on instead \
of replacing it.";
    const IMPORT_ID: &'static str = "`CLUSTER/NAME`, or `CLUSTER/NAME@REGION` for another region than the provider's";
    const PERMISSIONS: Permissions = &[
        CLUSTER,
        &[
            aws(&["ec2:DescribeSubnets", "ec2:DescribeSecurityGroups"], ANY)
                .when("a plan checks the arguments; optional"),
            kube(&["get", "list", "create", "patch", "delete"], "eniconfigs.crd.k8s.amazonaws.com"),
        ],
    ];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        labels::check(&args.labels, Args::NAMES.labels, faults);
    }

    async fn plan(plan: &mut Plan<Self>, cx: &Context) -> Result<()> {
        plan::plan(plan, cx).await
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
        apply::delete(state, cx).await
    }

    fn move_from(source: &MoveSource<'_>) -> Option<Result<serde_json::Value>> {
        read::moved::from_manifest(source)
    }

    fn complete(identity: Value, cx: &Context) -> Result<Value> {
        place::complete(identity, cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_ids_name_cluster_and_object() {
        let identity = EniConfig::import_id("workshop/us-west-2a@us-west-2").expect("an id");
        assert_eq!((identity.cluster_name.as_str(), identity.name.as_str()), ("workshop", "us-west-2a"));
        assert_eq!(identity.region.as_ref().map(Region::as_str), Some("us-west-2"));
        assert!(EniConfig::import_id("workshop/a").is_ok_and(|identity| identity.region.is_none()));
        for id in [
            "us-west-2a",
            "workshop/Upper",
            "workshop",
            "workshop/",
            "/a",
            "work shop/a",
            "workshop/a@nowhere",
            "workshop/a@",
        ] {
            assert!(EniConfig::import_id(id).is_err(), "{id}");
        }
    }
}
