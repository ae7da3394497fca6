//! Notes stored with the state of an activation, and what the two halves of a replacement pass to each other.
//!
//! Terraform deletes and creates a replaced object in two calls. Since Terraform 1.16, both get the plan's notes;
//! before, and in OpenTofu, only the deletion does. A tainted object is planned without any notes of its own. So a
//! missing note means that nothing is known: hosts are deregistered only if the notes say that this very activation
//! is destroyed.

use std::hash::{BuildHasher as _, RandomState};

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Model;
use framework::note::{Note, Noted};

use super::Args;
use crate::session::Context;

/// The activation of this state. If the plan of a creation finds this note, it is the plan of a replacement.
const OWN: Note<String> = Note::named("activation");
/// In a plan that replaces an activation: the id of the replaced one.
const REPLACING: Note<String> = Note::named("replacing");
/// In a plan that creates an activation: a key known to both halves of a replacement, where both get the plan's
/// notes.
const PLAN: Note<String> = Note::named("plan");
/// In a plan during apply that was given the notes of the first plan.
const PLANNED_BEFORE: Note<String> = Note::named("planned_before");
/// Ids of activations that this one replaced; a destroy deregisters their hosts too.
const EARLIER: Note<String> = Note::named("earlier");
/// On an activation whose replacement failed half-way: with `create_before_destroy`, its successor already exists.
const HALF_REPLACED: Note<String> = Note::named("half_replaced");
/// Version of the parameter that holds the code.
const PARAMETER_VERSION: Note<i64> = Note::named("parameter_version");

/// Why an activation is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is destroyed.
    Destroyed,
    /// Another activation replaces it.
    Replaced,
    /// The notes do not say.
    Unknown,
}

/// Records what kind of plan this is.
pub(super) fn plan(is_create: bool, cx: &Context) {
    if !is_create {
        forget_plan(cx);
        // Only the current activation is planned from its configuration; a replaced one is only deleted.
        cx.forget(&HALF_REPLACED);
        return;
    }
    if let Noted::Says(own) = cx.noted(&OWN) {
        cx.note(&REPLACING, &own);
    }
    if cx.noted(&PLAN).is_missing() {
        cx.note(&PLAN, &format!("{:016x}", RandomState::new().hash_one(std::process::id())));
    } else {
        cx.note(&PLANNED_BEFORE, &"yes".to_owned());
    }
}

/// Forgets what a plan recorded about a replacement.
pub(super) fn forget_plan(cx: &Context) {
    for note in [REPLACING, PLAN, PLANNED_BEFORE] {
        cx.forget(&note);
    }
}

/// Records that this is the activation of the state, and normalizes the notes that a failed replacement left there.
pub(super) fn own(id: &str, cx: &Context) {
    cx.note(&OWN, &id.to_owned());
    deleting(id, cx);
}

/// Records, when a replacement deletes the activation, that it may have been replaced: for the state, should the
/// deletion fail.
pub(super) fn deleting(id: &str, cx: &Context) {
    if ending(id, cx) == Ending::Replaced {
        cx.note(&HALF_REPLACED, &id.to_owned());
    }
    forget_plan(cx);
}

/// Why the activation is deleted, as far as the notes say.
pub(super) fn ending(id: &str, cx: &Context) -> Ending {
    if cx.noted(&REPLACING).is(id) || !cx.noted(&PLAN).is_missing() {
        Ending::Replaced
    } else if cx.noted(&HALF_REPLACED).is(id) {
        Ending::Unknown
    } else if cx.noted(&OWN).is(id) {
        Ending::Destroyed
    } else {
        Ending::Unknown
    }
}

/// This activation and those that it replaced, newest last.
pub(super) fn family(id: &str, cx: &Context) -> Vec<String> {
    earlier(cx).into_iter().chain([id.to_owned()]).collect()
}

fn earlier(cx: &Context) -> Vec<String> {
    // Without the note, no replaced activations are known, and none are touched.
    cx.noted(&EARLIER).says().map(|ids| list(ids)).unwrap_or_default()
}

fn list(ids: &str) -> Vec<String> {
    ids.split(',').map(str::to_owned).collect()
}

/// Records what is replaced, for the creation in the same run.
pub(super) fn hand_over(id: &str, args: &Args, cx: &Context) -> Result<()> {
    let clients = cx.clients()?;
    let ids = family(id, cx).join(",");
    if let Noted::Says(plan) = cx.noted(&PLAN) {
        clients.hand_over(&plan, ids.clone());
    }
    clients.hand_over(&handover_key(args), ids);
    Ok(())
}

