//! Many readers, one listing: Terraform reads objects one by one, and a cluster has few of some kinds.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tokio::sync::OnceCell;

use super::client::Client;
use super::error::Result;
use super::object::{Resource, name};

/// A listing older than this is not used any more: a debugged provider lives across many runs.
const GOOD_FOR: Duration = Duration::from_mins(2);

#[derive(Clone)]
struct Listing {
    begun: Instant,
    objects: Arc<OnceCell<BTreeMap<String, Json>>>,
}

/// The listings of one cluster.
#[derive(Default)]
pub(super) struct Listings(Mutex<HashMap<Resource, Listing>>);

impl Listings {
    pub(super) async fn read(&self, client: &Client, resource: &Resource, wanted: &str) -> Result<Option<Json>> {
        let listing = {
            let mut listings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let fresh = || Listing { begun: Instant::now(), objects: Arc::default() };
            let listing = listings.entry(resource.clone()).or_insert_with(fresh);
            if listing.begun.elapsed() > GOOD_FOR {
                *listing = fresh();
            }
            listing.clone()
        };
        let list = || async {
            let mut objects = BTreeMap::new();
            client.pages(resource, None, None, |object| drop(objects.insert(name(&object).to_owned(), object))).await?;
            Ok(objects)
        };
        Ok(listing.objects.get_or_try_init(list).await?.get(wanted).cloned())
    }

    /// This process changed something: the next reader lists anew.
    pub(super) fn forget(&self, resource: &Resource) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(resource);
    }
}
