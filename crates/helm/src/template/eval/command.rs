//! Commands and their operands: constants, fields, variables, and calls with checked arguments.

use super::{Execution, Slot};
use crate::template::ast::{At, Command, Word};
use crate::template::constant::Number;
use crate::template::failure::Failure;
use crate::template::format;
use crate::template::function::{Call, Function, Type, ZERO_VALUE};
use crate::template::methods;
use crate::template::value::Value;
use std::rc::Rc;

/// What a call names in messages: the whole command, or the one operand.
#[derive(Clone, Copy)]
enum Caller<'t> {
    Command(&'t Command),
    Word(&'t Word),
}

impl<'t> From<Caller<'t>> for At<'t> {
    fn from(caller: Caller<'t>) -> Self {
        match caller {
            Caller::Command(command) => At::Command(command),
            Caller::Word(word) => At::Word(word),
        }
    }
}

/// A call's operands: the words after the function, and the value that a pipe hands over.
struct Operands<'t> {
    words: &'t [Word],
    last: Option<Value>,
}

impl<'t> Operands<'t> {
    fn none() -> Self {
        Self { words: &[], last: None }
    }

    fn is_empty(&self) -> bool {
        self.words.is_empty() && self.last.is_none()
    }
}

impl<'t> Execution<'_, '_, 't> {
    pub(super) fn command(&mut self, dot: &Slot, command: &'t Command, last: Option<Value>) -> Result<Slot, Failure> {
        let first = &command.words[0];
        let operands = Operands { words: &command.words[1..], last };
        match first {
            Word::Field { path, .. } => {
                self.at = At::Word(first);
                self.field_chain(dot, dot.clone(), first, path, operands)
            }
            Word::Chain { node, path, .. } => self.chain(dot, first, node, path, operands),
            Word::Identifier { function, .. } => {
                self.at = At::Word(first);
                self.call(dot, function, None, Caller::Command(command), operands)
            }
            Word::Pipe(pipe) => {
                self.refuse_operands(first, &operands)?;
                self.pipeline(dot, pipe).map(Slot::plain)
            }
            Word::Variable { name, path, .. } => self.variable_word(dot, first, name, path, operands),
            constant => {
                self.at = At::Word(first);
                self.refuse_operands(first, &operands)?;
                match constant {
                    Word::Bool { value, .. } => Ok(Slot::plain(Value::Bool(*value))),
                    Word::Dot { .. } => Ok(dot.clone()),
                    Word::Number { number, .. } => self.constant(first, number).map(Slot::plain),
                    Word::Text { text, .. } => Ok(Slot::plain(Value::Text(Rc::clone(text)))),
                    _ => self.error("nil is not a command"),
                }
            }
        }
    }

    fn refuse_operands(&self, first: &Word, operands: &Operands<'t>) -> Result<(), Failure> {
        if operands.is_empty() {
            return Ok(());
        }
        let shown = match first {
            Word::Pipe(pipe) => pipe.to_string(),
            other => other.to_string(),
        };
        self.error(format!("can't give argument to non-function {shown}"))
    }

    fn constant(&mut self, word: &'t Word, number: &Number) -> Result<Value, Failure> {
        self.at = At::Word(word);
        if number.complex.is_some() {
            return self.error("complex constants are not supported");
        }
        let text = &number.text;
        let lower = text.to_ascii_lowercase();
        let is_hexadecimal_integer = text.len() > 2 && lower.starts_with("0x") && !lower.contains('p');
        if let Some(float) = number.float
            && !is_hexadecimal_integer
            && !text.starts_with('\'')
            && text.contains(['.', 'e', 'E', 'p', 'P'])
        {
            return Ok(Value::Float(float));
        }
        match number.signed {
            Some(signed) => Ok(Value::int(signed)),
            None => self.error(format!("{text} overflows int")),
        }
    }

    fn variable_word(
        &mut self,
        dot: &Slot,
        word: &'t Word,
        name: &str,
        path: &'t [Rc<str>],
        operands: Operands<'t>,
    ) -> Result<Slot, Failure> {
        self.at = At::Word(word);
        let slot = self.variable(name)?;
        if path.is_empty() {
            self.refuse_operands(word, &operands)?;
            return Ok(slot);
        }
        self.field_chain(dot, slot, word, path, operands)
    }

    fn chain(
        &mut self,
        dot: &Slot,
        word: &'t Word,
        node: &'t Word,
        path: &'t [Rc<str>],
        operands: Operands<'t>,
    ) -> Result<Slot, Failure> {
        self.at = At::Word(word);
        if matches!(node, Word::Nil { .. }) {
            return self.error(format!("indirection through explicit nil in {word}"));
        }
        let receiver = self.operand(dot, node)?;
        self.field_chain(dot, receiver, word, path, operands)
    }

