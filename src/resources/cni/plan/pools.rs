//! Checks on the pods' networks, in a plan and in an apply.

use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::resource::State;
use helm::Values;

use crate::attributes::Region;
use crate::aws::eks::Cluster;
use crate::cni::{
    pool::{self, Part, Pool},
    product::{Product, Wanted},
};
use crate::kube::{self, Client};
use crate::resources::cni::{Cni, messages};
use crate::session::{Clients, Context};

/// Calico's manifest creates one pool, while a cluster may have several pod networks.
pub(crate) fn too_many(wanted: &Wanted, pod_cidrs: &[String]) -> Option<Diagnostic> {
    (matches!(wanted.product, Product::Manifest(_)) && pod_cidrs.len() > 1).then(|| {
        Diagnostic::error(
            "Too many pod networks",
            format!(
                "Calico's manifest makes one address pool, and the cluster has the remote pod networks {}. Name one of them in `pod_cidrs`, or use `method = \"operator\"`.",
                pod_cidrs.join(", ")
            ),
        )
        .at(wanted.at("pod_cidrs"))
    })
}

/// The pool in the cluster, if a release of `prior` has created one.
pub(crate) async fn live_pool(client: &Client, wanted: &Wanted, prior: &State<Cni>) -> kube::Result<Option<Pool>> {
    pool::live(client, &wanted.product, wanted.namespace(), &installed_pool(prior, wanted).cidrs).await
}

/// All faults of a pool, in a plan and in an apply: at plan time it may be unknown or impossible to check.
pub(crate) async fn pool_faults(
    wanted: &Wanted,
    now: &Pool,
    prior: Option<&State<Cni>>,
    live: Option<&Pool>,
    site: Option<(&Cluster, &Region)>,
    cx: &Context,
) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    let mut immutable = |(part, difference): (Part, String), whence: &str| {
        faults.push(
            Diagnostic::error(
                "The pod networks of an installed CNI cannot change",
                format!("{}: {difference}. Pods have addresses of these networks, and {} does not give them others.\n\nKeep them{}. To move to other networks, destroy this resource, replace the nodes, and install anew.", messages::capital(whence), wanted.name(), if pool::can_grow(&wanted.product) { ", in their order; a pool that is full can get further networks behind them" } else { "" }),
            )
            .at(wanted.at_pool(part)),
        );
    };
    let can_grow = pool::can_grow(&wanted.product);
    let mut from = 0;
    if let Some(prior) = prior {
        let installed = installed_pool(prior, wanted);
        from = installed.cidrs.len();
        if let Some(difference) = pool::difference(&installed, now, can_grow) {
            immutable(difference, "as it was installed");
        } else if let Some(live) = live
            && let Some(difference) = pool::difference(live, now, can_grow)
        {
            immutable(difference, "in the cluster");
        }
    }
    if let Some((described, region)) = site
        && (prior.is_none() || now.cidrs.len() > from)
    {
        faults.extend(check_networks(wanted, now, from, described, region, cx).await.0);
    }
    faults
}

/// All faults of a pool's ranges, starting with the one at index `from`.
pub(crate) async fn check_networks(
    wanted: &Wanted,
    now: &Pool,
    from: usize,
    described: &Cluster,
    region: &Region,
    cx: &Context,
) -> Diagnostics {
    let mut faults = Diagnostics::new();
    let at = wanted.at("pod_cidrs");
    if now.cidrs.is_empty() {
        faults.push(
            Diagnostic::error(
                "No pod network is named",
                format!(
                    "Cluster `{}` has no remote pod networks, so there is no default. Set `pod_cidrs`.",
                    described.name
                ),
            )
            .at(at.clone()),
        );
        return faults;
    }
    let vpc = vpc_cidrs(described, region, cx).await;
    for (part, problem) in pool::faults(now, from, &pool::taken(described, &vpc)) {
        faults.push(
            Diagnostic::error(
                "Pod network cannot be used",
                format!("{problem}.\n\nChoose a network that neither the nodes, nor the services, nor the VPC of cluster `{}` use.", described.name),
            )
            .at(wanted.at_pool(part)),
        );
    }
    for outside in pool::outside(now, from, &described.remote_pod_networks) {
        faults.push(
            Diagnostic::warning(
                "Pod network is not one of the cluster's",
                format!("`{outside}` is in none of the remote pod networks of cluster `{}`: {}. The API server reaches no pods there, webhooks among them.", described.name, described.remote_pod_networks.join(", ")),
            )
            .at(at.clone()),
        );
    }
    faults
}

async fn vpc_cidrs(described: &Cluster, region: &Region, cx: &Context) -> Vec<String> {
    let (Some(vpc), Some(aws)) = (&described.vpc_id, cx.try_clients().and_then(Clients::known_aws)) else {
        return Vec::new();
    };
    let ec2 = aws.ec2(Some(region.as_str()));
    // A caller without the permission to describe the VPC does without this check.
    ec2.vpc(vpc).await.ok().flatten().map(|vpc| vpc.cidr_blocks).unwrap_or_default()
}

/// The pool of the installed release, according to its values.
fn installed_pool(prior: &State<Cni>, wanted: &Wanted) -> Pool {
    let values = Values::from_yaml(&prior.outputs.effective_values).unwrap_or_default();
    let told = match (&wanted.product, prior.args.wanted()) {
        (Product::Manifest(_), Some(installed)) => installed.pool(&values, &prior.outputs.pod_cidrs),
        _ => wanted.pool(&values, &prior.outputs.pod_cidrs),
    };
    if told.cidrs.is_empty() { Pool { cidrs: prior.outputs.pod_cidrs.clone(), size: told.size } } else { told }
}
