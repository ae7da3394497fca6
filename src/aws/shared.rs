//! Many reads, few calls: readers of single objects share targeted calls and, if many are needed, one listing.
//!
//! Terraform reads ten resources at a time, one by one, so 500 activations would cost 500 calls, or 50 if only
//! concurrent reads were batched. Here the first few keys are requested by name, batched over a few milliseconds;
//! once many are needed, everything is listed once, and later readers are served from that listing. Objects that this
//! process changes are requested again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep};
use futures::future::BoxFuture;
use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::error::{Error, Kind, Result};

/// Readers within this time share a call.
const GATHER: Duration = Duration::from_millis(4);
/// From this many different keys on, everything is listed.
const MANY: usize = 3;
/// Also from this many reads on, even for the same key.
const MANY_READS: usize = 12;
/// Keys per targeted call.
const KEYS_PER_CALL: usize = 50;
/// Maximum age of a listing: a provider under a debugger lives across many runs.
const LISTING_GOOD_FOR: Duration = Duration::from_mins(2);

/// Objects by key.
pub(super) type Found<T> = HashMap<String, T>;

/// The source of the readers' objects.
pub(super) trait Source: Send + Sync + 'static {
    /// One object.
    type Item: Clone + Send + Sync + 'static;

    /// Whether a key missing from a listing does not exist. Otherwise such a key is requested by name before it
    /// counts as missing, since it may be newer than the listing.
    const LISTING_IS_COMPLETE: bool;

    /// Whether the properties this run reads never change: an object found by a targeted call is then valid as long
    /// as a listing, so that readers during the call, or after it, cost no further call.
    const LASTS: bool = false;

    /// The objects with these keys, at most 50; those that do not exist are left out.
    fn some(&self, keys: Vec<String>) -> BoxFuture<'_, Result<Found<Self::Item>>>;

    /// All objects by key, or `None` if there are too many to list.
    fn all(&self) -> BoxFuture<'_, Result<Option<Found<Self::Item>>>>;
}

/// State shared by the readers: one for each kind of object, region and run.
pub(super) struct SharedReads<T>(Arc<Mutex<State<T>>>);

struct State<T> {
    listing: Option<Listing<T>>,
    /// Too many objects to list: every read is targeted.
    unlistable: bool,
    /// Different keys requested since the last listing.
    asked: HashSet<String>,
    /// Reads since then that needed a call.
    reads: usize,
    waiting: Vec<Waiting<T>>,
    /// A task is batching or fetching, and will check `waiting` again.
    served: bool,
    /// Deleted by this process. Keys are never reused.
    deleted: HashSet<String>,
    /// Changed by this process: older listings do not count.
    changed: HashMap<String, Instant>,
    /// Found by targeted calls, for sources whose objects never change, and when that call began.
    found: HashMap<String, (Instant, T)>,
}

struct Listing<T> {
    begun: Instant,
    items: HashMap<String, T>,
}

enum Known<T> {
    Present(T),
    Absent,
}

impl<T> Known<T> {
    fn found(self) -> Option<T> {
        match self {
            Self::Present(item) => Some(item),
            Self::Absent => None,
        }
    }
}

struct Waiting<T> {
    key: String,
    answer: oneshot::Sender<Result<Option<T>>>,
}

impl<T> Default for SharedReads<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            listing: None,
            unlistable: false,
            asked: HashSet::new(),
            reads: 0,
            waiting: Vec::new(),
            served: false,
            deleted: HashSet::new(),
            changed: HashMap::new(),
            found: HashMap::new(),
        })))
    }
}

impl<T: Clone + Send + Sync + 'static> SharedReads<T> {
    /// The object with this key; `None` if it does not exist.
    pub(super) async fn read<S: Source<Item = T>>(
        &self,
        key: &str,
        source: impl FnOnce() -> S,
        sleep: &SharedAsyncSleep,
    ) -> Result<Option<T>> {
        let receiver = {
            let mut state = lock(&self.0);
            if let Some(known) = state.known(key, S::LISTING_IS_COMPLETE) {
                return Ok(known.found());
            }
            let (answer, receiver) = oneshot::channel();
            state.waiting.push(Waiting { key: key.to_owned(), answer });
            if !std::mem::replace(&mut state.served, true) {
                // A separate task, so that one cancelled reader does not affect the others.
                let serving = serve(Arc::clone(&self.0), source(), sleep.clone());
                // The log attributes the calls to the first reader.
                tokio::spawn(serving.in_current_span());
            }
            receiver
        };
        receiver.await.unwrap_or_else(|_| Err(Error::new(Kind::Cancelled { may_exist: false })))
    }

    /// This process changed the object: the next read requests it again.
    pub(super) fn changed(&self, key: &str) {
        lock(&self.0).changed.insert(key.to_owned(), Instant::now());
    }

    /// This process deleted the object.
    pub(super) fn deleted(&self, key: &str) {
        lock(&self.0).deleted.insert(key.to_owned());
    }
}

