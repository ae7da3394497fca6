//! How a CNI is removed: first the release's objects are deleted, then aws-node is restored, then definitions are
//! deleted, and finally the release's record. After a failure, another destroy continues from there.

use std::time::{Duration, Instant};

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Span;
use framework::resource::State;

use crate::attributes::{ClusterName, Region};
use crate::cni::{
    calico::finalizers,
    cilium,
    product::{Product, Wanted},
};
use crate::kube::{
    Client, Resource,
    release::{Error, Failure, Left, Releases, Removal},
};
use crate::net::causes::chain;
use crate::resources::cni::{
    Args, Cni,
    apply::{
        cleanup::{After, Cleanup},
        site::progress,
    },
    aws_node, messages,
    notes::{self, unfinished},
    offline::is_ready,
};
use crate::session::{
    Context,
    cluster::{Connection, reach_to_remove},
};

/// How long the uninstall hook of Calico's operator may take, and its maximum share of the time (one in `HOOK_PART`).
/// Its Job waits for objects that others hold, and is known to never complete.
const HOOK_TIMEOUT: Duration = Duration::from_mins(5);
const HOOK_PART: u32 = 2;
/// Default timeout of a removal.
pub(crate) const DELETE_TIMEOUT: Duration = Duration::from_mins(10);

/// Shows in a plan which objects created by people a destroy deletes.
pub(crate) fn show(state: &State<Cni>, cx: &Context) {
    let Args { cleanup_on_destroy, cleanup_objects_on_destroy, .. } = &state.args;
    if *cleanup_on_destroy && *cleanup_objects_on_destroy {
        cx.report(Diagnostic::warning(
            "Objects of the CNI's kinds will be deleted",
            "`cleanup_objects_on_destroy` is set: custom resource definitions that the CNI created go with all their objects, network policies and address pools included. To keep them, set it to false and apply before the destroy.",
        ));
    }
}

pub(crate) async fn delete(state: &State<Cni>, cx: &Context) -> Result<()> {
    let outputs = &state.outputs;
    let (cluster, region) = (&outputs.cluster_name, &outputs.region);
    let client = match reach_to_remove(cluster, Some(region), cx).await? {
        Connection::Open(client) => client,
        Connection::Gone => {
            tracing::info!(%cluster, "the cluster is gone, and the CNI with it");
            return Ok(());
        }
        Connection::Unknown(why) => return Err(why),
    };
    let given = state.args.timeouts.as_ref().and_then(|timeouts| timeouts.delete.as_ref());
    let deadline = Instant::now() + given.map_or(DELETE_TIMEOUT, Span::duration);
    match take_away(state, &client, deadline, cx).await {
        Ok(()) => Ok(()),
        Err(faults) => {
            if is_being_deleted(cluster, region, cx).await {
                tracing::info!(%cluster, "the cluster is being deleted, and the CNI with it");
                return Ok(());
            }
            Err(faults)
        }
    }
}

pub(crate) async fn take_away(state: &State<Cni>, client: &Client, deadline: Instant, cx: &Context) -> Result<()> {
    let wanted = state.args.wanted().ok_or_else(|| Diagnostic::bug("Neither `cilium` nor `calico` is set."))?;
    let summary = format!("Could not remove {}", wanted.name());
    let (namespace, name) = (state.outputs.release_namespace.as_str(), state.outputs.release_name.as_str());
    let releases = Releases::new(client);
    let installed = match releases.current(namespace, name).await {
        Ok(installed) => installed.map(|revision| revision.release),
        Err(error) => return Err(messages::not_removed(&summary, &Failure::from(error), &wanted, cx).await),
    };
    let before = notes::before(installed.as_ref(), cx);
    let removal = Removing { wanted: &wanted, summary: &summary, client, releases: &releases, deadline, cx };
    removal.preflight(namespace, name).await?;
    let removed = removal.release(namespace, name).await;
    // Nodes without a CNI wait for it, whatever blocks the rest.
    let is_back = match &removed {
        Err(failure) if !matches!(failure.error, Error::StillThere { .. }) => Ok(()),
        _ => {
            let expected = state.args.remove_vpc_cni || unfinished(cx).is_some_and(|was_removed| was_removed);
            let release = format!("{namespace}/{name}");
            aws_node::restore(client, &release, expected, &summary, "The objects of the release are removed", cx).await
        }
    };
    if let Err(failure) = removed {
        let mut faults = messages::not_removed(&summary, &failure, &wanted, cx).await;
        faults.append(is_back.err().unwrap_or_default());
        return Err(faults);
    }
    is_back?;
    if state.args.cleanup_on_destroy {
        let cleanup = Cleanup {
            wanted: &wanted,
            before,
            pool: state.outputs.pod_cidrs.iter().cloned().collect(),
            with_objects: state.args.cleanup_objects_on_destroy,
            after: After::Destroy,
        };
        cleanup.run(client, removal.left(), cx).await?;
    }
    // Last: if an earlier step fails, another destroy continues.
    if let Err(error) = releases.forget(namespace, name).await {
        let failure = Failure { error, left: Left::Failed { revision: state.outputs.revision }, warnings: Vec::new() };
        return Err(messages::not_removed(&summary, &failure, &wanted, cx).await);
    }
    cx.report(hosts(&wanted, state.args.cleanup_on_destroy));
    Ok(())
}

