//! The control API's calls about hosts. The README documents them.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Ground, Hosts, artifacts,
    host::{Host, Registered},
    wanted::Wanted,
    whole,
};
use crate::{
    plane::{Planes, kubelets},
    store::Shared,
};

/// How long a command on a host may take. Clients wait longer, and see which one it was.
const LONGEST_COMMAND: Duration = Duration::from_mins(4);

/// Status and body of a control call.
type Answer = (u16, Value);

/// Body of `POST …/hosts/NAME`: one of these.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Change {
    Sshd(bool),
    Network(bool),
    Cut(bool),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Command {
    command: String,
}

/// Answers a request to `/_sandbox` when it is about hosts. `path` is what follows.
pub async fn answer(
    hosts: &Hosts,
    planes: &Arc<Planes>,
    shared: &Arc<Shared>,
    method: &str,
    path: &str,
    body: &[u8],
) -> Option<Answer> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let answered = match (method, &segments[..]) {
        ("GET", ["hosts"]) => Ok(describe(hosts)),
        ("POST", ["kubelets"]) => kubelet(hosts, planes, shared, body).await,
        ("DELETE", ["accounts", account]) => {
            forget(hosts, account);
            // The account itself is not ours.
            return None;
        }
        (_, ["accounts", account, "hosts", rest @ ..]) => {
            if !shared.look(|world| world.accounts.contains_key(*account)) {
                return Some(refused(404, format!("there is no account `{account}`")));
            }
            match &hosts.ground {
                Ok(ground) => of_account(hosts, ground, planes, shared, account, method, rest, body).await,
                Err(why) => Err(refused(501, format!("there are no hosts: {why}"))),
            }
        }
        _ => return None,
    };
    Some(answered.unwrap_or_else(|refused| refused))
}

fn describe(hosts: &Hosts) -> Answer {
    let told = match &hosts.ground {
        Ok(ground) => json!({
            "available": true,
            "gateway": ground.network.gateway(),
            "ca_bundle": ground.authority.certificate,
            "whole": match whole::obstacle(&ground.source) {
                None => json!({"available": true}),
                Some(why) => json!({"available": false, "why": why}),
            },
            "nodeadm": [artifacts::describe(artifacts::LATEST), artifacts::describe("v1.0.18")],
        }),
        Err(why) => json!({"available": false, "why": why}),
    };
    (200, told)
}

#[allow(clippy::too_many_arguments)]
async fn of_account(
    hosts: &Hosts,
    ground: &Ground,
    planes: &Planes,
    shared: &Arc<Shared>,
    account: &str,
    method: &str,
    rest: &[&str],
    body: &[u8],
) -> Result<Answer, Answer> {
    let find = |name: &str| {
        let found = hosts.all().get(&(account.to_owned(), name.to_owned())).cloned();
        found.ok_or_else(|| refused(404, format!("there is no host `{name}`")))
    };
    match (method, rest) {
        ("POST", []) => {
            let host = create(hosts, ground, account, read(body)?).await?;
            Ok((201, host.describe().clone()))
        }
        ("GET", []) => {
            let all = hosts.all();
            let own = all.iter().filter(|((owner, _), _)| owner == account);
            let told: serde_json::Map<String, Value> =
                own.map(|((_, name), host)| (name.clone(), host.describe().clone())).collect();
            Ok((200, json!({"hosts": told})))
        }
        ("GET", [name]) => Ok((200, find(name)?.describe().clone())),
        ("POST", [name]) => {
            let host = find(name)?;
            let failed = |text: String| refused(500, text);
            match read(body)? {
                Change::Sshd(on) => host.set_sshd(on).await.map_err(failed)?,
                Change::Cut(true) => host.cut().await.map_err(failed)?,
                Change::Cut(false) => return Err(refused(400, "`cut` is true or absent")),
                Change::Network(on) => {
                    host.set_network(on).map_err(failed)?;
                    // Whoever cannot be reached cannot report either.
                    seen(planes, shared, &host, on).await;
                }
            }
            Ok((200, json!({"host": name})))
        }
        ("POST", [name, "run"]) => {
            let host = find(name)?;
            let wanted: Command = read(body)?;
            let text = wanted.command.clone();
            let running = tokio::task::spawn_blocking(move || host.command(&wanted.command));
            let done = tokio::time::timeout(LONGEST_COMMAND, running).await;
            let done =
                done.map_err(|_| refused(504, format!("`{text}` did not end in {} s", LONGEST_COMMAND.as_secs())))?;
            let done = done.map_err(|error| refused(500, error.to_string()))?.map_err(|text| refused(500, text))?;
            Ok((200, json!({"status": done.status, "stdout": done.stdout, "stderr": done.stderr})))
        }
        ("DELETE", [name]) => {
            let host = find(name)?;
            seen(planes, shared, &host, false).await;
            // Waits for its processes, on a thread of which nothing else waits.
            tokio::task::block_in_place(|| host.end());
            hosts.all().remove(&(account.to_owned(), (*name).to_owned()));
            Ok((200, json!({"deleted": true})))
        }
        _ => Err(refused(404, format!("there is no {method} of an account's hosts/{}", rest.join("/")))),
    }
}

