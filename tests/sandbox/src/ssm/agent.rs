//! The calls of the agent on a host. Registration is unsigned: the activation code is the proof. Source:
//! aws/amazon-ssm-agent, agent/ssm/anonauth and agent/ssm/service.go.

use serde_json::{Value, json};

use super::{
    activations::{self, ID_PATTERN, is_id},
    instances::{Report, unknown},
};
use crate::{
    aws::{
        Call,
        constraints::Constraints,
        error::{AwsError, Result},
        input::Json,
    },
    identity::{Permissions, Principal},
    moment::Moment,
    sts::Session,
    world::World,
};

/// The account of the activation in a registration, as nothing else in the call identifies it.
pub fn account_of(world: &World, input: &Value) -> Option<String> {
    let id = input.get("ActivationId")?.as_str()?;
    place_of(world, id).map(|(account, _)| account)
}

fn place_of(world: &World, activation: &str) -> Option<(String, String)> {
    world.accounts.values().find_map(|account| {
        account
            .regions
            .iter()
            .find(|(_, region)| region.ssm.activations.contains_key(activation))
            .map(|(name, _)| (account.id.clone(), name.clone()))
    })
}

/// `RegisterManagedInstance`.
pub fn register(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let id = input.text("ActivationId")?;
    let code = input.text("ActivationCode")?;
    let key = input.text("PublicKey")?;
    let kind = input.text("PublicKeyType")?;
    let fingerprint = input.text("Fingerprint")?;
    let mut constraints = Constraints::default();
    constraints.required("activationId", id);
    constraints.pattern("activationId", id, ID_PATTERN, is_id);
    constraints.required("activationCode", code);
    constraints.length("activationCode", code, 20, 250);
    constraints.required("fingerprint", fingerprint);
    constraints.one_of("publicKeyType", kind, &["Rsa"]);
    constraints.finish()?;
    let id = id.unwrap_or_default();
    // One port serves every region, so the activation's region is used if the host name contains none.
    let asked = call.asked_region.clone();
    let found = place_of(call.world, id).filter(|(_, region)| asked.is_none_or(|asked| asked == *region));
    let Some((account, region)) = found else {
        return Err(AwsError::client("InvalidActivation", ""));
    };
    call.account = account;
    let mut instance = activations::register(call.account(), &region, id, code)?;
    instance.public_key = key.map(ToOwned::to_owned);
    instance.fingerprint = fingerprint.map(ToOwned::to_owned);
    let answer = json!({"InstanceId": instance.id});
    call.account().region(&region).ssm.instances.insert(instance.id.clone(), instance);
    Ok(answer)
}

/// `UpdateInstanceInformation`: the agent is alive, and reports about its host.
pub fn report(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let id = input.text("InstanceId")?;
    let version = input.text("AgentVersion")?;
    let status = input.text("AgentStatus")?;
    let mut constraints = Constraints::default();
    constraints.required("instanceId", id);
    constraints.required("agentVersion", version);
    constraints.one_of("agentStatus", status, &["Active", "InActive"]);
    constraints.finish()?;
    let id = id.unwrap_or_default();
    let told =
        |name: &str, otherwise: &str| -> Result<String> { Ok(input.text(name)?.unwrap_or(otherwise).to_owned()) };
    let report = Report {
        at: call.now,
        agent_version: version.unwrap_or_default().to_owned(),
        computer_name: told("ComputerName", "localhost")?,
        ip_address: told("IPAddress", "127.0.0.1")?,
        platform_type: told("PlatformType", "Linux")?,
        platform_name: told("PlatformName", "Ubuntu")?,
        platform_version: told("PlatformVersion", "24.04")?,
    };
    let Some(instance) = call.region().ssm.instances.get_mut(id) else {
        return Err(unknown(id));
    };
    instance.report = Some(report);
    "Online".clone_into(&mut instance.ping);
    Ok(json!({}))
}

/// What a host's signature is verified against: its account, its principal, and the key from its registration.
/// `None`: the host does not exist.
pub fn host(world: &World, id: &str) -> Option<(String, Principal, String)> {
    let (account, instance) = world.accounts.values().find_map(|account| {
        account.regions.values().find_map(|region| Some((account, region.ssm.instances.get(id)?)))
    })?;
    let principal = Principal {
        arn: format!("arn:aws:sts::{}:managed-instance/{id}", account.id),
        user_id: id.to_owned(),
        role_arn: None,
        // With its key, a host can only request credentials of its role.
        permissions: vec![Permissions {
            allow: vec!["ssm:RequestManagedInstanceRoleToken".to_owned()],
            deny: Vec::new(),
        }],
    };
    Some((account.id.clone(), principal, instance.public_key.clone().unwrap_or_default()))
}

/// Whether a host signed a text with the key from its registration.
pub fn is_signed(public_key: &str, text: &str, signature: &str) -> bool {
    super::rsa::is_signed(public_key, text, signature)
}

/// `RequestManagedInstanceRoleToken`: credentials of the host's role, for the host that signed the request.
pub fn role_token(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let fingerprint = input.text("Fingerprint")?;
    let mut constraints = Constraints::default();
    constraints.required("fingerprint", fingerprint);
    constraints.finish()?;
    let id = call.principal.user_id.clone();
    let Some(instance) = call.region().ssm.instances.get(&id).cloned() else {
        return Err(unknown(&id));
    };
    if instance.fingerprint.as_deref() != fingerprint {
        return Err(AwsError::client("MachineFingerprintDoesNotMatch", ""));
    }
    let account = call.account();
    let Some(role) = account.roles.values().find(|role| role.given_name() == instance.iam_role) else {
        return Err(AwsError::client(
            "AccessDeniedException",
            format!("The role {} of the managed instance cannot be assumed", instance.iam_role),
        ));
    };
    let (access_key, credential) = Session::of(account, role, &id, None, None).into_parts();
    let answer = json!({
        "AccessKeyId": access_key,
        "SecretAccessKey": credential.secret,
        "SessionToken": credential.session_token,
        "UpdateKeyPair": false,
        "TokenExpirationDate": credential.expires.map(Moment::epoch),
    });
    call.world.credentials.insert(access_key, credential);
    Ok(answer)
}
