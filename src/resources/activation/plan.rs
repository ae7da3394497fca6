//! Plans an activation: what is known early, and what replaces it and why.

pub(super) mod rotation;

use std::collections::BTreeSet;

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Maybe;
use framework::resource::{Plan, State};

use super::apply::parameter;
use super::{Activation, Args, Outputs, notes};
use crate::session::{Context, planned_region, tags};

pub(super) async fn plan(plan: &mut Plan<Activation>, cx: &Context) -> Result<()> {
    plan.outputs.tags_all = tags::planned_for(cx, &plan.args.tags);
    // The provider now uses another region, so the activation is planned there.
    let region = planned_region(cx).await.map(Some);
    plan.follow_default(Args::NAMES.region, region.as_ref(), |outputs| &outputs.region, |outputs| &mut outputs.region);
    if let Some(prior) = &plan.prior {
        let same = plan.outputs.tags_all.known().is_some_and(|tags| *tags == prior.outputs.tags_all);
        if !same {
            if !plan.is_replaced() {
                cx.report(tags_changed(prior, &plan.outputs.tags_all));
            }
            plan.replace(Outputs::NAMES.tags_all);
        }
        rotation::plan(plan, cx);
    }
    if plan.is_create() || plan.is_replaced() {
        rotation::check_new(plan);
        check_tags(plan);
        fresh(plan);
    }
    notes::plan(plan.is_create(), cx);
    Ok(())
}

/// A change of tags alone replaces the activation, and everything that uses its code follows.
fn tags_changed(prior: &State<Activation>, planned: &Maybe<tags::Tags>) -> Diagnostic {
    let before = &prior.outputs.tags_all;
    let what = match planned {
        Maybe::Known(after) => {
            let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            let changed = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
            let changed: Vec<String> = changed.map(|key| format!("`{key}`")).collect();
            format!("These of its tags change: {}.", changed.join(", "))
        }
        Maybe::Unknown => "Its tags are unknown at plan time.".to_owned(),
    };
    Diagnostic::warning(
        "Activation is replaced because of its tags",
        format!(
            "{what} They come from `tags` and from the provider's `default_tags`, and AWS cannot change the tags of an activation. Activation `{}` is replaced, with a new id and code, and machines whose user data contains them change too. Hosts that have joined stay registered.\n\nTo keep the activation, set the old values in its `tags`, which override `default_tags`.",
            prior.outputs.id
        ),
    )
}

/// `tags` and `default_tags` may each be within the limit and exceed it together; the parameter needs one more tag.
fn check_tags(plan: &mut Plan<Activation>) {
    let stores = plan.args.store_code_in.set().is_some();
    let most = if stores { parameter::MOST_TAGS } else { tags::MOST };
    let Some(count) = plan.outputs.tags_all.known().map(tags::Tags::len).filter(|count| *count > most) else { return };
    let why = if stores { " beside the one that marks the parameter of `store_code_in`" } else { "" };
    plan.fault(
        Args::NAMES.tags,
        "Too many tags",
        format!("`tags` and the provider's `default_tags` are {count} tags together; AWS takes at most {most}{why}."),
    );
}

/// What is known of a new activation before it is created.
fn fresh(plan: &mut Plan<Activation>) {
    plan.outputs.expired = Maybe::Known(false);
    plan.outputs.registrations_count = Maybe::Known(0);
    match plan.args.store_code_in.known() {
        Some(Some(_)) => plan.outputs.activation_code = Maybe::Known(None),
        Some(None) => plan.outputs.code_parameter_name = Maybe::Known(None),
        None => {}
    }
}
