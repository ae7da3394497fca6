//! Plans a client certificate: whether the cluster signs any, and when a certificate is renewed.

use std::collections::BTreeSet;

use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Maybe, Secret};
use framework::path::Path;
use framework::resource::{Plan, State};
use jiff::{SignedDuration, Timestamp};

use super::{Args, ClientCertificate, Outputs, SubjectName, known, not_local, notes};
use crate::aws::eks::Cluster;
use crate::kube::x509;
use crate::session::Context;
use crate::session::place::PlannedPlace;

pub(super) async fn plan(plan: &mut Plan<ClientCertificate>, cx: &Context) -> Result<()> {
    let place = PlannedPlace::plan(plan, cx).await?;
    plan_subject(plan);
    let is_new = plan.is_create() || plan.is_replaced();
    if is_new {
        plan_new(plan);
    }
    let cluster = match place.known() {
        // The apply reports errors; it needs the cluster.
        Some(place) => match place.eks(cx) {
            Ok(eks) => eks.cluster(place.cluster.as_str()).await.ok().map(|cluster| (place, cluster)),
            Err(_) => None,
        },
        None => None,
    };
    if let Some((place, cluster)) = &cluster
        && cluster.outpost.is_none()
        && (is_new || plan.has_changes())
    {
        return Err(not_local(place).into());
    }
    if plan.changes(Args::NAMES.cluster_role) {
        plan.outputs.cluster_role_binding = match &plan.args.cluster_role {
            Maybe::Known(None) => Maybe::Known(None),
            _ => Maybe::Unknown,
        };
    }
    if let Some(prior) = plan.prior.as_ref().filter(|_| plan.is_replaced()) {
        warn_of_validity(prior, cx);
    }
    let reason = if is_new { None } else { reason(plan, cluster.as_ref().map(|(_, cluster)| &**cluster)) };
    if let Some(reason) = &reason {
        renew(plan, reason, cx);
    }
    notes::plan(reason.as_deref(), cx);
    Ok(())
}

/// Plans user and groups, which are those of a request. Groups that the configuration no longer names are removed.
fn plan_subject(plan: &mut Plan<ClientCertificate>) {
    let (user, groups) = match &plan.args.certificate_request {
        Maybe::Known(Some(request)) => {
            let subject = request.subject();
            let groups = subject.organizations.iter().map(|one| SubjectName::as_found(one)).collect();
            (Some(SubjectName::as_found(&subject.common_name)), groups)
        }
        Maybe::Known(None) => (None, BTreeSet::new()),
        Maybe::Unknown => return,
    };
    plan.follow_default(
        Args::NAMES.common_name,
        user.as_ref(),
        |outputs| &outputs.common_name,
        |outputs| &mut outputs.common_name,
    );
    plan.follow_default(
        Args::NAMES.organizations,
        Some(&groups),
        |outputs| &outputs.organizations,
        |outputs| &mut outputs.organizations,
    );
}

/// Plans what a new certificate says, as far as it is known.
fn plan_new(plan: &mut Plan<ClientCertificate>) {
    if let Some(name) = known(&plan.args.common_name).filter(|_| plan.configures(Args::NAMES.common_name)) {
        plan.outputs.common_name = Maybe::Known(name);
    }
    if let Some(groups) = known(&plan.args.organizations).filter(|_| plan.configures(Args::NAMES.organizations)) {
        plan.outputs.organizations = Maybe::Known(groups);
    }
    if plan.args.certificate_request.set().is_some() {
        plan.outputs.private_key = Maybe::Known(None);
    }
}

