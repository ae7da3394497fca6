//! The expression with which a node on AL2023 calculates its maximum number of pods: `maxPodsExpression` of a
//! `NodeConfig`.
//!
//! It is a CEL expression over three integers known to the node. If nodeadm cannot parse or evaluate it, the node
//! uses its default number of pods and only logs the error, so every error that CEL would find is found here.
//!
//! ```text
//! text ──parse──▶ Node ──check──▶ Kind ──evaluate, for the limits of all instance types──▶ a number of pods
//! ```
//!
//! Source: `internal/kubelet/eni_max_pods.go` of github.com/awslabs/amazon-eks-ami (nodeadm of July 2026) and the
//! language definition of github.com/google/cel-spec. Limit: arithmetic, comparisons and conditions over numbers. CEL
//! also has strings, lists and maps, which are irrelevant for a number of pods and are rejected.

mod check;
mod evaluate;
mod parse;

use std::collections::BTreeSet;

use super::instance_limits;
use crate::node::shape::text;
use evaluate::Variables;

text! {
    /// Calculates a node's maximum number of pods from the limits of its instance type.
    pub struct MaxPodsExpression;
    rule = "an expression in CEL of the whole numbers `default_enis`, `ips_per_eni` and `max_pods`, such as \
            `((default_enis - 1) * (ips_per_eni - 1)) + 2`";
    check = |text| understand(text).map(|_| ());
}

impl MaxPodsExpression {
    /// The number of pods of a node whose instance type has this many interfaces and addresses per interface, or
    /// `None` if the node would fall back to its default.
    #[must_use]
    pub fn pods(&self, interfaces: u32, addresses_per_interface: u32) -> Option<u32> {
        // Validated when the text was parsed.
        let node = parse::parse(&self.0).ok()?;
        evaluate::pods(&node, Variables::of(interfaces, addresses_per_interface)).ok()
    }
}

/// The variables by name.
const VARIABLES: [(&str, Variable); 3] =
    [("default_enis", Variable::DefaultEnis), ("ips_per_eni", Variable::IpsPerEni), ("max_pods", Variable::MaxPods)];

/// A variable known to the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    /// Interfaces of the default network card.
    DefaultEnis,
    /// IPv4 addresses of one interface.
    IpsPerEni,
    /// The number that the node would use without an expression.
    MaxPods,
}

/// Value types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Int,
    Uint,
    Double,
    Bool,
}

impl Kind {
    /// CEL's name, which is also that of the conversion function.
    fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::Bool => "bool",
        }
    }
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    fn sign(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

/// A part of an expression; `at` counts characters from 1.
#[derive(Clone, Debug, PartialEq)]
struct Node {
    at: usize,
    form: Form,
}

#[derive(Clone, Debug, PartialEq)]
enum Form {
    Int(i64),
    Uint(u64),
    Double(f64),
    Bool(bool),
    Variable(Variable),
    Not(Box<Node>),
    Negative(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Conditional(Box<Node>, Box<Node>, Box<Node>),
    Convert(Kind, Box<Node>),
}

/// Parses, checks and tests an expression; the error is the hint in a fault.
fn understand(text: &str) -> Result<Node, String> {
    let node = parse::parse(text)?;
    let kind = check::kind(&node)?;
    if kind == Kind::Bool {
        return Err("it gives `true` or `false`, not a number of pods".to_owned());
    }
    let limits: BTreeSet<(u32, u32)> =
        instance_limits::all().map(|limits| (limits.interfaces, limits.addresses_per_interface)).collect();
    let mut reason = String::new();
    for (interfaces, addresses) in limits {
        match evaluate::pods(&node, Variables::of(interfaces, addresses)) {
            Ok(_) => return Ok(node),
            Err(why) => reason = why,
        }
    }
    Err(format!("there is no instance type for which it gives a number of pods: {reason}"))
}

#[cfg(test)]
mod tests;