/// The activations that the one to be created replaces, newest last.
pub(super) fn replaced(args: &Args, cx: &Context) -> Result<Vec<String>> {
    let clients = cx.clients()?;
    if let (Noted::Says(plan), Noted::Says(_)) = (cx.noted(&PLAN), cx.noted(&PLANNED_BEFORE)) {
        // Both halves have the notes of one plan; only the half that deleted a tainted activation knows it.
        let left = clients.take_over(&plan);
        return Ok(match (cx.noted(&REPLACING), left.as_slice()) {
            (Noted::Says(replaced), _) => family(&replaced, cx),
            (Noted::Missing, [ids]) => list(ids),
            (Noted::Missing, _) => Vec::new(),
        });
    }
    Ok(match clients.take_over(&handover_key(args)).as_slice() {
        [] => Vec::new(),
        [ids] => list(ids),
        _ => {
            if args.deregister_on_destroy {
                cx.report(Diagnostic::warning(
                    "Replaced activations are not remembered",
                    "Several activations with equal arguments are replaced in this run, and this version of Terraform does not say which one this activation replaces. A later destroy will leave the hosts of the replaced ones registered; `orphaned_ids` of `ekshybrid_managed_instances` finds those that are silent.",
                ));
            }
            Vec::new()
        }
    })
}

/// What the two halves of a rotation have in common. The parameter's name is not part of it, because losing the
/// parameter may cause a rotation; nor are values that AWS chooses.
fn handover_key(args: &Args) -> String {
    let mut arguments = args.encode();
    let names = Args::NAMES;
    for name in [names.expiration_date, names.region, names.store_code_in, names.kms_key_id, names.timeouts] {
        arguments.remove(name);
    }
    format!("{arguments:?}")
}

/// Records, with the state of a new activation, its id and the ids of those it replaced.
pub(super) fn created(id: &str, replaced: &[String], cx: &Context) {
    if !replaced.is_empty() {
        cx.note(&EARLIER, &replaced.join(","));
    }
    // The plan's notes come from the replaced activation.
    cx.forget(&HALF_REPLACED);
    cx.forget(&PARAMETER_VERSION);
    forget_plan(cx);
    own(id, cx);
}

/// The version of the parameter that holds the code, if this state has written it.
pub(super) fn parameter_version(cx: &Context) -> Noted<i64> {
    cx.noted(&PARAMETER_VERSION)
}

/// Records the version of the parameter just written.
pub(super) fn parameter_written(version: i64, cx: &Context) {
    cx.note(&PARAMETER_VERSION, &version);
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    const ID: &str = "11111111-2222-3333-4444-555555555555";

    fn context() -> Context {
        Context::new(None, CancellationToken::new())
    }

    /// The notes of an activation that was created or read.
    fn known() -> Context {
        let cx = context();
        own(ID, &cx);
        cx
    }

    #[test]
    fn hosts_go_only_where_the_notes_say_that_the_activation_does() {
        type Story = fn() -> Context;
        let stories: [(&str, Story, Ending); 7] = [
            ("destroyed", known, Ending::Destroyed),
            (
                "the deleting half of a replacement",
                || {
                    let cx = known();
                    plan(false, &cx);
                    plan(true, &cx);
                    cx
                },
                Ending::Replaced,
            ),
            (
                "the deleting half of a tainted one, planned without notes",
                || {
                    let cx = context();
                    plan(true, &cx);
                    cx
                },
                Ending::Replaced,
            ),
            ("imported and not read", context, Ending::Unknown),
            (
                "what is left of a replacement whose deletion failed",
                || {
                    let cx = known();
                    plan(true, &cx);
                    deleting(ID, &cx);
                    cx
                },
                Ending::Unknown,
            ),
            (
                "the same, where the host kept the notes of the plan, and it was read",
                || {
                    let cx = known();
                    plan(true, &cx);
                    own(ID, &cx);
                    cx
                },
                Ending::Unknown,
            ),
            (
                "the one that was created instead",
                || {
                    let cx = context();
                    own("another", &cx);
                    plan(true, &cx);
                    created(ID, &["another".to_owned()], &cx);
                    cx
                },
                Ending::Destroyed,
            ),
        ];
        for (name, story, expected) in stories {
            assert_eq!(ending(ID, &story()), expected, "{name}");
        }
    }

    #[test]
    fn a_new_activation_inherits_the_family_and_no_other_note() {
        let cx = known();
        parameter_written(3, &cx);
        plan(true, &cx);
        created("new", &[ID.to_owned()], &cx);
        assert_eq!(family("new", &cx), [ID, "new"]);
        assert!(parameter_version(&cx).is_missing());
    }
}
