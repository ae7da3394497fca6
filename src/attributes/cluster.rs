//! Connecting to a cluster, and telling what went wrong there.

use std::time::{Duration, Instant};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::path::Path;
use framework::wait::{self, Seen, Wait};
use tokio_util::sync::CancellationToken;

use super::place::SETTLE_TIMEOUT;
use super::{ClusterName, Region, explain};
use crate::aws;
use crate::kube::{self, Caller, Kind};
use crate::provider::{Context, Way};

/// How long a cluster is waited for that EKS is making. Source: the waiter ClusterActive (30 s × 40), and some more.
const CREATING_TIMEOUT: Duration = Duration::from_mins(30);
/// How long a cluster is waited for that EKS does not know: made by the same apply, it may come a little later; a
/// name that is wrong should not cost half an hour.
const UNKNOWN_TIMEOUT: Duration = Duration::from_mins(5);

/// What a reading or a removal finds.
#[derive(Debug)]
pub enum Reached {
    /// The cluster can be asked.
    Open(kube::Client),
    /// There is no such cluster any more, and nothing in it.
    Gone,
    /// Nothing can be said now, and what is recorded stays: the provider's configuration is known only after apply, or
    /// the cluster has no API server to ask, as while EKS creates it or after it has failed.
    Unknown,
}

/// The cluster's API for a change: waits until the cluster is there and active, for `timeout` when one is set, else
/// for 30 minutes while EKS makes it, and for 5 while EKS does not know it.
///
/// # Errors
/// When it does not appear in time, has failed, or cannot be asked for.
pub async fn connect(
    cluster: &ClusterName,
    region: Option<&Region>,
    timeout: Option<Duration>,
    cx: &Context,
) -> Result<kube::Client> {
    let clients = cx.clients()?;
    let wait = Wait {
        what: format!("cluster `{cluster}` to be active"),
        timeout: timeout.unwrap_or(CREATING_TIMEOUT),
        interval: Duration::from_secs(1),
        max_interval: Duration::from_secs(15),
    };
    let started = Instant::now();
    let look = || async {
        Ok(match clients.way_to(cluster, region, cx.cancel()).await? {
            Way::Open(client) => Seen::Done(client),
            Way::NotReady(status) if status == "FAILED" => {
                return Err(Diagnostic::error(
                    format!("Cluster `{cluster}` has failed"),
                    "EKS could not create it (status FAILED), so it has no Kubernetes API. See the cluster's health issues, delete it and create it anew.",
                )
                .into());
            }
            Way::NotReady(status) => Seen::Pending(format!("its status is {status}")),
            Way::NoCluster(error) if started.elapsed() >= timeout.unwrap_or(UNKNOWN_TIMEOUT) => {
                return Err(unknown(cluster, region, &error, cx).await);
            }
            Way::NoCluster(error) => Seen::Pending(error.to_string()),
            Way::Unknown(argument) => return Err(not_known(argument)),
        })
    };
    wait::until(cx, &wait, look).await
}

/// The cluster's API for a reading: as it is, without waiting. Of a cluster without an API server nothing is known:
/// one that is `FAILED`, or is created anew under the same name, does not take its resources out of the state.
///
/// # Errors
/// When EKS cannot be asked.
pub async fn reach(cluster: &ClusterName, region: Option<&Region>, cx: &Context) -> Result<Reached> {
    Ok(match cx.clients()?.way_to(cluster, region, cx.cancel()).await? {
        Way::Open(client) => Reached::Open(client.looking()),
        Way::NoCluster(_) => Reached::Gone,
        Way::NotReady(status) => {
            cx.report(Diagnostic::warning(
                format!("Cluster `{cluster}` cannot be asked"),
                format!(
                    "Its status is {status}, and it has no Kubernetes API that could be asked. What is recorded of its objects is kept as it is."
                ),
            ));
            Reached::Unknown
        }
        Way::Unknown(argument) => {
            tracing::info!(cluster = %cluster, "not looked at: `{argument}` of the provider is known only after apply");
            Reached::Unknown
        }
    })
}

/// The same for a removal: a cluster without an API server holds nothing that could be removed.
///
/// # Errors
/// When EKS cannot be asked.
pub async fn reach_to_remove(cluster: &ClusterName, region: Option<&Region>, cx: &Context) -> Result<Reached> {
    Ok(match cx.clients()?.way_to(cluster, region, cx.cancel()).await? {
        Way::Open(client) => Reached::Open(client.looking()),
        Way::NoCluster(_) | Way::NotReady(_) => Reached::Gone,
        Way::Unknown(_) => Reached::Unknown,
    })
}

