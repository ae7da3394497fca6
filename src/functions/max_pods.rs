//! `max_pods`: the number of pods of an EC2 node behind the VPC CNI.

use framework::diagnostic::Diagnostics;
use framework::function::{Function, Variadic};
use framework::model::{Dynamic, Field, Model};
use framework::path::Path;
use framework::schema::Parameter;
use framework::server::FunctionError;
use framework::value::Value;

use super::arguments::{self, options_parameter, refused};
use crate::node::max_pods::Refusal;
use crate::node::{Parsed, Tree, max_pods};

/// Parameters.
#[derive(Clone, Debug, Model)]
pub struct Parameters {
    /// EC2 instance type of the node, such as `m5.large`.
    pub instance_type: String,
}

/// The one optional argument.
#[derive(Clone, Debug)]
pub struct Options(Dynamic);

impl Variadic for Options {
    fn parameter() -> Option<Parameter> {
        Some(options_parameter("How the VPC CNI is set up"))
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        Dynamic::decode(value, at, faults).map(Self)
    }
}

/// The function.
#[derive(Debug)]
pub enum MaxPods {}

impl Function for MaxPods {
    type Parameters = Parameters;
    type Variadic = Options;
    type Output = i64;

    const NAME: &'static str = "max_pods";
    const SUMMARY: &'static str = "Number of pods of an EC2 node behind the VPC CNI";
    const DESCRIPTION: &'static str = "\
The maximum number of pods of an EC2 node that AWS recommends: one IPv4 address for each pod, plus two pods in the host's \
network, and at most 110 up to 30 vCPUs, 250 above. The kubelet's own default ignores custom networking and prefix \
delegation, so pass this value explicitly: as `max_pods` of the function `bootstrap_arguments`, or as `kubelet.max_pods` \
of `node_config`. If a launch template has several instance types, use `kubelet.max_pods_expression`, which each node \
evaluates itself.

The limits of the instance types are built in and need no credentials. For a newer type, set `interfaces` and \
`addresses_per_interface`.";
    const SEES_UNKNOWN: bool = true;

    fn description() -> String {
        format!("{}\n\n{}", Self::DESCRIPTION, max_pods::description())
    }

    fn call(parameters: Parameters, options: Vec<Options>) -> Result<Option<i64>, FunctionError> {
        let instance_type = Tree::Text(parameters.instance_type);
        let options = arguments::options(options.iter().map(|options| &options.0), 1)?;
        match max_pods::parse(&instance_type, &options) {
            Ok(Parsed::Ready(pods)) => Ok(Some(i64::from(pods))),
            Ok(Parsed::Pending) => Ok(None),
            Err(refusal) => Err(explain(&refusal)),
        }
    }
}

/// The argument at fault is named when it is one.
fn explain(refusal: &Refusal) -> FunctionError {
    let name = refusal.instance_type.as_ref().map(|faults| refused(0, faults));
    let options = refusal.options.as_ref().map(|faults| refused(1, faults));
    match (name, options) {
        (Some(name), Some(options)) => FunctionError::new(format!("instance_type: {}.\n{}", name.text, options.text)),
        (Some(one), None) | (None, Some(one)) => one,
        // Without a fault nothing is refused.
        (None, None) => unreachable!("a refusal has faults"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(instance_type: &str, options: &[Value]) -> Result<Option<i64>, FunctionError> {
        let instance_type = instance_type.to_owned();
        let options = options.iter().map(|options| Options(Dynamic(options.clone()))).collect();
        MaxPods::call(Parameters { instance_type }, options)
    }

    #[test]
    fn options_may_be_left_out() {
        let custom = Value::map([("custom_networking", Value::Bool(true))]);
        assert_eq!(call("m5.large", &[]).unwrap(), Some(29));
        assert_eq!(call("m5.large", &[Value::Null]).unwrap(), Some(29));
        assert_eq!(call("m5.large", &[custom]).unwrap(), Some(20));
        let later = Value::map([("custom_networking", Value::unknown())]);
        assert_eq!(call("m5.large", &[later]).unwrap(), None);
    }

    #[test]
    fn the_argument_at_fault_is_named() {
        let wrong = Value::map([("max_eni", Value::from(2))]);
        let fault = call("m5.larg", &[]).unwrap_err();
        assert_eq!(fault.argument, Some(0));
        assert!(fault.text.starts_with("`m5.larg` is not in the built-in table"), "{}", fault.text);
        let fault = call("m5.large", std::slice::from_ref(&wrong)).unwrap_err();
        assert_eq!(fault.argument, Some(1));
        assert!(fault.text.starts_with("max_eni: there is no such attribute"), "{}", fault.text);
        let fault = call("m5.larg", std::slice::from_ref(&wrong)).unwrap_err();
        assert_eq!(fault.argument, None);
        assert!(
            fault.text.starts_with("instance_type: `m5.larg`") && fault.text.contains("\nmax_eni:"),
            "{}",
            fault.text
        );
        assert_eq!(call("m5.large", &[Value::Null, wrong]).unwrap_err().argument, Some(2));
    }
}
