//! Checks on an address pool: conflicts with other networks of the cluster, and with a pool already in use.

use std::net::IpAddr;

use helm::{Data, Map};
use names::Cidr;
use serde_json::Value as Json;

use crate::aws::eks::Cluster;
use crate::cni::{arguments::Product, calico::pool as ip_pool};
use crate::kube::{Client, Resource, Result};

/// A network that pods must not overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Description, such as `the service network`.
    pub(crate) what: String,
    pub(crate) cidr: String,
}

/// The part of a pool that a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Its ranges.
    Ranges,
    /// The size of each node's share.
    Size,
}

/// Networks of a cluster and, from `vpc_cidrs`, of its VPC.
pub(crate) fn taken(cluster: &Cluster, vpc_cidrs: &[String]) -> Vec<Taken> {
    let one = |what: &str, cidr: &String| Taken { what: what.to_owned(), cidr: cidr.clone() };
    let mut taken: Vec<Taken> = cluster.service_ipv4_cidr.iter().map(|cidr| one("the service network", cidr)).collect();
    taken.extend(cluster.remote_node_networks.iter().map(|cidr| one("the remote node network", cidr)));
    taken.extend(vpc_cidrs.iter().map(|cidr| one("the VPC's network", cidr)));
    taken
}

/// All faults of a pool's ranges, starting with the one at index `from`.
pub(crate) fn faults(pool: &Pool, from: usize, taken: &[Taken]) -> Vec<(Part, String)> {
    let mut faults = Vec::new();
    let ranges: Vec<(&String, Cidr)> =
        pool.cidrs.iter().filter_map(|text| Some((text, text.parse::<Cidr>().ok()?))).collect();
    for (index, (text, range)) in ranges.iter().enumerate().skip(from) {
        for other in taken {
            if other.cidr.parse::<Cidr>().is_ok_and(|other| other.overlaps(*range)) {
                faults.push((Part::Ranges, format!("`{text}` overlaps {} {}", other.what, other.cidr)));
            }
        }
        for (other, _) in ranges.iter().take(index).filter(|(_, other)| other.overlaps(*range)) {
            faults.push((Part::Ranges, format!("`{text}` overlaps `{other}` of the same pool")));
        }
        if let Some(size) = pool.size
            && i64::from(range.prefix()) > size
        {
            faults.push((Part::Size, format!("`{text}` is smaller than the /{size} that one node gets")));
        }
    }
    faults
}

/// Ranges, starting with the one at index `from`, that are outside the cluster's remote pod networks, if it has any.
pub(crate) fn outside(pool: &Pool, from: usize, remote: &[String]) -> Vec<String> {
    let remote: Vec<Cidr> = remote.iter().filter_map(|text| text.parse().ok()).collect();
    if remote.is_empty() {
        return Vec::new();
    }
    let is_outside =
        |text: &&String| text.parse::<Cidr>().is_ok_and(|range| !remote.iter().any(|one| one.contains(range)));
    pool.cidrs.iter().skip(from).filter(is_outside).cloned().collect()
}

/// Remote pod networks that pods can get IPv4 addresses from.
pub(crate) fn default(cluster: &Cluster) -> Vec<String> {
    let is_v4 = |text: &&String| text.parse::<Cidr>().is_ok_and(|range| matches!(range.network(), IpAddr::V4(_)));
    cluster.remote_pod_networks.iter().filter(is_v4).cloned().collect()
}

/// The pool that the CNI in the cluster uses; `None` if it does not state one. With Calico, if a pool exists for each
/// of `ranges`, only these pools count: others belong to whoever created them.
pub(crate) async fn live(
    client: &Client,
    product: &Product,
    namespace: &str,
    ranges: &[String],
) -> Result<Option<Pool>> {
    match product {
        Product::Cilium(_) => {
            let found = client.get(&Resource::CONFIG_MAP, Some(namespace), "cilium-config").await?;
            Ok(found.as_ref().and_then(of_config_map))
        }
        Product::Operator(_) | Product::Manifest(_) => {
            let listed = match client.list(&ip_pool::kind(), None, None).await {
                Ok(listed) => listed,
                // Without the kind, no pool exists.
                Err(error) if error.is_not_found() => return Ok(None),
                Err(error) => return Err(error),
            };
            Ok(of_ip_pools(&listed, ranges))
        }
    }
}

