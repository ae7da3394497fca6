//! The connection to a cluster: for changes, reads and deletions.

use std::time::{Duration, Instant};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::path::Path;
use framework::wait::{self, Seen, Wait};
use tokio_util::sync::CancellationToken;

use super::explain::{Need, unknown_configuration};
use super::place::{Place, SETTLE_TIMEOUT};
use super::{Access, Context};
use crate::attributes::{ClusterName, Region};
use crate::aws;
use crate::kube;

/// How long to wait for a cluster that EKS is creating. Source: the waiter ClusterActive (30 s × 40), plus a margin.
const CREATING_TIMEOUT: Duration = Duration::from_mins(30);
/// How long to wait for a cluster that EKS does not know: if the same apply creates it, it may appear a little later;
/// a wrong name should not cost half an hour.
const UNKNOWN_TIMEOUT: Duration = Duration::from_mins(5);

/// The connection for a read or a deletion.
#[derive(Debug)]
pub enum Connection {
    /// The cluster can be queried.
    Open(kube::Client),
    /// The cluster no longer exists, nor does anything in it.
    Gone,
    /// Nothing is known now, and the recorded state is kept. Holds the error for callers with no recorded state: the
    /// provider's configuration is unknown, or the cluster has no API server, as while EKS creates it or after it has
    /// failed.
    Unknown(Diagnostics),
}

/// Connects to the cluster's API for a change: waits until the cluster exists and is active, for the operation's
/// timeout if `timeouts` sets one, otherwise for 30 minutes while EKS creates it and for 5 while EKS does not know
/// it.
///
/// # Errors
/// The cluster does not become active in time, has failed, or cannot be described.
pub async fn connect(cluster: &ClusterName, region: Option<&Region>, cx: &Context) -> Result<kube::Client> {
    let clients = cx.clients()?;
    let wait = Wait {
        what: format!("cluster `{cluster}` to be active"),
        timeout: cx.time_left(CREATING_TIMEOUT),
        interval: Duration::from_secs(1),
        max_interval: Duration::from_secs(15),
    };
    let known_by = cx.deadline(UNKNOWN_TIMEOUT);
    let look = || async {
        Ok(match clients.access_to(cluster, region).await? {
            Access::Open(client) => Seen::Done(client),
            Access::NotReady(status) if status == "FAILED" => {
                return Err(Diagnostic::error(
                    format!("Cluster `{cluster}` has failed"),
                    "EKS could not create it (status FAILED), so it has no Kubernetes API. See the cluster's health issues, delete it and create it anew.",
                )
                .into());
            }
            Access::NotReady(status) => Seen::Pending(format!("its status is {status}")),
            Access::NoCluster(error) if Instant::now() >= known_by => {
                return Err(unknown(cluster, region, &error, cx).await);
            }
            Access::NoCluster(error) => Seen::Pending(error.to_string()),
            Access::Unknown(argument) => return Err(unknown_configuration(argument, Need::Cluster)),
        })
    };
    wait::until(cx, &wait, look).await
}

/// Connects to the cluster's API for a read: in its current state, without waiting. Nothing is known about a cluster
/// without an API server: a cluster that is `FAILED`, or is being recreated under the same name, does not remove its
/// resources from state.
///
/// # Errors
/// EKS cannot be queried.
pub async fn reach(cluster: &ClusterName, region: Option<&Region>, cx: &Context) -> Result<Connection> {
    Ok(match cx.clients()?.access_to(cluster, region).await? {
        Access::Open(client) => Connection::Open(client.for_reads()),
        Access::NoCluster(_) => Connection::Gone,
        Access::NotReady(status) => {
            let summary = format!("Cluster `{cluster}` cannot be asked");
            let cause = format!("Its status is {status}, and it has no Kubernetes API that could be asked.");
            cx.report(
                Diagnostic::warning(summary.clone(), cause.clone())
                    .left("What is recorded of its objects is kept as it is."),
            );
            Connection::Unknown(Diagnostic::error(summary, cause).into())
        }
        Access::Unknown(argument) => {
            tracing::info!(cluster = %cluster, "not looked at: `{argument}` of the provider is known only after apply");
            Connection::Unknown(unknown_configuration(argument, Need::Cluster))
        }
    })
}

