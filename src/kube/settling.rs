//! Changes that an API server learns a little later than this process: EKS runs several, each with its own caches.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::Value as Json;
use tokio::time::Instant;

use super::discovery::Discovery;

/// How long another API server may not know a kind after its definition was written.
const KINDS_SETTLE: Duration = Duration::from_secs(30);
/// How long a caller may be refused after it was granted access. Source: EKS user guide, "Grant IAM users access to
/// Kubernetes with EKS access entries": access entries are eventually consistent and may take several seconds.
const ACCESS_SETTLES: Duration = Duration::from_secs(30);

/// The kinds defined in this run, by the name of their definition.
#[derive(Default)]
pub(super) struct Defined(Mutex<HashMap<String, Definition>>);

struct Definition {
    written: Instant,
    group: String,
    kind: String,
    /// Served versions, such as `v1`.
    versions: Vec<String>,
}

impl Defined {
    /// Records a definition that was written.
    pub(super) fn add(&self, object: &Json) {
        let text = |path: &str| object.pointer(path).and_then(Json::as_str).unwrap_or_default().to_owned();
        let versions = object.pointer("/spec/versions").and_then(Json::as_array).into_iter().flatten();
        let versions =
            versions.filter(|version| version["served"] == true).filter_map(|version| version["name"].as_str());
        let definition = Definition {
            written: Instant::now(),
            group: text("/spec/group"),
            kind: text("/spec/names/kind"),
            versions: versions.map(str::to_owned).collect(),
        };
        self.all(|all| all.insert(text("/metadata/name"), definition));
    }

    /// Forgets a definition that was deleted.
    pub(super) fn remove(&self, name: &str) {
        self.all(|all| all.remove(name));
    }

    /// Whether a path may belong to a kind defined a moment ago.
    pub(super) fn may_settle(&self, path: &str) -> bool {
        let Some((group, _)) = path.strip_prefix("/apis/").and_then(|rest| rest.split_once('/')) else { return false };
        self.all(|all| all.values().any(|one| one.group == group && one.is_young()))
    }

    /// Whether a discovery lacks a kind defined a moment ago.
    pub(super) fn lacks(&self, discovery: &Discovery) -> bool {
        self.all(|all| {
            all.values().filter(|one| one.is_young()).any(|one| {
                let served =
                    |version: &String| discovery.served(&format!("{}/{version}", one.group), &one.kind).is_some();
                !one.versions.iter().all(served)
            })
        })
    }

    fn all<T>(&self, with: impl FnOnce(&mut HashMap<String, Definition>) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Definition {
    fn is_young(&self) -> bool {
        self.written.elapsed() < KINDS_SETTLE
    }
}

/// The caller's permissions, as far as responses reveal them.
#[derive(Default)]
pub(super) struct Access {
    /// Time of the first request other than a read by a plan.
    first: OnceLock<Instant>,
    /// Whether a request that needs a permission was allowed.
    allowed: AtomicBool,
}

impl Access {
    /// Records that a request is sent.
    pub(super) fn begin(&self) {
        self.first.get_or_init(Instant::now);
    }

    /// Records that a request was allowed. Version and discovery are open to every authenticated caller.
    pub(super) fn allow(&self, path: &str) {
        let place = path.split('?').next().unwrap_or_default();
        let depth = place.split('/').filter(|part| !part.is_empty()).count();
        if (place.starts_with("/api/") && depth > 2) || (place.starts_with("/apis/") && depth > 3) {
            self.allowed.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a refusal may be temporary.
    pub(super) fn may_settle(&self) -> bool {
        let is_young = self.first.get().is_some_and(|first| first.elapsed() < ACCESS_SETTLES);
        is_young && !self.allowed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition(group: &str, kind: &str) -> Json {
        json!({
            "metadata": { "name": format!("things.{group}") },
            "spec": { "group": group, "names": { "kind": kind }, "versions": [
                { "name": "v1", "served": true }, { "name": "v1alpha1", "served": false },
            ] },
        })
    }

    #[test]
    fn kinds_of_this_run_may_be_unknown_for_a_moment() {
        let defined = Defined::default();
        assert!(!defined.lacks(&Discovery::default()));
        defined.add(&definition("example.com", "Thing"));
        assert!(defined.lacks(&Discovery::default()));
        for (path, expected) in [
            ("/apis/example.com/v1/things/a", true),
            ("/apis/example.org/v1/things/a", false),
            ("/api/v1/nodes", false),
        ] {
            assert_eq!(defined.may_settle(path), expected, "{path}");
        }
        defined.all(|all| {
            for one in all.values_mut() {
                one.written = one.written.checked_sub(KINDS_SETTLE).expect("a time");
            }
        });
        assert!(!defined.may_settle("/apis/example.com/v1/things/a") && !defined.lacks(&Discovery::default()));
        defined.add(&definition("example.com", "Thing"));
        defined.remove("things.example.com");
        assert!(!defined.may_settle("/apis/example.com/v1/things/a"));
    }

    #[test]
    fn access_settles_until_something_was_allowed() {
        let access = Access::default();
        assert!(!access.may_settle(), "nobody has asked yet");
        access.begin();
        for open in ["/version", "/api", "/apis", "/apis/apps/v1", "/api/v1", "/apis?x=/a/b/c"] {
            access.allow(open);
            assert!(access.may_settle(), "{open}");
        }
        access.allow("/api/v1/nodes?limit=500");
        assert!(!access.may_settle());
        let access = Access::default();
        access.begin();
        access.allow("/apis/apps/v1/deployments");
        assert!(!access.may_settle());
        let old = Access {
            first: OnceLock::from(Instant::now().checked_sub(ACCESS_SETTLES).expect("a time")),
            ..Access::default()
        };
        assert!(!old.may_settle());
    }
}
