//! `ekshybrid_node`: a host outside AWS that joins a cluster as a hybrid node, by nodeadm over SSH or Run Command.
//!
//! `apply` lists the steps of a join, a change and a removal, and what a failure of each leaves. `notes` is everything
//! remembered outside the state. What is on the host is read from the host: a file there marks an unfinished join.

mod apply;
mod arguments;
mod notes;
mod plan;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostics, Result};
use framework::model::{Model, Text};
use framework::permission::Permissions;
use framework::resource::{Plan, Resource, State};
use framework::value::Value;

use crate::attributes::connection::Connection;
use crate::attributes::permissions::{ANY, CLUSTER, CLUSTERS, DRAIN, MANAGED_INSTANCES, ROLES, RUN_COMMAND, aws, kube};
use crate::attributes::run_command::RunCommand;
use crate::attributes::{ClusterName, Region, labels};
use crate::session::place::placed;
use crate::session::{Clients, Context, HostAccess};
pub(crate) use apply::{repair, upgrade};
pub(crate) use arguments::stored::check_stored;
pub(crate) use arguments::{Drain, IamRolesAnywhere, Kubelet, Nodeadm, Proxy, Version};
use arguments::{Ssm, Taint};
pub use read::listed;

/// Arguments.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Clone, Debug, Model)]
#[model(exactly_one_of(ssm, iam_roles_anywhere))]
#[model(exactly_one_of(ssh, run_command))]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    #[attr(replace)]
    pub cluster_name: Option<ClusterName>,
    /// How to reach the host over SSH. The user must be root or allowed to run commands with `sudo` without a
    /// password. What is not set comes from the provider's `ssh`; Terraform has no other configuration on destroy, so
    /// set keys there. A changed address is accepted if the same host answers there. Conflicts with `run_command`.
    pub ssh: Option<Connection>,
    /// How to reach a host that is registered with Systems Manager already, for example by cloud-init: without a key
    /// and an open port. The host keeps its registration, so `ssm` names only the `iam_role` and no activation is
    /// used. Conflicts with `ssh`.
    pub run_command: Option<RunCommand>,
    /// Version of Kubernetes to run, `1.34` or `1.34.2`: at most the cluster's, and at most three minor versions older.
    /// A change drains the node, upgrades it and makes it schedulable again. A lower version is allowed one minor
    /// version at a time, for a cluster that is to be rolled back: EKS requires its nodes to go first.
    pub kubernetes_version: Version,
    /// AWS credentials of the host from Systems Manager. Conflicts with `iam_roles_anywhere`.
    pub ssm: Option<Ssm>,
    /// AWS credentials of the host from a certificate that is already on it. Conflicts with `ssm`.
    pub iam_roles_anywhere: Option<IamRolesAnywhere>,
    /// Labels of the Node. Labels set by others are ignored.
    pub labels: Option<BTreeMap<String, String>>,
    /// Taints of the Node; it registers with them. Taints set by others are ignored.
    pub taints: Option<BTreeSet<Taint>>,
    /// Kubelet settings. A change restarts the kubelet; pods keep running.
    pub kubelet: Option<Kubelet>,
    /// containerd configuration in TOML, imported by the one that nodeadm writes.
    pub containerd_config: Option<String>,
    /// Where containerd comes from: the system's packages (`distro`, the default; not on RHEL), Docker's packages
    /// (`docker`; not on Amazon Linux), or `none` if it is installed.
    pub containerd_source: Option<String>,
    /// The nodeadm program. Default: the latest release, from AWS.
    pub nodeadm: Option<Nodeadm>,
    /// URL of a manifest that lists where to download the components from.
    pub manifest_override: Option<String>,
    /// Install only from the manifest, without the system's packages; requires `manifest_override`.
    pub private_mode: Option<bool>,
    /// Proxy of the host for nodeadm, the package manager, the kubelet, containerd and the SSM agent.
    pub proxy: Option<Proxy>,
    /// Keep a credentials file on the host, which the EKS Pod Identity agent requires on hybrid nodes.
    pub enable_credentials_file: Option<bool>,
    /// Checks for `nodeadm init` to skip.
    pub skip_validations: Option<Vec<String>>,
    /// What to wait for: `registered`, until the cluster has the Node, or `ready`, which requires a CNI for hybrid
    /// nodes. Default: `registered`.
    #[attr(default = WaitFor::Registered)]
    pub wait_for: WaitFor,
    /// How pods are moved off the node before an upgrade and on destroy.
    pub drain: Option<Drain>,
    /// On destroy, continue when the node cannot be drained or nodeadm cannot be uninstalled: pods end without notice,
    /// or files stay on the host. Default: false.
    #[attr(default = false)]
    pub force_destroy: bool,
    /// Region of the cluster. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
    /// How long operations may take. Defaults: `create` and `update` `30m`, `delete` `30m`; each step has a shorter
    /// limit of its own.
    pub timeouts: Option<crate::attributes::ChangeTimeouts>,
}

