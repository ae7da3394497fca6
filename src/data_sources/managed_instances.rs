//! `ekshybrid_managed_instances`: the hosts registered with Systems Manager.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use framework::data_source::DataSource;
use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Model, Span, Text, Timestamp};
use framework::path::Path;
use framework::permission::Permissions;

use crate::attributes::permissions::{ANY, aws};
use crate::attributes::run_command::ManagedInstanceId;
use crate::attributes::{ActivationId, ClusterName, Region, RoleName};
use crate::aws::ssm::{Activation, ActivationFilter, Instance, InstanceFilter};
use crate::aws::sts::Caller;
use crate::resources::managed_instance::SILENT_FOR;
use crate::session::{Clients, Context, aws_region, explain};

/// Tag of hosts that joined an EKS cluster. Source: EKS user guide, credentials for hybrid nodes.
const CLUSTER_TAG: &str = "EKSClusterARN";

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// Only hosts with these ids.
    pub instance_ids: Option<BTreeSet<ManagedInstanceId>>,
    /// Only hosts registered with one of these activations.
    pub activation_ids: Option<BTreeSet<ActivationId>>,
    /// Only hosts of this EKS cluster: those whose tag `EKSClusterARN` has the ARN of the cluster in this account and
    /// region. Hosts get the tag from their activation.
    pub cluster_name: Option<ClusterName>,
    /// Only hosts with this IAM role.
    pub iam_role: Option<RoleName>,
    /// Only hosts with this ping status: `Online` or `ConnectionLost`.
    pub ping_status: Option<PingStatus>,
    /// Only hosts with all of these tags.
    pub tags: Option<BTreeMap<String, String>>,
    /// How long a host's agent must be silent before the host counts as orphaned, such as `7d`. Default: `30d`.
    pub silent_for: Option<Span>,
    /// Region of the hosts. Default: the provider's.
    pub region: Option<Region>,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Region of the hosts.
    pub region: Region,
    /// Hosts, sorted by id.
    pub instances: Vec<Host>,
    /// Ids of these hosts.
    pub ids: BTreeSet<String>,
    /// Ids of hosts that look orphaned: their agent has been silent for `silent_for`, and the activation they
    /// registered with has expired or no longer exists.
    ///
    /// A host whose site is offline looks the same. Check the hosts before you deregister them.
    pub orphaned_ids: BTreeSet<String>,
}

/// One host.
#[derive(Clone, Debug, Model)]
pub struct Host {
    /// Id: `mi-` and 17 hexadecimal digits.
    pub instance_id: String,
    /// Name assigned by the activation.
    pub name: Option<String>,
    /// Computer name of the host, as reported by its agent.
    pub computer_name: Option<String>,
    /// IP address of the host, as reported by its agent.
    pub ip_address: Option<String>,
    /// Name of the host's IAM role.
    pub iam_role: Option<String>,
    /// Ping status of the host's agent: `Online` or `ConnectionLost`.
    pub ping_status: Option<String>,
    /// Time of the agent's last report, in RFC 3339 format.
    pub last_ping: Option<Timestamp>,
    /// Version of the SSM agent.
    pub agent_version: Option<String>,
    /// Operating system.
    pub platform_name: Option<String>,
    /// Version of the operating system.
    pub platform_version: Option<String>,
    /// Registration time, in RFC 3339 format.
    pub registration_date: Option<Timestamp>,
    /// Activation the host registered with.
    pub activation_id: Option<String>,
    /// Expiration time of the activation, in RFC 3339 format; null if the activation no longer exists.
    pub activation_expiration_date: Option<Timestamp>,
    /// Whether the activation has expired; null if it no longer exists.
    pub activation_expired: Option<bool>,
    /// Whether the host looks orphaned: its agent has been silent for `silent_for`, and its activation has expired or
    /// no longer exists.
    pub orphaned: bool,
}

/// Ping status of a host's agent. Source: API reference of Systems Manager, InstanceInformation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PingStatus(String);

impl Text for PingStatus {
    const NOUN: &'static str = "ping status";

    fn parse(text: &str) -> std::result::Result<Self, String> {
        match text {
            "Online" | "ConnectionLost" => Ok(Self(text.to_owned())),
            "Inactive" => Err("Systems Manager no longer uses the ping status `Inactive`. Write `ConnectionLost` for hosts whose agent does not report.".to_owned()),
            _ => Err(format!("`{text}` is not a ping status. Write `Online` or `ConnectionLost`.")),
        }
    }

