//! Moving the pods off a node.

use std::time::Duration;

use framework::diagnostic::Result;
use framework::model::Span;

use crate::attributes::ClusterName;
use crate::kube::{self, DrainOptions};
use crate::resources::node::Args;
use crate::session::Context;
use crate::session::explain::{drained, explained};

/// How long a drain may take.
const DRAIN_TIMEOUT: Duration = Duration::from_mins(15);
/// The kubelet of a host that is off ends no pod: a drain skips pods that have been terminating for this long.
const SILENT: Duration = Duration::from_secs(30);

/// Cordons the node and evicts its pods. `is_alive`: whether its kubelet can end them.
pub(super) async fn drain(
    args: &Args,
    client: &kube::Client,
    (node, cluster): (&str, &ClusterName),
    is_alive: bool,
    cx: &Context,
) -> Result<()> {
    let settings = args.drain.as_ref();
    let grace = settings.and_then(|drain| drain.grace_period.as_ref());
    let options = DrainOptions {
        force: settings.is_some_and(|drain| drain.force),
        delete_emptydir_data: settings.is_some_and(|drain| drain.delete_emptydir_data),
        grace_period_seconds: grace.and_then(|span| u32::try_from(span.duration().as_secs()).ok()),
        skip_wait_for_delete: (!is_alive).then_some(SILENT),
    };
    let timeout = settings.and_then(|drain| drain.timeout.as_ref()).map_or(DRAIN_TIMEOUT, Span::duration);
    let timeout = cx.time_left(timeout).min(timeout);
    let report = |step: kube::drain::DrainStep| tracing::info!(node, "drain: {step}");
    let outcome = client.drain(node, &options, timeout, &report).await;
    drained(outcome, node, cluster.as_str(), cx).await.map(drop)
}

/// Makes the node schedulable again.
pub(super) async fn uncordon(client: &kube::Client, node: &str, cx: &Context) -> Result<()> {
    explained(client.uncordon(node).await, "Could not make the node schedulable again", None, cx).await.map(drop)
}
