//! Waits for objects to be ready, or to no longer exist.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use helm::Release;
use serde_json::Value as Json;

use super::super::client::Client;
use super::super::error::{Attempt, Error as ApiError, Kind, Verb};
use super::super::object::Resource;
use super::super::offline;
use super::apply::{live, together};
use super::error::{Error, Result, Unready};
use super::objects::{Object, read};
use super::ready::{Readiness, Until, readiness};
use super::reason::reasons;
use super::rendition::{manifests_of, paths};
use super::{Progress, Releases};

/// The shortest pause between two polls, and the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Between these, a pause is this fraction of the time waited so far: the most that polling can add.
const PAUSE_PART: u32 = 8;
/// Nodes that are off are first looked up after this time, and then less and less often.
const FIRST_OFFLINE_LOOK: Duration = Duration::from_secs(2);
const LONGEST_OFFLINE_PAUSE: Duration = Duration::from_secs(30);
/// Interval of progress reports if nothing changes.
const TOLD_EVERY: Duration = Duration::from_secs(15);
/// Objects whose reasons are queried.
const MOST_ASKED: usize = 5;

/// The deadline of a whole operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    begun: Instant,
    timeout: Duration,
}

impl Deadline {
    pub(super) fn after(timeout: Duration) -> Self {
        Self { begun: Instant::now(), timeout }
    }

    pub(super) fn is_over(&self) -> bool {
        self.begun.elapsed() >= self.timeout
    }

    pub(super) fn left(&self) -> Duration {
        self.timeout.saturating_sub(self.begun.elapsed())
    }
}

/// A pause that ends when Terraform asks to stop.
pub(super) async fn pause(client: &Client, duration: Duration, doing: &str) -> Result<()> {
    tokio::select! {
        biased;
        () = client.cancel.cancelled() => {
            let attempt = Attempt::new(Verb::Wait, doing);
            let source = ApiError::new(Kind::Cancelled { may_exist: false }, attempt, client.cluster());
            Err(Error::Request { doing: format!("wait {doing}"), source })
        }
        () = tokio::time::sleep(duration) => Ok(()),
    }
}

/// Waits for the next poll in a wait that began at `begun`.
async fn next_look(client: &Client, begun: Instant, deadline: Deadline, doing: &str) -> Result<()> {
    let pace = (begun.elapsed() / PAUSE_PART).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    pause(client, pace.min(deadline.left().max(Duration::from_millis(1))), doing).await
}

/// The live objects, in the same order.
async fn look<'o>(
    client: &'o Client,
    objects: impl Iterator<Item = &'o Object>,
) -> Vec<super::super::error::Result<Option<Json>>> {
    together(objects.map(|object| live(client, object).boxed()).collect()).await
}

/// An object that the wait skips from now on: it lacks only pods on nodes that are off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The object, such as `DaemonSet kube-system/cilium`.
    pub object: String,
    /// Its progress.
    pub state: String,
    /// The nodes, each with why it counts as off.
    pub nodes: BTreeMap<String, String>,
}

struct Waited<'o> {
    object: &'o Object,
    live: Json,
    state: String,
}

/// Waits until `objects` are ready. `seen` holds the API server's latest version of each, in the same order.
pub(super) async fn until_ready(
    client: &Client,
    objects: &[Object],
    seen: Vec<Json>,
    until: Until,
    deadline: Deadline,
    progress: Progress<'_>,
) -> Result<()> {
    wait_for(client, objects, seen, until, deadline, progress, None).await
}

/// The same, but skips objects that lack only nodes that are off, and returns those.
pub(super) async fn until_ready_where_on(
    client: &Client,
    objects: &[Object],
    seen: Vec<Json>,
    until: Until,
    deadline: Deadline,
    progress: Progress<'_>,
) -> Result<Vec<PassedOver>> {
    let mut offline = Offline::default();
    wait_for(client, objects, seen, until, deadline, progress, Some(&mut offline)).await?;
    Ok(offline.passed_over)
}