fn of_config_map(object: &Json) -> Option<Pool> {
    let data = object.get("data")?;
    let cidrs = data["cluster-pool-ipv4-cidr"].as_str()?;
    let size = data["cluster-pool-ipv4-mask-size"].as_str().and_then(|text| text.parse().ok());
    Some(Pool { cidrs: cidrs.split([' ', ',']).filter(|one| !one.is_empty()).map(str::to_owned).collect(), size })
}

fn of_ip_pools(listed: &[Json], ranges: &[String]) -> Option<Pool> {
    let range = |pool: &Json| pool["spec"]["cidr"].as_str().map(str::to_owned);
    let is_ours = |pool: &&Json| range(pool).is_some_and(|range| ranges.contains(&range));
    let mut pools: Vec<&Json> = listed.iter().filter(is_ours).collect();
    if !ranges.iter().all(|wanted| pools.iter().any(|pool| range(pool).as_ref() == Some(wanted))) {
        pools = listed.iter().collect();
    }
    let cidrs: Vec<String> = pools.iter().filter_map(|pool| range(pool)).collect();
    let size = pools.first().and_then(|pool| pool["spec"]["blockSize"].as_i64());
    (!cidrs.is_empty()).then_some(Pool { cidrs, size })
}

/// Whether a pool can be extended. Source: Cilium, "Cluster Scope", which requires further ranges after the existing
/// ones; Calico's operator creates one pool per range. The manifest's only pool is created once, by calico-node.
pub(crate) fn can_grow(product: &Product) -> bool {
    !matches!(product, Product::Manifest(_))
}

/// Why a pool cannot become another; `None` if both are the same, or if `wanted` only adds ranges and `can_grow` is
/// set.
pub(crate) fn difference(installed: &Pool, wanted: &Pool, can_grow: bool) -> Option<(Part, String)> {
    let sorted = |cidrs: &[String]| {
        let mut cidrs = cidrs.to_vec();
        cidrs.sort();
        cidrs
    };
    let shown = |pool: &Pool| if pool.cidrs.is_empty() { "none".to_owned() } else { pool.cidrs.join(", ") };
    let compared = match wanted.cidrs.get(..installed.cidrs.len()) {
        Some(first) if can_grow && !first.is_empty() => first,
        _ => &wanted.cidrs,
    };
    if sorted(&installed.cidrs) != sorted(compared) {
        let text = format!("the pods' networks are {}, and would be {}", shown(installed), shown(wanted));
        return Some((Part::Ranges, text));
    }
    match (installed.size, wanted.size) {
        (Some(old), Some(new)) if old != new => {
            Some((Part::Size, format!("each node gets a /{old}, and would get a /{new}")))
        }
        _ => None,
    }
}

/// An address pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pool {
    pub(crate) cidrs: Vec<String>,
    /// Prefix length of each node's share.
    pub(crate) size: Option<i64>,
}

