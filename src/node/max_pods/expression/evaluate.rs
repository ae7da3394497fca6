//! Evaluates an expression for one instance type, after it has been type-checked.

use super::{Form, Kind, Node, Operator, Variable};

/// The node's values for the variables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variables {
    default_enis: i64,
    ips_per_eni: i64,
    max_pods: i64,
}

impl Variables {
    pub(super) fn of(interfaces: u32, addresses_per_interface: u32) -> Self {
        let (default_enis, ips_per_eni) = (i64::from(interfaces), i64::from(addresses_per_interface));
        Self { default_enis, ips_per_eni, max_pods: default_enis * (ips_per_eni - 1) + 2 }
    }

    fn value(self, variable: Variable) -> i64 {
        match variable {
            Variable::DefaultEnis => self.default_enis,
            Variable::IpsPerEni => self.ips_per_eni,
            Variable::MaxPods => self.max_pods,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Int(i64),
    Uint(u64),
    Double(f64),
    Bool(bool),
}

/// The number of pods; the error explains why there is none.
pub(super) fn pods(node: &Node, variables: Variables) -> Result<u32, String> {
    let number = match convert(Kind::Int, evaluate(node, variables)?)? {
        Value::Int(number) => number,
        Value::Uint(_) | Value::Double(_) | Value::Bool(_) => return Err(mismatch()),
    };
    u32::try_from(number)
        .ok()
        .filter(|pods| (1..=i32::MAX.cast_unsigned()).contains(pods))
        .ok_or_else(|| format!("it gives {number}"))
}

fn evaluate(node: &Node, variables: Variables) -> Result<Value, String> {
    let value = |node: &Node| evaluate(node, variables);
    match &node.form {
        Form::Int(number) => Ok(Value::Int(*number)),
        Form::Uint(number) => Ok(Value::Uint(*number)),
        Form::Double(number) => Ok(Value::Double(*number)),
        Form::Bool(truth) => Ok(Value::Bool(*truth)),
        Form::Variable(variable) => Ok(Value::Int(variables.value(*variable))),
        Form::Not(inner) => truth(value(inner)).map(|truth| Value::Bool(!truth)),
        Form::Negative(inner) => match value(inner)? {
            Value::Int(number) => number.checked_neg().map(Value::Int).ok_or_else(overflow),
            Value::Double(number) => Ok(Value::Double(-number)),
            Value::Uint(_) | Value::Bool(_) => Err(mismatch()),
        },
        // One operand can determine the result, even if the other has no value.
        Form::Binary(Operator::Or, left, right) => settled(truth(value(left)), truth(value(right)), true),
        Form::Binary(Operator::And, left, right) => settled(truth(value(left)), truth(value(right)), false),
        Form::Binary(operator, left, right) => binary(*operator, value(left)?, value(right)?),
        Form::Conditional(condition, then, other) => value(if truth(value(condition))? { then } else { other }),
        Form::Convert(to, inner) => convert(*to, value(inner)?),
    }
}

fn truth(value: Result<Value, String>) -> Result<bool, String> {
    match value? {
        Value::Bool(truth) => Ok(truth),
        Value::Int(_) | Value::Uint(_) | Value::Double(_) => Err(mismatch()),
    }
}

fn settled(left: Result<bool, String>, right: Result<bool, String>, settles: bool) -> Result<Value, String> {
    if left == Ok(settles) || right == Ok(settles) {
        return Ok(Value::Bool(settles));
    }
    left.and(right).map(Value::Bool)
}

fn binary(operator: Operator, left: Value, right: Value) -> Result<Value, String> {
    if let Some(holds) = compared(operator, left, right) {
        return Ok(Value::Bool(holds));
    }
    match (left, right) {
        (Value::Int(_) | Value::Uint(_), Value::Int(0) | Value::Uint(0))
            if matches!(operator, Operator::Divide | Operator::Remainder) =>
        {
            Err("it divides by zero".to_owned())
        }
        (Value::Int(left), Value::Int(right)) => match operator {
            Operator::Add => left.checked_add(right),
            Operator::Subtract => left.checked_sub(right),
            Operator::Multiply => left.checked_mul(right),
            Operator::Divide => left.checked_div(right),
            Operator::Remainder => left.checked_rem(right),
            _ => None,
        }
        .map(Value::Int)
        .ok_or_else(overflow),
        (Value::Uint(left), Value::Uint(right)) => match operator {
            Operator::Add => left.checked_add(right),
            Operator::Subtract => left.checked_sub(right),
            Operator::Multiply => left.checked_mul(right),
            Operator::Divide => left.checked_div(right),
            Operator::Remainder => left.checked_rem(right),
            _ => None,
        }
        .map(Value::Uint)
        .ok_or_else(overflow),
        (Value::Double(left), Value::Double(right)) => match operator {
            Operator::Add => Ok(left + right),
            Operator::Subtract => Ok(left - right),
            Operator::Multiply => Ok(left * right),
            Operator::Divide => Ok(left / right),
            _ => Err(mismatch()),
        }
        .map(Value::Double),
        _ => Err(mismatch()),
    }
}

/// The result of a comparison, or `None` for another operator.
fn compared(operator: Operator, left: Value, right: Value) -> Option<bool> {
    let order = match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(&right)),
        (Value::Uint(left), Value::Uint(right)) => Some(left.cmp(&right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(&right)),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(&right),
        _ => None,
    };
    match operator {
        Operator::Equal => Some(order.is_some_and(std::cmp::Ordering::is_eq)),
        Operator::NotEqual => Some(!order.is_some_and(std::cmp::Ordering::is_eq)),
        Operator::Less => Some(order.is_some_and(std::cmp::Ordering::is_lt)),
        Operator::LessOrEqual => Some(order.is_some_and(std::cmp::Ordering::is_le)),
        Operator::Greater => Some(order.is_some_and(std::cmp::Ordering::is_gt)),
        Operator::GreaterOrEqual => Some(order.is_some_and(std::cmp::Ordering::is_ge)),
        _ => None,
    }
}

/// A conversion; fractions are truncated towards zero.
// Each cast follows a range check; a number of pods is far below the point where a `double` loses precision.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn convert(to: Kind, value: Value) -> Result<Value, String> {
    const BITS_63: f64 = 9_223_372_036_854_775_808.0;
    const BITS_64: f64 = 18_446_744_073_709_551_616.0;
    match (to, value) {
        (Kind::Int, Value::Int(_)) | (Kind::Uint, Value::Uint(_)) | (Kind::Double, Value::Double(_)) => Ok(value),
        (Kind::Int, Value::Uint(number)) => i64::try_from(number).map(Value::Int).map_err(|_| overflow()),
        (Kind::Int, Value::Double(number)) if number > -BITS_63 && number < BITS_63 => Ok(Value::Int(number as i64)),
        (Kind::Uint, Value::Int(number)) => u64::try_from(number).map(Value::Uint).map_err(|_| overflow()),
        (Kind::Uint, Value::Double(number)) if (0.0..BITS_64).contains(&number) => Ok(Value::Uint(number as u64)),
        (Kind::Int | Kind::Uint, Value::Double(_)) => Err(overflow()),
        (Kind::Double, Value::Int(number)) => Ok(Value::Double(number as f64)),
        (Kind::Double, Value::Uint(number)) => Ok(Value::Double(number as f64)),
        (Kind::Bool, _) | (_, Value::Bool(_)) => Err(mismatch()),
    }
}

fn overflow() -> String {
    "a number in it grows beyond 64 bits or below what its type takes".to_owned()
}

/// A case ruled out by type checking.
fn mismatch() -> String {
    "its types do not fit".to_owned()
}
