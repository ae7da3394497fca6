//! `UpdateClusterConfig`: one kind of change at a time, each recorded as an update. And the updates themselves, those
//! of add-ons included.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Route, access_entries, addons,
    cluster::{Cluster, Phase},
    create, find, invalid, paged,
};
use crate::{
    aws::{
        Call,
        constraints::Constraints,
        error::{AwsError, Result},
        input::Json,
        page,
    },
    moment::Moment,
    random,
};

#[derive(Clone, Serialize, Deserialize)]
pub struct Update {
    pub id: String,
    pub kind: String,
    /// `InProgress`, Successful or Failed.
    pub status: String,
    pub created: Moment,
    /// What the update changes: kind and value.
    pub parameters: Vec<(String, String)>,
    /// Why it failed: code, message, resources.
    #[serde(default)]
    pub errors: Vec<(String, String, Vec<String>)>,
    /// By which a repeated request is known.
    #[serde(default)]
    pub token: Option<String>,
}

impl Update {
    /// One that has just begun.
    pub fn begun(kind: &str, parameters: Vec<(String, String)>) -> Self {
        Self {
            id: random::uuid(),
            kind: kind.to_owned(),
            status: "InProgress".to_owned(),
            created: Moment::now(),
            parameters,
            errors: Vec::new(),
            token: None,
        }
    }

    pub fn describe(&self) -> Value {
        let parameters: Vec<Value> =
            self.parameters.iter().map(|(kind, value)| json!({"type": kind, "value": value})).collect();
        let errors: Vec<Value> = self
            .errors
            .iter()
            .map(|(code, message, resources)| {
                json!({"errorCode": code, "errorMessage": message, "resourceIds": resources})
            })
            .collect();
        json!({
            "id": self.id,
            "status": self.status,
            "type": self.kind,
            "params": parameters,
            "createdAt": self.created.epoch(),
            "errors": errors,
        })
    }
}

const MEMBERS: [&str; 6] =
    ["resourcesVpcConfig", "logging", "accessConfig", "upgradePolicy", "remoteNetworkConfig", "deletionProtection"];

