//! Whether Cilium's BGP control plane, once enabled, has anything to advertise.

use framework::diagnostic::Diagnostic;
use framework::resource::Plan;

use super::named;
use crate::cni::product::{Product, Wanted};
use crate::kube::{self, Client, Resource};
use crate::net::causes::chain;
use crate::resources::cni::Cni;
use crate::session::{Access, Context};

/// The kinds whose objects make Cilium peer with routers: version, kind, plural. The last one was removed in Cilium
/// 1.18. Source: Cilium, pkg/k8s/apis/cilium.io/client/crds (1.14 to 1.20).
const KINDS: [[&str; 3]; 3] = [
    ["v2", "CiliumBGPClusterConfig", "ciliumbgpclusterconfigs"],
    ["v2alpha1", "CiliumBGPClusterConfig", "ciliumbgpclusterconfigs"],
    ["v2alpha1", "CiliumBGPPeeringPolicy", "ciliumbgppeeringpolicies"],
];

/// A warning if `bgp` is enabled and the cluster has no configuration that would make Cilium advertise a route.
pub(super) async fn nothing_advertised(plan: &Plan<Cni>, wanted: &Wanted, cx: &Context) -> Option<Diagnostic> {
    let Product::Cilium(cilium) = &wanted.product else { return None };
    if cilium.bgp != Some(true) {
        return None;
    }
    let configured = match reader(plan, cx).await {
        Some(client) => match is_configured(&client).await {
            Ok(configured) => Some(configured),
            Err(error) => {
                tracing::info!("configurations of BGP are not looked for at plan: {}", chain(&error));
                None
            }
        },
        None => None,
    };
    let is_installed = plan.prior.is_some() && !plan.is_replaced();
    is_silent(configured, is_installed).then(|| {
        Diagnostic::warning(
            "BGP advertises nothing yet",
            "`bgp = true` enables Cilium's BGP control plane and nothing more. Until the cluster has a CiliumBGPClusterConfig, no node peers with a router and no route is advertised.\n\nOnce Cilium is installed, create a CiliumBGPClusterConfig with the CiliumBGPPeerConfig it refers to, and a CiliumBGPAdvertisement.",
        )
        .at(wanted.at("bgp"))
    })
}

/// Whether nothing is advertised. For an installed Cilium, an unknown configuration is never taken for a missing one;
/// before the installation there is usually none.
fn is_silent(configured: Option<bool>, is_installed: bool) -> bool {
    !configured.unwrap_or(is_installed)
}

async fn is_configured(client: &Client) -> kube::Result<bool> {
    for [version, kind, plural] in KINDS {
        let resource =
            Resource { group: "cilium.io".into(), version: version.into(), kind: kind.into(), plural: plural.into() };
        match client.list(&resource, None, None).await {
            Ok(found) if found.is_empty() => {}
            Ok(_) => return Ok(true),
            // A version that the cluster does not serve has no objects.
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

async fn reader(plan: &Plan<Cni>, cx: &Context) -> Option<Client> {
    let (cluster, region) = named(plan, cx).await?;
    match cx.try_clients()?.access_to(&cluster, Some(&region)).await.ok()? {
        Access::Open(client) => Some(client.for_reads()),
        Access::NoCluster(_) | Access::NotReady(_) | Access::Unknown(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_configuration_is_not_a_missing_one() {
        for (configured, is_installed, silent) in [
            (Some(false), true, true),
            (Some(false), false, true),
            (Some(true), true, false),
            // Kinds and objects may remain from an earlier installation.
            (Some(true), false, false),
            (None, true, false),
            (None, false, true),
        ] {
            assert_eq!(is_silent(configured, is_installed), silent, "{configured:?} {is_installed}");
        }
    }
}
