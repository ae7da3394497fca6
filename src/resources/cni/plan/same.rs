//! Whether an installed release already matches the configuration.

use framework::resource::State;
use helm::Status;

use crate::cni::{
    arguments::Cilium,
    fingerprint,
    product::{Product, Wanted},
};
use crate::resources::cni::{
    Cni,
    notes::{self, Imported, applied},
};
use crate::session::Context;

/// Whether the release already matches the configuration.
pub(crate) fn is_same(prior: &State<Cni>, wanted: &Wanted, cx: &Context) -> bool {
    let outputs = &prior.outputs;
    let Some(installed) = prior.args.wanted() else { return false };
    if outputs.release_status != Status::Deployed.name() || installed.mirror != wanted.mirror {
        return false;
    }
    if !outputs.drifted_objects.is_empty() {
        return false;
    }
    // Others have applied different manifests, perhaps with the same values.
    if applied(cx).is_some_and(|applied| applied != outputs.manifest_digest) {
        return false;
    }
    let imported = match Imported::of(cx) {
        Some(_) if installed.product == wanted.product => return true,
        // Its values do not show everything it was created from.
        Some(imported) if imported.by_us => return false,
        other => other.is_some(),
    };
    let version = match (&wanted.product, &installed.product) {
        (Product::Cilium(now), Product::Cilium(then)) => {
            let source = |one: &Cilium| (one.repository.clone(), one.chart.clone(), one.sha256.clone());
            if !wanted.hides_as(&installed) || hidden_is_unknown(wanted, imported, cx) {
                return false;
            }
            if !imported && source(now) != source(then) {
                return false;
            }
            &now.version
        }
        (Product::Operator(now), Product::Operator(then)) => {
            if !imported && (&now.source, &now.sha256) != (&then.source, &then.sha256) {
                return false;
            }
            &now.version
        }
        // Its arguments are edits of the manifest itself.
        (Product::Manifest(now), Product::Manifest(then)) => return now == then,
        _ => return false,
    };
    let plain = |version: &str| version.trim_start_matches('v').to_owned();
    if version.as_deref().is_some_and(|version| plain(version) != plain(&outputs.chart_version)) {
        return false;
    }
    let pods = wanted.pod_cidrs().unwrap_or_else(|| outputs.pod_cidrs.clone());
    wanted
        .values(&pods, &outputs.chart_version, Some(&outputs.first_minor_version))
        .is_ok_and(|values| fingerprint::yaml(&values.shown) == outputs.effective_values)
}

/// Whether write-only hidden values must be set again, because it is unknown what the cluster has.
fn hidden_is_unknown(wanted: &Wanted, imported: bool, cx: &Context) -> bool {
    wanted.hidden_version().is_some() && (imported || notes::hidden_changed_in(cx).is_some())
}
