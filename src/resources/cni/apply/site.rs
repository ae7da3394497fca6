//! One cluster, and what every change needs of it.

use std::time::{Duration, Instant};

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Span;
use framework::resource::State;
use framework::wait::{self, Seen, Wait};
use helm::Release;

use crate::attributes::{ClusterName, Region};
use crate::cni::{definitions::SHARED_GROUPS, fingerprint::minor_of, prepared::Loaded, product::Wanted};
use crate::kube::{
    Client, Resource,
    release::{CustomResources, Objects, Options, Releases},
};
use crate::resources::cni::{Args, Cni, Outputs, aws_node, messages, notes, offline, read::Observed};
use crate::session::{Context, cluster::connect, explain::explained};

/// Default timeout of a change.
const CHANGE_TIMEOUT: Duration = Duration::from_mins(20);
/// Time per node: Cilium's DaemonSet replaces the pods of two nodes at a time, which takes about a minute.
const NODE_TIMEOUT: Duration = Duration::from_secs(30);

/// Default timeout of a change on this many nodes.
fn change_timeout(nodes: usize) -> Duration {
    CHANGE_TIMEOUT.max(NODE_TIMEOUT.saturating_mul(u32::try_from(nodes).unwrap_or(u32::MAX)))
}

/// `begun` plus `span`, capped at a year if that cannot be represented.
pub(crate) fn later(begun: Instant, span: Duration) -> Instant {
    const YEAR: Duration = Duration::from_hours(24 * 365);
    begun.checked_add(span).unwrap_or_else(|| begun + YEAR)
}

/// One cluster, and what an operation needs of it.
pub(crate) struct Site<'a> {
    pub(crate) client: Client,
    pub(crate) releases: Releases,
    pub(crate) cluster: ClusterName,
    pub(crate) region: Region,
    pub(crate) wanted: Wanted,
    pub(crate) deadline: Instant,
    /// Without a configured timeout: the time from which the default one counts.
    unsaid_since: Option<Instant>,
    pub(crate) cx: &'a Context,
}

impl Site<'_> {
    /// The place to remove aws-node from.
    pub(crate) fn aws_node(&self) -> aws_node::For<'_> {
        let Self { client, cluster, region, wanted, cx, .. } = self;
        aws_node::For { client, cluster, region, wanted, cx }
    }

    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Extends the default timeout by the number of nodes; a configured one is kept.
    pub(crate) fn allow_for(&mut self, nodes: usize) {
        if let Some(since) = self.unsaid_since {
            self.deadline = later(since, change_timeout(nodes));
        }
    }

    /// Options of a change. Without nodes there are no pods to wait for.
    pub(crate) fn options(&self, args: &Args, nodes: usize) -> Options {
        Options {
            atomic: args.atomic,
            wait: args.wait && nodes > 0,
            pass_over_offline: true,
            create_namespace: true,
            timeout: self.left(),
            crds: CustomResources::Always,
            keep_definitions: true,
            shared_groups: SHARED_GROUPS,
            rewrite: self.wanted.rewrite(),
            labels: notes::labels_to_add(self.cx).into_iter().chain(self.wanted.ever_hidden().labels()).collect(),
            ..Options::new(self.wanted.namespace(), self.wanted.release())
        }
    }

    pub(crate) fn selector(&self) -> Option<String> {
        let labels = self.wanted.node_selector();
        let parts: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        (!parts.is_empty()).then(|| parts.join(","))
    }

    /// Number of nodes the CNI is for, and how many of them are Ready.
    pub(crate) async fn nodes(&self, summary: &str) -> Result<(usize, usize)> {
        let selector = self.selector();
        let listed = self.client.list(&Resource::NODE, None, selector.as_deref()).await;
        let nodes = explained(listed, summary, None, self.cx).await?;
        Ok((nodes.len(), nodes.iter().filter(|node| offline::is_ready(node)).count()))
    }
}

pub(crate) fn progress(text: &str) {
    tracing::info!("{text}");
}

pub(crate) async fn open<'a>(
    args: &Args,
    cluster: ClusterName,
    region: Region,
    given: Option<&Span>,
    cx: &'a Context,
) -> Result<Site<'a>> {
    let given = given.map(Span::duration);
    let begun = Instant::now();
    let client = connect(&cluster, Some(&region), cx).await?;
    // Time spent waiting for a cluster that is being created counts only against a configured timeout, which covers the
    // whole operation.
    let now = Instant::now();
    let deadline = given.map_or_else(|| later(now, CHANGE_TIMEOUT), |given| later(begun, given));
    let unsaid_since = given.is_none().then_some(now);
    let wanted = args.wanted().ok_or_else(|| Diagnostic::bug("Neither `cilium` nor `calico` is set."))?;
    let wanted = wanted.noting(notes::hidden(cx));
    notes::note_hidden(&wanted.ever_hidden(), cx);
    let releases = Releases::new(&client);
    Ok(Site { client, releases, cluster, region, wanted, deadline, unsaid_since, cx })
}

pub(crate) async fn load(site: &Site<'_>, pod_cidrs: &[String], first_minor: Option<&str>) -> Result<Loaded> {
    let charts = site.cx.clients()?.charts()?;
    let loaded = site.wanted.load(charts, pod_cidrs, first_minor).await;
    loaded.map_err(|error| messages::unprepared(error, &site.wanted))
}

pub(crate) async fn wait_for_nodes(site: &Site<'_>, args: &Args, summary: &str) -> Result<()> {
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

pub(crate) fn outputs(site: &Site<'_>, release: &Release, objects: &Objects, prior: Option<&State<Cni>>) -> Outputs {
    let first = prior
        .map_or_else(|| minor_of(&release.chart.metadata.version), |prior| prior.outputs.first_minor_version.clone());
    let given = prior.map(|prior| prior.outputs.pod_cidrs.clone()).or_else(|| site.wanted.pod_cidrs());
    let observed = Observed { cluster: &site.cluster, region: &site.region, first };
    observed.outputs(&site.wanted, release, objects, given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_nodes_take_longer() {
        for (nodes, minutes) in [(0, 20), (40, 20), (100, 50), (1_000, 500)] {
            assert_eq!(change_timeout(nodes), Duration::from_mins(minutes), "{nodes}");
        }
        let now = Instant::now();
        assert_eq!(later(now, Duration::from_secs(5)), now + Duration::from_secs(5));
        assert!(later(now, Duration::MAX) > now);
    }
}
