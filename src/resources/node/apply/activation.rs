//! The activation that a host registers with: one that was given, or one of its own that is created for the join and
//! deleted after it.

use std::time::Duration;

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Secret;
use framework::path::Path;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;

use super::Site;
use crate::attributes::{Region, RoleName};
use crate::aws::ssm::{ActivationSpec, Client};
use crate::resources::node::arguments::Ssm;
use crate::resources::node::arguments::settings::Activation;
use crate::resources::node::{Args, notes};
use crate::session::{Context, explain, tags};
use tokio_util::sync::CancellationToken;

/// How long a one-use activation is valid, in hours: longer than any join.
const VALID_HOURS: i64 = 2;
/// How long deleting it may take after Terraform asked to stop.
const TAKING_BACK: Duration = Duration::from_secs(10);

pub(super) fn ssm(region: &Region, cx: &Context) -> Result<Client> {
    Ok(cx.clients()?.aws()?.ssm(Some(region.as_str())))
}

/// Asks Systems Manager about the activation that was given, before a host spends a minute on it. Returns the role of
/// the hosts, as far as it can be known.
pub(super) async fn check(site: &Site<'_>) -> Result<Option<String>> {
    let Some(given) = &site.args.ssm else { return Ok(None) };
    if let Some(role) = &given.iam_role {
        return Ok(Some(role.as_str().to_owned()));
    }
    let Some(id) = &given.activation_id else { return Ok(None) };
    let summary = "Could not check the activation";
    let client = ssm(&site.place.region, site.cx)?;
    let found = match client.describe_activation(id.as_str()).await {
        Ok(found) => found,
        // The join itself needs no such permission.
        Err(error) if matches!(error.kind(), crate::aws::Kind::AccessDenied { .. }) => {
            tracing::warn!(%error, "the activation was not checked");
            return Ok(None);
        }
        Err(error) => return Err(explain(summary, &error, Some("Nothing was changed on the host."))),
    };
    let region = &site.place.region;
    let why = match &found {
        None => format!("Systems Manager has no activation `{id}` in {region}, the region of the cluster"),
        Some(found) if found.expired => format!("Activation `{id}` in {region} has expired"),
        Some(found) if found.registrations_count >= found.registration_limit => {
            format!(
                "Activation `{id}` in {region} is used up: {} of {} hosts have registered",
                found.registrations_count, found.registration_limit
            )
        }
        Some(found) => return Ok(found.iam_role.clone()),
    };
    Err(Diagnostic::error("Activation cannot be used", format!("{why}."))
        .left("Nothing was changed on the host.")
        .remedy("Use a new activation (`terraform apply -replace` of its `ekshybrid_activation`), or `ssm = { iam_role = … }`, which creates one for each join.")
        .at(Path::attribute(Args::NAMES.ssm).dot(Ssm::NAMES.activation_id))
        .into())
}

/// The activation for a host that has not registered yet; `None` with IAM Roles Anywhere.
pub(super) async fn provide(site: &Site<'_>, host_name: &str) -> Result<Option<Activation>> {
    let Some(given) = &site.args.ssm else { return Ok(None) };
    match (&given.activation_id, &given.activation_code, &given.iam_role) {
        (Some(id), Some(code), _) => Ok(Some(Activation { id: id.as_str().to_owned(), code: code.clone() })),
        (_, _, Some(role)) => create(site, role, host_name).await.map(Some),
        // The model's rules refuse it.
        _ => Err(Diagnostic::bug("`ssm` names neither an activation nor a role.").into()),
    }
}

async fn create(site: &Site<'_>, role: &RoleName, host_name: &str) -> Result<Activation> {
    let cx = site.cx;
    delete(&site.place.region, cx).await?;
    let mut tags = tags::merged_for(cx, None)?;
    // The policy of the hosts' role allows them to deregister themselves by this tag. Source: EKS user guide, "Prepare
    // credentials for hybrid nodes".
    tags.entry("EKSClusterARN".to_owned()).or_insert_with(|| site.cluster.arn.clone());
    let expires = jiff::Timestamp::now().checked_add(SignedDuration::from_hours(VALID_HOURS)).ok();
    let spec = ActivationSpec {
        iam_role: role.as_str().to_owned(),
        default_instance_name: Some(host_name.to_owned()).filter(|name| !name.is_empty()),
        description: Some(format!("One join to cluster {} by Terraform", site.place.cluster)),
        registration_limit: Some(1),
        expiration_date: expires.and_then(|date| jiff::Timestamp::from_second(date.as_second()).ok()),
        tags,
    };
    let client = ssm(&site.place.region, cx)?;
    let created = client.create_activation(&spec, |settling| {
        tracing::info!(waited_s = settling.waited.as_secs(), "waiting until Systems Manager knows the role `{role}`");
    });
    let created =
        created.await.map_err(|error| explain("Could not create an activation for the host", &error, None))?;
    notes::activation_created(&created.id, cx);
    Ok(Activation { id: created.id, code: Secret::new(created.code.expose_secret().to_owned()) })
}

/// Deletes the one-use activation, if one is noted. Even after a stop: it would let another host in.
pub(super) async fn delete(region: &Region, cx: &Context) -> Result<()> {
    let Some(id) = notes::activation(cx) else { return Ok(()) };
    let client = cx.clients()?.aws()?.with_cancel(CancellationToken::new()).ssm(Some(region.as_str()));
    let limit = async {
        cx.cancel().cancelled().await;
        tokio::time::sleep(TAKING_BACK).await;
    };
    let deleted = tokio::select! {
        biased;
        deleted = client.delete_activation(&id) => deleted,
        () = limit => return Ok(()),
    };
    deleted.map_err(|error| {
        explain(
            "Could not delete the activation of the host",
            &error,
            Some("It is noted in the state; the next apply or destroy deletes it."),
        )
    })?;
    notes::activation_deleted(cx);
    Ok(())
}
