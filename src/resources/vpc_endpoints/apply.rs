//! Brings the endpoints to what the arguments say. Steps, and what a failure of each leaves:
//!
//! 1. Services, subnets and existing endpoints are read: nothing has changed.
//! 2. Endpoints that have failed, or that change their kind, are deleted: they are missing, and created by the next apply.
//! 3. Missing endpoints are created and others changed, all at the same time: what has succeeded is in the state, and
//!    the next apply does the rest.
//! 4. Tags are set: the next apply sets them.
//! 5. All become available: they are in the state as pending.
//! 6. Endpoints of services that are no longer wanted are deleted: those left are in the state.

mod batch;
mod messages;
pub(super) mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use framework::diagnostic::{Diagnostics, Result};
use framework::resource::State;
use framework::wait::{Seen, Wait, until};

use super::{Args, Endpoint, Outputs, VpcEndpoints};
use crate::attributes::{Region, SubnetId};
use crate::aws::ec2::{self, Client};
use crate::node::endpoints::{policies, service_name, short_name};
use crate::session::{Context, aws_region, explain, tags};
use batch::{Batch, Job};
use wanted::{Known, Wanted, called, difference};

/// How long endpoints may take. AWS needs a minute or two.
const PATIENCE: Duration = Duration::from_mins(10);

/// Endpoints by service, as AWS describes them.
type Held = BTreeMap<String, (ec2::Endpoint, bool)>;

pub(super) async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
    let region = aws_region(args.region.as_ref(), cx).await?;
    converge(args, None, region, cx).await
}

pub(super) async fn update(prior: &State<VpcEndpoints>, args: &Args, cx: &Context) -> Result<Outputs> {
    converge(args, Some(&prior.outputs), prior.outputs.region.clone(), cx).await
}

/// The EC2 client of a region.
pub(super) fn ec2(region: &Region, cx: &Context) -> Result<Client> {
    Ok(cx.clients()?.aws()?.ec2(Some(region.as_str())))
}

async fn converge(args: &Args, prior: Option<&Outputs>, region: Region, cx: &Context) -> Result<Outputs> {
    let summary = if prior.is_none() { messages::CREATE } else { messages::CHANGE };
    let client = ec2(&region, cx)?;
    let failed = |error: crate::aws::Error| explain(summary, &error, None);
    let kinds = wanted::kinds(args);
    let names: Vec<String> = kinds.keys().map(|service| service_name(&region, service)).collect();
    let subnet_ids: Vec<&str> = args.subnet_ids.iter().flatten().map(SubnetId::as_str).collect();
    let (services, subnets, existing) = futures::try_join!(
        client.endpoint_services(&names),
        client.subnets(subnet_ids),
        client.endpoints(args.vpc_id.as_str()),
    )
    .map_err(failed)?;
    let account = account(args, cx).await?;
    let known = Known { region: &region, account: account.as_deref(), services: &services, subnets: &subnets };
    let wanted = wanted::all(args, &known);
    messages::check(summary, &wanted, &services, args, &region)?;

    let mut work = Work {
        args,
        region: &region,
        client: &client,
        tags_all: tags::merged_for(cx, args.tags.as_ref())?,
        services: kinds.iter().map(|(service, kind)| (service.clone(), called(*kind).to_owned())).collect(),
        held: held(prior, &existing),
        summary,
        is_new: prior.is_none(),
        cx,
    };
    work.delete(|work, service, endpoint| {
        let wanted = work.services.get(service);
        endpoint.has_failed() || wanted.is_some_and(|kind| *kind != endpoint.kind)
    })
    .await?;
    work.settle(&wanted, &existing).await?;
    work.tag(prior).await?;
    work.wait().await?;
    work.delete(|work, service, _| !work.services.contains_key(service)).await?;
    // An adopted endpoint of a service that is no longer wanted stays, and is forgotten.
    let services = work.services.clone();
    work.held.retain(|service, _| services.contains_key(service));
    Ok(work.outputs(&[]))
}

