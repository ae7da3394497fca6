//! Grants and removes the nodes' access: one entry, by the method that the cluster's authentication mode allows.
//!
//! | step | when it fails |
//! |---|---|
//! | wait for the cluster | nothing was created |
//! | look for an existing entry | it is never adopted; if the caller may not read entries, EKS itself refuses a second one |
//! | create the access entry, or the entry in aws-auth | nothing was created; after a lost response, what exists is looked up and recorded |
//! | change its tags | the next plan shows the difference |
//! | remove it | it stays in the state; another destroy continues |

mod entry;
mod map;

use std::sync::Arc;
use std::time::{Duration, Instant};

use framework::diagnostic::{Diagnostic, Result};
use framework::path::Path;
use framework::resource::State;
use framework::wait::{self, Seen, Wait};

use super::{Args, Method, NodeAccess, Outputs, plan};
use crate::aws::eks::Cluster;
use crate::session::place::Place;
use crate::session::{Context, cluster, explain};

const NOT_REMOVED: &str = "Could not take the nodes' access away";
const NOT_GIVEN: &str = "Could not give the nodes access";
/// How long to wait for a cluster that EKS is creating. Source: the waiter ClusterActive (30 s × 40), plus a margin.
const CREATING_TIMEOUT: Duration = Duration::from_mins(30);
/// How long to wait for a cluster that EKS does not know.
const UNKNOWN_TIMEOUT: Duration = Duration::from_mins(5);

pub(super) async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
    let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
    let cluster = active(&place, cx).await?;
    let method = match plan::choose(args.method, cluster.authentication_mode.as_deref()) {
        Ok(method) => method,
        Err(why) => return Err(plan::refused(&place, &why).into()),
    };
    match method {
        Method::AwsAuth => map::create(args, place, cx).await,
        _ => entry::create(args, place, cx).await,
    }
}

pub(super) async fn update(prior: &State<NodeAccess>, args: &Args, cx: &Context) -> Result<Outputs> {
    match prior.outputs.effective_method {
        Method::AwsAuth => map::repair(prior, cx).await,
        _ => entry::change_tags(prior, args, cx).await,
    }
}

pub(super) async fn delete(state: &State<NodeAccess>, cx: &Context) -> Result<()> {
    if state.outputs.effective_method == Method::AccessEntry {
        return entry::remove(state, cx).await;
    }
    map::remove(state, cx).await
}

/// Waits until the cluster exists and is active. An access entry does not need the Kubernetes API.
async fn active(place: &Place, cx: &Context) -> Result<Arc<Cluster>> {
    let eks = place.eks(cx)?;
    let known_by = cx.deadline(UNKNOWN_TIMEOUT);
    let wait = Wait {
        what: format!("cluster `{}` to be active", place.cluster),
        timeout: cx.time_left(CREATING_TIMEOUT),
        interval: Duration::from_secs(1),
        max_interval: Duration::from_secs(15),
    };
    let look = || async {
        match eks.cluster(place.cluster.as_str()).await {
            Ok(cluster) => match cluster.status.as_str() {
                "ACTIVE" | "UPDATING" => Ok(Seen::Done(cluster)),
                "FAILED" | "DELETING" => Err(Diagnostic::error(
                    NOT_GIVEN,
                    format!(
                        "The status of {place} is {}, so nothing can join it. Nothing was created.",
                        cluster.status
                    ),
                )
                .at(Path::attribute(Args::NAMES.cluster_name))
                .into()),
                status => Ok(Seen::Pending(format!("its status is {status}"))),
            },
            Err(error) if error.is_not_found() && Instant::now() < known_by => Ok(Seen::Pending(error.to_string())),
            Err(error) if error.is_not_found() => {
                Err(cluster::unknown(&place.cluster, Some(&place.region), &error, cx).await)
            }
            Err(error) => Err(explain("Could not look at the cluster", &error, None)),
        }
    };
    wait::until(cx, &wait, look).await
}

/// What a failed removal leaves behind. `is_uncertain`: the request was in flight.
fn still_there(is_uncertain: bool) -> &'static str {
    if is_uncertain {
        "The access is still recorded in the state; the next plan shows whether it exists."
    } else {
        "The access still exists and is recorded in the state."
    }
}
