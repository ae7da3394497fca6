//! A check at work: create the service and the pods that answer, wait for them, create the pods that ask, wait for
//! them, read their messages, and delete everything, whatever happened.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::answers::Answers;
use super::objects::{Addresses, Role, Run, ends};
use super::{Check, CheckOptions, CheckReport, CheckStep, Checked, LABEL, MOST_NODES, Outcome, obstacle};
use crate::kube::client::Client;
use crate::kube::error::{Attempt, Error, Kind, Result, Verb};
use crate::kube::node::Node;
use crate::kube::object::{Resource, name as object_name};
use crate::kube::pod;
use crate::kube::request::Call;
use crate::kube::watch::Seen;

/// Pods that are created at a time.
const AT_ONCE: usize = 8;
/// What is kept of the time for the pods that ask, and the part of the whole that this is at most.
const ASKING: (Duration, u32) = (Duration::from_secs(90), 2);
/// How long deleting the objects may take, also after Terraform has asked to stop.
const CLEANING: Duration = Duration::from_secs(30);
/// How long to look for the reason why one pod has not started.
const REASON: Duration = Duration::from_secs(5);
/// How long after a run has ended at the latest its objects may be deleted by another.
const MARGIN: SignedDuration = SignedDuration::from_mins(2);

type Report<'a> = &'a (dyn Fn(CheckStep) + Send + Sync);
/// Pods of a run, by name.
type Pods = BTreeMap<String, Json>;

impl Client {
    /// Checks the network between the selected nodes, and says what of the check could not be deleted, and why. What a
    /// run that was killed has left is deleted first, once that run has ended in any case.
    ///
    /// # Errors
    /// Those of the requests. Pods that do not start are no error but a part of the report.
    pub async fn check_network(&self, options: &CheckOptions, report: Report<'_>) -> (Result<Check>, Option<String>) {
        let deadline = Instant::now().checked_add(options.timeout);
        let (nodes, skipped) = match self.chosen(options).await {
            Ok(chosen) => chosen,
            Err(error) => return (Err(error), None),
        };
        report(CheckStep::Chosen { nodes: nodes.len(), skipped: skipped.clone() });
        if nodes.is_empty() {
            return (Ok(Check::NoNode(skipped)), None);
        }
        if nodes.len() > MOST_NODES {
            return (Ok(Check::TooMany(nodes.len())), None);
        }
        self.sweep(&options.namespace).await;
        let length = SignedDuration::try_from(options.timeout).unwrap_or(SignedDuration::from_hours(1));
        let run = Run {
            name: format!("network-check-{:08x}", fastrand::u32(..)),
            ends: Timestamp::now().saturating_add(length.saturating_add(MARGIN)).unwrap_or(Timestamp::MAX),
            options,
        };
        let service = self.create(&Resource::SERVICE, Some(&options.namespace), &run.service()).await;
        let checked = match service {
            Ok(service) => self.check(&run, &nodes, &service, deadline, report).await,
            // Nothing was created, and what already has the name is another's.
            Err(error)
                if matches!(error.kind(), Kind::AlreadyExists | Kind::Forbidden { .. } | Kind::Invalid { .. }) =>
            {
                return (Err(error), None);
            }
            Err(error) => Err(error),
        };
        let left = self.clean(&run).await;
        if left.is_none() {
            report(CheckStep::CleanedUp);
        }
        (checked.map(|checked| Check::Done(CheckReport { skipped, ..checked })), left)
    }

    /// The nodes to check, by name, and why others are not.
    async fn chosen(&self, options: &CheckOptions) -> Result<(Vec<Node>, BTreeMap<String, String>)> {
        let (mut nodes, mut skipped) = (Vec::new(), BTreeMap::new());
        for node in self.nodes(options.selector.as_deref()).await? {
            match obstacle(&node, &options.tolerations) {
                Some(why) => drop(skipped.insert(node.name, why)),
                None => nodes.push(node),
            }
        }
        nodes.sort_by(|one, other| one.name.cmp(&other.name));
        Ok((nodes, skipped))
    }

