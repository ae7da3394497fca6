use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;

use super::*;
use crate::aws::stub::{Reply, Stub};

/// Objects `0` up to `exists`, exclusive; counts the requests.
#[derive(Clone, Default)]
struct Counted {
    exists: Arc<AtomicUsize>,
    listable: bool,
    failing: Arc<AtomicUsize>,
    targeted: Arc<AtomicUsize>,
    listed: Arc<AtomicUsize>,
}

impl Counted {
    fn new(exists: usize) -> Self {
        Self { exists: Arc::new(exists.into()), listable: true, ..Self::default() }
    }

    fn fail(&self) -> Result<()> {
        let left = self.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_ok() { Err(Error::new(Kind::Throttled)) } else { Ok(()) }
    }

    fn calls(&self) -> (usize, usize) {
        (self.targeted.load(Ordering::SeqCst), self.listed.load(Ordering::SeqCst))
    }
}

impl Source for Counted {
    type Item = usize;
    const LISTING_IS_COMPLETE: bool = false;

    fn some(&self, keys: Vec<String>) -> BoxFuture<'_, Result<Found<usize>>> {
        Box::pin(async move {
            assert!(keys.len() <= KEYS_PER_CALL);
            self.targeted.fetch_add(1, Ordering::SeqCst);
            self.fail()?;
            let known = keys.into_iter().filter_map(|key| Some((key.clone(), key.parse().ok()?)));
            Ok(known.filter(|(_, number)| *number < self.exists.load(Ordering::SeqCst)).collect())
        })
    }

    fn all(&self) -> BoxFuture<'_, Result<Option<Found<usize>>>> {
        Box::pin(async move {
            self.listed.fetch_add(1, Ordering::SeqCst);
            self.fail()?;
            Ok(self
                .listable
                .then(|| (0..self.exists.load(Ordering::SeqCst)).map(|number| (number.to_string(), number)).collect()))
        })
    }
}

/// The same, for objects that never change.
#[derive(Clone)]
struct Lasting(Counted);

impl Source for Lasting {
    type Item = usize;
    const LISTING_IS_COMPLETE: bool = false;
    const LASTS: bool = true;

    fn some(&self, keys: Vec<String>) -> BoxFuture<'_, Result<Found<usize>>> {
        self.0.some(keys)
    }

    fn all(&self) -> BoxFuture<'_, Result<Option<Found<usize>>>> {
        self.0.all()
    }
}

fn no_sleep() -> SharedAsyncSleep {
    SharedAsyncSleep::new(Stub::new(|_| Reply::Silence))
}

async fn read(reads: &SharedReads<usize>, source: &Counted, key: usize) -> Result<Option<usize>> {
    reads.read(&key.to_string(), || source.clone(), &no_sleep()).await
}

/// Reads all keys, `at_once` at a time, and expects each to be found.
async fn read_all(reads: &SharedReads<usize>, source: &Counted, keys: &[usize], at_once: usize) {
    for part in keys.chunks(at_once) {
        let found = join_all(part.iter().map(|key| read(reads, source, *key))).await;
        let found: Vec<_> = found.into_iter().map(|one| one.expect("read").expect("exists")).collect();
        assert_eq!(found, part);
    }
}

#[tokio::test]
async fn calls_by_demand() {
    for (count, at_once, targeted, listed) in
        [(1, 1, 1, 0), (2, 2, 1, 0), (2, 1, 2, 0), (500, 10, 0, 1), (500, 2, 1, 1), (500, 1, 2, 1)]
    {
        let (reads, source) = (SharedReads::default(), Counted::new(1000));
        let keys: Vec<usize> = (0..count).collect();
        read_all(&reads, &source, &keys, at_once).await;
        assert_eq!(source.calls(), (targeted, listed), "{count} keys, {at_once} at once");
    }
}

#[tokio::test]
async fn many_waves_of_readers_of_one_key_are_served_from_a_listing() {
    let (reads, source) = (SharedReads::default(), Counted::new(1000));
    read_all(&reads, &source, &[7; 60], 10).await;
    assert_eq!(source.calls(), (1, 1));
}

