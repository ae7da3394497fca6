//! What a plan has shown of a chart is what the apply does, or nothing is done.

use std::collections::BTreeSet;

use framework::diagnostic::{Diagnostic, Result};
use framework::note::{Note, Noted};
use framework::resource::State;

use super::results::images_of;
use super::site::Site;
use super::wanted::Ready;
use super::{Cni, told};
use crate::kube::release::{Failure, Rendering};
use crate::session::Context;

/// Private note: the images that the plan has shown.
pub(super) const PROMISED: Note<BTreeSet<String>> = Note::named("images");

/// Notes what a plan shows, so that the apply does the same or nothing.
pub(super) fn promise(images: &BTreeSet<String>, cx: &Context) {
    cx.note(&PROMISED, images);
}

/// Renders as the change will, and refuses another result than the plan has shown.
pub(super) async fn check_promise(site: &Site<'_>, ready: &Ready, prior: Option<&State<Cni>>) -> Result<()> {
    let Noted::Says(promised) = site.cx.noted(&PROMISED) else { return Ok(()) };
    let rendering = Rendering {
        name: site.wanted.release(),
        namespace: site.wanted.namespace(),
        revision: prior.map_or(1, |prior| prior.outputs.revision + 1),
        is_upgrade: prior.is_some(),
        skip_schema: false,
        preview_for: None,
    };
    let summary = format!("Could not render the chart of {}", site.wanted.name());
    let rendered = site.releases.render(&ready.chart, &ready.values.all, rendering).await;
    let mut rendered = match rendered {
        Ok(rendered) => rendered,
        Err(error) => {
            return Err(told::failed(&summary, &Failure::from(error), Some(&site.wanted), site.cx).await);
        }
    };
    if let Some(rewrite) = site.wanted.rewrite()
        && let Err(error) = rewrite.apply(&mut rendered)
    {
        return Err(told::failed(&summary, &Failure::from(error), Some(&site.wanted), site.cx).await);
    }
    let now = images_of(&rendered)?;
    if now == promised {
        return Ok(());
    }
    let listed = |some: Vec<&String>| some.iter().map(|image| format!("`{image}`")).collect::<Vec<_>>().join(", ");
    Err(Diagnostic::error(
        "The cluster has changed since the plan",
        format!(
            "The chart renders to other images now than the plan has shown: new are {}; no more {}. Nothing was changed.\n\nPlan and apply again.",
            listed(now.difference(&promised).collect()),
            listed(promised.difference(&now).collect()),
        ),
    )
    .into())
}
