//! IAM's operations on roles.

use serde_json::{Value, json};

use super::{Role, simulate, trust};
use crate::aws::{
    Call,
    constraints::Constraints,
    error::{self, AwsError, Result},
    input::Query,
    page,
};

pub fn answer(call: &mut Call<'_>, operation: &str, query: &Query) -> Result<Value> {
    let resource = match query.text("RoleName") {
        Some(name) => format!("arn:aws:iam::{}:role/{name}", call.account),
        None => format!("arn:aws:iam::{}:role/", call.account),
    };
    call.authorize(&format!("iam:{operation}"), &resource)?;
    match operation {
        "CreateRole" => create(call, query),
        "GetRole" => {
            let account = call.account.clone();
            let role = find(call, query)?;
            Ok(json!({"Role": role.describe(&account)}))
        }
        "ListRoles" => list(call, query),
        "DeleteRole" => delete(call, query),
        "UpdateAssumeRolePolicy" => {
            let document = policy(query, "PolicyDocument")?;
            find(call, query)?.trust = document;
            Ok(Value::Null)
        }
        "AttachRolePolicy" => attach(call, query),
        "DetachRolePolicy" => detach(call, query),
        "ListAttachedRolePolicies" => list_attached(call, query),
        "PutRolePolicy" => put_inline(call, query),
        "GetRolePolicy" => read_inline(call, query),
        "DeleteRolePolicy" => delete_inline(call, query),
        "ListRolePolicies" => list_inline(call, query),
        "SimulatePrincipalPolicy" => simulate::answer(call, query),
        "ListInstanceProfilesForRole" => {
            find(call, query)?;
            paged(call, query, "InstanceProfiles", Vec::new())
        }
        _ => Err(error::unknown_operation(call.service, operation)),
    }
}

fn missing(name: &str) -> AwsError {
    AwsError::new(404, "NoSuchEntity", format!("The role with name {name} cannot be found."))
}

fn name_of(query: &Query) -> Result<String> {
    let name = query.text("RoleName");
    let mut constraints = Constraints::default();
    constraints.required("roleName", name);
    constraints.length("roleName", name, 1, 64);
    constraints.pattern("roleName", name, r"[\w+=,.@-]+", |name| {
        name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter))
    });
    constraints.finish_as("ValidationError")?;
    Ok(name.unwrap_or_default().to_owned())
}

fn policy(query: &Query, parameter: &str) -> Result<String> {
    match query.text(parameter) {
        Some(document) if trust::is_trust_policy(document) => Ok(document.to_owned()),
        Some(_) => Err(AwsError::client(
            "MalformedPolicyDocument",
            "This policy contains invalid Json or a statement without effect, principal or action",
        )),
        None => {
            let mut at = parameter.to_owned();
            at[..1].make_ascii_lowercase();
            let mut constraints = Constraints::default();
            constraints.required::<str>(&at, None);
            constraints.finish_as("ValidationError")?;
            Ok(String::new())
        }
    }
}

fn find<'a>(call: &'a mut Call<'_>, query: &Query) -> Result<&'a mut Role> {
    let name = name_of(query)?;
    call.account().roles.get_mut(&name).ok_or_else(|| missing(&name))
}

fn create(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let name = name_of(query)?;
    let path = query.text("Path").unwrap_or("/");
    let duration = query.integer("MaxSessionDuration")?;
    let description = query.text("Description");
    let mut constraints = Constraints::default();
    constraints.pattern("path", Some(path), r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)", |path| {
        path == "/"
            || (path.len() > 2
                && path.starts_with('/')
                && path.ends_with('/')
                && path.chars().all(|letter| letter.is_ascii_graphic()))
    });
    constraints.length("description", description, 0, 1000);
    constraints.range("maxSessionDuration", duration, 3600, 43200);
    constraints.finish_as("ValidationError")?;
    let trust = policy(query, "AssumeRolePolicyDocument")?;
    let id = call.account.clone();
    let account = call.account();
    if account.roles.contains_key(&name) {
        return Err(AwsError::new(409, "EntityAlreadyExists", format!("Role with name {name} already exists.")));
    }
    let mut role = Role::new(account, &name, path, trust);
    role.description = description.map(ToOwned::to_owned);
    role.max_session_seconds = duration.unwrap_or(3600);
    role.tags = query.tags("Tags.member").into_iter().collect();
    role.unsettled_attempts = account.settings.role_settle_attempts;
    role.unsettled_until = role.born.at.plus_seconds(account.settings.role_settle_seconds);
    let answer = json!({"Role": role.describe(&id)});
    account.roles.insert(name, role);
    Ok(answer)
}

/// A page of a listing in IAM's manner: `Marker`, `MaxItems` and `IsTruncated`.
pub(super) fn paged(call: &mut Call<'_>, query: &Query, member: &str, items: Vec<(String, Value)>) -> Result<Value> {
    let size = query.integer("MaxItems")?;
    let mut constraints = Constraints::default();
    constraints.range("maxItems", size, 1, 1000);
    constraints.finish_as("ValidationError")?;
    let fingerprint = query.fingerprint(&["Marker", "MaxItems"]);
    let size = usize::try_from(size.unwrap_or(100)).unwrap_or(100);
    let secret = call.world.paging_secret.clone();
    let marker = query.text("Marker");
    let (items, next) = page::page(items, size, marker, &fingerprint, &secret).ok_or_else(|| {
        AwsError::client("ValidationError", format!("Invalid Marker: {}", marker.unwrap_or_default()))
    })?;
    let mut answer = json!({"IsTruncated": next.is_some(), "Marker": next});
    answer[member] = Value::Array(items);
    Ok(answer)
}

