//! SendCommand, GetCommandInvocation, ListCommandInvocations, CancelCommand.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Command, Invocation, Sent, Stage, UNSEEN_MILLIS, document};
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
    ssm::{instances::is_id, paged},
};

const PLUGIN: &str = "aws:runShellScript";
const INSTANCE_PATTERN: &str = r"(^i-(\w{8}|\w{17})$)|(^mi-\w{17}$)";

fn is_instance(text: &str) -> bool {
    let word = |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    let of = |prefix: &str, lengths: &[usize]| {
        text.strip_prefix(prefix).is_some_and(|rest| word(rest) && lengths.contains(&rest.len()))
    };
    of("mi-", &[17]) || of("i-", &[8, 17])
}

/// A map of lists of texts.
fn parameters(input: Json<'_>) -> Result<BTreeMap<String, Vec<String>>> {
    let Some(given) = input.object("Parameters")? else { return Ok(BTreeMap::new()) };
    let names = input.value("Parameters").and_then(Value::as_object).into_iter().flat_map(|map| map.keys());
    names.map(|name| Ok((name.clone(), given.texts(name)?.unwrap_or_default()))).collect()
}

/// The instances of a request, each checked.
fn instance_ids(input: Json<'_>, constraints: &mut Constraints) -> Result<Vec<String>> {
    let ids = input.texts("InstanceIds")?.unwrap_or_default();
    constraints.entries("instanceIds", &ids, 0, 50);
    for (index, id) in ids.iter().enumerate() {
        constraints.pattern(&format!("instanceIds.{}.member", index + 1), Some(id), INSTANCE_PATTERN, is_instance);
    }
    Ok(ids)
}

pub fn send(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let name = input.text("DocumentName")?;
    let timeout = input.integer("TimeoutSeconds")?;
    let comment = input.text("Comment")?;
    let mut constraints = Constraints::default();
    constraints.required("documentName", name);
    constraints.pattern("documentName", name, r"^[a-zA-Z0-9_\-.:/]{3,128}$", |name| {
        (3..=128).contains(&name.len())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.:/".contains(letter))
    });
    constraints.range("timeoutSeconds", timeout, 30, 2_592_000);
    constraints.length("comment", comment, 0, 100);
    let ids = instance_ids(input, &mut constraints)?;
    constraints.finish()?;
    for member in [
        "Targets",
        "OutputS3BucketName",
        "OutputS3KeyPrefix",
        "MaxConcurrency",
        "MaxErrors",
        "ServiceRoleArn",
        "NotificationConfig",
        "CloudWatchOutputConfig",
        "AlarmConfiguration",
        "DocumentHash",
    ] {
        if input.value(member).is_some() {
            return Err(AwsError::validation(format!("The sandbox has no SendCommand with {member}.")));
        }
    }
    let name = name.unwrap_or_default();
    if name != document::NAME {
        return Err(AwsError::client("InvalidDocument", format!("Document with name {name} does not exist.")));
    }
    if input.text("DocumentVersion")?.is_some_and(|version| !["$DEFAULT", "$LATEST", "1"].contains(&version)) {
        return Err(AwsError::client("InvalidDocumentVersion", "The document version isn't valid or doesn't exist."));
    }
    if ids.is_empty() {
        return Err(AwsError::validation("InstanceIds or Targets must be specified."));
    }
    let parameters = parameters(input)?;
    document::check(&parameters)?;
    let mut once = ids.clone();
    once.sort();
    once.dedup();
    if once.len() < ids.len() {
        return Err(AwsError::client(
            "DuplicateInstanceId",
            "You can't specify an instance ID in more than one entry.",
        ));
    }
    let account = call.account.clone();
    let known = &call.region().ssm.instances;
    let odd: Vec<&str> = ids
        .iter()
        .filter(|id| known.get(*id).is_none_or(|instance| instance.ping != "Online"))
        .map(String::as_str)
        .collect();
    if !odd.is_empty() {
        let text = format!("Instances [[{}]] not in a valid state for account {account}", odd.join(", "));
        return Err(AwsError::client("InvalidInstanceId", text));
    }
    let command = Command {
        id: random::uuid(),
        born: call.account().birth(),
        comment: comment.unwrap_or_default().to_owned(),
        parameters,
        timeout_seconds: timeout.unwrap_or(3600),
        invocations: ids.iter().map(|id| (id.clone(), Invocation::new())).collect(),
    };
    let answer = json!({"Command": command.describe()});
    let region = call.region.clone();
    call.world.sent.extend(ids.into_iter().map(|instance| Sent {
        account: account.clone(),
        region: region.clone(),
        command: command.id.clone(),
        instance,
    }));
    call.region().ssm.commands.insert(command.id.clone(), command);
    Ok(answer)
}

