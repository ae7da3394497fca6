//! The example files as values: what a person copies is what the contract is tried with.
//!
//! References have no value here: they are unknown, as they are while Terraform plans the first time. A variable has
//! its default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use framework::schema::{Attribute, FunctionSignature, Kind, Nesting, Schema};
use framework::value::{Number, Type, Value};
use hcl::expr::{FuncCall, ObjectKey, TemplateExpr, TraversalOperator};
use hcl::structure::Structure;
use hcl::{Block, Body, Expression};

/// The file's path, and its content; a type without an example fails here.
fn parsed(folder: &str, name: &str, file: &str) -> (PathBuf, Body) {
    let mut path = Path::new("examples").join(folder);
    if folder != "provider" {
        path.push(name);
    }
    path.push(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("`{name}` needs an example at `{}`: {error}", path.display()));
    let body = hcl::parse(&text).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
    (path, body)
}

/// The configuration of the first block `keyword "name"` of an example.
pub fn block(folder: &str, name: &str, file: &str, keyword: &str, schema: &Schema) -> Value {
    let (path, body) = parsed(folder, name, file);
    let is_it = |block: &&Block| {
        block.identifier.as_str() == keyword && block.labels.first().is_some_and(|label| label.as_str() == name)
    };
    let found = body.blocks().find(is_it);
    let found = found.unwrap_or_else(|| panic!("`{}` has no `{keyword} \"{name}\"`", path.display()));
    let variables = variables(&body);
    // Actions and lists take their configuration in a block of its own.
    let inner = match keyword {
        "action" | "list" => found.body.blocks().find(|block| block.identifier.as_str() == "config"),
        _ => Some(found),
    };
    let mut object = schema.null_object();
    for structure in inner.iter().flat_map(|block| block.body.iter()) {
        let Structure::Attribute(attribute) = structure else {
            panic!("`{}`: this provider has no blocks inside of blocks", path.display());
        };
        let key = attribute.key.as_str();
        if keyword == "list" && key == "provider" {
            continue;
        }
        let declared = schema.attribute(key);
        let declared = declared.unwrap_or_else(|| panic!("`{}`: there is no attribute `{key}`", path.display()));
        object.insert(key.to_owned(), of_kind(&attribute.expr, &declared.kind, &variables));
    }
    Value::Map(object)
}

/// The arguments of the first call of a function in its example.
pub fn arguments(name: &str, signature: &FunctionSignature) -> Vec<Value> {
    let (path, body) = parsed("functions", name, "function.tf");
    let variables = variables(&body);
    let mut calls = Vec::new();
    calls_in_body(&body, &mut calls);
    let call = calls.iter().find(|call| call.name.name.as_str() == name && call.name.namespace.len() == 2);
    let call = call.unwrap_or_else(|| panic!("`{}` has no call of `{name}`", path.display()));
    let declared = signature.parameters.iter().map(|parameter| &parameter.ty);
    let further = signature.variadic.iter().map(|parameter| &parameter.ty).cycle();
    let types: Vec<&Type> = declared.chain(further.take(call.args.len())).collect();
    call.args.iter().zip(types).map(|(argument, ty)| of_type(argument, ty, &variables)).collect()
}

fn calls_in_body(body: &Body, calls: &mut Vec<FuncCall>) {
    for structure in body {
        match structure {
            Structure::Attribute(attribute) => calls_in(&attribute.expr, calls),
            Structure::Block(block) => calls_in_body(&block.body, calls),
        }
    }
}

fn calls_in(expression: &Expression, calls: &mut Vec<FuncCall>) {
    match expression {
        Expression::FuncCall(call) => {
            calls.push((**call).clone());
            call.args.iter().for_each(|argument| calls_in(argument, calls));
        }
        Expression::Operation(operation) => match &**operation {
            hcl::expr::Operation::Unary(unary) => calls_in(&unary.expr, calls),
            hcl::expr::Operation::Binary(binary) => {
                calls_in(&binary.lhs_expr, calls);
                calls_in(&binary.rhs_expr, calls);
            }
        },
        Expression::Array(elements) => elements.iter().for_each(|element| calls_in(element, calls)),
        Expression::Object(entries) => entries.values().for_each(|entry| calls_in(entry, calls)),
        _ => {}
    }
}

/// The defaults of the file's variables.
fn variables(body: &Body) -> BTreeMap<String, Expression> {
    let default = |block: &Block| {
        let name = block.labels.first()?.as_str().to_owned();
        let default = block.body.attributes().find(|attribute| attribute.key.as_str() == "default")?;
        Some((name, default.expr.clone()))
    };
    body.blocks().filter(|block| block.identifier.as_str() == "variable").filter_map(default).collect()
}

/// The expression that is meant: of a variable, its default.
fn resolved<'a>(expression: &'a Expression, variables: &'a BTreeMap<String, Expression>) -> &'a Expression {
    if let Expression::Traversal(traversal) = expression
        && let Expression::Variable(root) = &traversal.expr
        && root.as_str() == "var"
        && let [TraversalOperator::GetAttr(name)] = traversal.operators.as_slice()
        && let Some(default) = variables.get(name.as_str())
    {
        default
    } else {
        expression
    }
}

