//! How the settings are made, looked at, changed and taken back.

use std::time::{Duration, Instant};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Span};
use framework::path::Path;
use framework::resource::{Plan, State};
use framework::wait::{self, Seen, Wait};
use serde_json::Value as Json;

use super::daemon_set::{self, NAME, NAMESPACE};
use super::record::Record;
use super::settings::{self, Settings, Wanted};
use super::version::{Version, image};
use super::{Args, Identity, ManagedBy, Outputs, Owner, VpcCni, addon, through_addon};
use crate::attributes::cluster::{Reached, connect, explain_kube, reach, told, warn_of_near_name};
use crate::attributes::{ClusterName, Region, aws_region, explain, planned_region};
use crate::aws::eks::{self, Addon};
use crate::kube::{self, Client, Kind, Rollout};
use crate::provider::{Context, Way};

/// How long a change may take, when nothing else is said.
const CHANGE_TIMEOUT: Duration = Duration::from_mins(20);
/// How long a removal may take.
const DELETE_TIMEOUT: Duration = Duration::from_mins(10);
/// How often a write is tried again because the object has changed since it was read. Its status changes often.
const ATTEMPTS: u32 = 20;
const SUMMARY: &str = "Could not configure the VPC CNI";
const LEFT: &str = "The settings that were made are recorded in the state, and so is what was there before.";

/// One cluster, and what is asked of it.
pub(super) struct Site<'a> {
    pub(super) client: Client,
    pub(super) cluster: ClusterName,
    pub(super) region: Region,
    pub(super) mode: ManagedBy,
    pub(super) deadline: Instant,
    pub(super) cx: &'a Context,
}

impl Site<'_> {
    pub(super) fn eks(&self) -> Result<eks::Client> {
        Ok(self.cx.clients()?.aws()?.with_cancel(self.cx.cancel().clone()).eks(Some(self.region.as_str())))
    }

    pub(super) fn wait(&self, what: String) -> Wait {
        Wait {
            what,
            timeout: self.deadline.saturating_duration_since(Instant::now()),
            interval: Duration::from_millis(500),
            max_interval: Duration::from_secs(10),
        }
    }

    /// The add-on, `None` when the cluster has none. EKS is not asked when the configuration names the DaemonSet.
    pub(super) async fn addon(&self) -> Result<Option<Addon>> {
        addon_of(&self.cluster, &self.region, self.mode, self.cx).await
    }

    pub(super) async fn told<T>(&self, result: kube::Result<T>, left: Option<&str>) -> Result<T> {
        told(result, SUMMARY, left, self.cx).await
    }
}