/// Outputs.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// EKS cluster.
    #[attr(keep)]
    pub cluster_name: ClusterName,
    /// Region of the cluster.
    #[attr(keep)]
    pub region: Region,
    /// Name of the Node: the id of the managed instance, or `iam_roles_anywhere.node_name`.
    #[attr(keep)]
    pub node_name: Option<String>,
    /// Id of the host in Systems Manager, `mi-…`. Null with `iam_roles_anywhere`.
    #[attr(keep)]
    pub managed_instance_id: Option<String>,
    /// Provider id of the Node, `eks-hybrid:///REGION/CLUSTER/NODE`.
    #[attr(keep)]
    pub provider_id: Option<String>,
    /// Internal IP address of the Node.
    #[attr(keep)]
    pub internal_ip: Option<String>,
    /// Version of the kubelet, such as `v1.34.2-eks-ecaa3a6`.
    #[attr(keep)]
    pub kubelet_version: Option<String>,
    /// How far the join is: `installing`, `registered` (with Systems Manager; the cluster has no Node) or `joined`. An
    /// apply continues from there.
    #[attr(keep)]
    pub status: String,
    /// SHA-256 of the certificate authorities that the kubelet trusts, as last written by this resource. It differs
    /// from the cluster's while EKS rotates them; the next apply then brings the new ones to the host.
    #[attr(keep)]
    pub certificate_authority_sha256: Option<String>,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// EKS cluster.
    pub cluster_name: ClusterName,
    /// Name of the Node. For a host that registered with Systems Manager, this is its `mi-…` id.
    pub node_name: Option<String>,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

impl Args {
    /// Arguments that only say how to reach a host and where its cluster is.
    pub(crate) fn of(
        (ssh, run_command): (Option<Connection>, Option<RunCommand>),
        (cluster_name, region): (Option<ClusterName>, Option<Region>),
        kubernetes_version: Version,
    ) -> Self {
        Self {
            cluster_name,
            ssh,
            run_command,
            kubernetes_version,
            ssm: None,
            iam_roles_anywhere: None,
            labels: None,
            taints: None,
            kubelet: None,
            containerd_config: None,
            containerd_source: None,
            nodeadm: None,
            manifest_override: None,
            private_mode: None,
            proxy: None,
            enable_credentials_file: None,
            skip_validations: None,
            wait_for: WaitFor::Registered,
            drain: None,
            force_destroy: false,
            region,
            timeouts: None,
        }
    }

    /// The way to the host.
    fn access<'a>(&'a self, region: &'a Region) -> Result<HostAccess<'a>> {
        HostAccess::of(self.ssh.as_ref(), self.run_command.as_ref(), Some(region.as_str()))
    }

    /// The address of the host, or the id of its instance.
    fn address(&self) -> &str {
        match (&self.ssh, &self.run_command) {
            (Some(ssh), _) => ssh.host.as_str(),
            (None, Some(way)) => way.instance_id.as_str(),
            // A rule of the model rejects this case.
            (None, None) => "",
        }
    }
}

/// Values of the output `status`.
const INSTALLING: &str = "installing";
const REGISTERED: &str = "registered";
const JOINED: &str = "joined";

/// What a join waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitFor {
    /// The cluster has the Node.
    Registered,
    /// The Node is Ready.
    Ready,
}

impl Text for WaitFor {
    const NOUN: &'static str = "state to wait for";

    fn parse(text: &str) -> std::result::Result<Self, String> {
        match text {
            "registered" => Ok(Self::Registered),
            "ready" => Ok(Self::Ready),
            _ => Err(format!("`{text}` is neither `registered` nor `ready`.")),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Registered => "registered",
            Self::Ready => "ready",
        }
    }
}

framework::text_field!(WaitFor);

/// The resource.
#[derive(Debug)]
pub enum Node {}

placed!(Node);

