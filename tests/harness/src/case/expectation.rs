//! What a step of a case must show. One line each; lines that begin with `|` continue the one above.

use super::target::{AttributePath, Target};

/// One thing that must hold.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the line that each variant quotes names its fields")]
pub enum Expectation {
    /// `plan: empty`: nothing would be changed.
    PlanEmpty,
    /// `plan: ADDRESS ACTION [by PATH, …]`. All such lines of a step together are the whole plan.
    PlanAction(PlannedAction),
    /// `plan: TARGET TEST`: the planned value.
    PlanValue { target: Target, test: Test },
    /// `again: empty` (the default after an apply), `again: unchecked`, or `again: ADDRESS ACTION`: what a plan right
    /// after the apply says.
    Again(Option<PlannedAction>),
    /// `again: unchecked because …`.
    AgainUnchecked,
    /// `state: TARGET TEST`.
    State { target: Target, test: Test },
    /// `state: ADDRESS gone`.
    StateGone { address: String },
    /// `state: ADDRESS tainted`: the next plan replaces it.
    StateTainted { address: String },
    /// `output: NAME[.PATH] TEST`.
    Output { target: Target, test: Test },
    /// `error at TARGET: SUMMARY` or `warning …`; the `|` lines are parts of the detail. All of a step together are
    /// all messages of that severity. `SUMMARY or else SUMMARY` is one of them; with `maybe ` before it, it may be
    /// absent.
    Diagnostic { severity: Severity, at: Option<Target>, summaries: Vec<String>, details: Vec<String>, optional: bool },
    /// `answer: NAME[.PATH] TEST`: of an answer that an outside change gave a name.
    Answer { path: AttributePath, test: Test },
    /// `calls: SERVICE:OPERATION <= 12`: requests since the step began. Those to the cluster's API server are of the
    /// service `kubernetes`: `kubernetes:list/nodes`, and `kubernetes:*` for all of them; `aws:*` is every other one.
    Calls { operation: String, comparison: Comparison, count: u64 },
    /// `log: never contains TEXT`: nowhere, from the beginning of the case to its end.
    LogNever { text: String },
    /// `differs: PATH, …`: after an import these may differ from the state before.
    Differs(Vec<AttributePath>),
    /// `found: TEST` on each of a query's results: at least one passes it.
    Found { path: AttributePath, test: Test },
    /// `found: N`: how many results a query has.
    FoundCount(usize),
    /// `progress: TEXT`: an action's progress holds it.
    Progress(String),
    /// `interrupt: after [N] SERVICE:OPERATION`: Terraform is interrupted once that call has been seen N times.
    /// `kill: after [N] SERVICE:OPERATION`: the provider's process is killed then.
    Interrupt { operation: String, times: u64, kill: bool },
    /// `within: SECONDS`: the interrupted command ends in time.
    Within { milliseconds: u64 },
}

/// How bad a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It did not work.
    Error,
    /// It worked, but.
    Warning,
}

/// One planned change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedAction {
    /// The object's address.
    pub address: String,
    /// `create`, `update`, `replace`, `delete`, `read`, `import`, `forget`.
    pub action: String,
    /// The attributes that make a replacement necessary; empty when the case does not say.
    pub by: Vec<AttributePath>,
}

/// How a number compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
}

impl Comparison {
    /// Whether `seen` compares so with `wanted`.
    pub fn holds(self, seen: u64, wanted: u64) -> bool {
        match self {
            Self::Equal => seen == wanted,
            Self::AtMost => seen <= wanted,
            Self::AtLeast => seen >= wanted,
        }
    }
}

/// What must hold of a value. Texts may still hold `@{…}` places, filled in when the case runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// `= JSON`
    Equals(String),
    /// `= set JSON`: the same elements in any order.
    SetEquals(String),
    /// `~ REGEX`, anywhere in the text.
    Matches(String),
    /// `contains JSON`: part of a text, element of a list, or members of an object.
    Contains(String),
    /// `lacks JSON`: the opposite.
    Lacks(String),
    /// `is text`, then the lines.
    Text(String),
    /// `count N`: elements or entries.
    Count(usize),
    /// `unset`: null or absent.
    Unset,
    /// `set`: known and not null.
    Set,
    /// `unknown`: known after apply.
    Unknown,
    /// `sensitive`: shown as such.
    Sensitive,
}

