//! How a host joins, changes and leaves.
//!
//! | join, step by step | when the step fails |
//! |---|---|
//! | ask the cluster, the host and Systems Manager whether it can work | nothing was changed |
//! | mark the host, provide nodeadm, install the components | in the state as `installing`; the next apply continues |
//! | create an activation (`ssm.iam_role`) | noted; deleted after the next step, whatever comes of it |
//! | `nodeadm init` | the same; if the host has registered, in the state as `registered` with its id |
//! | wait for the Node, set labels and taints, wait until it is Ready | in the state as `registered` or `joined` |
//! | remove the mark | the next apply removes it |
//!
//! A join that has failed is tainted, so Terraform deletes it before it creates it again. That deletion leaves the host
//! as it is, and the creation continues by the mark on the host.
//!
//! | upgrade, step by step | when the step fails |
//! |---|---|
//! | cordon and drain, noted | the next apply continues, and makes the node schedulable again at its end |
//! | `nodeadm upgrade` | the same |
//! | wait for the version, uncordon | the same |
//!
//! | removal, step by step | when the step fails |
//! |---|---|
//! | cordon and drain | the node is cordoned; another destroy continues |
//! | uninstall on the host, CNI files; through Run Command detached, see `detached` | another destroy continues |
//! | delete the Node, deregister the instance, delete a one-use activation | another destroy continues |

mod access;
mod activation;
mod change;
mod connect;
mod detached;
mod drain;
mod inspect;
mod join;
mod kubelet;
mod leave;
mod nodeadm;
mod reach;
mod unmanaged;

use std::sync::Arc;

use framework::diagnostic::{Diagnostic, Result};
use framework::resource::State;

use super::{Args, Node, Outputs};
use crate::aws::eks::Cluster;
use crate::host::Host;
use crate::kube;
use crate::node::config::CredentialProvider;
use crate::session::cluster::connect;
use crate::session::place::Place;
use crate::session::{Context, explain};

pub(super) use change::update;
pub(super) use leave::delete;
pub(crate) use unmanaged::{repair, upgrade};

/// Where a node is: everything that the steps of a join or a change need.
struct Site<'a> {
    args: &'a Args,
    place: Place,
    cluster: Arc<Cluster>,
    client: kube::Client,
    cx: &'a Context,
}

impl<'a> Site<'a> {
    async fn of(args: &'a Args, place: Place, cx: &'a Context) -> Result<Self> {
        let client = connect(&place.cluster, Some(&place.region), cx).await?;
        let eks = place.eks(cx)?;
        let cluster = eks.cluster(place.cluster.as_str()).await;
        let cluster = cluster.map_err(|error| explain("Could not read the cluster", &error, None))?;
        Ok(Self { args, place, cluster, client, cx })
    }

    fn provider(&self) -> CredentialProvider {
        if self.args.ssm.is_some() { CredentialProvider::Ssm } else { CredentialProvider::IamRolesAnywhere }
    }

    /// Checks what the plan could not check, of a cluster that did not exist then.
    fn check_version(&self) -> Result<()> {
        use framework::model::Text as _;
        let wanted = self.args.kubernetes_version.text();
        match super::plan::misfit(wanted, self.place.cluster.as_str(), &self.cluster.version) {
            None => Ok(()),
            Some(cause) => Err(Diagnostic::error("Version does not fit the cluster", cause)
                .at(framework::path::Path::attribute(Args::NAMES.kubernetes_version))
                .into()),
        }
    }
}

pub(super) async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
    super::notes::begun(cx);
    let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
    let site = Site::of(args, place, cx).await?;
    site.check_version()?;
    let host = reach::open(args.access(&site.place.region)?, cx).await?;
    join::join(&site, &*host).await
}

/// The id of this node's managed instance, as far as the state knows.
fn instance(state: &State<Node>) -> Option<&str> {
    state.outputs.managed_instance_id.as_deref()
}

/// A step on a host, with what it is called in messages.
type Dyn<'a> = &'a (dyn Host + 'a);
