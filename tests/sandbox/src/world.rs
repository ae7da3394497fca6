//! All that the sandbox knows: accounts with their data by region, the credentials that open them, faults and
//! request logs. Pure data with a few look-ups: the services hold the rules.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::{
    ec2, ecr, eks, elb, fault::Fault, iam, identity::Credential, moment::Moment, plane::Order, random,
    settings::Settings, ssm,
};

/// The newest requests that an account remembers.
const LOG: usize = 1000;

#[derive(Serialize, Deserialize)]
pub struct World {
    /// Region in which accounts are seeded.
    pub region: String,
    pub accounts: BTreeMap<String, Account>,
    /// By access key.
    pub credentials: BTreeMap<String, Credential>,
    /// Access key of the line on stdout.
    pub first_key: Option<String>,
    /// Signs page tokens, so that none can be forged.
    pub paging_secret: String,
    /// Whether this process can start control planes.
    #[serde(skip)]
    pub has_programs: bool,
    /// Work in control planes that calls have asked for, not yet begun with.
    #[serde(skip)]
    pub ordered: Vec<Order>,
    /// Commands for the agents of hosts, not yet delivered.
    #[serde(skip)]
    pub sent: Vec<ssm::commands::Sent>,
}

impl World {
    pub fn new(region: &str) -> Self {
        Self {
            region: region.to_owned(),
            accounts: BTreeMap::new(),
            credentials: BTreeMap::new(),
            first_key: None,
            paging_secret: random::secret(40),
            has_programs: false,
            ordered: Vec::new(),
            sent: Vec::new(),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub struct Account {
    pub id: String,
    pub roles: BTreeMap<String, iam::Role>,
    pub regions: BTreeMap<String, Region>,
    pub web_identities: BTreeMap<String, crate::sts::WebIdentity>,
    pub settings: Settings,
    /// Milliseconds by which the clock of what exists has been moved on.
    pub advanced: i64,
    /// Each move of the clock: when, and by how many milliseconds.
    #[serde(default)]
    pub jumps: Vec<(Moment, i64)>,
    /// Counts what is created, to list in the order of creation.
    pub sequence: u64,
    #[serde(skip)]
    pub faults: Vec<Fault>,
    #[serde(skip)]
    pub faults_made: u64,
    #[serde(skip)]
    pub requests: Requests,
}

impl Account {
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            roles: BTreeMap::new(),
            regions: BTreeMap::new(),
            web_identities: BTreeMap::new(),
            settings: Settings::default(),
            advanced: 0,
            jumps: Vec::new(),
            sequence: 0,
            faults: Vec::new(),
            faults_made: 0,
            requests: Requests::default(),
        }
    }

    pub fn region(&mut self, name: &str) -> &mut Region {
        self.regions.entry(name.to_owned()).or_default()
    }

    /// The mark that a new object bears.
    pub fn birth(&mut self) -> Birth {
        self.sequence += 1;
        Birth { at: Moment::now(), advanced: self.advanced, order: self.sequence }
    }
}

#[derive(Default, Serialize, Deserialize)]
pub struct Region {
    pub ssm: ssm::Store,
    pub eks: eks::Store,
    pub ec2: ec2::Store,
    #[serde(default)]
    pub ecr: ecr::Store,
    #[serde(default)]
    pub elb: elb::Store,
}

impl Region {
    /// Completes what was in progress in EKS when its time is over. The security group that EKS made for a
    /// cluster goes with it.
    pub fn settle(&mut self, advanced: i64) {
        self.eks.settle(advanced);
        ec2::endpoints::settle(&mut self.ec2, advanced);
        let clusters = &self.eks.clusters;
        self.ec2.security_groups.retain(|_, group| {
            group.tags.get("aws:eks:cluster-name").is_none_or(|cluster| clusters.contains_key(cluster))
        });
        // So does the control plane of a local cluster on an Outpost.
        let has_ended = |record: &&ec2::records::Record| {
            record.value["_cluster"].as_str().is_some_and(|cluster| !clusters.contains_key(cluster))
        };
        let ended: Vec<String> = self.ec2.records.values().filter(has_ended).map(|record| record.id.clone()).collect();
        for id in ended {
            if id.starts_with("eni-") {
                self.ec2.records.remove(&id);
            } else {
                ec2::instances::end(&mut self.ec2, &id);
            }
        }
    }
}

/// When an object came to be, on both clocks.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Birth {
    pub at: Moment,
    /// The account's advance at that time: only what came after makes the object older.
    pub advanced: i64,
    pub order: u64,
}

impl Birth {
    /// What the time is for this object.
    pub fn now(&self, advanced: i64) -> Moment {
        Moment::of_millis(Moment::now().millis() + advanced - self.advanced)
    }
}

/// What was asked of an account.
#[derive(Default)]
pub struct Requests {
    pub total: u64,
    pub counters: BTreeMap<String, u64>,
    pub log: VecDeque<Answered>,
}

#[derive(Serialize)]
pub struct Answered {
    pub time: String,
    pub service: String,
    pub operation: String,
    pub region: String,
    pub principal: String,
    pub status: u16,
    pub error: Option<String>,
    pub request_id: String,
    pub user_agent: String,
    pub fault: Option<String>,
}

impl Requests {
    pub fn add(&mut self, request: Answered) {
        self.total += 1;
        let name = format!("{}:{}", request.service, request.operation);
        *self.counters.entry(name).or_default() += 1;
        self.log.push_back(request);
        if self.log.len() > LOG {
            self.log.pop_front();
        }
    }
}
