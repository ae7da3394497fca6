//! `ekshybrid_cni`: Cilium or Calico, installed, upgraded and removed.
//!
//! `crate::cni` knows the products; this room holds what Terraform does with them. `plan` shows a change and refuses
//! what cannot work, `apply` installs, upgrades and removes, `read` reads an installed CNI, and `notes` is everything
//! remembered outside the state. Shared parts: `aws_node` (the VPC CNI that is removed for this one), `offline` (nodes
//! that are unreachable) and `messages` (how errors are explained). `preview` serves the data source of images.

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
use framework::permission::Permissions;
use framework::resource::{MoveSource, Plan, Resource, State};
use framework::value::Value;

use crate::cni::arguments::Timeouts;

pub use self::plan::check::check;
pub use self::preview::{Preview, preview};
pub use self::read::listed::listed;
use crate::attributes::permissions::{ADDONS, ANY, CLUSTER, CLUSTERS, REPOSITORIES, aws, kube};
use crate::attributes::{ClusterName, Region};
pub use crate::cni::arguments::{Calico, Cilium, CiliumChart, ImageRegistry};
use crate::cni::product::Wanted;
use crate::session::place::{self, placed};
use crate::session::{Clients, Context};

/// Number of nodes to wait for. The bound exceeds the size of any cluster.
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
    /// Remove the DaemonSet `kube-system/aws-node` before the installation, for clusters in which all nodes run this
    /// CNI. The DaemonSet is kept in the ConfigMap `kube-system/ekshybrid-aws-node` and restored on destroy, each field
    /// with its former field manager. Nodes that ran aws-node must be replaced. The plan refuses the removal if nodes
    /// that run aws-node are outside the node selector, if the EKS add-on vpc-cni owns aws-node, if an
    /// `ekshybrid_vpc_cni` manages it, and on local clusters on Outposts. Default: false.
    #[attr(default = false)]
    pub remove_vpc_cni: bool,
    /// Allow changes that replace the CNI: another product, another Calico `method`, or another Cilium `namespace` or
    /// `release_name`. **The former CNI is removed first: pods on all its nodes lose their network, and the nodes must
    /// be restarted or replaced.** By default, the plan refuses such changes. Default: false.
    #[attr(default = false)]
    pub allow_replacement: bool,
    /// Registry to pull every image from, with an optional path. `registry.example.com/mirror` turns
    /// `quay.io/cilium/cilium:v1.17.1` into `registry.example.com/mirror/cilium/cilium:v1.17.1`. Default: each image's
    /// own registry.
    pub image_registry: Option<ImageRegistry>,
    /// Number of nodes matching the node selector that must be Ready before the apply completes. Default: do not wait
    /// for nodes.
    pub wait_for_nodes: Option<Nodes>,
    /// Wait until the CNI's pods are ready. Unreachable nodes are skipped with a warning. If false, an apply completes
    /// once the API server has accepted every object and the chart's hooks have succeeded. Default: true.
    #[attr(default = true)]
    pub wait: bool,
    /// If an installation fails, remove it again; if an upgrade fails, roll back to the last good revision. Requires
    /// `wait`. While no node matches the node selector there are no pods to wait for, so only a refused object or a
    /// failed hook counts as a failure. Default: false.
    #[attr(default = false)]
    pub atomic: bool,
    /// On destroy, also delete the custom resource definitions (CRDs) the CNI created. A CRD is kept if it existed
    /// before the installation, if that is unknown (the release was installed by others), or if it still holds objects
    /// the CNI did not create; the destroy lists the CRDs of the last two cases in a warning. CRDs of
    /// `policy.networking.k8s.io` are shared with other programs and never deleted. Default: false.
    #[attr(default = false)]
    pub cleanup_on_destroy: bool,
    /// With `cleanup_on_destroy`, also delete CRDs that hold objects the CNI did not create. **This deletes all these
    /// objects, including network policies.** Finalizers of other programs are never removed. Default: false.
    #[attr(default = false)]
    pub cleanup_objects_on_destroy: bool,
    /// Compare every object of the release at each refresh, and plan an upgrade that restores removed or changed
    /// objects. Costs a read and a server-side dry run per object; the caller needs `patch` on them. Without it, a
    /// refresh reads only the release's record, and detects only changes made with Helm. Default: false.
    #[attr(default = false)]
    pub detect_drift: bool,
    /// Region of the cluster. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
    /// How long operations may take. Defaults: `create` and `update` `20m`, or 30 seconds per node if that is longer,
    /// because Cilium replaces its pods on two nodes at a time; up to `30m` more if the cluster is still being created;
    /// `delete` `10m`.
    pub timeouts: Option<Timeouts>,
}