impl Expectation {
    /// Whether it looks at the state after the step.
    pub fn is_about_state(&self) -> bool {
        matches!(self, Self::State { .. } | Self::StateGone { .. } | Self::StateTainted { .. } | Self::Output { .. })
    }

    /// Whether it looks at the plan.
    pub fn is_about_plan(&self) -> bool {
        matches!(self, Self::PlanEmpty | Self::PlanAction(_) | Self::PlanValue { .. })
    }

    /// Whether it asks what would be done to which object, and nothing more. Terraform does not tell of a removal from
    /// the state alone while it plans.
    pub fn is_about_actions(&self) -> bool {
        match self {
            Self::PlanEmpty => true,
            Self::PlanAction(action) => action.by.is_empty() && action.action != "forget",
            _ => false,
        }
    }

    /// Whether it asks what of the state or of an output is sensitive.
    pub fn is_about_marks(&self) -> bool {
        matches!(self, Self::State { test: Test::Sensitive, .. } | Self::Output { test: Test::Sensitive, .. })
    }

    /// Reads one expectation from its first line and the `|` lines below it.
    ///
    /// # Errors
    ///
    /// The line is none of the forms above.
    pub fn parse(line: &str, continued: &[&str]) -> Result<Self, String> {
        let (head, rest) = line.split_once(':').ok_or_else(|| format!("`{line}` has no `:`"))?;
        let (key, at) = match head.split_once(" at ") {
            Some((key, at)) => (key.trim(), Some(Target::parse(at)?)),
            None => (head.trim(), None),
        };
        let (key, optional) = key.strip_prefix("maybe ").map_or((key, false), |key| (key, true));
        if optional && !matches!(key, "error" | "warning") {
            return Err(format!("`{line}`: only errors and warnings may be absent"));
        }
        let rest = rest.trim();
        let lines = || continued.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        if !continued.is_empty() && !matches!(key, "error" | "warning") && !rest.ends_with(" is text") {
            return Err(format!("`{line}` takes no `|` lines"));
        }
        let refuse = || Err(format!("`{line}` is no expectation that is known"));
        match key {
            "plan" if rest == "empty" => Ok(Self::PlanEmpty),
            "plan" => match action(rest)? {
                Some(action) => Ok(Self::PlanAction(action)),
                None => value(rest, continued).map(|(target, test)| Self::PlanValue { target, test }),
            },
            "again" if rest == "empty" => Ok(Self::Again(None)),
            "again" if rest.starts_with("unchecked because ") => Ok(Self::AgainUnchecked),
            "again" => match action(rest)? {
                Some(action) => Ok(Self::Again(Some(action))),
                None => refuse(),
            },
            "state" => match rest.rsplit_once(' ') {
                Some((address, "gone")) => Ok(Self::StateGone { address: address.to_owned() }),
                Some((address, "tainted")) => Ok(Self::StateTainted { address: address.to_owned() }),
                _ => value(rest, continued).map(|(target, test)| Self::State { target, test }),
            },
            "output" => value(&format!("output.{rest}"), continued).map(|(target, test)| Self::Output { target, test }),
            "error" | "warning" if !rest.is_empty() => Ok(Self::Diagnostic {
                severity: if key == "error" { Severity::Error } else { Severity::Warning },
                at,
                summaries: rest.split(" or else ").map(|one| one.trim().to_owned()).collect(),
                details: lines(),
                optional,
            }),
            "answer" => {
                let (path, test) = split_test(rest, continued)?;
                Ok(Self::Answer { path: AttributePath::parse(path)?, test })
            }
            "calls" => {
                let mut words = rest.split_whitespace();
                let (Some(operation), Some(sign), Some(count), None) =
                    (words.next(), words.next(), words.next(), words.next())
                else {
                    return refuse();
                };
                let comparison = match sign {
                    "=" => Comparison::Equal,
                    "<=" => Comparison::AtMost,
                    ">=" => Comparison::AtLeast,
                    _ => return refuse(),
                };
                let count = count.parse().map_err(|_| format!("`{count}` is no count"))?;
                Ok(Self::Calls { operation: operation.to_owned(), comparison, count })
            }
            "log" => match rest.strip_prefix("never contains ") {
                Some(text) => Ok(Self::LogNever { text: text.trim().to_owned() }),
                None => refuse(),
            },
            "differs" => paths(rest).map(Self::Differs),
            "found" => {
                if let Ok(count) = rest.parse() {
                    return Ok(Self::FoundCount(count));
                }
                let (path, test) = split_test(rest, continued)?;
                Ok(Self::Found { path: AttributePath::parse(path)?, test })
            }
            "progress" if !rest.is_empty() => Ok(Self::Progress(rest.to_owned())),
            "interrupt" | "kill" => {
                let words: Vec<&str> = rest.split_whitespace().collect();
                let (operation, times) = match words.as_slice() {
                    ["after", times, operation] => {
                        (operation, times.parse().map_err(|_| format!("`{times}` is no number of calls"))?)
                    }
                    ["after", operation] => (operation, 1),
                    _ => return refuse(),
                };
                Ok(Self::Interrupt { operation: (*operation).to_owned(), times, kill: key == "kill" })
            }
            "within" => {
                super::step::Duration::parse(rest).map(|duration| Self::Within { milliseconds: duration.milliseconds })
            }
            _ => refuse(),
        }
    }
}

