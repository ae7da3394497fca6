//! Reads a mirror: which of its images the registry still holds. One request for each image.

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::Result;
use framework::resource::State;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::apply::errors::explained;
use super::{Args, Identity, ImageMirror, Outputs, six};
use crate::images::{Client, Reference, Settings};
use crate::session::{Clients, Context};

/// Most requests at the same time.
const AT_ONCE: usize = 8;

pub(super) async fn read(
    identity: &Identity,
    prior: Option<&State<ImageMirror>>,
    cx: &Context,
) -> Result<Option<State<ImageMirror>>> {
    let Some(prior) = prior else { return Ok(Some(imported(identity))) };
    if prior.outputs.mirrored.is_empty() {
        return Ok(Some(prior.clone()));
    }
    let settings = Settings { concurrency: AT_ONCE, platforms: Vec::new(), overwrite_tags: false };
    // A part of the provider's configuration that is known only after apply: nothing can be looked up now.
    let Some(charts) = cx.try_clients().and_then(Clients::known_charts) else { return Ok(Some(prior.clone())) };
    let client = Client::new(charts.clone(), settings);
    let places: Vec<(String, String)> = prior.outputs.mirrored.clone().into_iter().collect();
    let looked: Vec<Option<(String, String)>> = stream::iter(places)
        .map(|(name, place)| is_there(&client, name, place))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
        .map_err(|error| explained("Could not read the mirrored images", None, &error, None))?;
    let mirrored: BTreeMap<String, String> = looked.into_iter().flatten().collect();
    let existing = &prior.outputs.existing_images;
    let existing_images = existing.iter().filter(|name| mirrored.contains_key(*name)).cloned().collect();
    let pending = &prior.outputs.pending_images;
    let pending_images = pending.iter().filter(|name| mirrored.contains_key(*name)).cloned().collect();
    let archived_images = prior.outputs.archived_images.clone();
    let outputs = Outputs { mirrored, existing_images, pending_images, archived_images };
    Ok(Some(State { args: prior.args.clone(), outputs }))
}

/// An image whose place still holds it.
async fn is_there(
    client: &Client,
    name: String,
    place: String,
) -> std::result::Result<Option<(String, String)>, crate::images::Error> {
    let Ok(reference) = Reference::parse(&place) else { return Ok(None) };
    let written = reference.digest;
    // What the tag holds is what counts, where there is one.
    let asked = if reference.tag.is_some() { Reference { digest: None, ..reference } } else { reference };
    let found = client.digest(&asked).await?;
    Ok((found.is_some() && found == written).then_some((name, place)))
}

/// Without images: the first apply finds those of the configuration in the registry.
fn imported(identity: &Identity) -> State<ImageMirror> {
    State {
        args: Args {
            images: BTreeSet::new(),
            destination: identity.destination.clone(),
            platforms: None,
            create_repositories: false,
            overwrite_tags: false,
            delete_on_destroy: false,
            concurrency: six(),
            timeouts: None,
        },
        outputs: Outputs {
            mirrored: BTreeMap::new(),
            existing_images: BTreeSet::new(),
            pending_images: BTreeSet::new(),
            archived_images: BTreeMap::new(),
        },
    }
}
