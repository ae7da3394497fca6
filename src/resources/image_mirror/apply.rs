//! Copies images, and deletes them if that is wanted.
//!
//! Steps: 1. repositories of ECR, if asked for; 2. each image: blobs, then manifests, then the tag. Whatever fails leaves
//! the images before it, and blobs that have arrived; the next apply copies what is missing.

pub(super) mod errors;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::Text as _;
use framework::path::Path;
use framework::resource::State;
use futures::stream::{self, StreamExt as _};
use names::Sha256;

use self::errors::explained;
use super::plan::{archives, target};
use super::{Args, ImageMirror, Outputs};
use crate::charts::EcrRegistry;
use crate::charts::images::Mirror;
use crate::images::{Client, Copied, Error, Job, Platform, Reference, Settings, Source};
use crate::session::{Context, explain};

const TIMEOUT: Duration = Duration::from_hours(2);

/// What has to be done.
struct Work {
    /// By name.
    jobs: BTreeMap<String, Job>,
    outputs: Outputs,
    /// What an earlier apply has copied, and is no longer wanted.
    unwanted: BTreeMap<String, String>,
}

pub(super) async fn copy(args: &Args, prior: Option<&State<ImageMirror>>, cx: &Context) -> Result<Outputs> {
    let Work { jobs, mut outputs, unwanted } = prepare(args, prior).await?;
    if args.create_repositories {
        create_repositories(&jobs, cx).await?;
    }
    let at_once = usize::try_from(args.concurrency.get()).unwrap_or(1);
    let settings = Settings { concurrency: at_once, platforms: platforms(args), overwrite_tags: args.overwrite_tags };
    let client = Client::new(cx.clients()?.charts()?.clone(), settings);
    let deadline = tokio::time::Instant::from_std(cx.deadline(TIMEOUT));
    let all = jobs.len();
    let mut open: BTreeSet<String> = jobs.keys().cloned().collect();
    let mut faults: Vec<(String, Error)> = Vec::new();
    let mut is_late = false;
    // Until it is deleted, what is no longer wanted is recorded: a failure must not forget it.
    let undeleted = if args.delete_on_destroy { unwanted.clone() } else { BTreeMap::new() };
    {
        let owned: Vec<(String, Job)> = jobs.clone().into_iter().collect();
        // Layers are limited by the client; more images than these would only ask for manifests early.
        let copies = stream::iter(owned).map(|(name, job)| one(&client, name, job));
        let mut copies = copies.buffer_unordered(at_once);
        let mut done = 0;
        loop {
            let next = tokio::select! {
                () = tokio::time::sleep_until(deadline) => { is_late = true; break }
                next = copies.next() => next,
            };
            let Some((name, job, result)) = next else { break };
            match result {
                Ok(Copied { digest, is_new, bytes }) => {
                    done += 1;
                    open.remove(&name);
                    let how = if is_new { format!("copied, {bytes} bytes sent") } else { "already there".to_owned() };
                    cx.progress(format!("{name}: {how} ({done} of {all})")).await;
                    outputs.mirrored.insert(name.clone(), job.target.at(digest).to_string());
                    if is_new || job.written == Some(digest) {
                        outputs.existing_images.remove(&name);
                    } else {
                        outputs.existing_images.insert(name);
                    }
                    keep(&outputs, &undeleted, &open, cx);
                }
                Err(error) => {
                    let concerns_all = error.concerns_all();
                    faults.push((name, error));
                    if concerns_all {
                        break;
                    }
                }
            }
        }
    }
    let left = left(outputs.mirrored.len());
    if is_late {
        keep(&outputs, &undeleted, &open, cx);
        let cause = format!(
            "Not all images were copied within {} s: {} of {all} were, to `{}`.",
            cx.timeout(TIMEOUT).as_secs(),
            all - open.len(),
            args.destination.text()
        );
        return Err(Diagnostic::error("Could not copy all images in time", cause)
            .left(&left)
            .remedy("Apply again to copy the rest, or set a longer time in `timeouts`.")
            .into());
    }
    if !faults.is_empty() {
        keep(&outputs, &undeleted, &open, cx);
        let mut all = Diagnostics::new();
        for (name, error) in faults {
            all.append(explained("Could not copy an image", Some(&name), &error, Some(&left)));
        }
        return Err(all);
    }
    if args.delete_on_destroy
        && let Err(error) = remove(&client, &unwanted, &outputs, cx).await
    {
        // The next apply tries again; what was deleted is no longer found.
        outputs.mirrored.extend(unwanted);
        cx.save(&outputs);
        return Err(explained("Could not delete an image that is no longer wanted", None, &error, Some(&left)));
    }
    Ok(outputs)
}