/// A change that has been checked: kind of update, parameters, and the cluster after it.
type Change = (&'static str, Vec<(String, String)>, Cluster);

pub fn update_config(call: &mut Call<'_>, route: &Route, input: Json<'_>) -> Result<Value> {
    let before = find(call, route)?.clone();
    let name = before.name.clone();
    check_active(&before)?;
    for unsupported in ["computeConfig", "storageConfig", "kubernetesNetworkConfig", "zonalShiftConfig"] {
        if input.value(unsupported).is_some() {
            return Err(invalid(format!("{unsupported} is not supported by this stand-in")));
        }
    }
    let given: Vec<&str> = MEMBERS.into_iter().filter(|member| input.value(member).is_some()).collect();
    let [member] = given[..] else {
        return Err(invalid(if given.is_empty() {
            "No changes detected"
        } else {
            "Only one type of update can be allowed."
        })
        .with("clusterName", name));
    };
    let (kind, parameters, after) = match member {
        "resourcesVpcConfig" => endpoint(&before, input)?,
        "logging" => {
            let mut after = before.clone();
            after.logging = create::logging(input)?.unwrap_or_default();
            let text = input.value("logging").map(ToString::to_string).unwrap_or_default();
            ("LoggingUpdate", vec![("ClusterLogging".to_owned(), text)], after)
        }
        "accessConfig" => access(&before, input)?,
        "upgradePolicy" => upgrade_policy(&before, input)?,
        "remoteNetworkConfig" => remote_networks(call, &before, input)?,
        _ => {
            let mut after = before.clone();
            after.deletion_protection = input.boolean("deletionProtection")?.unwrap_or(false);
            let value = after.deletion_protection.to_string();
            ("DeletionProtectionUpdate", vec![("DeletionProtection".to_owned(), value)], after)
        }
    };
    let seconds = call.account().settings.cluster_update_seconds;
    let advanced = call.account().advanced;
    let cluster = find(call, route)?;
    if unchanged(&before, &after) {
        return Err(invalid("No changes detected").with("clusterName", name));
    }
    *cluster = after;
    let update = Update::begun(kind, parameters);
    let answer = json!({"update": update.describe()});
    cluster.updates.push(update);
    cluster.begin(Phase::Updating, seconds, advanced);
    cluster.settle(advanced);
    Ok(answer)
}

fn check_active(cluster: &Cluster) -> Result<()> {
    if cluster.phase == Phase::Active {
        return Ok(());
    }
    let message = format!("Cluster {} is in status {}", cluster.name, cluster.status());
    Err(AwsError::new(409, "ResourceInUseException", message).with("clusterName", cluster.name.clone()))
}

/// One minor version up. A rollback is not modelled.
pub fn update_version(call: &mut Call<'_>, route: &Route, input: Json<'_>) -> Result<Value> {
    let before = find(call, route)?.clone();
    check_active(&before)?;
    let mut constraints = Constraints::default();
    constraints.required("version", input.text("version")?);
    constraints.finish_as("InvalidParameterException")?;
    let version = input.text("version")?.unwrap_or_default();
    if !create::VERSIONS.contains(&version) {
        return Err(invalid(format!("unsupported Kubernetes version {version}")));
    }
    let minor = |version: &str| version.rsplit('.').next().and_then(|minor| minor.parse::<u32>().ok());
    let is_next = minor(&before.version).zip(minor(version)).is_some_and(|(old, new)| new == old + 1);
    if !is_next {
        return Err(invalid(format!(
            "Unsupported Kubernetes minor version update from {} to {version}",
            before.version
        ))
        .with("clusterName", before.name));
    }
    let seconds = call.account().settings.cluster_update_seconds;
    let advanced = call.account().advanced;
    let cluster = find(call, route)?;
    version.clone_into(&mut cluster.version);
    let parameters =
        vec![("Version".to_owned(), version.to_owned()), ("PlatformVersion".to_owned(), "eks.1".to_owned())];
    let update = Update::begun("VersionUpdate", parameters);
    let answer = json!({"update": update.describe()});
    cluster.updates.push(update);
    cluster.begin(Phase::Updating, seconds, advanced);
    cluster.settle(advanced);
    Ok(answer)
}

fn unchanged(before: &Cluster, after: &Cluster) -> bool {
    before.describe() == after.describe()
}

fn endpoint(before: &Cluster, input: Json<'_>) -> Result<Change> {
    let mut after = before.clone();
    let mut parameters = Vec::new();
    if let Some(config) = input.object("resourcesVpcConfig")? {
        if config.value("subnetIds").is_some() || config.value("securityGroupIds").is_some() {
            return Err(invalid("subnetIds and securityGroupIds cannot be updated by this stand-in"));
        }
        if let Some(public) = config.boolean("endpointPublicAccess")? {
            after.network.public = public;
            parameters.push(("EndpointPublicAccess".to_owned(), public.to_string()));
        }
        if let Some(private) = config.boolean("endpointPrivateAccess")? {
            after.network.private = private;
            parameters.push(("EndpointPrivateAccess".to_owned(), private.to_string()));
        }
        if let Some(cidrs) = config.texts("publicAccessCidrs")? {
            parameters.push(("PublicAccessCidrs".to_owned(), json!(cidrs).to_string()));
            after.network.public_cidrs = cidrs;
        }
    }
    if !after.network.public && !after.network.private {
        return Err(invalid("Private and public endpoint access cannot be false at the same time"));
    }
    if let Some(outpost) = &before.outpost {
        outpost.check_endpoint(after.network.public, after.network.private)?;
    }
    Ok(("EndpointAccessUpdate", parameters, after))
}

/// The mode only goes forward: `CONFIG_MAP`, `API_AND_CONFIG_MAP`, API.
fn access(before: &Cluster, input: Json<'_>) -> Result<Change> {
    let mode = match input.object("accessConfig")? {
        Some(config) => config.text("authenticationMode")?.unwrap_or_default(),
        None => "",
    };
    if let Some(outpost) = &before.outpost {
        outpost.check_access(mode, before.bootstrap_admin)?;
    }
    let rank = |mode: &str| ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"].iter().position(|known| *known == mode);
    let (Some(old), Some(new)) = (rank(&before.authentication_mode), rank(mode)) else {
        return Err(invalid(format!("Unsupported authentication mode '{mode}'")));
    };
    if new != old && new != old + 1 {
        return Err(invalid(format!(
            "Unsupported authentication mode update from {} to {mode}",
            before.authentication_mode
        )));
    }
    let mut after = before.clone();
    mode.clone_into(&mut after.authentication_mode);
    if let Some(creator) = after.hidden_admin.take_if(|_| new != 0) {
        // With access entries the creator's permission becomes one, which can be seen and taken away.
        let entry = access_entries::Entry::administrator(&after.arn, &creator, Moment::now());
        after.access_entries.entry(creator).or_insert(entry);
    }
    Ok(("AccessConfigUpdate", vec![("AuthenticationMode".to_owned(), json!(mode).to_string())], after))
}

fn upgrade_policy(before: &Cluster, input: Json<'_>) -> Result<Change> {
    let support = match input.object("upgradePolicy")? {
        Some(policy) => policy.text("supportType")?.unwrap_or_default(),
        None => "",
    };
    if !["STANDARD", "EXTENDED"].contains(&support) {
        return Err(invalid(format!("Unsupported support type '{support}'")));
    }
    let mut after = before.clone();
    support.clone_into(&mut after.upgrade_support);
    let value = json!({"supportType": support}).to_string();
    Ok(("UpgradePolicyUpdate", vec![("UpgradePolicy".to_owned(), value)], after))
}

fn remote_networks(call: &mut Call<'_>, before: &Cluster, input: Json<'_>) -> Result<Change> {
    let mut after = before.clone();
    if let Some(config) = input.object("remoteNetworkConfig")? {
        after.remote = before.remote.changed(config)?;
    }
    let blocks = create::blocks_of(call, &before.network.vpc_id);
    if let Some(outpost) = &before.outpost {
        outpost.check_remote(&after.remote)?;
    }
    after.remote.check(&before.authentication_mode, &blocks, &before.service_cidr, before.outpost.is_some())?;
    let value = input.value("remoteNetworkConfig").map(ToString::to_string).unwrap_or_default();
    Ok(("RemoteNetworkConfigUpdate", vec![("RemoteNetworkConfig".to_owned(), value)], after))
}

/// The updates that a request is about: the cluster's, or those of the add-on that it names.
fn updates_of<'a>(cluster: &'a Cluster, route: &Route) -> Result<&'a [Update]> {
    match route.parameter("addonName") {
        Some(name) => match cluster.addons.get(name) {
            Some(addon) => Ok(&addon.updates),
            None => Err(addons::missing(&cluster.name, name)),
        },
        None => Ok(&cluster.updates),
    }
}

pub fn describe(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let cluster = find(call, route)?;
    let update = updates_of(cluster, route)?.iter().find(|update| update.id == route.item()).ok_or_else(|| {
        AwsError::new(404, "ResourceNotFoundException", format!("No update found for ID: {}", route.item()))
            .with("clusterName", cluster.name.clone())
    })?;
    Ok(json!({"update": update.describe()}))
}

pub fn list(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let items = updates_of(find(call, route)?, route)?
        .iter()
        .zip(0..)
        .map(|(update, order)| (page::key(order), Value::from(update.id.clone())))
        .collect();
    paged(call, route, "updateIds", items)
}
