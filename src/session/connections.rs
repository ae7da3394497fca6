//! The clusters that this run has connected to.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::attributes::Region;
use crate::kube::{self, Server, Target};

/// Connections opened in this run, by region and cluster, and by the cluster's endpoint and CA: a cluster replaced in
/// the same apply has different ones.
#[derive(Debug, Default)]
pub(super) struct Connections {
    opened: Mutex<HashMap<Key, Arc<OnceCell<kube::Client>>>>,
    /// Endpoints that only a VPC can reach.
    private: Mutex<HashSet<String>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    region: Option<String>,
    cluster: String,
    address: Option<String>,
    authority: Option<Vec<u8>>,
}

impl Connections {
    /// Notes that EKS describes an endpoint as private.
    pub(super) fn note_private(&self, endpoint: &str) {
        let mut private = self.private.lock().unwrap_or_else(PoisonError::into_inner);
        private.insert(endpoint.trim_end_matches('/').to_owned());
    }

    /// Whether EKS describes an endpoint as one that only the VPC can reach.
    pub(super) fn is_private(&self, endpoint: &str) -> bool {
        let private = self.private.lock().unwrap_or_else(PoisonError::into_inner);
        private.contains(endpoint.trim_end_matches('/'))
    }

    /// The connection to `target`, opened at most once.
    pub(super) fn cell(&self, target: &Target, region: Option<&Region>) -> Arc<OnceCell<kube::Client>> {
        let (address, authority) = match &target.server {
            Server::Address { url, authority, .. } => (Some(url.clone()), authority.clone()),
            Server::Kubeconfig { url, authority, .. } => (url.clone(), authority.clone()),
        };
        let region = region.map(|region| region.as_str().to_owned());
        let key = Key { region, cluster: target.cluster.clone(), address, authority };
        Arc::clone(self.opened.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
    }
}