/// The same for a deletion: a cluster without an API server holds nothing to delete.
///
/// # Errors
/// EKS cannot be queried.
pub async fn reach_to_remove(cluster: &ClusterName, region: Option<&Region>, cx: &Context) -> Result<Connection> {
    Ok(match cx.clients()?.access_to(cluster, region).await? {
        Access::Open(client) => Connection::Open(client.for_reads()),
        Access::NoCluster(_) | Access::NotReady(_) => Connection::Gone,
        Access::Unknown(argument) => Connection::Unknown(unknown_configuration(argument, Need::Cluster)),
    })
}

/// Connects to the cluster's API to list objects; `None` if the cluster does not exist, and so has none. What cannot be
/// known is an error: an empty list would say that there are no objects.
///
/// # Errors
/// EKS cannot be queried, or the cluster has no API server.
pub async fn reach_to_list(place: &Place, cx: &Context) -> Result<Option<kube::Client>> {
    let Place { cluster, region } = place;
    match cx.clients()?.access_to(cluster, Some(region)).await? {
        Access::Open(client) => Ok(Some(client.for_reads())),
        Access::NoCluster(_) => Ok(None),
        Access::NotReady(status) => {
            let cause = format!("Its status is {status}, and it has no Kubernetes API that could be asked.");
            Err(Diagnostic::error(format!("Cluster `{cluster}` cannot be asked"), cause).into())
        }
        Access::Unknown(argument) => Err(unknown_configuration(argument, Need::Cluster)),
    }
}

/// Looks up what a request whose response was lost left behind, or takes a change back, with a cancellation token of
/// its own that Terraform's stop does not cancel. `None`: unknown.
pub async fn settle<T>(client: &kube::Client, look: impl AsyncFnOnce(kube::Client) -> kube::Result<T>) -> Option<T> {
    let client = client.with_cancel(CancellationToken::new());
    tokio::time::timeout(SETTLE_TIMEOUT, look(client)).await.ok()?.ok()
}

/// Warns in a plan if the named cluster does not exist while one with a similar name does. Otherwise a missing
/// cluster is no reason for a warning: the same apply may create it.
pub async fn warn_of_near_name(cluster: &ClusterName, region: Option<&Region>, cx: &Context) {
    let Ok(clients) = cx.clients() else { return };
    // Any other error is reported by the step that needs the cluster.
    if !matches!(clients.access_to(cluster, region).await, Ok(Access::NoCluster(_))) {
        return;
    }
    let near = clusters(region, cx).await.into_iter().find(|name| names::differ_by(name, cluster.as_str(), 2));
    if let Some(near) = near {
        cx.report(
            Diagnostic::warning(
                format!("Cluster `{cluster}` does not exist yet"),
                format!(
                    "There is a cluster `{near}`. If that is the one, change the name; if `{cluster}` is made by the same apply, all is well."
                ),
            )
            .at(Path::attribute("cluster_name")),
        );
    }
}

/// Explains a cluster that EKS does not know: its `error`, and the existing clusters.
pub async fn unknown(cluster: &ClusterName, region: Option<&Region>, error: &aws::Error, cx: &Context) -> Diagnostics {
    let there = match clusters(region, cx).await {
        names if names.is_empty() => String::new(),
        names => {
            let told: Vec<String> = names.iter().take(10).map(|name| format!("`{name}`")).collect();
            format!(" There are: {}{}.", told.join(", "), if names.len() > 10 { ", …" } else { "" })
        }
    };
    Diagnostic::error(
        format!("There is no cluster `{cluster}`"),
        format!(
            "{error}.{there}\n\nCheck the name, the region and the account. If the same apply makes the cluster, refer to its resource (`aws_eks_cluster.NAME.name`), so that this comes after it, or raise `timeouts`."
        ),
    )
    .at(Path::attribute("cluster_name"))
    .into()
}

/// The existing clusters, as far as the caller may list them.
async fn clusters(region: Option<&Region>, cx: &Context) -> Vec<String> {
    let Some(aws) = cx.try_clients().and_then(crate::session::Clients::known_aws) else { return Vec::new() };
    let eks = aws.eks(region.map(Region::as_str));
    eks.list_clusters().await.unwrap_or_default()
}