impl Resource for Node {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_node";
    const DESCRIPTION: &'static str = "\
Joins a host outside AWS to an EKS cluster as a hybrid node, with nodeadm over SSH or Run Command: checks the host, installs the \
components, registers the host, and waits for its Node. The provider runs the steps; Terraform needs no provisioner, \
and a failure in any of them is explained and continued by the next apply.

## Requirements

- The cluster has remote node networks that contain the host's address, and the role of the hosts has an access entry \
of the type `HYBRID_LINUX` (`ekshybrid_node_access`). Refer to it with `depends_on`.
- The host runs Ubuntu 20.04, 22.04 or 24.04, Red Hat Enterprise Linux 8 or 9, or Amazon Linux 2023, with systemd and \
`curl`, and reaches the API server and AWS. Bottlerocket has no nodeadm.
- For `run_command`, the host is registered with Systems Manager and Online.
- The host is not a node yet. One that is, is never joined again silently: import it.

## What changes do to the host

| change | effect |
|---|---|
| `kubernetes_version` | the node is drained, upgraded and made schedulable again |
| `labels`, `taints` | changed on the Node |
| `kubelet`, `containerd_config`, `iam_roles_anywhere`, the cluster's certificate authorities | `nodeadm init` runs again and restarts the kubelet; pods keep running |
| `ssh`, `run_command` | the next connection uses it, if the same host answers |
| cluster, region, credential provider, `ssm.activation_id` | **the node is replaced**: drained, removed and joined again |
| destroy | the node is drained, nodeadm and CNI files are removed from the host, the Node is deleted and the instance deregistered. If the host is gone, only the last two |

A drain respects PodDisruptionBudgets, and at its timeout lists the remaining pods and what keeps each of them.";
    const IMPORT_ID: &'static str = "`CLUSTER/NODE`, or `CLUSTER/NODE@REGION` if the cluster is in another region than \
        the provider's; `NODE` is the name of the Node, for a host with Systems Manager its `mi-…` id";
    const PERMISSIONS: Permissions = &[
        CLUSTER,
        RUN_COMMAND,
        DRAIN,
        &[
            aws(&["eks:ListAccessEntries"], CLUSTERS).when("a node joins; optional"),
            aws(&["ssm:DescribeActivations", "ssm:DescribeInstanceInformation"], ANY)
                .when("the host registers with Systems Manager"),
            aws(&["ssm:UpdateManagedInstanceRole"], MANAGED_INSTANCES).when("`ssm.iam_role` changes"),
            aws(&["ssm:DeregisterManagedInstance"], MANAGED_INSTANCES).when("the host registers with Systems Manager"),
            aws(&["ssm:CreateActivation", "ssm:DeleteActivation"], ANY).when("`ssm.iam_role` is set"),
            aws(&["ssm:AddTagsToResource"], MANAGED_INSTANCES)
                .when("the host registers with Systems Manager, for its `Name`"),
            aws(&["iam:PassRole"], ROLES)
                .only_if("iam:PassedToService", "ssm.amazonaws.com")
                .when("`ssm.iam_role` is set"),
            kube(&["delete"], "nodes"),
        ],
    ];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        labels::check(&args.labels, Args::NAMES.labels, faults);
        arguments::settings::check(args, faults);
        arguments::stored::check_stored(&Args::encode_planned(args), faults);
    }

    async fn plan(plan: &mut Plan<Self>, cx: &Context) -> Result<()> {
        plan::plan(plan, cx).await
    }

    async fn plan_delete(state: &State<Self>, cx: &Context) -> Result<()> {
        plan::plan_delete(state, cx);
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
        apply::delete(state, cx).await
    }

    fn import_id(id: &str) -> std::result::Result<Identity, String> {
        let form = |why: &str| format!("{why} Write it as {}.", Self::IMPORT_ID);
        let (path, region) = match id.rsplit_once('@') {
            Some((path, region)) => (path, Some(Region::parse(region).map_err(|why| form(&why))?)),
            None => (id, None),
        };
        let Some((cluster, node)) = path.split_once('/').filter(|(_, node)| !node.is_empty()) else {
            return Err(form(&format!("`{id}` does not name a cluster and a node.")));
        };
        let cluster_name = ClusterName::parse(cluster).map_err(|why| form(&why))?;
        Ok(Identity { cluster_name, node_name: Some(node.to_owned()), region })
    }

    fn id(identity: &Value) -> Option<String> {
        let part = |name: &str| identity.attribute(name).and_then(Value::as_str);
        let region = part("region").map(|region| format!("@{region}")).unwrap_or_default();
        Some(format!("{}/{}{region}", part("cluster_name")?, part("node_name")?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_ids() {
        let parts = |id: &str| {
            Node::import_id(id).ok().map(|it| {
                (it.cluster_name.to_string(), it.node_name.unwrap_or_default(), it.region.map(|it| it.to_string()))
            })
        };
        let expected =
            |region: Option<&str>| Some(("workshop".to_owned(), "mi-0123".to_owned(), region.map(str::to_owned)));
        assert_eq!(parts("workshop/mi-0123"), expected(None));
        assert_eq!(parts("workshop/mi-0123@us-west-2"), expected(Some("us-west-2")));
        for id in ["", "workshop", "workshop/", "/mi-0123", "workshop/mi-0123@", "workshop/mi-0123@us-west"] {
            assert_eq!(parts(id), None, "{id}");
        }
    }
}
