//! `ekshybrid_repair_node`: brings a hybrid node that is not Ready back.

use framework::action::Action;
use framework::diagnostic::{Diagnostics, Result};
use framework::model::{Model, Span};
use framework::permission::Permissions;

use crate::attributes::connection::Connection;
use crate::attributes::permissions::{CLUSTER, RUN_COMMAND, kube};
use crate::attributes::run_command::RunCommand;
use crate::attributes::{ClusterName, ObjectName, Region};
use crate::resources::node::{self, IamRolesAnywhere, Kubelet, Proxy, Version};
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
    /// How to reach the host through Run Command, if its agent still runs. Conflicts with `ssh`.
    pub run_command: Option<RunCommand>,
    /// Certificate of a host whose AWS credentials come from IAM Roles Anywhere, as in `ekshybrid_node`. Default: the
    /// host is registered with Systems Manager.
    pub iam_roles_anywhere: Option<IamRolesAnywhere>,
    /// Kubelet settings for `nodeadm init`. Default: those of the host are kept.
    pub kubelet: Option<Kubelet>,
    /// containerd configuration in TOML for `nodeadm init`. Default: that of the host is kept.
    pub containerd_config: Option<String>,
    /// Proxy of the host for nodeadm.
    pub proxy: Option<Proxy>,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
    /// How long the action may take.
    pub timeouts: Option<Timeouts>,
}

/// How long the action may take.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// Timeout for the whole repair. Default: each step has a limit of its own.
    pub invoke: Option<Span>,
}

/// The action.
#[derive(Debug)]
pub enum RepairNode {}

impl Action for RepairNode {
    type Clients = Clients;
    type Args = Args;

    const NAME: &'static str = "ekshybrid_repair_node";
    const DESCRIPTION: &'static str = "\
Repairs a hybrid node that is not Ready; the node auto repair of EKS covers all kinds of nodes but these. The action \
shows what the cluster and the host say of the kubelet, restarts the SSM agent, containerd and the kubelet, and waits \
until the Node is Ready. If it does not become Ready, `nodeadm init` runs again: it renews the host's credentials, the \
cluster's certificate authorities and endpoint, and registers the Node again if it was deleted.

Pods keep running, and nothing is drained. A node that is Ready is not touched. The host keeps its registration; one \
that was deregistered has to join anew. nodeadm writes the configuration of the kubelet and of containerd anew; the \
action reads from the host what was added to nodeadm's own settings, and passes it to nodeadm again.";
    const PERMISSIONS: Permissions = &[CLUSTER, RUN_COMMAND, &[kube(&["get"], "nodes")]];

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
            proxy: args.proxy.clone(),
            ..node::Args::of(way, place, Version::installed())
        };
        node::repair(node, args.node_name.as_ref().map(ObjectName::as_str), cx).await
    }
}
