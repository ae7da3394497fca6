//! Helm's own functions that need the engine: `include`, `tpl`, `required`, `fail`, `lookup`.

use super::{Arguments, Function, Outcome, Type};
use crate::template::engine::Context;
use crate::template::failure::{Failure, WARNING_END, WARNING_START};
use crate::template::value::Value;

pub(super) const TABLE: &[Function] = &[
    Function::new("include", &[Type::Text, Type::Any], include),
    Function::new("tpl", &[Type::Text, Type::Any], tpl),
    Function::new("required", &[Type::Text, Type::Any], required),
    Function::new("fail", &[Type::Text], fail),
    Function::new("lookup", &[Type::Text, Type::Text, Type::Text, Type::Text], lookup),
    // Helm switches name lookups off unless asked.
    Function::new("getHostByName", &[Type::Text], |_, _| Ok(Value::text(""))),
];

fn include(context: &mut Context<'_, '_>, arguments: Arguments) -> Outcome {
    let name = arguments.text(0);
    context.include(&name, arguments.value(1).clone()).map(Value::text)
}

fn tpl(context: &mut Context<'_, '_>, arguments: Arguments) -> Outcome {
    let text = arguments.text(0);
    context.evaluate(&text, arguments.value(1).clone()).map(Value::text)
}

fn required(_: &mut Context<'_, '_>, arguments: Arguments) -> Outcome {
    match arguments.value(1) {
        Value::Nil => Err(warning(&arguments.text(0))),
        Value::Text(text) if text.is_empty() => Err(warning(&arguments.text(0))),
        value => Ok(value.clone()),
    }
}

fn fail(_: &mut Context<'_, '_>, arguments: Arguments) -> Outcome {
    Err(warning(&arguments.text(0)))
}

fn warning(message: &str) -> Failure {
    Failure::new(format!("{WARNING_START}{message}{WARNING_END}"))
}

fn lookup(context: &mut Context<'_, '_>, arguments: Arguments) -> Outcome {
    let [api_version, kind, namespace, name] = [0, 1, 2, 3].map(|index| arguments.text(index));
    match context.engine.lookup.lookup(&api_version, &kind, &namespace, &name) {
        Ok(found) => Ok(match found {
            Some(object) => Value::from(&object),
            None => Value::map(Default::default()),
        }),
        Err(message) => Err(Failure::new(message)),
    }
}
