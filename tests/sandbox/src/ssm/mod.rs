//! Systems Manager: hybrid activations, managed instances, Run Command, parameters, tags.

pub mod activations;
pub mod agent;
pub mod commands;
pub mod instances;
pub mod parameters;
mod quota;
mod rsa;
mod sessions;
mod tags;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::{
    Call,
    constraints::Constraints,
    error::{self, AwsError, Result},
    input::Json,
    page,
};

/// The data of one account in one region.
#[derive(Default, Serialize, Deserialize)]
pub struct Store {
    pub activations: BTreeMap<String, activations::Activation>,
    pub instances: BTreeMap<String, instances::Instance>,
    pub parameters: BTreeMap<String, parameters::Parameter>,
    #[serde(default)]
    pub commands: BTreeMap<String, commands::Command>,
    /// Ids of the sessions that have not ended.
    #[serde(default)]
    pub sessions: BTreeSet<String>,
}

pub fn answer(call: &mut Call<'_>, operation: &str, input: Json<'_>) -> Result<Value> {
    let resource = match operation {
        "PutParameter" | "GetParameter" | "DeleteParameter" => {
            let name = input.text("Name")?.unwrap_or_default();
            call.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/')))
        }
        "DeregisterManagedInstance" | "UpdateManagedInstanceRole" | "UpdateInstanceInformation" => {
            let id = input.text("InstanceId")?.unwrap_or_default();
            call.arn("ssm", &format!("managed-instance/{id}"))
        }
        "StartSession" => {
            let target = input.text("Target")?.unwrap_or_default();
            let kind = if target.starts_with("mi-") { ("ssm", "managed-instance") } else { ("ec2", "instance") };
            call.arn(kind.0, &format!("{}/{target}", kind.1))
        }
        "TerminateSession" => {
            let id = input.text("SessionId")?.unwrap_or_default();
            call.arn("ssm", &format!("session/{id}"))
        }
        _ => call.arn("ssm", "*"),
    };
    call.authorize(&format!("ssm:{operation}"), &resource)?;
    match operation {
        "CreateActivation" => activations::create(call, input),
        "DescribeActivations" => activations::describe(call, input),
        "DeleteActivation" => activations::delete(call, input),
        "DescribeInstanceInformation" => instances::describe(call, input),
        "DescribeInstanceProperties" => quota::properties(call, input),
        "GetServiceSetting" => quota::setting(call, input),
        "DeregisterManagedInstance" => instances::deregister(call, input),
        "UpdateManagedInstanceRole" => instances::update_role(call, input),
        "SendCommand" => commands::send(call, input),
        "GetCommandInvocation" => commands::invocation(call, input),
        "ListCommandInvocations" => commands::list(call, input),
        "CancelCommand" => commands::cancel(call, input),
        "AddTagsToResource" => tags::add(call, input),
        "RemoveTagsFromResource" => tags::remove(call, input),
        "ListTagsForResource" => tags::list(call, input),
        "PutParameter" => parameters::put(call, input),
        "GetParameter" => parameters::read(call, input),
        "GetParameters" => parameters::read_many(call, input),
        "DeleteParameter" => parameters::delete(call, input),
        "DeleteParameters" => parameters::delete_many(call, input),
        "DescribeParameters" => parameters::describe(call, input),
        "StartSession" => sessions::start(call, input),
        "TerminateSession" => sessions::terminate(call, input),
        "RegisterManagedInstance" => agent::register(call, input),
        "RequestManagedInstanceRoleToken" => agent::role_token(call, input),
        "UpdateInstanceInformation" => agent::report(call, input),
        _ => Err(error::unknown_operation(call.service, operation)),
    }
}

/// Paginates a listing by the request's `MaxResults` and `NextToken`.
fn paged(
    call: &Call<'_>,
    operation: &str,
    input: Json<'_>,
    (least, most): (i64, i64),
    size: i64,
    member: &str,
    items: Vec<(String, Value)>,
) -> Result<Value> {
    let asked = input.integer("MaxResults")?;
    let mut constraints = Constraints::default();
    constraints.range("maxResults", asked, least, most);
    constraints.finish()?;
    let query =
        format!("{operation} {} {} {}", call.account, call.region, input.fingerprint(&["MaxResults", "NextToken"]));
    let size = usize::try_from(asked.unwrap_or(size)).unwrap_or(1);
    let token = input.text("NextToken")?;
    let (page, next) = page::page(items, size, token, &query, &call.world.paging_secret)
        .ok_or_else(|| AwsError::client("InvalidNextToken", "The specified token is not valid."))?;
    let mut answer = serde_json::Map::new();
    answer.insert(member.to_owned(), Value::Array(page));
    if let Some(next) = next {
        answer.insert("NextToken".to_owned(), next.into());
    }
    Ok(Value::Object(answer))
}

/// Systems Manager's list of `Key` and `Value`.
fn tag_list(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| serde_json::json!({"Key": key, "Value": value})).collect()
}
