//! Reads a binding: the annotations of the cluster's nodes.

use std::collections::BTreeSet;

use framework::diagnostic::Result;
use framework::model::Text;
use framework::resource::State;

use super::plan::selected;
use super::plan::selection::Work;
use super::{Args, EniConfigBinding, Identity, Outputs, default_annotation};
use crate::attributes::ObjectName;
use crate::kube::Annotated;
use crate::session::Context;
use crate::session::cluster::{Connection, reach};
use crate::session::explain::explain_kube;
use crate::session::place::Place;

pub(super) async fn read(
    identity: &Identity,
    prior: Option<&State<EniConfigBinding>>,
    cx: &Context,
) -> Result<Option<State<EniConfigBinding>>> {
    let summary = "Could not read the nodes' ENIConfigs";
    let place = Place::of(Some(&identity.cluster_name), identity.region.as_ref(), cx).await?;
    let client = match reach(&place.cluster, Some(&place.region), cx).await? {
        Connection::Open(client) => client,
        Connection::Gone => return Ok(None),
        Connection::Unknown(why) => return prior.cloned().map(Some).ok_or(why),
    };
    let preset = default_annotation();
    let annotation = prior.map_or(&preset, |prior| &prior.args.annotation);
    let nodes = match client.annotated_nodes(annotation.text()).await {
        Ok(nodes) => nodes,
        Err(error) if error.is_unreachable() && place.is_being_deleted(cx).await => return Ok(None),
        Err(error) => return Err(explain_kube(summary, &error, None, cx).await),
    };
    let Some(prior) = prior else { return Ok(imported(identity, &nodes, place)) };
    let bound = &prior.outputs.bound_nodes;
    let wanted = prior.args.eniconfig.as_str();
    let work = Work::of(nodes, selected(&prior.args), wanted, bound);
    let freed = work.free.iter().map(|node| node.name.clone());
    let outputs = Outputs {
        bound_nodes: work.bound.iter().cloned().chain(freed).collect(),
        pending_nodes: work.pending(),
        cluster_name: place.cluster,
        region: place.region.clone(),
    };
    let args = Args { region: Some(place.region), ..prior.args.clone() };
    Ok(Some(State { args, outputs }))
}

/// Right after an import, the annotated nodes become the selected ones, by name.
fn imported(identity: &Identity, nodes: &[Annotated], place: Place) -> Option<State<EniConfigBinding>> {
    let wanted = identity.eniconfig.as_str();
    let bound: BTreeSet<String> =
        nodes.iter().filter(|node| node.value.as_deref() == Some(wanted)).map(|node| node.name.clone()).collect();
    let names: BTreeSet<ObjectName> = bound.iter().filter_map(|name| ObjectName::parse(name).ok()).collect();
    (!names.is_empty()).then(|| State {
        args: Args {
            cluster_name: Some(place.cluster.clone()),
            eniconfig: identity.eniconfig.clone(),
            node_selector: None,
            node_names: Some(names),
            annotation: default_annotation(),
            region: Some(place.region.clone()),
            timeouts: None,
        },
        outputs: Outputs {
            cluster_name: place.cluster,
            bound_nodes: bound,
            pending_nodes: BTreeSet::new(),
            region: place.region,
        },
    })
}
