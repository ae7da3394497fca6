//! Applies the settings: the previous values are noted, then the new ones are written through the owner of aws-node.
//!
//! | step | when it fails |
//! |---|---|
//! | find aws-node and its owner, check the settings | nothing was changed |
//! | note the previous values | nothing was changed |
//! | restore variables that are no longer set | the note still has them; the next apply restores them |
//! | through the add-on: mark the DaemonSet, release the fields of others, update the add-on | the note and the annotation hold the previous values; the next apply or a destroy continues |
//! | through the DaemonSet: write the variables | a refused write changes nothing, and a creation leaves nothing behind |
//! | wait for the rollout, check the result | the settings are in the state |
//!
//! `restore` is the way back, for a destroy and for variables that are no longer set.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::path::Path;
use framework::resource::State;
use framework::wait::{self, Seen};

use super::checks::unfit;
use super::daemon_set::{self, NAME, NAMESPACE};
use super::notes::Record;
use super::plan::wished;
use super::restore::give_back;
use super::settings::{self, Settings, Wanted};
use super::site::{ATTEMPTS, Found, SUMMARY, Site, Stopped, find, open, stopped};
use super::{Args, Outputs, VpcCni, addon, through_addon, through_daemon_set};
use crate::kube::offline::named;
use crate::kube::{self, Kind, Resource, Rollout};
use crate::session::Context;
use crate::session::explain::explain_kube;
use crate::session::place::Place;

/// What a change that fails halfway leaves behind.
const LEFT: &str = "State records the settings made and the previous ones.";

pub(super) async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
    let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
    let site = open(args, place, cx).await?;
    refuse_local(&site).await?;
    settle(&site, args, None).await
}

pub(super) async fn update(prior: &State<VpcCni>, args: &Args, cx: &Context) -> Result<Outputs> {
    let outputs = &prior.outputs;
    // `managed_by` is also an output: what was found before is not a request.
    let wish = Args { managed_by: wished(args, cx), ..args.clone() };
    let place = Place { cluster: outputs.cluster_name.clone(), region: outputs.region.clone() };
    let site = open(&wish, place, cx).await?;
    settle(&site, &wish, Some(prior)).await
}

/// Brings the settings to the wanted values, whatever they are now.
async fn settle(site: &Site<'_>, args: &Args, prior: Option<&State<VpcCni>>) -> Result<Outputs> {
    let cx = site.cx;
    let wanted = Settings::of(args).wanted();
    let mut attempts = 0;
    let mut warned = false;
    let mut begun = None;
    let found = loop {
        attempts += 1;
        let mut found = find(site).await?;
        let faults = unfit(&found, args, &wanted, site.cluster.as_str());
        if faults.has_errors() {
            return Err(faults);
        }
        let owner = found.owner();
        let noted = daemon_set::note(&found.daemon_set);
        // A write whose response was lost is recognized; the previous values are then known from the first attempt.
        let own = begun.take().filter(|record: &Record| noted.as_ref().is_some_and(|noted| record.noted(noted)));
        if prior.is_none() && noted.is_some() && own.is_none() {
            return Err(second(site));
        }
        let known = own.or_else(|| {
            let record = prior.and_then(|_| Record::of(cx, Some(&found.daemon_set), owner));
            record.map(|record| record.completed(&found.daemon_set, owner))
        });
        let mut record = known.unwrap_or_else(|| Record::new(site.mode, owner));
        let (taken, refused) = daemon_set::held(&found.daemon_set, &wanted);
        if !refused.is_empty() {
            return Err(Diagnostics(refused.iter().map(|held| held.refusal(site.cluster.as_str())).collect()));
        }
        if !warned {
            for held in &taken {
                cx.report(held.warning(site.cluster.as_str()));
            }
            warned = true;
        }
        let left: Vec<String> = record.variables.keys().filter(|name| !wanted.contains_key(*name)).cloned().collect();
        match write(site, &mut found, &wanted, &left, &mut record, args, prior.is_none()).await {
            Ok(()) => break found,
            Err(Stopped::Changed) if attempts < ATTEMPTS && cx.sleep(Duration::from_millis(200)).await => {
                begun = Some(record);
            }
            Err(Stopped::Changed) if cx.cancel().is_cancelled() => {
                return Err(Diagnostic::error(
                    SUMMARY,
                    format!("Terraform asked to stop before DaemonSet {NAMESPACE}/{NAME} in cluster `{}` was written.\n\n{LEFT} Run Terraform again to continue.", site.cluster),
                )
                .into());
            }
            Err(Stopped::Changed) => {
                return Err(Diagnostic::error(
                    SUMMARY,
                    format!("DaemonSet {NAMESPACE}/{NAME} in cluster `{}` was changed by others {attempts} times while it was to be written.\n\nApply again once it is stable.", site.cluster),
                )
                .into());
            }
            Err(Stopped::Told(faults)) => return Err(faults),
        }
    };
    if args.wait_for_rollout {
        roll_out(site).await?;
    }
    let after = site.told(daemon_set::find(&site.client).await, Some(LEFT)).await?.unwrap_or(found.daemon_set);
    let found = Found { daemon_set: after, addon: found.addon };
    check_effect(site, &found, &wanted)?;
    Ok(found.outputs(site, args))
}