    fn field_chain(
        &mut self,
        dot: &Slot,
        mut receiver: Slot,
        word: &'t Word,
        path: &'t [Rc<str>],
        operands: Operands<'t>,
    ) -> Result<Slot, Failure> {
        let Some((last, before)) = path.split_last() else { return Ok(receiver) };
        for name in before {
            receiver = self.field(dot, name, word, Operands::none(), &receiver)?;
        }
        self.field(dot, last, word, operands, &receiver)
    }

    fn field(
        &mut self,
        dot: &Slot,
        name: &Rc<str>,
        word: &'t Word,
        operands: Operands<'t>,
        receiver: &Slot,
    ) -> Result<Slot, Failure> {
        if receiver.value.is_nil() {
            if receiver.boxed {
                return self.error(format!("nil pointer evaluating interface {{}}.{name}"));
            }
            return Ok(Slot::plain(Value::Nil));
        }
        if let Some(method) = methods::find(&receiver.value, name) {
            return self.call(dot, method, Some(&receiver.value), Caller::Word(word), operands);
        }
        match &receiver.value {
            Value::Map(map) => {
                if !operands.is_empty() {
                    return self.error(format!("{name} is not a method but has arguments"));
                }
                let value = map.entry(name).unwrap_or_else(|| map.zero());
                return Ok(Slot { value, boxed: map.holds_interfaces() });
            }
            Value::Object(object) => {
                if let Some((_, value)) = format::fields(object).into_iter().find(|(field, _)| *field == &**name) {
                    if !name.starts_with(char::is_uppercase) {
                        let kind = type_of(receiver);
                        return self.error(format!("{name} is an unexported field of struct type {kind}"));
                    }
                    if !operands.is_empty() {
                        return self.error(format!("{name} has arguments but cannot be invoked as function"));
                    }
                    return Ok(Slot::plain(value));
                }
            }
            _ => {}
        }
        self.error(format!("can't evaluate field {name} in type {}", type_of(receiver)))
    }

    /// An operand where no type is wanted.
    fn operand(&mut self, dot: &Slot, word: &'t Word) -> Result<Slot, Failure> {
        self.at = At::Word(word);
        match word {
            Word::Dot { .. } => Ok(dot.clone()),
            Word::Field { path, .. } => self.field_chain(dot, dot.clone(), word, path, Operands::none()),
            Word::Variable { name, path, .. } => self.variable_word(dot, word, name, path, Operands::none()),
            Word::Pipe(pipe) => self.pipeline(dot, pipe).map(Slot::plain),
            Word::Identifier { function, .. } => self.call(dot, function, None, Caller::Word(word), Operands::none()),
            Word::Chain { node, path, .. } => self.chain(dot, word, node, path, Operands::none()),
            Word::Bool { value, .. } => Ok(Slot::plain(Value::Bool(*value))),
            Word::Text { text, .. } => Ok(Slot::plain(Value::Text(Rc::clone(text)))),
            Word::Number { number, .. } => self.constant(word, number).map(Slot::plain),
            Word::Nil { .. } => Ok(Slot::plain(Value::Nil)),
        }
    }

    /// An operand as an argument of type `wanted`.
    fn argument(&mut self, dot: &Slot, wanted: Type, word: &'t Word) -> Result<Value, Failure> {
        self.at = At::Word(word);
        match word {
            Word::Nil { .. } => {
                if wanted.can_be_nil() {
                    return Ok(Value::Nil);
                }
                return self.error(format!("cannot assign nil to {}", wanted.name()));
            }
            Word::Bool { .. } | Word::Number { .. } | Word::Text { .. } => {}
            _ => {
                let slot = self.operand(dot, word)?;
                return self.check(slot, wanted);
            }
        }
        match (wanted, word) {
            (Type::Any | Type::Reflect, _) => self.operand(dot, word).map(|slot| slot.value),
            (Type::Bool, Word::Bool { value, .. }) => Ok(Value::Bool(*value)),
            (Type::Text, Word::Text { text, .. }) => Ok(Value::Text(Rc::clone(text))),
            (Type::Int, Word::Number { number, .. }) if let Some(signed) = number.signed => Ok(Value::int(signed)),
            (Type::Uint32, Word::Number { number, .. }) if let Some(unsigned) = number.unsigned => {
                Ok(Value::int(i64::from(unsigned as u32)))
            }
            (Type::Float, Word::Number { number, .. }) if let Some(float) = number.float => Ok(Value::Float(float)),
            (Type::Bool, _) => self.error(format!("expected bool; found {word}")),
            (Type::Text, _) => self.error(format!("expected string; found {word}")),
            (Type::Int, _) => self.error(format!("expected integer; found {word}")),
            (Type::Uint32, _) => self.error(format!("expected unsigned integer; found {word}")),
            (Type::Float, _) => self.error(format!("expected float; found {word}")),
            _ => self.error(format!("can't handle {word} for arg of type {}", wanted.name())),
        }
    }

