//! A drain at work: which pods wait, which were evicted, and what to do when something changes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::time::{Instant, MissedTickBehavior};

use super::budgets::Budgets;
use super::pods::{Class, PodName, Refusal, Skip, classify, deletion, tolerates_cordon, why_terminating};
use super::{Cordon, Drain, DrainOptions, DrainStep, Remaining, is_unschedulable, on_node, waiting};
use crate::kube::client::Client;
use crate::kube::error::{Attempt, Error, Kind, Result, Verb};
use crate::kube::node::Node;
use crate::kube::object::Resource;
use crate::kube::request::Call;
use crate::kube::watch::Seen;

/// Evictions in flight at a time.
const AT_ONCE: usize = 16;
/// How often refused evictions are repeated although no budget allows one: an unhealthy pod may be evicted then, and
/// not every refusal comes from a budget.
const AGAIN: Duration = Duration::from_secs(15);
/// The same for a caller who may not read budgets. Source: kubectl, pkg/drain/drain.go.
const AGAIN_BLIND: Duration = Duration::from_secs(5);

/// How far a pod is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// It is to be evicted, for the reasons of an earlier refusal.
    Due(Option<String>),
    /// The eviction was sent, when the budgets had changed this many times.
    Asking(u64, Option<String>),
    /// The eviction was refused.
    Blocked(String),
    /// It terminates.
    Terminating,
}

struct Pod {
    name: PodName,
    object: Json,
    stage: Stage,
}

type Evictions<'a> = FuturesUnordered<BoxFuture<'a, (String, Result<()>)>>;

