//! The structs that templates can hold, as Go prints them.

use crate::template::value::{Object, Value};

/// The result of `String()` or `Error()`, for types that have it.
pub(super) fn stringer(object: &Object) -> Option<String> {
    match object {
        Object::Version { version, .. } => Some(version.to_string()),
        Object::Time(time) => Some(time.to_string()),
        _ => None,
    }
}

/// The fields of a struct in Go's order.
pub(crate) fn fields(object: &Object) -> Vec<(&'static str, Value)> {
    let text = |text: &str| Value::text(text);
    match object {
        Object::Capabilities { kube_version, api_versions, helm_version } => vec![
            ("KubeVersion", kube_version.clone()),
            ("APIVersions", api_versions.clone()),
            ("HelmVersion", helm_version.clone()),
        ],
        Object::KubeVersion { version, normalized, major, minor } => vec![
            ("Version", text(version)),
            ("normalizedVersion", text(normalized)),
            ("Major", text(major)),
            ("Minor", text(minor)),
        ],
        Object::HelmVersion { version, git_commit, git_tree_state, go_version, kube_client_version } => vec![
            ("Version", text(version)),
            ("GitCommit", text(git_commit)),
            ("GitTreeState", text(git_tree_state)),
            ("GoVersion", text(go_version)),
            ("KubeClientVersion", text(kube_client_version)),
        ],
        Object::Certificate { certificate, key } => {
            vec![("Cert", Value::Text(certificate.clone())), ("Key", Value::Text(key.clone()))]
        }
        Object::Version { .. } | Object::Time(_) => Vec::new(),
    }
}
