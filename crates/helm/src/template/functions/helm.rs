//! Helm's own functions: `include`, `tpl`, `required`, `fail`, `lookup`.

use crate::template::explain::{WARNING_END, WARNING_START};
use crate::template::failure::Failure;
use crate::template::function::{Arguments, Function, Outcome, Rendering, Type};
use crate::template::value::Value;

pub(super) const TABLE: &[Function] = &[
    Function::rendering("include", &[Type::Text, Type::Any], include),
    Function::rendering("tpl", &[Type::Text, Type::Any], tpl),
    Function::new("required", &[Type::Text, Type::Any], required),
    Function::new("fail", &[Type::Text], fail),
    Function::rendering("lookup", &[Type::Text, Type::Text, Type::Text, Type::Text], lookup),
    // Helm switches name lookups off unless asked.
    Function::new("getHostByName", &[Type::Text], |_| Ok(Value::text(""))),
];

fn include(rendering: &mut dyn Rendering, arguments: Arguments) -> Outcome {
    let name = arguments.text(0);
    rendering.include(&name, arguments.value(1).clone()).map(Value::text)
}

fn tpl(rendering: &mut dyn Rendering, arguments: Arguments) -> Outcome {
    let text = arguments.text(0);
    rendering.evaluate(&text, arguments.value(1).clone()).map(Value::text)
}

fn required(arguments: Arguments) -> Outcome {
    match arguments.value(1) {
        Value::Nil => Err(warning(&arguments.text(0))),
        Value::Text(text) if text.is_empty() => Err(warning(&arguments.text(0))),
        value => Ok(value.clone()),
    }
}

fn fail(arguments: Arguments) -> Outcome {
    Err(warning(&arguments.text(0)))
}

fn warning(message: &str) -> Failure {
    Failure::new(format!("{WARNING_START}{message}{WARNING_END}"))
}

fn lookup(rendering: &mut dyn Rendering, arguments: Arguments) -> Outcome {
    let [api_version, kind, namespace, name] = [0, 1, 2, 3].map(|index| arguments.text(index));
    match rendering.cluster().lookup(&api_version, &kind, &namespace, &name) {
        Ok(found) => Ok(match found {
            Some(object) => Value::from(&object),
            None => Value::map(Default::default()),
        }),
        Err(message) => Err(Failure::new(message)),
    }
}