async fn addon_of(cluster: &ClusterName, region: &Region, mode: ManagedBy, cx: &Context) -> Result<Option<Addon>> {
    if mode == ManagedBy::DaemonSet {
        return Ok(None);
    }
    let eks = cx.clients()?.aws()?.with_cancel(cx.cancel().clone()).eks(Some(region.as_str()));
    match eks.addon(cluster.as_str(), through_addon::NAME).await {
        Ok(addon) => Ok(Some(addon)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => {
            let mut faults = explain("Could not find out what owns aws-node", &error, None);
            if let Some(fault) = faults.0.first_mut() {
                fault.detail.push_str(
                    "\n\nTo set the DaemonSet without asking EKS for the add-on, set `managed_by = \"daemonset\"`.",
                );
            }
            Err(faults)
        }
    }
}

/// aws-node in a cluster.
struct Found {
    daemon_set: Json,
    addon: Option<Addon>,
}

impl Found {
    fn owner(&self) -> Owner {
        if self.addon.is_some() { Owner::Addon } else { Owner::DaemonSet }
    }

    fn outputs(&self, site: &Site<'_>, args: &Args) -> Outputs {
        outputs(&self.daemon_set, self.owner(), args.managed_by, &site.cluster, &site.region)
    }
}

fn outputs(
    daemon_set: &Json,
    owner: Owner,
    mode: Option<ManagedBy>,
    cluster: &ClusterName,
    region: &Region,
) -> Outputs {
    Outputs {
        cluster_name: cluster.clone(),
        version: Version::of(daemon_set).map(|version| version.to_string()),
        effective_environment: daemon_set::environment(daemon_set),
        // Who writes `auto` reads it.
        managed_by: if mode == Some(ManagedBy::Auto) { ManagedBy::Auto } else { owner.into() },
        region: region.clone(),
    }
}

/// Waits for aws-node, and for the add-on where the configuration names it.
async fn find(site: &Site<'_>) -> Result<Found> {
    let cluster = &site.cluster;
    let wait = site.wait(format!("aws-node in cluster `{cluster}`"));
    let look = || async {
        let addon = site.addon().await?;
        if let Some(addon) = &addon {
            if matches!(addon.status.as_str(), "CREATING" | "UPDATING" | "DELETING") {
                return Ok(Seen::Pending(format!("add-on vpc-cni is {}", addon.status)));
            }
        } else if site.mode == ManagedBy::Addon {
            return Ok(Seen::Pending(format!(
                "cluster `{cluster}` has no add-on vpc-cni. `managed_by = \"addon\"` waits for it: add it (`aws_eks_addon`), or leave `managed_by` out to set the DaemonSet"
            )));
        }
        match site.told(daemon_set::find(&site.client).await, None).await? {
            Some(daemon_set) => Ok(Seen::Done(Found { daemon_set, addon })),
            None => match addon {
                Some(addon) if addon.status == "CREATE_FAILED" => Err(through_addon::failed_addon(cluster, &addon)),
                _ => Ok(Seen::Pending(format!(
                    "there is no DaemonSet {NAMESPACE}/{NAME} in cluster `{cluster}`. A cluster made with `bootstrap_self_managed_addons = false` gets it with the add-on vpc-cni (`aws_eks_addon`); where another CNI took its place there is nothing to configure"
                ))),
            },
        }
    };
    wait::until(site.cx, &wait, look).await
}

/// Opens the way for a change.
async fn open<'a>(
    args: &Args,
    cluster: ClusterName,
    region: Region,
    given: Option<&Span>,
    default: Duration,
    cx: &'a Context,
) -> Result<Site<'a>> {
    let given = given.map(Span::duration);
    let begun = Instant::now();
    let client = connect(&cluster, Some(&region), given, cx).await?;
    // The time of a cluster that is made counts when somebody has said how long all of it may take.
    let deadline = given.map_or_else(|| Instant::now() + default, |given| begun + given);
    let mode = args.managed_by.unwrap_or(ManagedBy::Auto);
    Ok(Site { client, cluster, region, mode, deadline, cx })
}

pub(super) async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
    let cluster = cx.clients()?.cluster_name(args.cluster_name.as_ref())?;
    let region = aws_region(args.region.as_ref(), cx).await?;
    let given = args.timeouts.as_ref().and_then(|timeouts| timeouts.create.as_ref());
    let site = open(args, cluster, region, given, CHANGE_TIMEOUT, cx).await?;
    refuse_local(&site).await?;
    settle(&site, args, None).await
}

pub(super) async fn update(prior: &State<VpcCni>, args: &Args, cx: &Context) -> Result<Outputs> {
    let outputs = &prior.outputs;
    let given = args.timeouts.as_ref().and_then(|timeouts| timeouts.update.as_ref());
    // `managed_by` is also a result: what was found before is no wish.
    let wish = Args { managed_by: wished(args, cx), ..args.clone() };
    let site = open(&wish, outputs.cluster_name.clone(), outputs.region.clone(), given, CHANGE_TIMEOUT, cx).await?;
    settle(&site, &wish, Some(prior)).await
}

/// What the configuration asks for. An argument that is not set carries the result of before; whether it is set is
/// noted by the plan.
fn wished(args: &Args, cx: &Context) -> Option<ManagedBy> {
    if cx.private(WISHED).is_some() { args.managed_by } else { None }
}

