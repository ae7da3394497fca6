//! The optional last argument of functions, and faults of the `node` room as errors of a function.

use std::collections::BTreeMap;

use framework::model::Dynamic;
use framework::path::Step;
use framework::schema::Parameter;
use framework::server::FunctionError;
use framework::value::Type;

use crate::node::{Fault, Faults, Tree};

/// The parameter of an optional last argument; `what` is the beginning of its description.
pub(super) fn options_parameter(what: &str) -> Parameter {
    Parameter {
        name: "options".to_owned(),
        ty: Type::Dynamic,
        description: format!("{what}, as an object with the attributes listed above. Optional."),
        allow_null: true,
        allow_unknown: true,
    }
}

/// That argument as a tree; left out or null it is an empty object. `position` is the place of the first one.
pub(super) fn options<'a>(
    mut given: impl ExactSizeIterator<Item = &'a Dynamic>,
    position: i64,
) -> Result<Tree, FunctionError> {
    if given.len() > 1 {
        return Err(FunctionError::argument(position + 1, "The options may be given once"));
    }
    Ok(match given.next() {
        Some(options) if !options.0.is_null() => Tree::from(&options.0),
        _ => Tree::Map(BTreeMap::new()),
    })
}

/// Every fault of an argument, one a line. The last has no period: Terraform puts one behind the whole.
pub(super) fn refused(argument: i64, faults: &Faults) -> FunctionError {
    let lines: Vec<String> = faults.iter().map(line).collect();
    FunctionError::argument(argument, lines.join(".\n"))
}

/// One fault, with a hint where the cause is usually elsewhere in the configuration.
fn line(fault: &Fault) -> String {
    let last = match fault.path.0.last() {
        Some(Step::Attribute(name)) => name.as_str(),
        _ => "",
    };
    if last == "hybrid" && fault.message == "is required" {
        return format!("{fault}; a node in EC2 has no such part, but `os = \"al2023\"` in the outermost object");
    }
    if last == "activation_code" && fault.message == "is required" {
        return format!(
            "{fault}; it is null where the activation sets `store_code_in`, and comes from the ephemeral resource `ekshybrid_activation_code` then"
        );
    }
    fault.to_string()
}
