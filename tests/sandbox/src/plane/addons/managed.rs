//! Add-ons in a running cluster: applied as EKS applies them, monitored until their pods are Ready, removed.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{
    super::api::{Api, Content as Form, Error},
    Facts, apply_soon, field, objects, path_of,
};
use crate::eks::addons::{Content, Issue, Resolve};

/// Rounds of omitting fields of others; each conflict lists all of an object's at once.
const ROUNDS: u32 = 5;
/// How long a cluster may be unreachable before EKS gives up.
const UNREACHABLE: Duration = Duration::from_mins(1);

/// Why an add-on was not applied.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("others own fields that the add-on sets")]
    Conflict(Vec<String>),
    #[error("the API server did not do what was asked")]
    Api(#[from] Error),
}

impl Failure {
    /// The issue in the add-on's health.
    pub fn issue(&self) -> Issue {
        let (code, message) = match self {
            Self::Conflict(fields) => (
                "ConfigurationConflict",
                format!(
                    "Conflicts found when trying to apply. Will not continue due to resolve conflicts mode. Conflicts:\n{}",
                    fields.join("\n")
                ),
            ),
            Self::Api(Error::Refused { status: 400..500, message, .. }) => ("AdmissionRequestDenied", message.clone()),
            Self::Api(_) => ("ClusterUnreachable", "The cluster's API server could not be reached.".to_owned()),
        };
        Issue { code: code.to_owned(), message, resources: Vec::new() }
    }
}

/// Brings the cluster's objects in line with the add-on.
pub async fn apply(
    api: &Api,
    facts: &Facts,
    addon: &str,
    before: Option<&Content>,
    after: &Content,
    resolve: Resolve,
) -> Result<(), Failure> {
    reachable(api).await?;
    let wanted = objects(facts, addon, after);
    if resolve == Resolve::None {
        let mut found = Vec::new();
        for object in &wanted {
            for path in conflicts(api, object).await? {
                found.push(format!("{} - {path}", title(object)));
            }
        }
        if !found.is_empty() {
            return Err(Failure::Conflict(found));
        }
    }
    for mut object in wanted.iter().cloned() {
        if resolve == Resolve::Preserve {
            for _ in 0..ROUNDS {
                let others = conflicts(api, &object).await?;
                if others.is_empty() {
                    break;
                }
                for path in others {
                    field::remove(&mut object, &path);
                }
            }
        }
        apply_soon(api, &object).await?;
    }
    let kept: Vec<String> = wanted.iter().map(path_of).collect();
    let old = before.map(|before| objects(facts, addon, before)).unwrap_or_default();
    for object in old.iter().filter(|object| !kept.contains(&path_of(object))) {
        remove_object(api, object).await?;
    }
    Ok(())
}

/// Deletes an add-on's objects. CRDs are kept, and with them the objects of others.
pub async fn remove(api: &Api, facts: &Facts, addon: &str, content: &Content) -> Result<(), Failure> {
    reachable(api).await?;
    for object in objects(facts, addon, content).iter().rev() {
        if object["kind"] != "CustomResourceDefinition" {
            remove_object(api, object).await?;
        }
    }
    Ok(())
}

/// Waits until the API server responds.
async fn reachable(api: &Api) -> Result<(), Error> {
    let begun = Instant::now();
    loop {
        match api.get("/readyz").await {
            Ok(_) => return Ok(()),
            Err(error) if begun.elapsed() > UNREACHABLE => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

async fn remove_object(api: &Api, object: &Value) -> Result<(), Error> {
    match api.call("DELETE", &path_of(object), None).await {
        Ok(_) | Err(Error::Refused { status: 404, .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Fields of an object that others own with different values.
async fn conflicts(api: &Api, object: &Value) -> Result<Vec<String>, Error> {
    let path = format!("{}?fieldManager=eks&dryRun=All", path_of(object));
    let (status, answer) = api.exchange("PATCH", &path, Some((Form::ServerSideApply, object))).await?;
    if status != 409 {
        // Other errors show up when it is applied.
        return Ok(Vec::new());
    }
    let causes = answer["details"]["causes"].as_array().into_iter().flatten();
    Ok(causes
        .filter(|cause| cause["reason"] == "FieldManagerConflict")
        .filter_map(|cause| Some(cause["field"].as_str()?.to_owned()))
        .collect())
}

/// `DaemonSet.apps aws-node`
fn title(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let group = text(&object["apiVersion"]).split_once('/').map(|(group, _)| format!(".{group}"));
    format!("{}{} {}", text(&object["kind"]), group.unwrap_or_default(), text(&object["metadata"]["name"]))
}

/// Issues of an add-on's pods.
pub async fn health(api: &Api, facts: &Facts, addon: &str, content: &Content) -> Result<Vec<Issue>, Error> {
    let mut issues = Vec::new();
    for object in &objects(facts, addon, content) {
        let is_whole: fn(&Value) -> bool = match object["kind"].as_str() {
            Some("DaemonSet") => daemon_set_is_whole,
            Some("Deployment") => deployment_is_whole,
            _ => continue,
        };
        let (status, found) = api.exchange("GET", &path_of(object), None).await?;
        let resources = vec![object["metadata"]["name"].as_str().unwrap_or_default().to_owned()];
        if status == 404 {
            let message = "The add-on's resources are not in the cluster.".to_owned();
            issues.push(Issue { code: "K8sResourceNotFound".to_owned(), message, resources });
        } else if !is_whole(&found) {
            let message = "The add-on is unhealthy because it doesn't have the desired number of replicas.".to_owned();
            issues.push(Issue { code: "InsufficientNumberOfReplicas".to_owned(), message, resources });
        }
    }
    Ok(issues)
}

/// Whether the controller has observed the newest specification.
pub(in crate::plane) fn is_observed(object: &Value) -> bool {
    object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

fn daemon_set_is_whole(object: &Value) -> bool {
    let count = |member: &str| object["status"][member].as_u64().unwrap_or_default();
    let wanted = count("desiredNumberScheduled");
    is_observed(object) && count("updatedNumberScheduled") == wanted && count("numberAvailable") == wanted
}

fn deployment_is_whole(object: &Value) -> bool {
    let count = |member: &str| object["status"][member].as_u64().unwrap_or_default();
    let wanted = object["spec"]["replicas"].as_u64().unwrap_or_default();
    is_observed(object) && count("updatedReplicas") == wanted && count("availableReplicas") == wanted
}
