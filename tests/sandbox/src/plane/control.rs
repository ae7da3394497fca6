//! The control API's calls for control planes. The README documents them.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Answer, ClusterKey, Error, Planes, Standing, addons, api, cluster::ControlPlane, cluster_of, network, nodes, pods,
    webhook,
};
use crate::{
    eks::{self, addons::Content},
    store::Shared,
};

/// Handles a request to `/_sandbox` if it concerns a control plane. `path` is the rest of the path.
pub async fn answer(
    planes: &Planes,
    shared: &Arc<Shared>,
    method: &str,
    path: &str,
    query: &str,
    body: &[u8],
) -> Option<Answer> {
    let segments: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    // Sent by an API server itself, which knows only its machine.
    if let ["token-reviews", number] = segments[..] {
        let plane = number.parse().ok().and_then(|number| planes.on_machine(number));
        return Some(match plane {
            Some(plane) => webhook::review(shared, &plane, body).await,
            None => refused(404, "no cluster uses this machine"),
        });
    }
    let (account, region, name, rest) = match segments[..] {
        ["token-reviews", account, region, name] => (account, Some(region.to_owned()), name, &["token-review"][..]),
        ["accounts", account, "clusters", name, ref rest @ ..] => (account, None, name, rest),
        _ => return None,
    };
    let region = region.or_else(|| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "region")
            .map(|(_, region)| region.into_owned())
    });
    let key = shared.look(|world| {
        let region = region.unwrap_or_else(|| world.region.clone());
        world.accounts.get(account).and_then(|account| ClusterKey::of(account, &region, name))
    });
    let Some(key) = key else {
        return Some(refused(404, format!("there is no cluster `{name}` in the account `{account}`")));
    };
    Some(of_cluster(planes, shared, &key, method, rest, body).await.unwrap_or_else(|refused| refused))
}

fn refused(status: u16, text: impl Into<String>) -> Answer {
    (status, json!({"error": text.into()}))
}

fn failed(error: &Error) -> Answer {
    let status = match error {
        Error::Off | Error::NoCluster(_) => 400,
        // The API server's verdict on the caller's names and values.
        Error::Api(api::Error::Refused { status: status @ 400..500, .. }) => *status,
        _ => 500,
    };
    refused(status, error.whole())
}

/// Body of `POST …/addons`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedAddon {
    name: String,
    version: Option<String>,
    /// In the format that a client would send.
    configuration_values: Option<String>,
}

