//! Evaluation of HCL expressions over values that may be unknown.
//!
//! Provider functions are calls to the provider, so evaluation is asynchronous.

use std::collections::BTreeMap;
use std::pin::Pin;

use framework::value::{Number, Refinement, Value};
use hcl::expr::{
    BinaryOperator, Expression, ForExpr, FuncCall, ObjectKey, Operation, TemplateExpr, TraversalOperator, UnaryOperator,
};
use hcl::template::{Directive, Element, Strip, Template};

use super::client::Connection;
use super::config::{Address, Mode};
use super::convert::convert;
use super::functions;
use crate::layer::LayerError;

/// What an expression can refer to.
pub struct Scope<'a> {
    /// The provider, for its functions.
    pub connection: &'a Connection,
    /// The provider's local name.
    pub provider: &'a str,
    /// The values of everything evaluated so far.
    pub values: &'a Values,
    /// `count.index`, `each.key` and `each.value`, and the names that `for` binds.
    pub bound: BTreeMap<String, Value>,
    /// The folder of files beside the configuration.
    pub folder: &'a std::path::Path,
}

/// The values of the configuration's named things.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// Input variables.
    pub variables: BTreeMap<String, Value>,
    /// Local values.
    pub locals: BTreeMap<String, Value>,
    /// Resources: an object, a list of them under `count`, a map of them under `for_each`.
    pub resources: BTreeMap<Address, Value>,
}

/// Why an expression has no value.
#[derive(Debug)]
pub enum Fault {
    /// The configuration is wrong: summary and detail, as Terraform says it.
    Told(String, String),
    /// The layer could not do its work.
    Layer(LayerError),
}

impl Fault {
    fn told(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Told(summary.into(), detail.into())
    }
}

impl From<LayerError> for Fault {
    fn from(error: LayerError) -> Self {
        Self::Layer(error)
    }
}

/// An evaluation under way.
pub type Evaluation<'a> = Pin<Box<dyn Future<Output = Result<Value, Fault>> + 'a>>;

