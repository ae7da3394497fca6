//! The CNIs among the Helm releases of a cluster.

use std::collections::BTreeSet;

use framework::diagnostic::Result;
use framework::resource::{Resource as _, State};

use crate::cni::{calico, cilium};
use crate::kube::release::{Failure, Releases};
use crate::resources::cni::{Cni, Identity, messages};
use crate::session::{Context, cluster::reach_to_list, place::Place};

/// Where this provider, and the documentation of Cilium and Calico, install them.
const NAMESPACES: [&str; 3] = [cilium::NAMESPACE, calico::NAMESPACE, calico::MANIFEST_NAMESPACE];
const SUMMARY: &str = "Could not list the CNIs";

/// The releases of Cilium and Calico in these namespaces; without any, in those where they are usually installed.
///
/// # Errors
/// Those of the requests.
pub async fn listed(
    place: &Place,
    namespaces: Option<&BTreeSet<String>>,
    cx: &Context,
) -> Result<Vec<(Identity, State<Cni>)>> {
    let Some(client) = reach_to_list(place, cx).await? else { return Ok(Vec::new()) };
    let releases = Releases::new(&client);
    let usual = || NAMESPACES.map(str::to_owned).into_iter().collect();
    let mut all = Vec::new();
    for namespace in namespaces.cloned().unwrap_or_else(usual) {
        let names = match releases.names(&namespace).await {
            Ok(names) => names,
            Err(error) => return Err(messages::failed(SUMMARY, &Failure::from(error), None, cx).await),
        };
        for name in names {
            let found = match releases.current(&namespace, &name).await {
                Ok(found) => found,
                Err(error) => return Err(messages::failed(SUMMARY, &Failure::from(error), None, cx).await),
            };
            let chart = found.as_ref().map(|found| found.release.chart.name());
            if !chart.is_some_and(|chart| [cilium::CHART, calico::CHART, calico::MANIFEST].contains(&chart)) {
                continue;
            }
            let identity = Identity {
                cluster_name: place.cluster.clone(),
                release_namespace: namespace.clone(),
                release_name: name,
                region: Some(place.region.clone()),
            };
            // What is noted of one release says nothing of the next.
            let own = cx.for_another();
            let state = Cni::read(&identity, None, &own).await;
            cx.report_all_of(&own);
            if let Some(state) = state? {
                all.push((identity, state));
            }
        }
    }
    Ok(all)
}