/// Looks at what a request left behind whose answer never came, on a token of its own that Terraform's stop does not
/// cancel. `None`: that is not known.
pub async fn settle<T>(client: &kube::Client, look: impl AsyncFnOnce(kube::Client) -> kube::Result<T>) -> Option<T> {
    let client = client.with_cancel(CancellationToken::new());
    tokio::time::timeout(SETTLE_TIMEOUT, look(client)).await.ok()?.ok()
}

/// Warns in a plan about the name of a cluster that does not exist while one of nearly the same name does. Otherwise
/// a cluster that is not there yet is nothing to warn about: the same apply may make it.
pub async fn warn_of_near_name(cluster: &ClusterName, region: Option<&Region>, cx: &Context) {
    let Ok(clients) = cx.clients() else { return };
    // What else is wrong is told by the step that needs the cluster.
    if !matches!(clients.way_to(cluster, region, cx.cancel()).await, Ok(Way::NoCluster(_))) {
        return;
    }
    let near = clusters(region, cx).await.into_iter().find(|name| is_near(name, cluster.as_str()));
    if let Some(near) = near {
        cx.report(
            Diagnostic::warning(
                format!("Cluster `{cluster}` does not exist yet"),
                format!(
                    "There is a cluster `{near}`. If that is the one, change the name; if `{cluster}` is made by the same apply, all is well."
                ),
            )
            .at(Path::attribute("cluster_name")),
        );
    }
}

/// At most two letters differ.
fn is_near(one: &str, other: &str) -> bool {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut left_above = std::mem::replace(&mut row[0], index + 1);
        for column in 0..other.len() {
            let changed = left_above + usize::from(other[column] != letter);
            left_above = std::mem::replace(&mut row[column + 1], 0);
            row[column + 1] = changed.min(left_above + 1).min(row[column] + 1);
        }
    }
    row[other.len()] <= 2
}

/// What to say of a cluster that EKS does not know: its `error`, and the clusters that there are.
pub async fn unknown(cluster: &ClusterName, region: Option<&Region>, error: &aws::Error, cx: &Context) -> Diagnostics {
    let there = match clusters(region, cx).await {
        names if names.is_empty() => String::new(),
        names => {
            let told: Vec<String> = names.iter().take(10).map(|name| format!("`{name}`")).collect();
            format!(" There are: {}{}.", told.join(", "), if names.len() > 10 { ", …" } else { "" })
        }
    };
    Diagnostic::error(
        format!("There is no cluster `{cluster}`"),
        format!(
            "{error}.{there}\n\nCheck the name, the region and the account. If the same apply makes the cluster, refer to its resource (`aws_eks_cluster.NAME.name`), so that this comes after it, or raise `timeouts`."
        ),
    )
    .at(Path::attribute("cluster_name"))
    .into()
}

/// The clusters that there are, as far as the caller may list them.
async fn clusters(region: Option<&Region>, cx: &Context) -> Vec<String> {
    let Some(aws) = cx.try_clients().and_then(crate::provider::Clients::known_aws) else { return Vec::new() };
    let eks = aws.with_cancel(cx.cancel().clone()).eks(region.map(Region::as_str));
    eks.list_clusters().await.unwrap_or_default()
}

/// The error of work that needs the cluster while `argument` of the provider's configuration is not known.
pub fn not_known(argument: &str) -> Diagnostics {
    Diagnostic::error(
        "Provider configuration not known yet",
        format!(
            "`{argument}` of the provider's configuration is known only after apply, and the cluster must be asked before that. Apply what it depends on first, or set it to a known value."
        ),
    )
    .into()
}

/// The result, or what went wrong as a person is told it. `left_behind` says what exists all the same.
///
/// # Errors
/// The explanation of the error.
pub async fn told<T>(result: kube::Result<T>, summary: &str, left_behind: Option<&str>, cx: &Context) -> Result<T> {
    match result {
        Ok(value) => Ok(value),
        Err(error) => Err(explain_kube(summary, &error, left_behind, cx).await),
    }
}

