//! Kubeconfig files. JSON is YAML, so no YAML writer is needed.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::certificates::Pair;

/// The kubeconfig of a user with a client certificate. `authority` is PEM.
pub fn of_certificate(cluster: &str, endpoint: &str, authority: &str, user: &str, pair: &Pair) -> String {
    render(
        cluster,
        user,
        &json!({"server": endpoint, "certificate-authority-data": STANDARD.encode(authority)}),
        &json!({
            "client-certificate-data": STANDARD.encode(&pair.certificate),
            "client-key-data": STANDARD.encode(&pair.key),
        }),
    )
}

/// The API server's configuration for the token webhook. `url` may be plain HTTP: it is on loopback.
pub fn of_webhook(url: &str) -> String {
    render("token-review", "kube-apiserver", &json!({"server": url}), &json!({}))
}

fn render(cluster: &str, user: &str, server: &serde_json::Value, credentials: &serde_json::Value) -> String {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": server}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        "current-context": cluster,
    });
    format!("{config:#}\n")
}
