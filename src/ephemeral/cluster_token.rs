//! `ekshybrid_cluster_token`: what another provider or program needs to reach a cluster's Kubernetes API.

use base64::Engine as _;
use framework::diagnostic::{Diagnostic, Result};
use framework::ephemeral::Ephemeral;
use framework::model::{Model, Secret};
use framework::path::Path;
use framework::permission::Permissions;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;

use crate::attributes::permissions::CLUSTER;
use crate::attributes::{ClusterName, Region};
use crate::session::place::Place;
use crate::session::{Clients, Context, explain};

/// How long a cluster accepts a token. Source: aws-iam-authenticator, "API Authorization from Outside a Cluster".
const VALID_FOR: SignedDuration = SignedDuration::from_mins(15);

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    pub cluster_name: Option<ClusterName>,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// The token, for the argument `token` of the Kubernetes and Helm providers.
    pub token: Secret<String>,
    /// When the token ends, in RFC 3339: 15 minutes after it was created. Temporary AWS credentials may end sooner,
    /// and the token with them.
    pub expires_at: String,
    /// Endpoint of the API server, an `https` URL.
    pub endpoint: String,
    /// Certificate authorities of the API server, PEM.
    pub cluster_ca_certificate: String,
}

/// The ephemeral resource.
#[derive(Debug)]
pub enum ClusterToken {}

impl Ephemeral for ClusterToken {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;

    const NAME: &'static str = "ekshybrid_cluster_token";
    const DESCRIPTION: &'static str = "\
A token for the Kubernetes API of a cluster, with endpoint and certificate authorities, for the Kubernetes and Helm \
providers and for scripts. It is signed with the provider's AWS credentials, without the AWS CLI, and enters neither \
plan nor state. Local clusters on Outposts are supported.

A token is valid for 15 minutes, and Terraform has no way to replace it within a run. This provider's own resources \
do not need it: they create a token for each request. In longer runs, configure other providers with `exec` instead.";
    const PERMISSIONS: Permissions = &[CLUSTER];

    async fn open(args: &Args, cx: &Context) -> Result<(Outputs, Option<Timestamp>)> {
        let summary = "Could not create a token";
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        let found = place.eks(cx)?.cluster(place.cluster.as_str()).await;
        let found = found.map_err(|error| {
            let mut faults = explain(summary, &error, None);
            faults.0.iter_mut().for_each(|fault| fault.at = Path::attribute(Args::NAMES.cluster_name));
            faults
        })?;
        let (Some(endpoint), Some(authority)) = (&found.endpoint, &found.certificate_authority) else {
            let cause = format!("The {place} has no Kubernetes API: its status is {}.", found.status);
            return Err(Diagnostic::error(summary, cause).into());
        };
        let pem = base64::engine::general_purpose::STANDARD.decode(authority).ok();
        let Some(pem) = pem.and_then(|pem| String::from_utf8(pem).ok()) else {
            let cause = format!("EKS describes the {place} with a certificate authority that is not PEM in base64.");
            return Err(Diagnostic::error(summary, cause).into());
        };
        let ends = Timestamp::now() + VALID_FOR;
        let token = cx.clients()?.aws()?.cluster_token(found.token_audience(), Some(place.region.as_str())).await;
        let token = token.map_err(|error| explain(summary, &error, None))?;
        framework::wire::log::mask(token.expose_secret());
        let outputs = Outputs {
            token: Secret::new(token.expose_secret().to_owned()),
            expires_at: ends.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            endpoint: endpoint.clone(),
            cluster_ca_certificate: pem,
        };
        Ok((outputs, None))
    }
}
