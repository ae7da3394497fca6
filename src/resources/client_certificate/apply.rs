//! Issues and renews a client certificate, and binds its user to a role.
//!
//! | step | left behind when it fails |
//! |---|---|
//! | look up the ClusterRole | nothing |
//! | create the CertificateSigningRequest | nothing |
//! | approve it | nothing: the request is deleted |
//! | wait for the certificate | nothing: the request is deleted |
//! | delete the request | a warning: Kubernetes deletes it within an hour |
//! | create or replace the ClusterRoleBinding | the certificate, recorded in the state |

use std::collections::BTreeSet;
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Secret, Text, Timestamp};
use framework::path::Path;
use framework::resource::State;
use framework::wait::{self, Seen, Wait};
use secrecy::ExposeSecret as _;

use super::read::{binding, subject};
use super::{Args, ClientCertificate, Outputs, SubjectName, not_local, notes, place_of, usages_of};
use crate::kube::x509::{self, Subject};
use crate::kube::{Client, Kind, Resource as ObjectKind, Signing, SigningRequest};
use crate::session::Context;
use crate::session::cluster::{Connection, connect, reach_to_remove, settle};
use crate::session::explain::{explain, explain_kube, explained};
use crate::session::place::Place;

/// How long to wait for the signer by default. It takes a moment.
const SIGNING_TIMEOUT: Duration = Duration::from_mins(2);
const REQUEST: ObjectKind = ObjectKind::CERTIFICATE_SIGNING_REQUEST;
const BINDING: ObjectKind = ObjectKind::CLUSTER_ROLE_BINDING;

pub(super) async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
    let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
    let client = connect(&place.cluster, Some(&place.region), cx).await?;
    check_local(&place, cx).await?;
    check_role(args.cluster_role.as_deref(), &client, cx).await?;
    let outputs = issue(args, place, None, &client, cx).await?;
    cx.save(&outputs);
    bind(args, outputs, &client, cx).await
}

pub(super) async fn update(prior: &State<ClientCertificate>, args: &Args, cx: &Context) -> Result<Outputs> {
    let mut outputs = prior.outputs.clone();
    let renewal = notes::renewal(cx);
    let binds = args.cluster_role != prior.args.cluster_role;
    if renewal.is_none() && !binds {
        return Ok(outputs);
    }
    let place = place_of(&outputs);
    let client = connect(&place.cluster, Some(&place.region), cx).await?;
    if binds {
        check_role(args.cluster_role.as_deref(), &client, cx).await?;
    }
    if let Some(reason) = renewal {
        tracing::info!(cluster = %place.cluster, "the certificate is renewed: {reason}");
        check_local(&place, cx).await?;
        outputs = issue(args, place, outputs.cluster_role_binding, &client, cx).await?;
        cx.save(&outputs);
    }
    if binds { bind(args, outputs, &client, cx).await } else { Ok(outputs) }
}

pub(super) async fn delete(state: &State<ClientCertificate>, cx: &Context) -> Result<()> {
    let Some(name) = &state.outputs.cluster_role_binding else { return Ok(()) };
    let place = place_of(&state.outputs);
    let client = match reach_to_remove(&place.cluster, Some(&place.region), cx).await? {
        Connection::Open(client) => client,
        Connection::Gone => return Ok(()),
        Connection::Unknown(why) => return Err(why),
    };
    match client.delete(&BINDING, None, name).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_unreachable() && place.is_being_deleted(cx).await => Ok(()),
        Err(error) => {
            let left = format!("ClusterRoleBinding `{name}` may exist, and is still recorded in the state.");
            Err(explain_kube("Could not delete the role binding", &error, Some(&left), cx).await)
        }
    }
}

/// Refuses a cluster that would never sign.
async fn check_local(place: &Place, cx: &Context) -> Result<()> {
    let found = place.eks(cx)?.cluster(place.cluster.as_str()).await;
    let cluster = found.map_err(|error| explain("Could not issue the client certificate", &error, None))?;
    if cluster.outpost.is_none() { Err(not_local(place).into()) } else { Ok(()) }
}

/// Refuses a role that does not exist: the API server would bind it nevertheless.
async fn check_role(role: Option<&str>, client: &Client, cx: &Context) -> Result<()> {
    let Some(role) = role else { return Ok(()) };
    match client.get(&ObjectKind::CLUSTER_ROLE, None, role).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Diagnostic::error(
            "ClusterRole does not exist",
            format!("Cluster `{}` has no ClusterRole `{role}`.", client.cluster()),
        )
        .remedy("Check the name. If the same apply creates the role, refer to its resource here.")
        .at(Path::attribute(Args::NAMES.cluster_role))
        .into()),
        // Without the permission to look, the binding decides.
        Err(error) if matches!(error.kind(), Kind::Forbidden { .. }) => Ok(()),
        Err(error) => Err(explain_kube("Could not look for the ClusterRole", &error, None, cx).await),
    }
}