impl<'a> Scope<'a> {
    fn with(&self, bound: impl IntoIterator<Item = (String, Value)>) -> Scope<'a> {
        let mut all = self.bound.clone();
        all.extend(bound);
        Scope { bound: all, ..*self }
    }

    /// Evaluates an expression.
    pub fn evaluate<'e>(&'e self, expression: &'e Expression) -> Evaluation<'e> {
        Box::pin(async move {
            match expression {
                Expression::Null => Ok(Value::Null),
                Expression::Bool(value) => Ok(Value::Bool(*value)),
                Expression::Number(number) => {
                    let number: Number = number.to_string().parse().map_err(|_| unknown_to_us(expression))?;
                    Ok(Value::Number(number))
                }
                Expression::String(text) => Ok(Value::String(text.clone())),
                Expression::Array(elements) => {
                    let mut values = Vec::new();
                    for element in elements {
                        values.push(self.evaluate(element).await?);
                    }
                    Ok(Value::List(values))
                }
                Expression::Object(entries) => {
                    let mut values = BTreeMap::new();
                    for (key, value) in entries {
                        let key = match key {
                            ObjectKey::Identifier(name) => name.as_str().to_owned(),
                            ObjectKey::Expression(expression) => match text(self.evaluate(expression).await?)? {
                                Some(key) => key,
                                None => return Ok(Value::unknown()),
                            },
                            _ => return Err(unknown_to_us(expression)),
                        };
                        values.insert(key, self.evaluate(value).await?);
                    }
                    Ok(Value::Map(values))
                }
                Expression::TemplateExpr(template) => self.template_expression(template).await,
                Expression::Variable(name) => self.named(name.as_str(), &[]).await,
                Expression::Traversal(traversal) => match &traversal.expr {
                    Expression::Variable(name) => self.named(name.as_str(), &traversal.operators).await,
                    other => {
                        let value = self.evaluate(other).await?;
                        self.traverse(value, &traversal.operators).await
                    }
                },
                Expression::FuncCall(call) => self.call(call).await,
                Expression::Parenthesis(inner) => self.evaluate(inner).await,
                Expression::Conditional(conditional) => {
                    match convert(self.evaluate(&conditional.cond_expr).await?, &framework::value::Type::Bool) {
                        Ok(Value::Bool(true)) => self.evaluate(&conditional.true_expr).await,
                        Ok(Value::Bool(false)) => self.evaluate(&conditional.false_expr).await,
                        Ok(Value::Unknown(_)) => Ok(Value::unknown()),
                        _ => Err(Fault::told(
                            "Incorrect condition type",
                            "The condition expression must be of type bool.",
                        )),
                    }
                }
                Expression::Operation(operation) => self.operation(operation).await,
                Expression::ForExpr(for_expression) => self.for_expression(for_expression).await,
                other => Err(unknown_to_us(other)),
            }
        })
    }

    /// A name at the beginning of an expression, with what follows it.
    async fn named(&self, name: &str, operators: &[TraversalOperator]) -> Result<Value, Fault> {
        if let Some(value) = self.bound.get(name) {
            return self.traverse(value.clone(), operators).await;
        }
        let attribute = |position: usize| match operators.get(position) {
            Some(TraversalOperator::GetAttr(name)) => Ok(name.as_str()),
            _ => Err(Fault::told("Invalid reference", format!("`{name}` must be followed by a name."))),
        };
        let absent = |what: String| {
            move || {
                Fault::told(
                    "Reference to undeclared resource",
                    format!("{what} has not been declared in the root module."),
                )
            }
        };
        let (value, used) = match name {
            "var" => {
                let name = attribute(0)?;
                let value = self.values.variables.get(name).cloned();
                (value.ok_or_else(absent(format!("An input variable with the name \"{name}\"")))?, 1)
            }
            "local" => {
                let name = attribute(0)?;
                (self.values.locals.get(name).cloned().ok_or_else(absent(format!("A local value \"{name}\"")))?, 1)
            }
            "path" => (Value::from("."), 1),
            "data" | "ephemeral" => {
                let mode = if name == "data" { Mode::Data } else { Mode::Ephemeral };
                (self.resource(mode, attribute(0)?, attribute(1)?)?, 2)
            }
            ty => (self.resource(Mode::Managed, ty, attribute(0)?)?, 1),
        };
        self.traverse(value, &operators[used..]).await
    }

    fn resource(&self, mode: Mode, ty: &str, name: &str) -> Result<Value, Fault> {
        let address = Address { mode, ty: ty.to_owned(), name: name.to_owned() };
        self.values.resources.get(&address).cloned().ok_or_else(|| {
            let kind = if mode == Mode::Managed { "managed" } else { "data" };
            Fault::told(
                "Reference to undeclared resource",
                format!("A {kind} resource \"{ty}\" \"{name}\" has not been declared in the root module."),
            )
        })
    }

    fn traverse<'e>(&'e self, value: Value, operators: &'e [TraversalOperator]) -> Evaluation<'e> {
        Box::pin(async move {
            let mut value = plain(value);
            for (position, operator) in operators.iter().enumerate() {
                if value.is_unknown() {
                    return Ok(Value::unknown());
                }
                value = match operator {
                    TraversalOperator::GetAttr(name) => member(&value, name.as_str())?,
                    TraversalOperator::Index(index) => {
                        let index = self.evaluate(index).await?;
                        element(&value, &index)?
                    }
                    TraversalOperator::LegacyIndex(index) => {
                        element(&value, &Value::from(i64::try_from(*index).unwrap_or(i64::MAX)))?
                    }
                    TraversalOperator::AttrSplat | TraversalOperator::FullSplat => {
                        let elements = match value {
                            Value::List(elements) | Value::Set(elements) => elements,
                            Value::Null => Vec::new(),
                            other => vec![other],
                        };
                        let mut values = Vec::new();
                        for element in elements {
                            values.push(self.traverse(element, &operators[position + 1..]).await?);
                        }
                        return Ok(Value::List(values));
                    }
                };
                value = plain(value);
            }
            Ok(value)
        })
    }

    async fn template_expression(&self, expression: &TemplateExpr) -> Result<Value, Fault> {
        let template =
            Template::from_expr(expression).map_err(|error| Fault::told("Invalid template", error.to_string()))?;
        // A template that is one interpolation alone is the value itself.
        if let ([Element::Interpolation(only)], TemplateExpr::QuotedString(_)) = (template.elements(), expression) {
            return self.evaluate(&only.expr).await;
        }
        let mut parts = Vec::new();
        self.template(&template, &mut parts).await?;
        Ok(joined(parts))
    }

    fn template<'e>(
        &'e self,
        template: &'e Template,
        parts: &'e mut Vec<Value>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + 'e>> {
        Box::pin(async move {
            for element in template.elements() {
                match element {
                    Element::Literal(text) => parts.push(Value::String(text.clone())),
                    Element::Interpolation(interpolation) if interpolation.strip == Strip::None => {
                        let value = self.evaluate(&interpolation.expr).await?;
                        if value.is_null() {
                            let detail =
                                "The expression result is null. Cannot include a null value in a string template.";
                            return Err(Fault::told("Invalid template interpolation value", detail));
                        }
                        parts.push(value);
                    }
                    Element::Directive(directive) => {
                        let Directive::If(directive) = &**directive else { return Err(unknown_to_us(directive)) };
                        if directive.if_strip != Strip::None {
                            return Err(unknown_to_us(directive));
                        }
                        match self.evaluate(&directive.cond_expr).await? {
                            Value::Bool(true) => self.template(&directive.true_template, parts).await?,
                            Value::Bool(false) => {
                                if let Some(template) = &directive.false_template {
                                    self.template(template, parts).await?;
                                }
                            }
                            _ => parts.push(Value::unknown()),
                        }
                    }
                    Element::Interpolation(interpolation) => return Err(unknown_to_us(interpolation)),
                }
            }
            Ok(())
        })
    }

    async fn call(&self, call: &FuncCall) -> Result<Value, Fault> {
        let name = call.name.name.as_str();
        // These look at whether an argument can be evaluated at all.
        if call.name.namespace.is_empty() && (name == "can" || name == "try") {
            let mut last = Fault::told("Error in function call", "no expression succeeded");
            for argument in &call.args {
                match self.evaluate(argument).await {
                    Ok(_) if name == "can" => return Ok(Value::Bool(true)),
                    Ok(value) => return Ok(value),
                    Err(Fault::Told(summary, detail)) => last = Fault::Told(summary, detail),
                    Err(fault) => return Err(fault),
                }
            }
            return if name == "can" { Ok(Value::Bool(false)) } else { Err(last) };
        }
        let mut arguments = Vec::new();
        for argument in &call.args {
            arguments.push(self.evaluate(argument).await?);
        }
        if call.expand_final {
            match arguments.pop() {
                Some(Value::List(elements) | Value::Set(elements)) => arguments.extend(elements),
                Some(Value::Unknown(_)) => return Ok(Value::unknown()),
                _ => return Err(Fault::told("Invalid expanding argument value", "A list, set or tuple is required.")),
            }
        }
        let namespace: Vec<&str> = call.name.namespace.iter().map(hcl::Identifier::as_str).collect();
        match namespace.as_slice() {
            [] => functions::call(name, arguments, self.folder).map_err(|fault| {
                Fault::told("Error in function call", format!("Call to function \"{name}\" failed: {fault}."))
            }),
            ["provider", provider] if *provider == self.provider => self.provider_function(name, arguments).await,
            _ => Err(unknown_to_us(&call.name.namespace.len())),
        }
    }

    /// Calls a function of the provider, with the checks that core makes around it.
    async fn provider_function(&self, name: &str, arguments: Vec<Value>) -> Result<Value, Fault> {
        let full = format!("provider::{}::{name}", self.provider);
        let Some(function) = self.connection.schemas.functions.get(name) else {
            return Err(Fault::told("Unknown provider function", format!("There is no function {full}.")));
        };
        if arguments.len() < function.parameters.len()
            || (arguments.len() > function.parameters.len() && function.variadic.is_none())
        {
            let summary = if arguments.len() < function.parameters.len() { "Not enough" } else { "Too many" };
            let detail = format!("Function \"{full}\" expects {} argument(s).", function.parameters.len());
            return Err(Fault::told(format!("{summary} function arguments"), detail));
        }
        let mut sent = Vec::new();
        let mut unknown = false;
        for (position, value) in arguments.into_iter().enumerate() {
            // There are no more arguments than parameters unless one is variadic: checked above.
            let Some(parameter) = function.parameters.get(position).or(function.variadic.as_ref()) else { continue };
            let wrong = |fault: String| {
                let detail = format!("Invalid value for \"{}\" parameter: {fault}.", parameter.name);
                Fault::told("Invalid function argument", detail)
            };
            let value = convert(value, &parameter.ty).map_err(wrong)?;
            if value.is_null() && !parameter.null {
                return Err(wrong("argument must not be null".to_owned()));
            }
            unknown |= !parameter.unknown && !value.is_wholly_known();
            sent.push((value, parameter.ty.clone()));
        }
        if unknown {
            return Ok(Value::unknown());
        }
        let first = self.connection.call_function(name, &sent, &function.returns).await?;
        let second = self.connection.call_function(name, &sent, &function.returns).await?;
        if first != second {
            let what = format!("{full} answered {first:?}, then {second:?}");
            return Err(LayerError::Contract { rule: "functions are pure", what }.into());
        }
        first.map(plain).map_err(|(text, argument)| {
            let parameter = argument
                .and_then(|position| usize::try_from(position).ok())
                .and_then(|position| function.parameters.get(position).or(function.variadic.as_ref()));
            match parameter {
                Some(parameter) => Fault::told(
                    "Invalid function argument",
                    format!("Invalid value for \"{}\" parameter: {text}.", parameter.name),
                ),
                None => Fault::told("Error in function call", format!("Call to function \"{full}\" failed: {text}.")),
            }
        })
    }

    async fn operation(&self, operation: &Operation) -> Result<Value, Fault> {
        match operation {
            Operation::Unary(unary) => {
                let value = self.evaluate(&unary.expr).await?;
                match (unary.operator, value) {
                    (_, Value::Unknown(_)) => Ok(Value::unknown()),
                    (UnaryOperator::Not, Value::Bool(value)) => Ok(Value::Bool(!value)),
                    (UnaryOperator::Neg, Value::Number(number)) => Ok(from_f64(-number.to_f64())),
                    _ => Err(Fault::told("Invalid operand", "Unsuitable value for unary operand.")),
                }
            }
            Operation::Binary(binary) => {
                let left = plain(self.evaluate(&binary.lhs_expr).await?);
                let right = plain(self.evaluate(&binary.rhs_expr).await?);
                if !left.is_wholly_known() || !right.is_wholly_known() {
                    return Ok(Value::unknown());
                }
                let invalid = || Fault::told("Invalid operand", "Unsuitable value for operand.");
                match (binary.operator, &left, &right) {
                    (BinaryOperator::Eq, left, right) => Ok(Value::Bool(left == right)),
                    (BinaryOperator::NotEq, left, right) => Ok(Value::Bool(left != right)),
                    (BinaryOperator::And, Value::Bool(left), Value::Bool(right)) => Ok(Value::Bool(*left && *right)),
                    (BinaryOperator::Or, Value::Bool(left), Value::Bool(right)) => Ok(Value::Bool(*left || *right)),
                    (operator, Value::Number(left), Value::Number(right)) => {
                        let (left, right) = (left.to_f64(), right.to_f64());
                        Ok(match operator {
                            BinaryOperator::Plus => from_f64(left + right),
                            BinaryOperator::Minus => from_f64(left - right),
                            BinaryOperator::Mul => from_f64(left * right),
                            BinaryOperator::Div => from_f64(left / right),
                            BinaryOperator::Mod => from_f64(left % right),
                            BinaryOperator::Less => Value::Bool(left < right),
                            BinaryOperator::LessEq => Value::Bool(left <= right),
                            BinaryOperator::Greater => Value::Bool(left > right),
                            BinaryOperator::GreaterEq => Value::Bool(left >= right),
                            _ => return Err(invalid()),
                        })
                    }
                    _ => Err(invalid()),
                }
            }
        }
    }

    async fn for_expression(&self, expression: &ForExpr) -> Result<Value, Fault> {
        let pairs: Vec<(Value, Value)> = match plain(self.evaluate(&expression.collection_expr).await?) {
            Value::Unknown(_) => return Ok(Value::unknown()),
            Value::List(elements) => {
                elements.into_iter().zip(0_i64..).map(|(value, index)| (Value::from(index), value)).collect()
            }
            Value::Set(elements) => elements.into_iter().map(|value| (value.clone(), value)).collect(),
            Value::Map(entries) => entries.into_iter().map(|(key, value)| (Value::String(key), value)).collect(),
            _ => {
                return Err(Fault::told(
                    "Iteration over non-iterable value",
                    "A value of this type cannot be iterated over.",
                ));
            }
        };
        let (mut list, mut map) = (Vec::new(), BTreeMap::<String, Value>::new());
        for (key, value) in pairs {
            let key_name = expression.key_var.as_ref().map(|name| (name.as_str().to_owned(), key));
            let scope = self.with(key_name.into_iter().chain([(expression.value_var.as_str().to_owned(), value)]));
            if let Some(condition) = &expression.cond_expr {
                match scope.evaluate(condition).await? {
                    Value::Bool(true) => {}
                    Value::Bool(false) => continue,
                    _ => return Ok(Value::unknown()),
                }
            }
            let value = scope.evaluate(&expression.value_expr).await?;
            match &expression.key_expr {
                None => list.push(value),
                Some(key) => {
                    let Some(key) = text(scope.evaluate(key).await?)? else { return Ok(Value::unknown()) };
                    if expression.grouping {
                        if let Value::List(group) = map.entry(key).or_insert_with(|| Value::List(Vec::new())) {
                            group.push(value);
                        }
                    } else {
                        map.insert(key, value);
                    }
                }
            }
        }
        Ok(if expression.key_expr.is_some() { Value::Map(map) } else { Value::List(list) })
    }
}