    async fn check(
        &self,
        run: &Run<'_>,
        nodes: &[Node],
        service: &Json,
        deadline: Option<Instant>,
        report: Report<'_>,
    ) -> Result<CheckReport> {
        let namespace = run.options.namespace.as_str();
        let mut seen = Watched {
            client: self,
            events: self.watched_in(&Resource::POD, namespace, run.selector()),
            pods: Pods::new(),
        };
        let everyone: Vec<usize> = (0..nodes.len()).collect();
        let pods: Vec<Json> =
            everyone.iter().map(|number| run.server(&nodes[*number].name, *number, service)).collect();
        self.create_pods(run, &pods).await?;
        let reserve = (run.options.timeout / ASKING.1).min(ASKING.0);
        let mut last = usize::MAX;
        let started = |pods: &Pods| {
            let is_running = |number: &&usize| address(pods.get(&run.pod_name(Role::Server, **number))).is_some();
            let running = everyone.iter().filter(is_running).count();
            if std::mem::replace(&mut last, running) != running {
                report(CheckStep::Serving { running, of: nodes.len() });
            }
            everyone.iter().all(|number| pods.get(&run.pod_name(Role::Server, *number)).is_some_and(is_settled))
        };
        seen.until(deadline.and_then(|deadline| deadline.checked_sub(reserve)), started).await?;

        let servers: Vec<Option<String>> =
            everyone.iter().map(|number| address(seen.pods.get(&run.pod_name(Role::Server, *number)))).collect();
        let node_port = &service["spec"]["ports"][0]["nodePort"];
        let addresses = Addresses {
            pods: servers.clone(),
            nodes: nodes.iter().map(|node| node.internal_ip.clone()).collect(),
            service: service["spec"]["clusterIP"].as_str().unwrap_or_default().to_owned(),
            node_port: node_port.as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or_default(),
        };
        let asking: Vec<usize> = everyone.iter().copied().filter(|number| servers[*number].is_some()).collect();
        let pods: Vec<Json> =
            asking.iter().map(|number| run.asker(&nodes[*number].name, *number, service, &addresses)).collect();
        self.create_pods(run, &pods).await?;
        let mut last = usize::MAX;
        let finished = |pods: &Pods| {
            let ended = |number: &&usize| pods.get(&run.pod_name(Role::Asker, **number)).is_some_and(has_ended);
            let finished = asking.iter().filter(ended).count();
            if std::mem::replace(&mut last, finished) != finished {
                report(CheckStep::Asking { finished, of: asking.len() });
            }
            finished == asking.len()
        };
        seen.until(deadline, finished).await?;

        let mut checked = Vec::new();
        for (number, node) in nodes.iter().enumerate() {
            let server = seen.pods.get(&run.pod_name(Role::Server, number));
            let asker = seen.pods.get(&run.pod_name(Role::Asker, number));
            let outcome = match &servers[number] {
                None => Outcome::NotStarted(self.why(server, namespace).await),
                Some(_) => match asker.and_then(message).and_then(|message| Answers::of(message, nodes.len())) {
                    Some(answers) => Outcome::Answers(answers),
                    None if asker.is_some_and(has_ended) => Outcome::NotFinished(ended(asker)),
                    None if address(asker).is_some() => Outcome::NotFinished("it was still asking".to_owned()),
                    None => Outcome::NotStarted(self.why(asker, namespace).await),
                },
            };
            // It may have ended a question above, which would read like a fault of the network.
            self.end_if_stopped()?;
            checked.push(Checked { node: node.name.clone(), pod_address: servers[number].clone(), outcome });
        }
        Ok(CheckReport { nodes: checked, node_port: addresses.node_port, ..CheckReport::default() })
    }

    /// An error if Terraform has asked to stop.
    fn end_if_stopped(&self) -> Result<()> {
        if !self.cancel.is_cancelled() {
            return Ok(());
        }
        let attempt = Attempt::new(Verb::Wait, "the pods of a network check");
        Err(Error::new(Kind::Cancelled { may_exist: false }, attempt, self.cluster()))
    }

    async fn create_pods(&self, run: &Run<'_>, pods: &[Json]) -> Result<()> {
        let (resource, namespace) = (Resource::POD, Some(run.options.namespace.as_str()));
        let creations: Vec<_> = pods.iter().map(|pod| self.create(&resource, namespace, pod)).collect();
        let mut creations = stream::iter(creations).buffer_unordered(AT_ONCE);
        while let Some(created) = creations.next().await {
            created?;
        }
        Ok(())
    }

    /// Why a pod has not started: what its status says, or else what the latest warning about it says, such as that of
    /// a CNI.
    async fn why(&self, pod: Option<&Json>, namespace: &str) -> String {
        let Some(pod) = pod else { return "the pod was deleted by somebody else".to_owned() };
        let said = pod::why(pod).unwrap_or_else(|| "the pod ended before the check".to_owned());
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
        let is_told = said.starts_with("container ") || said.starts_with("Unschedulable") || uid.is_empty();
        if is_told {
            return said;
        }
        // Nothing depends on it: whoever may not list events learns what the status says.
        match tokio::time::timeout(REASON, self.warning(namespace, uid)).await {
            Ok(Ok(Some(warning))) => warning,
            _ => said,
        }
    }