/// The command in a request, up to date.
fn found<'a>(call: &'a mut Call<'_>, id: &str) -> Result<&'a mut Command> {
    let advanced = call.account().advanced;
    let store = &mut call.region().ssm;
    let instances = &store.instances;
    let command = store.commands.get_mut(id).ok_or_else(|| AwsError::client("InvalidCommandId", ""))?;
    command.settle(advanced, |instance| instances.contains_key(instance));
    Ok(command)
}

fn command_id<'a>(input: Json<'a>, constraints: &mut Constraints) -> Result<Option<&'a str>> {
    let id = input.text("CommandId")?;
    constraints.length("commandId", id, 36, 36);
    Ok(id)
}

/// `2026-11-30T12:00:00Z`, or nothing.
fn date(moment: Option<Moment>) -> String {
    moment.map(Moment::iso).unwrap_or_default()
}

pub fn invocation(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let mut constraints = Constraints::default();
    let id = command_id(input, &mut constraints)?;
    let instance = input.text("InstanceId")?;
    let plugin = input.text("PluginName")?;
    constraints.required("commandId", id);
    constraints.required("instanceId", instance);
    constraints.pattern("instanceId", instance, INSTANCE_PATTERN, is_instance);
    constraints.length("pluginName", plugin, 4, usize::MAX);
    constraints.finish()?;
    let (id, instance) = (id.unwrap_or_default(), instance.unwrap_or_default());
    let absent = || AwsError::client("InvocationDoesNotExist", "");
    let now = call.now.millis();
    // A command that does not exist has no invocation either.
    let command = found(call, id).map_err(|_| absent())?;
    if now - command.born.at.millis() < UNSEEN_MILLIS {
        return Err(absent());
    }
    let invocation = command.invocations.get(instance).ok_or_else(absent)?;
    if plugin.is_some_and(|plugin| !plugin.eq_ignore_ascii_case(PLUGIN)) {
        return Err(AwsError::client("InvalidPluginName", ""));
    }
    let elapsed = match (invocation.started, invocation.ended) {
        (Some(started), Some(ended)) => format!("PT{}S", (ended.millis() - started.millis()) / 1000),
        _ => String::new(),
    };
    let mut answer = json!({
        "CommandId": id,
        "InstanceId": instance,
        "Comment": command.comment,
        "DocumentName": document::NAME,
        "DocumentVersion": "$DEFAULT",
        "PluginName": PLUGIN,
        "ResponseCode": invocation.response_code,
        "ExecutionStartDateTime": date(invocation.started),
        "ExecutionEndDateTime": date(invocation.ended),
        "Status": invocation.stage.status(),
        "StatusDetails": invocation.stage.details(),
        "StandardOutputContent": invocation.stdout,
        "StandardOutputUrl": "",
        "StandardErrorContent": invocation.stderr,
        "StandardErrorUrl": "",
        "CloudWatchOutputConfig": {"CloudWatchOutputEnabled": false},
    });
    if !elapsed.is_empty() {
        answer["ExecutionElapsedTime"] = elapsed.into();
    }
    Ok(answer)
}