/// Saves what is done. Images that an earlier apply copied, and this one was to copy again, are pending.
fn keep(outputs: &Outputs, undeleted: &BTreeMap<String, String>, open: &BTreeSet<String>, cx: &Context) {
    let pending_images = open.iter().filter(|name| outputs.mirrored.contains_key(*name)).cloned().collect();
    let mut outputs = Outputs { pending_images, ..outputs.clone() };
    outputs.mirrored.extend(undeleted.clone());
    cx.save(&outputs);
}

async fn one(client: &Client, name: String, job: Job) -> (String, Job, std::result::Result<Copied, Error>) {
    let copied = client.copy(&job).await;
    (name, job, copied)
}

/// Creates the repositories of ECR that do not exist.
async fn create_repositories(jobs: &BTreeMap<String, Job>, cx: &Context) -> Result<()> {
    let places: BTreeSet<(&str, &str)> =
        jobs.values().map(|job| (job.target.registry.as_str(), job.target.repository.as_str())).collect();
    for (registry, name) in places {
        let Some(ecr) = EcrRegistry::parse(registry) else { continue };
        let created = cx.clients()?.aws()?.create_repository(&ecr.region, &ecr.account, name).await;
        let summary = "Could not create a repository";
        if created.map_err(|error| {
            explain(summary, &error, Some(&format!("`{registry}/{name}` was to be created. Nothing was copied.")))
        })? {
            cx.progress(format!("{registry}/{name}: repository created")).await;
        }
    }
    Ok(())
}

fn platforms(args: &Args) -> Vec<Platform> {
    args.platforms.iter().flatten().filter_map(|platform| Platform::parse(platform.text()).ok()).collect()
}

fn left(mirrored: usize) -> String {
    let images = if mirrored == 1 { "1 image is".to_owned() } else { format!("{mirrored} images are") };
    format!("{images} in the registry, and recorded in the state. Layers that have arrived stay there.")
}

/// Which images must be looked at: those that no earlier apply has copied, or all of them if the platforms have changed.
async fn prepare(args: &Args, prior: Option<&State<ImageMirror>>) -> Result<Work> {
    let mirror = Mirror::parse(args.destination.text()).map_err(|error| {
        Diagnostic::error("Invalid registry", format!("{error}.")).at(Path::attribute(Args::NAMES.destination))
    })?;
    let before = prior.map(|prior| &prior.outputs);
    let was_archived = |path: &str| before.is_some_and(|before| before.archived_images.contains_key(path));
    let opened = archives(&args.images, was_archived).await?;
    let mut sources: BTreeMap<String, Source> = BTreeMap::new();
    let mut archived_images: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut kept: BTreeSet<String> = BTreeSet::new();
    for (path, archive) in opened {
        let archive = Arc::new(archive);
        let names = archived_images.entry(path).or_default();
        for entry in archive.entries() {
            names.insert(entry.name.clone());
            sources.insert(entry.name.clone(), Source::Archive(Arc::clone(&archive), entry.clone()));
        }
    }
    for image in &args.images {
        if !image.is_path() {
            let reference = Reference::parse(image.text()).map_err(|error| {
                Diagnostic::error("Invalid image", format!("{error}.")).at(Path::attribute(Args::NAMES.images))
            })?;
            sources.insert(image.text().to_owned(), Source::Registry(reference));
        } else if !archived_images.contains_key(image.text())
            && let Some(names) = before.and_then(|before| before.archived_images.get(image.text()))
        {
            // The archive has done its work, and is gone.
            kept.extend(names.iter().cloned());
            archived_images.insert(image.text().to_owned(), names.clone());
        }
    }
    let platforms_changed = prior.is_some_and(|prior| platforms(&prior.args) != platforms(args));
    let mut outputs = Outputs {
        mirrored: BTreeMap::new(),
        existing_images: BTreeSet::new(),
        pending_images: BTreeSet::new(),
        archived_images,
    };
    let mut unwanted = BTreeMap::new();
    for (name, place) in before.into_iter().flat_map(|before| &before.mirrored) {
        if sources.contains_key(name) || kept.contains(name) {
            outputs.mirrored.insert(name.clone(), place.clone());
        } else {
            unwanted.insert(name.clone(), place.clone());
        }
    }
    let existing = before.into_iter().flat_map(|before| &before.existing_images);
    outputs.existing_images = existing.filter(|name| outputs.mirrored.contains_key(*name)).cloned().collect();
    let mut jobs = BTreeMap::new();
    for (name, source) in sources {
        let place = outputs.mirrored.get(&name).and_then(|place| Reference::parse(place).ok());
        let written = place.and_then(|place| place.digest);
        let is_pending = before.is_some_and(|before| before.pending_images.contains(&name));
        let is_same = !platforms_changed && !is_pending;
        if written.is_some_and(|written| is_same && is_current(&source, written, args)) {
            continue;
        }
        let target = target(&mirror, &name).map_err(|error| {
            Diagnostic::error("Invalid image", format!("{error}.")).at(Path::attribute(Args::NAMES.images))
        })?;
        let written = written.filter(|_| !outputs.existing_images.contains(&name));
        jobs.insert(name, Job { source, target, written });
    }
    // Two apply runs after a failure must not forget what was ours.
    unwanted.retain(|name, _| before.is_none_or(|before| !before.existing_images.contains(name)));
    Ok(Work { jobs, outputs, unwanted })
}

