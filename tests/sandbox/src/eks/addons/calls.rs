//! The calls about add-ons, with their rules.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    super::{Route, cluster::Cluster, cluster::Phase as ClusterPhase, find, invalid, paged, update::Update},
    Addon, Phase, Resolve, schemas, validate, versions,
};
use crate::{
    aws::{
        Call,
        constraints::Constraints,
        error::{AwsError, Result},
        input::Json,
    },
    plane::{ClusterKey, Order, Standing},
    random,
    world::Birth,
};

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
            // Nothing documents what an empty text does, so it is one that is left out.
            configuration: owned(input.text("configurationValues")?.filter(|text| !text.trim().is_empty())),
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

/// JSON or YAML; an empty document configures nothing.
pub fn parse(text: &str) -> std::result::Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(json!({}));
    }
    let value = Value::from(&helm::from_yaml(text)?);
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
    call.region().settle(advanced);
    Ok(answer)
}

/// An add-on as the control API creates it: as if it had come with the cluster. Returns the number of its job
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