/// Body of `POST …/vpc-cni`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SelfManaged {
    version: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Restart {
    #[serde(default)]
    down_milliseconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Silence {
    milliseconds: u64,
}

async fn of_cluster(
    planes: &Planes,
    shared: &Arc<Shared>,
    key: &ClusterKey,
    method: &str,
    rest: &[&str],
    body: &[u8],
) -> Result<Answer, Answer> {
    match (method, rest) {
        ("POST", ["control-plane"]) => {
            let plane = planes.start(shared, key).await.map_err(|error| failed(&error))?;
            return Ok((200, describe(&plane)));
        }
        ("DELETE", ["control-plane"]) => {
            let there = planes.end(key);
            shared.change(|world| {
                if let Some(cluster) = cluster_of(world, key) {
                    cluster.standing = Standing::None;
                }
            });
            return if there { Ok((200, json!({"deleted": true}))) } else { Err(none(key)) };
        }
        ("POST" | "DELETE", ["successor"]) => return append_authority(shared, key, method == "POST"),
        ("POST", ["addons"]) => return plant_addon(planes, shared, key, read(body)?).await,
        _ => {}
    }
    let plane = planes.standing(key).ok_or_else(|| none(key))?;
    match (method, rest) {
        ("POST", ["token-review"]) => Ok(webhook::review(shared, &plane, body).await),
        ("GET", ["control-plane"]) => Ok((200, describe(&plane))),
        ("POST", ["control-plane", "restart"]) => {
            let wanted: Restart = read(body)?;
            let _alone = planes.restarting.lock().await;
            plane.end_api_server();
            tokio::time::sleep(Duration::from_millis(wanted.down_milliseconds)).await;
            plane.restart_api_server().await.map_err(|error| failed(&error))?;
            Ok((200, describe(&plane)))
        }
        ("POST", ["control-plane", "pause"]) => {
            let wanted: Silence = read(body)?;
            let _alone = planes.restarting.lock().await;
            let pause = plane.pause_api_server().map_err(|error| refused(500, error.to_string()))?;
            tokio::time::sleep(Duration::from_millis(wanted.milliseconds)).await;
            drop(pause);
            Ok((200, describe(&plane)))
        }
        ("GET", ["kubeconfig"]) => Ok((200, json!({"path": plane.kubeconfig_path(), "content": plane.kubeconfig()}))),
        ("POST", ["faults"]) => {
            let id = plane.front.faults().add(read(body)?).map_err(|text| refused(400, text))?;
            Ok((201, json!({"id": id})))
        }
        ("GET", ["faults"]) => Ok((200, json!({"faults": plane.front.faults().describe()}))),
        ("DELETE", ["faults"]) => {
            plane.front.faults().clear();
            Ok((200, json!({"deleted": true})))
        }
        ("DELETE", ["faults", id]) => {
            if plane.front.faults().end(id) {
                Ok((200, json!({"deleted": true})))
            } else {
                Err(refused(404, format!("there is no fault `{id}`")))
            }
        }
        ("GET", ["token-reviews"]) => Ok((200, plane.reviews().describe())),
        ("DELETE", ["token-reviews"]) => {
            *plane.reviews() = webhook::Reviews::default();
            Ok((200, json!({"deleted": true})))
        }
        ("GET", ["requests"]) => match plane.requests() {
            Ok(told) => Ok((200, told)),
            Err(error) => Err(refused(500, format!("the audit log cannot be read: {error}"))),
        },
        ("DELETE", ["requests"]) => {
            plane.forget_requests();
            Ok((200, json!({"deleted": true})))
        }
        ("POST", ["nodes"]) => {
            let wanted: nodes::Wanted = read(body)?;
            let made = shared.look(|world| nodes::plan(world, &plane, &wanted)).map_err(|text| refused(400, text))?;
            let names: Vec<String> = made.iter().map(|node| node.name.clone()).collect();
            nodes::create(&plane, made).await.map_err(|error| failed(&error.into()))?;
            if wanted.waits_for_network() {
                network::follow(shared, &plane);
            }
            Ok((201, json!({"nodes": names})))
        }
        ("POST", ["vpc-cni"]) => {
            let wanted: SelfManaged = read(body)?;
            let managed = shared
                .change(|world| cluster_of(world, key).is_some_and(|cluster| cluster.addons.contains_key("vpc-cni")));
            if managed || !is_version(&wanted.version) {
                let why = if managed { "the add-on is there" } else { "the version is not like `v1.6.2-eksbuild.1`" };
                return Err(refused(400, why));
            }
            let content = Content { version: wanted.version, values: json!({}) };
            for object in &addons::objects(&plane.facts, "vpc-cni", &content) {
                addons::apply_soon(&plane.api, object).await.map_err(|error| failed(&error.into()))?;
            }
            Ok((200, json!({"version": content.version})))
        }
        ("POST", ["pods"]) => {
            let end: pods::End = read(body)?;
            if !end.selects() {
                return Err(refused(400, "`labels` must select some pods"));
            }
            pods::add(&plane, end);
            Ok((201, json!({"added": true})))
        }
        ("DELETE", ["pods"]) => {
            plane.ends.clear();
            Ok((200, json!({"deleted": true})))
        }
        ("GET", ["nodes"]) => Ok((200, json!({"nodes": plane.network.describe()}))),
        ("POST", ["nodes", name]) => {
            let told: nodes::Told = read(body)?;
            network::tell(&plane, name, told).await.map_err(|error| failed(&error.into()))?;
            let mut answer = json!({"node": name});
            match told {
                nodes::Told::Ready(ready) => answer["ready"] = ready.into(),
                nodes::Told::Off(off) => answer["off"] = off.into(),
            }
            Ok((200, answer))
        }
        _ => Err(refused(404, format!("there is no {method} of a cluster's {}", rest.join("/")))),
    }
}

/// `v1.6.2-eksbuild.1`
fn is_version(text: &str) -> bool {
    text.strip_prefix('v').and_then(|rest| rest.split_once("-eksbuild.")).is_some_and(|(version, build)| {
        version.split('.').count() == 3 && version.split('.').chain([build]).all(|number| number.parse::<u16>().is_ok())
    })
}

/// EKS appends the authority that is to follow, and clients must trust both from then on; or takes it back.
fn append_authority(shared: &Arc<Shared>, key: &ClusterKey, appended: bool) -> Result<Answer, Answer> {
    let (certificate, _) = eks::authority::make().map_err(|error| refused(500, error.to_string()))?;
    shared.change(|world| match cluster_of(world, key) {
        Some(cluster) => {
            cluster.successor = appended.then_some(certificate);
            Ok((200, json!({"appended": appended})))
        }
        None => Err(refused(404, "the cluster does not exist")),
    })
}

/// Creates an existing add-on, as if it had been created with the cluster.
async fn plant_addon(
    planes: &Planes,
    shared: &Arc<Shared>,
    key: &ClusterKey,
    wanted: WantedAddon,
) -> Result<Answer, Answer> {
    let made = shared.change(|world| {
        let account = world.accounts.get_mut(&key.account).ok_or("the account has gone")?;
        let born = account.birth();
        let cluster = account.region(&key.region).eks.clusters.get_mut(&key.name).ok_or("the cluster has gone")?;
        eks::addons::plant(cluster, &wanted.name, wanted.version, wanted.configuration_values, born)
    });
    if let Some(number) = made.map_err(|text| refused(400, text))? {
        planes.work(shared, key, &wanted.name, number).await;
    }
    let told = shared.change(|world| {
        let advanced = world.accounts.get(&key.account)?.advanced;
        let cluster = cluster_of(world, key)?;
        cluster.settle(advanced);
        Some(cluster.addons.get(&wanted.name)?.describe())
    });
    told.map(|told| (201, json!({"addon": told}))).ok_or_else(|| refused(400, "the cluster has gone"))
}

fn none(key: &ClusterKey) -> Answer {
    refused(404, format!("the cluster `{}` has no control plane; POST …/control-plane starts it", key.name))
}

fn describe(plane: &Arc<ControlPlane>) -> Value {
    json!({
        "endpoint": plane.endpoint(),
        "kubeconfig": plane.kubeconfig_path(),
        "started_in_milliseconds": u64::try_from(plane.milliseconds()).unwrap_or(u64::MAX),
    })
}

/// An empty body is an empty object.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Answer> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| refused(400, format!("the body is not as documented: {error}")))
}
