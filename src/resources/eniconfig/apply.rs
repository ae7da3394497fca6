//! Creates, updates and deletes an ENIConfig: one request each, once the cluster serves the kind.

use std::time::Duration;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::Text;
use framework::path::Path;
use framework::resource::State;
use framework::wait::{self, Seen, Wait};
use serde_json::Value as Json;

use super::plan::networks::{Networks, Question};
use super::read::object;
use super::{Args, EniConfig, Outputs, notes};
use crate::attributes::ObjectName;
use crate::kube::{self, Client, FIELD_MANAGER, Kind, Resource as ObjectKind};
use crate::session::Context;
use crate::session::cluster::{Connection, connect, reach_to_remove, settle};
use crate::session::explain::{explain_kube, explained};
use crate::session::place::Place;

/// How long to wait for the kind by default: for a cluster created in the same apply, the VPC CNI is installed a
/// little later.
const KIND_TIMEOUT: Duration = Duration::from_mins(10);
/// How long to wait for a deletion by default. Only a finalizer added by others takes time.
const DELETE_TIMEOUT: Duration = Duration::from_mins(5);

pub(super) async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
    let summary = "Could not make the ENIConfig";
    let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
    let client = connect(&place.cluster, Some(&place.region), cx).await?;
    let outputs = resolve(args, None, &place, cx).await?;
    if let Some(existing) = existing(&client, &outputs.name, cx).await? {
        return Err(exists(&existing, &outputs));
    }
    let object = written(args, &outputs);
    if let Err(error) = client.apply(&ObjectKind::ENI_CONFIG, None, &object, false).await {
        let uncertain = matches!(
            error.kind(),
            Kind::AnswerLost { .. } | Kind::Cancelled { may_exist: true } | Kind::Unreachable { .. }
        );
        let mut left_behind = None;
        if uncertain {
            let look = async |client: Client| client.get(&ObjectKind::ENI_CONFIG, None, outputs.name.as_str()).await;
            match settle(&client, look).await {
                Some(Some(found)) if object::is_written(&found, &object) => return Ok(outputs),
                Some(None) => {
                    left_behind = Some(format!("There is no ENIConfig `{}`; nothing was created.", outputs.name));
                }
                Some(Some(found)) => return Err(exists(&found, &outputs)),
                None => {
                    cx.save(&outputs);
                    left_behind = Some(format!(
                        "Whether ENIConfig `{}` was created is not known; the next plan looks.",
                        outputs.name
                    ));
                }
            }
        }
        return Err(explain_kube(summary, &error, left_behind.as_deref(), cx).await);
    }
    Ok(outputs)
}

pub(super) async fn update(prior: &State<EniConfig>, args: &Args, cx: &Context) -> Result<Outputs> {
    let place = Place { cluster: prior.outputs.cluster_name.clone(), region: prior.outputs.region.clone() };
    let client = connect(&place.cluster, Some(&place.region), cx).await?;
    let outputs = resolve(args, Some(&prior.outputs), &place, cx).await?;
    let object = written(args, &outputs);
    let summary = "Could not change the ENIConfig";
    let Err(error) = client.apply(&ObjectKind::ENI_CONFIG, None, &object, false).await else { return Ok(outputs) };
    if let Kind::FieldConflict(conflicts) = error.kind() {
        let now = existing(&client, &outputs.name, cx).await?.unwrap_or_default();
        let others = notes::with_others(conflicts, cx);
        if others.is_empty() || object::are_by_hand(&others, &now) {
            tracing::info!(name = %outputs.name, "overwriting manual changes and handed-over fields: {}", error.kind());
            let applied = client.apply(&ObjectKind::ENI_CONFIG, None, &object, true).await;
            return explained(applied, summary, None, cx).await.map(|_| outputs);
        }
    }
    Err(explain_kube(summary, &error, None, cx).await)
}

pub(super) async fn delete(state: &State<EniConfig>, cx: &Context) -> Result<()> {
    let summary = "Could not remove the ENIConfig";
    let Outputs { cluster_name, name, region, .. } = &state.outputs;
    let place = Place { cluster: cluster_name.clone(), region: region.clone() };
    let client = match reach_to_remove(&place.cluster, Some(&place.region), cx).await? {
        Connection::Open(client) => client,
        Connection::Gone => return Ok(()),
        Connection::Unknown(why) => return Err(why),
    };
    match client.delete(&ObjectKind::ENI_CONFIG, None, name.as_str()).await {
        Ok(false) => return Ok(()),
        Ok(true) => {}
        Err(error) if error.is_unreachable() && place.is_being_deleted(cx).await => {
            tracing::info!(cluster = %place.cluster, "the cluster is being deleted, and the ENIConfig with it");
            return Ok(());
        }
        Err(error) => {
            let left = "It is still recorded in the state; the next plan shows whether it exists.";
            return Err(explain_kube(summary, &error, Some(left), cx).await);
        }
    }
    let wait = Wait {
        what: format!("ENIConfig `{name}` of cluster `{cluster_name}` to be gone"),
        timeout: cx.time_left(DELETE_TIMEOUT),
        interval: Duration::from_millis(500),
        max_interval: Duration::from_secs(5),
    };
    wait::until(cx, &wait, || async {
        let found = match client.get(&ObjectKind::ENI_CONFIG, None, name.as_str()).await {
            Err(error) if error.is_not_found() => None,
            other => explained(other, summary, None, cx).await?,
        };
        Ok(found.map_or(Seen::Done(()), |object| {
            let finalizers = object["metadata"]["finalizers"].clone();
            Seen::Pending(format!("it is being deleted and waits for its finalizers {finalizers}"))
        }))
    })
    .await
}

