//! `ekshybrid_eniconfig`: the subnet and security groups of the pods' network interfaces in one zone.
//!
//! A plan asks AWS only, and never the cluster: neither the cluster nor the VPC CNI need exist yet.

mod networks;
mod object;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Model, Text};
use framework::path::Path;
use framework::resource::{Plan, Resource, State};
use framework::wait::{self, Seen, Wait};
use serde_json::Value as Json;

use self::networks::{Answer, Networks, Question};
use crate::attributes::{ChangeTimeouts, ClusterName, ObjectName, Region, SecurityGroupId, SubnetId, labels};
use crate::kube::{self, Client, FIELD_MANAGER, Kind, Resource as ObjectKind};
use crate::session::cluster::{Connection, connect, reach, reach_to_remove, settle, warn_of_near_name};
use crate::session::explain::{explain_kube, explained};
use crate::session::place::{Place, PlannedPlace, placed};
use crate::session::{Clients, Context};

/// How long the kind is waited for when nothing is said: with a cluster that is made in the same apply, the VPC CNI
/// comes a little later.
const KIND_TIMEOUT: Duration = Duration::from_mins(10);
/// How long a removal is waited for when nothing is said. Only a finalizer that somebody added takes time.
const DELETE_TIMEOUT: Duration = Duration::from_mins(5);

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    #[attr(replace)]
    pub cluster_name: Option<ClusterName>,
    /// Subnet of the pods' network interfaces, in the VPC of the cluster. It may be in a secondary CIDR.
    pub subnet_id: SubnetId,
    /// Name of the ENIConfig. Nodes choose theirs by this name, mostly by the label `topology.kubernetes.io/zone`.
    /// Default: the subnet's zone, such as `us-west-2a`.
    #[attr(replace)]
    pub name: Option<ObjectName>,
    /// Security groups of the interfaces, in the VPC of the cluster. Default: the cluster's security group, which EKS
    /// attaches to the nodes of managed node groups without a launch template. `[]` means the node's own groups (VPC CNI
    /// 1.8 or later). Where nodes have a group of their own, as with the module terraform-aws-modules/eks, set `[]` or
    /// that group (`module.NAME.node_security_group_id`): pods in the cluster's group are not reached by what that
    /// module's rules allow.
    pub security_group_ids: Option<BTreeSet<SecurityGroupId>>,
    /// Labels to keep on the object. Labels that others set are left alone.
    pub labels: Option<BTreeMap<String, String>>,
    /// Region of the cluster. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
    /// How long operations may take. `create` covers the wait for the cluster (default: 30 minutes while EKS makes it,
    /// 5 while EKS does not know it) and for the VPC CNI to bring the kind ENIConfig (default: `10m`). `update` is the
    /// same for changes. `delete` is for finalizers that somebody added; default: `5m`.
    pub timeouts: Option<ChangeTimeouts>,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Name of the cluster.
    #[attr(keep)]
    pub cluster_name: ClusterName,
    /// Name of the ENIConfig.
    #[attr(keep)]
    pub name: ObjectName,
    /// Security groups of the interfaces.
    #[attr(keep)]
    pub security_group_ids: BTreeSet<SecurityGroupId>,
    /// Availability zone of the subnet. Null when the caller may not look at the subnet.
    #[attr(keep)]
    pub availability_zone: Option<String>,
    /// VPC of the subnet. Null when the caller may not look at the subnet.
    #[attr(keep)]
    pub vpc_id: Option<String>,
    /// Region of the cluster.
    #[attr(keep)]
    pub region: Region,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// EKS cluster.
    pub cluster_name: ClusterName,
    /// Name of the ENIConfig.
    pub name: ObjectName,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

/// The resource.
#[derive(Debug)]
pub enum EniConfig {}

placed!(EniConfig);