/// One drain.
pub(super) struct Run<'a> {
    client: &'a Client,
    node: &'a str,
    options: &'a DrainOptions,
    cordoned: Cordon,
    report: &'a (dyn Fn(DrainStep) + Send + Sync),
    /// Pods to evict, by UID.
    pods: BTreeMap<String, Pod>,
    budgets: Budgets,
    /// Why the node is not Ready.
    trouble: Option<String>,
    evicted: usize,
    has_listed: bool,
    skipped: Vec<(PodName, Skip)>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        client: &'a Client,
        node: &'a str,
        options: &'a DrainOptions,
        cordoned: Cordon,
        report: &'a (dyn Fn(DrainStep) + Send + Sync),
    ) -> Self {
        Self {
            client,
            node,
            options,
            cordoned,
            report,
            pods: BTreeMap::new(),
            budgets: Budgets::default(),
            trouble: None,
            evicted: 0,
            has_listed: false,
            skipped: Vec::new(),
        }
    }

    pub(super) async fn until(mut self, deadline: Option<Instant>) -> Result<Drain> {
        let client = self.client;
        let mut node = client.watched(&Resource::NODE, Some(format!("metadata.name={}", self.node)));
        let mut pods = client.watched(&Resource::POD, Some(on_node(self.node)));
        let mut budgets = Some(client.watched(&Resource::POD_DISRUPTION_BUDGET, None));
        let mut evictions = Evictions::new();
        let mut again = again(AGAIN);
        let over = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                // What no clock can count does not end in this run.
                None => std::future::pending().await,
            }
        };
        tokio::pin!(over);
        loop {
            if self.has_listed && self.pods.is_empty() {
                return Ok(Drain::Done { evicted: self.evicted, cordoned: self.cordoned });
            }
            self.send(&mut evictions);
            let ended = tokio::select! {
                () = client.cancel.cancelled() => return Err(self.cancelled()),
                () = &mut over => Some(Drain::TimedOut(self.remaining())),
                Some(seen) = node.next() => self.see_node(seen?),
                Some(seen) = pods.next() => self.see_pods(seen?),
                Some(seen) = next(&mut budgets) => {
                    if !self.see_budgets(seen)? {
                        (budgets, again) = (None, self::again(AGAIN_BLIND));
                    }
                    None
                }
                Some((uid, answer)) = evictions.next() => {
                    self.hear(&uid, answer)?;
                    None
                }
                _ = again.tick() => {
                    self.try_again();
                    None
                }
            };
            if let Some(ended) = ended {
                return Ok(ended);
            }
        }
    }

    /// Sends the evictions that are due.
    fn send(&mut self, evictions: &mut Evictions<'a>) {
        let change = self.budgets.changes();
        for (uid, pod) in &mut self.pods {
            if evictions.len() >= AT_ONCE {
                return;
            }
            if let Stage::Due(why) = &mut pod.stage {
                pod.stage = Stage::Asking(change, why.take());
                evictions.push(evict(self.client, &pod.name, uid.clone(), self.options.grace_period_seconds));
            }
        }
    }

    /// Records the answer to an eviction.
    fn hear(&mut self, uid: &str, answer: Result<()>) -> Result<()> {
        let Some(pod) = self.pods.get_mut(uid) else { return Ok(()) };
        let Stage::Asking(change, before) = std::mem::replace(&mut pod.stage, Stage::Terminating) else {
            // The watch was faster, which says that the pod terminates, and not why.
            if answer.is_ok() {
                (self.report)(DrainStep::Evicted(pod.name.clone()));
            }
            return Ok(());
        };
        let error = match answer {
            Ok(()) => {
                (self.report)(DrainStep::Evicted(pod.name.clone()));
                return Ok(());
            }
            Err(error) => error,
        };
        let why = match error.kind() {
            // The pod is gone, or another pod has its name now.
            Kind::NotFound | Kind::Changed => {
                self.gone(uid);
                return Ok(());
            }
            Kind::Budget { message } => message.clone(),
            Kind::Throttled | Kind::Unavailable { .. } | Kind::AnswerLost { .. } => error.to_string(),
            _ => return Err(error),
        };
        // A budget may have allowed one while the refusal was on its way.
        let is_open = self.budgets.opened_since(change, &pod.object);
        pod.stage = if is_open { Stage::Due(Some(why.clone())) } else { Stage::Blocked(why.clone()) };
        if before.as_ref() != Some(&why) {
            (self.report)(DrainStep::Blocked { pod: pod.name.clone(), why });
        }
        Ok(())
    }

    fn see_node(&mut self, seen: Seen) -> Option<Drain> {
        let object = match seen {
            Seen::All(objects) => objects.into_iter().next(),
            Seen::Changed(object) => Some(object),
            Seen::Deleted(_) => None,
        };
        let Some(object) = object else { return Some(Drain::NodeGone) };
        self.trouble = Node::of(&object).trouble;
        (!is_unschedulable(&object)).then(|| Drain::Uncordoned(self.remaining()))
    }

    fn see_pods(&mut self, seen: Seen) -> Option<Drain> {
        let refused = match seen {
            Seen::All(objects) => {
                let found: BTreeSet<&str> = objects.iter().map(uid).collect();
                let lost: Vec<String> = self.pods.keys().filter(|uid| !found.contains(uid.as_str())).cloned().collect();
                for uid in &lost {
                    self.gone(uid);
                }
                let is_first = !self.has_listed;
                let refused: Vec<_> = objects.into_iter().filter_map(|object| self.see_pod(object)).collect();
                self.has_listed = true;
                if is_first && refused.is_empty() {
                    let skipped = std::mem::take(&mut self.skipped);
                    (self.report)(DrainStep::Planned { evict: self.pods.len(), skipped });
                }
                refused
            }
            Seen::Changed(object) => self.see_pod(object).into_iter().collect(),
            Seen::Deleted(object) => {
                self.gone(uid(&object));
                Vec::new()
            }
        };
        (!refused.is_empty()).then_some(Drain::Refused { pods: refused, cordoned: Some(self.cordoned) })
    }

    /// Takes in a pod of the node; returns it if it must not be evicted.
    fn see_pod(&mut self, object: Json) -> Option<(PodName, Refusal)> {
        let class = classify(&object, self.options, Timestamp::now());
        let is_terminating = deletion(&object).is_some();
        if let Some(pod) = self.pods.get_mut(uid(&object)) {
            if is_terminating {
                pod.stage = Stage::Terminating;
            }
            pod.object = object;
            return None;
        }
        // The scheduler may have placed a pod just before the cordon. One that comes in spite of it would come again.
        if self.has_listed && tolerates_cordon(&object) {
            return None;
        }
        let name = PodName::of(&object);
        match class {
            Class::Refuse(why) => return Some((name, why)),
            Class::Skip(why) => self.skipped.push((name, why)),
            Class::Evict => {
                let stage = if is_terminating { Stage::Terminating } else { Stage::Due(None) };
                self.pods.insert(uid(&object).to_owned(), Pod { name, object, stage });
            }
        }
        None
    }

    /// Takes in a change of budgets; `false` if the caller may not read them.
    fn see_budgets(&mut self, seen: Result<Seen>) -> Result<bool> {
        let seen = match seen {
            Err(error) if matches!(error.kind(), Kind::Forbidden { .. }) => {
                tracing::info!("PodDisruptionBudgets may not be read, so refused evictions are repeated: {error}");
                return Ok(false);
            }
            seen => seen?,
        };
        for (budget, allowed) in self.budgets.see(seen) {
            let Self { pods, budgets, .. } = self;
            let of_budget = || pods.values().filter(|pod| budgets.selects(&budget, &pod.object));
            let asking = of_budget().filter(|pod| matches!(pod.stage, Stage::Asking(..))).count();
            let free = allowed.saturating_sub(asking);
            let blocked = pods.values_mut().filter(|pod| matches!(pod.stage, Stage::Blocked(_)));
            blocked.filter(|pod| budgets.selects(&budget, &pod.object)).take(free).for_each(Pod::retry);
        }
        Ok(true)
    }

    /// Repeats every refused eviction, and gives up on pods that have been terminating for too long.
    fn try_again(&mut self) {
        self.pods.values_mut().for_each(Pod::retry);
        let (options, now) = (self.options, Timestamp::now());
        self.pods.retain(|_, pod| classify(&pod.object, options, now) != Class::Skip(Skip::Terminating));
    }

    /// A pod no longer exists.
    fn gone(&mut self, uid: &str) {
        if let Some(pod) = self.pods.remove(uid) {
            self.evicted += 1;
            (self.report)(DrainStep::Gone { pod: pod.name, left: self.pods.len() });
        }
    }

    fn remaining(&self) -> Vec<Remaining> {
        self.pods.values().map(|pod| Remaining { pod: pod.name.clone(), why: self.why(pod) }).collect()
    }

    fn why(&self, pod: &Pod) -> String {
        match (&pod.stage, &self.trouble) {
            (Stage::Due(Some(why)) | Stage::Asking(_, Some(why)) | Stage::Blocked(why), _) => why.clone(),
            (Stage::Due(None) | Stage::Asking(_, None), _) => "it was not evicted yet".to_owned(),
            (Stage::Terminating, None) => why_terminating(&pod.object),
            (Stage::Terminating, Some(trouble)) => {
                format!("{}; the node is not ready ({trouble})", why_terminating(&pod.object))
            }
        }
    }

    fn cancelled(&self) -> Error {
        Error::new(Kind::Cancelled { may_exist: false }, waiting(self.node), self.client.cluster())
    }
}

