//! What a test can twist: clock, role settling, durations, faults. And what it can count.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Refused};
use crate::{
    fault::{Fault, Kind},
    moment::Moment,
    settings::Settings,
    world::Account,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    advance_seconds: i64,
}

pub fn advance(account: &mut Account, wanted: &Advance) -> Answer {
    if wanted.advance_seconds < 0 {
        return Err(Refused::bad("the clock only goes forward"));
    }
    account.advanced += wanted.advance_seconds * 1000;
    account.jumps.push((Moment::now(), wanted.advance_seconds * 1000));
    Ok((200, clock(account)))
}

pub fn clock(account: &Account) -> Value {
    json!({"advanced_seconds": account.advanced / 1000})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsettle {
    #[serde(default)]
    attempts: u32,
    #[serde(default)]
    seconds: i64,
}

pub fn unsettle(account: &mut Account, name: &str, wanted: &Unsettle) -> Answer {
    let advanced = account.advanced;
    let Some(role) = account.roles.get_mut(name) else {
        return Err(Refused::missing("role", name));
    };
    role.unsettled_attempts = wanted.attempts;
    role.unsettled_until = role.born.now(advanced).plus_seconds(wanted.seconds);
    Ok((200, json!({"name": name})))
}

/// Members that are not given stay as they are.
pub fn change_settings(account: &mut Account, body: &[u8]) -> Answer {
    let mut merged = json!(account.settings);
    let given: Value = super::read(body)?;
    let (Some(merged_members), Some(given)) = (merged.as_object_mut(), given.as_object()) else {
        return Err(Refused::bad("the body must be an object"));
    };
    merged_members.extend(given.clone());
    account.settings = serde_json::from_value::<Settings>(merged)
        .map_err(|error| Refused::bad(format!("the body is not as documented: {error}")))?;
    Ok((200, json!(account.settings)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewFault {
    service: String,
    #[serde(default = "every")]
    operation: String,
    kind: Kind,
    #[serde(default)]
    skip: u64,
    times: Option<u64>,
    seconds: Option<i64>,
    milliseconds: Option<u64>,
    retry_after_seconds: Option<u64>,
}

fn every() -> String {
    "*".to_owned()
}

pub fn add_fault(account: &mut Account, wanted: NewFault) -> Answer {
    if !["*", "ec2", "ecr", "eks", "elasticloadbalancing", "iam", "registry", "ssm", "sts"]
        .contains(&wanted.service.as_str())
    {
        return Err(Refused::bad(format!("`{}` is not a service", wanted.service)));
    }
    if wanted.times.is_some() == wanted.seconds.is_some() {
        return Err(Refused::bad("give `times` or `seconds`, one of them"));
    }
    if (wanted.kind == Kind::Slow) != wanted.milliseconds.is_some() {
        return Err(Refused::bad("`milliseconds` belongs to the kind `slow`, and to no other"));
    }
    let of_registry = wanted.service == "registry";
    if matches!(wanted.kind, Kind::Http503 | Kind::Cut) && !of_registry {
        return Err(Refused::bad(format!("`{}` is a fault of the service `registry`", wanted.kind.name())));
    }
    let waits = of_registry && matches!(wanted.kind, Kind::Throttling | Kind::Http503);
    if wanted.retry_after_seconds.is_some() && !waits {
        return Err(Refused::bad("`retry_after_seconds` belongs to `throttling` and `http_503` of `registry`"));
    }
    account.faults_made += 1;
    let id = format!("fault-{}", account.faults_made);
    account.faults.push(Fault {
        id: id.clone(),
        service: wanted.service,
        operation: wanted.operation,
        kind: wanted.kind,
        skip: wanted.skip,
        times: wanted.times,
        until: wanted.seconds.map(|seconds| Moment::now().plus_seconds(seconds)),
        milliseconds: wanted.milliseconds.unwrap_or_default(),
        retry_after_seconds: wanted.retry_after_seconds,
    });
    Ok((201, json!({"id": id})))
}

pub fn end_fault(account: &mut Account, id: &str) -> Answer {
    let before = account.faults.len();
    account.faults.retain(|fault| fault.id != id);
    if account.faults.len() == before {
        return Err(Refused::missing("fault", id));
    }
    Ok((200, json!({"deleted": true})))
}

pub fn requests(account: &Account) -> Value {
    json!({
        "total": account.requests.total,
        "counters": account.requests.counters,
        "log": account.requests.log,
    })
}
