//! `vpc_endpoint_services`: the endpoint services that a network without internet access needs.

use std::collections::BTreeMap;

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
use crate::node::endpoints::{self, Profile};

/// Parameters.
#[derive(Clone, Debug, Model)]
pub struct Parameters {
    /// What the endpoints are for: `private_cluster`, `hybrid_nodes` or `outpost_local_cluster`. Null for only the
    /// services of `additional_services`.
    pub profile: Option<String>,
    /// Region of the cluster.
    pub region: String,
}

/// The one optional argument.
#[derive(Clone, Debug)]
pub struct Options(Dynamic);

impl Variadic for Options {
    fn parameter() -> Option<Parameter> {
        Some(options_parameter("What differs from the profile"))
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        Dynamic::decode(value, at, faults).map(Self)
    }
}

/// One service.
#[derive(Clone, Debug, Model)]
pub struct Service {
    /// Whole name of the service.
    pub service_name: String,
    /// Kind of its endpoint, as `aws_vpc_endpoint` names it.
    #[attr(name = "type")]
    pub kind: String,
}

/// The function.
#[derive(Debug)]
pub enum VpcEndpointServices {}

impl Function for VpcEndpointServices {
    type Parameters = Parameters;
    type Variadic = Options;
    type Output = BTreeMap<String, Service>;

    const NAME: &'static str = "vpc_endpoint_services";
    const SUMMARY: &'static str = "VPC endpoint services that a closed network needs";
    const DESCRIPTION: &'static str = "\
Returns the endpoint services that a network without internet access needs for EKS, as a map from the short name of each \
service, such as `ecr.api`, to an object with `service_name` (`com.amazonaws.us-west-2.ecr.api`) and `type` (`Interface` \
or `Gateway`). Use it with `for_each` on `aws_vpc_endpoint`; the resource `ekshybrid_vpc_endpoints` creates and checks the \
same endpoints as one set.

- `private_cluster`: autoscaling, ec2, ecr.api, ecr.dkr, eks, eks-auth, elasticloadbalancing, logs, s3, sts, xray.
- `hybrid_nodes`: ecr.api, ecr.dkr, eks, eks-auth, logs, oidc-eks, rolesanywhere, s3, ssm, ssmmessages, sts.
- `outpost_local_cluster`: ec2, ec2messages, ecr.api, ecr.dkr, logs, s3, secretsmanager, ssm, ssmmessages, sts.";
    const SEES_UNKNOWN: bool = true;

    fn description() -> String {
        format!("{}\n\n{}", Self::DESCRIPTION, endpoints::description())
    }

    fn call(parameters: Parameters, options: Vec<Options>) -> Result<Option<Self::Output>, FunctionError> {
        let profile = parameters.profile.as_deref().map(profile).transpose()?;
        let region =
            Region::parse(&parameters.region).map_err(|invalid| FunctionError::argument(1, invalid.to_string()))?;
        let options = arguments::options(options.iter().map(|options| &options.0), 2)?;
        let options = match endpoints::parse(&options) {
            Ok(Parsed::Ready(options)) => options,
            Ok(Parsed::Pending) => return Ok(None),
            Err(faults) => return Err(refused(2, &faults)),
        };
        let service = |(service, kind): (String, endpoints::Kind)| {
            let service_name = endpoints::service_name(&region, &service);
            let kind = match kind {
                endpoints::Kind::Gateway => "Gateway",
                endpoints::Kind::Interface => "Interface",
            };
            (service, Service { service_name, kind: kind.to_owned() })
        };
        Ok(Some(options.services(profile).into_iter().map(service).collect()))
    }
}

fn profile(text: &str) -> Result<Profile, FunctionError> {
    Profile::ALL.into_iter().find(|profile| profile.word() == text).ok_or_else(|| {
        let known: Vec<String> = Profile::ALL.iter().map(|profile| format!("`{}`", profile.word())).collect();
        FunctionError::argument(0, format!("`{text}` is none of {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(profile: Option<&str>, region: &str) -> Result<BTreeMap<String, Service>, FunctionError> {
        let parameters = Parameters { profile: profile.map(str::to_owned), region: region.to_owned() };
        VpcEndpointServices::call(parameters, Vec::new()).map(|found| found.expect("known"))
    }

    #[test]
    fn a_profile_in_a_region() {
        let found = call(Some("private_cluster"), "ap-northeast-1").expect("services");
        assert_eq!(found.len(), 11);
        let of = |name: &str| (found[name].service_name.as_str(), found[name].kind.as_str());
        assert_eq!(of("s3"), ("com.amazonaws.ap-northeast-1.s3", "Gateway"));
        assert_eq!(of("ecr.dkr"), ("com.amazonaws.ap-northeast-1.ecr.dkr", "Interface"));
        assert!(call(None, "us-west-2").expect("services").is_empty());
    }

    #[test]
    fn the_argument_at_fault_is_named() {
        let fault = call(Some("private"), "us-west-2").expect_err("refused");
        assert_eq!((fault.argument, fault.text.contains("`hybrid_nodes`")), (Some(0), true), "{}", fault.text);
        assert_eq!(call(None, "us-wset-2").expect_err("refused").argument, Some(1));
    }
}
