//! Creates and deletes a local cluster.
//!
//! | creation, step by step | when the step fails |
//! |---|---|
//! | ask EKS to create the cluster | nothing was created; after a lost response, the cluster is looked up and recorded |
//! | save it | |
//! | wait until it is active | it is in the state, tainted; the message names its health issues |
//! | read the addresses of its control plane | a warning: the next read looks again |
//! | grant the administrators access | a warning: the cluster is kept, and the next plan shows who lacks access |
//!
//! | removal, step by step | when the step fails |
//! |---|---|
//! | wait until EKS neither creates nor changes it | it stays in the state; another destroy continues |
//! | ask EKS to delete it | it stays in the state; another destroy continues |
//! | wait until it is gone | it stays in the state; another destroy continues |

pub(super) mod admins;
pub(super) mod change;
mod status;

use std::time::{Duration, Instant};

use framework::diagnostic::{Diagnostic, Diagnostics, Result, Severity};
use framework::model::Text;
use framework::path::Path;
use framework::resource::State;
use framework::wait::{self, Seen, Wait};

use super::{Args, Mode, OutpostCluster, Outputs, place_of, read};
use crate::aws::eks::{Cluster, LocalClusterSpec, Outpost};
use crate::aws::{self, Kind};
use crate::session::place::{Place, SETTLE_TIMEOUT};
use crate::session::{Context, aws_region, explain, tags};

const NOT_CREATED: &str = "Could not create the local cluster";
const NOT_DELETED: &str = "Could not delete the local cluster";
/// How long the control plane may take. Source: EKS creates and updates local clusters in 20 to 40 minutes.
const CREATE_TIMEOUT: Duration = Duration::from_hours(1);
const DELETE_TIMEOUT: Duration = Duration::from_mins(30);
/// How long a new role may take to become visible to EKS.
const ROLE_TIMEOUT: Duration = Duration::from_mins(2);

pub(super) async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
    let region = aws_region(args.region.as_ref(), cx).await?;
    let place = Place { cluster: args.name.clone(), region };
    let spec = spec(args, cx)?;
    let created = begin(&spec, args, &place, cx).await?;
    cx.save(&read::without_addresses(&created, spec.tags.clone(), &place));
    let found = status::active(&place, CREATE_TIMEOUT, cx).await?;
    let outputs = match read::outputs(&found, spec.tags.clone(), &place, cx).await {
        Ok(outputs) => outputs,
        Err(why) => {
            warn(why, "The next read looks again.", cx);
            read::without_addresses(&found, spec.tags, &place)
        }
    };
    cx.save(&outputs);
    if let Some(wanted) = &args.admins {
        let failed = admins::grant(wanted, &found, &place, cx).await;
        warn(failed, "The next plan shows who lacks access; apply again once the cause is removed.", cx);
    }
    Ok(outputs)
}

/// Reports what failed once the cluster was active. EKS has taken half an hour for it: an error would taint it, and the
/// next apply would replace it.
fn warn(failed: Diagnostics, remedy: &str, cx: &Context) {
    for diagnostic in failed.0 {
        cx.report(Diagnostic { severity: Severity::Warning, ..diagnostic }.remedy(remedy));
    }
}

