//! One image from its source to its destination.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, TryStreamExt as _};
use names::Sha256;
use tokio::sync::Semaphore;

use super::error::{Error, Result, Side};
use super::manifest::{Descriptor, Manifest, Parts, Platform, Reduced, reduce};
use super::reference::Reference;
use super::repository::Repository;
use super::source::Source;
use super::upload::{InParts, upload};
use crate::charts;

/// How deep indexes may lie in each other.
const MAX_DEPTH: usize = 4;

/// How images are copied.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Most blobs on their way at the same time.
    pub concurrency: usize,
    /// Platforms to copy; empty for all.
    pub platforms: Vec<Platform>,
    /// Whether tags that hold another image may be changed.
    pub overwrite_tags: bool,
}

/// One image to copy.
#[derive(Debug, Clone)]
pub struct Job {
    /// Where it comes from.
    pub source: Source,
    /// Where it goes.
    pub target: Reference,
    /// What an earlier run has put there: it may be replaced.
    pub written: Option<Sha256>,
}

/// An image that the destination holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Its digest.
    pub digest: Sha256,
    /// Whether the destination did not hold it before.
    pub is_new: bool,
    /// Bytes of blobs that were sent.
    pub bytes: u64,
}

/// Copies images. What it has learned of a registry serves all images of a run.
pub struct Client {
    charts: charts::Client,
    settings: Settings,
    transfers: Semaphore,
    in_parts: InParts,
    /// A repository for each blob that a registry is known to hold, by registry and digest.
    held: Mutex<HashMap<(String, Sha256), String>>,
    /// Blobs that are on their way: a second image waits for the first, and mounts its blob.
    moving: Mutex<HashMap<(String, Sha256), Arc<tokio::sync::Mutex<()>>>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Client {
    /// Opens nothing.
    #[must_use]
    pub fn new(charts: charts::Client, settings: Settings) -> Self {
        let transfers = Semaphore::new(settings.concurrency.max(1));
        Self {
            charts,
            settings,
            transfers,
            in_parts: InParts::default(),
            held: Mutex::default(),
            moving: Mutex::default(),
        }
    }

    /// Digest of what a registry holds under a name, by one request; `None` if it holds nothing there.
    ///
    /// # Errors
    /// [`Error::Registry`].
    pub async fn digest(&self, image: &Reference) -> Result<Option<Sha256>> {
        Repository::of(&self.charts, image, Side::Destination).digest(&image.manifest()).await
    }

    /// Copies one image, or finds that the destination holds it.
    ///
    /// # Errors
    /// [`Error`]. Blobs that have arrived stay in the registry, and the next attempt finds them there.
    pub async fn copy(&self, job: &Job) -> Result<Copied> {
        let target = Repository::of(&self.charts, &job.target, Side::Destination);
        let name = job.target.tag.clone().unwrap_or_else(|| job.target.manifest());
        let there = target.digest(&name).await?;
        let (root, parts) = if self.settings.platforms.is_empty() {
            let digest = job.source.digest(&self.charts).await?;
            if there == Some(digest) {
                return Ok(Copied { digest, is_new: false, bytes: 0 });
            }
            self.check(job, there, digest)?;
            let root = job.source.root(&self.charts).await?;
            if root.digest != digest {
                // The tag was moved between the two requests.
                self.check(job, there, root.digest)?;
            }
            let parts = parts_of(&root, job)?;
            (root, parts)
        } else {
            let (root, parts) = self.reduced(job).await?;
            if there == Some(root.digest) {
                return Ok(Copied { digest: root.digest, is_new: false, bytes: 0 });
            }
            self.check(job, there, root.digest)?;
            (root, parts)
        };
        tracing::info!(image = job.source.name(), to = %job.target, digest = %root.digest, "copying an image");
        let sent = AtomicU64::new(0);
        self.fill(job, &target, parts, 0, &sent).await?;
        target.store(&name, &root).await?;
        let bytes = sent.into_inner();
        tracing::info!(image = job.source.name(), to = %job.target, bytes, "copied");
        Ok(Copied { digest: root.digest, is_new: true, bytes })
    }

    /// Deletes what a destination holds under a name, if it is what was written there. `false`: the registry does not
    /// delete, or deletes more than that.
    ///
    /// # Errors
    /// [`Error::Registry`].
    pub async fn delete(&self, image: &Reference, written: Sha256) -> Result<bool> {
        let target = Repository::of(&self.charts, image, Side::Destination);
        let Some(tag) = &image.tag else { return target.delete(&written.to_string()).await };
        if target.digest(tag).await? != Some(written) {
            return Ok(true);
        }
        // Registries that do not delete tags delete manifests, with all their tags.
        target.delete(tag).await
    }

    /// Whether the destination's tag may be written.
    fn check(&self, job: &Job, there: Option<Sha256>, wanted: Sha256) -> Result<()> {
        match there {
            Some(found) if found != wanted && Some(found) != job.written && !self.settings.overwrite_tags => {
                Err(Error::TagTaken { image: job.target.to_string(), found, wanted })
            }
            _ => Ok(()),
        }
    }

    /// What remains of the image for the wanted platforms.
    async fn reduced(&self, job: &Job) -> Result<(Manifest, Parts)> {
        let root = job.source.root(&self.charts).await?;
        let Parts::Manifests(manifests) = parts_of(&root, job)? else {
            // An image for one platform, which its manifest does not name.
            let parts = parts_of(&root, job)?;
            return Ok((root, parts));
        };
        let wrong = |problem| Error::Manifest { image: job.source.name(), problem };
        let reduced = reduce(&root, manifests, &self.settings.platforms).map_err(wrong)?;
        let root = match reduced {
            Reduced::Same => root,
            Reduced::One(one) => job.source.manifest(&one, &self.charts).await?,
            Reduced::Index(index) => index,
            Reduced::Nothing(found) => {
                let wanted: Vec<String> = self.settings.platforms.iter().map(ToString::to_string).collect();
                let (wanted, found) = (wanted.join(", "), found.join(", "));
                return Err(Error::Platforms { image: job.source.name(), wanted, found });
            }
        };
        if job.target.digest.is_some_and(|digest| digest != root.digest) {
            return Err(Error::Pinned { image: job.source.name() });
        }
        let parts = parts_of(&root, job)?;
        Ok((root, parts))
    }

    /// Brings the parts of a manifest to the destination.
    fn fill<'a>(
        &'a self,
        job: &'a Job,
        target: &'a Repository,
        parts: Parts,
        depth: usize,
        sent: &'a AtomicU64,
    ) -> futures::future::BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let many = self.settings.concurrency.max(1);
            match parts {
                Parts::Blobs(blobs) => {
                    let mut blobs: Vec<Descriptor> = blobs.into_iter().filter(|blob| !blob.is_foreign()).collect();
                    blobs.sort_by_key(|blob| blob.digest.hex());
                    blobs.dedup_by_key(|blob| blob.digest);
                    // The largest first, so that it does not remain alone at the end.
                    blobs.sort_by_key(|blob| std::cmp::Reverse(blob.size));
                    let moved =
                        stream::iter(blobs.into_iter().map(Ok)).try_for_each_concurrent(many, |blob| async move {
                            sent.fetch_add(self.blob(job, target, &blob).await?, Ordering::Relaxed);
                            Ok(())
                        });
                    moved.await
                }
                Parts::Manifests(manifests) => {
                    if depth >= MAX_DEPTH {
                        let problem = format!("it holds indexes in more than {MAX_DEPTH} layers");
                        return Err(Error::Manifest { image: job.source.name(), problem });
                    }
                    let moved =
                        stream::iter(manifests.into_iter().map(Ok)).try_for_each_concurrent(many, |one| async move {
                            let name = one.digest.to_string();
                            if target.digest(&name).await?.is_some() {
                                return Ok(());
                            }
                            let manifest = job.source.manifest(&one, &self.charts).await?;
                            let parts = parts_of(&manifest, job)?;
                            self.fill(job, target, parts, depth + 1, sent).await?;
                            target.store(&name, &manifest).await
                        });
                    moved.await
                }
            }
        })
    }

    /// Brings a blob to the destination; returns the number of bytes that were sent.
    async fn blob(&self, job: &Job, target: &Repository, blob: &Descriptor) -> Result<u64> {
        let key = (target.registry.clone(), blob.digest);
        let moving = {
            let mut moving = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(moving.entry(key.clone()).or_default())
        };
        let _alone = moving.lock().await;
        // It is never closed.
        let _permit = self.transfers.acquire().await;
        if target.blob_size(blob.digest).await?.is_some() {
            self.hold(key, target);
            return Ok(0);
        }
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let same = job.source.place().filter(|(registry, _)| *registry == target.registry);
        let from = held.or_else(|| same.map(|(_, repository)| repository.to_owned()));
        let from = from.filter(|from| *from != target.name);
        let sent = upload(target, &job.source, blob, from.as_deref(), &self.in_parts).await?;
        tracing::debug!(blob = %blob.digest, bytes = sent, to = target.name, "blob arrived");
        self.hold(key, target);
        Ok(sent)
    }

    fn hold(&self, key: (String, Sha256), target: &Repository) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.entry(key).or_insert_with(|| target.name.clone());
    }
}

fn parts_of(manifest: &Manifest, job: &Job) -> Result<Parts> {
    manifest.parts().map_err(|problem| Error::Manifest { image: job.source.name(), problem })
}
