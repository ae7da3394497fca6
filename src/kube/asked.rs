//! What a request asks of an API server, in RBAC's words. Source: Kubernetes, "Authorization", "Determine the request
//! verb".

use http::Method;

/// The verb, and what it is about: `NAMESPACE:RESOURCE.GROUP/SUBRESOURCE` without the parts that it does not have, or a
/// path that is no resource's.
pub(super) fn asked(method: &Method, path_and_query: &str) -> (&'static str, String) {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (group, rest) = match parts.as_slice() {
        ["api", _, rest @ ..] if !rest.is_empty() => ("", rest),
        ["apis", group, _, rest @ ..] if !rest.is_empty() => (*group, rest),
        _ => {
            // The verb of a path that is no resource's is the method.
            let verb = if *method == Method::GET { "get" } else { "post" };
            return (verb, path.to_owned());
        }
    };
    let (namespace, rest) = match rest {
        // The namespace itself is the object.
        ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => (None, rest),
        ["namespaces", namespace, rest @ ..] => (Some(*namespace), rest),
        _ => (None, rest),
    };
    let is_collection = rest.len() == 1;
    let verb = match *method {
        Method::GET if query.split('&').any(|part| part == "watch=true" || part == "watch=1") => "watch",
        Method::GET if is_collection => "list",
        Method::GET => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        _ if is_collection => "deletecollection",
        _ => "delete",
    };
    let mut on = namespace.map(|namespace| format!("{namespace}:")).unwrap_or_default();
    on.push_str(rest.first().unwrap_or(&""));
    if !group.is_empty() {
        on.push('.');
        on.push_str(group);
    }
    if let Some(subresource) = rest.get(2) {
        on.push('/');
        on.push_str(subresource);
    }
    (verb, on)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_in_the_words_of_rbac() {
        for (method, path, verb, on) in [
            (Method::GET, "/version", "get", "/version"),
            (Method::GET, "/apis/apps/v1", "get", "/apis/apps/v1"),
            (Method::GET, "/api/v1", "get", "/api/v1"),
            (Method::GET, "/api/v1/nodes?limit=500", "list", "nodes"),
            (Method::GET, "/api/v1/nodes?watch=true&limit=1", "watch", "nodes"),
            (Method::GET, "/api/v1/nodes/a", "get", "nodes"),
            (Method::GET, "/api/v1/namespaces", "list", "namespaces"),
            (Method::GET, "/api/v1/namespaces/x", "get", "namespaces"),
            (Method::GET, "/api/v1/namespaces/x/pods", "list", "x:pods"),
            (Method::POST, "/api/v1/namespaces/x/pods/p/eviction", "create", "x:pods/eviction"),
            (Method::DELETE, "/api/v1/namespaces/x/pods?labelSelector=a", "deletecollection", "x:pods"),
            (Method::DELETE, "/apis/apps/v1/namespaces/x/daemonsets/d", "delete", "x:daemonsets.apps"),
            (
                Method::PATCH,
                "/apis/crd.k8s.amazonaws.com/v1alpha1/eniconfigs/a",
                "patch",
                "eniconfigs.crd.k8s.amazonaws.com",
            ),
            (
                Method::PUT,
                "/apis/certificates.k8s.io/v1/certificatesigningrequests/c/approval",
                "update",
                "certificatesigningrequests.certificates.k8s.io/approval",
            ),
        ] {
            assert_eq!(asked(&method, path), (verb, on.to_owned()), "{method} {path}");
        }
    }
}