    fn text(&self) -> &str {
        &self.0
    }
}

framework::text_field!(PingStatus);

/// The data source.
#[derive(Debug)]
pub enum ManagedInstances {}

impl DataSource for ManagedInstances {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;

    const NAME: &'static str = "ekshybrid_managed_instances";
    const DESCRIPTION: &'static str = "\
The hosts that have registered with Systems Manager by a hybrid activation, narrowed down by filters; and which of \
them look forgotten. Machines of other kinds that Systems Manager lists (EC2, IoT, other clouds) are not among them.

All filters combine. AWS filters by tags or by everything else, so with `tags` or `cluster_name` the provider applies \
the other filters itself.";
    const PERMISSIONS: Permissions = &[&[
        aws(&["ssm:DescribeInstanceInformation", "ssm:DescribeActivations"], ANY),
        aws(&["sts:GetCallerIdentity"], ANY).when("IAM always allows it"),
    ]];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        let named = args.tags.set().is_some_and(|tags| tags.contains_key(CLUSTER_TAG));
        if named && args.cluster_name.set().is_some() {
            let detail = format!(
                "`cluster_name` filters by the tag `{CLUSTER_TAG}`, which `tags` names too. Set one of the two."
            );
            faults.push(Diagnostic::error("Conflicting filters", detail).at(Path::attribute(Args::NAMES.cluster_name)));
        }
    }

    async fn read(args: &Args, cx: &Context) -> Result<Outputs> {
        let region = aws_region(args.region.as_ref(), cx).await?;
        let aws = cx.clients()?.aws()?;
        let client = aws.ssm(Some(region.as_str()));
        let failed = |error: crate::aws::Error| explain("Could not list the managed instances", &error, None);
        let mut tags = args.tags.clone().unwrap_or_default();
        if let Some(cluster) = &args.cluster_name {
            let caller = aws.sts().caller().await.map_err(failed)?;
            tags.insert(CLUSTER_TAG.to_owned(), cluster_arn(&caller, &region, cluster));
        }
        let filter = InstanceFilter {
            ids: args.instance_ids.iter().flatten().map(|id| id.as_str().to_owned()).collect(),
            activation_ids: args.activation_ids.iter().flatten().map(|id| id.as_str().to_owned()).collect(),
            iam_role: args.iam_role.as_ref().map(|role| role.as_str().to_owned()),
            ping_status: args.ping_status.as_ref().map(|status| status.0.clone()),
            tags,
            managed_only: true,
        };
        // An empty set selects nothing; AWS would treat it as no filter.
        let nothing = args.instance_ids.as_ref().is_some_and(BTreeSet::is_empty)
            || args.activation_ids.as_ref().is_some_and(BTreeSet::is_empty);
        let mut found = if nothing { Vec::new() } else { client.instances(&filter).await.map_err(failed)? };
        found.sort_by(|one, other| one.id.cmp(&other.id));

        let ids: BTreeSet<String> = found.iter().filter_map(|host| host.activation_id.clone()).collect();
        let activations: BTreeMap<String, Activation> = if ids.is_empty() {
            BTreeMap::new()
        } else {
            let all = client.list_activations(&ActivationFilter::default()).await.map_err(failed)?;
            all.into_iter()
                .filter(|activation| ids.contains(&activation.id))
                .map(|activation| (activation.id.clone(), activation))
                .collect()
        };
        let silent_for = args.silent_for.as_ref().map_or(SILENT_FOR, Span::duration);
        let now = jiff::Timestamp::now();
        let instances: Vec<Host> = found
            .into_iter()
            .map(|instance| {
                let activation = instance.activation_id.as_ref().and_then(|id| activations.get(id));
                let orphaned = is_orphaned(&instance, activation, silent_for, now);
                host(instance, activation, orphaned)
            })
            .collect();
        Ok(Outputs {
            region,
            ids: instances.iter().map(|host| host.instance_id.clone()).collect(),
            orphaned_ids: instances.iter().filter(|host| host.orphaned).map(|host| host.instance_id.clone()).collect(),
            instances,
        })
    }
}

/// The ARN of a cluster in the caller's account.
fn cluster_arn(caller: &Caller, region: &Region, cluster: &ClusterName) -> String {
    // `arn:PARTITION:…`: the partition is that of the caller's ARN.
    let partition = caller.arn.split(':').nth(1).unwrap_or("aws");
    format!("arn:{partition}:eks:{}:{}:cluster/{}", region.as_str(), caller.account, cluster.as_str())
}