impl Resource for EniConfig {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_eniconfig";
    const DESCRIPTION: &'static str = "\
An ENIConfig of the Amazon VPC CNI: the subnet and the security groups of the pods' network interfaces on the nodes \
that choose it, mostly one for each zone. For IPv4 clusters.

A plan needs neither the cluster nor its API: what is known is checked with AWS (the subnet's VPC and zone, the \
security groups). The apply waits until the cluster is active and the VPC CNI has brought the kind ENIConfig.

Nodes look for their ENIConfig when the VPC CNI starts on them, so make ENIConfigs before custom networking is switched \
on, and both before the nodes; `ekshybrid_vpc_cni` switches it on. A change of the subnet or the security groups counts \
for interfaces that are made after it.

An object of the same name that exists already is never taken over, but can be imported. A change that somebody made by \
hand (`kubectl edit`) is shown by the plan and taken back by the apply; a field that another declarative manager owns, \
such as the VPC CNI's add-on, is left to it, with an error that names the manager.

When the add-on vpc-cni is deleted, EKS deletes the kind ENIConfig, and every ENIConfig with it: update the add-on instead \
of replacing it.";
    const IMPORT_ID: &'static str = "`CLUSTER/NAME`, or `CLUSTER/NAME@REGION` for another region than the provider's";

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        labels::check(&args.labels, Args::NAMES.labels, faults);
    }

    async fn plan(plan: &mut Plan<Self>, cx: &Context) -> Result<()> {
        let place = PlannedPlace::plan(plan, cx).await?;
        let moves = plan.changes(Args::NAMES.subnet_id);
        let default_groups = !plan.configures(Args::NAMES.security_group_ids);
        let question = Question {
            region: place.region.as_ref(),
            // A subnet that stays has been looked at before.
            subnet: plan.args.subnet_id.known().filter(|_| moves),
            groups: plan
                .args
                .security_group_ids
                .set()
                .filter(|_| !default_groups && plan.changes(Args::NAMES.security_group_ids)),
            name: plan.args.name.set().filter(|_| plan.configures(Args::NAMES.name)),
            cluster: place.cluster.as_ref().filter(|_| default_groups || plan.has_changes()),
        };
        let networks = Networks::look(question, cx).await?;
        let faults = networks.faults(question);
        if let (Answer::Absent, Some(cluster)) = (&networks.cluster, &place.cluster) {
            warn_of_near_name(cluster, place.region.as_ref(), cx).await;
        }
        if moves {
            let known = |part: Option<String>| part.map_or(Maybe::Unknown, |part| Maybe::Known(Some(part)));
            let subnet = networks.subnet.there();
            let zone = subnet.map(|subnet| subnet.availability_zone.clone());
            if let Some(Ok(name)) = zone.as_deref().map(ObjectName::parse)
                && !plan.configures(Args::NAMES.name)
            {
                if plan.prior.as_ref().is_some_and(|prior| prior.outputs.name != name) {
                    plan.replace(Args::NAMES.name);
                }
                plan.outputs.name = Maybe::Known(name);
            }
            plan.outputs.vpc_id = known(subnet.map(|subnet| subnet.vpc_id.clone()));
            plan.outputs.availability_zone = known(zone);
        }
        if let Some(groups) = networks.default_groups().filter(|_| default_groups) {
            plan.outputs.security_group_ids = Maybe::Known(groups);
        }
        for warning in networks.foreign_groups() {
            cx.report(warning);
        }
        if moves {
            networks.warn_of_zone(place.region.as_ref(), cx).await;
        }
        if default_groups && (plan.is_create() || plan.is_replaced()) {
            networks.warn_of_groups(cx);
        }
        if faults.has_errors() { Err(faults) } else { Ok(()) }
    }

    async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
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
                let look =
                    async |client: Client| client.get(&ObjectKind::ENI_CONFIG, None, outputs.name.as_str()).await;
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