/// What each step of a removal needs.
struct Removing<'a> {
    wanted: &'a Wanted,
    summary: &'a str,
    client: &'a Client,
    releases: &'a Releases,
    deadline: Instant,
    cx: &'a Context,
}

impl Removing<'_> {
    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Removes the release of an interrupted preflight check; one created by others is kept.
    async fn preflight(&self, namespace: &str, release: &str) -> Result<()> {
        if !matches!(self.wanted.product, Product::Cilium(_)) {
            return Ok(());
        }
        let name = format!("{release}{}", cilium::PREFLIGHT);
        let removed = match self.releases.current(namespace, &name).await {
            Ok(Some(found)) if found.entry.by_this_provider => {
                let removal = Removal { timeout: self.left(), disable_hooks: true, ..Removal::default() };
                self.releases.uninstall(namespace, &name, &removal, &progress).await.map(drop)
            }
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::from(error)),
        };
        match removed {
            Ok(()) => Ok(()),
            Err(failure) => Err(messages::not_removed(self.summary, &failure, self.wanted, self.cx).await),
        }
    }

    /// Deletes the objects of the release. Its record and its definitions are kept.
    async fn release(&self, namespace: &str, name: &str) -> std::result::Result<(), Failure> {
        let request = |source| {
            let doing = "look at the nodes, and at what finalizers of Calico's operator hold".to_owned();
            Failure::from(Error::Request { doing, source })
        };
        // When a whole system is destroyed, its nodes are removed first.
        let nodes = self.client.list(&Resource::NODE, None, None).await.map_err(request)?;
        let disable_hooks = !nodes.iter().any(is_ready);
        let is_operator = matches!(self.wanted.product, Product::Operator(_));
        let removal = Removal {
            timeout: self.left(),
            disable_hooks,
            hook_timeout: is_operator.then(|| HOOK_TIMEOUT.min(self.left() / HOOK_PART)),
            keep_definitions: true,
            keep_record: true,
            ..Removal::default()
        };
        if disable_hooks {
            tracing::info!("no node is Ready, so the release's hooks cannot run and are left out");
        }
        let mut ended = None;
        if !(disable_hooks && is_operator) {
            ended = Some(self.releases.uninstall(namespace, name, &removal, &progress).await);
        }
        if let Some(Err(failure)) = &ended
            && is_operator
            && matches!(failure.error, Error::Hook { .. })
        {
            self.cx.report(hook_skipped(failure));
            ended = None;
        }
        let removed = if let Some(ended) = ended {
            ended?
        } else {
            // The operator cannot run, and nothing else removes its finalizers.
            let at_once = Removal { timeout: self.left(), wait: false, disable_hooks: true, ..removal.clone() };
            self.releases.uninstall(namespace, name, &at_once, &progress).await?;
            finalizers::free(self.client).await.map_err(request)?;
            let removal = Removal { timeout: self.left(), disable_hooks: true, ..removal };
            self.releases.uninstall(namespace, name, &removal, &progress).await?
        };
        let Some(removed) = removed else {
            tracing::info!("the release is gone already");
            return Ok(());
        };
        messages::warn(&removed.warnings, self.cx);
        let stays: Vec<String> = removed.kept.into_iter().chain(removed.not_ours).collect();
        if !stays.is_empty() {
            self.cx.report(Diagnostic::warning(
                "Some objects of the release stay",
                format!("They are marked to be kept, or belong to somebody else by now: {}.", stays.join(", ")),
            ));
        }
        Ok(())
    }
}

/// The operator's own removal failed; its objects are deleted without it.
fn hook_skipped(failure: &Failure) -> Diagnostic {
    Diagnostic::warning(
        "Calico's uninstall hook was skipped",
        format!(
            "{}. The hook asks Calico's operator to remove what it created. Because it did not complete, the operator is removed first, its own finalizers are taken from its objects, and Kubernetes deletes what these own. Finalizers of others stay.",
            messages::capital(&chain(&failure.error))
        ),
    )
}

/// What is left on the hosts, which a destroy does not reach.
fn hosts(wanted: &Wanted, is_cleaned: bool) -> Diagnostic {
    let hosts = match wanted.product {
        Product::Cilium(_) => "the links cilium_host, cilium_net and cilium_vxlan, the routes into the pods' networks",
        Product::Operator(_) | Product::Manifest(_) => "the link vxlan.calico, the routes into the pods' networks",
    };
    let definitions = if is_cleaned {
        String::new()
    } else {
        format!(" The custom resource definitions of {} stay in the cluster, with their objects.", wanted.name())
    };
    Diagnostic::warning(
        format!("{} leaves files and routes on the hosts", wanted.name()),
        format!(
            "Each node that has run it keeps {hosts}, and its files in /etc/cni/net.d and /opt/cni/bin. Remove the files and restart the node before another CNI takes its place.{definitions}"
        ),
    )
}

/// Whether the cluster is being deleted: its API server may then no longer exist.
pub(crate) async fn is_being_deleted(cluster: &ClusterName, region: &Region, cx: &Context) -> bool {
    let Some(aws) = cx.try_clients().and_then(crate::session::Clients::known_aws) else { return false };
    match aws.eks(Some(region.as_str())).cluster(cluster.as_str()).await {
        Ok(found) => found.status == "DELETING",
        Err(error) => error.is_not_found(),
    }
}
