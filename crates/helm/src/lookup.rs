//! What templates may ask a cluster.

use crate::data::Data;

/// A cluster that templates can look into.
pub trait Lookup: Sync {
    /// The object, or with an empty `name` the list, that `lookup` asks for; `None` where there is none.
    ///
    /// An empty `namespace` means all namespaces, or none for an object without one.
    ///
    /// # Errors
    /// A text for the user, where the cluster cannot be asked. The render fails with it.
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Option<Data>, String>;
}

/// No cluster: every lookup is empty, as in `helm template`.
#[derive(Debug, Clone, Copy)]
pub struct NoCluster;

impl Lookup for NoCluster {
    fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<Option<Data>, String> {
        Ok(None)
    }
}
