//! `ekshybrid_upgrade_node`: another version of Kubernetes on a hybrid node that no `ekshybrid_node` manages.

use framework::action::Action;
use framework::diagnostic::{Diagnostics, Result};
use framework::model::{Model, Span};
use framework::permission::Permissions;

use crate::attributes::connection::Connection;
use crate::attributes::permissions::{CLUSTER, DRAIN, RUN_COMMAND};
use crate::attributes::run_command::RunCommand;
use crate::attributes::{ClusterName, ObjectName, Region};
use crate::resources::node::{self, Drain, IamRolesAnywhere, Kubelet, Nodeadm, Proxy, Version};
use crate::session::{Clients, Context};

/// Arguments.
#[derive(Clone, Debug, Model)]
#[model(exactly_one_of(ssh, run_command))]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    pub cluster_name: Option<ClusterName>,
    /// Name of the Node, to be sure that the host is the one meant. Default: the node that the host is.
    pub node_name: Option<ObjectName>,
    /// How to reach the host over SSH. What is not set comes from the provider's `ssh`. Conflicts with `run_command`.
    pub ssh: Option<Connection>,
    /// How to reach the host through Run Command. Conflicts with `ssh`.
    pub run_command: Option<RunCommand>,
    /// Version of Kubernetes to run, `1.34` or `1.34.2`: at most the cluster's, and at most three minor versions older.
    pub kubernetes_version: Version,
    /// Certificate of a host whose AWS credentials come from IAM Roles Anywhere, as in `ekshybrid_node`. Default: the
    /// host is registered with Systems Manager.
    pub iam_roles_anywhere: Option<IamRolesAnywhere>,
    /// Kubelet settings. Default: those of the host are kept.
    pub kubelet: Option<Kubelet>,
    /// containerd configuration in TOML. Default: that of the host is kept.
    pub containerd_config: Option<String>,
    /// The nodeadm program. Default: the one on the host, or the latest release if that is too old.
    pub nodeadm: Option<Nodeadm>,
    /// URL of a manifest that lists where to download the components from.
    pub manifest_override: Option<String>,
    /// Install only from the manifest, without the system's packages; requires `manifest_override`.
    pub private_mode: Option<bool>,
    /// Proxy of the host for nodeadm.
    pub proxy: Option<Proxy>,
    /// How pods are moved off the node.
    pub drain: Option<Drain>,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
    /// How long the action may take.
    pub timeouts: Option<Timeouts>,
}

/// How long the action may take.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// Timeout for the drain and the upgrade together. Default: each step has a limit of its own, the drain `15m`.
    pub invoke: Option<Span>,
}

/// The action.
#[derive(Debug)]
pub enum UpgradeNode {}

impl Action for UpgradeNode {
    type Clients = Clients;
    type Args = Args;

    const NAME: &'static str = "ekshybrid_upgrade_node";
    const DESCRIPTION: &'static str = "\
Upgrades a hybrid node that no `ekshybrid_node` manages: drains it within the PodDisruptionBudgets, runs `nodeadm \
upgrade` on its host, waits until its kubelet reports the version, and makes it schedulable again, if the action \
cordoned it. For a node that a resource manages, change its `kubernetes_version` instead.

nodeadm writes the configuration of the kubelet and of containerd anew. The action reads from the host what was added \
to nodeadm's own settings, and passes it to nodeadm again.

Pods that no controller owns and pods with emptyDir volumes stop the action before anything is changed on the host, \
unless `drain` permits to evict them. An action that fails can be invoked again: it continues.";
    const PERMISSIONS: Permissions = &[CLUSTER, RUN_COMMAND, DRAIN];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        node::check_stored(&Args::encode_planned(args), faults);
    }

    async fn invoke(args: &Args, cx: &Context) -> Result<()> {
        let way = (args.ssh.clone(), args.run_command.clone());
        let place = (args.cluster_name.clone(), args.region.clone());
        let node = node::Args {
            iam_roles_anywhere: args.iam_roles_anywhere.clone(),
            kubelet: args.kubelet.clone(),
            containerd_config: args.containerd_config.clone(),
            nodeadm: args.nodeadm.clone(),
            manifest_override: args.manifest_override.clone(),
            private_mode: args.private_mode,
            proxy: args.proxy.clone(),
            drain: args.drain.clone(),
            ..node::Args::of(way, place, args.kubernetes_version.clone())
        };
        node::upgrade(node, args.node_name.as_ref().map(ObjectName::as_str), cx).await
    }
}