/// Writes through the owner. The previous values are noted first.
async fn write(
    site: &Site<'_>,
    found: &mut Found,
    wanted: &Wanted,
    left: &[String],
    record: &mut Record,
    args: &Args,
    is_new: bool,
) -> std::result::Result<(), Stopped> {
    let cx = site.cx;
    let owner = found.owner();
    let values = through_addon::values(site, found.addon.as_ref())?;
    if record.variables.is_empty() {
        record.configuration = found.addon.as_ref().and_then(|addon| addon.configuration_values.clone());
    }
    record.mode = site.mode;
    record.owner = owner;
    record.through_addon |= found.addon.is_some();
    record.remember(wanted, &found.daemon_set, &addon::variables(&values));
    record.keep(cx);
    if is_new {
        // The response to the first write may be lost.
        cx.save(&found.outputs(site, args));
    }
    let names: Vec<&str> = left.iter().map(String::as_str).collect();
    if !names.is_empty() {
        give_back(site, found.addon.as_ref(), &names, record, false).await?;
        for name in left {
            record.variables.remove(name);
        }
        record.keep(cx);
        // The next attempt starts from what was just written.
        if let Some(daemon_set) = stopped(daemon_set::find(&site.client).await, SUMMARY, Some(LEFT), cx).await? {
            found.daemon_set = daemon_set;
        }
        if found.addon.is_some() {
            found.addon = site.addon().await?;
        }
    }
    if let Some(addon) = &found.addon {
        found.daemon_set = through_addon::set(site, addon, &found.daemon_set, wanted, record).await?;
    } else {
        let written = through_daemon_set::set(&site.client, &found.daemon_set, wanted, record).await;
        if let Err(error) = &written
            && refused_before_anything(error)
        {
            if is_new {
                cx.discard();
            }
            return Err(Stopped::Told(explain_kube(SUMMARY, error, None, cx).await));
        }
        found.daemon_set = stopped(written, SUMMARY, Some(LEFT), cx).await?;
    }
    cx.save(&found.outputs(site, args));
    Ok(())
}

/// Whether the API server refused the request, so nothing was changed.
fn refused_before_anything(error: &kube::Error) -> bool {
    matches!(error.kind(), Kind::Forbidden { .. } | Kind::Unauthorized | Kind::Invalid { .. } | Kind::FieldConflict(_))
}

/// Nodes that are off are looked for once in this many rollout checks.
const OFFLINE_LOOKS: u32 = 5;

