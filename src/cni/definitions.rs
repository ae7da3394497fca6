//! The custom resource definitions that a CNI creates, by name, and which of their objects it creates itself.
//!
//! Other programs define kinds in the same groups (Tetragon in `cilium.io`), so the group proves nothing. This resource
//! never touches a definition that is not listed here. Definitions of `policy.networking.k8s.io` are shared by several
//! programs and are not listed.
//!
//! Source: Cilium, pkg/k8s/apis/cilium.io/client/crds (1.14 to 1.20); Calico, charts/tigera-operator/crds and
//! charts/crd.projectcalico.org.v1 (3.28 to 3.33).

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::cni::arguments::Product;
use crate::kube::{self, Client, Resource};

/// Groups whose definitions are shared by several programs.
pub(crate) const SHARED_GROUPS: &[&str] = &["policy.networking.k8s.io"];

/// Who creates the objects of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    /// The CNI's own programs: what they know about nodes, endpoints and addresses.
    ByPrograms,
    /// The CNI's own programs create those with these names; people create others.
    Named(&'static [&'static str]),
    /// People.
    ByPeople,
}

use Made::{ByPeople, ByPrograms, Named};

/// Plural names of kinds.
type Kinds = &'static [(&'static str, Made)];

const CILIUM: Kinds = &[
    ("ciliumbgpadvertisements", ByPeople),
    ("ciliumbgpclusterconfigs", ByPeople),
    ("ciliumbgpnodeconfigoverrides", ByPeople),
    ("ciliumbgpnodeconfigs", ByPrograms),
    ("ciliumbgppeerconfigs", ByPeople),
    ("ciliumbgppeeringpolicies", ByPeople),
    ("ciliumcidrgroups", ByPeople),
    ("ciliumclusterwideenvoyconfigs", ByPeople),
    ("ciliumclusterwidenetworkpolicies", ByPeople),
    ("ciliumdatapathplugins", ByPeople),
    ("ciliumegressgatewaypolicies", ByPeople),
    ("ciliumendpoints", ByPrograms),
    ("ciliumendpointslices", ByPrograms),
    ("ciliumenvoyconfigs", ByPeople),
    ("ciliumexternalworkloads", ByPeople),
    ("ciliumgatewayclassconfigs", ByPeople),
    ("ciliumidentities", ByPrograms),
    ("ciliuml2announcementpolicies", ByPeople),
    ("ciliumloadbalancerippools", ByPeople),
    ("ciliumlocalredirectpolicies", ByPeople),
    ("ciliumnetworkdriverclusterconfigs", ByPeople),
    ("ciliumnetworkdriverconfigs", ByPeople),
    ("ciliumnetworkdrivernodeconfigs", ByPrograms),
    ("ciliumnetworkpolicies", ByPeople),
    ("ciliumnodeconfigs", ByPeople),
    ("ciliumnodes", ByPrograms),
    ("ciliumpodippools", ByPeople),
    ("ciliumresourceippools", ByPeople),
    ("ciliumvtepconfigs", ByPeople),
    ("ciliumvtepnodeconfigs", ByPrograms),
    ("ciliumvteppolicies", ByPeople),
];

const CALICO: Kinds = &[
    ("bgpconfigurations", ByPeople),
    ("bgpfilters", ByPeople),
    ("bgppeers", ByPeople),
    ("blockaffinities", ByPrograms),
    ("caliconodestatuses", ByPeople),
    ("clusterinformations", ByPrograms),
    ("felixconfigurations", Named(&["default"])),
    ("globalnetworkpolicies", ByPeople),
    ("globalnetworksets", ByPeople),
    ("hostendpoints", ByPeople),
    ("ipamblocks", ByPrograms),
    ("ipamconfigs", ByPrograms),
    ("ipamconfigurations", Named(&["default"])),
    ("ipamhandles", ByPrograms),
    // This resource's pools are recognized by their ranges.
    ("ippools", ByPeople),
    ("ipreservations", ByPeople),
    ("kubecontrollersconfigurations", Named(&["default"])),
    ("networkpolicies", ByPeople),
    ("networksets", ByPeople),
    ("profiles", ByPeople),
    ("stagedglobalnetworkpolicies", ByPeople),
    ("stagedkubernetesnetworkpolicies", ByPeople),
    ("stagednetworkpolicies", ByPeople),
    ("tiers", Named(&["adminnetworkpolicy", "baselineadminnetworkpolicy", "default", "kube-admin", "kube-baseline"])),
];

const OPERATOR: Kinds = &[
    // Objects of these kinds that the chart creates are removed with the release.
    ("apiservers", ByPeople),
    ("gatewayapis", ByPeople),
    ("goldmanes", ByPeople),
    ("imagesets", ByPeople),
    ("installations", ByPeople),
    ("istios", ByPeople),
    ("managementclusterconnections", ByPeople),
    ("tigerastatuses", ByPrograms),
    ("whiskers", ByPeople),
];

/// The group of Calico's operator, which also marks what the operator creates.
pub(crate) const OPERATOR_GROUP: &str = "operator.tigera.io";

/// The groups of a product, with their kinds.
fn groups(product: &Product) -> &'static [(&'static str, Kinds)] {
    const OF_CALICO: &[(&str, Kinds)] =
        &[("crd.projectcalico.org", CALICO), ("projectcalico.org", CALICO), (OPERATOR_GROUP, OPERATOR)];
    match product {
        Product::Cilium(_) => &[("cilium.io", CILIUM)],
        Product::Operator(_) => OF_CALICO,
        Product::Manifest(_) => OF_CALICO.split_at(2).0,
    }
}