    fn check(&self, slot: Slot, wanted: Type) -> Result<Value, Failure> {
        if slot.value.is_nil() && !slot.boxed {
            if wanted.can_be_nil() {
                return Ok(Value::Nil);
            }
            return self.error(format!("invalid value; expected {}", wanted.name()));
        }
        if wanted.accepts(&slot.value) {
            return Ok(slot.value);
        }
        let found = slot.value.type_name().unwrap_or("interface {}");
        self.error(format!("wrong type for value; expected {}; got {found}", wanted.name()))
    }

    fn call(
        &mut self,
        dot: &Slot,
        function: &'static Function,
        receiver: Option<&Value>,
        caller: Caller<'t>,
        operands: Operands<'t>,
    ) -> Result<Slot, Failure> {
        let given = operands.words.len();
        let total = given + usize::from(operands.last.is_some());
        let fixed = function.parameters.len();
        let name = function.name;
        if function.rest.is_some() {
            if total < fixed {
                return self.error(format!("wrong number of args for {name}: want at least {fixed} got {given}"));
            }
        } else if total != fixed {
            return self.error(format!("wrong number of args for {name}: want {fixed} got {total}"));
        }
        if name == "and" || name == "or" {
            return self.logic(dot, name == "or", operands);
        }
        if name == "call" {
            return self.call_value(dot, caller, operands);
        }
        if name == "len" {
            let slot = match (operands.words, &operands.last) {
                ([word], _) => self.operand(dot, word)?,
                (_, last) => Slot::plain(last.clone().unwrap_or(Value::Nil)),
            };
            if slot.value.is_nil() && !slot.boxed {
                return self.fail_call(caller, name, Failure::new(ZERO_VALUE));
            }
        }
        let wanted = |index: usize| function.parameters.get(index).copied().or(function.rest).unwrap_or(Type::Any);
        let mut arguments = Vec::with_capacity(total + 1);
        arguments.extend(receiver.cloned());
        for (index, word) in operands.words.iter().enumerate() {
            arguments.push(self.argument(dot, wanted(index), word)?);
        }
        if let Some(last) = operands.last {
            arguments.push(self.check(Slot::plain(last), wanted(given))?);
        }
        self.limits.spend(1, 0)?;
        let result = match function.call {
            Call::Pure(call) => call(arguments.into()),
            Call::Rendering(call) => call(self, arguments.into()),
        };
        match result {
            Ok(value) => {
                if let Value::Text(text) = &value {
                    self.limits.pass(text.len())?;
                }
                Ok(Slot::plain(value))
            }
            Err(cause) => self.fail_call(caller, name, cause),
        }
    }

    fn fail_call(&mut self, caller: Caller<'t>, name: &str, cause: Failure) -> Result<Slot, Failure> {
        if cause.is_limit {
            return Err(cause);
        }
        self.at = caller.into();
        let what = format!("error calling {name}: {cause}");
        Err(self.failure(what, Some(cause)))
    }

    /// `call`: no value that a chart can hold is a function.
    fn call_value(&mut self, dot: &Slot, caller: Caller<'t>, operands: Operands<'t>) -> Result<Slot, Failure> {
        let mut values = Vec::new();
        for word in operands.words {
            values.push(self.argument(dot, Type::Reflect, word)?);
        }
        values.extend(operands.last);
        let message = match values.first().and_then(|value| Some((value, value.type_name()?))) {
            None => "call of nil".to_owned(),
            Some((value, kind)) => {
                let shown = operands.words.first().map_or_else(|| format::plain(value), ToString::to_string);
                format!("non-function {shown} of type {kind}")
            }
        };
        self.fail_call(caller, "call", Failure::new(message))
    }

    /// `and` and `or`: operands after the deciding one are not evaluated.
    fn logic(&mut self, dot: &Slot, is_or: bool, operands: Operands<'t>) -> Result<Slot, Failure> {
        let mut value = Value::Nil;
        for word in operands.words {
            value = self.argument(dot, Type::Reflect, word)?;
            if value.is_true() == is_or {
                return Ok(Slot::plain(value));
            }
        }
        Ok(Slot::plain(operands.last.unwrap_or(value)))
    }
}

/// The static type of a place, for messages.
fn type_of(slot: &Slot) -> &'static str {
    if slot.boxed { "interface {}" } else { slot.value.type_name().unwrap_or("interface {}") }
}
