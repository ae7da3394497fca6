//! `ekshybrid_managed_instances`: the hosts that are registered with Systems Manager.

use std::collections::{BTreeMap, BTreeSet};

use framework::data_source::DataSource;
use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Model, Text, Timestamp};
use framework::path::Path;

use crate::attributes::{Region, RoleName, aws_region, explain};
use crate::aws::ssm::{Activation, ActivationFilter, Instance, InstanceFilter};
use crate::provider::{Clients, Context};
use crate::resources::managed_instance::ManagedInstanceId;

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// Only these hosts.
    pub instance_ids: Option<BTreeSet<ManagedInstanceId>>,
    /// Only hosts that registered with one of these activations.
    pub activation_ids: Option<BTreeSet<String>>,
    /// Only hosts with this role.
    pub iam_role: Option<RoleName>,
    /// Only hosts in this state: `Online`, `ConnectionLost` or `Inactive`.
    pub ping_status: Option<PingStatus>,
    /// Only hosts with all of these tags. AWS does not combine tags with other filters, so this excludes them.
    pub tags: Option<BTreeMap<String, String>>,
    /// Region of the hosts. Default: the provider's.
    pub region: Option<Region>,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Region of the hosts.
    pub region: Region,
    /// The hosts, in the order of their ids.
    pub instances: Vec<Host>,
    /// Ids of all of these hosts.
    pub ids: BTreeSet<String>,
    /// Ids of the hosts among them that look forgotten: their agent does not report any more, and the activation that
    /// they registered with has expired or is gone.
    pub orphaned_ids: BTreeSet<String>,
}

/// One host.
#[derive(Clone, Debug, Model)]
pub struct Host {
    /// Id: `mi-` and 17 hexadecimal digits.
    pub instance_id: String,
    /// Name that the activation gave it.
    pub name: Option<String>,
    /// Name of the host, as its agent reports it.
    pub computer_name: Option<String>,
    /// Address of the host, as its agent reports it.
    pub ip_address: Option<String>,
    /// Name of the host's IAM role.
    pub iam_role: Option<String>,
    /// `Online`, `ConnectionLost` or `Inactive`.
    pub ping_status: Option<String>,
    /// When its agent last reported, in RFC 3339 form.
    pub last_ping: Option<Timestamp>,
    /// Version of the agent.
    pub agent_version: Option<String>,
    /// Operating system.
    pub platform_name: Option<String>,
    /// Version of the operating system.
    pub platform_version: Option<String>,
    /// When it registered, in RFC 3339 form.
    pub registration_date: Option<Timestamp>,
    /// Activation that it registered with.
    pub activation_id: Option<String>,
    /// When that activation expires or expired, in RFC 3339 form; null when it is gone.
    pub activation_expiration_date: Option<Timestamp>,
    /// Whether that activation has expired; null when it is gone.
    pub activation_expired: Option<bool>,
    /// Whether the host looks forgotten: its agent does not report any more, and the activation has expired or is gone.
    pub orphaned: bool,
}

/// A state of a host's agent. Source: API reference of Systems Manager, InstanceInformation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PingStatus(String);

impl Text for PingStatus {
    const NOUN: &'static str = "ping status";

    fn parse(text: &str) -> std::result::Result<Self, String> {
        if matches!(text, "Online" | "ConnectionLost" | "Inactive") {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`{text}` is not a ping status. Write `Online`, `ConnectionLost` or `Inactive`."))
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
The hosts that have registered with Systems Manager by an activation, narrowed down by filters; and which of them look \
forgotten.";

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        let others = [
            (Args::NAMES.instance_ids, args.instance_ids.set().is_some()),
            (Args::NAMES.activation_ids, args.activation_ids.set().is_some()),
            (Args::NAMES.iam_role, args.iam_role.set().is_some()),
            (Args::NAMES.ping_status, args.ping_status.set().is_some()),
        ];
        if args.tags.set().is_none_or(BTreeMap::is_empty) {
            return;
        }
        for (name, set) in others {
            if set {
                let detail = format!(
                    "AWS does not combine a filter by tags with others. Set `tags` or `{name}`, and narrow the result down in the configuration."
                );
                faults.push(Diagnostic::error("Conflicting filters", detail).at(Path::attribute(name)));
            }
        }
    }

    async fn read(args: &Args, cx: &Context) -> Result<Outputs> {
        let region = aws_region(args.region.as_ref(), cx).await?;
        let client = cx.clients()?.aws()?.with_cancel(cx.cancel().clone()).ssm(Some(region.as_str()));
        let filter = InstanceFilter {
            ids: args.instance_ids.iter().flatten().map(|id| id.as_str().to_owned()).collect(),
            activation_ids: args.activation_ids.iter().flatten().cloned().collect(),
            iam_role: args.iam_role.as_ref().map(|role| role.as_str().to_owned()),
            ping_status: args.ping_status.as_ref().map(|status| status.0.clone()),
            tags: args.tags.clone().unwrap_or_default(),
            managed_only: true,
        };
        // An empty set asks for nothing; AWS would take it as no filter at all.
        let nothing = args.instance_ids.as_ref().is_some_and(BTreeSet::is_empty)
            || args.activation_ids.as_ref().is_some_and(BTreeSet::is_empty);
        let failed = |error: crate::aws::Error| explain("Could not list the managed instances", &error, None);
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
        let instances: Vec<Host> = found
            .into_iter()
            .map(|instance| {
                let activation = instance.activation_id.as_ref().and_then(|id| activations.get(id));
                host(instance.clone(), activation)
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

fn host(instance: Instance, activation: Option<&Activation>) -> Host {
    let silent = instance.ping_status.as_deref() != Some("Online");
    Host {
        orphaned: silent && activation.is_none_or(|activation| activation.expired),
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
