//! What an expression refers to, so that things are evaluated in order.

use std::collections::BTreeSet;

use hcl::expr::{Expression, ObjectKey, Operation, TemplateExpr, TraversalOperator};
use hcl::template::{Directive, Element, Template};

use super::config::{Address, Mode};

/// A named thing of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// `local.NAME`.
    Local(String),
    /// A resource of any mode.
    Resource(Address),
}

/// The names in an expression.
pub fn of(expression: &Expression) -> BTreeSet<Name> {
    let mut names = BTreeSet::new();
    collect(expression, &[], &mut names);
    names
}

fn collect(expression: &Expression, bound: &[String], names: &mut BTreeSet<Name>) {
    let mut inner = |expression: &Expression| collect(expression, bound, names);
    match expression {
        Expression::Array(elements) => elements.iter().for_each(inner),
        Expression::Object(entries) => {
            for (key, value) in entries {
                if let ObjectKey::Expression(key) = key {
                    inner(key);
                }
                inner(value);
            }
        }
        Expression::TemplateExpr(template) => {
            collect_template_expression(template, bound, names);
        }
        Expression::Traversal(traversal) => {
            for operator in &traversal.operators {
                if let TraversalOperator::Index(index) = operator {
                    inner(index);
                }
            }
            match &traversal.expr {
                Expression::Variable(root) if !bound.iter().any(|name| name == root.as_str()) => {
                    names.extend(named(root.as_str(), &traversal.operators));
                }
                other => inner(other),
            }
        }
        Expression::FuncCall(call) => call.args.iter().for_each(inner),
        Expression::Parenthesis(expression) => inner(expression),
        Expression::Conditional(conditional) => {
            inner(&conditional.cond_expr);
            inner(&conditional.true_expr);
            inner(&conditional.false_expr);
        }
        Expression::Operation(operation) => match &**operation {
            Operation::Unary(unary) => inner(&unary.expr),
            Operation::Binary(binary) => {
                inner(&binary.lhs_expr);
                inner(&binary.rhs_expr);
            }
        },
        Expression::ForExpr(for_expression) => {
            inner(&for_expression.collection_expr);
            let mut bound = bound.to_vec();
            bound.extend(for_expression.key_var.iter().map(|name| name.as_str().to_owned()));
            bound.push(for_expression.value_var.as_str().to_owned());
            let inside = [&for_expression.key_expr, &for_expression.cond_expr].into_iter().flatten();
            for expression in inside.chain([&for_expression.value_expr]) {
                collect(expression, &bound, names);
            }
        }
        _ => {}
    }
}

fn collect_template_expression(expression: &TemplateExpr, bound: &[String], names: &mut BTreeSet<Name>) {
    // One that cannot be read is reported when it is evaluated.
    if let Ok(template) = Template::from_expr(expression) {
        collect_template(&template, bound, names);
    }
}

fn collect_template(template: &Template, bound: &[String], names: &mut BTreeSet<Name>) {
    for element in template.elements() {
        match element {
            Element::Interpolation(interpolation) => collect(&interpolation.expr, bound, names),
            Element::Directive(directive) => {
                // Others are refused when they are evaluated.
                let Directive::If(directive) = &**directive else { continue };
                collect(&directive.cond_expr, bound, names);
                collect_template(&directive.true_template, bound, names);
                if let Some(template) = &directive.false_template {
                    collect_template(template, bound, names);
                }
            }
            Element::Literal(_) => {}
        }
    }
}

/// The thing that a root name and the attributes behind it name.
fn named(root: &str, operators: &[TraversalOperator]) -> Option<Name> {
    let attribute = |position: usize| match operators.get(position) {
        Some(TraversalOperator::GetAttr(name)) => Some(name.as_str().to_owned()),
        _ => None,
    };
    let resource = |mode, ty, name| Some(Name::Resource(Address { mode, ty, name }));
    match root {
        "var" | "each" | "count" | "path" | "terraform" | "self" => None,
        "local" => attribute(0).map(Name::Local),
        "data" => resource(Mode::Data, attribute(0)?, attribute(1)?),
        "ephemeral" => resource(Mode::Ephemeral, attribute(0)?, attribute(1)?),
        ty => resource(Mode::Managed, ty.to_owned(), attribute(0)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_wherever_they_stand() {
        let expression: Expression = r#"{
            a = x_y.a.id
            b = [for x in data.x_z.b.list : "${x.name}-${local.l}" if x.ok]
            c = f(x_y.c[local.i].id, var.v) ? -ephemeral.x_e.d.v : x_y.e
        }"#
        .parse()
        .unwrap();
        let names: Vec<String> = of(&expression)
            .into_iter()
            .map(|name| match name {
                Name::Local(name) => format!("local.{name}"),
                Name::Resource(address) => address.to_string(),
            })
            .collect();
        assert_eq!(names, ["local.i", "local.l", "x_y.a", "x_y.c", "x_y.e", "data.x_z.b", "ephemeral.x_e.d"]);
    }
}
