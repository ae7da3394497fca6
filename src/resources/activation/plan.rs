//! Plans an activation: what is known early, and what replaces it and why.

pub(super) mod rotation;

use std::collections::BTreeSet;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Model};
use framework::path::Path;
use framework::resource::Plan;

use super::apply::parameter;
use super::{Activation, Args, KeyId, Outputs, notes};
use crate::attributes::Region;
use crate::session::{Context, planned_region, tags};

pub(super) async fn plan(plan: &mut Plan<Activation>, cx: &Context) -> Result<()> {
    plan.outputs.tags_all = tags::planned_for(cx, &plan.args.tags)?;
    // The provider now uses another region, so the activation is planned there.
    let region = planned_region(cx).await;
    check_region_of_key(plan, region.as_ref());
    let region = region.map(Some);
    plan.follow_default(Args::NAMES.region, region.as_ref(), |outputs| &outputs.region, |outputs| &mut outputs.region);
    if let Some(prior) = &plan.prior {
        // A state may be older than `ignore_tags`.
        let recorded = cx
            .try_clients()
            .map_or(Ok(prior.outputs.tags_all.clone()), |_| tags::managed_for(cx, prior.outputs.tags_all.clone()))?;
        let same = plan.outputs.tags_all.known().is_some_and(|tags| *tags == recorded);
        if !same {
            if !plan.is_replaced() {
                cx.report(tags_changed(&prior.outputs.id, &recorded, &plan.outputs.tags_all));
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

/// A key without a parameter encrypts nothing.
pub(super) fn check_key(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
    if args.kms_key_id.set().is_some() && args.store_code_in.is_unset() {
        let cause = "`kms_key_id` encrypts the parameter of `store_code_in`, which is not set.";
        faults.push(
            Diagnostic::error("`kms_key_id` has no effect", cause)
                .remedy("Set `store_code_in`, or remove `kms_key_id`.")
                .at(Path::attribute(Args::NAMES.kms_key_id)),
        );
    }
}

/// Systems Manager encrypts with keys of its own region only.
fn check_region_of_key(plan: &mut Plan<Activation>, default: Option<&Region>) {
    let region = match &plan.args.region {
        Maybe::Known(Some(region)) => region.clone(),
        Maybe::Known(None) => match default {
            Some(region) => region.clone(),
            None => return,
        },
        Maybe::Unknown => return,
    };
    let Some(of_key) = plan.args.kms_key_id.set().and_then(KeyId::region).map(str::to_owned) else { return };
    if of_key != region.as_str() {
        plan.fault(
            Args::NAMES.kms_key_id,
            "Key is in another region",
            format!("The key is in {of_key}, and the activation in {region}. Systems Manager encrypts a parameter with a key of the parameter's region only; a multi-Region key has a replica with an ARN of its own there."),
        );
    }
}

/// A change of tags alone replaces the activation, and everything that uses its code follows.
fn tags_changed(id: &str, before: &tags::Tags, planned: &Maybe<tags::Tags>) -> Diagnostic {
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
            "{what} They come from `tags` and from the provider's `default_tags`, and AWS cannot change the tags of an activation. Activation `{id}` is replaced, with a new id and code, and machines whose user data contains them change too. Hosts that have joined stay registered.\n\nTo keep the activation, set the old values in its `tags`, which override `default_tags`."
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
