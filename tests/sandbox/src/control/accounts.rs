//! Accounts with their seed, principals, roles and tokens.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Refused};
use crate::{
    ec2, eks,
    iam::{Role, trust},
    identity::{Credential, Permissions, Principal},
    moment::Moment,
    random,
    sts::{Session, WebIdentity},
    world::{Account, World},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    #[serde(default = "yes")]
    seed: bool,
}

fn yes() -> bool {
    true
}

fn everything() -> Vec<String> {
    vec!["*".to_owned()]
}

/// The line on stdout. The first account is created if the state file has none.
pub fn ready_line(world: &mut World, endpoint: &str) -> Value {
    let key = world.first_key.clone().filter(|key| world.credentials.contains_key(key));
    let key = if let Some(key) = key {
        key
    } else {
        let key = make(world, true);
        world.first_key = Some(key.clone());
        key
    };
    let mut line = json!({"endpoint": endpoint, "control_url": format!("{endpoint}/_sandbox")});
    if let (Some(line), Some(account)) = (line.as_object_mut(), describe(world, &key).as_object_mut()) {
        line.append(account);
    }
    line
}

pub fn create(world: &mut World, wanted: &NewAccount) -> (u16, Value) {
    let key = make(world, wanted.seed);
    (201, describe(world, &key))
}

/// A new account with one user who may do everything: the access key.
fn make(world: &mut World, seed: bool) -> String {
    let id = std::iter::repeat_with(random::account_id).find(|id| !world.accounts.contains_key(id)).unwrap_or_default();
    let mut account = Account::new(&id);
    if seed {
        plant(&mut account, &world.region.clone());
    }
    world.accounts.insert(id.clone(), account);
    add_user(world, &id, "sandbox", Permissions::all())
}

fn add_user(world: &mut World, account: &str, name: &str, permissions: Permissions) -> String {
    let key = random::unique_id("AKIA", 16);
    world.credentials.insert(
        key.clone(),
        Credential {
            account: account.to_owned(),
            secret: random::secret(40),
            session_token: None,
            expires: None,
            principal: Principal {
                arn: format!("arn:aws:iam::{account}:user/{name}"),
                user_id: random::unique_id("AIDA", 17),
                role_arn: None,
                permissions: vec![permissions],
            },
        },
    );
    key
}

/// What every seeded account begins with.
fn plant(account: &mut Account, region: &str) {
    for (name, service) in [("hybrid-nodes", "ssm.amazonaws.com"), ("eks-cluster", "eks.amazonaws.com")] {
        let trust = trust::document(&account.id, &[service.to_owned()], &[], None);
        let role = Role::new(account, name, "/", trust);
        account.roles.insert(name.to_owned(), role);
    }
    let network = ec2::seed::plant(account, region);
    eks::seed::plant(account, region, &network);
}

/// An account as its creator sees it.
fn describe(world: &World, key: &str) -> Value {
    let Some(credential) = world.credentials.get(key) else {
        return Value::Null;
    };
    let mut holds = json!({
        "role_names": [], "role_arns": [], "cluster_names": [],
        "vpc_ids": [], "subnet_ids": [], "security_group_ids": [],
    });
    if let Some(account) = world.accounts.get(&credential.account) {
        holds["role_names"] = account.roles.keys().cloned().collect();
        holds["role_arns"] = account.roles.values().map(|role| role.arn(&account.id)).collect();
        if let Some(region) = account.regions.get(&world.region) {
            holds["cluster_names"] = region.eks.clusters.keys().cloned().collect();
            holds["vpc_ids"] = region.ec2.vpcs.keys().cloned().collect();
            holds["subnet_ids"] = region.ec2.subnets.keys().cloned().collect();
            holds["security_group_ids"] = region.ec2.security_groups.keys().cloned().collect();
        }
    }
    json!({
        "region": world.region,
        "account_id": credential.account,
        "access_key": key,
        "secret_key": credential.secret,
        "principal_arn": credential.principal.arn,
        "holds": holds,
    })
}