/// The account, where policies name it.
pub(super) async fn account(args: &Args, cx: &Context) -> Result<Option<String>> {
    if !args.restrict_to_account {
        return Ok(None);
    }
    let account = cx.clients()?.aws()?.account_id().await;
    account.map(Some).map_err(|error| explain("Could not find out the account", &error, None))
}

/// What the state records and AWS still has, each with whether it was adopted.
pub(super) fn held(prior: Option<&Outputs>, existing: &[ec2::Endpoint]) -> Held {
    let recorded = prior.into_iter().flat_map(|prior| &prior.endpoints);
    recorded
        .filter_map(|(service, record)| {
            let found = existing.iter().find(|it| it.id == record.id && !it.is_leaving())?;
            Some((service.clone(), (found.clone(), record.adopted)))
        })
        .collect()
}

/// One apply.
struct Work<'a> {
    args: &'a Args,
    region: &'a Region,
    client: &'a Client,
    tags_all: tags::Tags,
    services: BTreeMap<String, String>,
    held: Held,
    summary: &'static str,
    is_new: bool,
    cx: &'a Context,
}

impl Work<'_> {
    fn outputs(&self, pending: &[String]) -> Outputs {
        outputs(self.args, self.region, &self.held, self.services.clone(), self.tags_all.clone(), pending.to_vec())
    }

    /// Records what exists before an error is returned.
    fn save(&self) {
        if self.is_new && self.held.is_empty() {
            self.cx.discard();
            return;
        }
        let missing: Vec<String> = self
            .services
            .keys()
            .filter(|service| !self.held.contains_key(*service))
            .map(|service| format!("{service}: create the endpoint"))
            .collect();
        // An apply that did not end may have left anything undone.
        let pending = if missing.is_empty() { vec!["The last apply was incomplete.".to_owned()] } else { missing };
        self.cx.save(&self.outputs(&pending));
    }

    /// Records what exists, and says so in the error.
    fn ended(&self, failure: Diagnostics) -> Diagnostics {
        self.save();
        failure.left(messages::left(self.held.keys(), self.is_new))
    }

    /// Creates and changes, all at the same time.
    async fn settle(&mut self, wanted: &BTreeMap<String, Wanted>, existing: &[ec2::Endpoint]) -> Result<()> {
        let mut jobs = Vec::new();
        for (service, wanted) in wanted {
            match self.held.get(service) {
                Some((_, true)) => {}
                Some((found, false)) => {
                    let change = difference(wanted, found);
                    if !change.is_empty() {
                        jobs.push(Job::Change { service, id: found.id.clone(), change });
                    }
                }
                None => match self.adoptable(service, wanted, existing) {
                    Some(found) => {
                        self.report_adoption(service, wanted, found);
                        self.held.insert(service.clone(), (found.clone(), true));
                    }
                    None => jobs.push(Job::Create { service, wanted }),
                },
            }
        }
        let batch = Batch {
            client: self.client,
            vpc: self.args.vpc_id.as_str(),
            region: self.region,
            tags: &self.tags_all,
            existing,
        };
        let done = batch.run(jobs, self.cx).await;
        for (service, endpoint) in done.created {
            self.held.insert(service, (endpoint, false));
        }
        if done.failed.is_empty() {
            return Ok(());
        }
        self.save();
        Err(messages::failures(self.summary, &done.failed, self.held.keys(), self.is_new))
    }

    fn adoptable<'e>(
        &self,
        service: &str,
        wanted: &Wanted,
        existing: &'e [ec2::Endpoint],
    ) -> Option<&'e ec2::Endpoint> {
        if !self.args.adopt_existing {
            return None;
        }
        let name = service_name(self.region, service);
        let is_same = |it: &&ec2::Endpoint| {
            it.service_name == name && it.kind == called(wanted.kind) && !it.is_leaving() && !it.has_failed()
        };
        // The one with the service's names is the one that is used.
        existing.iter().filter(is_same).max_by_key(|it| it.private_dns)
    }

    /// An endpoint is adopted as it is. What differs from the arguments is worth knowing.
    fn report_adoption(&self, service: &str, wanted: &Wanted, found: &ec2::Endpoint) {
        if let Some(words) = wanted::words(service, &difference(wanted, found)) {
            self.cx.report(messages::adopted_as_it_is(service, &found.id, &words));
        }
    }

    /// Sets tags where they differ, and removes those that the configuration has dropped.
    async fn tag(&mut self, prior: Option<&Outputs>) -> Result<()> {
        let recorded = prior.map(|prior| prior.tags_all.clone()).unwrap_or_default();
        let dropped = tags::dropped_for(self.cx, &recorded, &self.tags_all)?;
        let differs = |it: &ec2::Endpoint| {
            self.tags_all.iter().any(|(key, value)| it.tags.get(key) != Some(value))
                || dropped.iter().any(|key| it.tags.contains_key(key))
        };
        let ids: Vec<String> = self
            .held
            .values()
            .filter(|(endpoint, adopted)| !adopted && differs(endpoint))
            .map(|(endpoint, _)| endpoint.id.clone())
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        match self.client.tag(&ids, &self.tags_all, &dropped).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.ended(explain("Could not set the tags of the VPC endpoints", &error, None))),
        }
    }

    /// Waits until every endpoint of the set is available, with one call for all of them.
    async fn wait(&mut self) -> Result<()> {
        let wait = Wait {
            what: "the VPC endpoints to become available".to_owned(),
            timeout: self.cx.time_left(PATIENCE),
            interval: Duration::from_secs(1),
            max_interval: Duration::from_secs(2),
        };
        let last: Mutex<Option<Held>> = Mutex::new(None);
        let (client, held, vpc) = (self.client, &self.held, self.args.vpc_id.as_str());
        let outcome = until(self.cx, &wait, || async {
            let found = client.endpoints(vpc).await.map_err(|error| explain(messages::WAIT, &error, None))?;
            let now: Held = held
                .iter()
                .filter_map(|(service, (endpoint, adopted))| {
                    let found = found.iter().find(|it| it.id == endpoint.id)?;
                    Some((service.clone(), (found.clone(), *adopted)))
                })
                .collect();
            let pending = messages::pending(held.keys(), &now);
            let failure = messages::failed_endpoints(&now);
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
            match failure {
                Some(failure) => Err(failure),
                None => Ok(pending.map_or(Seen::Done(()), Seen::Pending)),
            }
        })
        .await;
        for (service, seen) in last.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten() {
            self.held.insert(service, seen);
        }
        outcome.map_err(|failure| self.ended(failure))
    }

    /// Deletes those own endpoints that `goes` names, and waits until they are gone.
    async fn delete(&mut self, goes: impl Fn(&Self, &str, &ec2::Endpoint) -> bool) -> Result<()> {
        let leaving: BTreeMap<String, String> = self
            .held
            .iter()
            .filter(|(service, (endpoint, adopted))| !adopted && goes(self, service, endpoint))
            .map(|(service, (endpoint, _))| (service.clone(), endpoint.id.clone()))
            .collect();
        if leaving.is_empty() {
            return Ok(());
        }
        match remove(self.client, self.args.vpc_id.as_str(), leaving.values().cloned().collect(), self.cx).await {
            Ok(()) => {
                self.held.retain(|service, _| !leaving.contains_key(service));
                Ok(())
            }
            Err(failure) => Err(self.ended(failure)),
        }
    }
}

