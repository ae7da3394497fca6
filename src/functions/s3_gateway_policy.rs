//! `s3_gateway_policy`: a policy for the gateway endpoint of Amazon S3 that allows the buckets that nodes need.

use framework::diagnostic::Diagnostics;
use framework::function::{Function, Variadic};
use framework::model::{Dynamic, Field, Model};
use framework::path::Path;
use framework::schema::Parameter;
use framework::server::FunctionError;
use framework::value::Value;
use names::{Region, Word as _};

use super::arguments::{self, options_parameter, refused};
use crate::node::Parsed;
use crate::node::endpoints::buckets;

/// Parameters.
#[derive(Clone, Debug, Model)]
pub struct Parameters {
    /// Region of the endpoint.
    pub region: String,
}

/// The one optional argument.
#[derive(Clone, Debug)]
pub struct Options(Dynamic);

impl Variadic for Options {
    fn parameter() -> Option<Parameter> {
        Some(options_parameter("Which buckets nodes need"))
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        Dynamic::decode(value, at, faults).map(Self)
    }
}

/// The function.
#[derive(Debug)]
pub enum S3GatewayPolicy {}

impl Function for S3GatewayPolicy {
    type Parameters = Parameters;
    type Variadic = Options;
    type Output = String;

    const NAME: &'static str = "s3_gateway_policy";
    const SUMMARY: &'static str = "Policy of an S3 endpoint for the buckets that nodes need";
    const DESCRIPTION: &'static str = "\
Renders the policy, as JSON, of an endpoint of Amazon S3 that lets nodes read exactly what they need: the layers of images \
in Amazon ECR, the packages of Amazon Linux, the SSM agent, and buckets of your own. Pass it to `policies` of \
`ekshybrid_vpc_endpoints` (`{ s3 = … }`), or to `policy` of an `aws_vpc_endpoint`.

The policy concerns everything that uses the endpoint. Workloads in the same subnets lose access to all other buckets, \
also where they have another way to them, because a gateway endpoint takes all traffic to S3 in its region.";
    const SEES_UNKNOWN: bool = true;

    fn description() -> String {
        format!("{}\n\n{}", Self::DESCRIPTION, buckets::description())
    }

    fn call(parameters: Parameters, options: Vec<Options>) -> Result<Option<String>, FunctionError> {
        let region =
            Region::parse(&parameters.region).map_err(|invalid| FunctionError::argument(0, invalid.to_string()))?;
        let options = arguments::options(options.iter().map(|options| &options.0), 1)?;
        match buckets::parse(&options) {
            Ok(Parsed::Ready(options)) => Ok(Some(options.policy(&region))),
            Ok(Parsed::Pending) => Ok(None),
            Err(faults) => Err(refused(1, &faults)),
        }
    }
}
