//! Waits until EKS has created or changed a local cluster.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::wait::{self, Seen, Wait};

use super::super::read::issues;
use crate::aws::eks::{Cluster, ClusterChange, UpdateStatus};
use crate::aws::{self, Kind};
use crate::session::place::Place;
use crate::session::{Context, explain};

/// How long a cluster that was just created may be unknown to EKS.
const UNKNOWN_FOR: Duration = Duration::from_mins(2);

/// How long EKS may be out of reach while it creates a cluster: an error would taint the cluster, and the next apply
/// replace it.
const OUT_OF_REACH_FOR: Duration = Duration::from_mins(10);

/// When EKS has answered last.
struct Answered(Mutex<Instant>);

impl Answered {
    fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_long_ago(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= OUT_OF_REACH_FOR
    }
}

/// Whether the same request may be answered a little later.
fn passes(error: &aws::Error) -> bool {
    matches!(error.kind(), Kind::Throttled | Kind::Unreachable { .. } | Kind::AnswerLost { .. })
        || error.status().is_some_and(|status| status >= 500)
}

/// The cluster once it is active.
pub(super) async fn active(place: &Place, timeout: Duration, cx: &Context) -> Result<Cluster> {
    let eks = place.eks(cx)?;
    let known_by = Instant::now() + UNKNOWN_FOR;
    let answered = Answered(Mutex::new(Instant::now()));
    let wait = Wait {
        what: format!("{place} to be active"),
        timeout: cx.time_left(timeout),
        interval: Duration::from_secs(1),
        max_interval: Duration::from_secs(20),
    };
    let look = || async {
        let answer = eks.describe_cluster(place.cluster.as_str()).await;
        if answer.is_ok() {
            answered.now();
        }
        match answer {
            Ok(found) => match found.status.as_str() {
                "ACTIVE" => Ok(Seen::Done(found)),
                "FAILED" => Err(failed(place, &found)),
                "DELETING" => Err(Diagnostic::error(
                    "Local cluster is being deleted",
                    format!("The status of {place} is DELETING: somebody else deletes it."),
                )
                .left("It is recorded in the state until it is gone.")
                .remedy("Apply again once it is gone.")
                .into()),
                status => Ok(Seen::Pending(format!("its status is {status}"))),
            },
            Err(error) if error.is_not_found() && Instant::now() < known_by => Ok(Seen::Pending(error.to_string())),
            Err(error) if passes(&error) && !answered.is_long_ago() => Ok(Seen::Pending(error.to_string())),
            Err(error) => {
                let left = "The cluster is recorded in the state.";
                Err(explain("Could not read the local cluster", &error, Some(left)))
            }
        }
    };
    wait::until(cx, &wait, look).await
}

fn failed(place: &Place, found: &Cluster) -> Diagnostics {
    Diagnostic::error(
        "Local cluster has failed",
        format!("EKS could not create {place}; its status is FAILED. {}", issues(&found.issues)),
    )
    .left("The failed cluster exists and is recorded in the state; it is of no use.")
    .remedy("Usual causes: the Outpost lacks capacity for the instance types, there are fewer hosts or racks than the spread level needs, a subnet has no free addresses, or it cannot reach the VPC endpoints. Remove the cause and apply again: the plan deletes the failed cluster and creates it anew.")
    .into()
}

/// Makes one change and waits until EKS has made it.
pub(super) async fn change(change: &ClusterChange, place: &Place, timeout: Duration, cx: &Context) -> Result<()> {
    let summary = "Could not change the local cluster";
    let left = "Changes before this one were made; the next plan shows what is missing.";
    let eks = place.eks(cx)?;
    let name = place.cluster.as_str();
    let begun = eks.change_cluster(name, change).await.map_err(|error| explain(summary, &error, Some(left)))?;
    let Some(begun) = begun else { return Ok(()) };
    let wait = Wait {
        what: format!("{place} to be changed"),
        timeout: cx.time_left(timeout),
        interval: Duration::from_secs(1),
        max_interval: Duration::from_secs(20),
    };
    let look = || async {
        let update = eks.cluster_update(name, &begun.id).await;
        let update = update.map_err(|error| explain(summary, &error, Some("The change has begun.")))?;
        match update.status {
            UpdateStatus::Successful => Ok(Seen::Done(())),
            UpdateStatus::InProgress => Ok(Seen::Pending(format!("update `{}` is in progress", begun.id))),
            UpdateStatus::Failed | UpdateStatus::Cancelled => Err(Diagnostic::error(
                summary,
                format!("Update `{}` of {place} did not succeed. {}", begun.id, issues(&update.errors)),
            )
            .left(left)
            .into()),
        }
    };
    wait::until(cx, &wait, look).await
}
