//! `ekshybrid_cni`: Cilium or Calico, installed, upgraded and removed.
//!
//! `crate::cni` knows the products; here is what Terraform does with them. `plan` shows a change and refuses what cannot
//! work, `apply` installs, upgrades and removes, `read` reads an installed CNI, `notes` is everything that is remembered
//! beside the state. What several of them use: `aws_node` (the VPC CNI that is removed for this one), `offline` (nodes
//! that are off), `messages` (errors in words). `preview` is for the data source of images.

mod apply;
mod aws_node;
mod messages;
mod notes;
mod offline;
mod plan;
mod preview;
mod read;

use std::collections::BTreeSet;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Bounded, Model};
use framework::path::Path;
use framework::resource::{Plan, Resource, State};

use crate::cni::arguments::Timeouts;

pub use self::plan::check::check;
pub use self::preview::{Preview, preview};
use crate::attributes::{ClusterName, Region};
pub use crate::cni::arguments::{Calico, Cilium, CiliumChart, ImageRegistry};
use crate::cni::product::Wanted;
use crate::session::place::placed;
use crate::session::{Clients, Context};

/// How many nodes may be waited for. A cluster has no more nodes than the bound.
pub type Nodes = Bounded<0, 100_000>;

/// Arguments.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Clone, Debug, Model)]
#[model(exactly_one_of(cilium, calico))]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    #[attr(replace)]
    pub cluster_name: Option<ClusterName>,
    /// Install Cilium.
    pub cilium: Option<Cilium>,
    /// Install Calico.
    pub calico: Option<Calico>,
    /// Remove the DaemonSet kube-system/aws-node before the installation, for a cluster all of whose nodes run this
    /// CNI. It is kept in the ConfigMap kube-system/ekshybrid-aws-node, and restored on destroy, each field with its
    /// former field manager. Nodes that ran aws-node before must be replaced. The plan refuses it while nodes that run
    /// aws-node are outside the node selector, where the EKS add-on vpc-cni owns aws-node, where an
    /// `ekshybrid_vpc_cni` manages it, and on a local cluster on an Outpost. Default: false.
    #[attr(default = false)]
    pub remove_vpc_cni: bool,
    /// Allow a change that replaces the CNI: of the product, of Calico's `method`, or of Cilium's `namespace` or
    /// `release_name`. **The former CNI is removed first: pods on every node that it serves lose their network, and
    /// nodes must be restarted or replaced.** Without it the plan refuses such a change. Default: false.
    #[attr(default = false)]
    pub allow_replacement: bool,
    /// Registry, with a path or without, from which every image is taken instead of its own place:
    /// `registry.example.com/mirror` turns `quay.io/cilium/cilium:v1.17.1` into
    /// `registry.example.com/mirror/cilium/cilium:v1.17.1`.
    pub image_registry: Option<ImageRegistry>,
    /// How many nodes of the node selector must be Ready at the end. Default: do not wait for nodes.
    pub wait_for_nodes: Option<Nodes>,
    /// Wait until the CNI's pods are ready. Nodes that are unreachable are skipped with a warning. With false, an apply
    /// is complete when the API server has accepted every object and the chart's hooks have succeeded. Default: true.
    #[attr(default = true)]
    pub wait: bool,
    /// When an installation fails, remove it again; when an upgrade fails, roll back to the last good revision. Needs
    /// `wait`. While no node matches the node selector, there are no pods to wait for, so only a refused object or a
    /// failed hook counts as a failure. Default: false.
    #[attr(default = false)]
    pub atomic: bool,
    /// On destroy, also delete the custom resource definitions (CRDs) that the CNI created. CRDs are kept if they
    /// existed before the installation, if it is not known whether they did (a release that others have installed), or
    /// if they still hold objects that the CNI did not create; the destroy lists these in a warning. Definitions of
    /// `policy.networking.k8s.io` are shared with other programs and never deleted. Default: false.
    #[attr(default = false)]
    pub cleanup_on_destroy: bool,
    /// With `cleanup_on_destroy`, also delete CRDs that hold objects which the CNI did not create. **This deletes all
    /// these objects, including network policies.** Finalizers of others are never removed. Default: false.
    #[attr(default = false)]
    pub cleanup_objects_on_destroy: bool,
    /// Compare every object of the release at each refresh, and plan an upgrade that restores what somebody has removed
    /// or changed. Costs a read and a server-side dry run per object; the caller needs `patch` on them. Without it, a
    /// refresh reads the release's record alone, and sees what others do with Helm. Default: false.
    #[attr(default = false)]
    pub detect_drift: bool,
    /// Region of the cluster. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
    /// How long operations may take. Defaults: `create` and `update` `20m`, or 30 s per node if that is longer, because
    /// Cilium replaces its pods on two nodes at a time (and `30m` for a cluster that is still being created); `delete`
    /// `10m`.
    pub timeouts: Option<Timeouts>,
}

impl Args {
    /// What the arguments ask for; `None` where neither or both CNIs are set, which the model refuses.
    fn wanted(&self) -> Option<Wanted> {
        let mirror = self.image_registry.as_ref().map(framework::model::Text::text);
        Wanted::new(self.cilium.as_ref(), self.calico.as_ref(), mirror)
    }

