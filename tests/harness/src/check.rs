//! Holds what was seen against what a case expects. A fault is a sentence that says both.

use serde_json::Value as Json;

use crate::case::{AttributePath, Expectation, PathStep, PlannedAction, Severity, Test};
use crate::outcome::{Change, Message, Outcome, Plan};
use crate::places::Places;

/// A value with its marks, as far as they are known.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The value; unknown parts are absent.
    pub value: &'a Json,
    /// `true` for each unknown part.
    pub unknown: &'a Json,
    /// `true` for each sensitive part.
    pub sensitive: &'a Json,
}

/// Whether the tree of marks says `true` at the path or above it.
fn marked(tree: &Json, path: &AttributePath) -> bool {
    let mut tree = tree;
    for step in &path.0 {
        if tree == &Json::Bool(true) {
            return true;
        }
        let next = match step {
            PathStep::Name(name) => tree.get(name),
            PathStep::Index(index) => tree.get(index),
        };
        let Some(next) = next else { return false };
        tree = next;
    }
    tree == &Json::Bool(true)
}

/// Checks what is at `path` of a value.
///
/// # Errors
///
/// What was expected and what was seen.
pub fn value(seen: Seen<'_>, path: &AttributePath, wish: &Test, places: &Places) -> Result<(), String> {
    let unknown = marked(seen.unknown, path);
    let found = path.of(seen.value).filter(|value| !value.is_null());
    let shown = || match found {
        _ if unknown => "known after apply".to_owned(),
        None => "unset".to_owned(),
        Some(Json::String(text)) if text.contains('\n') => format!("the text\n{text}"),
        Some(value) => value.to_string(),
    };
    let parsed = |text: &str| {
        let text = places.fill(text)?;
        serde_json::from_str::<Json>(&text).map_err(|error| format!("`{text}` is no JSON: {error}"))
    };
    let hold = |holds: bool, wanted: String| {
        if holds { Ok(()) } else { Err(format!("expected {wanted}, but it is {}", shown())) }
    };
    match wish {
        Test::Unknown => hold(unknown, "known after apply".to_owned()),
        Test::Unset => hold(!unknown && found.is_none(), "unset".to_owned()),
        Test::Set => hold(!unknown && found.is_some(), "set".to_owned()),
        Test::Sensitive => hold(marked(seen.sensitive, path), "sensitive".to_owned()),
        Test::Equals(wanted) => {
            let wanted = parsed(wanted)?;
            hold(!unknown && found == Some(&wanted), wanted.to_string())
        }
        Test::SetEquals(wanted) => {
            let wanted = parsed(wanted)?;
            let holds = match (found, &wanted) {
                (Some(Json::Array(found)), Json::Array(wanted)) => same_elements(found, wanted),
                _ => false,
            };
            hold(!unknown && holds, format!("in any order {wanted}"))
        }
        Test::Matches(pattern) => {
            let pattern = places.fill(pattern)?;
            let regex = regex::Regex::new(&pattern).map_err(|error| format!("`{pattern}`: {error}"))?;
            let holds = match found {
                Some(Json::String(text)) => regex.is_match(text),
                Some(other) => regex.is_match(&other.to_string()),
                None => false,
            };
            hold(!unknown && holds, format!("a match of `{pattern}`"))
        }
        Test::Contains(wanted) => {
            let wanted = parsed(wanted)?;
            hold(!unknown && found.is_some_and(|found| contains(found, &wanted)), format!("something with {wanted}"))
        }
        Test::Lacks(unwanted) => {
            let unwanted = parsed(unwanted)?;
            let holds = !unknown && found.is_some_and(|found| !contains(found, &unwanted));
            hold(holds, format!("something without {unwanted}"))
        }
        Test::Text(wanted) => {
            let wanted = places.fill(wanted)?;
            let holds =
                found.and_then(Json::as_str).is_some_and(|text| text.strip_suffix('\n').unwrap_or(text) == wanted);
            hold(holds, format!("the text\n{wanted}\n"))
        }
        Test::Count(wanted) => {
            let count = match found {
                Some(Json::Array(elements)) => Some(elements.len()),
                Some(Json::Object(members)) => Some(members.len()),
                Some(Json::String(text)) => Some(text.chars().count()),
                _ => None,
            };
            hold(!unknown && count == Some(*wanted), format!("{wanted} elements"))
        }
    }
}