/// `ADDRESS ACTION [by PATH, …]`, or `None` when the second word is no action.
fn action(text: &str) -> Result<Option<PlannedAction>, String> {
    let (words, by) = match text.split_once(" by ") {
        Some((words, by)) => (words, paths(by)?),
        None => (text, Vec::new()),
    };
    let Some((address, action)) = words.trim().rsplit_once(' ') else { return Ok(None) };
    if !["create", "update", "replace", "delete", "read", "import", "forget"].contains(&action) {
        return Ok(None);
    }
    Ok(Some(PlannedAction { address: Target::parse(address)?.address, action: action.to_owned(), by }))
}

/// Paths with commas between them.
fn paths(text: &str) -> Result<Vec<AttributePath>, String> {
    text.split(',').map(|path| AttributePath::parse(path.trim())).collect()
}

/// `TARGET TEST`.
fn value(line: &str, continued: &[&str]) -> Result<(Target, Test), String> {
    let (target, test) = split_test(line, continued)?;
    Ok((Target::parse(target)?, test))
}

/// Splits before the word that begins the test.
fn split_test<'a>(line: &'a str, continued: &[&str]) -> Result<(&'a str, Test), String> {
    // A key in brackets may hold spaces, so the target ends at the first space outside of them.
    let mut inside = false;
    let end = line
        .find(|character| {
            match character {
                '[' => inside = true,
                ']' => inside = false,
                _ => {}
            }
            character == ' ' && !inside
        })
        .ok_or_else(|| format!("`{line}` has no test"))?;
    let (target, test) = line.split_at(end);
    Ok((target, Test::parse(test.trim(), continued)?))
}

impl Test {
    fn parse(text: &str, continued: &[&str]) -> Result<Self, String> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        Ok(match (word, rest) {
            ("=", value) if value.starts_with("set ") => Self::SetEquals(json(value["set ".len()..].trim())?),
            ("=", value) if !value.is_empty() => Self::Equals(json(value)?),
            ("~", pattern) if !pattern.is_empty() => {
                if !pattern.contains("@{") {
                    regex::Regex::new(pattern).map_err(|error| format!("`{pattern}`: {error}"))?;
                }
                Self::Matches(pattern.to_owned())
            }
            ("contains", value) => Self::Contains(json(value)?),
            ("lacks", value) => Self::Lacks(json(value)?),
            ("count", count) => Self::Count(count.parse().map_err(|_| format!("`{count}` is no count"))?),
            ("is", "text") => Self::Text(continued.join("\n")),
            ("unset", "") => Self::Unset,
            ("set", "") => Self::Set,
            ("unknown", "") => Self::Unknown,
            ("sensitive", "") => Self::Sensitive,
            _ => return Err(format!("`{text}` is no test that is known")),
        })
    }
}

