//! `cidrs_overlap`: whether any two of many address ranges overlap.

use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::function::{Function, Variadic};
use framework::model::Model;
use framework::path::Path;
use framework::schema::Parameter;
use framework::server::FunctionError;
use framework::value::{Type, Value};
use names::Cidr;
use names::cidr::overlaps;

/// No parameters that must be given.
#[derive(Clone, Debug, Model)]
pub struct Parameters {}

/// One argument: a range, or a list of ranges. A part that is null is none.
#[derive(Clone, Debug)]
pub struct Ranges(Vec<Cidr>);

impl Variadic for Ranges {
    fn parameter() -> Option<Parameter> {
        Some(Parameter {
            name: "cidrs".to_owned(),
            ty: Type::Dynamic,
            description: "An address range in CIDR notation, such as `10.0.0.0/16`, or a list or set of them. IPv4 and IPv6 may be mixed. Null counts as none.".to_owned(),
            allow_null: true,
            allow_unknown: false,
        })
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        let mut ranges = Vec::new();
        if collect(value, &mut ranges, at, faults) { Some(Self(ranges)) } else { None }
    }
}

fn collect(value: &Value, ranges: &mut Vec<Cidr>, at: &Path, faults: &mut Diagnostics) -> bool {
    let mut refuse = |detail: String| {
        faults.push(Diagnostic::error("Invalid address range", detail).at(at.clone()));
        false
    };
    match value {
        Value::Null => true,
        Value::Unknown(_) => false,
        Value::Dynamic(inner) => collect(&inner.1, ranges, at, faults),
        Value::String(text) => match text.parse() {
            Ok(range) => {
                ranges.push(range);
                true
            }
            Err(error) => refuse(format!("{error}.")),
        },
        Value::List(elements) | Value::Set(elements) => {
            // Every element is checked, so that all faults are reported at once.
            let fine: Vec<bool> = elements.iter().map(|element| collect(element, ranges, at, faults)).collect();
            fine.into_iter().all(|fine| fine)
        }
        Value::Bool(_) | Value::Number(_) | Value::Map(_) => {
            refuse("An address range is a text such as `10.0.0.0/16`, or a list of them.".to_owned())
        }
    }
}

/// The function.
#[derive(Debug)]
pub enum CidrsOverlap {}

impl Function for CidrsOverlap {
    type Parameters = Parameters;
    type Variadic = Ranges;
    type Output = bool;

    const NAME: &'static str = "cidrs_overlap";
    const SUMMARY: &'static str = "Whether any two of many address ranges overlap";
    const DESCRIPTION: &'static str = "\
Whether any two of the ranges share an address. For conditions: the networks of hybrid nodes and their pods must not \
overlap each other, the cluster's VPC or its services. Ranges of IPv4 and IPv6 never overlap.";

    fn call(_: Parameters, arguments: Vec<Ranges>) -> Result<Option<bool>, FunctionError> {
        let ranges: Vec<Cidr> = arguments.into_iter().flat_map(|argument| argument.0).collect();
        Ok(Some(!overlaps(&ranges).is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(arguments: &[Value]) -> Result<Option<bool>, Vec<String>> {
        let mut faults = Diagnostics::new();
        let ranges =
            arguments.iter().filter_map(|argument| Ranges::decode(argument, &Path::root(), &mut faults)).collect();
        if faults.has_errors() {
            return Err(faults.0.into_iter().map(|fault| fault.detail()).collect());
        }
        CidrsOverlap::call(Parameters {}, ranges).map_err(|error| vec![error.text])
    }

    #[test]
    fn lists_and_single_ranges() {
        let list = |texts: &[&str]| Value::List(texts.iter().map(|text| Value::from(*text)).collect());
        assert_eq!(call(&[]), Ok(Some(false)));
        assert_eq!(call(&[Value::from("10.0.0.0/16"), list(&["10.1.0.0/16", "192.168.0.0/16"])]), Ok(Some(false)));
        assert_eq!(call(&[Value::from("10.0.0.0/8"), list(&["10.1.0.0/16"])]), Ok(Some(true)));
        assert_eq!(call(&[list(&["10.0.0.0/16", "10.0.128.0/17"]), Value::Null]), Ok(Some(true)));
        assert_eq!(call(&[Value::from("10.0.0.0/16"), Value::from("fd00::/8")]), Ok(Some(false)));
    }

    #[test]
    fn every_fault_is_told() {
        let list = Value::List(vec![Value::from("10.0.0.1/16"), Value::from("nonsense")]);
        let faults = call(&[list, Value::Bool(true)]).expect_err("three faults");
        assert_eq!(faults.len(), 3);
        assert!(faults[0].contains("10.0.0.0/16"), "{}", faults[0]);
    }
}
