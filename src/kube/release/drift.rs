//! Objects of a release that differ from what it applied.
//!
//! Each object is applied in a server-side dry run: the API server returns the object with every default filled in,
//! so any difference from the live object is a change by someone else. Fields of other managers differ in neither.

use std::fmt;

use futures::FutureExt as _;
use helm::Release;
use serde_json::Value as Json;

use super::super::client::Client;
use super::super::error::Kind;
use super::Releases;
use super::apply::{dry_run, live, together};
use super::error::{Error, Result};
use super::objects::{Object, read};
use super::rendition::Objects;

/// An object that differs from what its release applied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Drifted {
    /// The object, such as `ConfigMap kube-system/cilium-config`.
    pub object: String,
    /// Whether it no longer exists.
    pub gone: bool,
}

impl fmt::Display for Drifted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.object, if self.gone { "gone" } else { "changed" })
    }
}

/// The result of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Objects that no longer exist or were changed, in manifest order.
    pub drifted: Vec<Drifted>,
    /// Objects that the API server refused to apply, each with its response: whether they have changed is unknown.
    pub not_compared: Vec<(String, String)>,
}

impl Releases {
    /// The objects of a revision that differ from what it applied; `objects` are those of its manifests. Costs a read and a server-side dry run per object;
    /// the caller needs `patch` on them. A refused dry run says nothing about the object.
    ///
    /// # Errors
    /// [`Error::Request`]; [`Error::Manifest`] for an object without a kind or a name.
    pub async fn drift(&self, release: &Release, objects: &Objects) -> Result<Comparison> {
        let discovery = self.kinds().await?;
        let (mut objects, unknown) = read(objects.placed(), &discovery, &release.namespace)?;
        for object in &mut objects {
            object.mark(&release.name, &release.namespace);
        }
        let looks = objects.iter().map(|object| look(&self.client, object).boxed()).collect();
        let mut comparison = Comparison::default();
        for look in together(looks).await {
            match look? {
                Look::Same => {}
                Look::Drifted(drifted) => comparison.drifted.push(drifted),
                Look::Refused(object, answer) => comparison.not_compared.push((object, answer)),
            }
        }
        // Without its definition, an object does not exist either.
        comparison.drifted.extend(unknown.into_iter().map(|one| Drifted { object: one.to_string(), gone: true }));
        Ok(comparison)
    }
}

enum Look {
    Same,
    Drifted(Drifted),
    Refused(String, String),
}

async fn look(client: &Client, object: &Object) -> Result<Look> {
    let drifted = |gone: bool| Ok(Look::Drifted(Drifted { object: object.told(), gone }));
    let failed = |doing: &str| Error::request(format!("{doing} {}", object.told()));
    let now = match live(client, object).await {
        Err(error) if error.is_not_found() => None,
        other => other.map_err(failed("look at"))?,
    };
    let Some(now) = now else { return drifted(true) };
    let as_made = match dry_run(client, object).await {
        // A webhook that does not support dry runs, a policy, or a missing permission.
        Err(error) if matches!(error.kind(), Kind::Invalid { .. } | Kind::Forbidden { .. }) => {
            return Ok(Look::Refused(object.told(), error.kind().to_string()));
        }
        other => other.map_err(failed("compare"))?,
    };
    if lasting(now) == lasting(as_made) { Ok(Look::Same) } else { drifted(false) }
}

/// The object without the fields that every write changes.
fn lasting(mut object: Json) -> Json {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for member in ["managedFields", "resourceVersion", "generation"] {
            metadata.remove(member);
        }
    }
    if let Some(root) = object.as_object_mut() {
        // Controllers write it constantly.
        root.remove("status");
        // Reads do not always return them.
        root.remove("apiVersion");
        root.remove("kind");
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_somebody_set_is_compared() {
        let now = json!({
            "metadata": { "name": "a", "resourceVersion": "1", "generation": 1, "managedFields": [], "labels": { "k": "v" } },
            "spec": { "x": 1 }, "status": { "n": 1 },
        });
        let made = json!({
            "apiVersion": "v1", "kind": "A", "metadata": { "name": "a", "resourceVersion": "2", "labels": { "k": "v" } },
            "spec": { "x": 1 },
        });
        assert_eq!(lasting(now.clone()), lasting(made.clone()));
        let mut changed = now;
        changed["spec"]["x"] = json!(2);
        assert_ne!(lasting(changed), lasting(made));
        let one = |gone| Drifted { object: "A n/a".to_owned(), gone }.to_string();
        assert_eq!((one(true).as_str(), one(false).as_str()), ("A n/a (gone)", "A n/a (changed)"));
    }
}