/// Private note of a plan: the configuration sets `managed_by`.
const WISHED: &str = "managed_by";

/// Makes the settings what they are to be, whatever they are.
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
        // A write whose answer was lost is found again: then what was there before is known from the first attempt.
        let own = begun.take().filter(|record: &Record| noted.as_ref().is_some_and(|noted| record.noted(noted)));
        if prior.is_none() && noted.is_some() && own.is_none() {
            return Err(second(site));
        }
        let known = own.or_else(|| prior.and_then(|_| Record::of(cx, Some(&found.daemon_set), owner)));
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
            Err(Stopped::Changed) => {
                return Err(Diagnostic::error(
                    SUMMARY,
                    format!("DaemonSet {NAMESPACE}/{NAME} in cluster `{}` was changed by others {attempts} times while it was to be written.\n\nApply again when it has come to rest.", site.cluster),
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

/// Why a write did not come to its end.
pub(super) enum Stopped {
    /// The object is another one by now.
    Changed,
    Told(Diagnostics),
}

impl From<Diagnostics> for Stopped {
    fn from(faults: Diagnostics) -> Self {
        Self::Told(faults)
    }
}

/// Tells an error of a write, unless it may be tried again.
pub(super) async fn stopped<T>(
    result: kube::Result<T>,
    left: Option<&str>,
    cx: &Context,
) -> std::result::Result<T, Stopped> {
    match result {
        Ok(value) => Ok(value),
        Err(error) if *error.kind() == Kind::Changed => Err(Stopped::Changed),
        Err(error) => Err(Stopped::Told(explain_kube(SUMMARY, &error, left, cx).await)),
    }
}

/// Writes through the owner. What was there before is noted first.
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
        // The answer to the first write may be lost.
        cx.save(&found.outputs(site, args));
    }
    let names: Vec<&str> = left.iter().map(String::as_str).collect();
    if !names.is_empty() {
        give_back(site, found.addon.as_ref(), &names, record, false).await?;
        for name in left {
            record.variables.remove(name);
        }
        record.keep(cx);
        // The next look begins with what was just written.
        if let Some(daemon_set) = stopped(daemon_set::find(&site.client).await, Some(LEFT), cx).await? {
            found.daemon_set = daemon_set;
        }
        if found.addon.is_some() {
            found.addon = site.addon().await?;
        }
    }
    if let Some(addon) = &found.addon {
        found.daemon_set = through_addon::set(site, addon, &found.daemon_set, wanted, record).await?;
    } else {
        let written = daemon_set::set(&site.client, &found.daemon_set, wanted, record).await;
        if let Err(error) = &written
            && refused_before_anything(error)
        {
            if is_new {
                cx.discard();
            }
            return Err(Stopped::Told(explain_kube(SUMMARY, error, None, cx).await));
        }
        found.daemon_set = stopped(written, Some(LEFT), cx).await?;
    }
    cx.save(&found.outputs(site, args));
    Ok(())
}

/// Nothing was done: the API server said no.
fn refused_before_anything(error: &kube::Error) -> bool {
    matches!(error.kind(), Kind::Forbidden { .. } | Kind::Unauthorized | Kind::Invalid { .. } | Kind::FieldConflict(_))
}

/// Puts variables back through the owner, as far as they are still what was written. `wholly`: the resource goes.
pub(super) async fn give_back(
    site: &Site<'_>,
    addon: Option<&Addon>,
    names: &[&str],
    record: &Record,
    wholly: bool,
) -> std::result::Result<(), Stopped> {
    let mut changed_since = Vec::new();
    if let Some(addon) = addon {
        changed_since = through_addon::restore(site, addon, names, record).await?;
    }
    let cx = site.cx;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let left = Some("What was not put back yet is still recorded in the state.");
        let Some(daemon_set) = stopped(daemon_set::find(&site.client).await, left, cx).await? else { return Ok(()) };
        let found = daemon_set::environment(&daemon_set);
        let mut back = Vec::new();
        let mut kept = Vec::new();
        for name in names {
            let Some(before) = record.variables.get(*name) else { continue };
            let now = found.get(*name).map(String::as_str);
            // Through the add-on EKS has just put its own values back; only what was taken from others, or is still
            // held here, is this provider's to restore.
            let concerns = addon.is_none() || before.released || daemon_set::is_ours(&daemon_set, name);
            if !concerns {
                continue;
            }
            if now == before.value() && daemon_set::entry(&daemon_set, name).is_some() == before.entry.is_some() {
                kept.push(*name);
            } else if before.wrote(now) || (addon.is_some() && before.released) {
                back.push(*name);
            } else {
                changed_since.push((*name).to_owned());
            }
        }
        let unmark = wholly && daemon_set::note(&daemon_set).is_some();
        if !back.is_empty() || unmark {
            let restored = daemon_set::restore(&site.client, &daemon_set, &back, record, unmark).await;
            match stopped(restored, left, cx).await {
                Err(Stopped::Changed) if attempts < ATTEMPTS && cx.sleep(Duration::from_millis(200)).await => continue,
                other => other?,
            }
        }
        let names: Vec<&str> = back.into_iter().chain(kept).collect();
        stopped(daemon_set::hand_back(&site.client, &names, record, wholly).await, left, cx).await?;
        break;
    }
    changed_since.sort();
    changed_since.dedup();
    for name in changed_since {
        cx.report(Diagnostic::warning(
            "A setting of aws-node was changed by somebody else and stays",
            format!(
                "`{name}` in cluster `{}` is not what this resource has set it to, so it was left as it is. Before, it was {}.",
                site.cluster,
                record.variables.get(&name).and_then(super::record::Before::value).map_or_else(
                    || "not set".to_owned(),
                    |value| format!("`{value}`")
                )
            ),
        ));
    }
    Ok(())
}

