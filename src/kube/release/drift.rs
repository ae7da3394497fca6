//! Objects of a release that differ from what it applied.
//!
//! Each object is applied once more without effect: the API server's answer is the object as it would be, with every
//! default filled in, so what differs from the object as it is has been changed by somebody. Fields of others differ
//! in neither.

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

/// An object that differs from what its release applied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Drifted {
    /// `ConfigMap kube-system/cilium-config`.
    pub object: String,
    /// It is there no more.
    pub gone: bool,
}

impl fmt::Display for Drifted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.object, if self.gone { "gone" } else { "changed" })
    }
}

/// What a comparison has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The objects that are gone, or that somebody has changed, in the order of the manifests.
    pub drifted: Vec<Drifted>,
    /// The objects that the API server would not apply, each with its answer: nobody knows whether they have changed.
    pub not_compared: Vec<(String, String)>,
}

impl Releases {
    /// The objects of a revision that differ from what it applied. Two requests for each object, one of them a change without
    /// effect, which takes the right to make it; one that is refused says nothing about the object.
    ///
    /// # Errors
    /// [`Error::Request`]; [`Error::Stored`] and [`Error::Manifest`] when the manifests cannot be read.
    pub async fn drift(&self, release: &Release) -> Result<Comparison> {
        let discovery = self.kinds().await?;
        let manifests = release.manifests().map_err(|source| Error::Stored {
            secret: format!("{} of revision {}", release.name, release.revision),
            source,
        })?;
        let (mut objects, unknown) = read(&manifests, &discovery, &release.namespace)?;
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
        // With its definition an object is gone too.
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
        // A webhook that cannot do without effects, a policy, or a missing right.
        Err(error) if matches!(error.kind(), Kind::Invalid { .. } | Kind::Forbidden { .. }) => {
            return Ok(Look::Refused(object.told(), error.kind().to_string()));
        }
        other => other.map_err(failed("compare"))?,
    };
    if lasting(now) == lasting(as_made) { Ok(Look::Same) } else { drifted(false) }
}

/// An object without what each write changes.
fn lasting(mut object: Json) -> Json {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for member in ["managedFields", "resourceVersion", "generation"] {
            metadata.remove(member);
        }
    }
    if let Some(root) = object.as_object_mut() {
        // Controllers write it all the time.
        root.remove("status");
        // A read tells them not always.
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