impl Args {
    /// The CNI that the arguments request; `None` if neither or both are set, which the model refuses.
    fn wanted(&self) -> Option<Wanted> {
        let mirror = self.image_registry.as_ref().map(framework::model::Text::text);
        Wanted::new(self.cilium.as_ref(), self.calico.as_ref(), mirror)
    }

    /// Makes `wanted` continue the release that these arguments installed.
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
    /// Status of the Helm release: `deployed`; `failed` if the last change did not complete; `uninstalling` if a
    /// destroy did not complete; `uninstalled` if the release no longer exists but aws-node is not restored yet.
    pub release_status: String,
    /// Revision of the Helm release.
    pub revision: i64,
    /// Version of the chart.
    pub chart_version: String,
    /// Version of Cilium or Calico; null if the chart does not state it.
    pub app_version: Option<String>,
    /// Minor version that was installed first, such as `1.17`. It is passed to Cilium at every upgrade.
    #[attr(keep)]
    pub first_minor_version: String,
    /// IPv4 ranges that pods get their addresses from.
    pub pod_cidrs: Vec<String>,
    /// Values of the release as YAML: the defaults for hybrid nodes, overridden by `values`, without anything that
    /// `sensitive_values` sets or has ever set.
    pub effective_values: String,
    /// All images that the manifests and their hooks run.
    pub images: BTreeSet<String>,
    /// Checksum of the manifests without secrets and certificates, which differ in each rendering.
    pub manifest_digest: String,
    /// Objects of the release that have been removed or changed by others, such as
    /// `DaemonSet kube-system/cilium (gone)`; empty unless `detect_drift` is set.
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

Import a release that Helm installed to adopt it, or adopt a `helm_release` with a `moved` block (set the provider's \
`cluster_name` for it). After that, the plan is empty if `chart` and `values` render the \
installed manifests.

Address ranges of an installed CNI cannot change: the plan refuses that. A pool that is full can be extended, by \
further ranges after the present ones (Cilium, and Calico by its operator). Cilium is upgraded one minor version at a \
time, after its preflight check.

A destroy removes the release. Custom resource definitions and their objects, network policies among them, stay \
unless `cleanup_on_destroy` is set. On the hosts it leaves interfaces, routes, `/etc/cni/net.d` and `/opt/cni/bin`; a \
restart of the host clears the interfaces and routes.";
    const IMPORT_ID: &'static str =
        "`CLUSTER/NAMESPACE/RELEASE`, or `CLUSTER/NAMESPACE/RELEASE@REGION` for another region than the provider's";
    const PERMISSIONS: Permissions = &[
        CLUSTER,
        &[
            aws(&["eks:ListAddons"], CLUSTERS),
            aws(&["eks:DescribeAddon"], ADDONS),
            aws(&["ec2:DescribeVpcs"], ANY).when("pools are checked against the VPC; optional"),
            aws(&["ecr:GetAuthorizationToken"], ANY).when("the chart is in Amazon ECR"),
            aws(&["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:ListImages"], REPOSITORIES)
                .when("the chart is in Amazon ECR"),
            // A chart defines kinds and roles of its own, and whoever creates a role must have its permissions.
            kube(&["*"], "*"),
        ],
    ];

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

    fn move_from(source: &MoveSource<'_>) -> Option<Result<serde_json::Value>> {
        read::moved::from_helm(source)
    }

    fn complete(identity: Value, cx: &Context) -> Result<Value> {
        place::complete(identity, cx)
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