fn unknown_to_us(what: &dyn std::fmt::Debug) -> Fault {
    Fault::Layer(LayerError::Configuration(format!("the in-process layer does not know {what:?}")))
}

/// The value without the wrapper of dynamic types.
pub fn plain(value: Value) -> Value {
    match value {
        Value::Dynamic(inner) => plain(inner.1),
        value => value,
    }
}

fn member(value: &Value, name: &str) -> Result<Value, Fault> {
    match value {
        Value::Map(entries) => entries.get(name).cloned().ok_or_else(|| {
            Fault::told("Unsupported attribute", format!("This object does not have an attribute named \"{name}\"."))
        }),
        Value::Null => Err(Fault::told("Attempt to get attribute from null value", "This value is null.")),
        _ => Err(Fault::told("Unsupported attribute", format!("This value has no attribute \"{name}\"."))),
    }
}

fn element(value: &Value, index: &Value) -> Result<Value, Fault> {
    if index.is_unknown() {
        return Ok(Value::unknown());
    }
    let found = match (value, index) {
        (Value::List(elements), Value::Number(index)) => {
            index.as_i64().and_then(|index| usize::try_from(index).ok()).and_then(|index| elements.get(index))
        }
        (Value::Map(entries), Value::String(key)) => entries.get(key),
        _ => None,
    };
    found.cloned().ok_or_else(|| {
        Fault::told("Invalid index", "The given key does not identify an element in this collection value.")
    })
}

/// A known value as text; `None` when it is unknown.
fn text(value: Value) -> Result<Option<String>, Fault> {
    match convert(plain(value), &framework::value::Type::String) {
        Ok(Value::String(text)) => Ok(Some(text)),
        Ok(Value::Unknown(_)) => Ok(None),
        _ => Err(Fault::told("Incorrect value type", "string required")),
    }
}

/// The parts of a template together. What is known at the beginning is promised of an unknown result.
fn joined(parts: Vec<Value>) -> Value {
    let mut result = String::new();
    for part in parts {
        let Ok(Some(part)) = text(part) else {
            let prefix = (!result.is_empty()).then_some(result);
            return Value::Unknown(Refinement { prefix, ..Refinement::not_null() });
        };
        result.push_str(&part);
    }
    Value::String(result)
}

fn from_f64(number: f64) -> Value {
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}