#[tokio::test]
async fn simultaneous_readers_of_one_key_share_one_call() {
    let (reads, source) = (SharedReads::default(), Counted::new(10));
    read_all(&reads, &source, &[7; 10], 10).await;
    assert_eq!(source.calls(), (1, 0));
}

#[tokio::test]
async fn what_lasts_is_asked_for_once_however_its_readers_come() {
    let (reads, source) = (SharedReads::default(), Lasting(Counted::new(10)));
    let sleep = no_sleep();
    let read = |key: &'static str| reads.read(key, || source.clone(), &sleep);
    for _ in 0..60 {
        assert_eq!(read("7").await.expect("read"), Some(7));
    }
    assert_eq!(source.0.calls(), (1, 0));
    // A missing object may still be created, and objects that this process changes or deletes are read again.
    assert_eq!((read("10").await.expect("read"), source.0.calls()), (None, (2, 0)));
    source.0.exists.store(11, Ordering::SeqCst);
    assert_eq!(read("10").await.expect("read"), Some(10));
    reads.deleted("10");
    assert_eq!(read("10").await.expect("read"), None);
    let before = source.0.calls().0;
    reads.changed("7");
    assert_eq!(read("7").await.expect("read"), Some(7));
    assert_eq!(source.0.calls().0, before + 1);
}

#[tokio::test]
async fn a_key_that_the_listing_lacks_is_asked_for_by_name() {
    let (reads, source) = (SharedReads::default(), Counted::new(5));
    read_all(&reads, &source, &[0, 1, 2], 3).await;
    assert_eq!(source.calls(), (0, 1));
    // Created by someone else after the listing.
    source.exists.store(6, Ordering::SeqCst);
    assert_eq!(read(&reads, &source, 5).await.expect("read"), Some(5));
    assert_eq!(read(&reads, &source, 6).await.expect("read"), None);
    assert_eq!(source.calls(), (2, 1));
}

#[tokio::test]
async fn too_many_to_list() {
    let (reads, source) = (SharedReads::default(), Counted { listable: false, ..Counted::new(1000) });
    let keys: Vec<usize> = (0..120).collect();
    read_all(&reads, &source, &keys, 60).await;
    // 60 keys are two calls of at most 50 each; the listing is abandoned once.
    assert_eq!(source.calls(), (4, 1));
}

#[tokio::test]
async fn own_changes_are_read_again_and_own_deletions_are_gone() {
    let (reads, source) = (SharedReads::default(), Counted::new(10));
    read_all(&reads, &source, &[0, 1, 2], 3).await;
    reads.changed("1");
    reads.deleted("2");
    assert_eq!(read(&reads, &source, 1).await.expect("read"), Some(1));
    assert_eq!(read(&reads, &source, 2).await.expect("read"), None);
    assert_eq!(read(&reads, &source, 0).await.expect("read"), Some(0));
    assert_eq!(source.calls(), (1, 1));
}

#[tokio::test]
async fn a_failure_reaches_all_who_wait_and_is_not_kept() {
    for keys in [&[0][..], &[0, 1, 2]] {
        let (reads, source) = (SharedReads::default(), Counted::new(10));
        source.failing.store(1, Ordering::SeqCst);
        let failed = join_all(keys.iter().map(|key| read(&reads, &source, *key))).await;
        for one in failed {
            assert_eq!(one.expect_err("failed").kind(), &Kind::Throttled);
        }
        read_all(&reads, &source, keys, keys.len()).await;
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_takes_nobody_along() {
    let (reads, source) = (SharedReads::default(), Counted::new(10));
    let first = read(&reads, &source, 0);
    let second = read(&reads, &source, 1);
    {
        let mut first = Box::pin(first);
        assert!(futures::poll!(first.as_mut()).is_pending());
    }
    assert_eq!(second.await.expect("read"), Some(1));
}