    async fn read(identity: &Identity, prior: Option<&State<Self>>, cx: &Context) -> Result<Option<State<Self>>> {
        let summary = "Could not read the ENIConfig";
        let place = Place::of(Some(&identity.cluster_name), identity.region.as_ref(), cx).await?;
        let client = match reach(&place.cluster, Some(&place.region), cx).await? {
            Connection::Open(client) => client,
            Connection::Gone => return Ok(None),
            Connection::Unknown(why) => return prior.cloned().map(Some).ok_or(why),
        };
        let object = match client.listed(&ObjectKind::ENI_CONFIG, identity.name.as_str()).await {
            Ok(Some(object)) => object,
            Ok(None) => return Ok(None),
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) if error.is_unreachable() && place.is_being_deleted(cx).await => return Ok(None),
            Err(error) => return Err(explain_kube(summary, &error, None, cx).await),
        };
        state(&object, prior, place, cx).await.map(Some)
    }

    async fn update(prior: &State<Self>, args: &Args, cx: &Context) -> Result<Outputs> {
        let place = Place { cluster: prior.outputs.cluster_name.clone(), region: prior.outputs.region.clone() };
        let client = connect(&place.cluster, Some(&place.region), cx).await?;
        let outputs = resolve(args, Some(&prior.outputs), &place, cx).await?;
        let object = written(args, &outputs);
        let summary = "Could not change the ENIConfig";
        let Err(error) = client.apply(&ObjectKind::ENI_CONFIG, None, &object, false).await else { return Ok(outputs) };
        if let Kind::FieldConflict(conflicts) = error.kind() {
            let now = existing(&client, &outputs.name, cx).await?.unwrap_or_default();
            if object::are_by_hand(conflicts, &now) {
                tracing::info!(name = %outputs.name, "taking back what was changed by hand: {}", error.kind());
                let applied = client.apply(&ObjectKind::ENI_CONFIG, None, &object, true).await;
                return explained(applied, summary, None, cx).await.map(|_| outputs);
            }
        }
        Err(explain_kube(summary, &error, None, cx).await)
    }

    async fn delete(state: &State<Self>, cx: &Context) -> Result<()> {
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
}

/// What an object in a cluster is to Terraform. `prior` is what is recorded of it.
///
/// # Errors
/// When AWS cannot be asked about the subnet, other than for want of permission.
pub async fn state(
    object: &Json,
    prior: Option<&State<EniConfig>>,
    place: Place,
    cx: &Context,
) -> Result<State<EniConfig>> {
    let subnet_id = object::subnet(object);
    let (availability_zone, vpc_id) = match prior {
        Some(prior) if prior.args.subnet_id == subnet_id && prior.outputs.vpc_id.is_some() => {
            (prior.outputs.availability_zone.clone(), prior.outputs.vpc_id.clone())
        }
        _ => {
            let question = Question { region: Some(&place.region), subnet: Some(&subnet_id), ..Question::default() };
            let subnet = Networks::look(question, cx).await?.subnet.there().cloned();
            subnet.map(|subnet| (subnet.availability_zone, subnet.vpc_id)).unzip()
        }
    };
    // What the API server holds has passed its rule for names, which is the same.
    let name = ObjectName::parse(kube::name(object)).map_err(Diagnostic::bug)?;
    let groups = object::groups(object);
    Ok(State {
        args: Args {
            cluster_name: Some(place.cluster.clone()),
            subnet_id,
            name: Some(name.clone()),
            security_group_ids: Some(groups.clone()),
            labels: object::labels(object, prior.and_then(|prior| prior.args.labels.as_ref())),
            region: Some(place.region.clone()),
            timeouts: prior.and_then(|prior| prior.args.timeouts.clone()),
        },
        outputs: Outputs {
            cluster_name: place.cluster,
            name,
            security_group_ids: groups,
            availability_zone,
            vpc_id,
            region: place.region,
        },
    })
}

/// Everything that the arguments leave open, found out and checked. `prior` is what an update keeps.
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

/// What has this name already, once the cluster serves the kind.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_ids_name_cluster_and_object() {
        let identity = EniConfig::import_id("workshop/us-west-2a@us-west-2").expect("an id");
        assert_eq!((identity.cluster_name.as_str(), identity.name.as_str()), ("workshop", "us-west-2a"));
        assert_eq!(identity.region.as_ref().map(Region::as_str), Some("us-west-2"));
        assert!(EniConfig::import_id("workshop/a").is_ok_and(|identity| identity.region.is_none()));
        for id in [
            "us-west-2a",
            "workshop/Upper",
            "workshop",
            "workshop/",
            "/a",
            "work shop/a",
            "workshop/a@nowhere",
            "workshop/a@",
        ] {
            assert!(EniConfig::import_id(id).is_err(), "{id}");
        }
    }
}