/// Looks up nodes that are off, less often than it polls the objects: a listing of all nodes is long.
struct Offline {
    next: Instant,
    pause: Duration,
    passed_over: Vec<PassedOver>,
    /// Deployments that lacked nothing else at the last look: a pod not scheduled now may be scheduled in a moment.
    seen_before: HashSet<String>,
}

impl Default for Offline {
    fn default() -> Self {
        Self {
            next: Instant::now() + FIRST_OFFLINE_LOOK,
            pause: FIRST_OFFLINE_LOOK,
            passed_over: Vec::new(),
            seen_before: HashSet::new(),
        }
    }
}

impl Offline {
    /// Removes objects that lack only nodes that are off.
    async fn look(&mut self, client: &Client, waited: &mut Vec<Waited<'_>>) {
        if Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_OFFLINE_PAUSE);
        let is_workload = |one: &Waited<'_>| matches!(one.object.kind(), "DaemonSet" | "Deployment");
        if !waited.iter().any(is_workload) {
            return;
        }
        // A caller that may not list nodes or pods waits for all of them.
        let Ok(nodes) = client.list(&Resource::NODE, None, None).await else { return };
        let mut index = 0;
        while index < waited.len() {
            let one = &waited[index];
            let found = match one.object.kind() {
                "DaemonSet" => client.daemon_set_offline(&one.live, &nodes).await,
                "Deployment" => client.deployment_offline(&one.live, &nodes).await,
                _ => Ok(None),
            };
            let Ok(Some(nodes)) = found else {
                self.seen_before.remove(&one.object.told());
                index += 1;
                continue;
            };
            let object = one.object.told();
            if one.object.kind() == "Deployment" && self.seen_before.insert(object.clone()) {
                index += 1;
                continue;
            }
            let state = one.state.clone();
            tracing::info!("{object} is skipped from now on: {state}; off: {}", offline::named(&nodes));
            self.passed_over.push(PassedOver { object, state, nodes });
            waited.remove(index);
        }
    }
}

async fn wait_for(
    client: &Client,
    objects: &[Object],
    seen: Vec<Json>,
    until: Until,
    deadline: Deadline,
    progress: Progress<'_>,
    mut offline: Option<&mut Offline>,
) -> Result<()> {
    let begun = Instant::now();
    let mut told_at = begun;
    let mut waited = Vec::new();
    for (object, live) in objects.iter().zip(seen) {
        // Helm does not wait for paused workloads.
        if until != Until::HookDone && live.pointer("/spec/paused").is_some_and(|paused| *paused == true) {
            continue;
        }
        waited.push(Waited { object, live, state: String::new() });
    }
    loop {
        let mut failed = false;
        waited.retain_mut(|one| match readiness(&one.live, until) {
            Readiness::Ready => false,
            Readiness::Waiting(state) => {
                one.state = state;
                true
            }
            Readiness::Failed(state) => {
                one.state = state;
                failed = true;
                true
            }
        });
        if !failed && let Some(offline) = offline.as_deref_mut() {
            offline.look(client, &mut waited).await;
        }
        let Some(first) = waited.first() else { return Ok(()) };
        if failed || deadline.is_over() {
            return Err(Error::NotReady { waited: begun.elapsed(), unready: explain(client, &waited).await });
        }
        if told_at.elapsed() >= TOLD_EVERY || told_at == begun {
            told_at = Instant::now();
            let more = if waited.len() > 1 { format!(", and {} more", waited.len() - 1) } else { String::new() };
            progress(&format!("waiting for {}: {}{more}", first.object.told(), first.state));
        }
        next_look(client, begun, deadline, "for objects to be ready").await?;
        let answers = look(client, waited.iter().map(|one| one.object)).await;
        for (one, answer) in waited.iter_mut().zip(answers) {
            let answer = answer.map_err(Error::request(format!("look at {}", one.object.told())))?;
            let Some(live) = answer else {
                let state = "somebody removed it meanwhile".to_owned();
                let unready = Unready { object: one.object.told(), state, reasons: Vec::new() };
                return Err(Error::NotReady { waited: begun.elapsed(), unready: vec![unready] });
            };
            one.live = live;
        }
    }
}

