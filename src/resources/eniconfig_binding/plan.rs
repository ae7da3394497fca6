//! Plans a binding: whether nodes still have to be annotated.

pub(super) mod selection;

use std::collections::BTreeSet;

use framework::diagnostic::Result;
use framework::model::Maybe;
use framework::resource::Plan;

use super::{Args, EniConfigBinding};
use crate::session::Context;
use crate::session::place::PlannedPlace;
use selection::Selection;

pub(super) async fn plan(plan: &mut Plan<EniConfigBinding>, cx: &Context) -> Result<()> {
    PlannedPlace::plan(plan, cx).await?;
    let selects = [Args::NAMES.node_selector, Args::NAMES.node_names];
    let is_behind = plan.prior.as_ref().is_some_and(|prior| !prior.outputs.pending_nodes.is_empty());
    if is_behind || selects.iter().any(|name| plan.changes(name)) {
        plan.outputs.bound_nodes = Maybe::Unknown;
        plan.outputs.pending_nodes = Maybe::Known(BTreeSet::new());
    }
    Ok(())
}

/// The nodes that the arguments select.
pub(super) fn selected(args: &Args) -> Selection<'_> {
    match (&args.node_selector, &args.node_names) {
        (Some(labels), _) => Selection::Labels(labels),
        (None, Some(names)) => Selection::Names(names),
        // A rule of the model rejects this case; an empty list of names selects no node.
        (None, None) => Selection::Names(const { &BTreeSet::new() }),
    }
}
