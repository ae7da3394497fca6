//! What the first pod of Calico's DaemonSet does at startup: it creates the default IP pool from its environment.
//!
//! Source: calico/node reference, "IP pools" of its environment variables. Once a pool exists, the variables are
//! ignored. Nothing else that calico-node does is simulated.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cidr::Cidr;

use super::{
    api::{Api, Content, Error},
    network::environment_of,
};

/// The DaemonSet, its label `k8s-app` and its container.
pub const NODE: &str = "calico-node";
const POOLS: &str = "/apis/crd.projectcalico.org/v1/ippools";

/// A block of the first pool, for a node with this number: kwok gives pods addresses of their node's range. A real
/// calico-node hands out blocks as pods come, and Nodes have no range.
pub async fn block(api: &Api, number: u32) -> Option<String> {
    let (200, listed) = api.exchange("GET", POOLS, None).await.ok()? else { return None };
    let spec = &listed["items"][0]["spec"];
    let pool = Cidr::parse(spec["cidr"].as_str()?)?;
    let length = u8::try_from(spec["blockSize"].as_u64()?).ok()?;
    let size = 1_u32.checked_shl(32_u32.checked_sub(length.into())?)?;
    let address = pool.address(number.checked_mul(size)?)?;
    Some(format!("{address}/{length}")).filter(|block| Cidr::parse(block).is_some_and(|block| pool.contains(block)))
}

/// Creates the pool if none exists.
pub async fn start(api: &Api, pod: &Value) -> Result<(), Error> {
    let environment = environment_of(pod, NODE);
    if environment.get("NO_DEFAULT_POOLS").map(String::as_str) == Some("true") {
        return Ok(());
    }
    let listed = match api.exchange("GET", POOLS, None).await? {
        (200, listed) => listed,
        // Without the kind, a real calico-node does not start; here pods run regardless.
        (404, _) => return Ok(()),
        // A kind defined a moment ago is served with a delay.
        (status, answer) => return Err(refused("GET", status, &answer)),
    };
    if listed["items"].as_array().is_some_and(|pools| !pools.is_empty()) {
        return Ok(());
    }
    match api.exchange("POST", POOLS, Some((Content::Json, &pool(&environment)))).await? {
        // If two pods start at once, one of them is first.
        (200..300 | 409, _) => Ok(()),
        (status, answer) => Err(refused("POST", status, &answer)),
    }
}

fn refused(method: &str, status: u16, answer: &Value) -> Error {
    let message = answer["message"].as_str().unwrap_or_default().to_owned();
    Error::Refused { call: format!("{method} {POOLS}"), status, message }
}

fn pool(environment: &BTreeMap<String, String>) -> Value {
    let of = |name: &str, default: &'static str| {
        environment.get(&format!("CALICO_IPV4POOL_{name}")).filter(|value| !value.is_empty()).map_or(default, |it| it)
    };
    json!({
        "apiVersion": "crd.projectcalico.org/v1",
        "kind": "IPPool",
        "metadata": {"name": "default-ipv4-ippool"},
        "spec": {
            "allowedUses": ["Workload", "Tunnel"],
            "blockSize": of("BLOCK_SIZE", "26").parse::<u8>().unwrap_or(26),
            "cidr": of("CIDR", "192.168.0.0/16"),
            "ipipMode": of("IPIP", "Always"),
            "natOutgoing": of("NAT_OUTGOING", "true") == "true",
            "nodeSelector": of("NODE_SELECTOR", "all()"),
            "vxlanMode": of("VXLAN", "Never"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_is_as_the_environment_says() {
        let environment = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
        };
        let spec = |pairs: &[(&str, &str)]| pool(&environment(pairs))["spec"].clone();
        let plain = spec(&[("CALICO_IPV4POOL_CIDR", "")]);
        assert_eq!((&plain["cidr"], &plain["blockSize"]), (&json!("192.168.0.0/16"), &json!(26)));
        assert_eq!((&plain["ipipMode"], &plain["vxlanMode"]), (&json!("Always"), &json!("Never")));
        assert_eq!((&plain["natOutgoing"], &plain["nodeSelector"]), (&json!(true), &json!("all()")));
        let set = spec(&[
            ("CALICO_IPV4POOL_CIDR", "10.1.0.0/16"),
            ("CALICO_IPV4POOL_BLOCK_SIZE", "24"),
            ("CALICO_IPV4POOL_IPIP", "Never"),
            ("CALICO_IPV4POOL_VXLAN", "CrossSubnet"),
            ("CALICO_IPV4POOL_NAT_OUTGOING", "false"),
            ("CALICO_IPV4POOL_NODE_SELECTOR", "a == \"b\""),
        ]);
        assert_eq!((&set["cidr"], &set["blockSize"]), (&json!("10.1.0.0/16"), &json!(24)));
        assert_eq!((&set["ipipMode"], &set["vxlanMode"]), (&json!("Never"), &json!("CrossSubnet")));
        assert_eq!((&set["natOutgoing"], &set["nodeSelector"]), (&json!(false), &json!("a == \"b\"")));
    }
}
