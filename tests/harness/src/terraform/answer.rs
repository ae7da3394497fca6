//! Reads what Terraform prints: JSON lines, and the JSON of `show`.

use serde_json::Value as Json;

use crate::case::{AttributePath, PathStep, Severity};
use crate::outcome::{Action, Change, Message, Object, Outcome, Output, Place, Plan, State};

/// Errors and warnings of a command that prints JSON lines. Other lines are ignored.
pub fn messages(output: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for line in lines(output, "diagnostic") {
        if let Some(message) = message(&line["diagnostic"]) {
            outcome.add(message);
        }
    }
    outcome
}

/// What `validate -json` says.
pub fn validation(output: &str) -> Result<Outcome, String> {
    let answer: Json = serde_json::from_str(output).map_err(|error| error.to_string())?;
    let mut outcome = Outcome::default();
    for diagnostic in answer["diagnostics"].as_array().into_iter().flatten() {
        if let Some(message) = message(diagnostic) {
            outcome.add(message);
        }
    }
    Ok(outcome)
}

/// The results of `query -json`: each with its identity, its name for people, and its object when it was asked for.
pub fn found(output: &str) -> Vec<Json> {
    lines(output, "list_resource_found").map(|line| line["list_resource_found"].clone()).collect()
}

/// The progress that actions reported.
pub fn progress(output: &str) -> Vec<String> {
    lines(output, "action_progress").filter_map(|line| line["hook"]["message"].as_str().map(str::to_owned)).collect()
}

fn lines<'a>(output: &'a str, kind: &'a str) -> impl Iterator<Item = Json> + 'a {
    output
        .lines()
        .filter_map(|line| serde_json::from_str::<Json>(line).ok())
        .filter(move |line| line["type"].as_str() == Some(kind))
}

fn message(diagnostic: &Json) -> Option<Message> {
    let text = |name: &str| diagnostic[name].as_str().unwrap_or_default().to_owned();
    let severity = if diagnostic["severity"] == "error" { Severity::Error } else { Severity::Warning };
    // It is in every answer, because the provider under test comes by dev_overrides.
    if severity == Severity::Warning && text("summary").starts_with("Provider development overrides") {
        return None;
    }
    // Terraform's own message for an apply that was interrupted.
    if text("summary") == "execution halted" {
        return None;
    }
    let snippet = &diagnostic["snippet"];
    let address = diagnostic["address"]
        .as_str()
        .map(|address| if address.starts_with("provider[") { "provider".to_owned() } else { address.to_owned() })
        .or_else(|| snippet["context"].as_str().and_then(address_of_block));
    Some(Message { severity, summary: text("summary"), detail: text("detail"), address, place: place(snippet) })
}

/// `resource "x_y" "a"` → `x_y.a`; `data "x_y" "a"` → `data.x_y.a`; `output "o"` → `output.o`; a provider block is
/// `provider`.
fn address_of_block(context: &str) -> Option<String> {
    let mut words = context.split_whitespace();
    let kind = words.next()?;
    let labels: Vec<&str> = words.map(|word| word.trim_matches('"')).collect();
    match kind {
        "resource" => Some(labels.join(".")),
        "provider" => Some("provider".to_owned()),
        "locals" => None,
        "variable" => Some(format!("var.{}", labels.join("."))),
        _ => Some(format!("{kind}.{}", labels.join("."))),
    }
}

/// The attribute whose line the message points at; unknown when it points at the block's heading.
fn place(snippet: &Json) -> Place {
    let (Some(code), Some(context)) = (snippet["code"].as_str(), snippet["context"].as_str()) else {
        return Place::Unknown;
    };
    if code.trim_start().starts_with(context) {
        return Place::Unknown;
    }
    let name: String =
        code.trim_start().chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect();
    // Inside of a nested object the line names an inner attribute, and does not say to which one it belongs.
    let top = snippet["code"].as_str().is_some_and(|code| code.len() - code.trim_start().len() <= 2);
    if name.is_empty() || !top { Place::Unknown } else { Place::Attribute(name) }
}

/// The plan in the JSON of `show`.
pub fn plan(shown: &Json) -> Plan {
    let changes = shown["resource_changes"].as_array().into_iter().flatten().map(change).collect();
    let outputs = shown["output_changes"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, change)| change["actions"] != serde_json::json!(["no-op"]))
        .map(|(name, _)| name.clone())
        .collect();
    Plan { changes, outputs }
}

