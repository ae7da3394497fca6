//! What lies between a client and a service: the registries of ECR, registries of images, and forward proxies.
//!
//! ```text
//! client ──CONNECT──▶ proxy ──▶ registry (TLS, the host's own name) ──▶ world
//!                       └─────▶ front of an API server
//! ```
//!
//! Each listens on a loopback port of its own and ends with its account. The hosts of registries exist in no name
//! service: a client reaches them through a proxy, which knows where they are.

mod head;
mod images;
mod proxy;
mod registry;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::{images::Images, proxy::Proxy, registry::Registry};
use crate::store::Shared;

/// Status and body of a control call.
type Answer = (u16, Value);

/// Everything of this kind in one process.
#[derive(Default)]
pub struct Edge {
    /// By account and region.
    registries: Mutex<BTreeMap<(String, String), Registry>>,
    /// By account and id.
    images: Mutex<BTreeMap<(String, String), Images>>,
    /// By account and id.
    proxies: Mutex<BTreeMap<(String, String), Proxy>>,
}

impl Edge {
    fn registries(&self) -> MutexGuard<'_, BTreeMap<(String, String), Registry>> {
        self.registries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn images(&self) -> MutexGuard<'_, BTreeMap<(String, String), Images>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn proxies(&self) -> MutexGuard<'_, BTreeMap<(String, String), Proxy>> {
        self.proxies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what belongs to an account.
    fn forget(&self, account: &str) {
        self.registries().retain(|(owner, _), _| owner != account);
        self.images().retain(|(owner, _), _| owner != account);
        self.proxies().retain(|(owner, _), _| owner != account);
    }
}

/// Answers a request to `/_sandbox` when it is about a registry or a proxy. `path` is what follows.
pub async fn answer(
    edge: &Edge,
    shared: &Arc<Shared>,
    method: &str,
    path: &str,
    query: &str,
    body: &[u8],
) -> Option<Answer> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let ["accounts", account, rest @ ..] = &segments[..] else { return None };
    match (method, rest) {
        ("DELETE", []) => {
            edge.forget(account);
            // The account itself is not ours.
            return None;
        }
        (_, ["registry" | "registries" | "proxies", ..]) => {}
        _ => return None,
    }
    let named = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "region");
    let region = shared.look(|world| {
        let region = named.map_or_else(|| world.region.clone(), |(_, region)| region.into_owned());
        world.accounts.contains_key(*account).then_some(region)
    });
    let Some(region) = region else {
        return Some(refused(404, format!("there is no account `{account}`")));
    };
    let answer = of_account(edge, shared, account, &region, method, rest, body).await;
    Some(answer.unwrap_or_else(|refused| refused))
}

async fn of_account(
    edge: &Edge,
    shared: &Arc<Shared>,
    account: &str,
    region: &str,
    method: &str,
    rest: &[&str],
    body: &[u8],
) -> Result<Answer, Answer> {
    match (method, rest) {
        ("POST", ["registry"]) => {
            read::<Nothing>(body)?;
            let key = (account.to_owned(), region.to_owned());
            if let Some(there) = edge.registries().get(&key) {
                return Ok((200, there.describe()));
            }
            let made = Registry::start(shared, account, region).await.map_err(|error| refused(500, error))?;
            Ok((201, edge.registries().entry(key).or_insert(made).describe()))
        }
        ("POST", ["registry", "charts"]) => {
            let wanted = read(body)?;
            let digest = registry::push(shared, account, region, wanted).map_err(|text| refused(400, text))?;
            Ok((201, json!({"digest": digest})))
        }
        ("POST", ["registries"]) => {
            let made = Images::start(shared, account, read(body)?).await.map_err(|error| refused(500, error))?;
            let mut all = edge.images();
            let number = all.keys().filter(|(owner, _)| owner == account).count() + 1;
            let id = format!("registry-{number}");
            let told = made.describe(&id);
            all.insert((account.to_owned(), id), made);
            Ok((201, told))
        }
        (_, ["registries", id, rest @ ..]) => {
            let all = edge.images();
            let Some(registry) = all.get(&(account.to_owned(), (*id).to_owned())) else {
                return Err(refused(404, format!("there is no registry `{id}`")));
            };
            match (method, rest) {
                ("GET", []) => {}
                ("POST", []) => registry.change(read(body)?),
                ("POST", ["images"]) => return Ok((201, registry.push(&read(body)?))),
                ("POST", ["tags"]) => registry.tag(read(body)?).map_err(|text| refused(400, text))?,
                _ => return Err(refused(404, format!("there is no {method} of a registry's {}", rest.join("/")))),
            }
            Ok((200, registry.describe(id)))
        }
        ("POST", ["proxies"]) => {
            let proxy = Proxy::start(read(body)?).await.map_err(|text| refused(400, text))?;
            let mut proxies = edge.proxies();
            let number = proxies.keys().filter(|(owner, _)| owner == account).count() + 1;
            let id = format!("proxy-{number}");
            let told = json!({"id": id, "port": proxy.port, "url": format!("http://127.0.0.1:{}", proxy.port)});
            proxies.insert((account.to_owned(), id), proxy);
            Ok((201, told))
        }
        ("GET", ["proxies", id]) => match edge.proxies().get(&(account.to_owned(), (*id).to_owned())) {
            Some(proxy) => Ok((200, proxy.describe())),
            None => Err(refused(404, format!("there is no proxy `{id}`"))),
        },
        _ => Err(refused(404, format!("there is no {method} of an account's {}", rest.join("/")))),
    }
}

/// An empty object.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn refused(status: u16, text: impl Into<String>) -> Answer {
    (status, json!({"error": text.into()}))
}

/// An empty body is an empty object.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Answer> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| refused(400, format!("the body is not as documented: {error}")))
}
