//! `ekshybrid_managed_instance`: a host registered with Systems Manager: its role, tags and deregistration.

use std::collections::BTreeMap;
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Model, Text as _, Timestamp};
use framework::note::{Note, Noted};
use framework::path::Path;
use framework::permission::Permissions;
use framework::resource::{Plan, Resource, State};

use crate::attributes::permissions::{ANY, MANAGED_INSTANCES, ROLES, aws};
use crate::attributes::run_command::ManagedInstanceId;
use crate::attributes::{Region, RoleName};
use crate::aws::ssm::{Client, Instance};
use crate::session::{Clients, Context, aws_region, explain, explain_at, planned_region, tags};

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// Id of the host: `mi-` and 17 hexadecimal digits.
    #[attr(replace)]
    pub instance_id: ManagedInstanceId,
    /// Name of the host's IAM role, including its path if it has one. Default: the current role, initially that of the
    /// activation. Destroy does not restore the former role.
    pub iam_role: Option<RoleName>,
    /// Tags to manage on the host, in addition to the provider's `default_tags`. Tags with other keys, such as those
    /// from the activation, are ignored.
    pub tags: Option<BTreeMap<String, String>>,
    /// Deregister the host on destroy, even if it is running; the plan warns about it. Default: false, which only
    /// removes the host from the state. A replacement that keeps `instance_id` never deregisters the host.
    #[attr(default = false)]
    pub deregister_on_destroy: bool,
    /// Region of the host. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Name of the host's IAM role.
    pub iam_role: RoleName,
    /// Ping status of the host's agent: `Online` or `ConnectionLost`.
    #[attr(keep)]
    pub ping_status: Option<String>,
    /// Version of the SSM agent on the host.
    #[attr(keep)]
    pub agent_version: Option<String>,
    /// IP address of the host, as reported by its agent.
    #[attr(keep)]
    pub ip_address: Option<String>,
    /// Computer name of the host, as reported by its agent.
    #[attr(keep)]
    pub computer_name: Option<String>,
    /// Operating system, such as `Ubuntu`.
    #[attr(keep)]
    pub platform_name: Option<String>,
    /// Version of the operating system.
    #[attr(keep)]
    pub platform_version: Option<String>,
    /// Activation the host registered with.
    #[attr(keep)]
    pub activation_id: Option<String>,
    /// Registration time, in RFC 3339 format.
    #[attr(keep)]
    pub registration_date: Option<Timestamp>,
    /// Region of the host.
    #[attr(keep)]
    pub region: Region,
    /// All tags managed on the host, including the provider's `default_tags`.
    #[attr(keep)]
    pub tags_all: BTreeMap<String, String>,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// Id of the host: `mi-` and 17 hexadecimal digits.
    pub instance_id: ManagedInstanceId,
    /// Region of the host. Default: the provider's.
    pub region: Option<Region>,
}

/// The resource.
#[derive(Debug)]
pub enum ManagedInstance {}

