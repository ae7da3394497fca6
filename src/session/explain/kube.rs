//! Explains an error of a cluster's Kubernetes API: exactly what went wrong, what is left behind, what to do.

use framework::diagnostic::{Diagnostic, Diagnostics, Result, sentence};

use super::{explain, tunnel};
use crate::aws;
use crate::kube::{self, Caller, Kind};
use crate::session::Context;
use crate::session::principal::principal;

/// The result, or the error as explained to the user. `left_behind` says what exists nevertheless.
///
/// # Errors
/// The explanation of the error.
pub async fn explained<T>(
    result: kube::Result<T>,
    summary: &str,
    left_behind: Option<&str>,
    cx: &Context,
) -> Result<T> {
    match result {
        Ok(value) => Ok(value),
        Err(error) => Err(explain_kube(summary, &error, left_behind, cx).await),
    }
}

/// Explains `error` under `summary`. Looks up the caller's identity if that is the cause.
pub async fn explain_kube(summary: &str, error: &kube::Error, left_behind: Option<&str>, cx: &Context) -> Diagnostics {
    if let Some(error) = error.token_error().and_then(|source| source.downcast_ref::<aws::Error>()) {
        return explain(summary, error, left_behind);
    }
    // A stop is not a failure of the operation.
    let text = if let Kind::Cancelled { may_exist } = error.kind() {
        format!(
            "Terraform asked to stop, on the way to {} on cluster `{}`{}",
            error.attempt(),
            error.cluster(),
            if *may_exist { "; the answer did not come in time, so it may be done" } else { "" }
        )
    } else {
        error.to_string()
    };
    Diagnostic::error(summary, sentence(&text))
        .left(left_behind.unwrap_or_default())
        .remedy(remedy(error, cx).await.unwrap_or_default())
        .into()
}

async fn remedy(error: &kube::Error, cx: &Context) -> Option<String> {
    let cluster = error.cluster();
    Some(match error.kind() {
        Kind::Unauthorized => unknown_caller(error, cx).await,
        Kind::Forbidden { .. } => {
            let aws = if error.caller() == Caller::Minted { principal(cx).await } else { None };
            let (verb, object) = (error.attempt().verb.name(), &error.attempt().object);
            match aws {
                Some(arn) => format!(
                    "Allow `{arn}` to {verb} {object} in cluster `{cluster}`: associate an access policy with its access entry (AmazonEKSClusterAdminPolicy allows everything), or bind a role by RBAC to its user or groups."
                ),
                None => format!(
                    "Allow the user that is named to {verb} {object} in cluster `{cluster}`: bind a role by RBAC to it or to one of its groups. Who calls is decided by {}.",
                    place_of(error.caller())
                ),
            }
        }
        Kind::Malformed { .. } => "It is left as it is, because nothing can be changed in it safely. EKS cannot use it either. Repair it by hand, with `kubectl --namespace kube-system edit configmap aws-auth` for aws-auth, and apply again.".to_owned(),
        Kind::FieldConflict(_) => "Whoever manages these fields would change them back. Take them out of the other manager's hands (its manifest, chart or add-on configuration), or out of this configuration, and apply again.".to_owned(),
        Kind::Tunnel { .. } => tunnel::remedy(error)?,
        Kind::Unreachable { .. } if is_private(error, cx) => format!(
            "The endpoint of cluster `{cluster}` is private: only its VPC, and networks that are connected to it, can reach it. Run Terraform there, or set `kubernetes.tunnel` of the provider to a bastion or a managed node in the VPC. Otherwise allow public access to the endpoint from this machine (`endpoint_public_access` and `public_access_cidrs` of `aws_eks_cluster`)."
        ),
        Kind::Unreachable { .. } => "Check that the API server can be reached from here: a private endpoint needs a route into the VPC, a tunnel or a proxy (`kubernetes.tunnel` or `kubernetes.proxy_url` of the provider). A cluster that was deleted outside is noticed by its name.".to_owned(),
        Kind::Proxy { wants_password: true, .. } => "Give the proxy a user and a password that it accepts, in `kubernetes.proxy_url` of the provider (or `KUBE_PROXY_URL`): `http://USER:PASSWORD@proxy.example:3128`, with `%` and two hexadecimal digits for signs that an address cannot hold.".to_owned(),
        Kind::Proxy { .. } => "Check `kubernetes.proxy_url` of the provider (or `KUBE_PROXY_URL`), and that the proxy may and can connect to the API server's host and port.".to_owned(),
        Kind::Certificate { .. } => "If a proxy or another name stands between, set `kubernetes.tls_server_name` or `kubernetes.cluster_ca_certificate` of the provider.".to_owned(),
        Kind::Throttled | Kind::Unavailable { .. } => "Apply again when the API server has recovered; if it is often so, lower Terraform's `-parallelism`.".to_owned(),
        // Correct after an apply and after a destroy.
        Kind::AnswerLost { .. } | Kind::Cancelled { .. } | Kind::Changed => "Run Terraform again to continue.".to_owned(),
        _ => return None,
    })
}

