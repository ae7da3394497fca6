//! `ekshybrid_eniconfig_binding`: annotates nodes with the ENIConfig they use.
//!
//! One listing of metadata reads all nodes; only a node that needs a change costs a request of its own.

mod apply;
mod plan;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Model, Span, Text};
use framework::path::Path;
use framework::permission::Permissions;
use framework::resource::{Plan, Resource, State};

use crate::attributes::permissions::{CLUSTER, kube};
use crate::attributes::{ClusterName, LabelKey, ObjectName, Region, labels};
use crate::session::place::placed;
use crate::session::{Clients, Context};

pub use read::listed;

/// The annotation that the VPC CNI reads unless `ENI_CONFIG_ANNOTATION_DEF` names another.
const DEFAULT_ANNOTATION: &str = "k8s.amazonaws.com/eniConfig";
/// Arguments.
#[derive(Clone, Debug, Model)]
#[model(exactly_one_of(node_selector, node_names))]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    #[attr(replace)]
    pub cluster_name: Option<ClusterName>,
    /// Name of the ENIConfig. Refer to `ekshybrid_eniconfig.NAME.name`, so that the ENIConfig is created first.
    #[attr(replace)]
    pub eniconfig: ObjectName,
    /// Annotate the nodes that have all of these labels, such as `"eks.amazonaws.com/nodegroup" = "workers"`. The
    /// next plan shows nodes that join later. Conflicts with `node_names`.
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Annotate the nodes with these names. Conflicts with `node_selector`.
    pub node_names: Option<BTreeSet<ObjectName>>,
    /// Annotation key, as set in the VPC CNI's `ENI_CONFIG_ANNOTATION_DEF`. Default: `k8s.amazonaws.com/eniConfig`.
    #[attr(replace, default = default_annotation())]
    pub annotation: LabelKey,
    /// Region of the cluster. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
    /// How long to wait for the cluster (default: 30 minutes while EKS creates it, 5 minutes if no cluster of this
    /// name exists) and for the ENIConfig (default: `2m`).
    pub timeouts: Option<Timeouts>,
}

/// How long to wait for the cluster and the ENIConfig. Deletion does not wait.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// Timeout for creating the binding, such as `10m`.
    pub create: Option<Span>,
    /// Timeout for updating the binding.
    pub update: Option<Span>,
}

/// Outputs.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Name of the cluster.
    #[attr(keep)]
    pub cluster_name: ClusterName,
    /// Names of the annotated nodes.
    #[attr(keep)]
    pub bound_nodes: BTreeSet<String>,
    /// Names of the nodes that the next apply changes: nodes that match but are not annotated yet, and annotated
    /// nodes that no longer match. Empty after an apply.
    #[attr(keep)]
    pub pending_nodes: BTreeSet<String>,
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
    pub eniconfig: ObjectName,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

fn default_annotation() -> LabelKey {
    // A valid label key, as a test shows.
    LabelKey::parse(DEFAULT_ANNOTATION).unwrap_or_else(|why| unreachable!("{why}"))
}

/// The resource.
#[derive(Debug)]
pub enum EniConfigBinding {}

placed!(EniConfigBinding);

impl Resource for EniConfigBinding {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_eniconfig_binding";
    const DESCRIPTION: &'static str = "\
Annotates nodes with the name of their ENIConfig, for clusters whose ENIConfigs are not chosen by a label such as the \
zone.

The present nodes of the selection are annotated. Nodes that have joined since are shown by the next plan as \
`pending_nodes`, and annotated by its apply; nodes that are gone drop out of `bound_nodes`. A node that somebody else has \
annotated with another ENIConfig is refused by name. Destroy removes the annotations that this resource has written, as \
far as they still have its value.

The VPC CNI reads the annotation when it starts on a node: nodes that run already keep the network interfaces that they \
have until they are replaced. Where that is not wanted, let nodes choose by a label that they have from the beginning \
(`ekshybrid_vpc_cni` with `eni_config_label`).";
    const IMPORT_ID: &'static str = "`CLUSTER/ENICONFIG`, or `CLUSTER/ENICONFIG@REGION` for another region than the \
        provider's; the nodes that have the annotation `k8s.amazonaws.com/eniConfig` with this value become `node_names`";
    const PERMISSIONS: Permissions = &[
        CLUSTER,
        &[
            kube(&["get", "list", "patch"], "nodes"),
            kube(&["get", "list"], "eniconfigs.crd.k8s.amazonaws.com"),
            kube(&["get"], "kube-system:daemonsets.apps"),
        ],
    ];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        labels::check(&args.node_selector, Args::NAMES.node_selector, faults);
        for (name, is_empty) in [
            (Args::NAMES.node_selector, args.node_selector.set().is_some_and(BTreeMap::is_empty)),
            (Args::NAMES.node_names, args.node_names.set().is_some_and(BTreeSet::is_empty)),
        ] {
            if is_empty {
                let detail = format!(
                    "`{name}` is empty. An empty selection would mean no node or every node; name at least one."
                );
                faults.push(Diagnostic::error("No node is selected", detail).at(Path::attribute(name)));
            }
        }
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_annotation_is_a_key() {
        assert_eq!(default_annotation().as_str(), DEFAULT_ANNOTATION);
    }
}
