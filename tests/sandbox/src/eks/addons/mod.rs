//! EKS add-ons: what EKS installs into a cluster and keeps to a version and to configuration values.
//!
//! Here are the records and the rules of the calls. Where the cluster has a control plane, the objects are applied by
//! [`crate::plane`], which works on a [`Job`] and reports its result.

mod calls;
pub mod schemas;
mod validate;
pub mod versions;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::calls::{create, delete, describe, list, missing, plant, update};
use super::update::Update;
use crate::{moment::Moment, world::Birth};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    Creating,
    Updating,
    Deleting,
    Settled,
}

/// What is wrong with an add-on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    pub code: String,
    pub message: String,
    pub resources: Vec<String>,
}

/// What to do where others own fields that the add-on sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resolve {
    None,
    Overwrite,
    Preserve,
}

/// A version with its configuration values, from which the objects are built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Content {
    pub version: String,
    /// An object, empty when nothing is configured.
    pub values: Value,
}

/// Work in a control plane.
#[derive(Clone, Debug)]
pub enum Job {
    /// Apply `after`; remove what only `before` had.
    Apply {
        before: Option<Content>,
        after: Content,
        resolve: Resolve,
        patience: std::time::Duration,
    },
    Remove(Content),
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Addon {
    pub name: String,
    pub arn: String,
    born: Birth,
    modified: Moment,
    version: String,
    /// As the client gave it.
    configuration: Option<String>,
    service_account_role: Option<String>,
    pub tags: BTreeMap<String, String>,
    token: Option<String>,
    resolve: Resolve,
    pub updates: Vec<Update>,
    phase: Phase,
    phase_ends: Moment,
    /// What the cluster holds.
    applied: Option<Content>,
    /// `CREATE_FAILED` or `UPDATE_FAILED`.
    failed: Option<String>,
    issues: Vec<Issue>,
    /// Counts the jobs: reports of an earlier one are ignored.
    job: u64,
    /// Whether the job is still under way.
    #[serde(skip)]
    working: bool,
    /// Why the job was refused.
    #[serde(skip)]
    refused: Option<Issue>,
}

impl Addon {
    pub fn status(&self) -> &str {
        match (self.phase, &self.failed) {
            (Phase::Creating, _) => "CREATING",
            (Phase::Updating, _) => "UPDATING",
            (Phase::Deleting, _) => "DELETING",
            (Phase::Settled, Some(failed)) => failed,
            (Phase::Settled, None) if !self.issues.is_empty() => "DEGRADED",
            (Phase::Settled, None) => "ACTIVE",
        }
    }

    pub fn describe(&self) -> Value {
        let issues: Vec<Value> = self
            .issues
            .iter()
            .map(|issue| json!({"code": issue.code, "message": issue.message, "resourceIds": issue.resources}))
            .collect();
        let mut value = json!({
            "addonName": self.name,
            "clusterName": self.arn.split('/').nth(1),
            "status": self.status(),
            "addonVersion": self.version,
            "health": {"issues": issues},
            "addonArn": self.arn,
            "createdAt": self.born.at.epoch(),
            "modifiedAt": self.modified.epoch(),
            "tags": self.tags,
            "namespaceConfig": {"namespace": "kube-system"},
        });
        if let Some(text) = &self.configuration {
            value["configurationValues"] = text.clone().into();
        }
        if let Some(role) = &self.service_account_role {
            value["serviceAccountRoleArn"] = role.clone().into();
        }
        value
    }

    /// What it is to be now.
    pub fn content(&self) -> Content {
        // Checked when it was given.
        let values =
            self.configuration.as_deref().and_then(|text| calls::parse(text).ok()).unwrap_or_else(|| json!({}));
        Content { version: self.version.clone(), values }
    }

    /// Ends a phase whose time and work are over. False = the add-on is gone.
    pub fn settle(&mut self, advanced: i64) -> bool {
        if self.phase == Phase::Settled || self.working || self.born.now(advanced) < self.phase_ends {
            return true;
        }
        if self.phase == Phase::Deleting {
            return false;
        }
        let failed = if self.phase == Phase::Creating { "CREATE_FAILED" } else { "UPDATE_FAILED" };
        self.phase = Phase::Settled;
        let refused = self.refused.take();
        if let Some(update) = self.updates.last_mut().filter(|update| update.status == "InProgress") {
            if refused.is_some() { "Failed" } else { "Successful" }.clone_into(&mut update.status);
            update.errors = refused.iter().cloned().map(|issue| (issue.code, issue.message, issue.resources)).collect();
        }
        self.failed = refused.as_ref().map(|_| failed.to_owned());
        self.issues.extend(refused);
        true
    }

    fn begin(&mut self, phase: Phase, seconds: i64, advanced: i64) {
        self.phase = phase;
        self.phase_ends = self.born.now(advanced).plus_seconds(seconds);
        self.modified = Moment::now();
        self.issues.clear();
        self.failed = None;
        self.refused = None;
        self.job += 1;
    }

    /// What is to be done now, by the job of this number.
    pub fn job(&self, number: u64, patience: std::time::Duration) -> Option<Job> {
        if self.job != number || !self.working {
            return None;
        }
        Some(match (self.phase, &self.applied) {
            (Phase::Deleting, applied) => Job::Remove(applied.clone()?),
            (phase, before) => Job::Apply {
                before: before.clone(),
                after: self.content(),
                resolve: match self.resolve {
                    // For a creation, whatever exists already is a conflict.
                    Resolve::Preserve if phase == Phase::Creating => Resolve::None,
                    resolve => resolve,
                },
                patience,
            },
        })
    }

    /// The cluster holds what it is to hold.
    pub fn applied(&mut self, number: u64) {
        if self.job == number {
            self.applied = Some(self.content());
        }
    }

    /// The job is done; `issues` is what is wrong with the pods. Can be reported again when that changes.
    pub fn done(&mut self, number: u64, issues: Vec<Issue>) {
        if self.job == number {
            self.working = false;
            self.issues = issues;
        }
    }

    /// The job could not be done.
    pub fn refused(&mut self, number: u64, issue: Issue) {
        if self.job == number {
            self.working = false;
            self.refused = Some(issue);
        }
    }

    /// Whether this job is still the last one.
    pub fn is_current(&self, number: u64) -> bool {
        self.job == number && self.phase != Phase::Deleting
    }
}
