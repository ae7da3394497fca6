//! Reads the endpoints of a set, and in what they differ from the arguments.

mod imported;

use std::collections::BTreeMap;

use framework::diagnostic::Result;
use framework::resource::State;

use super::apply::wanted::{self, Known, difference, words};
use super::apply::{account, ec2, held, outputs};
use super::{Args, Identity, Outputs, VpcEndpoints};
use crate::attributes::{Region, SubnetId, VpcId};
use crate::aws::ec2::{Client, Endpoint};
use crate::node::endpoints::service_name;
use crate::session::{Context, aws_region, explain, tags};

const SUMMARY: &str = "Could not read the VPC endpoints";

pub(super) async fn read(
    identity: &Identity,
    prior: Option<&State<VpcEndpoints>>,
    cx: &Context,
) -> Result<Option<State<VpcEndpoints>>> {
    let region = aws_region(identity.region.as_ref(), cx).await?;
    let client = ec2(&region, cx)?;
    let found = client.endpoints(identity.vpc_id.as_str()).await.map_err(|error| explain(SUMMARY, &error, None))?;
    let Some(prior) = prior else { return imported::state(identity, &found, region, cx).await };
    let held = held(Some(&prior.outputs), &found);
    if held.is_empty() {
        return Ok(None);
    }
    let mut pending = if is_unfinished(&prior.outputs) {
        prior.outputs.pending_changes.clone()
    } else {
        changes(&prior.args, &prior.outputs, &found, &client, &region, cx).await?
    };
    let recorded = tags::managed_for(cx, prior.outputs.tags_all.clone())?;
    let tags_all = common_tags(&recorded, held.values().filter(|(_, adopted)| !adopted).map(|(endpoint, _)| endpoint));
    if tags_all != recorded && held.values().any(|(_, adopted)| !adopted) {
        pending.push("Tags differ.".to_owned());
    }
    let services = prior.outputs.services.clone();
    let own = tags::own_for(cx, &tags_all, prior.args.tags.as_ref())?;
    let outputs = outputs(&prior.args, &region, &held, services, tags_all, pending);
    Ok(Some(State { args: Args { region: Some(region), tags: own, ..prior.args.clone() }, outputs }))
}

/// The endpoints of AWS services in every VPC of a region.
///
/// # Errors
/// Those of the calls.
pub async fn listed(region: &Region, cx: &Context) -> Result<Vec<(Identity, State<VpcEndpoints>)>> {
    let found = ec2(region, cx)?.all_endpoints().await;
    let found = found.map_err(|error| explain("Could not list the VPC endpoints", &error, None))?;
    let mut by_vpc: BTreeMap<String, Vec<Endpoint>> = BTreeMap::new();
    for endpoint in found {
        by_vpc.entry(endpoint.vpc_id.clone()).or_default().push(endpoint);
    }
    let mut all = Vec::new();
    for (vpc, endpoints) in by_vpc {
        let identity = Identity { vpc_id: VpcId::as_found(&vpc), region: Some(region.clone()) };
        if let Some(state) = imported::state(&identity, &endpoints, region.clone(), cx).await? {
            all.push((identity, state));
        }
    }
    Ok(all)
}

/// Whether the last apply has ended early and said nothing of single endpoints.
fn is_unfinished(outputs: &Outputs) -> bool {
    outputs.pending_changes.iter().any(|change| change.ends_with('.') && change.starts_with("The last apply"))
}

/// Those of the recorded tags that all endpoints have, and tags with recorded keys that the first one has otherwise.
fn common_tags<'e>(recorded: &tags::Tags, endpoints: impl Iterator<Item = &'e Endpoint>) -> tags::Tags {
    let mut common = recorded.clone();
    for endpoint in endpoints {
        for (key, value) in recorded {
            match endpoint.tags.get(key) {
                Some(found) if found == value => {}
                Some(found) => drop(common.insert(key.clone(), found.clone())),
                None => drop(common.remove(key)),
            }
        }
    }
    common
}

/// What the next apply changes, in words.
async fn changes(
    args: &Args,
    outputs: &Outputs,
    found: &[Endpoint],
    client: &Client,
    region: &Region,
    cx: &Context,
) -> Result<Vec<String>> {
    let held = held(Some(outputs), found);
    let account = account(args, cx).await?;
    let (mut services, mut subnets) = (BTreeMap::new(), BTreeMap::new());
    let mut all =
        wanted::all(args, &Known { region, account: account.as_deref(), services: &services, subnets: &subnets });
    let is_odd = |(service, wanted): (&String, &wanted::Wanted)| {
        held.get(service).is_some_and(|(endpoint, adopted)| !adopted && !difference(wanted, endpoint).is_empty())
    };
    if all.iter().any(is_odd) {
        // It may be because of what the services lack, which costs two calls to find out.
        let names: Vec<String> = all.keys().map(|service| service_name(region, service)).collect();
        let ids: Vec<&str> = args.subnet_ids.iter().flatten().map(SubnetId::as_str).collect();
        (services, subnets) = futures::try_join!(client.endpoint_services(&names), client.subnets(ids))
            .map_err(|error| explain(SUMMARY, &error, None))?;
        let known = Known { region, account: account.as_deref(), services: &services, subnets: &subnets };
        all = wanted::all(args, &known);
    }
    let mut changes = Vec::new();
    for service in outputs.services.keys() {
        match (held.get(service), all.get(service)) {
            (None, _) => changes.push(format!("{service}: create the endpoint")),
            (Some((_, true)), _) | (_, None) => {}
            (Some((endpoint, false)), Some(_)) if endpoint.has_failed() => {
                changes.push(format!("{service}: replace the failed endpoint"));
            }
            (Some((endpoint, false)), Some(wanted)) => {
                changes.extend(words(service, &difference(wanted, endpoint)));
            }
        }
    }
    Ok(changes)
}
