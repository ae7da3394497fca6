//! One cluster during an operation: how aws-node is found, who owns it, and why work stops.

use std::time::{Duration, Instant};

use framework::diagnostic::{Diagnostics, Result};
use framework::wait::{self, Seen, Wait};
use serde_json::Value as Json;

use super::daemon_set::{self, NAME, NAMESPACE};
use super::version;
use super::{Args, ManagedBy, Outputs, Owner, addon};
use crate::attributes::{ClusterName, Region};
use crate::aws::eks::{self, Addon};
use crate::kube::{self, Client, Kind};
use crate::session::cluster::connect;
use crate::session::explain::{explain_kube, explained as told};
use crate::session::place::Place;
use crate::session::{Context, explain};

/// Default timeout of a change.
const CHANGE_TIMEOUT: Duration = Duration::from_mins(20);
/// Number of attempts for a write if the object has changed since it was read. Its status changes often.
pub(super) const ATTEMPTS: u32 = 20;
pub(super) const SUMMARY: &str = "Could not configure the VPC CNI";

/// One cluster, and what an operation needs of it.
pub(super) struct Site<'a> {
    pub(super) client: Client,
    pub(super) cluster: ClusterName,
    pub(super) region: Region,
    pub(super) mode: ManagedBy,
    pub(super) deadline: Instant,
    pub(super) cx: &'a Context,
}

impl Site<'_> {
    pub(super) fn eks(&self) -> Result<eks::Client> {
        Ok(self.cx.clients()?.aws()?.eks(Some(self.region.as_str())))
    }

    pub(super) fn wait(&self, what: String) -> Wait {
        Wait {
            what,
            timeout: self.deadline.saturating_duration_since(Instant::now()),
            interval: Duration::from_millis(500),
            max_interval: Duration::from_secs(10),
        }
    }

    /// The add-on; `None` if the cluster has none. EKS is not queried if the configuration names the DaemonSet.
    pub(super) async fn addon(&self) -> Result<Option<Addon>> {
        addon_of(&self.cluster, &self.region, self.mode, self.cx).await
    }

    pub(super) async fn told<T>(&self, result: kube::Result<T>, left: Option<&str>) -> Result<T> {
        told(result, SUMMARY, left, self.cx).await
    }
}

pub(super) async fn addon_of(
    cluster: &ClusterName,
    region: &Region,
    mode: ManagedBy,
    cx: &Context,
) -> Result<Option<Addon>> {
    if mode == ManagedBy::DaemonSet {
        return Ok(None);
    }
    let eks = cx.clients()?.aws()?.eks(Some(region.as_str()));
    match eks.addon(cluster.as_str(), addon::NAME).await {
        Ok(addon) => Ok(Some(addon)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => {
            let faults = explain("Could not find out what owns aws-node", &error, None);
            Err(faults
                .remedy("To set the DaemonSet without asking EKS for the add-on, set `managed_by = \"daemonset\"`."))
        }
    }
}

/// aws-node in a cluster.
pub(super) struct Found {
    pub(super) daemon_set: Json,
    pub(super) addon: Option<Addon>,
}

impl Found {
    pub(super) fn owner(&self) -> Owner {
        if self.addon.is_some() { Owner::Addon } else { Owner::DaemonSet }
    }

    pub(super) fn outputs(&self, site: &Site<'_>, args: &Args) -> Outputs {
        outputs(&self.daemon_set, self.owner(), args.managed_by, &site.cluster, &site.region)
    }
}

pub(super) fn outputs(
    daemon_set: &Json,
    owner: Owner,
    mode: Option<ManagedBy>,
    cluster: &ClusterName,
    region: &Region,
) -> Outputs {
    Outputs {
        cluster_name: cluster.clone(),
        version: version::of(daemon_set).map(|version| version.to_string()),
        effective_environment: daemon_set::environment(daemon_set),
        // A configured `auto` stays `auto`.
        managed_by: if mode == Some(ManagedBy::Auto) { ManagedBy::Auto } else { owner.into() },
        region: region.clone(),
    }
}

/// Waits for aws-node, and for the add-on if the configuration names it.
pub(super) async fn find(site: &Site<'_>) -> Result<Found> {
    let cluster = &site.cluster;
    let wait = site.wait(format!("aws-node in cluster `{cluster}`"));
    let look = || async {
        let addon = site.addon().await?;
        if let Some(addon) = &addon {
            if matches!(addon.status.as_str(), "CREATING" | "UPDATING" | "DELETING") {
                return Ok(Seen::Pending(format!("add-on vpc-cni is {}", addon.status)));
            }
        } else if site.mode == ManagedBy::Addon {
            return Ok(Seen::Pending(format!(
                "cluster `{cluster}` has no add-on vpc-cni. `managed_by = \"addon\"` waits for it: add it (`aws_eks_addon`), or leave `managed_by` out to set the DaemonSet"
            )));
        }
        match site.told(daemon_set::find(&site.client).await, None).await? {
            Some(daemon_set) => Ok(Seen::Done(Found { daemon_set, addon })),
            None => match addon {
                Some(addon) if addon.status == "CREATE_FAILED" => Err(addon::failed(cluster, &addon)),
                _ => Ok(Seen::Pending(format!(
                    "there is no DaemonSet {NAMESPACE}/{NAME} in cluster `{cluster}`. A cluster made with `bootstrap_self_managed_addons = false` gets it with the add-on vpc-cni (`aws_eks_addon`); where another CNI took its place there is nothing to configure"
                ))),
            },
        }
    };
    wait::until(site.cx, &wait, look).await
}

/// Connects to the cluster for a change.
pub(super) async fn open<'a>(args: &Args, place: Place, cx: &'a Context) -> Result<Site<'a>> {
    let Place { cluster, region } = place;
    let client = connect(&cluster, Some(&region), cx).await?;
    // Time spent waiting for a cluster that is being created counts only against a configured timeout, which covers the
    // whole operation.
    let deadline = cx.deadline(CHANGE_TIMEOUT);
    let mode = args.managed_by.unwrap_or(ManagedBy::Auto);
    Ok(Site { client, cluster, region, mode, deadline, cx })
}

/// Why a write did not complete.
pub(super) enum Stopped {
    /// The object has changed since it was read.
    Changed,
    Told(Diagnostics),
}

impl From<Diagnostics> for Stopped {
    fn from(faults: Diagnostics) -> Self {
        Self::Told(faults)
    }
}

/// Explains an error of a write, unless the write can be retried.
pub(super) async fn stopped<T>(
    result: kube::Result<T>,
    summary: &str,
    left: Option<&str>,
    cx: &Context,
) -> std::result::Result<T, Stopped> {
    match result {
        Ok(value) => Ok(value),
        Err(error) if *error.kind() == Kind::Changed => Err(Stopped::Changed),
        Err(error) => Err(Stopped::Told(explain_kube(summary, &error, left, cx).await)),
    }
}