impl<T: Clone> State<T> {
    /// What is known about a key without a request.
    fn known(&mut self, key: &str, complete: bool) -> Option<Known<T>> {
        if self.deleted.contains(key) {
            return Some(Known::Absent);
        }
        if self.listing.as_ref().is_some_and(|listing| listing.begun.elapsed() > LISTING_GOOD_FOR) {
            self.listing = None;
            self.asked.clear();
            self.reads = 0;
        }
        let changed = self.changed.get(key).copied();
        let counts = |begun: Instant| changed.is_none_or(|changed| changed < begun);
        if let Some((begun, item)) = self.found.get(key)
            && begun.elapsed() <= LISTING_GOOD_FOR
            && counts(*begun)
        {
            return Some(Known::Present(item.clone()));
        }
        let listing = self.listing.as_ref()?;
        if !counts(listing.begun) {
            return None;
        }
        match listing.items.get(key) {
            Some(item) => Some(Known::Present(item.clone())),
            None => complete.then_some(Known::Absent),
        }
    }

    /// Answers the readers whose keys are known, and returns the others.
    fn answer_known(&mut self, wave: Vec<Waiting<T>>, complete: bool) -> Vec<Waiting<T>> {
        let mut open = Vec::new();
        for waiting in wave {
            match self.known(&waiting.key, complete) {
                Some(known) => drop(waiting.answer.send(Ok(known.found()))),
                None => open.push(waiting),
            }
        }
        open
    }
}

fn lock<T>(state: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves waves of readers until nobody waits.
async fn serve<S: Source>(shared: Arc<Mutex<State<S::Item>>>, source: S, sleep: SharedAsyncSleep) {
    let mut dropped = Dropped(Some(Arc::clone(&shared)));
    loop {
        sleep.sleep(GATHER).await;
        let (wave, list) = {
            let mut state = lock(&shared);
            let wave = std::mem::take(&mut state.waiting);
            let wave = state.answer_known(wave, S::LISTING_IS_COMPLETE);
            state.asked.extend(wave.iter().map(|waiting| waiting.key.clone()));
            // The keys of a first wave cost one call in any case.
            let many = state.asked.len() >= MANY || (state.reads > 0 && state.reads + wave.len() >= MANY_READS);
            state.reads += wave.len();
            let list = many && state.listing.is_none() && !state.unlistable;
            if wave.is_empty() && state.waiting.is_empty() {
                // Under the lock, so that no reader is missed in between.
                state.served = false;
                dropped.0 = None;
                return;
            }
            (wave, list)
        };
        let wave = if list { from_listing(&shared, &source, wave).await } else { wave };
        targeted(&shared, &source, wave).await;
    }
}

/// Lists everything and answers from it. Returns the readers that the listing cannot answer.
async fn from_listing<S: Source>(
    shared: &Mutex<State<S::Item>>,
    source: &S,
    wave: Vec<Waiting<S::Item>>,
) -> Vec<Waiting<S::Item>> {
    let begun = Instant::now();
    match source.all().await {
        Ok(Some(items)) => {
            let mut state = lock(shared);
            state.listing = Some(Listing { begun, items });
            state.answer_known(wave, S::LISTING_IS_COMPLETE)
        }
        Ok(None) => {
            lock(shared).unlistable = true;
            wave
        }
        Err(error) => {
            fail(wave, &error);
            Vec::new()
        }
    }
}

async fn targeted<S: Source>(shared: &Mutex<State<S::Item>>, source: &S, mut wave: Vec<Waiting<S::Item>>) {
    while !wave.is_empty() {
        let rest = wave.split_off(wave.len().min(KEYS_PER_CALL));
        let part = std::mem::replace(&mut wave, rest);
        let keys: HashSet<&String> = part.iter().map(|waiting| &waiting.key).collect();
        let begun = Instant::now();
        match source.some(keys.into_iter().cloned().collect()).await {
            Ok(items) => {
                let mut state = lock(shared);
                if S::LASTS {
                    state.found.extend(items.iter().map(|(key, item)| (key.clone(), (begun, item.clone()))));
                }
                for Waiting { key, answer } in part {
                    let item = if state.deleted.contains(&key) { None } else { items.get(&key).cloned() };
                    drop(answer.send(Ok(item)));
                }
            }
            Err(error) => fail(part, &error),
        }
    }
}

fn fail<T>(wave: Vec<Waiting<T>>, error: &Error) {
    for waiting in wave {
        drop(waiting.answer.send(Err(error.clone())));
    }
}

/// If the serving task is dropped half-way, waiting readers are notified, and the next reader starts another task.
struct Dropped<T>(Option<Arc<Mutex<State<T>>>>);

impl<T> Drop for Dropped<T> {
    fn drop(&mut self) {
        if let Some(state) = self.0.take() {
            let mut state = lock(&state);
            state.waiting.clear();
            state.served = false;
        }
    }
}

#[cfg(test)]
#[path = "shared_tests.rs"]
mod tests;
