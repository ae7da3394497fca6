//! Runs one case on one layer.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::case::{Case, Expectation, LayerKind, Needs, Outside, Step, StepKind};
use crate::check::{self, Seen};
use crate::difference::{clear, difference};
use crate::layer::{Goal, Interruption, Layer, LayerError, Look};
use crate::outcome::Outcome;
use crate::places::Places;
use crate::sandbox::Account;

/// The program that runs a case, as far as a case may ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The miniature Terraform of this harness, which knows what the newest one does.
    InProcess,
    /// Terraform, with its version.
    Terraform(u64, u64),
    /// OpenTofu, with its version.
    Tofu(u64, u64),
}

impl Program {
    /// Why it cannot run something with these needs; `None` when it can.
    pub fn lacks(self, needs: &Needs) -> Option<String> {
        let because = &needs.because;
        let old = |name: &str, (major, minor): (u64, u64)| Some(format!("needs {name} {major}.{minor}: {because}"));
        match (self, needs.layer) {
            (Self::InProcess, Some(LayerKind::Terraform)) => return Some(format!("only real Terraform: {because}")),
            (Self::Terraform(..) | Self::Tofu(..), Some(LayerKind::InProcess)) => {
                return Some(format!("only in-process: {because}"));
            }
            _ => {}
        }
        match self {
            Self::InProcess => None,
            Self::Terraform(major, minor) => match needs.terraform {
                Some(least) if (major, minor) < least => old("Terraform", least),
                _ => None,
            },
            Self::Tofu(major, minor) => match (needs.tofu, needs.terraform) {
                (Some(least), _) if (major, minor) < least => old("OpenTofu", least),
                (None, Some(_)) => Some(format!("not in OpenTofu: {because}")),
                _ => None,
            },
        }
    }
}

/// How a case ended.
#[derive(Debug)]
pub struct Verdict {
    /// What did not hold; empty when everything did.
    pub faults: Vec<String>,
    /// Steps that this program cannot run, with the reason.
    pub left_out: Vec<String>,
}

/// A case at work.
struct Run<'a> {
    case: &'a Case,
    layer: &'a mut dyn Layer,
    account: Option<&'a Account<'a>>,
    places: Places,
    /// Texts that must not appear in any output, with their lines.
    never: Vec<(usize, String)>,
    left_out: Vec<String>,
    /// The provider has a configuration, be it the one of cases without a block for it.
    configured: bool,
}

/// Runs the case and destroys what it created.
pub fn run(case: &Case, program: Program, layer: &mut dyn Layer, account: Option<&Account<'_>>) -> Verdict {
    let mut run = Run {
        case,
        layer,
        account,
        places: Places::default(),
        never: Vec::new(),
        left_out: Vec::new(),
        configured: false,
    };
    let mut faults = match run.all(program) {
        Ok(()) => Vec::new(),
        Err(faults) => faults,
    };
    // Also when something else went wrong: a secret in a log is a fault of its own.
    faults.extend(run.leaks());
    faults.extend(run.layer.undeclared());
    if !faults.is_empty() {
        if let Ok(counters) = run.counters()
            && !counters.is_empty()
        {
            faults.push(format!("the account's calls: {counters:?}"));
        }
        let logs = run.layer.logs();
        // Traces are for what the case itself looks for.
        let telling = |line: &&str| !line.contains("TRACE") && !line.contains(": Serving:");
        let tail: Vec<&str> = logs.lines().filter(telling).rev().take(20).collect();
        if !tail.is_empty() {
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            faults.push(format!("the end of the log:\n    {}", tail.join("\n    ")));
        }
    }
    Verdict { faults, left_out: run.left_out }
}

