//! Creations and changes of endpoints, all at the same time.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use super::wanted::{Wanted, called};
use crate::attributes::Region;
use crate::aws::Error;
use crate::aws::ec2::{Client, Endpoint, EndpointChange, NewEndpoint};
use crate::node::endpoints::{Kind, service_name};
use crate::session::{Context, tags::Tags};

/// How long to look, after a stop, for what a call without an answer has created.
const LOOK_AFTER_STOP: Duration = Duration::from_secs(5);

/// One call.
pub enum Job<'a> {
    Create { service: &'a str, wanted: &'a Wanted },
    Change { service: &'a str, id: String, change: EndpointChange },
}

impl Job<'_> {
    fn service(&self) -> &str {
        match self {
            Self::Create { service, .. } | Self::Change { service, .. } => service,
        }
    }
}

/// What all calls have in common.
pub struct Batch<'a> {
    pub client: &'a Client,
    pub vpc: &'a str,
    pub region: &'a Region,
    pub tags: &'a Tags,
    /// Endpoints that exist before.
    pub existing: &'a [Endpoint],
}

/// What has been done.
#[derive(Default)]
pub struct Done {
    /// New endpoints by service.
    pub created: Vec<(String, Endpoint)>,
    /// Services with their errors.
    pub failed: Vec<(String, Error)>,
}

impl Batch<'_> {
    /// Runs all jobs. One that fails ends no other.
    pub async fn run(&self, jobs: Vec<Job<'_>>, cx: &Context) -> Done {
        let answers = join_all(jobs.iter().map(|job| self.one(job))).await;
        let mut done = Done::default();
        for (job, answer) in jobs.iter().zip(answers) {
            match answer {
                Ok(Some(endpoint)) => done.created.push((job.service().to_owned(), endpoint)),
                Ok(None) => {}
                Err(error) => done.failed.push((job.service().to_owned(), error)),
            }
        }
        let lost: Vec<&Job<'_>> = jobs
            .iter()
            .filter(|job| done.failed.iter().any(|(service, error)| service == job.service() && error.may_exist()))
            .collect();
        if !lost.is_empty() {
            let found = self.lost(&lost, cx).await;
            done.created.extend(found);
        }
        done
    }

    async fn one(&self, job: &Job<'_>) -> Result<Option<Endpoint>, Error> {
        match job {
            Job::Create { service, wanted } => {
                self.client.create_endpoint(&self.request(service, wanted)).await.map(Some)
            }
            Job::Change { id, change, .. } => self.client.modify_endpoint(id, change).await.map(|()| None),
        }
    }

    fn request(&self, service: &str, wanted: &Wanted) -> NewEndpoint {
        let list = |ids: &BTreeSet<String>| ids.iter().cloned().collect();
        NewEndpoint {
            vpc_id: self.vpc.to_owned(),
            service_name: service_name(self.region, service),
            is_gateway: wanted.kind == Kind::Gateway,
            policy: wanted.policy.clone(),
            route_table_ids: list(&wanted.tables),
            subnet_ids: list(&wanted.subnets),
            security_group_ids: list(&wanted.groups),
            private_dns: wanted.private_dns,
            private_dns_everywhere: service == "s3",
            tags: self.tags.clone(),
            token: format!("{:032x}", fastrand::u128(..)),
        }
    }

    /// What calls without an answer have created: endpoints that did not exist before, and are as they were asked for.
    async fn lost(&self, jobs: &[&Job<'_>], cx: &Context) -> Vec<(String, Endpoint)> {
        let Some(aws) = cx.try_clients().and_then(crate::session::Clients::known_aws) else { return Vec::new() };
        let client = aws.with_cancel(CancellationToken::new()).ec2(Some(self.region.as_str()));
        let Ok(Ok(found)) = tokio::time::timeout(LOOK_AFTER_STOP, client.endpoints(self.vpc)).await else {
            return Vec::new();
        };
        let is_new = |it: &&Endpoint| !it.is_leaving() && !self.existing.iter().any(|old| old.id == it.id);
        let of = |job: &&Job<'_>| {
            let Job::Create { service, wanted } = job else { return None };
            let name = service_name(self.region, service);
            let mut fitting = found.iter().filter(is_new).filter(|it| is_ours(it, &name, wanted, self.tags));
            Some(((*service).to_owned(), fitting.next()?.clone()))
        };
        jobs.iter().filter_map(of).collect()
    }
}

/// Whether an endpoint is what a call asked for. Somebody else may create one of the same service at the same time, and
/// what is taken for ours is deleted one day.
fn is_ours(found: &Endpoint, service: &str, wanted: &Wanted, tags: &Tags) -> bool {
    found.service_name == service
        && found.kind == called(wanted.kind)
        && tags.iter().all(|(key, value)| found.tags.get(key) == Some(value))
        && found.subnet_ids == wanted.subnets
        && found.route_table_ids == wanted.tables
        // Without any, AWS adds the default one of the VPC.
        && found.security_group_ids.is_superset(&wanted.groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_else_creates_is_not_ours() {
        let set = |ids: &[&str]| -> BTreeSet<String> { ids.iter().map(|id| (*id).to_owned()).collect() };
        let wanted = Wanted {
            kind: Kind::Interface,
            subnets: set(&["subnet-a"]),
            lacking: BTreeSet::new(),
            groups: set(&["sg-1"]),
            tables: BTreeSet::new(),
            private_dns: false,
            policy: None,
        };
        let tags = Tags::from([("stack".to_owned(), "ours".to_owned())]);
        let service = "com.amazonaws.eu-west-1.sqs";
        let ours = Endpoint {
            service_name: service.to_owned(),
            kind: "Interface".to_owned(),
            subnet_ids: set(&["subnet-a"]),
            security_group_ids: set(&["sg-1"]),
            tags: tags.clone(),
            ..Endpoint::default()
        };
        assert!(is_ours(&ours, service, &wanted, &tags));
        assert!(!is_ours(&ours, "com.amazonaws.eu-west-1.sns", &wanted, &tags));
        let others = [
            Endpoint { tags: Tags::from([("stack".to_owned(), "theirs".to_owned())]), ..ours.clone() },
            Endpoint { subnet_ids: set(&["subnet-b"]), ..ours.clone() },
            Endpoint { security_group_ids: set(&["sg-2"]), ..ours.clone() },
            Endpoint { kind: "Gateway".to_owned(), ..ours.clone() },
        ];
        for other in others {
            assert!(!is_ours(&other, service, &wanted, &tags), "{other:?}");
        }
    }
}
