//! `include`, `tpl` and `lookup`: what functions may ask of the execution that calls them.

use super::{Execution, execute};
use crate::go::quote;
use crate::lookup::Lookup;
use crate::template::ast::{Source, Template};
use crate::template::failure::Failure;
use crate::template::function::Rendering;
use crate::template::parser::parse;
use crate::template::set::Set;
use crate::template::value::Value;
use std::rc::Rc;

/// Name of the text of `tpl`, after the name of Helm's root template.
const ROOT_NAME: &str = "gotpl";

impl Execution<'_, '_, '_> {
    /// The output of `template`, one level further in.
    fn output(&mut self, set: &Rc<Set>, template: &Template, data: Value) -> Result<String, Failure> {
        self.limits.enter()?;
        let mut out = String::new();
        let result = execute(self.limits, self.cluster, set, template, data, &mut out);
        self.limits.leave();
        result.map(|()| out)
    }
}

impl Rendering for Execution<'_, '_, '_> {
    fn include(&mut self, name: &str, data: Value) -> Result<String, Failure> {
        self.limits.enter_template(name)?;
        let set = Rc::clone(&self.set);
        let result = match set.find(name) {
            Some(template) => self.output(&set, &template, data),
            None => Err(Failure::new(format!(
                "template: no template {} associated with template {}",
                quote(name),
                quote(ROOT_NAME)
            ))),
        };
        self.limits.leave_template(name);
        result
    }

    fn evaluate(&mut self, text: &str, data: Value) -> Result<String, Failure> {
        let source = Rc::new(Source { name: ROOT_NAME.to_owned(), text: text.to_owned() });
        let parsed = parse(ROOT_NAME, source).map_err(|error| {
            let message = format!("cannot parse template {}: {error}", quote(text));
            Failure::from(error).wrap(message)
        })?;
        let mut set = Set::above(Rc::clone(&self.set));
        set.add(&parsed);
        let Some(template) = parsed.iter().rev().find(|template| template.name == ROOT_NAME) else {
            return Ok(String::new());
        };
        let out = self.output(&Rc::new(set), template, data).map_err(|failure| {
            if failure.is_limit {
                return failure;
            }
            let message = format!("error during tpl function execution for {}: {failure}", quote(text));
            failure.wrap(message)
        })?;
        Ok(out.replace("<no value>", ""))
    }

    fn cluster(&self) -> &dyn Lookup {
        self.cluster
    }
}
