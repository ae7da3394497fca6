//! EKS add-ons: what EKS installs into a cluster and keeps to a version and to configuration values.
//!
//! Here are the records and the rules of the calls. Where the cluster has a control plane, the objects are applied by
//! [`crate::plane`], which works on a [`Job`] and tells what came of it.

pub mod schemas;
mod validate;
pub mod versions;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Route, cluster::Cluster, cluster::Phase as ClusterPhase, find, invalid, paged, update::Update};
use crate::{
    aws::{
        Call,
        constraints::Constraints,
        error::{AwsError, Result},
        input::Json,
    },
    moment::Moment,
    plane::{ClusterKey, Order, Standing},
    random,
    world::Birth,
};

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

/// A version with its configuration values; what the objects are made of.
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
    /// Counts the jobs: what is told about an earlier one is not heard.
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
        let values = self.configuration.as_deref().and_then(|text| parse(text).ok()).unwrap_or_else(|| json!({}));
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
                    // The words' meaning for a creation: what is there already is a conflict.
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

    /// The job is done; `issues` is what is wrong with the pods. Can be told again, when that changes.
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

/// What a request configures.
struct Wanted {
    version: Option<String>,
    configuration: Option<String>,
    service_account_role: Option<String>,
    resolve: Resolve,
    token: Option<String>,
}

impl Wanted {
    fn read(input: Json<'_>) -> Result<Self> {
        let mut constraints = Constraints::default();
        let resolve = input.text("resolveConflicts")?;
        let role = input.text("serviceAccountRoleArn")?;
        constraints.one_of("resolveConflicts", resolve, &["OVERWRITE", "NONE", "PRESERVE"]);
        constraints.length("serviceAccountRoleArn", role, 1, 255);
        constraints.finish_as("InvalidParameterException")?;
        for unsupported in ["podIdentityAssociations", "namespaceConfig"] {
            if input.value(unsupported).is_some() {
                return Err(invalid(format!("{unsupported} is not supported by this stand-in")));
            }
        }
        let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
        Ok(Self {
            version: owned(input.text("addonVersion")?),
            configuration: owned(input.text("configurationValues")?),
            service_account_role: owned(role),
            resolve: match resolve {
                Some("OVERWRITE") => Resolve::Overwrite,
                Some("PRESERVE") => Resolve::Preserve,
                _ => Resolve::None,
            },
            token: owned(input.text("clientRequestToken")?),
        })
    }
}

/// JSON or YAML; an empty text configures nothing.
fn parse(text: &str) -> std::result::Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(json!({}));
    }
    let value: Value = serde_yaml_ng::from_str(text).map_err(|error| error.to_string())?;
    // `{}` in YAML's empty form.
    Ok(if value.is_null() { json!({}) } else { value })
}

/// Refuses configuration values that the version's schema does not allow, or a version that there is not.
fn check(addon: &str, version: &str, configuration: Option<&str>, kubernetes: &str) -> Result<()> {
    if !versions::supports(addon, version, kubernetes) {
        return Err(invalid("Addon version specified is not supported").with("addonName", addon));
    }
    let refuse = |text: String| {
        invalid(format!("ConfigurationValue provided in request is not supported: {text}")).with("addonName", addon)
    };
    let Some(text) = configuration else { return Ok(()) };
    let values = parse(text).map_err(|error| refuse(format!("it is neither JSON nor YAML: {error}")))?;
    let faults = schemas::of(addon, version).map(|schema| validate::faults(&schema, &values)).unwrap_or_default();
    if faults.is_empty() {
        return Ok(());
    }
    Err(refuse(format!("Json schema validation failed with error: [{}]", faults.join(", "))))
}

pub fn missing(cluster: &str, addon: &str) -> AwsError {
    AwsError::new(404, "ResourceNotFoundException", format!("No addon: {addon} found in cluster: {cluster}"))
        .with("clusterName", cluster)
        .with("addonName", addon)
}

fn in_use(cluster: &str, addon: &str, message: String) -> AwsError {
    AwsError::new(409, "ResourceInUseException", message).with("clusterName", cluster).with("addonName", addon)
}

fn find_addon<'a>(call: &'a mut Call<'_>, route: &Route) -> Result<&'a mut Addon> {
    let cluster = find(call, route)?;
    let name = cluster.name.clone();
    cluster.addons.get_mut(route.item()).ok_or_else(|| missing(&name, route.item()))
}