    /// Has `wanted` continue the release that these arguments have installed.
    fn keep_release(&self, wanted: &mut Wanted, outputs: &Outputs) {
        wanted.keep_release_of(self.wanted().as_ref(), &outputs.release_namespace, &outputs.release_name);
    }
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// EKS cluster.
    #[attr(keep)]
    pub cluster_name: ClusterName,
    /// Namespace of the Helm release.
    #[attr(keep)]
    pub release_namespace: String,
    /// Name of the Helm release.
    #[attr(keep)]
    pub release_name: String,
    /// Status of the Helm release: `deployed`; `failed` if the last change was not completed; `uninstalling` if a
    /// destroy was not completed; `uninstalled` if the release is gone and aws-node is not restored yet.
    pub release_status: String,
    /// Revision of the Helm release.
    pub revision: i64,
    /// Version of the chart.
    pub chart_version: String,
    /// Version of Cilium or Calico; null when the chart does not tell.
    pub app_version: Option<String>,
    /// The minor version that was installed first, such as `1.17`. Cilium is told it at every upgrade.
    #[attr(keep)]
    pub first_minor_version: String,
    /// Where pods get their addresses from.
    pub pod_cidrs: Vec<String>,
    /// The values of the release as YAML: the defaults for hybrid nodes, with `values` over them, without what
    /// `sensitive_values` sets or has ever set.
    pub effective_values: String,
    /// Every image that the manifests run, and their hooks.
    pub images: BTreeSet<String>,
    /// Checksum of the manifests without secrets and certificates, which are different each time.
    pub manifest_digest: String,
    /// Objects of the release that somebody has removed or changed, such as `DaemonSet kube-system/cilium (gone)`; empty
    /// where `detect_drift` is not set.
    pub drifted_objects: BTreeSet<String>,
    /// Region of the cluster.
    #[attr(keep)]
    pub region: Region,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// EKS cluster.
    pub cluster_name: ClusterName,
    /// Namespace of the Helm release.
    pub release_namespace: String,
    /// Name of the Helm release.
    pub release_name: String,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

/// The resource.
#[derive(Debug)]
pub enum Cni {}

placed!(Cni);

impl Resource for Cni {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_cni";
    const DESCRIPTION: &'static str = "\
The CNI of a cluster's hybrid nodes: Cilium or Calico, with the defaults that EKS hybrid nodes need.

It is installed as a Helm release, without the helm program: the provider renders the chart, `helm list`, `helm history` \
and `helm rollback` work on the release, and changes made with Helm are picked up. A plan renders the chart and shows \
the values and images that will change. If the cluster does not exist yet, or values are unknown at plan time, it shows \
what is known.

Import a release that Helm installed to adopt it. After the import, the plan is empty if `chart` and `values` render the \
installed manifests.

Address ranges of an installed CNI cannot change: the plan refuses that. A pool that is full can be extended, by \
further ranges after the present ones (Cilium, and Calico by its operator). Cilium is upgraded one minor version at a \
time, after its preflight check.

A destroy removes the release. Custom resource definitions and their objects, network policies among them, stay \
unless `cleanup_on_destroy` is set. On the hosts it leaves interfaces, routes, `/etc/cni/net.d` and `/opt/cni/bin`; a \
restart of the host clears the interfaces and routes.";
    const IMPORT_ID: &'static str =
        "`CLUSTER/NAMESPACE/RELEASE`, or `CLUSTER/NAMESPACE/RELEASE@REGION` for another region than the provider's";

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        check(&args.cilium, &args.calico, faults);
        if args.cleanup_objects_on_destroy.known() == Some(&true) && args.cleanup_on_destroy.known() == Some(&false) {
            faults.push(
                Diagnostic::error(
                    "Without effect",
                    "`cleanup_objects_on_destroy` says what `cleanup_on_destroy` may delete. Set both, or neither.",
                )
                .at(Path::attribute(Args::NAMES.cleanup_objects_on_destroy)),
            );
        }
        if args.atomic.known() == Some(&true) && args.wait.known() == Some(&false) {
            faults.push(
                Diagnostic::error(
                    "Conflicting arguments",
                    "`atomic` undoes a change whose pods do not become ready, which nobody sees with `wait = false`. Remove one of them.",
                )
                .at(Path::attribute(Args::NAMES.atomic)),
            );
        }
    }

    async fn plan(plan: &mut Plan<Self>, cx: &Context) -> Result<()> {
        Box::pin(plan::plan(plan, cx)).await
    }

    async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
        Box::pin(apply::install::create(args, cx)).await
    }

    async fn read(identity: &Identity, prior: Option<&State<Self>>, cx: &Context) -> Result<Option<State<Self>>> {
        read::read(identity, prior, cx).await
    }

    async fn update(prior: &State<Self>, args: &Args, cx: &Context) -> Result<Outputs> {
        Box::pin(apply::upgrade::update(prior, args, cx)).await
    }

    async fn plan_delete(state: &State<Self>, cx: &Context) -> Result<()> {
        apply::remove::show(state, cx);
        Ok(())
    }

    async fn delete(state: &State<Self>, cx: &Context) -> Result<()> {
        apply::remove::delete(state, cx).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_ids() {
        let parts = |id: &str| {
            let Identity { cluster_name, release_namespace, release_name, region } = Cni::import_id(id).expect("an id");
            let region = region.map(|region| region.to_string());
            (cluster_name.to_string(), release_namespace, release_name, region)
        };
        let texts = |[cluster, namespace, release]: [&str; 3], region: Option<&str>| {
            (cluster.to_owned(), namespace.to_owned(), release.to_owned(), region.map(str::to_owned))
        };
        let named = ["workshop", "kube-system", "cilium"];
        assert_eq!(parts("workshop/kube-system/cilium@us-west-2"), texts(named, Some("us-west-2")));
        assert_eq!(parts("w/n/r"), texts(["w", "n", "r"], None));
        for id in ["", "workshop", "workshop/cilium", "workshop//b", "workshop/a/b@", "work shop/a/b"] {
            assert!(Cni::import_id(id).is_err(), "{id}");
        }
    }
}