fn same_elements(found: &[Json], wanted: &[Json]) -> bool {
    let mut left: Vec<&Json> = found.iter().collect();
    for element in wanted {
        let Some(position) = left.iter().position(|other| *other == element) else { return false };
        left.swap_remove(position);
    }
    left.is_empty()
}

fn contains(found: &Json, wanted: &Json) -> bool {
    match (found, wanted) {
        (Json::String(text), Json::String(part)) => text.contains(part),
        (Json::Array(elements), part) => {
            elements.iter().any(|element| element == part || contains_object(element, part))
        }
        _ => contains_object(found, wanted),
    }
}

/// Whether both are objects and every member of `wanted` is in `found`.
fn contains_object(found: &Json, wanted: &Json) -> bool {
    match (found, wanted) {
        (Json::Object(found), Json::Object(wanted)) => wanted.iter().all(|(name, wanted)| {
            found.get(name).is_some_and(|found| found == wanted || contains_object(found, wanted))
        }),
        _ => false,
    }
}

/// Checks the `plan:` lines. When there are any about actions, they must be the whole plan.
pub fn plan(plan: Option<&Plan>, expectations: &[&Expectation], places: &Places) -> Vec<String> {
    let mut faults = Vec::new();
    let wanted: Vec<&PlannedAction> = expectations
        .iter()
        .filter_map(|expectation| match expectation {
            Expectation::PlanAction(action) => Some(action),
            _ => None,
        })
        .collect();
    let empty = expectations.contains(&&Expectation::PlanEmpty);
    let values = expectations.iter().filter_map(|expectation| match expectation {
        Expectation::PlanValue { target, test } => Some((target, test)),
        _ => None,
    });
    let Some(plan) = plan else {
        if empty || !wanted.is_empty() || values.count() > 0 {
            faults.push("there is no plan, because of the errors above".to_owned());
        }
        return faults;
    };
    if empty && !plan.is_empty() {
        faults.push(format!("expected an empty plan, but it is:\n{}", show(plan)));
    }
    if !wanted.is_empty() {
        faults.extend(actions(plan, &wanted));
    }
    for (target, test) in values {
        let Some(change) = plan.changes.iter().find(|change| change.address == target.address) else {
            faults.push(format!("plan: {target}: {} is not in the plan:\n{}", target.address, show(plan)));
            continue;
        };
        let seen = Seen { value: &change.after, unknown: &change.unknown, sensitive: &change.sensitive };
        if let Err(fault) = value(seen, &target.path, test, places) {
            faults.push(format!("plan: {target}: {fault}"));
        }
    }
    faults
}

/// Checks that a plan's changes are exactly these.
pub fn actions(plan: &Plan, wanted: &[&PlannedAction]) -> Vec<String> {
    let mut faults = Vec::new();
    for wanted in wanted {
        let seen = plan.effective().find(|change| change.address == wanted.address);
        let words = seen.map_or_else(Vec::new, words);
        if !words.contains(&wanted.action.as_str()) {
            faults.push(format!("expected {} {}, but the plan is:\n{}", wanted.address, wanted.action, show(plan)));
            continue;
        }
        let by = seen.map_or_else(Vec::new, |change| change.replace_paths.clone());
        if !wanted.by.is_empty() && !wanted.by.iter().all(|path| by.contains(path)) {
            faults.push(format!(
                "expected {} to be replaced by {}, but it is by {}",
                wanted.address,
                list(&wanted.by),
                list(&by)
            ));
        }
    }
    for change in plan.effective() {
        if !wanted.iter().any(|wanted| wanted.address == change.address) {
            faults.push(format!("not expected: {} {}", change.address, words(change).join(" and ")));
        }
    }
    faults
}

fn words(change: &Change) -> Vec<&'static str> {
    let mut words = Vec::new();
    if change.importing {
        words.push("import");
    }
    if change.action != crate::outcome::Action::NoOp {
        words.push(change.action.word());
    }
    words
}

