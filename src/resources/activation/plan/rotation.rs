//! When to replace an activation with a new one, and whether a new one can be created.

use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::model::{Maybe, Model};
use framework::path::Path;
use framework::resource::{Plan, State};
use jiff::SignedDuration;

use crate::resources::activation::{Activation, Args, DEFAULT_VALIDITY, LONGEST_VALIDITY_DAYS, Outputs};
use crate::session::Context;

/// Checks the time arguments, as far as this is possible without a clock.
pub(in crate::resources::activation) fn check(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
    // A fixed date excludes `rotate_before`, so only the other two sources of a validity matter.
    let validity = match args.expires_in.known() {
        Some(Some(expires_in)) => expires_in.duration(),
        Some(None) => DEFAULT_VALIDITY,
        None => return,
    };
    if let Some(before) = args.rotate_before.set()
        && before.duration() >= validity
    {
        faults.push(
            Diagnostic::error(
                "Activation would be rotated by every plan",
                format!(
                    "`rotate_before` is `{before}`, but the activation is valid for {} h only. Make `rotate_before` shorter, or set a longer `expires_in`.",
                    validity.as_secs() / 3600
                ),
            )
            .at(Path::attribute(Args::NAMES.rotate_before)),
        );
    }
}

/// Checks a fixed date against the clock. Only for an activation to be created: a past date is correct for an
/// existing one.
pub(in crate::resources::activation) fn check_new(plan: &mut Plan<Activation>) {
    // The attribute is also an output: a value not set in the configuration does not carry over to a new activation.
    if !plan.configures(Args::NAMES.expiration_date) {
        return;
    }
    let Some(date) = plan.args.expiration_date.set().cloned() else { return };
    let now = jiff::Timestamp::now();
    let latest = now + SignedDuration::from_hours(24 * i64::try_from(LONGEST_VALIDITY_DAYS).unwrap_or(30));
    let text = date.moment();
    if text <= now {
        plan.fault(
            Args::NAMES.expiration_date,
            "Expiration date lies in the past",
            format!("A new activation is needed, but `{text}` is over. Set a later date, or use `expires_in`."),
        );
    } else if text > latest {
        plan.fault(
            Args::NAMES.expiration_date,
            "Expiration date is too far ahead",
            format!("`{text}` is more than 30 days ahead, which is the most that AWS allows. The latest date now is `{latest:.0}`."),
        );
    }
}

/// Plans a replacement if the activation accepts no more hosts, or soon will not.
pub(in crate::resources::activation) fn plan(plan: &mut Plan<Activation>, cx: &Context) {
    let Some(prior) = &plan.prior else { return };
    if plan.changes(Args::NAMES.expires_in) && !ends_as_wanted(plan, prior) {
        plan.replace(Args::NAMES.expires_in);
    }
    if plan.is_replaced() {
        return;
    }
    let Some(prior) = &plan.prior else { return };
    if let Some(reason) = reason(plan, prior, jiff::Timestamp::now()) {
        cx.report(Diagnostic::warning(
            "Activation is rotated",
            format!(
                "Activation `{}` {reason}. The new one has another id and code; machines whose user data contains them change too. Hosts that have joined stay registered.",
                prior.outputs.id
            ),
        ));
        plan.replace(Outputs::NAMES.id);
    }
}

/// Whether the activation expires when `expires_in` asks for: true after an import, and when a default is written
/// out. An argument that was removed asks for nothing.
fn ends_as_wanted(plan: &Plan<Activation>, prior: &State<Activation>) -> bool {
    match plan.args.expires_in.known() {
        Some(None) => true,
        Some(Some(expires_in)) => {
            let lasts = prior
                .outputs
                .created_date
                .as_ref()
                .map(|created| prior.outputs.expiration_date.moment().duration_since(created.moment()));
            let wanted = SignedDuration::try_from(expires_in.duration()).ok();
            match (lasts, wanted) {
                // Creation and expiration come from different clocks, in whole seconds at best.
                (Some(lasts), Some(wanted)) => (lasts - wanted).abs() <= SignedDuration::from_mins(1),
                _ => false,
            }
        }
        None => false,
    }
}

fn reason(plan: &Plan<Activation>, prior: &State<Activation>, now: jiff::Timestamp) -> Option<String> {
    let known = |argument: &Maybe<bool>| argument.known().copied().unwrap_or(false);
    let outputs = &prior.outputs;
    let expires = outputs.expiration_date.moment();
    // The new activation would have the same fixed date.
    let fixed = plan.configures(Args::NAMES.expiration_date);
    if !fixed && (outputs.expired || expires <= now) && known(&plan.args.rotate_when_expired) {
        return Some(format!("expired at {expires}"));
    }
    let before = plan.args.rotate_before.set().and_then(|before| SignedDuration::try_from(before.duration()).ok());
    if let Some(before) = before
        && !fixed
        && expires.checked_sub(before).is_ok_and(|due| due <= now)
    {
        return Some(format!("expires at {expires}, which is within `rotate_before`"));
    }
    let limit = prior.args.registration_limit.get();
    if outputs.registrations_count >= limit && known(&plan.args.rotate_when_exhausted) {
        return Some(format!("is used up: {} of {limit} registrations", outputs.registrations_count));
    }
    None
}
