//! `ekshybrid_deregister_instance`: deregisters hosts from Systems Manager, once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use framework::action::Action;
use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Model, Span};
use framework::path::Path;
use framework::permission::Permissions;

use crate::attributes::Region;
use crate::attributes::permissions::{ANY, MANAGED_INSTANCES, aws};
use crate::attributes::run_command::ManagedInstanceId;
use crate::aws::ssm::{Client, Instance, InstanceFilter};
use crate::resources::managed_instance::SILENT_FOR;
use crate::session::{Clients, Context, explain};

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// Ids of the hosts. One that is not registered any more is skipped.
    pub instance_ids: BTreeSet<ManagedInstanceId>,
    /// How long every one of the hosts must have been silent, such as `7d`. Default: `30d`.
    pub silent_for: Option<Span>,
    /// Deregister the hosts also when they are online or were seen within `silent_for`. Default: false.
    pub force: Option<bool>,
    /// Region of the hosts. Default: the provider's.
    pub region: Option<Region>,
}

/// The action.
#[derive(Debug)]
pub enum DeregisterInstance {}

impl Action for DeregisterInstance {
    type Clients = Clients;
    type Args = Args;

    const NAME: &'static str = "ekshybrid_deregister_instance";
    const DESCRIPTION: &'static str = "\
Deregisters hosts from Systems Manager: for hosts that no resource of the configuration manages, such as those that \
were left behind. The hosts lose their AWS credentials; a hybrid node among them stops working within an hour, and \
registers again only with a new activation.

The action looks at all hosts first. If one of them is online, was seen within `silent_for`, or did not register with \
a hybrid activation, it deregisters none and lists them; `force = true` deregisters them all the same.";
    const PERMISSIONS: Permissions = &[&[
        aws(&["ssm:DescribeInstanceInformation"], ANY),
        aws(&["ssm:DeregisterManagedInstance"], MANAGED_INSTANCES),
    ]];

    async fn invoke(args: &Args, cx: &Context) -> Result<()> {
        let client = cx.clients()?.aws()?.ssm(args.region.as_ref().map(Region::as_str));
        let count = args.instance_ids.len();
        if count == 0 {
            cx.progress("No host is named; nothing to do").await;
            return Ok(());
        }
        let hosts = hosts(&client, &args.instance_ids)
            .await
            .map_err(|error| explain("Could not look at the hosts", &error, Some("No host was deregistered.")))?;
        if args.force != Some(true) {
            let silent_for = args.silent_for.as_ref().map_or(SILENT_FOR, Span::duration);
            refuse_living(&hosts, silent_for, jiff::Timestamp::now())?;
        }
        for (done, id) in args.instance_ids.iter().enumerate() {
            let registered = hosts.contains_key(id.as_str());
            let registered = registered
                && client.deregister_instance(id.as_str()).await.map_err(|error| {
                    let left = format!(
                        "{done} of {count} hosts are done; `{}` and the rest are still registered.",
                        id.as_str()
                    );
                    explain("Could not deregister a host", &error, Some(&left))
                })?;
            let what = if registered { "Deregistered" } else { "Not registered any more:" };
            cx.progress(format!("{what} {} ({} of {count})", id.as_str(), done + 1)).await;
        }
        Ok(())
    }
}

/// Those of the hosts that are registered, by id.
async fn hosts(
    client: &Client,
    ids: &BTreeSet<ManagedInstanceId>,
) -> std::result::Result<BTreeMap<String, Instance>, crate::aws::Error> {
    let of = |ids: Vec<String>| InstanceFilter { ids, ..InstanceFilter::default() };
    let all: Vec<String> = ids.iter().map(|id| id.as_str().to_owned()).collect();
    let mut found = client.instances(&of(all.clone())).await?;
    // AWS refuses a request with an id that it does not know, and then says nothing of the others.
    let missing: Vec<String> = all.into_iter().filter(|id| !found.iter().any(|host| host.id == *id)).collect();
    for id in missing {
        found.extend(client.instances(&of(vec![id])).await?);
    }
    Ok(found.into_iter().map(|host| (host.id.clone(), host)).collect())
}

/// Refuses all hosts because of those that are in use, as far as anybody can tell.
fn refuse_living(hosts: &BTreeMap<String, Instance>, silent_for: Duration, now: jiff::Timestamp) -> Result<()> {
    let living: Vec<String> = hosts
        .values()
        .filter_map(|host| Some(format!("  - `{}` {}", host.id, in_use(host, silent_for, now)?)))
        .collect();
    if living.is_empty() {
        return Ok(());
    }
    Err(Diagnostic::error(
        "Hosts are in use",
        format!(
            "{} of {} hosts cannot be taken for left behind:\n{}\n\nNo host was deregistered.\n\nRemove them from `instance_ids`, or set `force = true` to deregister them all the same. A hybrid node that is deregistered stops working.",
            living.len(),
            hosts.len(),
            living.join("\n")
        ),
    )
    .at(Path::attribute(Args::NAMES.instance_ids))
    .into())
}

/// Why a host counts as used; `None` when it does not.
fn in_use(host: &Instance, silent_for: Duration, now: jiff::Timestamp) -> Option<String> {
    if !host.is_hybrid() {
        let source = host.source_type.as_deref().unwrap_or("unknown");
        return Some(format!("did not register with a hybrid activation (source type {source})"));
    }
    if host.is_online() {
        return Some("is Online".to_owned());
    }
    match (host.is_silent(silent_for, now), host.last_seen()) {
        (Some(true), _) => None,
        (_, Some(seen)) => Some(format!("was last seen at {seen:.0}, less than {} h ago", silent_for.as_secs() / 3600)),
        (_, None) => Some("was last seen at an unknown time".to_owned()),
    }
}
