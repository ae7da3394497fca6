//! Managed node groups, thinly: as many EC2 nodes as are desired, created and awaited in the cluster's control plane
//! where there is one. They take what the user data of their launch template says. An instance that is terminated is
//! replaced, as the Auto Scaling group behind would do; scaling and updates are not modelled.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Route, access_entries::Entry, cluster::Cluster, cluster::Phase as ClusterPhase, find, invalid, is_name, paged,
};
use crate::{
    aws::{
        Call,
        constraints::Constraints,
        error::{AwsError, Result},
        input::Json,
    },
    ec2, iam,
    moment::Moment,
    plane::{ClusterKey, Order, Standing},
    random,
    world::Birth,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    Creating,
    Deleting,
    Settled,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct NodeGroup {
    pub name: String,
    pub arn: String,
    born: Birth,
    version: String,
    role_arn: String,
    pub subnets: Vec<String>,
    pub instance_type: String,
    /// As the user data of the launch template says.
    #[serde(default)]
    pub max_pods: Option<u32>,
    /// Of the nodes.
    #[serde(default)]
    pub security_group_ids: Vec<String>,
    pub labels: BTreeMap<String, String>,
    /// In Kubernetes' form.
    pub taints: Vec<Value>,
    least: i64,
    most: i64,
    pub desired: usize,
    /// What is echoed as it was given: the AMI's type, the launch template, the disk's size…
    echoed: BTreeMap<String, Value>,
    pub tags: BTreeMap<String, String>,
    token: Option<String>,
    /// Names of the created nodes.
    pub nodes: Vec<String>,
    phase: Phase,
    phase_ends: Moment,
    /// Instances that never became Ready.
    unhealthy: Vec<String>,
    failed: bool,
    #[serde(skip)]
    working: bool,
    /// Whether the access entry of the role came with this group.
    made_entry: bool,
}

/// What is to be done in the control plane.
pub enum Job {
    Create(Box<NodeGroup>),
    /// The names of the nodes.
    Remove(Vec<String>),
}

impl NodeGroup {
    pub fn status(&self) -> &'static str {
        match self.phase {
            Phase::Creating => "CREATING",
            Phase::Deleting => "DELETING",
            Phase::Settled if self.failed => "CREATE_FAILED",
            Phase::Settled => "ACTIVE",
        }
    }

    pub fn describe(&self) -> Value {
        let issues = if self.failed {
            json!([{
                "code": "NodeCreationFailure",
                "message": "Unhealthy nodes in the kubernetes cluster",
                "resourceIds": self.unhealthy,
            }])
        } else {
            json!([])
        };
        let mut value = json!({
            "nodegroupName": self.name,
            "nodegroupArn": self.arn,
            "clusterName": self.arn.split('/').nth(1),
            "version": self.version,
            "createdAt": self.born.at.epoch(),
            "modifiedAt": self.born.at.epoch(),
            "status": self.status(),
            "scalingConfig": {"minSize": self.least, "maxSize": self.most, "desiredSize": self.desired},
            "subnets": self.subnets,
            "nodeRole": self.role_arn,
            "labels": self.labels,
            "resources": {"autoScalingGroups": [{"name": self.scaling_group()}]},
            "health": {"issues": issues},
            "tags": self.tags,
        });
        for (name, given) in &self.echoed {
            value[name] = given.clone();
        }
        value
    }

    fn scaling_group(&self) -> String {
        format!("eks-{}-{}", self.name, self.born.order)
    }

    /// The tags of its instances, as Auto Scaling and EKS set them.
    pub fn instance_tags(&self) -> BTreeMap<String, String> {
        let cluster = self.arn.split('/').nth(1).unwrap_or_default();
        [
            ("aws:autoscaling:groupName", self.scaling_group()),
            ("eks:cluster-name", cluster.to_owned()),
            ("eks:nodegroup-name", self.name.clone()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    /// Whether Auto Scaling replaces instances that end.
    pub fn replaces(&self) -> bool {
        self.phase == Phase::Settled && self.nodes.len() < self.desired
    }

    /// Ends a phase whose time and work are over. False = the group is gone.
    fn settle(&mut self, advanced: i64) -> bool {
        if self.phase == Phase::Settled || self.working || self.born.now(advanced) < self.phase_ends {
            return true;
        }
        if self.phase == Phase::Deleting {
            return false;
        }
        self.phase = Phase::Settled;
        true
    }

    pub fn job(&self) -> Option<Job> {
        match self.phase {
            Phase::Creating if self.working => Some(Job::Create(Box::new(self.clone()))),
            Phase::Deleting if self.working => Some(Job::Remove(self.nodes.clone())),
            _ => None,
        }
    }

    /// Whether its nodes are still to be created or awaited.
    pub fn is_creating(&self) -> bool {
        self.phase == Phase::Creating
    }

    /// The job is done; these instances never became Ready.
    pub fn done(&mut self, unhealthy: Vec<String>) {
        self.working = false;
        self.failed = !unhealthy.is_empty();
        self.unhealthy = unhealthy;
    }
}

impl Cluster {
    /// Lets node groups come to their ends, and takes back what came with those that are gone.
    pub fn settle_node_groups(&mut self, advanced: i64) {
        let mut gone = Vec::new();
        self.node_groups.retain(|_, group| {
            let stays = group.settle(advanced);
            if !stays {
                gone.push(group.clone());
            }
            stays
        });
        for group in gone.into_iter().filter(|group| group.made_entry) {
            match self.node_groups.values_mut().find(|other| other.role_arn == group.role_arn) {
                Some(heir) => heir.made_entry = true,
                None => {
                    self.access_entries.remove(&group.role_arn);
                }
            }
        }
    }
}

fn missing(route: &Route) -> AwsError {
    let name = route.item().to_owned();
    AwsError::new(404, "ResourceNotFoundException", format!("No node group found for name: {name}."))
        .with("clusterName", route.cluster.clone().unwrap_or_default())
        .with("nodegroupName", name)
}

fn in_use(cluster: &str, name: &str, message: String) -> AwsError {
    AwsError::new(409, "ResourceInUseException", message).with("clusterName", cluster).with("nodegroupName", name)
}

/// minSize, maxSize, desiredSize.
fn scaling(input: Json<'_>) -> Result<(i64, i64, usize)> {
    let (mut least, mut most, mut desired) = (1, 2, 2);
    if let Some(config) = input.object("scalingConfig")? {
        least = config.integer("minSize")?.unwrap_or(least);
        most = config.integer("maxSize")?.unwrap_or(most);
        desired = config.integer("desiredSize")?.unwrap_or(desired);
    }
    let mut constraints = Constraints::default();
    constraints.range("minSize", Some(least), 0, i64::MAX);
    constraints.range("maxSize", Some(most), 1, i64::MAX);
    constraints.range("desiredSize", Some(desired), 0, 450);
    constraints.finish_as("InvalidParameterException")?;
    if desired > most {
        return Err(invalid(format!("desired capacity {desired} can't be greater than max size {most}")));
    }
    if least > desired {
        return Err(invalid(format!("Minimum capacity {least} can't be greater than desired size {desired}")));
    }
    Ok((least, most, usize::try_from(desired).unwrap_or_default()))
}

/// Taints in Kubernetes' form.
fn taints(input: Json<'_>) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for taint in input.objects("taints")?.unwrap_or_default() {
        let effect = match taint.text("effect")? {
            Some("NO_SCHEDULE") => "NoSchedule",
            Some("NO_EXECUTE") => "NoExecute",
            Some("PREFER_NO_SCHEDULE") => "PreferNoSchedule",
            other => return Err(invalid(format!("The taint effect {} is invalid", other.unwrap_or("null")))),
        };
        all.push(json!({
            "key": taint.text("key")?.unwrap_or_default(),
            "value": taint.text("value")?.unwrap_or_default(),
            "effect": effect,
        }));
    }
    Ok(all)
}

fn check_role(call: &mut Call<'_>, arn: &str) -> Result<()> {
    let id = call.account.clone();
    let asker = iam::trust::Asker::Service { name: "ec2.amazonaws.com", account: &id };
    match call.account().roles.values().find(|role| role.arn(&id) == arn) {
        None => Err(invalid(format!("The role with name {} cannot be found.", arn.rsplit('/').next().unwrap_or(arn)))),
        Some(role) if iam::trust::trusts(&role.trust, &asker) => Ok(()),
        Some(_) => Err(invalid(format!(
            "Following required service principals [ec2.amazonaws.com] were not found in the trust relationships of nodeRole {arn}"
        ))),
    }
}

pub fn create(call: &mut Call<'_>, route: &Route, input: Json<'_>) -> Result<Value> {
    let (name, role) = (input.text("nodegroupName")?, input.text("nodeRole")?);
    let mut constraints = Constraints::default();
    constraints.required("nodegroupName", name);
    constraints.length("nodegroupName", name, 1, 63);
    constraints.required("nodeRole", role);
    constraints.required("subnets", input.value("subnets"));
    constraints.finish_as("InvalidParameterException")?;
    let (name, role) = (name.unwrap_or_default(), role.unwrap_or_default());
    if !is_name(name) {
        return Err(invalid("The nodegroup name parameter contains invalid characters"));
    }
    for unsupported in ["remoteAccess", "nodeRepairConfig", "warmPoolConfig"] {
        if input.value(unsupported).is_some() {
            return Err(invalid(format!("{unsupported} is not supported by this stand-in")));
        }
    }
    call.authorize("iam:PassRole", role)?;
    let cluster = find(call, route)?.clone();
    let token = input.text("clientRequestToken")?.map(ToOwned::to_owned);
    if let Some(there) = cluster.node_groups.get(name) {
        if there.token.is_some() && there.token == token {
            return Ok(json!({"nodegroup": there.describe()}));
        }
        let message = format!("NodeGroup already exists with name {name} and cluster name {}", cluster.name);
        return Err(in_use(&cluster.name, name, message));
    }
    if !matches!(cluster.phase, ClusterPhase::Active | ClusterPhase::Updating) {
        let message = format!("Cluster '{}' is not in ACTIVE status", cluster.name);
        return Err(AwsError::client("InvalidRequestException", message).with("clusterName", cluster.name));
    }
    check_role(call, role)?;
    let (least, most, desired) = scaling(input)?;
    let subnets = input.texts("subnets")?.unwrap_or_default();
    for id in &subnets {
        match call.region().ec2.subnets.get(id) {
            Some(subnet) if subnet.vpc_id == cluster.network.vpc_id => {}
            Some(_) => return Err(invalid(format!("The subnet {id} is not in the cluster's VPC"))),
            None => return Err(invalid(format!("The subnet ID '{id}' does not exist"))),
        }
    }
    if subnets.is_empty() {
        return Err(invalid("Subnets are required"));
    }
    let template = input.object("launchTemplate")?;
    if let Some(template) = template
        && template.text("id")?.is_some() == template.text("name")?.is_some()
    {
        return Err(invalid(
            "You must specify either the launch template ID or the launch template name in the request, but not both.",
        ));
    }
    if template.is_some() && input.value("diskSize").is_some() {
        return Err(invalid("Disk size must be specified within the launch template."));
    }
    let template = template.map(|template| launched(call, template)).transpose()?;
    let data = template.as_ref().map_or(Value::Null, |(_, data)| data.clone());
    let given = input.texts("instanceTypes")?.filter(|types| !types.is_empty());
    let types = match (given, data["instanceType"].as_str()) {
        (Some(_), Some(_)) => {
            return Err(invalid("You cannot specify instance types in both the launch template and the request."));
        }
        (Some(types), None) => types,
        (None, Some(one)) => vec![one.to_owned()],
        (None, None) => vec!["t3.medium".to_owned()],
    };
    if let Some(unknown) = types.iter().find(|name| ec2::catalog::pods(name).is_none()) {
        return Err(invalid(format!("The following supplied instance types do not exist: [{unknown}]")));
    }
    let mut echoed: BTreeMap<String, Value> = [
        ("amiType", json!("AL2023_x86_64_STANDARD")),
        ("capacityType", json!("ON_DEMAND")),
        ("updateConfig", json!({"maxUnavailable": 1})),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for member in ["amiType", "capacityType", "diskSize", "releaseVersion", "taints", "updateConfig"] {
        if let Some(given) = input.value(member) {
            echoed.insert(member.to_owned(), given.clone());
        }
    }
    if data["instanceType"].is_null() {
        echoed.insert("instanceTypes".to_owned(), json!(types));
    }
    if let Some(image) = data["imageId"].as_str() {
        check_image(call, input, image, &types)?;
        echoed.insert("amiType".to_owned(), json!("CUSTOM"));
        echoed.insert("releaseVersion".to_owned(), json!(image));
    }
    if let Some((shown, _)) = template {
        echoed.insert("launchTemplate".to_owned(), shown);
    }
    let born = call.account().birth();
    let arn = cluster.arn.replacen(":cluster/", ":nodegroup/", 1);
    let group = NodeGroup {
        name: name.to_owned(),
        arn: format!("{arn}/{name}/{}", random::uuid()),
        born,
        version: input.text("version")?.unwrap_or(&cluster.version).to_owned(),
        role_arn: role.to_owned(),
        subnets,
        instance_type: types.into_iter().next().unwrap_or_default(),
        max_pods: data["userData"].as_str().and_then(ec2::user_data::max_pods),
        security_group_ids: security_groups(&data, &cluster),
        labels: input.map("labels")?.unwrap_or_default().into_iter().collect(),
        taints: taints(input)?,
        least,
        most,
        desired,
        echoed,
        tags: input.map("tags")?.unwrap_or_default().into_iter().collect(),
        token,
        nodes: Vec::new(),
        phase: Phase::Creating,
        phase_ends: born.at.plus_seconds(call.account().settings.nodegroup_create_seconds),
        unhealthy: Vec::new(),
        failed: false,
        working: false,
        made_entry: cluster.authentication_mode != "CONFIG_MAP" && !cluster.access_entries.contains_key(role),
    };
    let answer = json!({"nodegroup": group.describe()});
    let now = call.now;
    let found = find(call, route)?;
    if group.made_entry {
        found.access_entries.insert(role.to_owned(), Entry::linux(&cluster.arn, role, now));
    }
    found.node_groups.insert(name.to_owned(), group);
    order(call, &cluster.name, name);
    Ok(answer)
}

/// A launch template that a request names: as the group shows it, and the data of that version.
fn launched(call: &mut Call<'_>, given: Json<'_>) -> Result<(Value, Value)> {
    let refused = |error: AwsError| AwsError::client("InvalidRequestException", error.message);
    let store = &call.region().ec2;
    let template = ec2::templates::named(store, given.text("id")?, given.text("name")?).map_err(refused)?;
    let version = given.text("version")?.unwrap_or("$Default");
    let chosen = ec2::templates::chosen(template, version).map_err(refused)?;
    let shown = json!({
        "id": template.id,
        "name": template.value["launchTemplateName"],
        "version": chosen.number.to_string(),
    });
    Ok((shown, chosen.data))
}

/// An image of the user's own must be there and fit, and leaves no choice of another.
fn check_image(call: &mut Call<'_>, input: Json<'_>, image: &str, types: &[String]) -> Result<()> {
    if input.value("amiType").is_some() || input.value("releaseVersion").is_some() {
        return Err(invalid(
            "You cannot specify an AMI type or a release version when the launch template has an image ID.",
        ));
    }
    let found =
        ec2::images::find(call, image).map_err(|error| AwsError::client("InvalidRequestException", error.message))?;
    match types.iter().find(|name| found["architecture"] != ec2::catalog::machine(name)) {
        Some(other) => Err(invalid(format!("The image {image} does not fit the instance type {other}"))),
        None => Ok(()),
    }
}

/// Those of the launch template; without, the cluster's own.
fn security_groups(data: &Value, cluster: &Cluster) -> Vec<String> {
    let given = [&data["securityGroupIdSet"], &data["networkInterfaceSet"][0]["groupSet"]];
    let given = given.into_iter().find_map(Value::as_array).into_iter().flatten();
    let given: Vec<String> = given.filter_map(|id| id.as_str().map(ToOwned::to_owned)).collect();
    if given.is_empty() { vec![cluster.network.cluster_security_group_id.clone()] } else { given }
}

/// Has the control plane do the group's job, where there is one.
fn order(call: &mut Call<'_>, cluster: &str, name: &str) {
    let region = call.region.clone();
    let Some(key) = ClusterKey::of(call.account(), &region, cluster) else { return };
    let Some(found) = call.region().eks.clusters.get_mut(cluster) else { return };
    let has_plane = matches!(found.standing, Standing::Ready { .. });
    let Some(group) = found.node_groups.get_mut(name).filter(|_| has_plane) else { return };
    group.working = true;
    call.world.ordered.push(Order::NodeGroup { cluster: key, name: name.to_owned() });
}

pub fn describe(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let group = find(call, route)?.node_groups.get(route.item()).ok_or_else(|| missing(route))?;
    Ok(json!({"nodegroup": group.describe()}))
}

pub fn list(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let items = find(call, route)?.node_groups.keys().map(|name| (name.clone(), Value::from(name.clone()))).collect();
    paged(call, route, "nodegroups", items)
}

pub fn delete(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let (seconds, advanced) = (call.account().settings.nodegroup_delete_seconds, call.account().advanced);
    let cluster = find(call, route)?;
    let cluster_name = cluster.name.clone();
    let group = cluster.node_groups.get_mut(route.item()).ok_or_else(|| missing(route))?;
    let name = group.name.clone();
    if group.phase == Phase::Creating {
        let message = format!("Nodegroup {name} cannot be deleted as it is currently in CREATING state");
        return Err(in_use(&cluster_name, &name, message));
    }
    let begins = group.phase != Phase::Deleting;
    if begins {
        group.phase = Phase::Deleting;
        group.phase_ends = group.born.now(advanced).plus_seconds(seconds);
    }
    let answer = json!({"nodegroup": group.describe()});
    if begins {
        order(call, &cluster_name, &name);
    }
    call.region().settle(advanced);
    Ok(answer)
}