/// Waits until every node runs the new specification.
async fn roll_out(site: &Site<'_>) -> Result<()> {
    let wait = site.wait(format!("the rollout of DaemonSet {NAMESPACE}/{NAME} in cluster `{}`", site.cluster));
    let look = || async {
        let Some(found) = site.told(daemon_set::find(&site.client).await, Some(LEFT)).await? else {
            return Ok(Seen::Pending("the DaemonSet is gone".to_owned()));
        };
        let rollout = Rollout::of(&found);
        if rollout.is_done() {
            return Ok(Seen::Done(()));
        }
        let mut text = rollout.to_string();
        // One more request a look; who may not list pods waits without their reasons.
        if let Ok(troubles) = site.client.troubles(NAMESPACE, daemon_set::PODS).await {
            for trouble in troubles.iter().take(3) {
                text.push_str(&format!("; {trouble}"));
            }
        }
        Ok(Seen::Pending(text))
    };
    wait::until(site.cx, &wait, look).await
}

/// Whether aws-node has what was set: an update may succeed and yet leave a field to somebody else.
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
                "A setting of aws-node did not come into effect",
                format!(
                    "`{name}` of DaemonSet {NAMESPACE}/{NAME} in cluster `{}` is {}, and was set to {} just now. Its field managers: {holders}.\n\n{LEFT}\n\nFind out who sets it back, take it out of their hands, and apply again.",
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

/// Local clusters on Outposts keep aws-node to themselves. Source: user guide of EKS, local clusters.
async fn refuse_local(site: &Site<'_>) -> Result<()> {
    if let Some(aws) = site.cx.clients()?.known_aws()
        && let Ok(found) = aws
            .with_cancel(site.cx.cancel().clone())
            .eks(Some(site.region.as_str()))
            .cluster(site.cluster.as_str())
            .await
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

/// Somebody manages the settings already.
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

/// What speaks against the settings in this cluster: the version, and variables that are no texts.
fn unfit(found: &Found, args: &Args, wanted: &Wanted, cluster: &str) -> Diagnostics {
    let least = Least::of(args.minimum_version.as_ref(), &Settings::of(args));
    let mut faults = too_old(&found.daemon_set, least.as_ref(), cluster, found.owner());
    faults.append(daemon_set::check_entries(&found.daemon_set, wanted, cluster));
    faults
}

/// The oldest version that may be, and what asks for it.
struct Least {
    version: Version,
    attribute: &'static str,
}

impl Least {
    fn of(minimum: Option<&Version>, settings: &Settings) -> Option<Self> {
        use framework::model::Text as _;
        if let Some(version) = minimum {
            return Some(Self { version: version.clone(), attribute: Args::NAMES.minimum_version });
        }
        // Both are read by the rule that reads every version.
        let known = |text: &str, attribute| Version::parse(text).ok().map(|version| Self { version, attribute });
        match (settings.custom_networking, settings.prefix_delegation) {
            (_, Some(true)) => known("1.9.0", Args::NAMES.prefix_delegation),
            (Some(true), _) => known("1.6.3-eksbuild.2", Args::NAMES.custom_networking),
            _ => None,
        }
    }
}

fn too_old(daemon_set: &Json, least: Option<&Least>, cluster: &str, owner: Owner) -> Diagnostics {
    let Some(least) = least else { return Diagnostics::new() };
    let shown = image(daemon_set).unwrap_or("none");
    let Some(version) = Version::of(daemon_set) else {
        tracing::warn!(cluster, image = shown, "the version of the VPC CNI cannot be told, so it is not checked");
        return Diagnostics::new();
    };
    if version >= least.version {
        return Diagnostics::new();
    }
    let how = match owner {
        Owner::Addon => "Update the add-on (`addon_version` of `aws_eks_addon`), one minor version at a time.".to_owned(),
        Owner::DaemonSet => "Update it: apply the manifest of a newer release of amazon-vpc-cni-k8s, or let EKS own it by the add-on vpc-cni (`aws_eks_addon` with `resolve_conflicts_on_create = \"OVERWRITE\"`).".to_owned(),
    };
    Diagnostic::error(
        "VPC CNI is too old",
        format!(
            "Cluster `{cluster}` runs VPC CNI {version} (image `{shown}`), and `{}` needs at least {}.\n\n{how}",
            least.attribute, least.version
        ),
    )
    .at(Path::attribute(least.attribute))
    .into()
}

pub(super) async fn plan(plan: &mut Plan<VpcCni>, cx: &Context) -> Result<()> {
    if plan.configures(Args::NAMES.managed_by) {
        cx.keep_private(WISHED, "set");
    } else {
        cx.drop_private(WISHED);
    }
    if !plan.configures(Args::NAMES.region)
        && let Some(region) = planned_region(cx).await
    {
        if plan.prior.as_ref().is_some_and(|prior| prior.outputs.region != region) {
            plan.replace(Args::NAMES.region);
        }
        plan.outputs.region = Maybe::Known(region);
    }
    if !plan.configures(Args::NAMES.cluster_name)
        && let Some(clients) = cx.try_clients()
        && !matches!(clients.defaults().cluster_name, Maybe::Unknown)
    {
        let cluster = clients.cluster_name(None)?;
        if plan.prior.as_ref().is_some_and(|prior| prior.outputs.cluster_name != cluster) {
            plan.replace(Args::NAMES.cluster_name);
        }
        plan.outputs.cluster_name = Maybe::Known(cluster);
    }
    let switched = switched(plan, cx);
    if plan.is_create() || plan.has_changes() || plan.is_replaced() || switched {
        check(plan, cx).await?;
    }
    Ok(())
}

/// Whether another owner has aws-node since the last write: then the settings are to be made through it.
fn switched(plan: &mut Plan<VpcCni>, cx: &Context) -> bool {
    let (Some(prior), false) = (&plan.prior, plan.configures(Args::NAMES.managed_by)) else { return false };
    let now = prior.outputs.managed_by;
    let moved = Record::of(cx, None, Owner::DaemonSet).is_some_and(|record| ManagedBy::from(record.owner) != now);
    if moved {
        plan.outputs.effective_environment = Maybe::Unknown;
    }
    moved
}

/// Looks at the cluster, when it is there, and refuses what cannot work in it.
async fn check(plan: &mut Plan<VpcCni>, cx: &Context) -> Result<()> {
    let named = match (plan.args.cluster_name.set(), plan.outputs.cluster_name.known()) {
        (Some(name), _) | (None, Some(name)) => name.clone(),
        (None, None) => return Ok(()),
    };
    let (Some(clients), Maybe::Known(argument)) = (cx.try_clients(), &plan.args.region) else { return Ok(()) };
    if clients.known_aws().is_none() {
        return Ok(());
    }
    let Ok(region) = aws_region(argument.as_ref(), cx).await else { return Ok(()) };
    let client = match clients.way_to(&named, Some(&region), cx.cancel()).await? {
        Way::Open(client) => client,
        Way::NoCluster(_) => {
            warn_of_near_name(&named, Some(&region), cx).await;
            return Ok(());
        }
        Way::NotReady(_) | Way::Unknown(_) => return Ok(()),
    };
    let settings = Settings::planned(&plan.args);
    check_family(plan, &named, &region, &settings, cx).await;
    let daemon_set = match daemon_set::find(&client).await {
        Ok(Some(daemon_set)) => daemon_set,
        Ok(None) => {
            cx.report(Diagnostic::warning(
                "Cluster has no aws-node yet",
                format!("There is no DaemonSet {NAMESPACE}/{NAME} in cluster `{named}`. The apply waits for it, as for one that the add-on vpc-cni (`aws_eks_addon`) brings in the same apply."),
            ));
            return Ok(());
        }
        Err(error) => {
            // The access may come with the same apply.
            tracing::info!("aws-node is not checked at plan: {error}");
            return Ok(());
        }
    };
    let mode = if plan.configures(Args::NAMES.managed_by) { plan.args.managed_by.set().copied() } else { None };
    let Ok(addon) = addon_of(&named, &region, mode.unwrap_or(ManagedBy::Auto), cx).await else { return Ok(()) };
    let found = Found { daemon_set, addon };
    let wanted = settings.wanted();
    let least = Least::of(plan.args.minimum_version.set(), &settings);
    for fault in too_old(&found.daemon_set, least.as_ref(), named.as_str(), found.owner()).0 {
        cx.report(fault);
    }
    for fault in daemon_set::check_entries(&found.daemon_set, &wanted, named.as_str()).0 {
        cx.report(fault);
    }
    if let Some(addon) = &found.addon {
        for fault in through_addon::check(&region, addon, &wanted, cx).await.0 {
            cx.report(fault);
        }
    }
    Ok(())
}

/// Custom networking is for IPv4 clusters. Source: user guide of EKS, custom networking.
async fn check_family(
    plan: &mut Plan<VpcCni>,
    cluster: &ClusterName,
    region: &Region,
    settings: &Settings,
    cx: &Context,
) {
    let Some(aws) = cx.try_clients().and_then(crate::provider::Clients::known_aws) else { return };
    let eks = aws.with_cancel(cx.cancel().clone()).eks(Some(region.as_str()));
    if settings.custom_networking == Some(true)
        && let Ok(found) = eks.cluster(cluster.as_str()).await
        && found.ip_family.as_deref() == Some("ipv6")
    {
        plan.fault(
            Args::NAMES.custom_networking,
            "Custom networking needs an IPv4 cluster",
            format!("Cluster `{cluster}` has the IP family ipv6, which cannot change. Its pods have addresses enough; leave custom networking out."),
        );
    }
}

pub(super) fn plan_delete(state: &State<VpcCni>, cx: &Context) {
    if Record::of(cx, None, Owner::DaemonSet).is_none() {
        cx.report(Diagnostic::warning(
            "Settings of aws-node may stay",
            format!(
                "What aws-node of cluster `{}` was set to before is not recorded in the state. If the DaemonSet's annotation does not tell it either, the settings stay as they are.",
                state.outputs.cluster_name
            ),
        ));
    }
}

pub(super) async fn read(
    identity: &Identity,
    prior: Option<&State<VpcCni>>,
    cx: &Context,
) -> Result<Option<State<VpcCni>>> {
    let cluster = &identity.cluster_name;
    let region = aws_region(identity.region.as_ref(), cx).await?;
    let summary = "Could not read the settings of the VPC CNI";
    let client = match reach(cluster, Some(&region), cx).await? {
        Reached::Open(client) => client,
        Reached::Gone => return Ok(None),
        Reached::Unknown => {
            return prior.cloned().map(Some).ok_or_else(|| {
                Diagnostic::error(
                    summary,
                    "The provider's configuration is known only after apply. Apply what it depends on first.",
                )
                .into()
            });
        }
    };
    let Some(daemon_set) = told(daemon_set::find(&client).await, summary, None, cx).await? else { return Ok(None) };
    let own = Record::of(cx, None, Owner::DaemonSet);
    let mode = own.as_ref().map_or(ManagedBy::Auto, |record| record.mode);
    let addon = addon_of(cluster, &region, mode, cx).await?;
    let found = Found { daemon_set, addon };
    let owner = found.owner();
    let record = own.or_else(|| Record::of(cx, Some(&found.daemon_set), owner));
    if let Some(record) = &record {
        record.keep(cx);
    }
    let environment = daemon_set::environment(&found.daemon_set);
    let shown = prior.map(|prior| prior.outputs.managed_by).filter(|mode| *mode == ManagedBy::Auto);
    let outputs = outputs(&found.daemon_set, owner, shown, cluster, &region);
    let mut args = match prior {
        Some(prior) => prior.args.clone(),
        None => blank(),
    };
    let managed = record.map_or_else(|| Settings::of(&args).wanted(), |record| record.managed());
    settings::read(&mut args, &managed, &environment);
    args.cluster_name = Some(cluster.clone());
    args.region = Some(region);
    args.managed_by = Some(outputs.managed_by);
    Ok(Some(State { args, outputs }))
}

/// Arguments that set nothing, as after an import.
fn blank() -> Args {
    Args {
        cluster_name: None,
        custom_networking: None,
        eni_config_label: None,
        eni_config_annotation: None,
        prefix_delegation: None,
        external_snat: None,
        warm_ip_target: None,
        minimum_ip_target: None,
        warm_eni_target: None,
        warm_prefix_target: None,
        environment: None,
        minimum_version: None,
        managed_by: None,
        wait_for_rollout: true,
        region: None,
        timeouts: None,
    }
}

pub(super) async fn delete(state: &State<VpcCni>, cx: &Context) -> Result<()> {
    let outputs = &state.outputs;
    let (cluster, region) = (outputs.cluster_name.clone(), outputs.region.clone());
    let client = match reach(&cluster, Some(&region), cx).await? {
        Reached::Open(client) => client,
        Reached::Gone => {
            tracing::info!(%cluster, "the cluster is gone, and the settings with it");
            return Ok(());
        }
        Reached::Unknown => {
            return Err(Diagnostic::error(
                "Could not put the settings of the VPC CNI back",
                "The provider's configuration is not known. Nothing was changed.",
            )
            .into());
        }
    };
    let given = state.args.timeouts.as_ref().and_then(|timeouts| timeouts.delete.as_ref());
    let deadline = Instant::now() + given.map_or(DELETE_TIMEOUT, Span::duration);
    // What was once set in the add-on's values is taken out of them, whatever the configuration says by now.
    let mode = Record::of(cx, None, Owner::DaemonSet).filter(|record| !record.through_addon).map(|record| record.mode);
    let site = Site { client, cluster, region, mode: mode.unwrap_or(ManagedBy::Auto), deadline, cx };
    match take_back(&site).await {
        Ok(()) => Ok(()),
        Err(Stopped::Changed) => Err(Diagnostic::error(
            "Could not put the settings of the VPC CNI back",
            format!("DaemonSet {NAMESPACE}/{NAME} in cluster `{}` is changed by others all the time. Destroy again when it has come to rest.", site.cluster),
        )
        .into()),
        Err(Stopped::Told(faults)) => {
            if is_going(&site).await {
                tracing::info!(cluster = %site.cluster, "the cluster is being deleted, and the settings with it");
                return Ok(());
            }
            Err(faults)
        }
    }
}

/// Puts back what was there before, through whoever owns aws-node now.
async fn take_back(site: &Site<'_>) -> std::result::Result<(), Stopped> {
    let left = Some("Nothing was changed.");
    let Some(daemon_set) = stopped(daemon_set::find(&site.client).await, left, site.cx).await? else {
        return Ok(());
    };
    let addon = site.addon().await?;
    let owner = if addon.is_some() { Owner::Addon } else { Owner::DaemonSet };
    let Some(record) = Record::of(site.cx, Some(&daemon_set), owner) else {
        tracing::warn!(cluster = %site.cluster, "what was there before is not known; the settings stay");
        return Ok(());
    };
    let names: Vec<&str> = record.variables.keys().map(String::as_str).collect();
    give_back(site, addon.as_ref(), &names, &record, true).await
}

/// Whether the cluster is on its way out: then its API server may be gone already.
async fn is_going(site: &Site<'_>) -> bool {
    let Ok(eks) = site.eks() else { return false };
    match eks.cluster(site.cluster.as_str()).await {
        Ok(found) => found.status == "DELETING",
        Err(error) => error.is_not_found(),
    }
}

#[cfg(test)]
mod tests {
    use framework::model::Text;
    use serde_json::json;

    use super::*;

    fn running(tag: &str) -> Json {
        json!({ "spec": { "template": { "spec": { "containers": [
            { "name": "aws-node", "image": format!("602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni:{tag}") },
        ] } } } })
    }

    #[test]
    fn versions_that_are_too_old() {
        let settings = |custom: Option<bool>, prefix: Option<bool>| {
            let mut settings = Settings::default();
            settings.custom_networking = custom;
            settings.prefix_delegation = prefix;
            settings
        };
        for (tag, minimum, settings, at) in [
            ("v1.6.2", None, settings(Some(true), None), Some("custom_networking")),
            ("v1.6.3-eksbuild.1", None, settings(Some(true), None), Some("custom_networking")),
            ("v1.6.3-eksbuild.2", None, settings(Some(true), None), None),
            ("v1.6.2", None, settings(Some(false), None), None),
            ("v1.8.0", None, settings(Some(true), Some(true)), Some("prefix_delegation")),
            ("v1.9.0", None, settings(None, Some(true)), None),
            ("v1.18.6-eksbuild.1", Some("1.20"), settings(None, None), Some("minimum_version")),
            ("latest", Some("1.20"), settings(None, None), None),
        ] {
            let minimum = minimum.map(|text| Version::parse(text).expect(text));
            let least = Least::of(minimum.as_ref(), &settings);
            let faults = too_old(&running(tag), least.as_ref(), "workshop", Owner::DaemonSet);
            let found = faults.0.first();
            assert_eq!(found.map(|fault| fault.path.to_string()).as_deref(), at, "{tag}");
            if let Some(fault) = found {
                for part in ["`workshop`", tag.trim_start_matches('v'), "amazon-k8s-cni:v"] {
                    assert!(fault.detail.contains(part), "{}", fault.detail);
                }
            }
        }
    }
}