impl Run<'_> {
    fn all(&mut self, program: Program) -> Result<(), Vec<String>> {
        let before = self.dump()?;
        if let Some(account) = self.account {
            self.places.add_members(&account.told);
            self.places.add("endpoint", account.endpoint().into());
        }
        for (name, content) in &self.case.files {
            let content = self.places.fill(content).map_err(|fault| vec![fault])?;
            self.layer.put_file(name, &content).map_err(|error| vec![chain(&error)])?;
        }
        for step in &self.case.steps {
            if let Some(reason) = program.lacks(&step.needs) {
                self.left_out.push(format!("line {}, {}: {reason}", step.line, step.heading));
                continue;
            }
            let faults = self.step(step).unwrap_or_else(|fault| vec![fault]);
            if !faults.is_empty() {
                let heading = format!("{}.case:{}: === {}", self.case.name, step.line, step.heading);
                return Err(std::iter::once(heading).chain(faults).collect());
            }
        }
        self.end(before).map_err(|fault| vec!["at the end of the case".to_owned(), fault])
    }

    /// Destroys what is left, and holds the account against what it was.
    fn end(&mut self, before: Option<Json>) -> Result<(), String> {
        if !self.layer.is_empty().map_err(|error| chain(&error))? {
            let planned = self.layer.plan(&Goal::Destroy, Look::Messages).map_err(|error| chain(&error))?;
            expect_success(&planned, "the plan to destroy")?;
            let applied = self.layer.apply(None).map_err(|error| chain(&error))?;
            expect_success(&applied, "destroy")?;
        }
        let after = self.dump().map_err(|faults| faults.join("\n"))?;
        match (before, after, &self.case.leaves) {
            (Some(before), Some(after), None) if before != after => {
                Err(format!("destroy left something behind:\n{}", difference("", &before, &after)))
            }
            (Some(before), Some(after), Some(why)) if before == after => {
                Err(format!("the case says that it leaves something because {why}, but it leaves nothing"))
            }
            _ => Ok(()),
        }
    }

    fn dump(&self) -> Result<Option<Json>, Vec<String>> {
        self.account.map(Account::dump).transpose().map_err(|error| vec![chain(&error)])
    }

    /// Runs a step and says what did not hold.
    fn step(&mut self, step: &Step) -> Result<Vec<String>, String> {
        let explain = |error: LayerError| chain(&error);
        let counters = self.counters()?;
        let configuration = step.configuration.as_ref().map(|text| self.places.fill(text)).transpose()?;
        match &configuration {
            Some(text) if step.kind != StepKind::Query => {
                self.layer.configure(text).map_err(explain)?;
                self.configured = true;
            }
            // A query has list blocks only; the provider's block lies beside them.
            _ if step.kind == StepKind::Query && !self.configured => {
                self.layer.configure("").map_err(explain)?;
                self.configured = true;
            }
            _ => {}
        }
        let expectations: Vec<&Expectation> = step.expectations.iter().map(|(_, expectation)| expectation).collect();
        let mut faults = Vec::new();
        match &step.kind {
            StepKind::Outside(changes) => {
                for (line, change) in changes {
                    self.outside(change).map_err(|fault| format!("line {line}: {fault}"))?;
                }
            }
            StepKind::Validate => {
                let outcome = self.layer.validate().map_err(explain)?;
                faults.extend(check::messages(&outcome, &expectations, &self.places));
            }
            StepKind::Plan | StepKind::PlanDestroy => {
                let goal = if step.kind == StepKind::Plan { Goal::Change } else { Goal::Destroy };
                let outcome = self.layer.plan(&goal, look(&expectations)).map_err(explain)?;
                faults.extend(check::messages(&outcome, &expectations, &self.places));
                faults.extend(check::plan(outcome.plan.as_ref(), &expectations, &self.places));
            }
            StepKind::Apply => faults.extend(self.apply(&Goal::Change, &expectations)?),
            StepKind::Destroy => faults.extend(self.apply(&Goal::Destroy, &expectations)?),
            StepKind::Refresh => faults.extend(self.apply(&Goal::Refresh, &expectations)?),
            StepKind::ImportById { address, id } => {
                let goal = Goal::ImportById { address: address.clone(), id: self.places.fill(id)? };
                faults.extend(self.import(address, &goal, &expectations)?);
            }
            StepKind::Generate { address, id } => {
                let goal = Goal::Generate { address: address.clone(), id: self.places.fill(id)? };
                faults.extend(self.import(address, &goal, &expectations)?);
            }
            StepKind::Taint { address } => self.layer.taint(address).map_err(explain)?,
            StepKind::ImportByIdentity { address, identity } => {
                let identity = self.places.fill(identity)?;
                let identity = serde_json::from_str(&identity)
                    .map_err(|error| format!("the identity `{identity}` is no JSON: {error}"))?;
                let goal = Goal::ImportByIdentity { address: address.clone(), identity };
                faults.extend(self.import(address, &goal, &expectations)?);
            }
            StepKind::Query => {
                let outcome = self.layer.query(&configuration.unwrap_or_default()).map_err(explain)?;
                faults.extend(check::messages(&outcome, &expectations, &self.places));
                faults.extend(self.found(&outcome, &expectations));
            }
            StepKind::Invoke { address } => {
                let outcome = self.layer.invoke(address).map_err(explain)?;
                faults.extend(check::messages(&outcome, &expectations, &self.places));
                for expectation in &expectations {
                    let Expectation::Progress(wanted) = expectation else { continue };
                    let wanted = self.places.fill(wanted)?;
                    if !outcome.progress.iter().any(|line| line.contains(&wanted)) {
                        faults.push(format!("expected progress with `{wanted}`, but it was {:?}", outcome.progress));
                    }
                }
            }
        }
        if step.looks_at_state {
            let marks = expectations.iter().any(|expectation| expectation.is_about_marks());
            self.places.set_state(self.layer.state(marks).map_err(explain)?);
        }
        let after = self.counters()?;
        for (line, expectation) in &step.expectations {
            let fault = match expectation {
                Expectation::Calls { operation, comparison, count } => {
                    let of = |counters: &Counters| counters.get(operation).copied().unwrap_or(0);
                    let seen = of(&after) - of(&counters);
                    (!comparison.holds(seen, *count)).then(|| format!("{operation} was called {seen} times"))
                }
                Expectation::LogNever { text } => match self.places.fill(text) {
                    Ok(text) => {
                        self.never.push((*line, text));
                        None
                    }
                    Err(fault) => Some(fault),
                },
                other => self.look(other).err(),
            };
            faults.extend(fault.map(|fault| format!("line {line}: {fault}")));
        }
        Ok(faults)
    }

    /// Plan, apply, and again a plan, which must be empty unless the case says otherwise.
    fn apply(&mut self, goal: &Goal, expectations: &[&Expectation]) -> Result<Vec<String>, String> {
        let explain = |error: LayerError| chain(&error);
        let planned = self.layer.plan(goal, look(expectations)).map_err(explain)?;
        if planned.failed() {
            // An apply step is about what apply says; what plan says belongs into a plan step.
            return Ok(planned
                .messages
                .iter()
                .map(|message| format!("plan: {}", check::show_message(message)))
                .collect());
        }
        let mut faults = check::plan(planned.plan.as_ref(), expectations, &self.places);
        if !faults.is_empty() {
            return Ok(faults);
        }
        let operation = expectations.iter().find_map(|expectation| match expectation {
            Expectation::Interrupt { operation, times, kill } => Some((operation.clone(), *times, *kill)),
            _ => None,
        });
        let before = self.counters()?;
        let mut applied = match operation {
            None => self.layer.apply(None).map_err(explain)?,
            Some((operation, times, kill)) => {
                let account = self.account.ok_or("`interrupt:` needs the sandbox")?;
                let seen = |counters: &Counters| counters.get(&operation).copied().unwrap_or(0);
                let mut due = || account.counters().is_ok_and(|now| seen(&now) >= seen(&before) + times);
                let mut interruption = Interruption { due: &mut due, kill, took: None };
                let outcome = self.layer.apply(Some(&mut interruption)).map_err(explain)?;
                let took = interruption.took;
                for expectation in expectations {
                    let Expectation::Within { milliseconds } = expectation else { continue };
                    match took {
                        None => faults.push(format!("{operation} was not called, so nothing was interrupted")),
                        Some(took) if took.as_millis() > u128::from(*milliseconds) => {
                            faults.push(format!("it took {took:?} to end after the stop"));
                        }
                        Some(_) => {}
                    }
                }
                outcome
            }
        };
        // Warnings come when planning and again when applying; the case states them once.
        for message in planned.messages {
            applied.add(message);
        }
        faults.extend(check::messages(&applied, expectations, &self.places));
        let again = !applied.failed() && *goal == Goal::Change;
        if faults.is_empty() && again {
            faults.extend(self.again(expectations)?);
        }
        Ok(faults)
    }

    fn again(&mut self, expectations: &[&Expectation]) -> Result<Vec<String>, String> {
        if expectations.iter().any(|expectation| matches!(expectation, Expectation::AgainUnchecked)) {
            return Ok(Vec::new());
        }
        let outcome = self.layer.plan(&Goal::Change, Look::Emptiness).map_err(|error| chain(&error))?;
        if let Err(fault) = expect_success(&outcome, "the plan right after apply") {
            return Ok(vec![fault]);
        }
        let plan = outcome.plan.unwrap_or_default();
        let wanted: Vec<_> = expectations
            .iter()
            .filter_map(|expectation| match expectation {
                Expectation::Again(Some(action)) => Some(action),
                _ => None,
            })
            .collect();
        if !wanted.is_empty() {
            return Ok(check::actions(&plan, &wanted));
        }
        Ok(if plan.is_empty() {
            Vec::new()
        } else {
            vec![format!("the plan right after apply is not empty:\n{}", check::show(&plan))]
        })
    }

    /// Forgets the object, imports it, and holds what came against what was.
    fn import(&mut self, address: &str, goal: &Goal, expectations: &[&Expectation]) -> Result<Vec<String>, String> {
        let explain = |error: LayerError| chain(&error);
        let before = self.layer.state(false).map_err(explain)?.objects.get(address).cloned();
        if before.is_some() {
            self.layer.forget(address).map_err(explain)?;
        }
        let planned = self.layer.plan(goal, Look::Whole).map_err(explain)?;
        let mut faults = check::messages(&planned, expectations, &self.places);
        faults.extend(check::plan(planned.plan.as_ref(), expectations, &self.places));
        if planned.failed() || !faults.is_empty() {
            if before.is_some() {
                self.layer.put_back().map_err(explain)?;
            }
            return Ok(faults);
        }
        let stated = expectations.iter().any(|expectation| matches!(expectation, Expectation::PlanAction(_)));
        let plan = planned.plan.unwrap_or_default();
        let pure = plan.effective().all(|change| change.importing && change.action == crate::outcome::Action::NoOp);
        if !stated && !pure {
            faults.push(format!("expected nothing but the import, but the plan is:\n{}", check::show(&plan)));
            return Ok(faults);
        }
        let applied = self.layer.apply(None).map_err(explain)?;
        expect_success(&applied, "the import")?;
        let Some(before) = before else { return Ok(faults) };
        let mut after = self.layer.state(false).map_err(explain)?.objects.get(address).cloned().unwrap_or_default();
        let mut before = before.values;
        for expectation in expectations {
            let Expectation::Differs(paths) = expectation else { continue };
            for path in paths {
                let same = path.of(&before) == path.of(&after.values);
                if same {
                    faults.push(format!("the case says that {path} differs after the import, but it does not"));
                }
                clear(&mut before, path);
                clear(&mut after.values, path);
            }
        }
        if before != after.values {
            faults.push(format!("the import brought another state:\n{}", difference("", &before, &after.values)));
        }
        Ok(faults)
    }

    fn outside(&mut self, change: &Outside) -> Result<(), String> {
        let account = self.account.ok_or("`=== outside` needs the sandbox")?;
        if let Outside::State(text) = change {
            let text = self.places.fill(text)?;
            return self.layer.put_file("terraform.tfstate", &text).map_err(|error| chain(&error));
        }
        let change = filled(change, &self.places)?;
        if let Some((name, answer)) = account.change(&change).map_err(|error| chain(&error))? {
            self.places.add(name, answer);
        }
        Ok(())
    }

    fn found(&self, outcome: &Outcome, expectations: &[&Expectation]) -> Vec<String> {
        let mut faults = Vec::new();
        for expectation in expectations {
            match expectation {
                Expectation::FoundCount(count) if outcome.found.len() != *count => {
                    faults.push(format!("expected {count} results, but there are {:#}", json!(outcome.found)));
                }
                Expectation::Found { path, test } => {
                    let passes = |value: &&Json| {
                        let seen = Seen { value, unknown: &Json::Null, sensitive: &Json::Null };
                        check::value(seen, path, test, &self.places).is_ok()
                    };
                    if !outcome.found.iter().any(|value| passes(&value)) {
                        faults.push(format!("no result has {path} {test:?}: {:#}", json!(outcome.found)));
                    }
                }
                _ => {}
            }
        }
        faults
    }

    /// Checks an expectation about the state.
    fn look(&self, expectation: &Expectation) -> Result<(), String> {
        let state = self.places.state();
        match expectation {
            Expectation::State { target, test } => {
                let object = state.objects.get(&target.address).ok_or_else(|| {
                    let there: Vec<_> = state.objects.keys().collect();
                    format!("{} is not in the state, which holds {there:?}", target.address)
                })?;
                let seen = Seen { value: &object.values, unknown: &Json::Null, sensitive: &object.sensitive };
                check::value(seen, &target.path, test, &self.places)
                    .map_err(|fault| format!("state: {target}: {fault}"))
            }
            Expectation::Answer { path, test } => {
                let named = self.places.named();
                let seen = Seen { value: &named, unknown: &Json::Null, sensitive: &Json::Null };
                check::value(seen, path, test, &self.places).map_err(|fault| format!("answer: {path}: {fault}"))
            }
            Expectation::StateGone { address } => match state.objects.get(address) {
                Some(object) => Err(format!("{address} is still in the state: {}", object.values)),
                None => Ok(()),
            },
            Expectation::StateTainted { address } => match state.objects.get(address) {
                Some(object) if object.tainted => Ok(()),
                Some(_) => Err(format!("{address} is in the state and not tainted")),
                None => Err(format!("{address} is not in the state")),
            },
            Expectation::Output { target, test } => {
                let name = target.address.strip_prefix("output.").unwrap_or(&target.address);
                let output = state.outputs.get(name).ok_or_else(|| format!("there is no output {name}"))?;
                let sensitive = Json::Bool(output.sensitive);
                let seen = Seen { value: &output.value, unknown: &Json::Null, sensitive: &sensitive };
                check::value(seen, &target.path, test, &self.places).map_err(|fault| format!("{target}: {fault}"))
            }
            _ => Ok(()),
        }
    }

    fn counters(&self) -> Result<Counters, String> {
        let counters = self.account.map(Account::counters).transpose().map_err(|error| chain(&error))?;
        Ok(counters.unwrap_or_default())
    }

    /// What was said although it must not be.
    fn leaks(&self) -> Vec<String> {
        if self.never.is_empty() {
            return Vec::new();
        }
        let said = self.layer.said();
        let mut faults = Vec::new();
        for (line, text) in &self.never {
            if said.is_empty() {
                faults.push(format!("line {line}: nothing was logged at all, so nothing is shown"));
            }
            // Of a text of several lines, such as a private key, none may appear.
            for text in text.lines().filter(|line| !line.trim().is_empty()) {
                for leak in said.lines().filter(|line| line.contains(text)).take(3) {
                    faults.push(format!("line {line}: `{text}` was logged: {leak}"));
                }
            }
        }
        faults
    }
}

