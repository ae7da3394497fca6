//! What one render shares: the templates by name, the limits, and the cluster to look into.

use super::eval::execute;
use super::failure::Failure;
use super::format::quote;
use super::node::{Source, Template};
use super::parser::{ParseError, parse};
use super::value::Value;
use crate::Lookup;
use std::collections::HashMap;
use std::rc::Rc;

/// Most steps (nodes, pipelines, calls, iterations) of one render, unless the caller says otherwise.
pub(crate) const MAX_STEPS: u64 = 20_000_000;
/// Most bytes of one text, and of what one render may write, counting what `include` writes on the way.
pub(crate) const MAX_BYTES: usize = 128 << 20;
/// Most bytes of all texts that functions give; most of them are short-lived, as in a loop that makes a text grow.
const MAX_PASSED: usize = 256 << 20;
/// How often a template may be inside itself by `include`; Helm's own limit.
const MAX_INCLUDE_DEPTH: usize = 1_000;
/// Name of the text given to `tpl`, from the name of Helm's root template.
pub(crate) const ROOT_NAME: &str = "gotpl";

/// Templates by name. A `tpl` adds its own definitions in a set above its caller's.
#[derive(Debug, Default)]
pub(crate) struct Set {
    own: HashMap<String, Rc<Template>>,
    below: Option<Rc<Set>>,
}

impl Set {
    pub(crate) fn above(below: Rc<Self>) -> Self {
        Self { own: HashMap::new(), below: Some(below) }
    }

    pub(crate) fn find(&self, name: &str) -> Option<Rc<Template>> {
        let mut set = self;
        loop {
            if let Some(template) = set.own.get(name) {
                return Some(Rc::clone(template));
            }
            set = set.below.as_deref()?;
        }
    }

    /// Adds the templates of one text. A later definition replaces an earlier one unless it is empty.
    pub(crate) fn add(&mut self, templates: &[Rc<Template>]) {
        for template in templates {
            if template.is_empty() && self.find(&template.name).is_some() {
                continue;
            }
            self.own.insert(template.name.clone(), Rc::clone(template));
        }
    }
}

pub(crate) struct Engine<'r> {
    pub(crate) lookup: &'r dyn Lookup,
    included: HashMap<String, usize>,
    steps: u64,
    max_steps: u64,
    bytes: usize,
    passed: usize,
    nested: usize,
}

/// How deep `include`, `tpl` and `template` may nest together; each level takes stack.
const MAX_NESTING: usize = 12_000;

/// What a function may use beside its arguments.
pub(crate) struct Context<'c, 'r> {
    pub(crate) engine: &'c mut Engine<'r>,
    pub(crate) set: &'c Rc<Set>,
}

impl<'r> Engine<'r> {
    pub(crate) fn new(lookup: &'r dyn Lookup, max_steps: u64) -> Self {
        Self { lookup, included: HashMap::new(), steps: 0, max_steps, bytes: 0, passed: 0, nested: 0 }
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

    /// Counts a text that a function gives.
    pub(crate) fn pass(&mut self, bytes: usize) -> Result<(), Failure> {
        self.passed = self.passed.saturating_add(bytes);
        if self.passed > MAX_PASSED {
            return Err(Failure::limit(format!(
                "functions give more than {} MiB of text; does a loop or a recursion end?",
                MAX_PASSED >> 20
            )));
        }
        Ok(())
    }

    fn nest<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, Failure>) -> Result<T, Failure> {
        if self.nested >= MAX_NESTING {
            return Err(Failure::limit(format!("templates are nested more than {MAX_NESTING} deep")));
        }
        self.nested += 1;
        let result = run(self);
        self.nested -= 1;
        result
    }
}

impl Context<'_, '_> {
    /// `include`: the output of a named template.
    pub(crate) fn include(&mut self, name: &str, data: Value) -> Result<String, Failure> {
        let count = self.engine.included.entry(name.to_owned()).or_insert(0);
        if *count > MAX_INCLUDE_DEPTH {
            return Err(Failure::new("unable to execute template")
                .wrap(format!("rendering template has a nested reference name: {name}: unable to execute template")));
        }
        *count += 1;
        let result = match self.set.find(name) {
            Some(template) => {
                let mut out = String::new();
                let set = self.set;
                self.engine.nest(|engine| execute(engine, set, &template, data, &mut out)).map(|()| out)
            }
            None => Err(Failure::new(format!(
                "template: no template {} associated with template {}",
                quote(name),
                quote(ROOT_NAME)
            ))),
        };
        if let Some(count) = self.engine.included.get_mut(name) {
            *count -= 1;
        }
        result
    }

    /// `tpl`: a text as a template, with the caller's templates at hand.
    pub(crate) fn evaluate(&mut self, text: &str, data: Value) -> Result<String, Failure> {
        let source = Rc::new(Source { name: ROOT_NAME.to_owned(), text: text.to_owned() });
        let parsed = parse(ROOT_NAME, source).map_err(|ParseError(message)| {
            let message_with_text = format!("cannot parse template {}: {message}", quote(text));
            Failure::new(message).wrap(message_with_text)
        })?;
        let mut set = Set::above(Rc::clone(self.set));
        set.add(&parsed);
        let set = Rc::new(set);
        let Some(template) = parsed.iter().rev().find(|template| template.name == ROOT_NAME) else {
            return Ok(String::new());
        };
        let mut out = String::new();
        self.engine.nest(|engine| execute(engine, &set, template, data, &mut out)).map_err(|failure| {
            if failure.is_limit {
                return failure;
            }
            let message = format!("error during tpl function execution for {}: {}", quote(text), failure.message);
            failure.wrap(message)
        })?;
        Ok(out.replace("<no value>", ""))
    }
}
