//! The control API under `/_sandbox`: what tests need to set up, twist and observe. The README documents it.

mod accounts;
mod changes;
mod dump;
mod twists;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use accounts::ready_line;

use crate::world::{Account, World};

/// A refused control request.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Refused {
    status: u16,
    text: String,
}

impl Refused {
    fn bad(text: impl Into<String>) -> Self {
        Self { status: 400, text: text.into() }
    }

    fn missing(what: &str, name: &str) -> Self {
        Self { status: 404, text: format!("there is no {what} `{name}`") }
    }
}

type Answer = Result<(u16, Value), Refused>;

/// Answers a control request. `path` is what follows `/_sandbox`.
pub fn handle(world: &mut World, method: &str, path: &str, query: &str, body: &[u8]) -> (u16, Value) {
    let segments: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    route(world, method, &segments, query, body)
        .unwrap_or_else(|refused| (refused.status, json!({"error": refused.text})))
}

fn route(world: &mut World, method: &str, segments: &[&str], query: &str, body: &[u8]) -> Answer {
    let region = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "region")
        .map_or_else(|| world.region.clone(), |(_, value)| value.into_owned());
    match (method, segments) {
        ("GET", ["health"]) => Ok((200, json!({"status": "ok"}))),
        ("POST", ["accounts"]) => Ok(accounts::create(world, &read(body)?)),
        ("GET", ["accounts"]) => Ok((200, json!({"accounts": world.accounts.keys().collect::<Vec<_>>()}))),
        (_, ["accounts", id, rest @ ..]) => {
            if !world.accounts.contains_key(*id) {
                return Err(Refused::missing("account", id));
            }
            match (method, rest) {
                ("DELETE", []) => Ok(accounts::delete(world, id)),
                ("POST", ["principals"]) => accounts::principal(world, id, read(body)?),
                (_, rest) => {
                    // Checked above, and the world is locked.
                    let seed_region = world.region.clone();
                    let Some(account) = world.accounts.get_mut(*id) else {
                        return Err(Refused::missing("account", id));
                    };
                    of_account(account, method, rest, &region, &seed_region, body)
                }
            }
        }
        _ => Err(unknown(method, segments)),
    }
}

fn of_account(
    account: &mut Account,
    method: &str,
    segments: &[&str],
    region: &str,
    seed_region: &str,
    body: &[u8],
) -> Answer {
    match (method, segments) {
        ("GET", ["dump"]) => Ok((200, dump::of(account))),
        ("POST", ["roles"]) => accounts::role(account, read(body)?),
        ("POST", ["roles", name, "settle"]) => twists::unsettle(account, name, &read(body)?),
        ("POST", ["web-identity-tokens"]) => Ok(accounts::web_identity(account, &read(body)?)),
        ("POST", ["clock"]) => twists::advance(account, &read(body)?),
        ("GET", ["clock"]) => Ok((200, twists::clock(account))),
        ("POST", ["settings"]) => twists::change_settings(account, body),
        ("GET", ["settings"]) => Ok((200, json!(account.settings))),
        ("POST", ["faults"]) => twists::add_fault(account, read(body)?),
        ("GET", ["faults"]) => Ok((200, json!({"faults": account.faults}))),
        ("DELETE", ["faults"]) => {
            account.faults.clear();
            Ok((200, json!({"deleted": true})))
        }
        ("DELETE", ["faults", id]) => twists::end_fault(account, id),
        ("GET", ["requests"]) => Ok((200, twists::requests(account))),
        ("DELETE", ["requests"]) => {
            account.requests = crate::world::Requests::default();
            Ok((200, json!({"deleted": true})))
        }
        ("POST", ["instances"]) => changes::register(account, seed_region, read(body)?),
        ("POST", ["instances", id, "ping"]) => changes::ping(account, region, id, &read(body)?),
        ("POST", ["target-health"]) => {
            account.region(region).elb.find_health(read(body)?).map_err(Refused::bad)?;
            Ok((200, json!({"changed": true})))
        }
        ("POST", ["insights"]) => changes::insights(account, seed_region, read(body)?),
        ("POST", ["delete"]) => changes::delete(account, seed_region, &read(body)?),
        ("GET", ["activations", id]) => changes::activation(account, region, id),
        _ => Err(unknown(method, segments)),
    }
}

fn unknown(method: &str, segments: &[&str]) -> Refused {
    Refused {
        status: if matches!(method, "GET" | "POST" | "DELETE") { 404 } else { 405 },
        text: format!("there is no {method} /{}", segments.join("/")),
    }
}

/// An empty body is an empty object.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Refused::bad(format!("the body is not as documented: {error}")))
}