/// Explains `error` under `summary`. Who calls is asked for when that is the reason.
pub async fn explain_kube(summary: &str, error: &kube::Error, left_behind: Option<&str>, cx: &Context) -> Diagnostics {
    if let Some(error) = error.token_error().and_then(|source| source.downcast_ref::<aws::Error>()) {
        return explain(summary, error, left_behind);
    }
    // A stop is no failure of what was attempted.
    let text = if let Kind::Cancelled { may_exist } = error.kind() {
        format!(
            "Terraform asked to stop, on the way to {} on cluster `{}`{}",
            error.attempt(),
            error.cluster(),
            if *may_exist { "; the answer did not come in time, so it may be done" } else { "" }
        )
    } else {
        let mut text = error.to_string();
        // The first letter is one of "could".
        text.replace_range(..1, "C");
        text
    };
    let mut paragraphs = vec![format!("{text}.")];
    paragraphs.extend(left_behind.map(str::to_owned));
    paragraphs.extend(remedy(error, cx).await);
    Diagnostic::error(summary, paragraphs.join("\n\n")).into()
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
        Kind::Unreachable { .. } => "Check that the API server can be reached from here: a private endpoint needs a route into the VPC, a bastion or a proxy (`kubernetes.proxy_url` of the provider). A cluster that was deleted outside is noticed by its name.".to_owned(),
        Kind::Proxy { wants_password: true, .. } => "Give the proxy a user and a password that it accepts, in `kubernetes.proxy_url` of the provider (or `KUBE_PROXY_URL`): `http://USER:PASSWORD@proxy.example:3128`, with `%` and two hexadecimal digits for signs that an address cannot hold.".to_owned(),
        Kind::Proxy { .. } => "Check `kubernetes.proxy_url` of the provider (or `KUBE_PROXY_URL`), and that the proxy may and can connect to the API server's host and port.".to_owned(),
        Kind::Certificate { .. } => "If a proxy or another name stands between, set `kubernetes.tls_server_name` or `kubernetes.cluster_ca_certificate` of the provider.".to_owned(),
        Kind::Throttled | Kind::Unavailable { .. } => "Apply again when the API server has recovered; if it is often so, lower Terraform's `-parallelism`.".to_owned(),
        // Right after an apply and after a destroy.
        Kind::AnswerLost { .. } | Kind::Cancelled { .. } | Kind::Changed => "Run Terraform again to continue.".to_owned(),
        _ => return None,
    })
}

/// Where a person finds the credentials.
fn place_of(caller: Caller) -> &'static str {
    match caller {
        Caller::Minted => "the AWS credentials of the provider",
        Caller::Token => "`kubernetes.token` of the provider (or `KUBE_TOKEN`)",
        Caller::Certificate => "`kubernetes.client_certificate` of the provider (or `KUBE_CLIENT_CERT_DATA`)",
        Caller::Exec => "the program of `kubernetes.exec` of the provider",
        Caller::Kubeconfig => "the user of the context in the kubeconfig file (`kubernetes.config_path`)",
    }
}

/// What to do when the API server does not know who calls: it depends on where the credentials come from.
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

/// Who calls, as access entries name it: the role of a session, not the session. The path of a role is not in it.
pub async fn principal(cx: &Context) -> Option<String> {
    let aws = cx.try_clients()?.known_aws()?;
    let caller = aws.with_cancel(cx.cancel().clone()).sts().caller().await.ok()?;
    Some(role_of(&caller.arn).unwrap_or(caller.arn))
}

/// `arn:aws:iam::…:role/NAME` of `arn:aws:sts::…:assumed-role/NAME/SESSION`. The path of the role is not in it.
fn role_of(arn: &str) -> Option<String> {
    let (head, rest) = arn.split_once(":assumed-role/")?;
    let (role, _) = rest.split_once('/')?;
    Some(format!("{}:role/{role}", head.replacen(":sts:", ":iam:", 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names() {
        for (one, other, near) in [
            ("workshop", "workshp", true),
            ("workshop", "worskhop", true),
            ("workshop", "workshop-2", true),
            ("workshop", "production", false),
            ("a", "", true),
            ("production", "prod", false),
        ] {
            assert_eq!(is_near(one, other), near, "{one} {other}");
        }
    }

    #[test]
    fn a_session_goes_by_its_role() {
        let session = "arn:aws:sts::111122223333:assumed-role/deployer/ci-7";
        assert_eq!(role_of(session).as_deref(), Some("arn:aws:iam::111122223333:role/deployer"));
        assert_eq!(role_of("arn:aws:iam::111122223333:user/me"), None);
    }
}