pub fn list(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let mut constraints = Constraints::default();
    let id = command_id(input, &mut constraints)?;
    let instance = input.text("InstanceId")?;
    constraints.pattern("instanceId", instance, INSTANCE_PATTERN, is_instance);
    constraints.finish()?;
    if input.value("Filters").is_some() {
        return Err(AwsError::validation("The sandbox has no ListCommandInvocations with Filters."));
    }
    let with_details = input.boolean("Details")?.unwrap_or(false);
    if let Some(id) = id {
        found(call, id)?;
    }
    if let Some(unknown) = instance.filter(|id| is_id(id) && !call.region().ssm.instances.contains_key(*id)) {
        let text = format!("Instance {unknown} is not registered in account {}", call.account);
        return Err(AwsError::client("InvalidInstanceId", text));
    }
    let store = &call.region().ssm;
    let names: BTreeMap<&String, &String> = store.instances.iter().map(|(id, known)| (id, &known.name)).collect();
    let mut commands: Vec<&Command> =
        store.commands.values().filter(|command| id.is_none_or(|id| command.id == id)).collect();
    commands.sort_by_key(|command| command.born.order);
    let items = commands.iter().flat_map(|command| {
        let of = command.invocations.iter().filter(|(id, _)| instance.is_none_or(|wanted| *id == wanted));
        of.map(|(id, invocation)| {
            let mut value = json!({
                "CommandId": command.id,
                "InstanceId": id,
                "InstanceName": names.get(id).map_or("", |name| name.as_str()),
                "Comment": command.comment,
                "DocumentName": document::NAME,
                "DocumentVersion": "$DEFAULT",
                "RequestedDateTime": command.born.at.epoch(),
                "Status": invocation.stage.status(),
                "StatusDetails": invocation.stage.details(),
                "StandardOutputUrl": "",
                "StandardErrorUrl": "",
                "CommandPlugins": [],
                "ServiceRole": "",
            });
            if with_details {
                value["CommandPlugins"] = json!([plugin(invocation)]);
            }
            (format!("{} {id}", page::key(command.born.order)), value)
        })
        .collect::<Vec<_>>()
    });
    let items = items.collect();
    paged(call, "ListCommandInvocations", input, (1, 50), 50, "CommandInvocations", items)
}

/// One plugin of an invocation. Its statuses have no `Cancelling`.
fn plugin(invocation: &Invocation) -> Value {
    let stage = if invocation.stage == Stage::Cancelling { Stage::InProgress } else { invocation.stage };
    let error = if invocation.stderr.is_empty() {
        String::new()
    } else {
        format!("\n----------ERROR-------\n{}", invocation.stderr)
    };
    let output: String = format!("{}{error}", invocation.stdout).chars().take(2500).collect();
    let mut value = json!({
        "Name": PLUGIN,
        "Status": stage.status(),
        "StatusDetails": stage.details(),
        "ResponseCode": invocation.response_code,
        "Output": output,
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
    });
    for (name, moment) in [("ResponseStartDateTime", invocation.started), ("ResponseFinishDateTime", invocation.ended)]
    {
        if let Some(moment) = moment {
            value[name] = moment.epoch().into();
        }
    }
    value
}

pub fn cancel(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let mut constraints = Constraints::default();
    let id = command_id(input, &mut constraints)?;
    constraints.required("commandId", id);
    let ids = instance_ids(input, &mut constraints)?;
    constraints.finish()?;
    let command = found(call, id.unwrap_or_default())?;
    if let Some(other) = ids.iter().find(|id| !command.invocations.contains_key(*id)) {
        return Err(AwsError::client("InvalidInstanceId", format!("The command was not sent to {other}.")));
    }
    for (instance, invocation) in &mut command.invocations {
        if !ids.is_empty() && !ids.contains(instance) {
            continue;
        }
        match invocation.stage {
            Stage::Pending => invocation.close(Stage::Cancelled),
            // Its agent ends the script.
            Stage::InProgress => invocation.stage = Stage::Cancelling,
            _ => {}
        }
    }
    Ok(json!({}))
}
