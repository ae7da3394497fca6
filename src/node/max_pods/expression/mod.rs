//! The expression by which a node on AL2023 counts its own pods: `maxPodsExpression` of a `NodeConfig`.
//!
//! It is written in CEL, over three whole numbers that the node knows. When nodeadm cannot read or compute it, the node
//! takes its usual number of pods and only its log tells, so everything that CEL would find is found here.
//!
//! ```text
//! text ──parse──▶ Node ──check──▶ Kind ──evaluate, for the limits of all instance types──▶ a number of pods
//! ```
//!
//! Source: `internal/kubelet/eni_max_pods.go` of github.com/awslabs/amazon-eks-ami (nodeadm of July 2026) and the
//! language definition of github.com/google/cel-spec. Limit: arithmetic, comparisons and conditions over numbers. CEL has
//! texts, lists and maps too, which say nothing about a number of pods and are refused.

mod check;
mod evaluate;
mod parse;

use std::collections::BTreeSet;

use super::instance_limits;
use crate::node::shape::text;
use evaluate::Variables;

text! {
    /// Counts the pods of a node from the limits of its instance type.
    pub struct MaxPodsExpression;
    rule = "an expression in CEL of the whole numbers `default_enis`, `ips_per_eni` and `max_pods`, such as \
            `((default_enis - 1) * (ips_per_eni - 1)) + 2`";
    check = |text| understand(text).map(|_| ());
}

impl MaxPodsExpression {
    /// The pods of a node whose instance type has so many interfaces and addresses of one, or `None` when the node
    /// would fall back to its usual number.
    #[must_use]
    pub fn pods(&self, interfaces: u32, addresses_per_interface: u32) -> Option<u32> {
        // Checked when the text was read.
        let node = parse::parse(&self.0).ok()?;
        evaluate::pods(&node, Variables::of(interfaces, addresses_per_interface)).ok()
    }
}

/// The name of a variable, and which one it is.
const VARIABLES: [(&str, Variable); 3] =
    [("default_enis", Variable::DefaultEnis), ("ips_per_eni", Variable::IpsPerEni), ("max_pods", Variable::MaxPods)];

/// What the node knows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    /// Interfaces of the default network card.
    DefaultEnis,
    /// IPv4 addresses of one interface.
    IpsPerEni,
    /// The number that the node would take without an expression.
    MaxPods,
}

/// Types of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Int,
    Uint,
    Double,
    Bool,
}

impl Kind {
    /// CEL's own name, which is also that of the conversion to it.
    fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::Bool => "bool",
        }
    }
}

/// Operators with two sides.
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

/// A piece of an expression; `at` counts characters from 1.
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

/// Reads, checks and tries out an expression; the error is the hint of a fault.
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
