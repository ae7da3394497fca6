//! Whole lives of a managed resource whose provider works without anything outside: create, read, plan again, change,
//! delete.

use tokio_util::sync::CancellationToken;

use super::mutation::{self, Mutator};
use super::{Chance, Effort, HOST, Trial, Violation, complete, plan, texts};
use crate::server::{ApplyRequest, Kept, Planned, ReadRequest, Server};
use crate::value::Value;

/// Lives through creation, refresh, an empty plan, a change and deletion with every valid configuration.
///
/// # Panics
/// When the provider has no such resource.
pub async fn life(server: &dyn Server, name: &str, example: &Value, effort: Effort) -> Vec<Violation> {
    let schema = server.schema().resources.get(name).unwrap_or_else(|| panic!("a resource `{name}`")).clone();
    let mut chance = Chance::new(effort.seed, name);
    let mut trial = Trial::new(server, "resource", name, &schema.attributes);
    let example = complete(&schema, example);
    let mutator = Mutator::new(&schema.attributes, &example);
    for round in 0..effort.rounds {
        let draft = if round == 0 { example.clone() } else { mutator.mutate(&example, &mut chance) };
        let first = mutation::known(&schema.attributes, &draft, &mut chance);
        let second = mutation::known(&schema.attributes, &mutator.mutate(&first, &mut chance), &mut chance);
        let validate = |config| server.validate_resource(name.to_owned(), config, HOST);
        if !trial.validate(&first, false, validate).await {
            continue;
        }
        let Some(made) = trial.make(Value::Null, &first, Vec::new()).await else { continue };
        let Some(seen) = trial.refresh(&first, made).await else { continue };
        trial.expect_no_change(&first, &seen).await;
        // A version that belongs to a write-only value cannot be written without it; an import has neither.
        let cannot_be_written = trial.sets_write_only(&first);
        trial.generated_changes_nothing(&state_of(&seen), seen.private.clone(), cannot_be_written).await;
        let mut last = seen;
        if trial.validate(&second, false, validate).await
            && let Some(changed) = trial.change(last.clone(), &second).await
        {
            last = changed;
        }
        trial.end(&second, last).await;
    }
    trial.violations
}

fn state_of(kept: &Kept) -> Value {
    kept.state.clone().unwrap_or(Value::Null)
}

impl Trial<'_> {
    async fn make(&mut self, prior: Value, config: &Value, private: Vec<u8>) -> Option<Kept> {
        let planned = self.plan_once(prior.clone(), config, private).await?;
        self.apply(prior, config, planned).await
    }

    /// Applies a change, as two steps when it is a replacement.
    async fn change(&mut self, before: Kept, config: &Value) -> Option<Kept> {
        let prior = state_of(&before);
        let planned = self.plan_once(prior.clone(), config, before.private.clone()).await?;
        if planned.state == before.state {
            // Terraform does not apply what changes nothing.
            return Some(before);
        }
        if plan::replaces(&planned, &prior) {
            self.end(config, before).await;
            return self.make(Value::Null, config, Vec::new()).await;
        }
        self.apply(prior, config, planned).await
    }

    async fn apply(&mut self, prior: Value, config: &Value, planned: Planned) -> Option<Kept> {
        let state = planned.state.clone().unwrap_or(Value::Null);
        let deletion = state.is_null();
        let what = if deletion { "deletion" } else { "apply" };
        let request = ApplyRequest {
            type_name: self.name.to_owned(),
            prior,
            planned: state.clone(),
            config: if deletion { Value::Null } else { config.clone() },
            private: planned.private,
            identity: planned.identity.clone().unwrap_or(Value::Null),
            host: HOST,
        };
        let answer = self.call(config, what, self.server.apply(request, CancellationToken::new())).await?;
        self.messages(config, what, &answer.diagnostics);
        if answer.diagnostics.has_errors() {
            return None;
        }
        let applied = state_of(&answer.value);
        for problem in plan::applied_problems(&state, &applied) {
            self.violate(config, format!("{what}: {problem}"));
        }
        if !deletion {
            let of_state = self.identity_of(&applied);
            if answer.value.identity.as_ref() != Some(&of_state) {
                self.violate(config, format!("{what}: the identity is not that of the state"));
            }
            let promised = planned.identity.filter(Value::is_wholly_known);
            if promised.is_some_and(|promised| promised != of_state) {
                self.violate(config, format!("{what}: the identity is not as planned"));
            }
        }
        Some(answer.value)
    }

    async fn refresh(&mut self, config: &Value, made: Kept) -> Option<Kept> {
        let before = state_of(&made);
        let request = ReadRequest {
            type_name: self.name.to_owned(),
            state: before.clone(),
            private: made.private,
            identity: made.identity.unwrap_or(Value::Null),
            host: HOST,
        };
        let answer = self.call(config, "refresh", self.server.read(request, CancellationToken::new())).await?;
        self.messages(config, "refresh", &answer.diagnostics);
        if answer.diagnostics.has_errors() {
            self.violate(config, format!("refresh fails: {}", texts(&answer.diagnostics)));
            return None;
        }
        if state_of(&answer.value) != before {
            self.violate(config, "refresh right after apply shows a difference");
        }
        Some(answer.value)
    }

    async fn expect_no_change(&mut self, config: &Value, seen: &Kept) {
        let Some(planned) = self.plan_once(state_of(seen), config, seen.private.clone()).await else { return };
        if planned.state.as_ref() != seen.state.as_ref() {
            self.violate(config, "the plan after apply is not empty");
        }
    }

    async fn end(&mut self, config: &Value, last: Kept) {
        let prior = state_of(&last);
        if let Some(planned) = self.plan_delete(&prior, last.private).await
            && let Some(gone) = self.apply(prior, config, planned).await
            && !state_of(&gone).is_null()
        {
            self.violate(config, "something is left in state after a deletion");
        }
    }
}
