//! The evaluator: walks a template's nodes and writes its output.
//!
//! It follows Go's text/template step by step, down to which node a message names, because users read those messages.

mod command;
mod include;

use super::ast::{At, Branch, List, Node, Pipe, Template};
use super::failure::{Failure, Place};
use super::format;
use super::limits::Limits;
use super::set::Set;
use super::value::{Element, Value};
use crate::go::quote;
use crate::lookup::Lookup;
use std::rc::Rc;

/// Deepest nesting of `template` calls. Go stops at 100,000 of its small stack frames.
const MAX_TEMPLATE_DEPTH: usize = 100_000;
/// The depth at which this evaluator stops; the message names Go's limit, because no sound template lies between.
const STOP_DEPTH: usize = 10_000;

/// A value in a place. Elements of maps and lists of interface type are `boxed`: Go's messages then name the type of
/// the place, not that of the value.
#[derive(Debug, Clone)]
struct Slot {
    value: Value,
    boxed: bool,
}

impl Slot {
    fn plain(value: Value) -> Self {
        Self { value, boxed: false }
    }
}

/// How the walk continues after a node.
enum Flow {
    Next,
    Break,
    Continue,
}

struct Execution<'e, 'r, 't> {
    limits: &'e mut Limits,
    cluster: &'r dyn Lookup,
    set: Rc<Set>,
    template: &'t Template,
    variables: Vec<(&'t str, Slot)>,
    depth: usize,
    at: At<'t>,
}

/// Runs `template` on `data` and appends what it prints to `out`.
pub(crate) fn execute(
    limits: &mut Limits,
    cluster: &dyn Lookup,
    set: &Rc<Set>,
    template: &Template,
    data: Value,
    out: &mut String,
) -> Result<(), Failure> {
    let dot = Slot::plain(data);
    let mut execution = Execution {
        limits,
        cluster,
        set: Rc::clone(set),
        template,
        variables: vec![("$", dot.clone())],
        depth: 0,
        at: At::Start,
    };
    execution.walk_nodes(&dot, &template.body, out).map(|_| ())
}

impl<'t> Execution<'_, '_, 't> {
    fn error<T>(&self, message: impl AsRef<str>) -> Result<T, Failure> {
        Err(self.failure(message.as_ref().to_owned(), None))
    }

