//! Faults of an API server: which requests they affect, how often, and what the client sees.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::moment::Moment;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 429 with Retry-After, as from the API server's own flow control.
    Throttling,
    #[serde(rename = "http_500")]
    Http500,
    #[serde(rename = "http_503")]
    Http503,
    /// The connection is reset; nothing is done.
    Reset,
    /// The request is processed; the response is delayed.
    Slow,
    /// The request is processed, then the connection is reset instead of a response.
    DropAfterWork,
    /// The request is processed; the connection ends in the middle of the response.
    Cut,
}

/// Body of `POST …/faults`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    kind: Kind,
    #[serde(default)]
    skip: u64,
    times: Option<u64>,
    seconds: Option<i64>,
    /// Kubernetes verbs; empty means all.
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    path_prefix: String,
    /// A substring of the User-Agent header.
    #[serde(default)]
    user_agent: String,
    milliseconds: Option<u64>,
    retry_after_seconds: Option<u64>,
}

#[derive(Clone, Serialize)]
pub struct Fault {
    id: String,
    pub kind: Kind,
    skip: u64,
    /// Requests left; `None` if the fault ends by time.
    times: Option<u64>,
    until: Option<Moment>,
    verbs: Vec<String>,
    path_prefix: String,
    user_agent: String,
    pub milliseconds: u64,
    pub retry_after_seconds: u64,
    /// Requests affected so far.
    hits: u64,
}

/// The request properties that a fault checks.
pub struct Asked<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub user_agent: &'a str,
}

/// The faults of one API server, including past ones.
#[derive(Default)]
pub struct Faults {
    all: Vec<Fault>,
    made: u64,
}

const VERBS: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

impl Faults {
    /// Adds a fault and returns its name; the error is the message for the caller.
    pub fn add(&mut self, wanted: Wanted) -> Result<String, String> {
        if wanted.times.is_some() == wanted.seconds.is_some() {
            return Err("give `times` or `seconds`, one of them".to_owned());
        }
        if (wanted.kind == Kind::Slow) != wanted.milliseconds.is_some() {
            return Err("`milliseconds` belongs to the kind `slow`, and to no other".to_owned());
        }
        if wanted.retry_after_seconds.is_some() && wanted.kind != Kind::Throttling {
            return Err("`retry_after_seconds` belongs to the kind `throttling`".to_owned());
        }
        if let Some(verb) = wanted.verbs.iter().find(|verb| !VERBS.contains(&verb.as_str())) {
            return Err(format!("`{verb}` is not a verb; there are {}", VERBS.join(", ")));
        }
        self.made += 1;
        let id = format!("fault-{}", self.made);
        self.all.push(Fault {
            id: id.clone(),
            kind: wanted.kind,
            skip: wanted.skip,
            times: wanted.times,
            until: wanted.seconds.map(|seconds| Moment::now().plus_seconds(seconds)),
            verbs: wanted.verbs,
            path_prefix: wanted.path_prefix,
            user_agent: wanted.user_agent,
            milliseconds: wanted.milliseconds.unwrap_or_default(),
            retry_after_seconds: wanted.retry_after_seconds.unwrap_or(1),
            hits: 0,
        });
        Ok(id)
    }

    pub fn clear(&mut self) {
        self.all.clear();
    }

    /// False = there is no fault with that name.
    pub fn end(&mut self, id: &str) -> bool {
        let before = self.all.len();
        self.all.retain(|fault| fault.id != id);
        self.all.len() != before
    }

    pub fn describe(&self) -> Value {
        serde_json::json!(self.all)
    }