impl Resource for ManagedInstance {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_managed_instance";
    const DESCRIPTION: &'static str = "\
A host that has registered with Systems Manager: the role that it gets, tags on it, and on request its deregistration \
on destroy.

Creating this resource registers nothing: a host registers itself with an `ekshybrid_activation`. The resource adopts \
a host that is registered, and fails when it is not. So a host cannot be in the apply that creates its machine; add it \
afterwards: list the hosts with `terraform query` or the data source `ekshybrid_managed_instances`, and name or import \
them by their ids.";
    const IMPORT_ID: &'static str = "the host's `mi-…` id, or `ID@REGION` for another region than the provider's";
    const PERMISSIONS: Permissions = &[&[
        aws(&["ssm:DescribeInstanceInformation"], ANY),
        aws(&["ssm:ListTagsForResource", "ssm:AddTagsToResource", "ssm:RemoveTagsFromResource"], MANAGED_INSTANCES),
        aws(&["ssm:UpdateManagedInstanceRole"], MANAGED_INSTANCES).when("`iam_role` is set"),
        aws(&["iam:PassRole"], ROLES).only_if("iam:PassedToService", "ssm.amazonaws.com").when("`iam_role` is set"),
        aws(&["ssm:DeregisterManagedInstance"], MANAGED_INSTANCES).when("`deregister_on_destroy` is set"),
    ]];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        tags::check(&args.tags, Args::NAMES.tags, faults);
    }

    async fn plan(plan: &mut Plan<Self>, cx: &Context) -> Result<()> {
        plan.outputs.tags_all = tags::planned_for(cx, &plan.args.tags)?;
        let region = planned_region(cx).await;
        plan.follow_default(
            Args::NAMES.region,
            region.as_ref(),
            |outputs| &outputs.region,
            |outputs| &mut outputs.region,
        );
        if let Some(prior) = &plan.prior
            && !plan.configures(Args::NAMES.iam_role)
        {
            plan.outputs.iam_role = Maybe::Known(prior.outputs.iam_role.clone());
        }
        note_plan(plan, cx);
        if let Some(prior) = &plan.prior
            && plan.is_replaced()
            && prior.args.deregister_on_destroy
            && plan.args.instance_id.known() != Some(&prior.args.instance_id)
        {
            cx.report(cut_off(prior));
        }
        Ok(())
    }

    async fn plan_delete(state: &State<Self>, cx: &Context) -> Result<()> {
        cx.forget(&STAYS);
        if state.args.deregister_on_destroy {
            cx.report(if deregisters(state, cx) { cut_off(state) } else { stays(state) });
        }
        Ok(())
    }

    async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
        let region = aws_region(args.region.as_ref(), cx).await?;
        let client = ssm(&region, cx)?;
        let id = args.instance_id.as_str();
        let summary = "Could not adopt the managed instance";
        let failed = |error: crate::aws::Error| explain(summary, &error, None);
        let Some(found) = client.instance(id).await.map_err(failed)? else {
            return Err(Diagnostic::error(
                summary,
                format!("No host `{id}` is registered in {region}.\n\nCheck the id and the region; a host registers itself with an activation (`ekshybrid_activation`)."),
            )
            .at(Path::attribute(Args::NAMES.instance_id))
            .into());
        };
        let role = settle_role(&client, id, args.iam_role.as_ref(), &found).await?;
        let tags_all = tags::merged_for(cx, args.tags.as_ref())?;
        let changed = found.iam_role.as_deref() != Some(role.as_str());
        let left = changed.then(|| format!("The host has the role `{role}` now; its tags are not set."));
        let outputs = outputs(found, role, region, tags_all.clone());
        client.add_instance_tags(id, &tags_all).await.map_err(|error| explain(summary, &error, left.as_deref()))?;
        note_own(args.instance_id.as_str(), cx);
        Ok(outputs)
    }

    async fn read(identity: &Identity, prior: Option<&State<Self>>, cx: &Context) -> Result<Option<State<Self>>> {
        let region = aws_region(identity.region.as_ref(), cx).await?;
        let client = ssm(&region, cx)?;
        let id = identity.instance_id.as_str();
        let failed = |error: crate::aws::Error| explain("Could not read the managed instance", &error, None);
        let Some(found) = client.instance(id).await.map_err(failed)? else { return Ok(None) };
        note_own(id, cx);
        let prior_args = prior.map(|prior| &prior.args);
        let kept = tags::managed_for(cx, prior.map(|prior| prior.outputs.tags_all.clone()).unwrap_or_default())?;
        // Without managed tags there is nothing to compare, which saves one call per host.
        let found_tags =
            if kept.is_empty() { BTreeMap::new() } else { client.instance_tags(id).await.map_err(failed)? };
        let tags_all: BTreeMap<String, String> =
            found_tags.into_iter().filter(|(key, _)| kept.contains_key(key)).collect();
        let own = tags::own_for(cx, &tags_all, prior_args.and_then(|args| args.tags.as_ref()))?;
        let role = role_of(&found)?;
        Ok(Some(State {
            args: Args {
                instance_id: identity.instance_id.clone(),
                iam_role: Some(role.clone()),
                tags: own,
                deregister_on_destroy: prior_args.is_some_and(|args| args.deregister_on_destroy),
                region: Some(region.clone()),
            },
            outputs: outputs(found, role, region, tags_all),
        }))
    }

    async fn update(prior: &State<Self>, args: &Args, cx: &Context) -> Result<Outputs> {
        let region = prior.outputs.region.clone();
        let client = ssm(&region, cx)?;
        let id = args.instance_id.as_str();
        let failed = |error: crate::aws::Error| explain("Could not change the managed instance", &error, None);
        let wanted = tags::merged_for(cx, args.tags.as_ref())?;
        let mut outputs = prior.outputs.clone();
        if let Some(role) = &args.iam_role
            && *role != prior.outputs.iam_role
        {
            client.update_instance_role(id, role.as_str()).await.map_err(|error| role_refused(role, &error))?;
            outputs.iam_role = role.clone();
            cx.save(&outputs);
        }
        let gone = tags::dropped_for(cx, &prior.outputs.tags_all, &wanted)?;
        client.remove_instance_tags(id, &gone).await.map_err(failed)?;
        client.add_instance_tags(id, &wanted).await.map_err(failed)?;
        outputs.tags_all = wanted;
        Ok(outputs)
    }

    async fn delete(state: &State<Self>, cx: &Context) -> Result<()> {
        let id = state.args.instance_id.as_str();
        if !state.args.deregister_on_destroy {
            tracing::info!(instance = id, "the host stays registered and is only removed from the state");
            return Ok(());
        }
        if !deregisters(state, cx) {
            cx.report(stays(state));
            return Ok(());
        }
        let client = ssm(&state.outputs.region, cx)?;
        client.deregister_instance(id).await.map(|_| ()).map_err(|error| {
            explain("Could not deregister the managed instance", &error, Some("It is still recorded in the state."))
        })
    }
}

/// Private note: the host of this state. Without it, the reason for a deletion is unknown.
const OWN: Note<String> = Note::named("instance");
/// Private note of a plan that replaces the object and adopts the same host again: the deletion keeps the host
/// registered.
const STAYS: Note<String> = Note::named("stays");