/// Has the control plane do the add-on's job, where there is one.
fn order(call: &mut Call<'_>, cluster: &str, addon: &str) {
    let region = call.region.clone();
    let Some(key) = ClusterKey::of(call.account(), &region, cluster) else { return };
    let Some(found) = call.region().eks.clusters.get_mut(cluster) else { return };
    let has_plane = matches!(found.standing, Standing::Ready { .. });
    let Some(addon) = found.addons.get_mut(addon) else { return };
    if !has_plane {
        addon.applied = Some(addon.content());
        return;
    }
    // Nothing to take back: it has never been applied, or is to stay.
    if addon.phase == Phase::Deleting && addon.applied.is_none() {
        return;
    }
    addon.working = true;
    let order = Order::Addon { cluster: key, name: addon.name.clone(), number: addon.job };
    call.world.ordered.push(order);
}

/// An add-on with nothing under way.
fn new(cluster: &Cluster, name: &str, version: String, born: Birth) -> Addon {
    let arn = cluster.arn.replacen(":cluster/", ":addon/", 1);
    Addon {
        name: name.to_owned(),
        arn: format!("{arn}/{name}/{}", random::uuid()),
        born,
        modified: born.at,
        version,
        configuration: None,
        service_account_role: None,
        tags: BTreeMap::new(),
        token: None,
        resolve: Resolve::Overwrite,
        updates: Vec::new(),
        phase: Phase::Settled,
        phase_ends: born.at,
        applied: None,
        failed: None,
        issues: Vec::new(),
        job: 0,
        working: false,
        refused: None,
    }
}

pub fn create(call: &mut Call<'_>, route: &Route, input: Json<'_>) -> Result<Value> {
    let name = input.text("addonName")?;
    let tags = input.map("tags")?.unwrap_or_default();
    let mut constraints = Constraints::default();
    constraints.required("addonName", name);
    for (key, value) in &tags {
        constraints.length("tags", Some(key), 1, 128);
        constraints.length("tags", Some(value), 0, 256);
    }
    constraints.finish_as("InvalidParameterException")?;
    let name = name.unwrap_or_default();
    let wanted = Wanted::read(input)?;
    let cluster = find(call, route)?.clone();
    let Some(default) = versions::default(name, &cluster.version) else {
        return Err(invalid(format!(
            "Addon {name} specified is not supported in {} kubernetes version",
            cluster.version
        ))
        .with("addonName", name));
    };
    if let Some(there) = cluster.addons.get(name) {
        if there.token.is_some() && there.token == wanted.token {
            return Ok(json!({"addon": there.describe()}));
        }
        return Err(in_use(&cluster.name, name, "Addon already exists.".to_owned()));
    }
    if !matches!(cluster.phase, ClusterPhase::Active | ClusterPhase::Updating) {
        return Err(AwsError::client(
            "InvalidRequestException",
            format!("Cluster {} is in status {}, an addon cannot be created in it", cluster.name, cluster.status()),
        )
        .with("clusterName", cluster.name));
    }
    let version = wanted.version.unwrap_or(default);
    check(name, &version, wanted.configuration.as_deref(), &cluster.version)?;
    if let Some(role) = &wanted.service_account_role {
        call.authorize("iam:PassRole", role)?;
    }
    let born = call.account().birth();
    let mut addon = new(&cluster, name, version, born);
    addon.configuration = wanted.configuration;
    addon.service_account_role = wanted.service_account_role;
    addon.tags = tags.into_iter().collect();
    addon.token = wanted.token;
    addon.resolve = wanted.resolve;
    let (seconds, advanced) = (call.account().settings.addon_create_seconds, call.account().advanced);
    addon.begin(Phase::Creating, seconds, advanced);
    let answer = json!({"addon": addon.describe()});
    find(call, route)?.addons.insert(name.to_owned(), addon);
    order(call, &cluster.name, name);
    Ok(answer)
}

pub fn describe(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    Ok(json!({"addon": find_addon(call, route)?.describe()}))
}

pub fn list(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let items = find(call, route)?.addons.keys().map(|name| (name.clone(), Value::from(name.clone()))).collect();
    paged(call, route, "addons", items)
}