/// Why the certificate is to be renewed, if it is.
fn reason(plan: &Plan<ClientCertificate>, cluster: Option<&Cluster>) -> Option<String> {
    let prior = plan.prior.as_ref()?;
    let outputs = &prior.outputs;
    let changed = [Args::NAMES.duration, Args::NAMES.usages].into_iter().find(|name| plan.changes(name));
    if let Some(name) = changed {
        return Some(format!("`{name}` changes"));
    }
    let authorities = cluster.and_then(|cluster| cluster.certificate_authority.as_deref()).and_then(|data| {
        use base64::Engine as _;
        String::from_utf8(base64::engine::general_purpose::STANDARD.decode(data).ok()?).ok()
    });
    if authorities.is_some_and(|authorities| !x509::is_signed_by(&outputs.certificate, &authorities)) {
        return Some("it is signed by a certificate authority that the cluster no longer has".to_owned());
    }
    let before = match &plan.args.renew_before {
        Maybe::Known(before) => before.as_ref().map(framework::model::Span::duration),
        Maybe::Unknown => return None,
    };
    let (from, until) = (outputs.valid_from.moment(), outputs.expiration_date.moment());
    let now = Timestamp::now();
    if until <= now {
        return Some(format!("it expired at {until}"));
    }
    (renewal_date(from, until, before) <= now).then(|| format!("it expires at {until}"))
}

/// When a certificate is due: `before` its end, or after two thirds of its validity. The latter also where the cluster
/// issued one that is valid for no longer than `before`, or every plan would renew it.
fn renewal_date(from: Timestamp, until: Timestamp, before: Option<std::time::Duration>) -> Timestamp {
    let validity = until.duration_since(from);
    let before = before.and_then(|before| SignedDuration::try_from(before).ok()).filter(|before| *before < validity);
    until.checked_sub(before.unwrap_or(validity / 3)).unwrap_or(until)
}

fn renew(plan: &mut Plan<ClientCertificate>, reason: &str, cx: &Context) {
    let Some(prior) = &plan.prior else { return };
    let Outputs { serial_number, expiration_date, common_name, .. } = &prior.outputs;
    let still = if expiration_date.moment() > Timestamp::now() {
        format!(" The former certificate `{serial_number}` remains valid until {}.", expiration_date.moment())
    } else {
        String::new()
    };
    cx.report(
        Diagnostic::warning(
            "Client certificate is renewed",
            format!(
                "A new certificate is issued to `{}`, because of the present one: {reason}.{still}",
                common_name.as_str()
            ),
        )
        .remedy("Pass the new certificate on to the kubeconfigs that contain the former one."),
    );
    let outputs = &mut plan.outputs;
    outputs.certificate = Maybe::Unknown;
    outputs.serial_number = Maybe::Unknown;
    outputs.valid_from = Maybe::Unknown;
    outputs.expiration_date = Maybe::Unknown;
    if plan.args.certificate_request == Maybe::Known(None) {
        outputs.private_key = Maybe::<Option<Secret<String>>>::Unknown;
    }
}

/// A plan says what a destroy, or a replacement, cannot do.
pub(super) fn warn_of_validity(state: &State<ClientCertificate>, cx: &Context) {
    let Outputs { serial_number, expiration_date, common_name, cluster_role_binding, .. } = &state.outputs;
    if expiration_date.moment() <= Timestamp::now() {
        return;
    }
    let binding = match cluster_role_binding {
        Some(name) => format!(" ClusterRoleBinding `{name}` is deleted, and with it the permissions that it gives."),
        None => String::new(),
    };
    cx.report(
        Diagnostic::warning(
            "Client certificate remains valid",
            format!(
                "A certificate cannot be revoked: whoever has `{serial_number}` and its key can sign in as `{}` until {}.{binding}",
                common_name.as_str(),
                expiration_date.moment()
            ),
        )
        .remedy("Remove other role bindings of this user and its groups if nobody may use them any longer.")
        .at(Path::root()),
    );
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn when_a_certificate_is_due() {
        let moment = |text: &str| text.parse::<Timestamp>().unwrap();
        let (from, until) = (moment("2026-01-01T00:00:00Z"), moment("2026-01-04T00:00:00Z"));
        for (before, expected) in [
            (None, "2026-01-03T00:00:00Z"),
            (Some(24), "2026-01-03T00:00:00Z"),
            (Some(1), "2026-01-03T23:00:00Z"),
            // Longer than the certificate lasts.
            (Some(72), "2026-01-03T00:00:00Z"),
            (Some(1000), "2026-01-03T00:00:00Z"),
        ] {
            let due = renewal_date(from, until, before.map(Duration::from_hours));
            assert_eq!(due, moment(expected), "{before:?}");
        }
    }
}
