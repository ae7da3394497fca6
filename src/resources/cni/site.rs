//! One cluster, and what every change asks of it.

use std::time::{Duration, Instant};

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Span;
use framework::wait::{self, Seen, Wait};
use serde_json::Value as Json;

use super::definitions::SHARED_GROUPS;
use super::wanted::{Ready, Wanted};
use super::{Args, notes};
use crate::attributes::cluster::{connect, told as told_kube};
use crate::attributes::{ClusterName, Region};
use crate::kube::release::{CustomResources, Options, Releases};
use crate::kube::{Client, Resource};
use crate::provider::Context;

/// How long a change may take, when nothing else is said.
pub(super) const CHANGE_TIMEOUT: Duration = Duration::from_mins(20);

/// One cluster, and what is asked of it.
pub(super) struct Site<'a> {
    pub(super) client: Client,
    pub(super) releases: Releases,
    pub(super) cluster: ClusterName,
    pub(super) region: Region,
    pub(super) wanted: Wanted,
    pub(super) deadline: Instant,
    pub(super) cx: &'a Context,
}

impl Site<'_> {
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    pub(super) fn options(&self, args: &Args, waits: bool) -> Options {
        Options {
            atomic: args.atomic && waits,
            wait: waits,
            create_namespace: true,
            timeout: self.left(),
            crds: CustomResources::Always,
            labels: notes::labels_to_add(self.cx),
            keep_definitions: true,
            shared_groups: SHARED_GROUPS,
            rewrite: self.wanted.rewrite(),
            ..Options::new(self.wanted.namespace(), self.wanted.release())
        }
    }

    pub(super) fn selector(&self) -> Option<String> {
        let labels = self.wanted.node_selector();
        let parts: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        (!parts.is_empty()).then(|| parts.join(","))
    }

    /// How many nodes the CNI is for, and how many of them are Ready.
    pub(super) async fn nodes(&self, summary: &str) -> Result<(usize, usize)> {
        let selector = self.selector();
        let listed = self.client.list(&Resource::NODE, None, selector.as_deref()).await;
        let nodes = told_kube(listed, summary, None, self.cx).await?;
        Ok((nodes.len(), nodes.iter().filter(|node| is_ready(node)).count()))
    }
}

pub(super) fn is_ready(node: &Json) -> bool {
    let conditions = node.pointer("/status/conditions").and_then(Json::as_array);
    conditions.into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True")
}

pub(super) fn progress(text: &str) {
    tracing::info!("{text}");
}

pub(super) async fn open<'a>(
    args: &Args,
    cluster: ClusterName,
    region: Region,
    given: Option<&Span>,
    cx: &'a Context,
) -> Result<Site<'a>> {
    let given = given.map(Span::duration);
    let begun = Instant::now();
    let client = connect(&cluster, Some(&region), given, cx).await?;
    // The time of a cluster that is made counts when somebody has said how long all of it may take.
    let deadline = given.map_or_else(|| Instant::now() + CHANGE_TIMEOUT, |given| begun + given);
    let wanted = Wanted::of(args).ok_or_else(|| Diagnostic::bug("Neither `cilium` nor `calico` is set."))?;
    let releases = Releases::new(&client);
    Ok(Site { client, releases, cluster, region, wanted, deadline, cx })
}

pub(super) async fn ready(site: &Site<'_>, pod_cidrs: &[String], first_minor: Option<&str>) -> Result<Ready> {
    let charts = site.cx.clients()?.charts().ok_or_else(|| {
        Diagnostic::error(
            "Provider configuration not known yet",
            "An argument of the provider's configuration that is needed to fetch charts is known only after apply.",
        )
    })?;
    site.wanted.ready(charts, pod_cidrs, first_minor).await
}

pub(super) async fn wait_for_nodes(site: &Site<'_>, args: &Args, summary: &str) -> Result<()> {
    let Some(count) = args.wait_for_nodes.and_then(|count| usize::try_from(count.get()).ok()) else { return Ok(()) };
    let wait = Wait {
        what: format!("{count} nodes of cluster `{}` to be Ready", site.cluster),
        timeout: site.left(),
        interval: Duration::from_millis(500),
        max_interval: Duration::from_secs(10),
    };
    let look = || async {
        let (all, ready) = site.nodes(summary).await?;
        if ready >= count {
            return Ok(Seen::Done(()));
        }
        Ok(Seen::Pending(format!("{ready} of {all} nodes of the node selector are Ready")))
    };
    wait::until(site.cx, &wait, look).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nodes_that_are_ready() {
        let node = |status: &str| json!({ "status": { "conditions": [{ "type": "Ready", "status": status }] } });
        assert!(is_ready(&node("True")));
        assert!(!is_ready(&node("Unknown")) && !is_ready(&json!({})));
    }
}