/// Whether EKS describes the endpoint as one that only the VPC can reach.
fn is_private(error: &kube::Error, cx: &Context) -> bool {
    let (Some(clients), Some(endpoint)) = (cx.try_clients(), error.endpoint()) else { return false };
    clients.is_private(endpoint)
}

/// Where the user finds the credentials.
fn place_of(caller: Caller) -> &'static str {
    match caller {
        Caller::Minted => "the AWS credentials of the provider",
        Caller::Token => "`kubernetes.token` of the provider (or `KUBE_TOKEN`)",
        Caller::Certificate => "`kubernetes.client_certificate` of the provider (or `KUBE_CLIENT_CERT_DATA`)",
        Caller::Exec => "the program of `kubernetes.exec` of the provider",
        Caller::Kubeconfig => "the user of the context in the kubeconfig file (`kubernetes.config_path`)",
    }
}

/// What to do if the API server does not recognize the caller: it depends on where the credentials come from.
async fn unknown_caller(error: &kube::Error, cx: &Context) -> String {
    let cluster = error.cluster();
    let from = place_of(error.caller());
    let minted = "Leave it out, and the provider makes a token from its AWS credentials for each request.";
    match error.caller() {
        Caller::Minted => match principal(cx).await {
            Some(principal) => format!(
                "Cluster `{cluster}` does not know `{principal}`. Give it access: an access entry for it with an access policy such as AmazonEKSClusterAdminPolicy (`aws_eks_access_entry` and `aws_eks_access_policy_association`, `principal_arn = \"{principal}\"`), or, in a cluster whose authentication mode is CONFIG_MAP, an entry in aws-auth, which somebody with access must add. An access entry made just now counts after some seconds: then apply again."
            ),
            None => format!(
                "Cluster `{cluster}` does not know whoever {from} belong to. Give that role or user access to it."
            ),
        },
        Caller::Token => format!(
            "The token comes from {from}, and cluster `{cluster}` does not accept it. It may have expired (one of EKS lasts for 15 minutes), or be for another cluster. Give a fresh one. {minted}"
        ),
        Caller::Certificate => format!(
            "The certificate comes from {from}, and cluster `{cluster}` does not accept it. It may have expired, be signed by the authority of another cluster, or be kept back by something between here and the API server that ends TLS. {minted}"
        ),
        Caller::Exec => format!(
            "The credentials come from {from}, and cluster `{cluster}` does not accept them. Run the program by hand and see for which cluster, account and profile it gives them (`aws eks get-token` needs the name of this cluster), and whether they have expired. {minted}"
        ),
        Caller::Kubeconfig => format!(
            "The credentials come from {from}, and cluster `{cluster}` does not accept them. See with `kubectl auth whoami` and the same file and context whether they are still good, and choose another context with `kubernetes.config_context` if they are for another cluster."
        ),
    }
}
