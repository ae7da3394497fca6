//! What one render may take: steps, bytes, depth. Go has few such limits; a provider must not be stopped by a chart.

use super::failure::Failure;
use std::collections::HashMap;

/// Most steps (nodes, pipelines, calls, iterations) of one render, by default.
pub(crate) const MAX_STEPS: u64 = 20_000_000;
/// Most bytes of one text, and of what one render may write, counting what `include` writes on the way.
pub(crate) const MAX_BYTES: usize = 128 << 20;
/// Most bytes of all texts that functions return; most of them are short-lived, as in a loop that makes a text grow.
const MAX_PASSED: usize = 256 << 20;
/// How often a template may be inside itself by `include`; Helm's own limit.
const MAX_INCLUDE_DEPTH: usize = 1_000;
/// How deep `include`, `tpl` and `template` may nest together; each level takes stack.
const MAX_NESTING: usize = 12_000;

/// Deepest nesting that is printed. Go overflows its stack on a map that holds itself; here the text ends.
pub(crate) const MAX_DEPTH: usize = 1_000;

/// What one render has taken so far.
#[derive(Debug)]
pub(crate) struct Limits {
    included: HashMap<String, usize>,
    steps: u64,
    max_steps: u64,
    bytes: usize,
    passed: usize,
    nested: usize,
}

impl Limits {
    pub(crate) fn new(max_steps: u64) -> Self {
        Self { included: HashMap::new(), steps: 0, max_steps, bytes: 0, passed: 0, nested: 0 }
    }

    /// Counts work against the limits of a render.
    pub(crate) fn spend(&mut self, steps: u64, bytes: usize) -> Result<(), Failure> {
        self.steps += steps;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.steps > self.max_steps {
            return Err(Failure::limit(format!(
                "rendering takes more than {} steps; does a loop or a recursion end?",
                self.max_steps
            )));
        }
        if self.bytes > MAX_BYTES {
            return Err(Failure::limit(format!(
                "rendering writes more than {} MiB; does a loop or a recursion end?",
                MAX_BYTES >> 20
            )));
        }
        Ok(())
    }

    /// Counts a text that a function returns.
    pub(crate) fn pass(&mut self, bytes: usize) -> Result<(), Failure> {
        self.passed = self.passed.saturating_add(bytes);
        if self.passed > MAX_PASSED {
            return Err(Failure::limit(format!(
                "functions return more than {} MiB of text; does a loop or a recursion end?",
                MAX_PASSED >> 20
            )));
        }
        Ok(())
    }

    /// Enters one more level of `include` or `tpl`.
    pub(crate) fn enter(&mut self) -> Result<(), Failure> {
        if self.nested >= MAX_NESTING {
            return Err(Failure::limit(format!("templates are nested more than {MAX_NESTING} deep")));
        }
        self.nested += 1;
        Ok(())
    }

    /// Leaves the level that [`Limits::enter`] entered.
    pub(crate) fn leave(&mut self) {
        self.nested -= 1;
    }

    /// Counts one more `include` of the template `name` inside itself.
    pub(crate) fn enter_template(&mut self, name: &str) -> Result<(), Failure> {
        let count = self.included.entry(name.to_owned()).or_insert(0);
        if *count > MAX_INCLUDE_DEPTH {
            return Err(Failure::new("unable to execute template")
                .wrap(format!("rendering template has a nested reference name: {name}: unable to execute template")));
        }
        *count += 1;
        Ok(())
    }

    /// Undoes [`Limits::enter_template`].
    pub(crate) fn leave_template(&mut self, name: &str) {
        if let Some(count) = self.included.get_mut(name) {
            *count -= 1;
        }
    }
}
