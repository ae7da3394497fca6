//! Type checking: CEL has no implicit conversions, not even from int to double.

use super::{Form, Kind, Node, Operator};

/// The type of an expression's result; the error names the position of a type mismatch.
pub(super) fn kind(node: &Node) -> Result<Kind, String> {
    let at = node.at;
    match &node.form {
        Form::Int(_) | Form::Variable(_) => Ok(Kind::Int),
        Form::Uint(_) => Ok(Kind::Uint),
        Form::Double(_) => Ok(Kind::Double),
        Form::Bool(_) => Ok(Kind::Bool),
        Form::Not(inner) => match kind(inner)? {
            Kind::Bool => Ok(Kind::Bool),
            other => Err(format!("character {at}: `!` takes a condition, not {}", noun(other))),
        },
        Form::Negative(inner) => match kind(inner)? {
            number @ (Kind::Int | Kind::Double) => Ok(number),
            other => Err(format!("character {at}: `-` does not take {}", noun(other))),
        },
        Form::Binary(operator, left, right) => binary(at, *operator, kind(left)?, kind(right)?),
        Form::Conditional(condition, then, other) => {
            let (condition, then, other) = (kind(condition)?, kind(then)?, kind(other)?);
            if condition != Kind::Bool {
                Err(format!("character {at}: before `?` there must be a condition, not {}", noun(condition)))
            } else if then != other {
                Err(format!("character {at}: both sides of `:` must have one type, not {}", mixed(then, other)))
            } else {
                Ok(then)
            }
        }
        Form::Convert(to, inner) => match kind(inner)? {
            Kind::Bool => Err(format!("character {at}: `{}(…)` takes a number, not {}", to.name(), noun(Kind::Bool))),
            Kind::Int | Kind::Uint | Kind::Double => Ok(*to),
        },
    }
}

fn binary(at: usize, operator: Operator, left: Kind, right: Kind) -> Result<Kind, String> {
    use Operator::{
        Add, And, Divide, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Multiply, NotEqual, Or, Remainder,
        Subtract,
    };
    let sign = operator.sign();
    if left != right {
        let numbers = left != Kind::Bool && right != Kind::Bool;
        let hint = if numbers { ", convert one by `int(…)` or `double(…)`" } else { "" };
        return Err(format!("character {at}: `{sign}` does not take {}{hint}", mixed(left, right)));
    }
    match (operator, left) {
        (Or | And, Kind::Bool) | (Equal | NotEqual | Less | LessOrEqual | Greater | GreaterOrEqual, _) => {
            Ok(Kind::Bool)
        }
        (Add | Subtract | Multiply | Divide, Kind::Int | Kind::Uint | Kind::Double)
        | (Remainder, Kind::Int | Kind::Uint) => Ok(left),
        (Or | And | Add | Subtract | Multiply | Divide | Remainder, _) => {
            Err(format!("character {at}: `{sign}` does not take {}", noun(left)))
        }
    }
}

fn mixed(left: Kind, right: Kind) -> String {
    format!("{} and {}", noun(left), noun(right))
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Int => "a whole number (`int`)",
        Kind::Uint => "an unsigned number (`uint`)",
        Kind::Double => "a number with a fraction (`double`)",
        Kind::Bool => "`true` or `false`",
    }
}
