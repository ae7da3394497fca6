//! An apply does what the plan has shown of a chart, or nothing.

use framework::diagnostic::{Diagnostic, Result};
use framework::resource::State;

use crate::cni::prepared::{For, Loaded, Prepared};
use crate::resources::cni::{Cni, apply::site::Site, messages, notes};

/// Renders what the change applies, and refuses a result that differs from the plan.
pub(crate) async fn prepare(site: &Site<'_>, loaded: Loaded, prior: Option<&State<Cni>>) -> Result<Prepared> {
    let target = For::Cluster {
        releases: &site.releases,
        revision: prior.map_or(1, |prior| prior.outputs.revision + 1),
        is_upgrade: prior.is_some(),
        preview_for: None,
    };
    let prepared = match loaded.prepare(&site.wanted, target).await {
        Ok(prepared) => prepared,
        Err(error) => return Err(messages::unprepared_for(error, &site.wanted, site.cx).await),
    };
    let now = &prepared.images;
    let Some(promised) = notes::promised(site.cx).filter(|promised| promised != now) else { return Ok(prepared) };
    let listed = |some: Vec<&String>| some.iter().map(|image| format!("`{image}`")).collect::<Vec<_>>().join(", ");
    Err(Diagnostic::error(
        "The cluster has changed since the plan",
        format!(
            "The chart renders to other images now than the plan has shown: new are {}; no more {}. Nothing was changed.\n\nPlan and apply again.",
            listed(now.difference(&promised).collect()),
            listed(promised.difference(now).collect()),
        ),
    )
    .into())
}