pub fn update(call: &mut Call<'_>, route: &Route, input: Json<'_>) -> Result<Value> {
    let wanted = Wanted::read(input)?;
    let (cluster, kubernetes) = {
        let cluster = find(call, route)?;
        (cluster.name.clone(), cluster.version.clone())
    };
    let (seconds, advanced) = (call.account().settings.addon_update_seconds, call.account().advanced);
    if let Some(role) = &wanted.service_account_role {
        call.authorize("iam:PassRole", role)?;
    }
    let addon = find_addon(call, route)?;
    if let Some(known) = addon.updates.iter().find(|update| update.token.is_some() && update.token == wanted.token) {
        return Ok(json!({"update": known.describe()}));
    }
    let name = addon.name.clone();
    if addon.phase != Phase::Settled {
        let message = format!("Addon {name} cannot be updated as it is currently in {} state", addon.status());
        return Err(in_use(&cluster, &name, message));
    }
    let version = wanted.version.clone().unwrap_or_else(|| addon.version.clone());
    // Values that are not given stay, a role does not.
    let configuration = wanted.configuration.clone().or_else(|| addon.configuration.clone());
    check(&name, &version, configuration.as_deref(), &kubernetes)?;
    let ((old_major, old), (major, new)) = (versions::minor(&addon.version), versions::minor(&version));
    if name == "vpc-cni" && (old_major != major || old.abs_diff(new) > 1) {
        return Err(
            invalid("Updating VPC-CNI can only go up or down 1 minor version at a time").with("addonName", name)
        );
    }
    let mut parameters = vec![("AddonVersion".to_owned(), version.clone())];
    let resolve = match wanted.resolve {
        Resolve::None => "NONE",
        Resolve::Overwrite => "OVERWRITE",
        Resolve::Preserve => "PRESERVE",
    };
    parameters.push(("ResolveConflicts".to_owned(), resolve.to_owned()));
    for (kind, value) in
        [("ConfigurationValues", &wanted.configuration), ("ServiceAccountRoleArn", &wanted.service_account_role)]
    {
        parameters.extend(value.clone().map(|value| (kind.to_owned(), value)));
    }
    let mut update = Update::begun("AddonUpdate", parameters);
    update.token = wanted.token;
    let answer = json!({"update": update.describe()});
    addon.begin(Phase::Updating, seconds, advanced);
    addon.version = version;
    addon.configuration = configuration;
    addon.service_account_role = wanted.service_account_role;
    addon.resolve = wanted.resolve;
    addon.updates.push(update);
    order(call, &cluster, &name);
    Ok(answer)
}

pub fn delete(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let preserve = match route.parameter("preserve") {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            return Err(AwsError::client("SerializationException", format!("`{other}` is not a boolean")));
        }
    };
    let cluster = find(call, route)?.name.clone();
    let (seconds, advanced) = (call.account().settings.addon_delete_seconds, call.account().advanced);
    let addon = find_addon(call, route)?;
    let name = addon.name.clone();
    if matches!(addon.phase, Phase::Creating | Phase::Updating) {
        let message = format!("Addon {name} cannot be deleted as it is currently in {} state", addon.status());
        // The call has no ResourceInUseException.
        return Err(AwsError::client("InvalidRequestException", message)
            .with("clusterName", cluster)
            .with("addonName", name));
    }
    if addon.phase != Phase::Deleting {
        addon.begin(Phase::Deleting, seconds, advanced);
        if preserve {
            addon.applied = None;
        }
    }
    let answer = json!({"addon": addon.describe()});
    if !preserve {
        order(call, &cluster, &name);
    }
    call.region().eks.settle(advanced);
    Ok(answer)
}

/// An add-on as the control API makes it: there, as if it had been made with the cluster. Gives the number of its job
/// where it is to be applied to a control plane; the error is for the caller.
pub fn plant(
    cluster: &mut Cluster,
    name: &str,
    version: Option<String>,
    configuration: Option<String>,
    born: Birth,
) -> std::result::Result<Option<u64>, String> {
    let default = versions::default(name, &cluster.version).ok_or_else(|| format!("there is no add-on `{name}`"))?;
    if cluster.addons.contains_key(name) {
        return Err(format!("the add-on `{name}` is there already"));
    }
    let version = version.unwrap_or(default);
    check(name, &version, configuration.as_deref(), &cluster.version).map_err(|error| error.to_string())?;
    let mut addon = new(cluster, name, version, born);
    addon.configuration = configuration;
    let has_plane = matches!(cluster.standing, Standing::Ready { .. });
    if has_plane {
        addon.begin(Phase::Creating, 0, born.advanced);
        addon.working = true;
    } else {
        // A control plane that is started later begins with it.
        addon.applied = Some(addon.content());
    }
    let number = addon.job;
    cluster.addons.insert(name.to_owned(), addon);
    Ok(has_plane.then_some(number))
}
