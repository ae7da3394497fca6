//! An apply does what the plan has shown of a chart, or nothing.

use framework::diagnostic::{Diagnostic, Result};
use framework::resource::State;

use crate::cni::{prepared::images_of, product::Ready};
use crate::kube::release::{Failure, Rendering};
use crate::resources::cni::{Cni, apply::site::Site, messages, notes};

/// Renders as the change will, and refuses a result that differs from the plan.
pub(crate) async fn check_promise(site: &Site<'_>, ready: &Ready, prior: Option<&State<Cni>>) -> Result<()> {
    let Some(promised) = notes::promised(site.cx) else { return Ok(()) };
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
            return Err(messages::failed(&summary, &Failure::from(error), Some(&site.wanted), site.cx).await);
        }
    };
    if let Some(rewrite) = site.wanted.rewrite()
        && let Err(error) = rewrite.apply(&mut rendered)
    {
        return Err(messages::failed(&summary, &Failure::from(error), Some(&site.wanted), site.cx).await);
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