/// The outputs of a set.
pub(super) fn outputs(
    args: &Args,
    region: &Region,
    held: &Held,
    services: BTreeMap<String, String>,
    tags_all: tags::Tags,
    pending_changes: Vec<String>,
) -> Outputs {
    let id_of = |service: &str| held.get(service).map(|(endpoint, _)| endpoint.id.as_str());
    let registry: Vec<&str> = ["ecr.api", "ecr.dkr"].into_iter().filter_map(id_of).collect();
    let buckets = args.bucket_names.iter().flatten().map(super::BucketName::as_str);
    Outputs {
        id: format!("{}@{region}", args.vpc_id),
        services,
        endpoints: held.iter().map(|(service, (found, adopted))| (service.clone(), shown(found, *adopted))).collect(),
        pending_changes,
        repository_policy: (!registry.is_empty()).then(|| policies::repository(&registry)),
        bucket_policies: id_of("s3")
            .map(|id| buckets.map(|name| (name.to_owned(), policies::bucket(name, region, &[id]))).collect())
            .unwrap_or_default(),
        region: region.clone(),
        tags_all,
    }
}

fn shown(found: &ec2::Endpoint, adopted: bool) -> Endpoint {
    Endpoint {
        id: found.id.clone(),
        kind: found.kind.clone(),
        service_name: found.service_name.clone(),
        state: found.state.clone(),
        dns_names: found.dns_names.clone(),
        network_interface_ids: found.network_interface_ids.clone(),
        adopted,
    }
}