/// A change behind Terraform's back with its places filled in.
///
/// # Errors
///
/// Nothing has the name of a place.
pub fn filled(change: &Outside, places: &Places) -> Result<Outside, String> {
    let fill = |text: &str| places.fill(text);
    Ok(match change {
        Outside::Delete { kind, name } => Outside::Delete { kind: kind.clone(), name: fill(name)? },
        Outside::Register { host, activation, ip_address } => {
            Outside::Register { host: host.clone(), activation: fill(activation)?, ip_address: ip_address.clone() }
        }
        Outside::Call { method, path, body, name } => Outside::Call {
            method: method.clone(),
            path: fill(path)?,
            body: body.as_deref().map(fill).transpose()?,
            name: name.clone(),
        },
        Outside::Aws { service, what, body, name } => Outside::Aws {
            service: service.clone(),
            what: fill(what)?,
            body: body.as_deref().map(fill).transpose()?,
            name: name.clone(),
        },
        Outside::Kube { method, path, body, name } => Outside::Kube {
            method: method.clone(),
            path: fill(path)?,
            body: body.as_deref().map(fill).transpose()?,
            name: name.clone(),
        },
        Outside::KubeCluster(name) => Outside::KubeCluster(fill(name)?),
        Outside::KubeUntil { refused, method, path, body } => Outside::KubeUntil {
            refused: *refused,
            method: method.clone(),
            path: fill(path)?,
            body: body.as_deref().map(fill).transpose()?,
        },
        Outside::Until { of, path, wanted } => Outside::Until { of: *of, path: fill(path)?, wanted: fill(wanted)? },
        Outside::Host(change) => Outside::Host(change.filled(fill)?),
        Outside::Helm { arguments, name } => Outside::Helm { arguments: fill(arguments)?, name: name.clone() },
        other => other.clone(),
    })
}