/// The text, when it is JSON or will be once its places are filled in.
fn json(text: &str) -> Result<String, String> {
    if !text.contains("@{") {
        serde_json::from_str::<serde_json::Value>(text).map_err(|error| format!("`{text}` is no JSON: {error}"))?;
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        Target::parse(text).unwrap()
    }

    #[test]
    fn each_form_is_read() {
        for (line, continued, expected) in [
            ("plan: empty", vec![], Expectation::PlanEmpty),
            (
                "plan: x_y.a replace by role, tags.Name",
                vec![],
                Expectation::PlanAction(PlannedAction {
                    address: "x_y.a".into(),
                    action: "replace".into(),
                    by: vec![AttributePath::parse("role").unwrap(), AttributePath::parse("tags.Name").unwrap()],
                }),
            ),
            (
                "plan: x_y.a.id unknown",
                vec![],
                Expectation::PlanValue { target: target("x_y.a.id"), test: Test::Unknown },
            ),
            (
                "state: x_y.a.tags[\"a b\"] = \"c d\"",
                vec![],
                Expectation::State { target: target("x_y.a.tags[\"a b\"]"), test: Test::Equals("\"c d\"".into()) },
            ),
            ("state: x_y.a gone", vec![], Expectation::StateGone { address: "x_y.a".into() }),
            (
                "output: text is text",
                vec!["one", "two"],
                Expectation::Output { target: target("output.text"), test: Test::Text("one\ntwo".into()) },
            ),
            (
                "error at x_y.a.role: Invalid role",
                vec!["the name"],
                Expectation::Diagnostic {
                    severity: Severity::Error,
                    at: Some(target("x_y.a.role")),
                    summaries: vec!["Invalid role".into()],
                    details: vec!["the name".into()],
                    optional: false,
                },
            ),
            (
                "maybe warning: This or else That",
                vec![],
                Expectation::Diagnostic {
                    severity: Severity::Warning,
                    at: None,
                    summaries: vec!["This".into(), "That".into()],
                    details: vec![],
                    optional: true,
                },
            ),
            (
                "calls: ssm:DescribeActivations <= 12",
                vec![],
                Expectation::Calls {
                    operation: "ssm:DescribeActivations".into(),
                    comparison: Comparison::AtMost,
                    count: 12,
                },
            ),
            (
                "state: x_y.a.list = set [\"b\", \"a\"]",
                vec![],
                Expectation::State { target: target("x_y.a.list"), test: Test::SetEquals("[\"b\", \"a\"]".into()) },
            ),
            ("within: 2s", vec![], Expectation::Within { milliseconds: 2000 }),
            (
                "answer: node.spec unset",
                vec![],
                Expectation::Answer { path: AttributePath::parse("node.spec").unwrap(), test: Test::Unset },
            ),
        ] {
            assert_eq!(Expectation::parse(line, &continued), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for (line, continued) in [
            ("nothing", vec![]),
            ("plan: x_y.a explode", vec![]),
            ("state: x_y.a.id", vec![]),
            ("state: x_y.a.id = {", vec![]),
            ("state: x_y.a.id ~ (", vec![]),
            ("state: x_y.a.id = 1", vec!["stray"]),
            ("calls: ssm:X < 12", vec![]),
            ("calls: ssm:X <= many", vec![]),
            ("error:", vec![]),
            ("maybe plan: empty", vec![]),
            ("again: unchecked", vec![]),
            ("within: soon", vec![]),
        ] {
            assert!(Expectation::parse(line, &continued).is_err(), "{line}");
        }
    }
}