fn spec(args: &Args, cx: &Context) -> Result<LocalClusterSpec> {
    let texts = |text: Option<&str>| text.map(str::to_owned);
    let has_etcd = args.etcd_instance_type.is_some();
    let mode = args.authentication_mode.clone().unwrap_or_else(|| Mode::preset(has_etcd));
    Ok(LocalClusterSpec {
        name: args.name.as_str().to_owned(),
        role_arn: args.role_arn.as_str().to_owned(),
        version: texts(args.version.as_ref().map(Text::text)),
        subnet_ids: args.subnet_ids.iter().map(|id| id.as_str().to_owned()).collect(),
        security_group_ids: args.security_group_ids.iter().flatten().map(|id| id.as_str().to_owned()).collect(),
        endpoint_public_access: args.endpoint_public_access,
        service_ipv4_cidr: texts(args.service_ipv4_cidr.as_ref().map(Text::text)),
        remote_node_networks: args.remote_node_networks.iter().flatten().map(|it| it.as_str().to_owned()).collect(),
        remote_pod_networks: args.remote_pod_networks.iter().flatten().map(|it| it.as_str().to_owned()).collect(),
        authentication_mode: mode.as_str().to_owned(),
        bootstrap_admin: args.bootstrap_cluster_creator_admin_permissions,
        outpost: Outpost {
            arns: vec![args.outpost_arn.as_str().to_owned()],
            control_plane_instance_type: args.control_plane_instance_type.as_str().to_owned(),
            control_plane_placement_group: args.control_plane_placement_group.clone(),
            control_plane_spread_level: texts(args.control_plane_spread_level.as_ref().map(Text::text)),
            etcd_instance_type: texts(args.etcd_instance_type.as_ref().map(Text::text)),
            etcd_spread_level: texts(args.etcd_spread_level.as_ref().map(Text::text)),
        },
        log_types: args.enabled_log_types.iter().flatten().map(|kind| kind.as_str().to_owned()).collect(),
        deletion_protection: args.deletion_protection,
        tags: tags::merged_for(cx, args.tags.as_ref())?,
        request_token: format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)),
    })
}

/// Asks EKS to create the cluster, and again while it does not know the role yet.
async fn begin(spec: &LocalClusterSpec, args: &Args, place: &Place, cx: &Context) -> Result<Cluster> {
    let eks = place.eks(cx)?;
    let known_by = Instant::now() + cx.time_left(ROLE_TIMEOUT).min(ROLE_TIMEOUT);
    let wait = Wait {
        what: format!("EKS to know the role `{}`", args.role_arn),
        timeout: Duration::MAX,
        interval: Duration::from_secs(2),
        max_interval: Duration::from_secs(10),
    };
    let attempt = || async {
        match eks.create_local_cluster(spec).await {
            Ok(cluster) => Ok(Seen::Done(cluster)),
            Err(error) if is_unknown_role(&error) && Instant::now() < known_by => {
                Ok(Seen::Pending(error.message().unwrap_or_default().to_owned()))
            }
            Err(error) => begun_after_all(spec, args, place, &error, cx).await.map(Seen::Done),
        }
    };
    wait::until(cx, &wait, attempt).await
}

/// Whether EKS says that it cannot assume the role. Right after the role is created, that means "not yet".
fn is_unknown_role(error: &aws::Error) -> bool {
    error.code() == Some("InvalidParameterException")
        && error.message().is_some_and(|text| text.contains("could not be assumed"))
}

/// What a failed request may have created nevertheless: the cluster with the request's token.
async fn begun_after_all(
    spec: &LocalClusterSpec,
    args: &Args,
    place: &Place,
    error: &aws::Error,
    cx: &Context,
) -> Result<Cluster> {
    let is_repeated = matches!(error.kind(), Kind::InUse) && error.attempts() > 1;
    if !error.may_exist() && !is_repeated {
        return Err(not_created(args, place, error));
    }
    let look = async { Ok::<_, Diagnostics>(place.eks_to_settle(cx)?.describe_cluster(&spec.name).await) };
    match tokio::time::timeout(SETTLE_TIMEOUT, look).await {
        Ok(Ok(Ok(found))) if found.request_token.as_deref() == Some(&spec.request_token) => {
            // A stop ends the wait that follows, with the cluster in the state.
            cx.save(&read::without_addresses(&found, spec.tags.clone(), place));
            Ok(found)
        }
        Ok(Ok(Ok(_))) => Err(exists(args, place, error)),
        Ok(Ok(Err(absent))) if absent.is_not_found() => {
            Err(explain(NOT_CREATED, error, Some("The cluster does not exist; nothing was created.")))
        }
        Ok(Ok(Err(_)) | Err(_)) | Err(_) => Err(explain(
            NOT_CREATED,
            error,
            Some(&format!(
                "Whether {place} was created is not known, and it is not recorded in the state. If it exists and nobody else created it, import it: `terraform import ekshybrid_outpost_cluster.NAME {}@{}`.",
                place.cluster, place.region
            )),
        )),
    }
}

