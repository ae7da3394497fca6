//! Calico's address pool, if Calico was installed by a manifest.
//!
//! calico-node creates the pool from its environment if none exists, and never reads these variables again. Later
//! changes of encapsulation, NAT or node selection must be made in the pool itself. Source: reference of calico/node,
//! and of Calico's `IPPool`.

use serde_json::{Value as Json, json};

use crate::cni::{arguments::Calico, calico};
use crate::kube::{Client, Resource, Result, name};

/// The kind as Calico stores it in the API server.
pub(crate) fn kind() -> Resource {
    Resource {
        group: "crd.projectcalico.org".into(),
        version: "v1".into(),
        kind: "IPPool".into(),
        plural: "ippools".into(),
    }
}

/// The settings of a pool that can change.
fn settings(calico: &Calico) -> Json {
    json!({
        "ipipMode": "Never",
        "vxlanMode": calico::vxlan_mode(calico),
        "natOutgoing": calico.nat_outgoing.unwrap_or(true),
        "nodeSelector": calico::pool_nodes(calico),
    })
}

/// Updates the pools of `cidrs` from one configuration's settings to another's. Settings whose arguments have not
/// changed are kept, since others may have set them.
///
/// # Errors
/// If a request fails.
pub(crate) async fn change(client: &Client, before: &Calico, now: &Calico, cidrs: &[String]) -> Result<()> {
    let Some(changes) = difference(&settings(before), &settings(now)) else { return Ok(()) };
    let listed = match client.list(&kind(), None, None).await {
        Ok(listed) => listed,
        // Without the kind, no pool exists.
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(error),
    };
    let is_own = |pool: &&Json| pool["spec"]["cidr"].as_str().is_some_and(|cidr| cidrs.iter().any(|own| own == cidr));
    for pool in listed.iter().filter(is_own) {
        tracing::info!(pool = name(pool), "changing Calico's address pool");
        client.merge(&kind(), None, name(pool), json!({ "spec": changes })).await?;
    }
    Ok(())
}

/// Members of `now` that differ from `before`; `None` if there are none.
fn difference(before: &Json, now: &Json) -> Option<Json> {
    let changed = now.as_object()?.iter().filter(|(key, value)| before.get(key) != Some(value));
    let changed: serde_json::Map<String, Json> = changed.map(|(key, value)| (key.clone(), value.clone())).collect();
    (!changed.is_empty()).then_some(Json::Object(changed))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cni::arguments::Encapsulation;
    use crate::cni::arguments::Method;
    use crate::cni::arguments::SourceCheck;
    use crate::cni::calico::tests::plain;

    #[test]
    fn only_what_arguments_change_is_changed() {
        let before = plain(Method::Manifest);
        let changes = |now: &Calico| difference(&settings(&before), &settings(now));
        let said = Calico { encapsulation: Some(Encapsulation::Vxlan), nat_outgoing: Some(true), ..before.clone() };
        assert_eq!(changes(&said), None, "the defaults, said");
        let other = Calico { aws_src_dst_check: Some(SourceCheck::Disable), ..before.clone() };
        assert_eq!(changes(&other), None, "no setting of the pool");
        let crossing = Calico { encapsulation: Some(Encapsulation::VxlanCrossSubnet), ..before.clone() };
        assert_eq!(changes(&crossing), Some(json!({ "vxlanMode": "CrossSubnet" })));
        let everywhere = Calico { node_selector: Some(BTreeMap::new()), nat_outgoing: Some(false), ..before.clone() };
        assert_eq!(changes(&everywhere), Some(json!({ "natOutgoing": false, "nodeSelector": "all()" })));
    }
}