impl Pod {
    fn retry(&mut self) {
        if let Stage::Blocked(why) = &mut self.stage {
            self.stage = Stage::Due(Some(std::mem::take(why)));
        }
    }
}

/// Evicts a pod, but no other one that has its name meanwhile.
fn evict<'a>(
    client: &'a Client,
    pod: &PodName,
    uid: String,
    grace: Option<u32>,
) -> BoxFuture<'a, (String, Result<()>)> {
    let mut options = json!({ "preconditions": { "uid": uid } });
    if let Some(seconds) = grace {
        options["gracePeriodSeconds"] = seconds.into();
    }
    let body = json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": { "namespace": pod.namespace, "name": pod.name },
        "deleteOptions": options,
    });
    let call = Call {
        attempt: Attempt::new(Verb::Create, format!("eviction of Pod {pod}")),
        path: format!("{}/eviction", Resource::POD.path(Some(&pod.namespace), Some(&pod.name))),
        body: Some(("application/json", body)),
    };
    async move { (uid, client.call(call).await.map(drop)) }.boxed()
}

fn uid(object: &Json) -> &str {
    object.pointer("/metadata/uid").and_then(Json::as_str).unwrap_or_default()
}

async fn next<T>(stream: &mut Option<BoxStream<'_, T>>) -> Option<T> {
    match stream {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}

fn again(every: Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval_at(Instant::now() + every, every);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