/// The plan as far as `plan -json` reports it: the actions, without values.
pub fn planned(output: &str) -> Plan {
    let action = |word: &str| match word {
        "create" => Action::Create,
        "read" => Action::Read,
        "update" => Action::Update,
        "replace" => Action::Replace,
        "delete" => Action::Delete,
        _ => Action::NoOp,
    };
    let changes = lines(output, "planned_change").map(|line| {
        let change = &line["change"];
        let word = change["action"].as_str().unwrap_or_default();
        Change {
            address: change["resource"]["addr"].as_str().unwrap_or_default().to_owned(),
            action: action(word),
            importing: word == "import" || !change["importing"].is_null(),
            after: Json::Null,
            unknown: Json::Null,
            sensitive: Json::Null,
            replace_paths: Vec::new(),
        }
    });
    let changes = changes.collect();
    let told = lines(output, "outputs").last();
    let outputs = told.as_ref().and_then(|line| line["outputs"].as_object()).into_iter().flatten();
    let is_changed = |output: &Json| output["action"].as_str().is_some_and(|action| action != "noop");
    let outputs = outputs.filter(|(_, output)| is_changed(output)).map(|(name, _)| name.clone()).collect();
    Plan { changes, outputs }
}

fn change(shown: &Json) -> Change {
    let change = &shown["change"];
    let actions: Vec<&str> = change["actions"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let action = match actions.as_slice() {
        ["create"] => Action::Create,
        ["read"] => Action::Read,
        ["update"] => Action::Update,
        ["delete"] => Action::Delete,
        ["forget"] => Action::Forget,
        ["delete", "create"] | ["create", "delete"] => Action::Replace,
        _ => Action::NoOp,
    };
    let replace_paths = change["replace_paths"].as_array().into_iter().flatten().map(path).collect();
    Change {
        address: shown["address"].as_str().unwrap_or_default().to_owned(),
        action,
        importing: !change["importing"].is_null(),
        after: change["after"].clone(),
        unknown: change["after_unknown"].clone(),
        sensitive: change["after_sensitive"].clone(),
        replace_paths,
    }
}

fn path(shown: &Json) -> AttributePath {
    let step = |step: &Json| match step {
        Json::Number(number) => PathStep::Index(number.as_u64().and_then(|index| index.try_into().ok()).unwrap_or(0)),
        Json::String(name) => PathStep::Name(name.clone()),
        other => PathStep::Name(other.to_string()),
    };
    AttributePath(shown.as_array().into_iter().flatten().map(step).collect())
}

/// The state in the JSON of `show`. Data sources are in it, as they are in Terraform's state.
pub fn state(shown: &Json) -> State {
    let values = &shown["values"];
    let mut state = State::default();
    for resource in values["root_module"]["resources"].as_array().into_iter().flatten() {
        let object = Object {
            values: resource["values"].clone(),
            sensitive: resource["sensitive_values"].clone(),
            identity: resource.get("identity").cloned(),
            tainted: resource["tainted"].as_bool().unwrap_or(false),
        };
        state.objects.insert(resource["address"].as_str().unwrap_or_default().to_owned(), object);
    }
    for (name, output) in values["outputs"].as_object().into_iter().flatten() {
        let sensitive = output["sensitive"].as_bool().unwrap_or(false);
        state.outputs.insert(name.clone(), Output { value: output["value"].clone(), sensitive });
    }
    state
}

/// The state of a state file. `None` = it holds objects of other types than those that begin with `prefix`, which the
/// file may store in another form than `show` prints. It does not say what is sensitive.
pub fn stored(file: &Json, prefix: &str) -> Option<State> {
    let mut state = State::default();
    for resource in file["resources"].as_array().into_iter().flatten() {
        let ty = resource["type"].as_str()?;
        if !ty.starts_with(prefix) {
            return None;
        }
        // `show` lists the modules below the root apart.
        if !resource["module"].is_null() {
            continue;
        }
        let mode = if resource["mode"] == "data" { "data." } else { "" };
        let name = resource["name"].as_str()?;
        for instance in resource["instances"].as_array()?.iter().filter(|instance| instance["deposed"].is_null()) {
            let key = &instance["index_key"];
            let key = if key.is_null() { String::new() } else { format!("[{key}]") };
            let object = Object {
                values: instance["attributes"].clone(),
                sensitive: Json::Null,
                identity: instance.get("identity").cloned(),
                tainted: instance["status"] == "tainted",
            };
            state.objects.insert(format!("{mode}{ty}.{name}{key}"), object);
        }
    }
    for (name, output) in file["outputs"].as_object().into_iter().flatten() {
        let sensitive = output["sensitive"].as_bool().unwrap_or(false);
        state.outputs.insert(name.clone(), Output { value: output["value"].clone(), sensitive });
    }
    Some(state)
}

/// Whether a configuration configures a provider by itself.
pub fn has_provider_block(configuration: &str) -> bool {
    configuration.lines().any(|line| line.trim_start().starts_with("provider \""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn messages_are_placed_by_their_source_line() {
        for (snippet, address, place) in [
            (
                json!({"context": "resource \"x_y\" \"a\"", "code": "  role = \"r\""}),
                Some("x_y.a"),
                Place::Attribute("role".into()),
            ),
            (
                json!({"context": "resource \"x_y\" \"a\"", "code": "resource \"x_y\" \"a\" {"}),
                Some("x_y.a"),
                Place::Unknown,
            ),
            (json!({"context": "data \"x_y\" \"a\"", "code": "    inner = 1"}), Some("data.x_y.a"), Place::Unknown),
            (
                json!({"context": "provider \"x\"", "code": "  region = 1"}),
                Some("provider"),
                Place::Attribute("region".into()),
            ),
            (json!(null), None, Place::Unknown),
        ] {
            let line =
                json!({"type": "diagnostic", "diagnostic": {"severity": "error", "summary": "s", "snippet": snippet}});
            let outcome = messages(&line.to_string());
            assert_eq!(outcome.messages[0].address.as_deref(), address);
            assert_eq!(outcome.messages[0].place, place);
        }
    }

    #[test]
    fn what_is_planned_is_read_while_it_is_told() {
        let line = |action: &str, more: Json| {
            let mut change = json!({"resource": {"addr": format!("x_y.{action}")}, "action": action});
            change.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"type": "planned_change", "change": change}).to_string() + "\n"
        };
        let outputs = json!({"type": "outputs", "outputs": {"a": {"action": "create"}, "b": {"action": "noop"}}});
        let text =
            line("replace", json!({})) + &line("import", json!({"importing": {"id": "i"}})) + &outputs.to_string();
        let plan = planned(&text);
        let seen: Vec<_> = plan.effective().map(|one| (one.address.as_str(), one.action, one.importing)).collect();
        assert_eq!(seen, [("x_y.replace", Action::Replace, false), ("x_y.import", Action::NoOp, true)]);
        assert_eq!(plan.outputs.into_iter().collect::<Vec<_>>(), ["a"]);
        assert!(planned("").is_empty());
    }

    #[test]
    fn a_state_file_is_read_as_show_prints_it() {
        let instance = |key: Json, status: &str| json!({"index_key": key, "status": status, "attributes": {"id": "i"}});
        let file = json!({
            "resources": [
                {"mode": "managed", "type": "x_y", "name": "a", "instances": [
                    instance(json!(0), "tainted"), {"deposed": "00", "attributes": {}},
                ]},
                {"mode": "data", "type": "x_y", "name": "b", "instances": [instance(json!("k"), "")]},
                {"module": "module.m", "mode": "managed", "type": "x_y", "name": "c", "instances": [{}]},
            ],
            "outputs": {"o": {"value": 1, "type": "number", "sensitive": true}},
        });
        let state = stored(&file, "x_").unwrap();
        let seen: Vec<_> = state.objects.iter().map(|(address, object)| (address.as_str(), object.tainted)).collect();
        assert_eq!(seen, [("data.x_y.b[\"k\"]", false), ("x_y.a[0]", true)]);
        assert_eq!((&state.outputs["o"].value, state.outputs["o"].sensitive), (&json!(1), true));
        assert!(stored(&file, "z_").is_none());
    }

    #[test]
    fn equal_messages_are_one_and_other_lines_are_none() {
        let line = json!({"type": "diagnostic", "diagnostic": {"severity": "warning", "summary": "s"}}).to_string();
        let outcome = messages(&format!("{line}\nno json\n{{\"type\":\"version\"}}\n{line}\n"));
        assert_eq!(outcome.messages.len(), 1);
        assert!(!outcome.failed());
    }
}