fn list(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let prefix = query.text("PathPrefix").unwrap_or("/").to_owned();
    let id = call.account.clone();
    let roles = call
        .account()
        .roles
        .values()
        .filter(|role| role.path.starts_with(&prefix))
        .map(|role| {
            let mut value = role.describe(&id);
            // ListRoles leaves tags out.
            value["Tags"] = Value::Null;
            (role.name.clone(), value)
        })
        .collect();
    paged(call, query, "Roles", roles)
}

fn delete(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let role = find(call, query)?;
    if !role.attached.is_empty() {
        return Err(AwsError::new(409, "DeleteConflict", "Cannot delete entity, must detach all policies first."));
    }
    if !role.inline.is_empty() {
        return Err(AwsError::new(409, "DeleteConflict", "Cannot delete entity, must delete policies first."));
    }
    let name = role.name.clone();
    call.account().roles.remove(&name);
    Ok(Value::Null)
}

fn policy_arn(query: &Query) -> Result<String> {
    let arn = query.text("PolicyArn");
    let mut constraints = Constraints::default();
    constraints.required("policyArn", arn);
    constraints.length("policyArn", arn, 20, 2048);
    constraints.finish_as("ValidationError")?;
    Ok(arn.unwrap_or_default().to_owned())
}

/// AWS's own policies for clusters, nodes and hosts, with the path before the name where there is one.
///
/// Source: the AWS managed policy reference.
const MANAGED: [&str; 14] = [
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonEC2ContainerRegistryReadOnly",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSLocalOutpostClusterPolicy",
    "AmazonEKSNetworkingPolicy",
    "AmazonEKSVPCResourceController",
    "AmazonEKSWorkerNodeMinimalPolicy",
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonSSMManagedInstanceCore",
    "service-role/AmazonEBSCSIDriverPolicy",
];

fn attach(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let arn = policy_arn(query)?;
    let own = format!("arn:aws:iam::{}:policy/", call.account);
    let role = find(call, query)?;
    let of_aws = arn.strip_prefix("arn:aws:iam::aws:policy/").is_some_and(|name| MANAGED.contains(&name));
    if !of_aws && !arn.starts_with(&own) {
        return Err(AwsError::new(404, "NoSuchEntity", format!("Policy {arn} does not exist or is not attachable.")));
    }
    let name = arn.rsplit('/').next().unwrap_or_default().to_owned();
    role.attached.insert(arn, name);
    Ok(Value::Null)
}

fn detach(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let arn = policy_arn(query)?;
    let role = find(call, query)?;
    match role.attached.remove(&arn) {
        Some(_) => Ok(Value::Null),
        None => Err(AwsError::new(404, "NoSuchEntity", format!("Policy {arn} was not found."))),
    }
}

fn list_attached(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let policies = find(call, query)?
        .attached
        .iter()
        .map(|(arn, name)| (arn.clone(), json!({"PolicyName": name, "PolicyArn": arn})))
        .collect();
    paged(call, query, "AttachedPolicies", policies)
}

fn inline_name(query: &Query) -> Result<String> {
    let name = query.text("PolicyName");
    let mut constraints = Constraints::default();
    constraints.required("policyName", name);
    constraints.length("policyName", name, 1, 128);
    constraints.finish_as("ValidationError")?;
    Ok(name.unwrap_or_default().to_owned())
}

fn put_inline(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let name = inline_name(query)?;
    let document = query.text("PolicyDocument").unwrap_or_default();
    let parsed: Option<Value> = serde_json::from_str(document).ok();
    if parsed.is_none_or(|policy| policy["Statement"].is_null()) {
        return Err(AwsError::client("MalformedPolicyDocument", "The policy failed legacy parsing"));
    }
    find(call, query)?.inline.insert(name, document.to_owned());
    Ok(Value::Null)
}

fn no_inline(query: &Query, name: &str) -> AwsError {
    let role = query.text("RoleName").unwrap_or_default();
    let message = format!("The role policy with name {name} cannot be found for role {role}.");
    AwsError::new(404, "NoSuchEntity", message)
}

fn read_inline(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let name = inline_name(query)?;
    let role = find(call, query)?;
    let document = role.inline.get(&name).ok_or_else(|| no_inline(query, &name))?;
    let document = percent_encoding::utf8_percent_encode(document, percent_encoding::NON_ALPHANUMERIC).to_string();
    Ok(json!({"RoleName": role.name, "PolicyName": name, "PolicyDocument": document}))
}

fn delete_inline(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let name = inline_name(query)?;
    find(call, query)?.inline.remove(&name).ok_or_else(|| no_inline(query, &name))?;
    Ok(Value::Null)
}

fn list_inline(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let names = find(call, query)?.inline.keys().map(|name| (name.clone(), json!(name))).collect();
    paged(call, query, "PolicyNames", names)
}
