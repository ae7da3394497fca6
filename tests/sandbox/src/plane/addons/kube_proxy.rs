//! kube-proxy. It runs on hybrid nodes too.

use serde_json::{Value, json};

use super::{Content, Facts, cluster_role_binding, configure, node_affinity, service_account, service_account_subject};

pub fn objects(facts: &Facts, content: &Content) -> Vec<Value> {
    let labels = json!({"eks.amazonaws.com/component": "kube-proxy", "k8s-app": "kube-proxy"});
    let image = facts.image(&format!("eks/kube-proxy:{}", content.version.replace("-eksbuild", "-minimal-eksbuild")));
    let mode = content.values["mode"].as_str().unwrap_or("iptables");
    let config = format!("apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: {mode}\n");
    let mut container = json!({
        "name": "kube-proxy",
        "image": image,
        "command": ["kube-proxy", "--v=2", "--config=/var/lib/kube-proxy-config/config"],
        "resources": {"requests": {"cpu": "100m"}},
        "securityContext": {"privileged": true},
        "volumeMounts": [{"name": "config", "mountPath": "/var/lib/kube-proxy-config"}],
    });
    configure(&mut container, &content.values, "resources");
    vec![
        service_account("kube-proxy", &labels),
        cluster_role_binding("eks:kube-proxy", &labels, "system:node-proxier", &service_account_subject("kube-proxy")),
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "kube-proxy-config", "namespace": "kube-system", "labels": labels},
            "data": {"config": config},
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "DaemonSet",
            "metadata": {"name": "kube-proxy", "namespace": "kube-system", "labels": labels},
            "spec": {
                "selector": {"matchLabels": {"k8s-app": "kube-proxy"}},
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
                "template": {
                    "metadata": {"labels": {"k8s-app": "kube-proxy"}},
                    "spec": {
                        "serviceAccountName": "kube-proxy",
                        "hostNetwork": true,
                        "priorityClassName": "system-node-critical",
                        "tolerations": [{"operator": "Exists"}],
                        "affinity": node_affinity(&["fargate", "auto"]),
                        "containers": [container],
                        "volumes": [{"name": "config", "configMap": {"name": "kube-proxy-config"}}],
                    },
                },
            },
        }),
    ]
}