    /// The fault that affects a request, if any.
    pub fn strike(&mut self, asked: &Asked<'_>, now: Moment) -> Option<Fault> {
        for fault in &mut self.all {
            let over = fault.times == Some(0) || fault.until.is_some_and(|until| now >= until);
            let hits = (fault.verbs.is_empty() || fault.verbs.iter().any(|verb| verb == verb_of(asked)))
                && asked.path.starts_with(&fault.path_prefix)
                && asked.user_agent.contains(&fault.user_agent);
            if over || !hits {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if let Some(times) = &mut fault.times {
                *times -= 1;
            }
            fault.hits += 1;
            return Some(fault.clone());
        }
        None
    }
}

/// The Kubernetes verb of a request.
fn verb_of(asked: &Asked<'_>) -> &'static str {
    let named = names_an_object(asked.path);
    match asked.method {
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" if named == Some(false) => "deletecollection",
        "DELETE" => "delete",
        _ if form_urlencoded::parse(asked.query.as_bytes())
            .any(|(name, value)| name == "watch" && (value == "true" || value == "1")) =>
        {
            "watch"
        }
        _ if named == Some(false) => "list",
        _ => "get",
    }
}

/// Whether a resource path names one object rather than all objects of a kind; `None` = not a resource path.
fn names_an_object(path: &str) -> Option<bool> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (["api", _, rest @ ..] | ["apis", _, _, rest @ ..]) = &segments[..] else {
        return None;
    };
    match rest {
        [] => None,
        // For a namespace itself, the subresources are `status` and `finalize`.
        ["namespaces", _, "status" | "finalize"] => Some(true),
        ["namespaces", _, _, more @ ..] | [_, more @ ..] => Some(!more.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_those_of_kubernetes() {
        for (method, path, query, expected) in [
            ("GET", "/api/v1/nodes", "limit=500", "list"),
            ("GET", "/api/v1/nodes", "watch=true", "watch"),
            ("GET", "/api/v1/nodes/n", "", "get"),
            ("GET", "/api/v1/namespaces", "", "list"),
            ("GET", "/api/v1/namespaces/n", "", "get"),
            ("GET", "/api/v1/namespaces/n/pods", "", "list"),
            ("GET", "/apis/apps/v1/namespaces/n/daemonsets/d", "", "get"),
            ("GET", "/apis/apps/v1", "", "get"),
            ("GET", "/version", "", "get"),
            ("POST", "/api/v1/nodes", "", "create"),
            ("PUT", "/api/v1/nodes/n/status", "", "update"),
            ("PATCH", "/api/v1/nodes/n", "", "patch"),
            ("DELETE", "/api/v1/nodes/n", "", "delete"),
            ("DELETE", "/api/v1/nodes", "", "deletecollection"),
        ] {
            assert_eq!(verb_of(&Asked { method, path, query, user_agent: "" }), expected, "{method} {path}?{query}");
        }
    }

    #[test]
    fn a_fault_hits_what_it_names_as_often_as_it_says() {
        let asked = Asked { method: "PATCH", path: "/api/v1/nodes/n", query: "", user_agent: "kubectl/v1" };
        for (wanted, expected) in [
            (r#"{"kind": "reset", "times": 2}"#, [true, true, false]),
            (r#"{"kind": "reset", "times": 1, "skip": 1}"#, [false, true, false]),
            (r#"{"kind": "reset", "times": 1, "verbs": ["get"]}"#, [false; 3]),
            (r#"{"kind": "reset", "times": 1, "verbs": ["get", "patch"]}"#, [true, false, false]),
            (r#"{"kind": "reset", "times": 9, "path_prefix": "/api/v1/pods"}"#, [false; 3]),
            (r#"{"kind": "reset", "times": 9, "path_prefix": "/api/v1/"}"#, [true; 3]),
            (r#"{"kind": "reset", "times": 9, "user_agent": "terraform"}"#, [false; 3]),
            (r#"{"kind": "reset", "seconds": 60}"#, [true; 3]),
            (r#"{"kind": "reset", "seconds": 0}"#, [false; 3]),
        ] {
            let mut faults = Faults::default();
            faults.add(serde_json::from_str(wanted).unwrap()).unwrap();
            let seen = [(); 3].map(|()| faults.strike(&asked, Moment::now()).is_some());
            assert_eq!(seen, expected, "{wanted}");
            let hits = seen.iter().filter(|hit| **hit).count();
            assert_eq!(faults.describe()[0]["hits"], hits, "{wanted}");
        }
        for wrong in [
            r#"{"kind": "reset"}"#,
            r#"{"kind": "reset", "times": 1, "seconds": 1}"#,
            r#"{"kind": "slow", "times": 1}"#,
            r#"{"kind": "reset", "times": 1, "milliseconds": 1}"#,
            r#"{"kind": "reset", "times": 1, "retry_after_seconds": 1}"#,
            r#"{"kind": "reset", "times": 1, "verbs": ["GET"]}"#,
        ] {
            assert!(Faults::default().add(serde_json::from_str(wrong).unwrap()).is_err(), "{wrong}");
        }
    }
}