/// Whether the host is most likely no longer needed. Unknown facts count in favor of the host.
fn is_orphaned(
    instance: &Instance,
    activation: Option<&Activation>,
    silent_for: Duration,
    now: jiff::Timestamp,
) -> bool {
    instance.is_hybrid()
        && instance.ping_status.is_some()
        && !instance.is_online()
        && activation.is_none_or(|activation| activation.expired)
        && instance.is_silent(silent_for, now) == Some(true)
}

fn host(instance: Instance, activation: Option<&Activation>, orphaned: bool) -> Host {
    Host {
        orphaned,
        activation_expiration_date: activation.and_then(|activation| activation.expiration_date).map(Timestamp::from),
        activation_expired: activation.map(|activation| activation.expired),
        instance_id: instance.id,
        name: instance.name,
        computer_name: instance.computer_name,
        ip_address: instance.ip_address,
        iam_role: instance.iam_role,
        ping_status: instance.ping_status,
        last_ping: instance.last_ping.map(Timestamp::from),
        agent_version: instance.agent_version,
        platform_name: instance.platform_name,
        platform_version: instance.platform_version,
        registration_date: instance.registration_date.map(Timestamp::from),
        activation_id: instance.activation_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn at(days: i64) -> jiff::Timestamp {
        jiff::Timestamp::from_second(1_800_000_000 + days * DAY).expect("a time of this calendar")
    }

    /// A host registered on day 0, last heard of on day 10, and silent since.
    fn silent() -> Instance {
        Instance {
            id: "mi-0123456789abcdef0".to_owned(),
            activation_id: Some("a".to_owned()),
            iam_role: None,
            name: None,
            computer_name: None,
            ip_address: None,
            ping_status: Some("ConnectionLost".to_owned()),
            last_ping: Some(at(10)),
            agent_version: None,
            platform_type: None,
            platform_name: None,
            platform_version: None,
            resource_type: Some("ManagedInstance".to_owned()),
            source_type: Some("AWS::SSM::ManagedInstance".to_owned()),
            registration_date: Some(at(0)),
        }
    }

    fn activation(expired: bool) -> Activation {
        Activation {
            id: "a".to_owned(),
            iam_role: None,
            default_instance_name: None,
            description: None,
            registration_limit: 1,
            registrations_count: 1,
            created_date: None,
            expiration_date: None,
            expired,
            tags: BTreeMap::new(),
        }
    }

    #[test]
    fn hosts_are_orphaned_only_after_a_long_silence() {
        let expired = activation(true);
        let with = |change: fn(&mut Instance)| {
            let mut instance = silent();
            change(&mut instance);
            instance
        };
        for (name, instance, activation, day, orphaned) in [
            ("silent for 30 days", silent(), Some(&expired), 40, true),
            ("its activation is gone", silent(), None, 40, true),
            ("silent for less", silent(), Some(&expired), 39, false),
            ("its activation is valid", silent(), Some(&activation(false)), 40, false),
            ("online", with(|host| host.ping_status = Some("Online".to_owned())), Some(&expired), 40, false),
            ("of unknown status", with(|host| host.ping_status = None), Some(&expired), 40, false),
            ("never heard of", with(|host| host.last_ping = None), Some(&expired), 29, false),
            ("never heard of for long", with(|host| host.last_ping = None), Some(&expired), 30, true),
            ("registered again", with(|host| host.registration_date = Some(at(20))), Some(&expired), 40, false),
            (
                "nothing is known",
                with(|host| (host.last_ping, host.registration_date) = (None, None)),
                Some(&expired),
                400,
                false,
            ),
            (
                "of another cloud",
                with(|host| host.source_type = Some("compute.googleapis.com/Instance".to_owned())),
                None,
                40,
                false,
            ),
            ("a clock that differs", silent(), Some(&expired), 9, false),
        ] {
            assert_eq!(is_orphaned(&instance, activation, SILENT_FOR, at(day)), orphaned, "{name}");
        }
    }

    #[test]
    fn arns_of_clusters_have_the_callers_partition() {
        let caller = Caller {
            account: "111122223333".to_owned(),
            arn: "arn:aws-cn:sts::111122223333:assumed-role/r/s".to_owned(),
            user_id: String::new(),
        };
        let region = Region::parse("cn-north-1").expect("a region");
        let cluster = ClusterName::parse("edge").expect("a name");
        assert_eq!(cluster_arn(&caller, &region, &cluster), "arn:aws-cn:eks:cn-north-1:111122223333:cluster/edge");
    }
}
