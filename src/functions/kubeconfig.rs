//! `kubeconfig`: a kubeconfig from its parts.

use framework::function::{Function, NoVariadic};
use framework::model::{Dynamic, Model};
use framework::server::FunctionError;

use super::arguments::refused;
use crate::node::{Parsed, Tree, kubeconfig};

/// Parameters.
#[derive(Clone, Debug, Model)]
pub struct Parameters {
    /// The contexts, as an object with the attributes listed above.
    pub options: Dynamic,
}

/// The function.
#[derive(Debug)]
pub enum Kubeconfig {}

impl Function for Kubeconfig {
    type Parameters = Parameters;
    type Variadic = NoVariadic;
    type Output = String;

    const NAME: &'static str = "kubeconfig";
    const SUMMARY: &'static str = "Kubeconfig for one or several clusters";
    const DESCRIPTION: &'static str = "\
Renders a kubeconfig (YAML) with one or several contexts, from values that are known to the configuration: for the host \
of an operator, for a bastion, for CI. It needs no credentials. The data source `ekshybrid_kubeconfig` looks up endpoint \
and certificate authority of one cluster itself.

A context signs in by the AWS CLI of its reader (`aws`), which is what `aws eks update-kubeconfig` writes, or with a \
client certificate (`client_certificate`), for a local cluster that is disconnected from AWS. Tokens for a local cluster \
with etcd on EBS volumes name its id, all others the name of the cluster.

**With a private key, the result contains it.** Terraform treats the result as sensitive if the key is.";
    const SEES_UNKNOWN: bool = true;

    fn description() -> String {
        format!("{}\n\n{}", Self::DESCRIPTION, kubeconfig::description())
    }

    fn call(parameters: Parameters, _: Vec<NoVariadic>) -> Result<Option<String>, FunctionError> {
        match kubeconfig::parse(&Tree::from(&parameters.options.0)) {
            Ok(Parsed::Ready(options)) => Ok(Some(options.render())),
            Ok(Parsed::Pending) => Ok(None),
            Err(faults) => Err(refused(0, &faults)),
        }
    }
}