fn list(paths: &[AttributePath]) -> String {
    paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A plan for people.
pub fn show(plan: &Plan) -> String {
    let mut lines: Vec<String> = plan
        .effective()
        .map(|change| {
            let by = if change.replace_paths.is_empty() {
                String::new()
            } else {
                format!(" by {}", list(&change.replace_paths))
            };
            format!("    {} {}{by}: {}", change.address, words(change).join(" and "), change.after)
        })
        .collect();
    lines.extend(plan.outputs.iter().map(|name| format!("    output.{name} changes")));
    if lines.is_empty() { "    (empty)".to_owned() } else { lines.join("\n") }
}

/// Checks that errors and warnings are exactly the expected ones.
pub fn messages(outcome: &Outcome, expectations: &[&Expectation], places: &Places) -> Vec<String> {
    let mut faults = Vec::new();
    let mut left: Vec<&Message> = outcome.messages.iter().collect();
    for expectation in expectations {
        let Expectation::Diagnostic { severity, at, summaries, details, optional } = expectation else { continue };
        let fill = |texts: &[String]| texts.iter().map(|text| places.fill(text)).collect::<Result<Vec<_>, _>>();
        let (summaries, details) = match fill(summaries).and_then(|summaries| Ok((summaries, fill(details)?))) {
            Ok(filled) => filled,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        let fits = |message: &Message| {
            message.severity == *severity
                && summaries.iter().any(|one| message.summary == *one || blames_first(one, &message.summary))
                && details.iter().all(|part| flat(&message.detail).contains(&flat(part)))
                && at.as_ref().is_none_or(|at| {
                    message.address.as_ref().is_none_or(|address| *address == at.address)
                        && message.place.agrees(&at.path)
                })
        };
        match left.iter().position(|message| fits(message)) {
            Some(position) => {
                left.remove(position);
            }
            None if *optional => {}
            None => faults.push(format!(
                "expected the {} `{}`{}{}, but it was not seen",
                if *severity == Severity::Error { "error" } else { "warning" },
                summaries.join("` or `"),
                at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default(),
                joined(details.iter().map(|part| format!("\n      with `{part}`")))
            )),
        }
    }
    faults.extend(left.into_iter().map(|message| format!("not expected: {}", show_message(message))));
    faults
}

fn joined(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().concat()
}

/// OpenTofu 1.12 blames a function's first argument where the provider blames none, and changes the summary with it.
fn blames_first(expected: &str, seen: &str) -> bool {
    expected == "Error in function call" && seen == "Invalid function argument"
}

/// White space does not matter in details: Terraform wraps and providers break lines.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A message for people.
pub fn show_message(message: &Message) -> String {
    let severity = if message.severity == Severity::Error { "error" } else { "warning" };
    let place = match &message.place {
        crate::outcome::Place::Unknown => String::new(),
        crate::outcome::Place::Attribute(name) => format!(".{name}"),
        crate::outcome::Place::Path(path) => format!(".{path}"),
    };
    let address = message.address.as_ref().map(|address| format!(" at {address}{place}")).unwrap_or_default();
    let detail = joined(message.detail.lines().map(|line| format!("\n      | {line}")));
    format!("{severity}{address}: {}{detail}", message.summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Place;
    use serde_json::json;

    #[test]
    fn tests_of_values() {
        let places = Places::default();
        let seen = json!({"id": "abc", "n": 5, "list": ["b", "a"], "null": null, "text": "one\ntwo\n", "o": {"p": [{"q": 1, "r": 2}]}});
        let unknown = json!({"later": true});
        let sensitive = json!({"id": true});
        for (path, test, holds) in [
            ("id", "= \"abc\"", true),
            ("id", "= \"abd\"", false),
            ("id", "~ ^a.c$", true),
            ("id", "~ ^b", false),
            ("id", "contains \"bc\"", true),
            ("id", "lacks \"bc\"", false),
            ("id", "lacks \"x\"", true),
            ("id", "sensitive", true),
            ("n", "sensitive", false),
            ("n", "= 5", true),
            ("n", "= \"5\"", false),
            ("list", "= [\"a\", \"b\"]", false),
            ("list", "= set [\"a\", \"b\"]", true),
            ("list", "= set [\"a\"]", false),
            ("list", "contains \"a\"", true),
            ("list", "count 2", true),
            ("list", "count 3", false),
            ("null", "unset", true),
            ("absent", "unset", true),
            ("id", "unset", false),
            ("null", "set", false),
            ("later", "unknown", true),
            ("later", "unset", false),
            ("later", "set", false),
            ("id", "unknown", false),
            ("o.p[0].q", "= 1", true),
            ("o.p", "contains {\"q\": 1}", true),
            ("o.p", "contains {\"q\": 2}", false),
        ] {
            let Ok(Expectation::State { target, test: parsed }) =
                Expectation::parse(&format!("state: x_y.a.{path} {test}"), &[])
            else {
                panic!("{test} is a test");
            };
            let seen = Seen { value: &seen, unknown: &unknown, sensitive: &sensitive };
            let result = value(seen, &target.path, &parsed, &places);
            assert_eq!(result.is_ok(), holds, "{path} {test}: {result:?}");
        }
        let seen = Seen { value: &seen, unknown: &unknown, sensitive: &sensitive };
        let path = AttributePath::parse("text").unwrap();
        assert_eq!(value(seen, &path, &Test::Text("one\ntwo".into()), &places), Ok(()));
        assert!(value(seen, &path, &Test::Text("one".into()), &places).is_err());
    }

    fn message(summary: &str, detail: &str, at: Option<(&str, &str)>) -> Message {
        Message {
            severity: Severity::Error,
            summary: summary.into(),
            detail: detail.into(),
            address: at.map(|(address, _)| address.into()),
            place: at.map_or(Place::Unknown, |(_, path)| Place::Path(AttributePath::parse(path).unwrap())),
        }
    }

    #[test]
    fn messages_must_be_exactly_the_expected_ones() {
        let expected = Expectation::parse("error at x_y.a.role: Bad role", &["the  name"]).unwrap();
        for (seen, faults) in [
            (vec![message("Bad role", "Give the\nname.", Some(("x_y.a", "role")))], 0),
            (vec![message("Bad role", "Give the\nname.", None)], 0),
            (vec![], 1),
            (vec![message("Bad role", "Give the ARN.", Some(("x_y.a", "role")))], 2),
            (vec![message("Bad role", "Give the name.", Some(("x_y.a", "limit")))], 2),
            (vec![message("Bad role", "Give the name.", Some(("x_y.b", "role")))], 2),
            (vec![message("Bad role", "the name", None), message("More", "", None)], 1),
        ] {
            let outcome = Outcome { messages: seen.clone(), ..Outcome::default() };
            let found = messages(&outcome, &[&expected], &Places::default());
            assert_eq!(found.len(), faults, "{seen:?}: {found:?}");
        }
    }

    #[test]
    fn a_set_of_messages_may_be_expected() {
        let expected = ["error: Bad role or else Gone", "maybe error: Late"];
        let expected = expected.map(|line| Expectation::parse(line, &[]).unwrap());
        for (seen, faults) in [
            (vec!["Bad role"], 0),
            (vec!["Gone", "Late"], 0),
            (vec!["Gone", "Bad role"], 1),
            (vec!["Late"], 1),
            (vec!["Gone", "Late", "Late too"], 1),
        ] {
            let outcome =
                Outcome { messages: seen.iter().map(|one| message(one, "", None)).collect(), ..Outcome::default() };
            let found = messages(&outcome, &expected.iter().collect::<Vec<_>>(), &Places::default());
            assert_eq!(found.len(), faults, "{seen:?}: {found:?}");
        }
    }

    #[test]
    fn planned_actions_must_be_the_whole_plan() {
        let change = |address: &str, action| Change {
            address: address.into(),
            action,
            importing: false,
            after: json!({}),
            unknown: json!({}),
            sensitive: json!({}),
            replace_paths: vec![AttributePath::parse("role").unwrap()],
        };
        let plan = Plan {
            changes: vec![
                change("x_y.a", crate::outcome::Action::Replace),
                change("x_y.b", crate::outcome::Action::NoOp),
            ],
            ..Plan::default()
        };
        for (lines, faults) in [
            (vec!["plan: x_y.a replace"], 0),
            (vec!["plan: x_y.a replace by role"], 0),
            (vec!["plan: x_y.a replace by limit"], 1),
            (vec!["plan: x_y.a update"], 1),
            (vec!["plan: x_y.b create"], 2),
            (vec!["plan: empty"], 1),
            (vec!["plan: x_y.c.id unknown"], 1),
        ] {
            let parsed: Vec<_> = lines.iter().map(|line| Expectation::parse(line, &[]).unwrap()).collect();
            let found = super::plan(Some(&plan), &parsed.iter().collect::<Vec<_>>(), &Places::default());
            assert_eq!(found.len(), faults, "{lines:?}: {found:?}");
        }
    }
}