impl Pool {
    pub(crate) fn of_cilium(values: &Map) -> Self {
        let Some(pool) = values.get("ipam").and_then(|ipam| ipam.entry("operator")) else { return Self::default() };
        let cidrs = match pool.entry("clusterPoolIPv4PodCIDRList") {
            Some(Data::List(list)) => list.iter().filter_map(Data::as_text).map(str::to_owned).collect(),
            Some(Data::Text(text)) => text.split([' ', ',']).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        Self { cidrs, size: pool.entry("clusterPoolIPv4MaskSize").and_then(whole) }
    }

    pub(crate) fn of_operator(values: &Map) -> Self {
        let pools = Data::Map(values.clone());
        let pools = pools.at(&["installation", "calicoNetwork", "ipPools"]).and_then(Data::as_list).unwrap_or_default();
        let cidrs = pools.iter().filter_map(|pool| pool.entry("cidr")?.as_text().map(str::to_owned)).collect();
        Self { cidrs, size: pools.first().and_then(|pool| whole(pool.entry("blockSize")?)) }
    }
}

fn whole(data: &Data) -> Option<i64> {
    match data {
        Data::Text(text) => text.parse().ok(),
        other => Json::from(other).as_i64(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pool(cidrs: &[&str], size: i64) -> Pool {
        Pool { cidrs: cidrs.iter().map(|text| (*text).to_owned()).collect(), size: Some(size) }
    }

    #[test]
    fn pools_keep_out_of_other_networks() {
        let cluster = Cluster {
            service_ipv4_cidr: Some("172.20.0.0/16".to_owned()),
            remote_node_networks: vec!["10.80.0.0/16".to_owned()],
            remote_pod_networks: vec!["10.85.0.0/16".to_owned(), "fd00::/64".to_owned()],
            ..Cluster::default()
        };
        let taken = taken(&cluster, &["10.0.0.0/16".to_owned()]);
        for (pool, parts) in [
            (pool(&["10.85.0.0/16"], 25), vec![]),
            (pool(&["172.20.128.0/17"], 25), vec!["the service network 172.20.0.0/16"]),
            (pool(&["10.80.0.0/12"], 25), vec!["the remote node network 10.80.0.0/16"]),
            (pool(&["10.0.0.0/8"], 25), vec!["the remote node network", "the VPC's network 10.0.0.0/16"]),
            (pool(&["10.85.0.0/26"], 25), vec!["smaller than the /25"]),
            (pool(&["10.85.0.0/16", "10.85.1.0/24"], 25), vec!["of the same pool"]),
        ] {
            let found = faults(&pool, 0, &taken);
            assert_eq!(found.len(), parts.len(), "{found:?}");
            for ((about, found), part) in found.iter().zip(parts) {
                assert!(found.contains(part), "{found}");
                assert_eq!(*about == Part::Size, part.starts_with("smaller"), "{found}");
            }
        }
        assert_eq!(default(&cluster), ["10.85.0.0/16"]);
        let pool_of_two = pool(&["10.85.1.0/24", "10.9.0.0/16"], 25);
        assert_eq!(outside(&pool_of_two, 0, &cluster.remote_pod_networks), ["10.9.0.0/16"]);
        assert!(outside(&pool_of_two, 2, &cluster.remote_pod_networks).is_empty(), "they are in use already");
        assert!(outside(&pool(&["10.9.0.0/16"], 25), 0, &[]).is_empty());
        let grown = pool(&["10.80.0.0/16", "10.85.0.0/16"], 25);
        assert!(faults(&grown, 1, &taken).is_empty(), "what is in use already");
        assert_eq!(faults(&grown, 0, &taken).len(), 1);
    }

    #[test]
    fn live_pools() {
        let config = json!({ "data": { "cluster-pool-ipv4-cidr": "10.1.0.0/16 10.2.0.0/16", "cluster-pool-ipv4-mask-size": "25" } });
        assert_eq!(of_config_map(&config), Some(pool(&["10.1.0.0/16", "10.2.0.0/16"], 25)));
        assert_eq!(of_config_map(&json!({ "data": {} })), None);
        let one = |cidr: &str, size: i64| json!({ "spec": { "cidr": cidr, "blockSize": size } });
        let pools = [one("10.2.0.0/16", 27), one("10.1.0.0/16", 26)];
        let live = |wanted: &[&str]| of_ip_pools(&pools, &pool(wanted, 26).cidrs);
        assert_eq!(live(&["10.1.0.0/16"]), Some(pool(&["10.1.0.0/16"], 26)), "somebody's own pool beside it");
        assert_eq!(live(&["10.9.0.0/16"]), Some(pool(&["10.2.0.0/16", "10.1.0.0/16"], 27)));
        assert_eq!(of_ip_pools(&[], &[]), None);
    }

    #[test]
    fn differences() {
        let installed = pool(&["10.1.0.0/16", "10.2.0.0/16"], 25);
        for can_grow in [true, false] {
            let differs = |wanted: &Pool| difference(&installed, wanted, can_grow);
            assert_eq!(differs(&pool(&["10.2.0.0/16", "10.1.0.0/16"], 25)), None);
            assert!(
                differs(&pool(&["10.1.0.0/16"], 25))
                    .is_some_and(|(part, text)| part == Part::Ranges && text.contains("would be 10.1.0.0/16"))
            );
            assert!(
                differs(&pool(&["10.1.0.0/16", "10.2.0.0/16"], 24))
                    .is_some_and(|(part, text)| part == Part::Size && text.contains("/24"))
            );
            // After the existing ranges, and nowhere else.
            let grown = differs(&pool(&["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"], 25));
            assert_eq!(grown.is_none(), can_grow);
            assert!(differs(&pool(&["10.3.0.0/16", "10.1.0.0/16", "10.2.0.0/16"], 25)).is_some());
        }
        assert!(difference(&pool(&[], 25), &installed, true).is_some(), "none is not grown");
    }
}
