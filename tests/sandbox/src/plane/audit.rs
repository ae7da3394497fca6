//! The requests an API server received, and from whom, from its audit log.

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Seek as _},
    path::Path,
};

use serde::Serialize;
use serde_json::{Value, json};

/// How many of the newest requests are listed individually.
const LOG: usize = 500;

/// Logs all requests except those of the control plane's own programs and the administrator, each once, when it has
/// been answered.
pub fn policy() -> Value {
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived", "ResponseStarted"],
        "rules": [
            {"level": "None", "userGroups": ["system:masters"]},
            {"level": "None", "users": ["system:apiserver", "system:anonymous"]},
            {"level": "None", "userGroups": ["system:serviceaccounts"]},
            {"level": "Metadata"},
        ],
    })
}

#[derive(Default, Serialize)]
struct User {
    total: u64,
    /// By verb and resource, or path if there is no resource.
    counters: BTreeMap<String, u64>,
}

/// The length of the log; everything before it is ignored.
pub fn length(log: &Path) -> u64 {
    std::fs::metadata(log).map(|file| file.len()).unwrap_or_default()
}

/// The requests since the log had this length.
pub fn describe(log: &Path, since: u64) -> io::Result<Value> {
    let mut bytes = Vec::new();
    match std::fs::File::open(log) {
        Ok(mut file) => {
            file.seek(io::SeekFrom::Start(since))?;
            file.read_to_end(&mut bytes)?;
        }
        // No requests yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(of_lines(&String::from_utf8_lossy(&bytes)))
}

fn of_lines(text: &str) -> Value {
    let mut users: BTreeMap<String, User> = BTreeMap::new();
    let mut log = Vec::new();
    let mut total = 0_u64;
    // The last line may be incomplete.
    for event in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let part = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let name = part("/user/username");
        let uri = part("/requestURI");
        let what = if part("/objectRef/resource").is_empty() {
            uri.split('?').next().unwrap_or_default().to_owned()
        } else {
            [("/objectRef/resource", ""), ("/objectRef/subresource", "/"), ("/objectRef/apiGroup", ".")]
                .iter()
                .filter(|(pointer, _)| !part(pointer).is_empty())
                .fold(String::new(), |whole, (pointer, before)| whole + before + part(pointer))
        };
        total += 1;
        let user = users.entry(name.to_owned()).or_default();
        user.total += 1;
        *user.counters.entry(format!("{} {what}", part("/verb"))).or_default() += 1;
        log.push(json!({
            "time": part("/requestReceivedTimestamp"),
            "user": name,
            "verb": part("/verb"),
            "path": uri,
            "status": event.pointer("/responseStatus/code"),
            "user_agent": part("/userAgent"),
        }));
    }
    let newest = log.split_off(log.len().saturating_sub(LOG));
    json!({"total": total, "users": users, "log": newest})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_user_verb_and_resource() {
        let event = |user: &str, verb: &str, uri: &str, object: Value| {
            json!({"user": {"username": user}, "verb": verb, "requestURI": uri, "objectRef": object,
                "responseStatus": {"code": 200}, "userAgent": "x"})
            .to_string()
        };
        let nodes = json!({"resource": "nodes", "apiVersion": "v1"});
        let status = json!({"resource": "daemonsets", "apiGroup": "apps", "subresource": "status"});
        let lines = [
            event("a", "list", "/api/v1/nodes?limit=500", nodes.clone()),
            event("a", "list", "/api/v1/nodes?limit=500&continue=x", nodes),
            event("a", "get", "/apis?timeout=32s", Value::Null),
            event("b", "patch", "/apis/apps/v1/namespaces/n/daemonsets/d/status", status),
            "{\"user\":".to_owned(),
        ];
        let told = of_lines(&lines.join("\n"));
        assert_eq!(told["total"], 4);
        assert_eq!(told["users"]["a"], json!({"total": 3, "counters": {"get /apis": 1, "list nodes": 2}}));
        assert_eq!(told["users"]["b"]["counters"], json!({"patch daemonsets/status.apps": 1}));
        assert_eq!(told["log"][0]["path"], "/api/v1/nodes?limit=500");
        assert_eq!(told["log"][0]["status"], 200);
    }
}