/// As much of a plan as the expectations look at.
fn look(expectations: &[&Expectation]) -> Look {
    let mut about_plan = expectations.iter().filter(|expectation| expectation.is_about_plan()).peekable();
    if about_plan.peek().is_none() {
        Look::Messages
    } else if about_plan.all(|expectation| expectation.is_about_actions()) {
        Look::Actions
    } else {
        Look::Whole
    }
}

type Counters = std::collections::BTreeMap<String, u64>;

/// An error with its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

fn expect_success(outcome: &Outcome, what: &str) -> Result<(), String> {
    if !outcome.failed() {
        return Ok(());
    }
    let messages: Vec<String> = outcome.messages.iter().map(check::show_message).collect();
    Err(format!("{what} failed:\n    {}", messages.join("\n    ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_know_what_they_lack() {
        let needs = |terraform, tofu, layer| Needs { terraform, tofu, layer, because: "so".into(), ..Needs::default() };
        let newer = needs(Some((1, 12)), None, None);
        let both = needs(Some((1, 12)), Some((1, 11)), None);
        let real = needs(None, None, Some(LayerKind::Terraform));
        for (program, needs, runs) in [
            (Program::InProcess, &newer, true),
            (Program::Terraform(1, 11), &newer, false),
            (Program::Terraform(1, 12), &newer, true),
            (Program::Terraform(2, 0), &newer, true),
            (Program::Tofu(1, 12), &newer, false),
            (Program::Tofu(1, 12), &both, true),
            (Program::Tofu(1, 10), &both, false),
            (Program::InProcess, &real, false),
            (Program::Terraform(1, 5), &real, true),
            (Program::Tofu(1, 8), &Needs::default(), true),
        ] {
            assert_eq!(program.lacks(needs).is_none(), runs, "{program:?} {needs:?}");
        }
    }
}