/// Resolves and checks everything that the arguments leave open. `prior` is what an update keeps.
async fn resolve(args: &Args, prior: Option<&Outputs>, place: &Place, cx: &Context) -> Result<Outputs> {
    let question = Question {
        cluster: Some(&place.cluster),
        region: Some(&place.region),
        subnet: Some(&args.subnet_id),
        groups: args.security_group_ids.as_ref(),
        name: args.name.as_ref(),
    };
    let networks = Networks::look_patiently(question, cx).await?;
    let mut faults = networks.faults(question);
    let subnet = networks.subnet.there();
    let zone = subnet.map(|subnet| subnet.availability_zone.as_str());
    let name = match (&args.name, prior, zone.map(ObjectName::parse)) {
        (Some(name), ..) => Some(name.clone()),
        (None, Some(prior), Some(Ok(zone))) if zone != prior.name => {
            faults.push(
                Diagnostic::error(
                    "Subnet is in another zone than before",
                    format!(
                        "Subnet `{}`, which the plan did not know yet, is in `{zone}`, but the ENIConfig is named `{}` after the zone of the subnet before.\n\nApply again: the plan then makes a new one.",
                        args.subnet_id, prior.name
                    ),
                )
                .at(Path::attribute(Args::NAMES.subnet_id)),
            );
            None
        }
        (None, Some(prior), _) => Some(prior.name.clone()),
        (None, None, Some(Ok(zone))) => Some(zone),
        (None, None, _) => {
            if !faults.has_errors() {
                faults.push(left_open(Args::NAMES.name, "the zone of the subnet", "ec2:DescribeSubnets"));
            }
            None
        }
    };
    let groups = match (&args.security_group_ids, networks.default_groups(), prior) {
        (Some(groups), ..) => Some(groups.clone()),
        (None, Some(groups), _) => Some(groups),
        (None, None, Some(prior)) => Some(prior.security_group_ids.clone()),
        (None, None, None) => {
            faults.push(left_open(
                Args::NAMES.security_group_ids,
                "the cluster's security group",
                "eks:DescribeCluster",
            ));
            None
        }
    };
    match (name, groups) {
        (Some(name), Some(groups)) if !faults.has_errors() => Ok(Outputs {
            cluster_name: place.cluster.clone(),
            name,
            security_group_ids: groups,
            availability_zone: zone.map(str::to_owned),
            vpc_id: subnet.map(|subnet| subnet.vpc_id.clone()),
            region: place.region.clone(),
        }),
        _ => Err(faults),
    }
}

/// The object that already has this name, once the cluster serves the kind.
async fn existing(client: &Client, name: &ObjectName, cx: &Context) -> Result<Option<Json>> {
    let cluster = client.cluster();
    let wait = Wait {
        what: format!("cluster `{cluster}` to serve the kind ENIConfig"),
        timeout: cx.time_left(KIND_TIMEOUT),
        interval: Duration::from_millis(500),
        max_interval: Duration::from_secs(5),
    };
    wait::until(cx, &wait, || async {
        match client.get(&ObjectKind::ENI_CONFIG, None, name.as_str()).await {
            Err(error) if *error.kind() == Kind::NoSuchKind => Ok(Seen::Pending(
                "it has no CustomResourceDefinition `eniconfigs.crd.k8s.amazonaws.com`, which the VPC CNI brings: install the add-on `vpc-cni` (`aws_eks_addon`), or the VPC CNI's own manifest or chart".to_owned(),
            )),
            found => explained(found, "Could not look for the ENIConfig", None, cx).await.map(Seen::Done),
        }
    })
    .await
}

fn exists(existing: &Json, outputs: &Outputs) -> Diagnostics {
    let Outputs { cluster_name, name, region, .. } = outputs;
    let ours = !kube::owned_by(existing, FIELD_MANAGER).is_empty();
    let managers = object::managers(existing);
    let told: Vec<String> = managers.iter().map(|manager| format!("`{manager}`")).collect();
    let whose = if ours {
        "This provider created it, in another configuration or in a run that was cut off.".to_owned()
    } else if managers.iter().any(|manager| manager == "eks") {
        "EKS manages it (field manager `eks`): the configuration values of the add-on `vpc-cni` have it under `eniConfig`. Take it out there, or leave it to the add-on and out of this configuration.".to_owned()
    } else if told.is_empty() {
        String::new()
    } else {
        format!("Its fields are managed by {}.", told.join(", "))
    };
    Diagnostic::error(
        format!("ENIConfig `{name}` exists already"),
        format!(
            "Cluster `{cluster_name}` has an ENIConfig `{name}` with subnet `{}`. {whose}\n\nTo manage it here, import it: `terraform import ekshybrid_eniconfig.NAME '{cluster_name}/{name}@{region}'`. Otherwise use another `name`.",
            object::subnet(existing)
        ),
    )
    .at(Path::attribute(Args::NAMES.name))
    .into()
}

fn written(args: &Args, outputs: &Outputs) -> Json {
    object::written(&outputs.name, &args.subnet_id, &outputs.security_group_ids, args.labels.as_ref())
}

fn left_open(attribute: &str, what: &str, action: &str) -> Diagnostic {
    Diagnostic::error(
        format!("`{attribute}` is not known"),
        format!(
            "It is {what} when it is not set, and that could not be found out.\n\nSet `{attribute}`, or allow `{action}` in a policy of the caller."
        ),
    )
    .at(Path::attribute(attribute))
}
