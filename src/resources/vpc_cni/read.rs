//! Reads the settings of aws-node, and their previous values.

use framework::diagnostic::Result;
use framework::resource::State;

use super::daemon_set;
use super::notes::Record;
use super::settings::{self, Settings};
use super::site::{Found, addon_of, outputs};
use super::{Args, Identity, ManagedBy, Owner, VpcCni};
use crate::session::Context;
use crate::session::cluster::{Connection, reach};
use crate::session::explain::explained;
use crate::session::place::Place;

pub(super) async fn read(
    identity: &Identity,
    prior: Option<&State<VpcCni>>,
    cx: &Context,
) -> Result<Option<State<VpcCni>>> {
    let Place { cluster, region } = Place::of(Some(&identity.cluster_name), identity.region.as_ref(), cx).await?;
    let cluster = &cluster;
    let summary = "Could not read the settings of the VPC CNI";
    let client = match reach(cluster, Some(&region), cx).await? {
        Connection::Open(client) => client,
        Connection::Gone => return Ok(None),
        Connection::Unknown(why) => return prior.cloned().map(Some).ok_or(why),
    };
    let Some(daemon_set) = explained(daemon_set::find(&client).await, summary, None, cx).await? else {
        return Ok(None);
    };
    let own = Record::of(cx, None, Owner::DaemonSet);
    let mode = own.as_ref().map_or(ManagedBy::Auto, |record| record.mode);
    let addon = addon_of(cluster, &region, mode, cx).await?;
    let found = Found { daemon_set, addon };
    let owner = found.owner();
    let record = match own {
        Some(own) => Some(own.completed(&found.daemon_set, owner)),
        None => Record::of(cx, Some(&found.daemon_set), owner),
    };
    if let Some(record) = &record {
        record.keep(cx);
    }
    let environment = daemon_set::environment(&found.daemon_set);
    let shown = prior.map(|prior| prior.outputs.managed_by).filter(|mode| *mode == ManagedBy::Auto);
    let outputs = outputs(&found.daemon_set, owner, shown, cluster, &region);
    let mut args = match prior {
        Some(prior) => prior.args.clone(),
        None => blank(),
    };
    let managed = record.map_or_else(|| Settings::of(&args).wanted(), |record| record.managed());
    settings::read(&mut args, &managed, &environment);
    args.cluster_name = Some(cluster.clone());
    args.region = Some(region);
    args.managed_by = Some(outputs.managed_by);
    Ok(Some(State { args, outputs }))
}

/// Arguments without settings, as after an import.
pub(super) fn blank() -> Args {
    Args {
        cluster_name: None,
        custom_networking: None,
        eni_config_label: None,
        eni_config_annotation: None,
        prefix_delegation: None,
        external_snat: None,
        warm_ip_target: None,
        minimum_ip_target: None,
        warm_eni_target: None,
        warm_prefix_target: None,
        environment: None,
        minimum_version: None,
        managed_by: None,
        wait_for_rollout: true,
        region: None,
        timeouts: None,
    }
}
