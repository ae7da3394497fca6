//! Sets the variables through the EKS add-on vpc-cni.
//!
//! EKS applies its configuration values by server-side apply. `OVERWRITE` would take every field of the add-on that
//! anyone has set by hand, `NONE` would fail because of any such field, and `PRESERVE` leaves to others what they own.
//! So the change uses `PRESERVE`, and takes only the fields that are set here from others beforehand.

use std::time::{Duration, Instant};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::wait::{self, Seen};
use serde_json::{Map, Value as Json};

use super::addon::{self, NAME};
use super::notes::Record;
use super::settings::Wanted;
use super::site::{self, Site, Stopped, stopped};
use super::{daemon_set, through_daemon_set};
use crate::attributes::Region;
use crate::aws::Kind;
use crate::aws::eks::{Addon, AddonChange, Conflicts, UpdateStatus};
use crate::session::{Context, explain};

const SUMMARY: &str = "Could not change the add-on vpc-cni";
/// How long EKS may take to show an update after it has begun.
const UPDATE_SETTLES: Duration = Duration::from_secs(30);

/// The add-on's configuration values; empty without an add-on.
pub(super) fn values(site: &Site<'_>, addon: Option<&Addon>) -> Result<Map<String, Json>> {
    let text = addon.and_then(|addon| addon.configuration_values.as_deref());
    addon::parse(text).map_err(|why| {
        Diagnostic::error(
            SUMMARY,
            format!(
                "The configuration values of add-on {NAME} in cluster `{}` cannot be read: {why}. Nothing was changed.\n\nFix them (`aws eks update-addon --configuration-values`), then apply again.",
                site.cluster
            ),
        )
        .into()
    })
}

/// Violations of the add-on's schema by the settings. If EKS cannot be queried, it checks them itself at apply.
pub(super) async fn check(region: &Region, found: &Addon, wanted: &Wanted, cx: &Context) -> Diagnostics {
    let Some(aws) = cx.try_clients().and_then(crate::session::Clients::known_aws) else { return Diagnostics::new() };
    let eks = aws.eks(Some(region.as_str()));
    let Ok(values) = addon::parse(found.configuration_values.as_deref()) else { return Diagnostics::new() };
    match eks.addon_configuration(NAME, &found.version).await {
        Ok(configuration) => {
            addon::findings(&configuration.schema, &addon::merged(&values, wanted), wanted, &found.version)
        }
        Err(error) => {
            tracing::info!("the settings are not checked against the add-on's schema: {error}");
            Diagnostics::new()
        }
    }
}

/// Sets the variables, and returns the resulting DaemonSet.
pub(super) async fn set(
    site: &Site<'_>,
    addon: &Addon,
    daemon_set: &Json,
    wanted: &Wanted,
    record: &mut Record,
) -> std::result::Result<Json, Stopped> {
    let cx = site.cx;
    let left = Some("What was there before is recorded in the state.");
    let faults = check(&site.region, addon, wanted, cx).await;
    if faults.has_errors() {
        return Err(Stopped::Told(faults));
    }
    let mut object =
        stopped(through_daemon_set::mark(&site.client, daemon_set, record).await, site::SUMMARY, None, cx).await?;
    let now = daemon_set::environment(daemon_set);
    // Other owners of a value to be changed would keep it. They may keep values that are already right; this provider
    // may not, since those now belong to EKS.
    let in_the_way: Vec<&str> = wanted
        .iter()
        .filter(|(name, value)| {
            let others = daemon_set::claims(daemon_set, name).iter().any(|claim| claim.manager != "eks");
            daemon_set::is_ours(daemon_set, name) || (others && value.is_some() && now.get(*name) != value.as_ref())
        })
        .map(|(name, _)| name.as_str())
        .collect();
    if !in_the_way.is_empty() {
        for name in &in_the_way {
            if let Some(before) = record.variables.get_mut(*name) {
                before.released |= before.claims.iter().any(|claim| claim.manager != "eks");
            }
        }
        record.keep(cx);
        stopped(through_daemon_set::release(&site.client, &in_the_way).await, site::SUMMARY, left, cx).await?;
    }
    let values = values(site, Some(addon))?;
    let merged = addon::merged(&values, wanted);
    let effective = wanted.iter().all(|(name, value)| now.get(name) == value.as_ref());
    if merged != values || !effective {
        change(site, addon, addon::text(merged, None)).await?;
    }
    // EKS does not know about variables that others have added to the DaemonSet.
    if let Some(found) = stopped(daemon_set::find(&site.client).await, site::SUMMARY, left, cx).await? {
        object = found;
    }
    let foreign: Vec<&str> = wanted
        .iter()
        .filter(|(name, value)| value.is_none() && daemon_set::entry(&object, name).is_some())
        .map(|(name, _)| name.as_str())
        .collect();
    if !foreign.is_empty() {
        for name in &foreign {
            if let Some(before) = record.variables.get_mut(*name) {
                before.released = true;
            }
        }
        record.keep(cx);
        object =
            stopped(through_daemon_set::remove(&site.client, &object, &foreign).await, site::SUMMARY, left, cx).await?;
    }
    Ok(object)
}