impl Releases {
    /// Waits until the objects of a revision are ready, but skips those that lack only nodes that are off, and
    /// returns them.
    ///
    /// # Errors
    /// [`Error::NotReady`]; [`Error::Request`]; [`Error::Stored`] and [`Error::Manifest`] if its manifests cannot be
    /// read.
    pub async fn until_ready(
        &self,
        release: &Release,
        timeout: Duration,
        progress: Progress<'_>,
    ) -> Result<Vec<PassedOver>> {
        let discovery = self.kinds().await?;
        let (objects, _) = read(paths(&manifests_of(release)?), &discovery, &release.namespace)?;
        let (mut there, mut seen) = (Vec::new(), Vec::new());
        for (object, answer) in objects.iter().zip(look(&self.client, objects.iter()).await) {
            // A deleted object is drift, which is detected elsewhere.
            if let Some(live) = answer.map_err(Error::request(format!("look at {}", object.told())))? {
                there.push(object.clone());
                seen.push(live);
            }
        }
        let deadline = Deadline::after(timeout);
        until_ready_where_on(&self.client, &there, seen, Until::Ready, deadline, progress).await
    }
}

async fn explain(client: &Client, waited: &[Waited<'_>]) -> Vec<Unready> {
    let mut unready = Vec::new();
    for (index, one) in waited.iter().enumerate() {
        let mut reasons = if index < MOST_ASKED { reasons(client, &one.live).await } else { Vec::new() };
        if one.object.kind() == "DaemonSet"
            && let Ok(nodes) = client.list(&Resource::NODE, None, None).await
        {
            reasons.extend(offline::uses_up(&one.live, &nodes));
        }
        // An event may only repeat the object's status.
        reasons.retain(|reason| !reason.ends_with(&one.state));
        unready.push(Unready { object: one.object.told(), state: one.state.clone(), reasons });
    }
    unready
}

/// Waits until objects no longer exist.
pub(super) async fn until_gone(
    client: &Client,
    objects: &[Object],
    deadline: Deadline,
    progress: Progress<'_>,
) -> Result<()> {
    let begun = Instant::now();
    let mut told_at = begun;
    let mut waited: Vec<(&Object, Option<String>)> = objects.iter().map(|object| (object, None)).collect();
    loop {
        let answers = look(client, waited.iter().map(|(object, _)| *object)).await;
        let mut left = Vec::new();
        for ((object, uid), answer) in waited.into_iter().zip(answers) {
            let live = match answer {
                Err(error) if error.is_not_found() => continue,
                other => other.map_err(Error::request(format!("look whether {} is gone", object.told())))?,
            };
            let Some(live) = live else { continue };
            let now = live.pointer("/metadata/uid").and_then(Json::as_str).unwrap_or_default().to_owned();
            // An object of the same name created since is not the one that was deleted.
            if uid.as_ref().is_none_or(|uid| *uid == now) {
                left.push((object, now, held_by(&live)));
            }
        }
        let Some((first, ..)) = left.first() else { return Ok(()) };
        if deadline.is_over() {
            let objects = left.iter().map(|(object, _, held)| format!("{}{held}", object.told())).collect();
            return Err(Error::StillThere { waited: begun.elapsed(), objects });
        }
        if told_at.elapsed() >= TOLD_EVERY {
            told_at = Instant::now();
            progress(&format!("waiting until {} is gone ({} in all)", first.told(), left.len()));
        }
        next_look(client, begun, deadline, "until objects are gone").await?;
        waited = left.into_iter().map(|(object, uid, _)| (object, Some(uid))).collect();
    }
}

fn held_by(live: &Json) -> String {
    let finalizers = live.pointer("/metadata/finalizers").and_then(Json::as_array).into_iter().flatten();
    let names: Vec<_> = finalizers.filter_map(Json::as_str).collect();
    if names.is_empty() { String::new() } else { format!(" (held by {})", names.join(", ")) }
}