/// Has a certificate issued. `bound` is the role binding that the state records.
async fn issue(args: &Args, place: Place, bound: Option<String>, client: &Client, cx: &Context) -> Result<Outputs> {
    let summary = "Could not issue the client certificate";
    let (subject, request, private_key) = if let Some(request) = &args.certificate_request {
        (request.subject(), request.text().to_owned(), None)
    } else {
        let subject = subject_of(args);
        let made = x509::generate(&subject);
        let made = made.map_err(|why| Diagnostic::error(summary, format!("No private key was created: {why}.")))?;
        framework::wire::log::mask(made.private_key.expose_secret());
        (subject, made.request, Some(Secret::new(made.private_key.expose_secret().to_owned())))
    };
    let wanted = SigningRequest {
        // EKS signs nothing whose name begins with `csr-`.
        name: format!("ekshybrid-{:016x}", fastrand::u64(..)),
        request,
        usages: usages_of(args.usages.as_ref()),
        duration: args.duration.as_ref().map(framework::model::Span::duration),
    };
    let text = signed(&wanted, client, cx).await?;
    let found = x509::certificate(&text).and_then(|found| {
        if found.subject == subject { Ok(found) } else { Err("it names another user or other groups".to_owned()) }
    });
    let found = found.map_err(|why| {
        let cause = format!("The certificate that cluster `{}` issued cannot be used: {why}.", place.cluster);
        Diagnostic::error(summary, cause)
    })?;
    if let Some(before) = &args.renew_before {
        let validity = found.not_after.duration_since(found.not_before);
        if jiff::SignedDuration::try_from(before.duration()).is_ok_and(|before| before >= validity) {
            cx.report(
                Diagnostic::warning(
                    "Certificate is shorter than `renew_before`",
                    format!(
                        "Cluster `{}` issued a certificate that expires at {}. It is renewed after two thirds of that time, because `renew_before` (`{before}`) would renew it with every plan.",
                        place.cluster, found.not_after
                    ),
                )
                .at(Path::attribute(Args::NAMES.renew_before)),
            );
        }
    }
    let organizations = subject.organizations.iter().map(|one| SubjectName::as_found(one)).collect();
    Ok(Outputs {
        cluster_name: place.cluster,
        common_name: SubjectName::as_found(&subject.common_name),
        organizations,
        certificate: text,
        private_key,
        serial_number: found.serial_number,
        valid_from: Timestamp::from(found.not_before),
        expiration_date: Timestamp::from(found.not_after),
        cluster_role_binding: bound,
        region: place.region,
    })
}

fn subject_of(args: &Args) -> Subject {
    let text = |name: &SubjectName| name.as_str().to_owned();
    let organizations: BTreeSet<String> = args.organizations.iter().flatten().map(text).collect();
    Subject { common_name: args.common_name.as_ref().map(text).unwrap_or_default(), organizations }
}

/// Creates and approves a request, waits for its certificate, and deletes it, whatever has become of it.
async fn signed(wanted: &SigningRequest, client: &Client, cx: &Context) -> Result<String> {
    let summary = "Could not issue the client certificate";
    if let Err(error) = client.request_certificate(wanted).await {
        if error.may_exist() {
            remove(wanted, client, cx).await;
        }
        return Err(explain_kube(summary, &error, None, cx).await);
    }
    let issued = match client.approve_certificate(&wanted.name).await {
        Ok(()) => certificate(wanted, client, cx).await,
        Err(error) => Err(explain_kube(summary, &error, None, cx).await),
    };
    remove(wanted, client, cx).await;
    issued
}

