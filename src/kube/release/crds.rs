//! Custom resource definitions in a chart's `crds/`: applied before the chart is rendered, and waited for, so that the
//! chart finds their kinds. They do not get the marks of the release, and nothing here removes them.

use std::time::Duration;

use helm::Chart;

use super::super::client::Client;
use super::super::discovery::Discovery;
use super::Progress;
use super::apply::apply;
use super::error::{Error, Result};
use super::objects::{Object, read_texts};
use super::ready::Until;
use super::wait::{Deadline, until_ready};

/// Definitions are established in a moment, or never.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Applies what a chart and its dependencies have in `crds/`, and says whether that was anything. `force` takes fields
/// from whoever applied them before.
pub(super) async fn apply_definitions(
    client: &Client,
    discovery: &Discovery,
    chart: &Chart,
    namespace: &str,
    force: bool,
    progress: Progress<'_>,
) -> Result<bool> {
    let files = chart.custom_resources();
    let texts = files.iter().map(|file| (file.path.as_str(), file.content.as_str()));
    let (objects, unknown) = read_texts(texts, discovery, namespace)?;
    if !unknown.is_empty() {
        return Err(Error::UnknownKinds(unknown));
    }
    if objects.is_empty() {
        return Ok(false);
    }
    progress(&format!("applying {} objects of crds/", objects.len()));
    let live = apply(client, &objects, force).await?;
    until_ready(client, &objects, live, Until::Ready, Deadline::after(TIMEOUT), progress).await?;
    client.forget_discovery();
    Ok(true)
}

/// Where among the objects of a release the last definition is: what is behind it may need its kind.
pub(super) fn after_definitions(objects: &[Object]) -> usize {
    objects.iter().rposition(|object| object.kind() == "CustomResourceDefinition").map_or(0, |last| last + 1)
}
