//! What a plan tells its apply: whether the certificate is renewed, and why.

use framework::note::{Note, Noted};

use crate::session::Context;

/// Why the plan renews the certificate. An apply renews it exactly if its plan does: by its own clock it could decide
/// otherwise.
const RENEWAL: Note<String> = Note::named("renewal");

/// Notes whether the plan renews the certificate.
pub(super) fn plan(reason: Option<&str>, cx: &Context) {
    match reason {
        Some(reason) => cx.note(&RENEWAL, &reason.to_owned()),
        None => cx.forget(&RENEWAL),
    }
}

/// Why the plan renews the certificate, if it does. Forgets it.
pub(super) fn renewal(cx: &Context) -> Option<String> {
    let noted = cx.noted(&RENEWAL);
    cx.forget(&RENEWAL);
    match noted {
        Noted::Says(reason) => Some(reason),
        Noted::Missing => None,
    }
}
