//! ApplyResourceChange: carries out the planned change.

use super::answer::{Answer, Host, Kept, Private};
use super::delete::delete;
use super::step::{caught, kept, timeout};
use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::Model;
use crate::path::Path;
use crate::resource::{Form, PROMISED, Resource, results_over, unconfigured, write_only};
use crate::value::Value;

/// A request to carry out a planned change.
#[derive(Debug)]
pub struct ApplyRequest {
    /// Type name.
    pub type_name: String,
    /// The state before; null for a creation.
    pub prior: Value,
    /// The planned state; null for a deletion.
    pub planned: Value,
    /// The configuration; null for a deletion.
    pub config: Value,
    /// What the plan kept.
    pub private: Private,
    /// The planned identity.
    pub identity: Value,
    /// What the host is able to do.
    pub host: Host,
}

pub(super) async fn apply<R: Resource>(form: &Form<R>, request: ApplyRequest, cx: Context<R::Clients>) -> Answer<Kept> {
    // A promise is between a plan and the plan during its apply.
    cx.forget(&PROMISED);
    let ApplyRequest { prior, planned, config, .. } = request;
    if planned.is_null() {
        return delete(form, prior, cx).await;
    }
    let known = write_only::filled_in(&form.attributes, &planned, &config);
    let mut faults = Diagnostics::new();
    let Some(args) = R::Args::decode(&form.without_undecided(&known, &config), &Path::root(), &mut faults) else {
        if !faults.has_errors() {
            faults.push(Diagnostic::bug(format!("An argument of `{}` was still unknown at apply.", R::NAME)));
        }
        return Answer { value: kept(form, prior, cx.private_bytes()), diagnostics: faults };
    };
    let cx = cx.with_timeout(timeout(&planned, if prior.is_null() { "create" } else { "update" }));
    let outcome = if prior.is_null() {
        caught("Creating", R::NAME, R::create(&args, &cx)).await
    } else {
        match form.decode_or_explain(&prior) {
            Ok(state) => caught("Updating", R::NAME, R::update(&state, &args, &cx)).await,
            Err(errors) => Err(errors),
        }
    };
    let (outputs, diagnostics) = cx.ended(outcome);
    let state = match (outputs, cx.take_saved()) {
        (Some(outputs), _) => results_over(&planned, unconfigured(Model::encode(&outputs), &config)),
        // What exists is kept; what is not known of it is null until the next refresh.
        (None, Some(saved)) => results_over(&planned, unconfigured(saved, &config)).known_or_null(),
        (None, None) => prior,
    };
    Answer { value: kept(form, state, cx.private_bytes()), diagnostics }
}
