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
use crate::session::cluster::{Connection, reach, reach_to_list};
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

/// One binding for each ENIConfig that nodes of the cluster are annotated with.
///
/// # Errors
/// Those of the request.
pub async fn listed(place: &Place, cx: &Context) -> Result<Vec<(Identity, State<EniConfigBinding>)>> {
    let Some(client) = reach_to_list(place, cx).await? else { return Ok(Vec::new()) };
    let nodes = match client.annotated_nodes(default_annotation().text()).await {
        Ok(nodes) => nodes,
        Err(error) => return Err(explain_kube("Could not list the nodes' ENIConfigs", &error, None, cx).await),
    };
    let names: BTreeSet<&str> = nodes.iter().filter_map(|node| node.value.as_deref()).collect();
    let binding = |name: &str| {
        // What no ENIConfig can be called binds to nothing.
        let eniconfig = ObjectName::parse(name).ok()?;
        let identity = Identity { cluster_name: place.cluster.clone(), eniconfig, region: Some(place.region.clone()) };
        let state = imported(&identity, &nodes, place.clone())?;
        Some((identity, state))
    };
    Ok(names.into_iter().filter_map(binding).collect())
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