/// Waits until all reachable nodes run the new pod template.
async fn roll_out(site: &Site<'_>) -> Result<()> {
    let wait = site.wait(format!("the rollout of DaemonSet {NAMESPACE}/{NAME} in cluster `{}`", site.cluster));
    let looks = AtomicU32::new(0);
    let look = || async {
        let Some(found) = site.told(daemon_set::find(&site.client).await, Some(LEFT)).await? else {
            return Ok(Seen::Pending("the DaemonSet is gone".to_owned()));
        };
        let rollout = Rollout::of(&found);
        if rollout.is_done() {
            return Ok(Seen::Done(BTreeMap::new()));
        }
        // Listing all nodes is slow, and most rollouts complete without it. Without the permission to list them, the
        // apply waits for all nodes.
        if looks.fetch_add(1, Ordering::Relaxed) % OFFLINE_LOOKS == 2
            && let Ok(nodes) = site.client.list(&Resource::NODE, None, None).await
            && let Ok(Some(off)) = site.client.daemon_set_offline(&found, &nodes).await
        {
            return Ok(Seen::Done(off));
        }
        let mut text = rollout.to_string();
        // Costs one more request per check; without the permission to list pods, the wait does without their reasons.
        if let Ok(troubles) = site.client.troubles(NAMESPACE, daemon_set::PODS).await {
            for trouble in troubles.iter().take(3) {
                text.push_str(&format!("; {trouble}"));
            }
        }
        Ok(Seen::Pending(text))
    };
    let off = wait::until(site.cx, &wait, look).await?;
    if !off.is_empty() {
        site.cx.report(Diagnostic::warning(
            "Unreachable nodes were skipped",
            format!(
                "DaemonSet {NAMESPACE}/{NAME} in cluster `{}` runs the new settings on every node that answers. Not reachable: {}.\n\nA skipped node gets its new pod when it is back.",
                site.cluster,
                named(&off)
            ),
        ));
    }
    Ok(())
}

/// Checks that aws-node has the settings: an update may succeed and still leave a field to others.
fn check_effect(site: &Site<'_>, found: &Found, wanted: &Wanted) -> Result<()> {
    let now = daemon_set::environment(&found.daemon_set);
    let mut faults = Diagnostics::new();
    for (name, value) in wanted {
        if now.get(name) == value.as_ref() {
            continue;
        }
        let shown = |value: Option<&String>| value.map_or_else(|| "not set".to_owned(), |value| format!("`{value}`"));
        let claims = daemon_set::claims(&found.daemon_set, name);
        let managers: Vec<String> = claims.iter().map(|claim| format!("`{}`", claim.manager)).collect();
        let holders = if managers.is_empty() { "nobody".to_owned() } else { managers.join(", ") };
        faults.push(
            Diagnostic::error(
                "A setting of aws-node did not take effect",
                format!(
                    "`{name}` of DaemonSet {NAMESPACE}/{NAME} in cluster `{}` is {}, and was set to {} just now. Its field managers: {holders}.\n\n{LEFT}\n\nFind out who sets it back, stop that manager from setting it, and apply again.",
                    site.cluster,
                    shown(now.get(name)),
                    shown(value.as_ref()),
                ),
            )
            .at(settings::attribute(name)),
        );
    }
    if faults.has_errors() { Err(faults) } else { Ok(()) }
}

/// Local clusters on Outposts manage aws-node themselves. Source: user guide of EKS, local clusters.
async fn refuse_local(site: &Site<'_>) -> Result<()> {
    if let Some(aws) = site.cx.clients()?.known_aws()
        && let Ok(found) = aws.eks(Some(site.region.as_str())).cluster(site.cluster.as_str()).await
        && found.outpost.is_some()
    {
        return Err(Diagnostic::error(
            SUMMARY,
            format!("Cluster `{}` is a local cluster on an Outpost. EKS keeps aws-node there itself, and it must not be edited.", site.cluster),
        )
        .at(Path::attribute(Args::NAMES.cluster_name))
        .into());
    }
    Ok(())
}

/// The settings are already managed by others.
fn second(site: &Site<'_>) -> Diagnostics {
    Diagnostic::error(
        "The VPC CNI of this cluster is managed already",
        format!(
            "DaemonSet {NAMESPACE}/{NAME} in cluster `{cluster}` carries the annotation of another `ekshybrid_vpc_cni`, in this configuration or elsewhere. There is one for a cluster. Nothing was changed.\n\nSet everything in one resource. If the other one is forgotten, as after a lost state, import it: `terraform import ekshybrid_vpc_cni.NAME {cluster}@{region}`.",
            cluster = site.cluster,
            region = site.region
        ),
    )
    .at(Path::attribute(Args::NAMES.cluster_name))
    .into()
}