    /// A failure at the node that is being evaluated.
    fn failure(&self, what: String, cause: Option<Failure>) -> Failure {
        let source = &self.template.source;
        let before = &source.text[..self.at.position()];
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |index| index + 1);
        let place = Place { template: source.name.clone(), line, column: Some(column) };
        Failure::executing(place, &self.template.name, self.at.to_string(), what, cause)
    }

    fn walk_nodes(&mut self, dot: &Slot, nodes: &'t [Node], out: &mut String) -> Result<Flow, Failure> {
        for node in nodes {
            match self.walk(dot, node, out)? {
                Flow::Next => {}
                stop => return Ok(stop),
            }
        }
        Ok(Flow::Next)
    }

    fn walk(&mut self, dot: &Slot, node: &'t Node, out: &mut String) -> Result<Flow, Failure> {
        self.at = At::Node(node);
        match node {
            Node::Text { text, .. } => self.write(text, out)?,
            Node::Action { pipe, .. } => {
                let value = self.pipeline(dot, pipe)?;
                if pipe.declared.is_empty() {
                    self.at = At::Node(node);
                    let start = out.len();
                    format::display(&value, out);
                    self.limits.spend(1, out.len() - start)?;
                }
            }
            Node::If(branch) => return self.walk_if_or_with(dot, branch, false, out),
            Node::With(branch) => return self.walk_if_or_with(dot, branch, true, out),
            Node::Range(branch) => return self.walk_range(dot, branch, node, out),
            Node::Template { name, pipe, .. } => self.walk_template(dot, name, pipe.as_ref(), out)?,
            Node::Break { .. } => return Ok(Flow::Break),
            Node::Continue { .. } => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn write(&mut self, text: &str, out: &mut String) -> Result<(), Failure> {
        self.limits.spend(1, text.len())?;
        out.push_str(text);
        Ok(())
    }

    fn walk_list(&mut self, dot: &Slot, list: &'t List, out: &mut String) -> Result<Flow, Failure> {
        self.walk_nodes(dot, &list.nodes, out)
    }

    fn walk_if_or_with(
        &mut self,
        dot: &Slot,
        branch: &'t Branch,
        is_with: bool,
        out: &mut String,
    ) -> Result<Flow, Failure> {
        let mark = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let flow = if value.is_true() {
            if is_with {
                self.walk_list(&Slot::plain(value), &branch.body, out)?
            } else {
                self.walk_list(dot, &branch.body, out)?
            }
        } else if let Some(otherwise) = &branch.otherwise {
            self.walk_list(dot, otherwise, out)?
        } else {
            Flow::Next
        };
        self.variables.truncate(mark);
        Ok(flow)
    }

    fn walk_range(
        &mut self,
        dot: &Slot,
        branch: &'t Branch,
        node: &'t Node,
        out: &mut String,
    ) -> Result<Flow, Failure> {
        self.at = At::Node(node);
        let outer = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let mark = self.variables.len();
        let no_key = || Slot::plain(Value::Nil);
        let items: Box<dyn Iterator<Item = (Slot, Slot)>> = match &value {
            Value::Int(count, kind) => {
                self.check_one_variable(branch, &value)?;
                Box::new((0..*count).map(|number| (no_key(), Slot::plain(Value::Int(number, *kind)))))
            }
            Value::Unsigned(count, kind) => {
                self.check_one_variable(branch, &value)?;
                Box::new((0..*count).map(|number| (no_key(), Slot::plain(Value::Unsigned(number, *kind)))))
            }
            Value::List(_) | Value::Bytes(_) => {
                let boxed = matches!(&value, Value::List(list) if list.element == Element::Any);
                let items = value.items().unwrap_or_default().into_iter().enumerate();
                Box::new(
                    items.map(move |(index, value)| (Slot::plain(Value::int(index as i64)), Slot { value, boxed })),
                )
            }
            Value::Map(map) => {
                let boxed = map.holds_interfaces();
                // The entries are taken at the start, as Go sorts them before it iterates.
                let entries = map.entries.borrow().clone();
                Box::new(
                    entries.into_iter().map(move |(key, value)| (Slot::plain(Value::Text(key)), Slot { value, boxed })),
                )
            }
            Value::Nil => Box::new(std::iter::empty()),
            other => return self.error(format!("range can't iterate over {}", format::plain(other))),
        };
        let mut ran = false;
        for (key, item) in items {
            ran = true;
            if matches!(self.iterate(branch, key, item, mark, out)?, Flow::Break) {
                break;
            }
        }
        let flow = match (&branch.otherwise, ran) {
            (Some(otherwise), false) => self.walk_list(dot, otherwise, out)?,
            _ => Flow::Next,
        };
        self.variables.truncate(outer);
        Ok(flow)
    }

    fn check_one_variable(&self, branch: &Branch, value: &Value) -> Result<(), Failure> {
        if branch.pipe.declared.len() > 1 {
            let value = format::plain(value);
            return self.error(format!("can't use {value} to iterate over more than one variable"));
        }
        Ok(())
    }

    fn iterate(
        &mut self,
        branch: &'t Branch,
        index: Slot,
        item: Slot,
        mark: usize,
        out: &mut String,
    ) -> Result<Flow, Failure> {
        self.limits.spend(1, 0)?;
        let pipe = &branch.pipe;
        match (pipe.declared.as_slice(), pipe.is_assignment) {
            ([], _) => {}
            ([name], true) => self.assign(name, item.clone())?,
            ([name, second, ..], true) => {
                self.assign(name, index)?;
                self.assign(second, item.clone())?;
            }
            ([_], false) => self.set_top(1, item.clone()),
            ([_, _, ..], false) => {
                self.set_top(1, item.clone());
                self.set_top(2, index);
            }
        }
        let flow = self.walk_list(&item, &branch.body, out)?;
        self.variables.truncate(mark);
        Ok(flow)
    }

    fn set_top(&mut self, offset: usize, slot: Slot) {
        let index = self.variables.len() - offset;
        self.variables[index].1 = slot;
    }

    fn walk_template(
        &mut self,
        dot: &Slot,
        name: &str,
        pipe: Option<&'t Pipe>,
        out: &mut String,
    ) -> Result<(), Failure> {
        let Some(template) = self.set.find(name) else {
            return self.error(format!("template {} not defined", quote(name)));
        };
        if self.depth >= STOP_DEPTH {
            return self.error(format!("exceeded maximum template depth ({MAX_TEMPLATE_DEPTH})"));
        }
        let data = match pipe {
            Some(pipe) => Slot::plain(self.pipeline(dot, pipe)?),
            None => Slot::plain(Value::Nil),
        };
        let mut inner = Execution {
            limits: &mut *self.limits,
            cluster: self.cluster,
            set: Rc::clone(&self.set),
            template: &template,
            variables: vec![("$", data.clone())],
            depth: self.depth + 1,
            at: At::Start,
        };
        inner.walk_nodes(&data, &template.body, out).map(|_| ())
    }

    fn pipeline(&mut self, dot: &Slot, pipe: &'t Pipe) -> Result<Value, Failure> {
        self.at = At::Pipe(pipe);
        self.limits.spend(1, 0)?;
        let mut last: Option<Value> = None;
        for command in &pipe.commands {
            last = Some(self.command(dot, command, last)?.value);
        }
        let value = last.unwrap_or(Value::Nil);
        for name in &pipe.declared {
            let slot = Slot::plain(value.clone());
            if pipe.is_assignment {
                self.assign(name, slot)?;
            } else {
                self.variables.push((name, slot));
            }
        }
        Ok(value)
    }

    fn assign(&mut self, name: &str, slot: Slot) -> Result<(), Failure> {
        match self.variables.iter_mut().rev().find(|(known, _)| *known == name) {
            Some(variable) => {
                variable.1 = slot;
                Ok(())
            }
            None => self.error(format!("undefined variable: {name}")),
        }
    }

    fn variable(&self, name: &str) -> Result<Slot, Failure> {
        match self.variables.iter().rev().find(|(known, _)| *known == name) {
            Some((_, slot)) => Ok(slot.clone()),
            None => self.error(format!("undefined variable: {name}")),
        }
    }
}
