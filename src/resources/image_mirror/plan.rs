//! Plans a mirror: which images have to be copied, as far as that can be known without the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path as FilePath;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Model, Text as _};
use framework::path::Path;
use framework::resource::Plan;

use super::{Args, Image, ImageMirror};
use crate::charts::images::Mirror;
use crate::images::{Archive, Reference};
use crate::net::causes::chain;

pub(super) fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
    let Maybe::Known(images) = &args.images else { return };
    let at = || Path::attribute(Args::NAMES.images);
    // Only some platforms make another index, which has another digest.
    if args.platforms.set().is_some_and(|platforms| !platforms.is_empty()) {
        let pinned: Vec<&str> =
            images.iter().map(Image::text).filter(|image| image.contains("@sha256:") && !is_path(image)).collect();
        if !pinned.is_empty() {
            let cause = format!(
                "These images are named by digest: {}. With some platforms only, the digest of an image for several \
                 platforms is another one, and pods that name this digest would not find it.",
                pinned.join(", ")
            );
            let remedy = "Remove `platforms`, or name the images by tag.";
            faults.push(
                Diagnostic::error("Platforms of an image that is named by digest", cause).remedy(remedy).at(at()),
            );
        }
    }
    let Maybe::Known(destination) = &args.destination else { return };
    let Ok(mirror) = Mirror::parse(destination.text()) else { return };
    let mut places: BTreeMap<String, Reference> = BTreeMap::new();
    for image in images.iter().filter(|image| !image.is_path()) {
        let (Ok(source), Ok(target)) = (Reference::parse(image.text()), target(&mirror, image.text())) else {
            continue;
        };
        let place = Reference { digest: None, ..target }.to_string();
        let other = places.entry(place.clone()).or_insert_with(|| source.clone());
        if other.name() != source.name() {
            let cause = format!("`{other}` and `{source}` have the same place in `{}`: `{place}`.", destination.text());
            let remedy = "Mirror them to different paths of the registry, with a resource for each.";
            faults.push(Diagnostic::error("Two images have the same place", cause).remedy(remedy).at(at()));
        }
    }
}

fn is_path(text: &str) -> bool {
    text.starts_with(['/', '.'])
}

/// Where an image goes.
pub(super) fn target(mirror: &Mirror, name: &str) -> crate::images::Result<Reference> {
    let source = Reference::parse(name)?;
    let place = Reference::parse(&mirror.place(name))?;
    // The place of `nginx` is `…/library/nginx`; its tag is that of the source.
    Ok(Reference { tag: source.tag, digest: source.digest, ..place })
}

/// Opens the archives among some images. Those that do not exist are left out where `may_lack` says so.
pub(super) async fn archives(
    images: &BTreeSet<Image>,
    may_lack: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Archive>> {
    let mut opened = BTreeMap::new();
    for image in images.iter().filter(|image| image.is_path()) {
        let path = image.text().to_owned();
        let open = tokio::task::spawn_blocking(move || Archive::open(FilePath::new(&path))).await;
        match open.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) {
            Ok(archive) => {
                for entry in archive.entries() {
                    if let Err(error) = Reference::parse(&entry.name) {
                        return Err(unreadable(image, &chain(&error)).into());
                    }
                }
                drop(opened.insert(image.text().to_owned(), archive));
            }
            Err(crate::images::Error::Read { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound && may_lack(image.text()) => {}
            Err(error) => return Err(unreadable(image, &chain(&error)).into()),
        }
    }
    Ok(opened)
}

fn unreadable(image: &Image, why: &str) -> Diagnostic {
    Diagnostic::error("Could not read the archive", framework::diagnostic::sentence(why))
        .remedy(format!(
            "Check `{}`: it must be an OCI layout (folder or tar archive), or an archive of `docker save`, on the machine \
             that runs Terraform.",
            image.text()
        ))
        .at(Path::attribute(Args::NAMES.images))
}

pub(super) async fn plan(plan: &mut Plan<ImageMirror>) -> Result<()> {
    let Maybe::Known(images) = &plan.args.images else {
        plan.outputs.mirrored = Maybe::Unknown;
        plan.outputs.existing_images = Maybe::Unknown;
        plan.outputs.pending_images = Maybe::Known(BTreeSet::new());
        plan.outputs.archived_images = Maybe::Unknown;
        return Ok(());
    };
    let Some(prior) = plan.prior.as_ref().filter(|_| !plan.is_replaced()) else {
        // What is wrong with an archive is better known before anything is created.
        archives(images, |_| false).await?;
        plan.outputs.pending_images = Maybe::Known(BTreeSet::new());
        return Ok(());
    };
    // An archive that was copied and is no longer there has done its work.
    let known = &prior.outputs;
    let opened = archives(images, |path| known.archived_images.contains_key(path)).await?;
    let mut wanted: BTreeMap<String, Option<names::Sha256>> = BTreeMap::new();
    let mut archived: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for image in images {
        let text = image.text();
        match opened.get(text) {
            Some(archive) => {
                archived.insert(text.to_owned(), archive.entries().iter().map(|entry| entry.name.clone()).collect());
                wanted.extend(archive.entries().iter().map(|entry| (entry.name.clone(), Some(entry.digest()))));
            }
            None if image.is_path() => {
                let names = known.archived_images.get(text).cloned().unwrap_or_default();
                wanted.extend(names.iter().map(|name| (name.clone(), None)));
                archived.insert(text.to_owned(), names);
            }
            None => drop(wanted.insert(text.to_owned(), None)),
        }
    }
    let platforms_change = plan.changes(Args::NAMES.platforms);
    let has_platforms = plan.args.platforms.set().is_some_and(|platforms| !platforms.is_empty());
    let is_there = |(name, digest): (&String, &Option<names::Sha256>)| {
        known.mirrored.get(name).is_some_and(|place| {
            // With some platforms only, the digest in the registry is not that of the archive.
            digest.is_none_or(|digest| has_platforms || place.ends_with(&digest.to_string()))
        })
    };
    let is_complete = wanted.iter().all(is_there) && known.mirrored.keys().all(|name| wanted.contains_key(name));
    if !is_complete || platforms_change || !known.pending_images.is_empty() {
        plan.outputs.mirrored = Maybe::Unknown;
        plan.outputs.existing_images = Maybe::Unknown;
        plan.outputs.pending_images = Maybe::Known(BTreeSet::new());
    }
    plan.outputs.archived_images = Maybe::Known(archived);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_go_where_pods_will_look_for_them() {
        let mirror = Mirror::parse("registry.example.com:5000/mirror").expect("a mirror");
        let digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for image in [
            "quay.io/cilium/cilium:v1.17.1".to_owned(),
            format!("quay.io/cilium/cilium:v1.17.1@{digest}"),
            format!("public.ecr.aws/a/b@{digest}"),
            "docker.io/nginx:1".to_owned(),
            "nginx:1".to_owned(),
            "calico/cni:v3.29.2".to_owned(),
            "registry.example.com:5000/mirror/a:1".to_owned(),
        ] {
            let target = target(&mirror, &image).expect("a place");
            assert_eq!(target.to_string(), mirror.place(&image), "{image}");
        }
    }
}
