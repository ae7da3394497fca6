//! Reads a recycling: which of its pending nodes still exist.

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::Result;
use framework::resource::State;

use super::{Args, Identity, NODE_GROUP_LABEL, NodeRecycle, Outputs, one};
use crate::session::Context;
use crate::session::cluster::{Connection, reach};
use crate::session::explain::explain_kube;
use crate::session::place::Place;

pub(super) async fn read(
    identity: &Identity,
    prior: Option<&State<NodeRecycle>>,
    cx: &Context,
) -> Result<Option<State<NodeRecycle>>> {
    let place = Place::of(Some(&identity.cluster_name), identity.region.as_ref(), cx).await?;
    let client = match reach(&place.cluster, Some(&place.region), cx).await? {
        Connection::Open(client) => client,
        Connection::Gone => return Ok(None),
        Connection::Unknown(why) => return prior.cloned().map(Some).ok_or(why),
    };
    let Some(prior) = prior else { return Ok(imported(identity, place)) };
    let mut outputs = prior.outputs.clone();
    if !outputs.pending_nodes.is_empty() {
        let nodes = match client.nodes(Some(&outputs.selector)).await {
            Ok(nodes) => nodes,
            Err(error) if error.is_unreachable() && place.is_being_deleted(cx).await => return Ok(None),
            Err(error) => return Err(explain_kube("Could not read the nodes", &error, None, cx).await),
        };
        let present: BTreeSet<String> = nodes.into_iter().map(|node| node.name).collect();
        outputs.pending_nodes.retain(|name| present.contains(name));
    }
    Ok(Some(State { args: prior.args.clone(), outputs }))
}

/// Without triggers: the first apply records those of the configuration.
fn imported(identity: &Identity, place: Place) -> Option<State<NodeRecycle>> {
    let mut labels = BTreeMap::new();
    for label in identity.selector.split(',') {
        let (key, value) = label.split_once('=')?;
        labels.insert(key.to_owned(), value.to_owned());
    }
    let group = (labels.len() == 1).then(|| labels.get(NODE_GROUP_LABEL).cloned()).flatten();
    Some(State {
        args: Args {
            cluster_name: Some(place.cluster.clone()),
            node_selector: group.is_none().then_some(labels),
            node_group_name: group,
            triggers: None,
            recycle_on_create: false,
            max_unavailable: one(),
            drain: None,
            region: Some(place.region.clone()),
            timeouts: None,
        },
        outputs: Outputs {
            cluster_name: place.cluster,
            recycled_nodes: BTreeSet::new(),
            pending_nodes: BTreeSet::new(),
            selector: identity.selector.clone(),
            region: place.region,
        },
    })
}