/// How long a host must be silent to count as forgotten: long enough for an offline site to be back.
pub const SILENT_FOR: Duration = Duration::from_hours(30 * 24);

/// Notes the host that this state describes.
fn note_own(id: &str, cx: &Context) {
    cx.note(&OWN, &id.to_owned());
    // A replacement that failed halfway may have left its plan's note.
    cx.forget(&STAYS);
}

/// Terraform plans the create step of a replacement without the prior state but with the old object's notes, and passes
/// the plan's notes to the delete step.
fn note_plan(plan: &Plan<ManagedInstance>, cx: &Context) {
    cx.forget(&STAYS);
    if plan.is_create()
        && let Noted::Says(own) = cx.noted(&OWN)
        && plan.args.instance_id.known().is_none_or(|id| id.as_str() == own)
    {
        cx.note(&STAYS, &own);
    }
}

/// Whether the deletion deregisters the host: only if the notes confirm that this very host is to be removed. A tainted
/// object is deleted without notes, and its host is most likely adopted again.
fn deregisters(state: &State<ManagedInstance>, cx: &Context) -> bool {
    let id = state.args.instance_id.as_str();
    state.args.deregister_on_destroy && cx.noted(&OWN).is(id) && !cx.noted(&STAYS).is(id)
}

/// The plan's warning about a deregistration.
fn cut_off(state: &State<ManagedInstance>) -> Diagnostic {
    let Outputs { computer_name, ping_status, region, .. } = &state.outputs;
    let name = computer_name.as_deref().filter(|name| !name.is_empty());
    let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
    let status = ping_status.as_deref().map(|status| format!(", whose ping status is {status},")).unwrap_or_default();
    Diagnostic::warning(
        "Host is deregistered",
        format!(
            "Host `{}`{name} in {region}{status} is deregistered from Systems Manager and loses its AWS credentials. If it is a hybrid node, the node stops working within an hour, and the host registers again only with a new activation.\n\nTo keep it, set `deregister_on_destroy = false` and apply before you destroy.",
            state.args.instance_id.as_str()
        ),
    )
}

/// Warning about a host that is not deregistered although `deregister_on_destroy` is set.
fn stays(state: &State<ManagedInstance>) -> Diagnostic {
    Diagnostic::warning(
        "Host stays registered",
        format!(
            "Host `{}` stays registered in spite of `deregister_on_destroy`: it is not known whether the object is destroyed or replaced, because it is tainted or its state was not refreshed. The action `ekshybrid_deregister_instance` deregisters it.",
            state.args.instance_id.as_str()
        ),
    )
}

fn ssm(region: &Region, cx: &Context) -> Result<Client> {
    Ok(cx.clients()?.aws()?.ssm(Some(region.as_str())))
}

async fn settle_role(client: &Client, id: &str, wanted: Option<&RoleName>, found: &Instance) -> Result<RoleName> {
    match wanted {
        Some(wanted) if found.iam_role.as_deref() != Some(wanted.as_str()) => {
            client.update_instance_role(id, wanted.as_str()).await.map_err(|error| role_refused(wanted, &error))?;
            Ok(wanted.clone())
        }
        _ => role_of(found),
    }
}

fn role_refused(role: &RoleName, error: &crate::aws::Error) -> Diagnostics {
    let diagnostics = explain_at(Args::NAMES.iam_role, "Could not change the role of the managed instance", error);
    if matches!(error.kind(), crate::aws::Kind::Validation) {
        return diagnostics.remedy(format!(
            "Check that the role `{role}` exists in this account, with its path when it has one, and that its trust policy lets `ssm.amazonaws.com` assume it. A role that was made just now may need a minute until Systems Manager knows it."
        ));
    }
    diagnostics
}

fn role_of(found: &Instance) -> Result<RoleName> {
    RoleName::parse(found.iam_role.as_deref().unwrap_or_default()).map_err(|why| {
        Diagnostic::error(
            "Could not read the managed instance",
            format!("AWS describes `{}` with an unexpected role: {why}", found.id),
        )
        .into()
    })
}

/// The state of a listed host: without tags, since none are managed on it yet.
///
/// # Errors
/// If AWS describes the host in a way that cannot be represented.
pub fn listed(found: Instance, identity: &Identity, region: Region) -> Result<State<ManagedInstance>> {
    let role = role_of(&found)?;
    Ok(State {
        args: Args {
            instance_id: identity.instance_id.clone(),
            iam_role: Some(role.clone()),
            tags: None,
            deregister_on_destroy: false,
            region: Some(region.clone()),
        },
        outputs: outputs(found, role, region, BTreeMap::new()),
    })
}

fn outputs(found: Instance, iam_role: RoleName, region: Region, tags_all: BTreeMap<String, String>) -> Outputs {
    Outputs {
        iam_role,
        ping_status: found.ping_status,
        agent_version: found.agent_version,
        ip_address: found.ip_address,
        computer_name: found.computer_name,
        platform_name: found.platform_name,
        platform_version: found.platform_version,
        activation_id: found.activation_id,
        registration_date: found.registration_date.map(Timestamp::from),
        region,
        tags_all,
    }
}
