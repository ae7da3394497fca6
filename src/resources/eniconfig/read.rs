//! Reads an ENIConfig.

pub(super) mod moved;
pub(super) mod object;

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Text;
use framework::resource::State;
use serde_json::Value as Json;

use super::plan::networks::{Networks, Question};
use super::{Args, EniConfig, Identity, Outputs, notes};
use crate::attributes::ObjectName;
use crate::kube::{self, Resource as ObjectKind};
use crate::session::Context;
use crate::session::cluster::{Connection, reach};
use crate::session::explain::explain_kube;
use crate::session::place::Place;

pub(super) async fn read(
    identity: &Identity,
    prior: Option<&State<EniConfig>>,
    cx: &Context,
) -> Result<Option<State<EniConfig>>> {
    let summary = "Could not read the ENIConfig";
    let place = Place::of(Some(&identity.cluster_name), identity.region.as_ref(), cx).await?;
    let client = match reach(&place.cluster, Some(&place.region), cx).await? {
        Connection::Open(client) => client,
        Connection::Gone => return Ok(None),
        Connection::Unknown(why) => return prior.cloned().map(Some).ok_or(why),
    };
    let object = match client.listed(&ObjectKind::ENI_CONFIG, identity.name.as_str()).await {
        Ok(Some(object)) => object,
        Ok(None) => return Ok(None),
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) if error.is_unreachable() && place.is_being_deleted(cx).await => return Ok(None),
        Err(error) => return Err(explain_kube(summary, &error, None, cx).await),
    };
    if prior.is_none() {
        notes::hand_over(&object, cx);
    }
    state(&object, prior, place, cx).await.map(Some)
}

/// Converts an object in a cluster to state. `prior` is what the state records of it.
///
/// # Errors
/// AWS cannot be asked about the subnet, for any reason but a missing permission.
pub async fn state(
    object: &Json,
    prior: Option<&State<EniConfig>>,
    place: Place,
    cx: &Context,
) -> Result<State<EniConfig>> {
    let subnet_id = object::subnet(object);
    let (availability_zone, vpc_id) = match prior {
        Some(prior) if prior.args.subnet_id == subnet_id && prior.outputs.vpc_id.is_some() => {
            (prior.outputs.availability_zone.clone(), prior.outputs.vpc_id.clone())
        }
        _ => {
            let question = Question { region: Some(&place.region), subnet: Some(&subnet_id), ..Question::default() };
            let subnet = Networks::look(question, cx).await?.subnet.there().cloned();
            subnet.map(|subnet| (subnet.availability_zone, subnet.vpc_id)).unzip()
        }
    };
    // The name has passed the API server's rule for names, which is the same.
    let name = ObjectName::parse(kube::name(object)).map_err(Diagnostic::bug)?;
    let groups = object::groups(object);
    Ok(State {
        args: Args {
            cluster_name: Some(place.cluster.clone()),
            subnet_id,
            name: Some(name.clone()),
            security_group_ids: Some(groups.clone()),
            labels: object::labels(object, prior.and_then(|prior| prior.args.labels.as_ref())),
            region: Some(place.region.clone()),
            timeouts: prior.and_then(|prior| prior.args.timeouts.clone()),
        },
        outputs: Outputs {
            cluster_name: place.cluster,
            name,
            security_group_ids: groups,
            availability_zone,
            vpc_id,
            region: place.region,
        },
    })
}