/// Restores `names` in the configuration values, and returns those that others have changed since.
pub(super) async fn restore(
    site: &Site<'_>,
    addon: &Addon,
    names: &[&str],
    record: &Record,
) -> std::result::Result<Vec<String>, Stopped> {
    let values = values(site, Some(addon))?;
    let (restored, changed_since) = addon::restored(&values, names, record);
    if restored != values {
        change(site, addon, addon::text(restored, record.configuration.as_deref())).await?;
    }
    Ok(changed_since)
}

/// Updates the add-on's configuration values, and waits until EKS has applied them.
async fn change(site: &Site<'_>, found: &Addon, configuration_values: String) -> Result<()> {
    let eks = site.eks()?;
    let cluster = site.cluster.as_str();
    let change = AddonChange {
        configuration_values,
        conflicts: Conflicts::Preserve,
        service_account_role_arn: found.service_account_role_arn.clone(),
    };
    let left = "What was there before is recorded in the state.";
    let begin = || async {
        match eks.update_addon(cluster, NAME, &change).await {
            Ok(update) => Ok(Seen::Done(update)),
            Err(error) if *error.kind() == Kind::InUse => {
                Ok(Seen::Pending("another change of it is under way".to_owned()))
            }
            Err(error) => Err(explain(SUMMARY, &error, Some(left))),
        }
    };
    let wait = site.wait(format!("add-on {NAME} of cluster `{cluster}` to take a change"));
    let update = wait::until(site.cx, &wait, begin).await?;
    let accepted = Instant::now();
    let look = || async {
        let now = match eks.addon_update(cluster, NAME, &update.id).await {
            Ok(now) => now,
            // EKS may show an update with a delay.
            Err(error) if error.is_not_found() && accepted.elapsed() < UPDATE_SETTLES => {
                return Ok(Seen::Pending(format!("EKS does not show update {} yet", update.id)));
            }
            Err(error) => return Err(explain(SUMMARY, &error, Some(left))),
        };
        match now.status {
            UpdateStatus::Successful => Ok(Seen::Done(())),
            UpdateStatus::InProgress => Ok(Seen::Pending(format!("update {} is in progress", now.id))),
            UpdateStatus::Failed | UpdateStatus::Cancelled => {
                let how = if now.status == UpdateStatus::Failed { "failed" } else { "was cancelled" };
                Err(Diagnostic::error(
                    SUMMARY,
                    format!(
                        "Update {} of add-on {NAME} in cluster `{cluster}` {how}: {}\n\n{left}\n\nFix what EKS names, then run Terraform again.",
                        now.id,
                        addon::issues(&now.errors)
                    ),
                )
                .into())
            }
        }
    };
    let wait = site.wait(format!("the update of add-on {NAME} of cluster `{cluster}`"));
    wait::until(site.cx, &wait, look).await
}