    async fn warning(&self, namespace: &str, uid: &str) -> Result<Option<String>> {
        let query = query("fieldSelector", &format!("involvedObject.uid={uid},type=Warning"));
        let path = format!("{}?{query}", Resource::EVENT.path(Some(namespace), None));
        let call = Call { attempt: Attempt::new(Verb::List, "events"), path, body: None };
        let events = self.call(call).await?;
        let events = events["items"].as_array().into_iter().flatten();
        let at = |event: &&Json| {
            ["lastTimestamp", "eventTime"].iter().find_map(|when| event[*when].as_str().map(str::to_owned))
        };
        let latest = events.max_by_key(at);
        Ok(latest.map(|event| {
            let text = |member: &str| event[member].as_str().unwrap_or_default().trim().to_owned();
            format!("{}: {}", text("reason"), text("message"))
        }))
    }

    /// Deletes the objects of a run; returns what is left and why if that fails. Terraform's stop does not end it.
    async fn clean(&self, run: &Run<'_>) -> Option<String> {
        let client = self.with_cancel(CancellationToken::new());
        let namespace = run.options.namespace.as_str();
        let deleting = async {
            // The garbage collector would delete the pods too, only later.
            let pods = client.delete_all(&Resource::POD, namespace, &run.selector()).await;
            // Whoever may delete only single objects still deletes the service, and with it the pods that it owns.
            client.delete(&Resource::SERVICE, Some(namespace), &run.name).await?;
            pods
        };
        let why = match tokio::time::timeout(CLEANING, deleting).await {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it was not done within {} s", CLEANING.as_secs()),
        };
        Some(format!(
            "The pods and the service of this check may still exist: {why}. The pods end on their own. `kubectl --namespace {namespace} delete pod,service --selector {}` deletes them",
            run.selector()
        ))
    }

    /// Deletes what runs have left that were killed. A run that may still be at work is spared.
    async fn sweep(&self, namespace: &str) {
        let now = Timestamp::now();
        for resource in [Resource::SERVICE, Resource::POD] {
            let Ok(found) = self.list(&resource, Some(namespace), Some(LABEL)).await else { return };
            for object in found.iter().filter(|object| ends(object).is_some_and(|ends| ends < now)) {
                if let Err(error) = self.delete(&resource, Some(namespace), object_name(object)).await {
                    tracing::warn!("what an earlier network check has left was not deleted: {error}");
                }
            }
        }
    }

    async fn delete_all(&self, resource: &Resource, namespace: &str, selector: &str) -> Result<()> {
        let path = format!("{}?{}", resource.path(Some(namespace), None), query("labelSelector", selector));
        let attempt = Attempt::new(Verb::Delete, format!("{} in namespace {namespace}", resource.plural));
        self.call(Call { attempt, path, body: None }).await.map(drop)
    }
}

/// The pods of a run, as a watch shows them.
struct Watched<'a> {
    client: &'a Client,
    events: BoxStream<'static, Result<Seen>>,
    pods: Pods,
}

impl Watched<'_> {
    /// Watches until `done`, or the deadline.
    async fn until(&mut self, deadline: Option<Instant>, mut done: impl FnMut(&Pods) -> bool) -> Result<()> {
        let over = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                // What no clock can count does not end in this run.
                None => std::future::pending().await,
            }
        };
        tokio::pin!(over);
        while !done(&self.pods) {
            tokio::select! {
                biased;
                () = self.client.cancel.cancelled() => return self.client.end_if_stopped(),
                () = &mut over => return Ok(()),
                Some(seen) = self.events.next() => self.see(seen?),
            }
        }
        Ok(())
    }

    fn see(&mut self, seen: Seen) {
        match seen {
            Seen::All(objects) => {
                self.pods = objects.into_iter().map(|pod| (object_name(&pod).to_owned(), pod)).collect();
            }
            Seen::Changed(pod) => drop(self.pods.insert(object_name(&pod).to_owned(), pod)),
            Seen::Deleted(pod) => drop(self.pods.remove(object_name(&pod))),
        }
    }
}

fn query(name: &str, value: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
}

/// The address of a pod whose container runs.
fn address(pod: Option<&Json>) -> Option<String> {
    let status = &pod?["status"];
    let runs = status["phase"] == "Running" && !status["containerStatuses"][0]["state"]["running"].is_null();
    let address = status["podIP"].as_str().filter(|address| !address.is_empty())?;
    runs.then(|| address.to_owned())
}

/// Whether a pod that answers needs no more waiting: it runs, or it has ended.
fn is_settled(pod: &Json) -> bool {
    address(Some(pod)).is_some() || has_ended(pod)
}

fn has_ended(pod: &Json) -> bool {
    let status = &pod["status"];
    status["phase"] == "Succeeded" || status["phase"] == "Failed"
}

/// The termination message of a pod's only container.
fn message(pod: &Json) -> Option<&str> {
    pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"].as_str()
}

/// Why a pod that has ended gave no answers.
fn ended(pod: Option<&Json>) -> String {
    let said = pod.and_then(pod::why);
    said.unwrap_or_else(|| {
        "it ended without a result, so its image may lack busybox's shell, wget or nslookup".to_owned()
    })
}