fn exists(args: &Args, place: &Place, error: &aws::Error) -> Diagnostics {
    Diagnostic::error("A cluster of this name exists already", format!("{error}."))
        .left(format!("{place} was not created here and is not touched.").replacen("cluster", "Cluster", 1))
        .remedy(format!(
            "Choose another name, or manage the existing cluster here if it is a local cluster: `terraform import ekshybrid_outpost_cluster.NAME {}@{}`.",
            args.name, place.region
        ))
        .at(Path::attribute(Args::NAMES.name))
        .into()
}

fn not_created(args: &Args, place: &Place, error: &aws::Error) -> Diagnostics {
    let left = "Nothing was created.";
    if matches!(error.kind(), Kind::InUse) {
        return exists(args, place, error);
    }
    if is_unknown_role(error) {
        let trusted = if args.etcd_instance_type.is_some() { "eks.amazonaws.com" } else { "ec2.amazonaws.com" };
        return Diagnostic::error(NOT_CREATED, format!("{error}."))
            .left(left)
            .remedy(format!(
                "Check that the role `{}` exists, and that its trust policy lets `{trusted}` assume it, as this architecture requires.",
                args.role_arn
            ))
            .at(Path::attribute(Args::NAMES.role_arn))
            .into();
    }
    explain(NOT_CREATED, error, Some(left))
}

pub(super) async fn delete(state: &State<OutpostCluster>, cx: &Context) -> Result<()> {
    let place = place_of(state);
    let eks = place.eks(cx)?;
    let name = place.cluster.as_str();
    let wait = Wait {
        what: format!("{place} to be deleted"),
        timeout: cx.time_left(DELETE_TIMEOUT),
        interval: Duration::from_secs(1),
        max_interval: Duration::from_secs(20),
    };
    let look = || async {
        let found = match eks.describe_cluster(name).await {
            Ok(found) => found,
            Err(error) if error.is_not_found() => return Ok(Seen::Done(())),
            Err(error) => return Err(explain(NOT_DELETED, &error, Some("It is still recorded in the state."))),
        };
        if let (Some(own), Some(id)) = (&state.outputs.cluster_id, &found.id)
            && own != id
        {
            // The recorded one is gone, and somebody else has used the name.
            return Ok(Seen::Done(()));
        }
        if found.status == "ACTIVE" || found.status == "FAILED" {
            match eks.delete_cluster(name).await {
                Ok(()) => return Ok(Seen::Pending("its deletion has begun".to_owned())),
                // EKS has just begun to change it.
                Err(error) if matches!(error.kind(), Kind::InUse) && is_passing(&error) => {
                    return Ok(Seen::Pending(error.message().unwrap_or_default().to_owned()));
                }
                Err(error) => return Err(not_deleted(state, &error)),
            }
        }
        Ok(Seen::Pending(format!("its status is {}", found.status)))
    };
    wait::until(cx, &wait, look).await
}

/// Whether EKS refuses because of the cluster's own status, which passes.
fn is_passing(error: &aws::Error) -> bool {
    error.message().is_some_and(|text| text.contains("status"))
}

fn not_deleted(state: &State<OutpostCluster>, error: &aws::Error) -> Diagnostics {
    let left = "The cluster exists and is still recorded in the state.";
    if error.message().is_some_and(|text| text.contains("deletion protection")) {
        return Diagnostic::error("Cluster is protected from deletion", format!("{error}."))
            .left(left)
            .remedy(format!(
                "Turn off the deletion protection of `{}` (`deletion_protection = false`) and apply before you destroy or replace it.",
                state.args.name
            ))
            .at(Path::attribute(Args::NAMES.deletion_protection))
            .into();
    }
    explain(NOT_DELETED, error, Some(left))
}