pub fn delete(world: &mut World, id: &str) -> (u16, Value) {
    world.accounts.remove(id);
    world.credentials.retain(|_, credential| credential.account != id);
    (200, json!({"deleted": true}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPrincipal {
    name: String,
    #[serde(default = "everything")]
    allow: Vec<String>,
    #[serde(default)]
    deny: Vec<String>,
    expires_in_seconds: Option<i64>,
}

pub fn principal(world: &mut World, id: &str, wanted: NewPrincipal) -> Answer {
    let permissions = Permissions { allow: wanted.allow, deny: wanted.deny };
    let key = match wanted.expires_in_seconds {
        None => add_user(world, id, &wanted.name, permissions),
        Some(seconds) => {
            let Some(account) = world.accounts.get_mut(id) else {
                return Err(Refused::missing("account", id));
            };
            // The role behind the session need not exist afterwards.
            let mut role = Role::new(account, &wanted.name, "/", trust::document(id, &[], &[], None));
            role.permissions = permissions;
            let (key, credential) = Session::of(account, &role, "sandbox", Some(seconds), None).into_parts();
            world.credentials.insert(key.clone(), credential);
            key
        }
    };
    let credential = world.credentials.get(&key);
    Ok((
        201,
        json!({
            "access_key": key,
            "secret_key": credential.map(|credential| &credential.secret),
            "session_token": credential.and_then(|credential| credential.session_token.as_ref()),
            "arn": credential.map(|credential| &credential.principal.arn),
        }),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    name: String,
    #[serde(default = "root_path")]
    path: String,
    #[serde(default)]
    trust_services: Vec<String>,
    #[serde(default)]
    trust_principals: Vec<String>,
    external_id: Option<String>,
    #[serde(default = "everything")]
    allow: Vec<String>,
    #[serde(default)]
    deny: Vec<String>,
    #[serde(default)]
    settle_attempts: u32,
    #[serde(default)]
    settle_seconds: i64,
}

fn root_path() -> String {
    "/".to_owned()
}

pub fn role(account: &mut Account, wanted: NewRole) -> Answer {
    if !(wanted.path.starts_with('/') && wanted.path.ends_with('/')) {
        return Err(Refused::bad("a path begins and ends with a slash"));
    }
    if account.roles.contains_key(&wanted.name) {
        return Err(Refused::bad(format!("the role `{}` is there already", wanted.name)));
    }
    let document =
        trust::document(&account.id, &wanted.trust_services, &wanted.trust_principals, wanted.external_id.as_deref());
    let mut role = Role::new(account, &wanted.name, &wanted.path, document);
    role.permissions = Permissions { allow: wanted.allow, deny: wanted.deny };
    role.unsettled_attempts = wanted.settle_attempts;
    role.unsettled_until = role.born.at.plus_seconds(wanted.settle_seconds);
    let answer = json!({"name": role.name, "arn": role.arn(&account.id)});
    account.roles.insert(wanted.name, role);
    Ok((201, answer))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    subject: String,
    #[serde(default = "sts")]
    audience: String,
    #[serde(default = "hour")]
    expires_in_seconds: i64,
}

fn sts() -> String {
    "sts.amazonaws.com".to_owned()
}

fn hour() -> i64 {
    3600
}

pub fn web_identity(account: &mut Account, wanted: &NewToken) -> (u16, Value) {
    let (token, identity) =
        WebIdentity::issue(&account.id, &wanted.audience, &wanted.subject, wanted.expires_in_seconds);
    let answer = json!({"token": token, "issuer": format!("https://{}", identity.issuer)});
    // Those that have expired a day ago will not be asked for any more.
    let old = Moment::now().plus_seconds(-86400);
    account.web_identities.retain(|_, identity| identity.expires > old);
    account.web_identities.insert(token, identity);
    (201, answer)
}
