//! Custom resource definitions in a chart's `crds/`: applied and awaited before the chart is rendered, so that the
//! chart finds their kinds. They are not marked as part of the release, and nothing here deletes them.
//!
//! A definition in a group shared by several programs is left to the first program that applied it.

use std::time::Duration;

use futures::FutureExt as _;
use helm::Chart;
use serde_json::Value as Json;

use super::super::client::Client;
use super::super::discovery::Discovery;
use super::Progress;
use super::apply::{apply, live, together};
use super::error::{Error, Result};
use super::objects::{Object, read_texts};
use super::ready::Until;
use super::wait::{Deadline, until_ready};

/// Definitions are established within moments, or never.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The objects in the `crds/` of a chart and its dependencies.
pub(super) fn definitions(discovery: &Discovery, chart: &Chart, namespace: &str) -> Result<Vec<Object>> {
    let files = chart.custom_resources();
    let texts = files.iter().map(|file| (file.path.as_str(), file.content.as_str()));
    let (objects, unknown) = read_texts(texts, discovery, namespace)?;
    if unknown.is_empty() { Ok(objects) } else { Err(Error::UnknownKinds(unknown)) }
}

/// Applies the result of [`definitions`]. `force` takes fields from whoever applied them before, except in
/// `shared_groups`.
pub(super) async fn apply_definitions(
    client: &Client,
    objects: Vec<Object>,
    force: bool,
    shared_groups: &[&str],
    progress: Progress<'_>,
) -> Result<()> {
    let objects = without_shared(client, objects, shared_groups).await?;
    let live = apply(client, &objects, force).await?;
    until_ready(client, &objects, live, Until::Ready, Deadline::after(TIMEOUT), progress).await?;
    client.forget_discovery();
    Ok(())
}

/// The objects, without definitions of shared groups that someone else has applied.
pub(super) async fn without_shared(
    client: &Client,
    objects: Vec<Object>,
    shared_groups: &[&str],
) -> Result<Vec<Object>> {
    let is_shared = |object: &&Object| shared_groups.contains(&object.defined_group());
    let shared: Vec<&Object> = objects.iter().filter(is_shared).collect();
    let looks = shared.iter().map(|object| live(client, object).boxed()).collect();
    let mut theirs = Vec::new();
    for (object, found) in shared.iter().zip(together(looks).await) {
        let found = found.map_err(Error::request(format!("look whether {} exists", object.told())))?;
        if found.is_some_and(|found| !is_applied_by(&found, client.manager())) {
            tracing::info!("{} exists, and belongs to whoever applied it", object.told());
            theirs.push(object.key());
        }
    }
    Ok(objects.into_iter().filter(|object| !theirs.contains(&object.key())).collect())
}

/// Whether `manager` has applied the object.
fn is_applied_by(object: &Json, manager: &str) -> bool {
    let entries = object.pointer("/metadata/managedFields").and_then(Json::as_array).into_iter().flatten();
    entries.into_iter().any(|entry| entry["manager"] == manager && entry["operation"] == "Apply")
}

/// Index after the last definition among the objects of a release: later objects may need its kind.
pub(super) fn after_definitions(objects: &[Object]) -> usize {
    objects.iter().rposition(Object::is_definition).map_or(0, |last| last + 1)
}