/// Whether a source is what was copied, as far as that is known here: a tag is not looked up again.
fn is_current(source: &Source, written: Sha256, args: &Args) -> bool {
    match source {
        Source::Archive(_, entry) => !platforms(args).is_empty() || entry.digest() == written,
        Source::Registry(reference) => reference.digest.is_none_or(|digest| digest == written),
    }
}

/// Deletes images, unless another one has the same place.
async fn remove(
    client: &Client,
    unwanted: &BTreeMap<String, String>,
    outputs: &Outputs,
    cx: &Context,
) -> std::result::Result<(), Error> {
    for (name, place) in unwanted {
        let Ok(reference) = Reference::parse(place) else { continue };
        if outputs.mirrored.values().any(|other| other == place || needs(other, &reference)) {
            continue;
        }
        let Some(digest) = reference.digest else { continue };
        if client.delete(&reference, digest).await? {
            cx.progress(format!("{name}: deleted from {place}")).await;
        } else {
            cx.report(undeleted(place));
        }
    }
    Ok(())
}

/// Whether an image goes when another one is deleted. A registry deletes a manifest together with all its tags, and some
/// delete it with its last tag.
fn needs(place: &str, deleted: &Reference) -> bool {
    Reference::parse(place).is_ok_and(|it| {
        let is_same = it.registry == deleted.registry && it.repository == deleted.repository;
        is_same && it.digest == deleted.digest && (it.tag.is_none() || deleted.tag.is_none())
    })
}

fn undeleted(place: &str) -> Diagnostic {
    Diagnostic::warning("An image was not deleted", format!("The registry does not delete tags, so `{place}` stays."))
        .remedy("Delete it with the registry's own means, such as a lifecycle policy.")
}

pub(super) async fn delete(state: &State<ImageMirror>, cx: &Context) -> Result<()> {
    if !state.args.delete_on_destroy {
        return Ok(());
    }
    let settings = Settings { concurrency: 1, platforms: Vec::new(), overwrite_tags: false };
    let client = Client::new(cx.clients()?.charts()?.clone(), settings);
    let mut rest = state.outputs.clone();
    for (name, place) in &state.outputs.mirrored {
        if state.outputs.existing_images.contains(name) {
            continue;
        }
        let one = BTreeMap::from([(name.clone(), place.clone())]);
        rest.mirrored.remove(name);
        if let Err(error) = remove(&client, &one, &rest, cx).await {
            rest.mirrored.insert(name.clone(), place.clone());
            cx.save(&rest);
            let left = left(rest.mirrored.len());
            return Err(explained("Could not delete an image", Some(name), &error, Some(&left)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_image_is_part_of_is_not_deleted() {
        let sum = Sha256::of(b"a manifest");
        let other = Sha256::of(b"another manifest");
        let parsed = |place: &str| Reference::parse(place).expect("a reference");
        for (deleted, place, expected) in [
            (format!("r.example/a@{sum}"), format!("r.example/a:v1@{sum}"), true),
            (format!("r.example/a:v1@{sum}"), format!("r.example/a@{sum}"), true),
            (format!("r.example/a:v1@{sum}"), format!("r.example/a:v2@{sum}"), false),
            (format!("r.example/a@{sum}"), format!("r.example/a:v1@{other}"), false),
            (format!("r.example/a@{sum}"), format!("r.example/b:v1@{sum}"), false),
        ] {
            assert_eq!(needs(&place, &parsed(&deleted)), expected, "{deleted} {place}");
        }
    }
}