async fn create(hosts: &Hosts, ground: &Ground, account: &str, wanted: Wanted) -> Result<Arc<Host>, Answer> {
    wanted.check().map_err(|text| refused(400, text))?;
    let key = (account.to_owned(), wanted.name.clone());
    let address = {
        let mut claimed = ground.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        let all = hosts.all();
        if all.keys().any(|(_, name)| *name == wanted.name) || claimed.iter().any(|(name, _)| *name == wanted.name) {
            return Err(refused(400, format!("there is a host `{}` already, perhaps of another account", wanted.name)));
        }
        if let Some(bastion) = &wanted.behind
            && !all.contains_key(&(account.to_owned(), bastion.clone()))
        {
            return Err(refused(400, format!("there is no host `{bastion}` to be the bastion")));
        }
        let used: Vec<_> = all.values().map(|host| host.address).chain(claimed.iter().map(|(_, one)| *one)).collect();
        let address = match wanted.address {
            Some(address) if !ground.network.holds(address) || used.contains(&address) => {
                let gateway = ground.network.gateway();
                return Err(refused(400, format!("{address} is taken, or not of the range of {gateway}/24")));
            }
            Some(address) => address,
            None => ground.network.free(&used).ok_or_else(|| refused(400, "no address is free"))?,
        };
        claimed.push((wanted.name.clone(), address));
        address
    };
    let name = wanted.name.clone();
    let started = Host::start(ground, account, wanted, address).await;
    if let Ok(host) = &started {
        hosts.all().insert(key, Arc::clone(host));
    }
    ground.claimed.lock().unwrap_or_else(PoisonError::into_inner).retain(|(claimed, _)| *claimed != name);
    started.map_err(|text| refused(500, text))
}

/// What becomes of a host's Node when the host falls silent, or is heard again.
async fn seen(planes: &Planes, shared: &Arc<Shared>, host: &Host, on: bool) {
    if let Some(Registered { region, cluster, node }) = host.registered() {
        kubelets::heard(planes, shared, (&host.account, &region, &cluster), &node, on).await;
    }
}

/// A host's kubelet begins or ends.
async fn kubelet(hosts: &Hosts, planes: &Arc<Planes>, shared: &Arc<Shared>, body: &[u8]) -> Result<Answer, Answer> {
    let report: kubelets::Report = read(body)?;
    let host = hosts.all().values().find(|host| host.address == report.address).cloned();
    let Some(host) = host else {
        return Err(refused(404, format!("no host has the address {}", report.address)));
    };
    let registered =
        Registered { region: report.region.clone(), cluster: report.cluster.clone(), node: report.node.clone() };
    kubelets::report(planes, shared, &host.account, report).await.map_err(|text| refused(409, text))?;
    *host.node.lock().unwrap_or_else(PoisonError::into_inner) = Some(registered);
    Ok((200, json!({"host": host.name})))
}

/// Ends the hosts of an account.
fn forget(hosts: &Hosts, account: &str) {
    let own: BTreeMap<_, Arc<Host>> = {
        let mut all = hosts.all();
        let (own, others) = std::mem::take(&mut *all).into_iter().partition(|((owner, _), _)| owner == account);
        *all = others;
        own
    };
    tokio::task::block_in_place(|| own.values().for_each(|host| host.end()));
}

fn refused(status: u16, text: impl Into<String>) -> Answer {
    (status, json!({"error": text.into()}))
}

/// An empty body is an empty object.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Answer> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| refused(400, format!("the body is not as documented: {error}")))
}
