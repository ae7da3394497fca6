//! As much of a Kubernetes API as Helm's command line needs to keep releases: core objects in memory, over plain HTTP.
//!
//! It stores what it is sent and merges nothing: an apply replaces the object. A cluster that checks, merges and runs
//! what Helm sends is the sandbox's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Resource → kind.
const KINDS: &[(&str, &str, bool)] = &[
    ("namespaces", "Namespace", false),
    ("configmaps", "ConfigMap", true),
    ("secrets", "Secret", true),
    ("serviceaccounts", "ServiceAccount", true),
];

/// Path of the object, such as `/api/v1/namespaces/ns1/secrets/x` → the object.
type Objects = BTreeMap<String, Value>;

#[derive(Clone, Default)]
pub struct Api {
    objects: Arc<Mutex<Objects>>,
}

impl Api {
    /// Serves on a free port, which it returns, until the process ends.
    pub fn start(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let api = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let api = api.clone();
                std::thread::spawn(move || api.serve(&stream));
            }
        });
        port
    }

    pub fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers requests of one connection until it ends.
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let mut words = line.split_whitespace();
            let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
            let mut length = 0;
            loop {
                let mut header = String::new();
                reader.read_line(&mut header).ok()?;
                if header.trim().is_empty() {
                    break;
                }
                let (name, value) = header.split_once(':')?;
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().ok()?;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            let (status, answer) = self.answer(&method, &target, &body);
            let answer = answer.to_string();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            (&mut &*stream).write_all(format!("{head}{answer}").as_bytes()).ok()?;
        }
    }

    fn answer(&self, method: &str, target: &str, body: &[u8]) -> (u16, Value) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        match path {
            "/version" => return (200, json!({"major": "1", "minor": "34", "gitVersion": "v1.34.0"})),
            "/api" => return (200, json!({"kind": "APIVersions", "versions": ["v1"]})),
            "/apis" => return (200, json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})),
            "/api/v1" => return (200, resources()),
            _ => {}
        }
        let mut objects = self.objects();
        // Either /api/v1/RESOURCE[/NAME] or /api/v1/namespaces/NAMESPACE/RESOURCE[/NAME].
        let words: Vec<&str> = path.split('/').skip(3).collect();
        let (resource, name) = match words.as_slice() {
            ["namespaces", _, resource, name @ ..] | [resource, name @ ..] => (*resource, name),
            [] => return failure(404, "NotFound", path),
        };
        let Some((_, kind, _)) = KINDS.iter().find(|(known, ..)| *known == resource) else {
            return failure(404, "NotFound", path);
        };
        let is_list = name.is_empty();
        let sent = match body.strip_prefix(b"k8s\0") {
            Some(message) => secret(message).unwrap_or(Value::Null),
            None => serde_json::from_slice(body).unwrap_or(Value::Null),
        };
        match method {
            "GET" if is_list => (200, list(&objects, path, query, kind)),
            "GET" => objects.get(path).map_or_else(|| failure(404, "NotFound", path), |found| (200, found.clone())),
            "POST" => {
                let path = format!("{path}/{}", sent["metadata"]["name"].as_str().unwrap_or_default());
                if objects.contains_key(&path) {
                    return failure(409, "AlreadyExists", &path);
                }
                (201, objects.entry(path).or_insert(with_kind(sent, kind)).clone())
            }
            "PUT" | "PATCH" => {
                let object = with_kind(sent, kind);
                objects.insert(path.to_owned(), object.clone());
                (200, object)
            }
            "DELETE" => objects.remove(path).map_or_else(|| failure(404, "NotFound", path), |gone| (200, gone)),
            _ => failure(405, "MethodNotAllowed", path),
        }
    }
}

fn with_kind(mut object: Value, kind: &str) -> Value {
    object["apiVersion"] = "v1".into();
    object["kind"] = kind.into();
    object["metadata"]["uid"] = "00000000-0000-0000-0000-000000000001".into();
    object["metadata"]["resourceVersion"] = "1".into();
    object
}

fn resources() -> Value {
    let resources = KINDS.iter().map(|(name, kind, namespaced)| {
        let verbs = ["create", "delete", "get", "list", "patch", "update", "watch"];
        json!({"name": name, "singularName": "", "kind": kind, "namespaced": namespaced, "verbs": verbs})
    });
    json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": resources.collect::<Vec<_>>()})
}

/// The objects of one kind in one namespace or in all, that have the labels `a=b,c=d`.
fn list(objects: &Objects, path: &str, query: &str, kind: &str) -> Value {
    let selector = query.split('&').find_map(|part| part.strip_prefix("labelSelector=")).unwrap_or_default();
    let wanted = selector.replace("%3D", "=").replace("%2C", ",");
    let resource = path.rsplit('/').next().unwrap_or_default();
    let everywhere = path == format!("/api/v1/{resource}");
    let items: Vec<&Value> = objects
        .iter()
        .filter(|(place, object)| {
            let folder = place.rsplit_once('/').map_or("", |(folder, _)| folder);
            let is_here = if everywhere { folder.ends_with(&format!("/{resource}")) } else { folder == path };
            is_here
                && wanted
                    .split(',')
                    .filter_map(|term| term.split_once('='))
                    .all(|(key, value)| object["metadata"]["labels"][key] == value)
        })
        .map(|(_, object)| object)
        .collect();
    json!({"kind": format!("{kind}List"), "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items})
}

fn failure(code: u16, reason: &str, path: &str) -> (u16, Value) {
    let message = format!("{path}: {reason}");
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message,
                        "reason": reason, "code": code, "details": {}});
    (code, status)
}

/// The Secret in a Kubernetes protobuf message, which is how Helm writes its own Secrets; numbers of fields are those of
/// `k8s.io/apimachinery/pkg/runtime/generated.proto` and `k8s.io/api/core/v1/generated.proto`.
fn secret(message: &[u8]) -> Option<Value> {
    let message = fields(message)?;
    let secret = fields(field(&message, 2)?)?;
    let metadata = fields(field(&secret, 1)?)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let entries = |fields: &[(u64, &[u8])], number: u64, value: &dyn Fn(&[u8]) -> String| -> Option<Value> {
        let mut map = serde_json::Map::new();
        for (_, entry) in fields.iter().filter(|(found, _)| *found == number) {
            let entry = self::fields(entry)?;
            map.insert(text(field(&entry, 1)?), value(field(&entry, 2)?).into());
        }
        Some(Value::Object(map))
    };
    Some(json!({
        "metadata": {"name": text(field(&metadata, 1)?), "labels": entries(&metadata, 11, &text)?},
        "data": entries(&secret, 2, &|bytes| STANDARD.encode(bytes))?,
        "type": text(field(&secret, 3)?)
    }))
}

fn field<'m>(fields: &[(u64, &'m [u8])], number: u64) -> Option<&'m [u8]> {
    fields.iter().find(|(found, _)| *found == number).map(|(_, content)| *content)
}

/// The fields of a protobuf message that have a length, with their numbers; others are skipped.
fn fields(mut rest: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        match key & 7 {
            0 => drop(varint(&mut rest)?),
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let (content, after) = rest.split_at_checked(length)?;
                found.push((key >> 3, content));
                rest = after;
            }
            _ => return None,
        }
    }
    Some(found)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