async fn certificate(wanted: &SigningRequest, client: &Client, cx: &Context) -> Result<String> {
    let summary = "Could not issue the client certificate";
    let (request, cluster) = (&wanted.name, client.cluster());
    let refused =
        |cause: String, remedy: &str| -> Diagnostics { Diagnostic::error(summary, cause).remedy(remedy).into() };
    let wait = Wait {
        what: format!("cluster `{cluster}` to sign the client certificate"),
        timeout: cx.time_left(SIGNING_TIMEOUT),
        interval: Duration::from_millis(200),
        max_interval: Duration::from_secs(2),
    };
    let signed = wait::until(cx, &wait, || async {
        Ok(match explained(client.signing(request).await, summary, None, cx).await? {
            Signing::Issued(text) => Seen::Done(text),
            Signing::Pending => {
                Seen::Pending(format!("CertificateSigningRequest `{request}` is approved, and not signed"))
            }
            Signing::Denied(why) => {
                return Err(refused(
                    format!("CertificateSigningRequest `{request}` of cluster `{cluster}` was denied: {why}."),
                    "Find out who denies requests for client certificates in this cluster, and why.",
                ));
            }
            Signing::Failed(why) => {
                return Err(refused(
                    format!("Cluster `{cluster}` refused to sign CertificateSigningRequest `{request}`: {why}."),
                    "Change what the reason names, and apply again.",
                ));
            }
            Signing::Gone => {
                return Err(refused(
                    format!(
                        "Somebody deleted CertificateSigningRequest `{request}` of cluster `{cluster}` before it was signed."
                    ),
                    "Apply again.",
                ));
            }
        })
    });
    signed.await.map_err(|fault| {
        if cx.cancel().is_cancelled() {
            return fault;
        }
        fault.with_first_error(|error| {
            if error.summary.starts_with("Timed out") {
                Diagnostic {
                    left: "The request is deleted, and no new certificate exists.".to_owned(),
                    remedy: "Check that the controller manager of the local cluster runs, and apply again.".to_owned(),
                    ..error
                }
            } else {
                error
            }
        })
    })
}

/// Deletes the request, also after Terraform asked to stop. A certificate that was issued is not read again.
async fn remove(wanted: &SigningRequest, client: &Client, cx: &Context) {
    let deleted = settle(client, async |client| client.delete(&REQUEST, None, &wanted.name).await).await;
    if deleted.is_none() {
        cx.report(Diagnostic::warning(
            "Certificate request may be left behind",
            format!(
                "CertificateSigningRequest `{}` of cluster `{}` could not be deleted. Kubernetes deletes it within an hour; without its key it is of no use.",
                wanted.name,
                client.cluster()
            ),
        ));
    }
}

/// Makes the role binding what `cluster_role` says.
async fn bind(args: &Args, mut outputs: Outputs, client: &Client, cx: &Context) -> Result<Outputs> {
    let summary = "Could not bind the role";
    let left = "The certificate is issued and recorded in the state; its user may lack permissions.";
    let user = outputs.common_name.clone();
    if let Some(name) = outputs.cluster_role_binding.clone() {
        let found = client.get(&BINDING, None, &name).await;
        let found = explained(found, summary, Some(left), cx).await?;
        let same = found.is_some_and(|found| {
            args.cluster_role.as_deref().is_some_and(|role| found["roleRef"]["name"] == role)
                && found["roleRef"]["kind"] == "ClusterRole"
        });
        if same && let Some(role) = &args.cluster_role {
            // Only the subjects differ, which can be changed in place.
            let patch = serde_json::json!({ "subjects": [subject(&user)] });
            tracing::info!(name, role, "the subjects of the role binding are restored");
            explained(client.merge(&BINDING, None, &name, patch).await, summary, Some(left), cx).await?;
            return Ok(outputs);
        }
        // The role of a binding cannot be changed.
        explained(client.delete(&BINDING, None, &name).await, summary, Some(left), cx).await?;
        outputs.cluster_role_binding = None;
        cx.save(&outputs);
    }
    let Some(role) = &args.cluster_role else { return Ok(outputs) };
    let name = binding_name(user.as_str());
    let object = binding(&name, role, &user);
    let Err(error) = client.create(&BINDING, None, &object).await else {
        outputs.cluster_role_binding = Some(name);
        return Ok(outputs);
    };
    if error.may_exist() {
        let look = async |client: Client| client.get(&BINDING, None, &name).await;
        let found = settle(client, look).await;
        if matches!(found, Some(None)) {
            return Err(explain_kube(summary, &error, Some(left), cx).await);
        }
        outputs.cluster_role_binding = Some(name);
        if found.is_some() {
            return Ok(outputs);
        }
        // The next plan looks whether it exists.
        cx.save(&outputs);
    }
    Err(explain_kube(summary, &error, Some(left), cx).await)
}

/// A name that no other binding has. Names of RBAC objects may contain anything but `/` and `%`.
fn binding_name(user: &str) -> String {
    let user: String = user.chars().map(|c| if matches!(c, '/' | '%') { '-' } else { c }).collect();
    format!("ekshybrid:{user}:{:08x}", fastrand::u32(..))
}