fn made(product: &Product, definition: &str) -> Option<Made> {
    let (plural, group) = definition.split_once('.')?;
    let (_, kinds) = groups(product).iter().find(|(name, _)| *name == group)?;
    kinds.iter().find(|(name, _)| *name == plural).map(|(_, made)| *made)
}

/// Whether the CNI creates this definition.
pub(crate) fn is_known(product: &Product, definition: &str) -> bool {
    made(product, definition).is_some()
}

/// Whether all objects of the kind are created by the CNI's own programs.
pub(crate) fn is_internal(product: &Product, definition: &str) -> bool {
    made(product, definition) == Some(ByPrograms)
}

/// Whether an object was created by the CNI, or by the release that installed it. `pool` holds the ranges that pods get
/// their addresses from.
pub(crate) fn is_own(product: &Product, definition: &str, object: &Json, pool: &BTreeSet<String>) -> bool {
    let by_operator = |owner: &Json| {
        owner["apiVersion"].as_str().is_some_and(|version| version.split('/').next() == Some(OPERATOR_GROUP))
    };
    let owners = object.pointer("/metadata/ownerReferences").and_then(Json::as_array);
    if owners.into_iter().flatten().any(by_operator) {
        return true;
    }
    match made(product, definition) {
        Some(ByPrograms) => true,
        Some(Named(names)) => names.contains(&kube::name(object)),
        Some(ByPeople) if definition.starts_with("ippools.") => {
            object["spec"]["cidr"].as_str().is_some_and(|cidr| pool.contains(cidr))
        }
        Some(ByPeople) | None => false,
    }
}

/// Names of existing definitions that the CNI creates.
///
/// # Errors
/// If the request fails.
pub(crate) async fn existing(client: &Client, product: &Product) -> kube::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let each = |one: Json| {
        if is_known(product, kube::name(&one)) {
            found.insert(kube::name(&one).to_owned());
        }
    };
    client.metadata_pages(&Resource::CUSTOM_RESOURCE_DEFINITION, each).await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cni::arguments::Method;
    use crate::cni::calico;
    use crate::cni::cilium;

    fn products() -> [Product; 3] {
        [
            Product::Cilium(cilium::tests::plain()),
            Product::Operator(calico::tests::plain(Method::Operator)),
            Product::Manifest(calico::tests::plain(Method::Manifest)),
        ]
    }

    #[test]
    fn what_each_brings() {
        for (name, of_cilium, of_operator, of_manifest) in [
            ("ciliumnodes.cilium.io", true, false, false),
            ("ciliumnetworkpolicies.cilium.io", true, false, false),
            // Tetragon's, and an unknown one.
            ("tracingpolicies.cilium.io", false, false, false),
            ("tracingpoliciesnamespaced.cilium.io", false, false, false),
            ("podinfo.cilium.io", false, false, false),
            ("ciliumnodes.example.com", false, false, false),
            ("ippools.crd.projectcalico.org", false, true, true),
            ("tiers.projectcalico.org", false, true, true),
            ("installations.operator.tigera.io", false, true, false),
            ("adminnetworkpolicies.policy.networking.k8s.io", false, false, false),
            ("felixconfigurations", false, false, false),
        ] {
            let found = products().map(|product| is_known(&product, name));
            assert_eq!(found, [of_cilium, of_operator, of_manifest], "{name}");
        }
    }

    #[test]
    fn whose_objects_they_are() {
        let [cilium, operator, _] = products();
        let pool = BTreeSet::from(["10.85.0.0/16".to_owned()]);
        let named = |name: &str| json!({ "metadata": { "name": name } });
        let pool_of = |cidr: &str| json!({ "metadata": { "name": "a" }, "spec": { "cidr": cidr } });
        let owned = |version: &str| json!({ "metadata": { "ownerReferences": [{ "apiVersion": version }] } });
        for (product, definition, object, own) in [
            (&cilium, "ciliumnodes.cilium.io", named("n"), true),
            (&cilium, "ciliumnetworkpolicies.cilium.io", named("deny"), false),
            (&operator, "felixconfigurations.crd.projectcalico.org", named("default"), true),
            (&operator, "felixconfigurations.crd.projectcalico.org", named("node.a"), false),
            (&operator, "ippools.crd.projectcalico.org", pool_of("10.85.0.0/16"), true),
            (&operator, "ippools.crd.projectcalico.org", pool_of("10.9.0.0/16"), false),
            (&operator, "networkpolicies.crd.projectcalico.org", owned("operator.tigera.io/v1"), true),
            (&operator, "networkpolicies.crd.projectcalico.org", owned("apps/v1"), false),
        ] {
            assert_eq!(is_own(product, definition, &object, &pool), own, "{definition} {object}");
        }
        assert!(is_internal(&cilium, "ciliumidentities.cilium.io"));
        assert!(!is_internal(&cilium, "ciliumnetworkpolicies.cilium.io"));
    }

    #[test]
    fn names_fit_into_labels() {
        for product in products() {
            for (group, kinds) in groups(&product) {
                for (plural, _) in *kinds {
                    assert!(plural.len() + group.len() < 63, "{plural}.{group}");
                }
            }
        }
    }
}
