//! coredns and the service kube-dns.

use serde_json::{Value, json};

use super::{Content, Facts, cluster_role, cluster_role_binding, configure, service_account, service_account_subject};

const COREFILE: &str = "\
.:53 {
    errors
    health {
        lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
    }
    prometheus :9153
    forward . /etc/resolv.conf
    cache 30
    loop
    reload
    loadbalance
}
";

pub fn objects(facts: &Facts, content: &Content) -> Vec<Value> {
    let corefile = content.values["corefile"].as_str().unwrap_or(COREFILE);
    let labels =
        json!({"eks.amazonaws.com/component": "coredns", "k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS"});
    let rules = json!([
        {"apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]);
    let port = |name: &str, port: u16, protocol: &str| json!({"name": name, "port": port, "protocol": protocol, "targetPort": port});
    vec![
        service_account("coredns", &labels),
        cluster_role("system:coredns", &labels, &rules),
        cluster_role_binding("system:coredns", &labels, "system:coredns", &service_account_subject("coredns")),
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "coredns", "namespace": "kube-system", "labels": labels},
            "data": {"Corefile": corefile},
        }),
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": "kube-dns", "namespace": "kube-system",
                "labels": {"eks.amazonaws.com/component": "kube-dns", "k8s-app": "kube-dns",
                    "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"},
            },
            "spec": {
                "clusterIP": facts.dns_address,
                "selector": {"k8s-app": "kube-dns"},
                "ports": [port("dns", 53, "UDP"), port("dns-tcp", 53, "TCP"), port("metrics", 9153, "TCP")],
            },
        }),
        deployment(facts, content, &labels),
    ]
}

fn deployment(facts: &Facts, content: &Content, labels: &Value) -> Value {
    let values = &content.values;
    let mut container = json!({
        "name": "coredns",
        "image": facts.image(&format!("eks/coredns:{}", content.version)),
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
            {"name": "metrics", "containerPort": 9153, "protocol": "TCP"},
        ],
        "resources": {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}},
        "volumeMounts": [{"name": "config-volume", "mountPath": "/etc/coredns", "readOnly": true}],
    });
    configure(&mut container, values, "resources");
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "coredns", "namespace": "kube-system", "labels": labels},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"eks.amazonaws.com/component": "coredns", "k8s-app": "kube-dns"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}},
            "template": {
                "metadata": {"labels": {"eks.amazonaws.com/component": "coredns", "k8s-app": "kube-dns"}},
                "spec": {
                    "serviceAccountName": "coredns",
                    "dnsPolicy": "Default",
                    "priorityClassName": "system-cluster-critical",
                    "tolerations": [
                        {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
                        {"key": "CriticalAddonsOnly", "operator": "Exists"},
                    ],
                    "containers": [container],
                    "volumes": [{
                        "name": "config-volume",
                        "configMap": {"name": "coredns", "items": [{"key": "Corefile", "path": "Corefile"}]},
                    }],
                },
            },
        },
    });
    let spec = &mut object["spec"];
    if let Some(count) = values["replicaCount"].as_u64() {
        spec["replicas"] = count.into();
    }
    let pod = &mut spec["template"]["spec"];
    for member in ["affinity", "nodeSelector", "tolerations", "topologySpreadConstraints"] {
        configure(pod, values, member);
    }
    object
}
