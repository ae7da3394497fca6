//! `ekshybrid_cni`, listed: the releases of Cilium and Calico in a cluster.

use std::collections::BTreeSet;

use framework::diagnostic::Result;
use framework::list::{Found, List};
use framework::model::Model;
use framework::permission::Permissions;

use crate::attributes::permissions::{CLUSTER, kube};
use crate::attributes::{ClusterName, Region};
use crate::resources::cni::{Cni, listed};
use crate::session::Context;
use crate::session::place::Place;

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    pub cluster_name: Option<ClusterName>,
    /// Namespaces of the Helm releases. Default: `kube-system` and `tigera-operator`.
    pub namespaces: Option<BTreeSet<String>>,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

/// The list.
#[derive(Debug)]
pub enum CniList {}

impl List for CniList {
    type Resource = Cni;
    type Args = Args;

    const DESCRIPTION: &'static str = "\
Every Helm release of Cilium or Calico in a cluster, whoever installed it, for `terraform query` and bulk import. \
Calico from its plain manifest is found if this provider has installed it; otherwise nothing records it.";
    const PERMISSIONS: Permissions = &[
        CLUSTER,
        &[
            kube(&["get", "list"], "secrets"),
            kube(&["list"], "customresourcedefinitions.apiextensions.k8s.io").when("a CNI is found; optional"),
        ],
    ];

    async fn list(args: &Args, found: &mut Found<Cni>, cx: &Context) -> Result<()> {
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        for (identity, state) in listed(&place, args.namespaces.as_ref(), cx).await? {
            let outputs = &state.outputs;
            let version = outputs.app_version.as_deref().unwrap_or("unknown version");
            let release = format!("{}/{}", outputs.release_namespace, outputs.release_name);
            let name = format!("{}: {release} ({version}, {})", place.cluster, outputs.release_status);
            if !found.push(&identity, name, &state).await {
                break;
            }
        }
        Ok(())
    }
}