fn of_kind(expression: &Expression, kind: &Kind, variables: &BTreeMap<String, Expression>) -> Value {
    let expression = resolved(expression, variables);
    match (kind, expression) {
        (Kind::Type(ty), expression) => of_type(expression, ty, variables),
        (Kind::Nested { .. }, Expression::Null) => Value::Null,
        (Kind::Nested { nesting, attributes }, Expression::Object(entries)) => match nesting {
            Nesting::Map => {
                Value::map(entries.iter().map(|(key, entry)| (key_text(key), of_object(entry, attributes, variables))))
            }
            _ => of_object(expression, attributes, variables),
        },
        (Kind::Nested { nesting, attributes }, Expression::Array(elements)) => {
            let elements = elements.iter().map(|element| of_object(element, attributes, variables));
            if *nesting == Nesting::Set { Value::set(elements) } else { Value::List(elements.collect()) }
        }
        _ => Value::unknown(),
    }
}

fn of_object(expression: &Expression, attributes: &[Attribute], variables: &BTreeMap<String, Expression>) -> Value {
    let Expression::Object(entries) = expression else { return Value::unknown() };
    let given: BTreeMap<String, &Expression> = entries.iter().map(|(key, entry)| (key_text(key), entry)).collect();
    for key in given.keys() {
        assert!(attributes.iter().any(|attribute| attribute.name == *key), "there is no attribute `{key}`");
    }
    Value::map(attributes.iter().map(|attribute| {
        let value = given.get(&attribute.name).map(|entry| of_kind(entry, &attribute.kind, variables));
        (attribute.name.clone(), value.unwrap_or(Value::Null))
    }))
}

fn of_type(expression: &Expression, ty: &Type, variables: &BTreeMap<String, Expression>) -> Value {
    let expression = resolved(expression, variables);
    let inner = |expression: &Expression, ty: &Type| of_type(expression, ty, variables);
    match (expression, ty) {
        (Expression::Null, _) => Value::Null,
        (expression, Type::Dynamic) => {
            let (ty, value) = dynamic(expression, variables);
            // A value of which not even the type is known stands for itself.
            if ty == Type::Dynamic { value } else { Value::Dynamic(Box::new((ty, value))) }
        }
        (Expression::Bool(value), Type::Bool) => Value::Bool(*value),
        (Expression::Number(number), Type::Number) => Value::Number(exact(number)),
        (expression, Type::String) => text(expression).map_or_else(Value::unknown, Value::String),
        (Expression::Array(elements), Type::List(ty)) => Value::List(elements.iter().map(|it| inner(it, ty)).collect()),
        (Expression::Array(elements), Type::Set(ty)) => Value::set(elements.iter().map(|it| inner(it, ty))),
        (Expression::Object(entries), Type::Map(ty)) => {
            Value::map(entries.iter().map(|(key, entry)| (key_text(key), inner(entry, ty))))
        }
        (Expression::Traversal(_) | Expression::FuncCall(_) | Expression::Conditional(_), _) => Value::unknown(),
        (expression, ty) => panic!("`{expression:?}` is no `{}`", ty.to_json()),
    }
}

/// A value with the type that Terraform would find for it.
fn dynamic(expression: &Expression, variables: &BTreeMap<String, Expression>) -> (Type, Value) {
    match resolved(expression, variables) {
        Expression::Null => (Type::Dynamic, Value::Null),
        Expression::Bool(value) => (Type::Bool, Value::Bool(*value)),
        Expression::Number(number) => (Type::Number, Value::Number(exact(number))),
        Expression::Array(elements) => {
            let (types, values) = elements.iter().map(|element| dynamic(element, variables)).unzip();
            (Type::Tuple(types), Value::List(values))
        }
        Expression::Object(entries) => {
            let all: Vec<(String, (Type, Value))> =
                entries.iter().map(|(key, entry)| (key_text(key), dynamic(entry, variables))).collect();
            let types = all.iter().map(|(key, (ty, _))| (key.clone(), ty.clone()));
            let values = all.iter().map(|(key, (_, value))| (key.clone(), value.clone()));
            (Type::object(types), Value::map(values))
        }
        expression => match text(expression) {
            Some(text) => (Type::String, Value::String(text)),
            None => (Type::Dynamic, Value::unknown()),
        },
    }
}

fn text(expression: &Expression) -> Option<String> {
    match expression {
        Expression::String(text) => Some(text.clone()),
        Expression::Number(number) => Some(number.to_string()),
        Expression::Bool(value) => Some(value.to_string()),
        Expression::TemplateExpr(template) => match &**template {
            TemplateExpr::Heredoc(heredoc) => Some(heredoc.template.as_str().to_owned()),
            TemplateExpr::QuotedString(_) => None,
        },
        _ => None,
    }
}

fn exact(number: &hcl::Number) -> Number {
    number.to_string().parse().expect("a number of HCL is a number")
}

fn key_text(key: &ObjectKey) -> String {
    match key {
        ObjectKey::Identifier(name) => name.as_str().to_owned(),
        ObjectKey::Expression(expression) => text(expression).expect("a key of an example is a text"),
        _ => panic!("a key of an example is a name or a text"),
    }
}