/// Deletes endpoints and waits until they are gone: only then can their security groups, subnets and names be used
/// otherwise.
async fn remove(client: &Client, vpc: &str, ids: Vec<String>, cx: &Context) -> Result<()> {
    let failed = |error: crate::aws::Error| explain(messages::DELETE, &error, None);
    let refused = client.delete_endpoints(&ids).await.map_err(failed)?;
    if !refused.is_empty() {
        return Err(messages::not_deleted(&refused).into());
    }
    let wait = Wait {
        what: "the VPC endpoints to be deleted".to_owned(),
        timeout: cx.time_left(PATIENCE),
        interval: Duration::from_secs(1),
        max_interval: Duration::from_secs(5),
    };
    until(cx, &wait, || async {
        let found = client.endpoints(vpc).await.map_err(failed)?;
        let left: Vec<&str> =
            found.iter().filter(|it| ids.contains(&it.id) && it.state != "deleted").map(|it| it.id.as_str()).collect();
        Ok(if left.is_empty() { Seen::Done(()) } else { Seen::Pending(format!("{} still exist", left.join(", "))) })
    })
    .await
}

pub(super) async fn delete(state: &State<VpcEndpoints>, cx: &Context) -> Result<()> {
    let (args, outputs) = (&state.args, &state.outputs);
    let client = ec2(&outputs.region, cx)?;
    let vpc = args.vpc_id.as_str();
    let failed =
        |error: crate::aws::Error| explain(messages::DELETE, &error, Some("They are still recorded in the state."));
    let existing = client.endpoints(vpc).await.map_err(failed)?;
    // One that is on its way out is awaited too.
    let there: BTreeSet<&str> = existing.iter().map(|it| it.id.as_str()).collect();
    let own = outputs.endpoints.values().filter(|record| !record.adopted && there.contains(record.id.as_str()));
    let ids: Vec<String> = own.map(|record| record.id.clone()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    remove(&client, vpc, ids, cx).await.map_err(|failure| failure.left("They are still recorded in the state."))
}

/// The short names of a VPC's endpoints of AWS services.
pub(super) fn services_of<'e>(
    region: &Region,
    existing: &'e [ec2::Endpoint],
) -> impl Iterator<Item = (&'e str, &'e ec2::Endpoint)> {
    existing
        .iter()
        .filter(|it| !it.is_leaving() && !it.has_failed() && !it.is_managed_by_aws)
        .filter(|it| matches!(it.kind.as_str(), "Interface" | "Gateway"))
        .filter_map(move |it| Some((short_name(region, &it.service_name)?, it)))
}
