//! Reads a check: what the latest run found. Nothing is checked again.

use std::collections::BTreeMap;

use framework::diagnostic::Result;
use framework::resource::State;

use super::{ALL, Args, Identity, NetworkCheck, Outputs};
use crate::session::Context;
use crate::session::cluster::{Connection, reach};
use crate::session::place::Place;

pub(super) async fn read(
    identity: &Identity,
    prior: Option<&State<NetworkCheck>>,
    cx: &Context,
) -> Result<Option<State<NetworkCheck>>> {
    let place = Place::of(Some(&identity.cluster_name), identity.region.as_ref(), cx).await?;
    match reach(&place.cluster, Some(&place.region), cx).await? {
        // What was found of a cluster that no longer exists says nothing about the next one.
        Connection::Gone => return Ok(None),
        Connection::Unknown(why) if prior.is_none() => return Err(why),
        Connection::Open(_) | Connection::Unknown(_) => {}
    }
    Ok(prior.cloned().or_else(|| imported(identity, place)))
}

/// Without results: the next change runs the check.
fn imported(identity: &Identity, place: Place) -> Option<State<NetworkCheck>> {
    let mut labels = BTreeMap::new();
    if identity.selector != ALL {
        for label in identity.selector.split(',') {
            let (key, value) = label.split_once('=')?;
            labels.insert(key.to_owned(), value.to_owned());
        }
    }
    Some(State {
        args: Args {
            cluster_name: Some(place.cluster.clone()),
            node_selector: (!labels.is_empty()).then_some(labels),
            expected_cidrs: None,
            triggers: None,
            tolerations: None,
            image: None,
            image_pull_secrets: None,
            namespace: None,
            warn_only: None,
            region: Some(place.region.clone()),
            timeouts: None,
        },
        outputs: Outputs {
            cluster_name: place.cluster,
            selector: identity.selector.clone(),
            region: place.region,
            matrix: BTreeMap::new(),
            failures: Vec::new(),
            skipped_nodes: BTreeMap::new(),
        },
    })
}
