//! One listing for many readers: Terraform reads objects one by one, and a cluster has few objects of some kinds.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tokio::sync::OnceCell;

use super::object::Resource;

/// Maximum age of a listing: a provider under a debugger lives across many runs.
const GOOD_FOR: Duration = Duration::from_mins(2);

struct Listing {
    begun: Instant,
    objects: Arc<OnceCell<BTreeMap<String, Json>>>,
}

/// The listings of one cluster.
#[derive(Default)]
pub(super) struct Listings(Mutex<HashMap<Resource, Listing>>);

impl Listings {
    /// The current listing of a kind, filled by its first reader.
    pub(super) fn of(&self, resource: &Resource) -> Arc<OnceCell<BTreeMap<String, Json>>> {
        let mut listings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Listing { begun: Instant::now(), objects: Arc::default() };
        let listing = listings.entry(resource.clone()).or_insert_with(fresh);
        if listing.begun.elapsed() > GOOD_FOR {
            *listing = fresh();
        }
        Arc::clone(&listing.objects)
    }

    /// This process changed something: the next reader lists again.
    pub(super) fn forget(&self, resource: &Resource) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(resource);
    }
}
