//! A machine that serves one cluster after the other: nothing of the one before is to be seen.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    sandbox::{Account, Cluster, Sandbox, has_kubectl, programs, text, wait_for},
    token::Token,
};

/// Every object that can be listed, without what differs between any two clusters.
fn everything(account: &Account<'_>, cluster: &Cluster<'_>) -> BTreeMap<String, Value> {
    let kinds = cluster.kubectl(&["api-resources", "--verbs=list", "--output=name"], "").unwrap();
    // Those two come and go by themselves.
    let kinds: Vec<&str> =
        kinds.lines().filter(|kind| !kind.starts_with("events") && !kind.starts_with("leases.")).collect();
    let listed = cluster.json(&["get", &kinds.join(","), "--all-namespaces"]);
    let vpc = text(&account.told["holds"]["vpc_ids"][0]);
    let mut all = BTreeMap::new();
    for object in listed["items"].as_array().unwrap() {
        let mut object = object.clone();
        let members = object.as_object_mut().unwrap();
        members.remove("status");
        let mut metadata = members.remove("metadata").unwrap();
        let generated = metadata["generateName"].as_str().map(ToOwned::to_owned);
        let mut name = generated.unwrap_or_else(|| text(&metadata["name"]));
        if object["kind"] == "ControllerRevision" {
            // The digest of a template that names the account's VPC.
            name.truncate(name.rfind('-').unwrap());
        }
        if let Some(labels) = metadata["labels"].as_object_mut() {
            labels.remove("controller-revision-hash");
        }
        let place = format!("{} {} {name}", text(&object["kind"]), metadata["namespace"]);
        let lasting = json!({"labels": metadata["labels"], "annotations": metadata["annotations"]});
        let whole = json!({"metadata": lasting, "rest": object}).to_string();
        let whole = whole.replace(&vpc, "VPC").replace(&account.id, "ACCOUNT");
        let mut whole: Value = serde_json::from_str(&whole).unwrap();
        forget_names(&mut whole);
        all.insert(place, whole);
    }
    all
}

/// Takes out what API server and controllers make up: identifiers, times and random names.
fn forget_names(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for name in [
                "uid",
                "resourceVersion",
                "creationTimestamp",
                "time",
                "endpoints.kubernetes.io/last-change-trigger-time",
            ] {
                members.remove(name);
            }
            if let Some(data) = members.get_mut("data").filter(|data| data["since"].is_string()) {
                data["since"] = Value::Null;
            }
            members.values_mut().for_each(forget_names);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_names),
        Value::String(text) if text.starts_with("kube-api-access-") => text.truncate("kube-api-access".len()),
        _ => {}
    }
}

/// Objects of many kinds; changes and deletions of what is there.
fn use_up(cluster: &Cluster<'_>) {
    for kind in ["ec2", "hybrid"] {
        let made = cluster.done("POST", "nodes", &json!({"kind": kind, "ready": "at_once"}));
        assert_eq!(made["nodes"].as_array().unwrap().len(), 1);
    }
    let kind = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.leftover.example"},
        "spec": {
            "group": "leftover.example", "scope": "Namespaced", "names": {"kind": "Thing", "plural": "things"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
        },
    });
    cluster.kubectl(&["apply", "--filename", "-"], &kind.to_string()).unwrap();
    cluster.kubectl(&["create", "namespace", "left"], "").unwrap();
    let thing = json!({"apiVersion": "leftover.example/v1", "kind": "Thing", "metadata": {"name": "one", "finalizers": ["x.example/y"]}});
    wait_for("the kind", || {
        cluster.kubectl(&["apply", "--namespace", "left", "--filename", "-"], &thing.to_string()).ok()
    });
    for arguments in [
        &["create", "deployment", "web", "--image=web", "--replicas=3", "--namespace=left"][..],
        &["create", "service", "nodeport", "web", "--tcp=80", "--namespace=left"],
        &["create", "configmap", "aws-auth", "--from-literal=mapRoles=[]", "--namespace=kube-system"],
        &["delete", "daemonset", "kube-proxy", "--namespace=kube-system"],
        &["delete", "clusterrole", "system:node-problem-detector"],
        &["label", "namespace", "default", "left=over"],
        &["annotate", "clusterrole", "system:basic-user", "left=over"],
        &["set", "env", "daemonset/aws-node", "LEFT=over", "--namespace=kube-system"],
    ] {
        cluster.kubectl(arguments, "").unwrap();
    }
    wait_for("the pods", || {
        let told = cluster.json(&["get", "deployment", "web", "--namespace=left"]);
        (told["status"]["readyReplicas"] == 3).then_some(())
    });
    cluster.done("POST", "faults", &json!({"kind": "http_500", "times": 99}));
}

#[test]
fn a_cluster_on_a_used_machine_shows_nothing_of_the_one_before() {
    let Some(programs) = programs() else { return };
    if !has_kubectl() {
        return;
    }
    let sandbox = Sandbox::start(&programs, &[]);
    let account = sandbox.account();
    let cluster = account.cluster("workshop");
    let fresh = everything(&account, &cluster);
    assert!(fresh.len() > 100, "{}", fresh.len());
    cluster.kubectl_with(&Token::usual(&account.key, "workshop").text(), &["get", "nodes"]).unwrap();
    let (machine, endpoint) = (cluster.kubeconfig.clone(), cluster.endpoint.clone());
    use_up(&cluster);
    assert_ne!(everything(&account, &cluster), fresh);
    sandbox.done("DELETE", &format!("accounts/{}", account.id), &Value::Null);

    let account = wait_for("the end of the cluster", || {
        let port = endpoint.rsplit(':').next().unwrap();
        std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_err().then(|| sandbox.account())
    });
    let cluster = account.cluster("workshop");
    assert_eq!(cluster.kubeconfig, machine);
    let again = everything(&account, &cluster);
    let differs = |place: &&String| again.get(*place) != fresh.get(*place);
    let different: Vec<&String> = fresh.keys().chain(again.keys()).filter(differs).collect();
    let shown = different.first().map(|place| (fresh.get(*place), again.get(*place)));
    assert!(different.is_empty(), "{different:?}, of which the first was and is {shown:#?}");
    assert_eq!(cluster.done("GET", "requests", &Value::Null)["total"], 0);
    assert_eq!(cluster.done("GET", "token-reviews", &Value::Null)["total"], 0);
    assert_eq!(cluster.done("GET", "faults", &Value::Null)["faults"], json!([]));
    assert_eq!(cluster.done("GET", "nodes", &Value::Null)["nodes"], json!({}));

    // It works as a fresh one: who may enter, and what controllers, scheduler and kubelets do.
    cluster.kubectl_with(&Token::usual(&account.key, "workshop").text(), &["get", "nodes"]).unwrap();
    let made = cluster.done("POST", "nodes", &json!({"kind": "ec2"}));
    let node = text(&made["nodes"][0]);
    wait_for("a Ready node", || (cluster.ready(&node) == "True").then_some(()));

    // A policy takes effect when the API server sees fit, and ends so: such a machine is not used again.
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "none"},
        "spec": {
            "matchConstraints": {"resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]},
            ]},
            "validations": [{"expression": "false"}],
        },
    });
    cluster.kubectl(&["apply", "--filename", "-"], &policy.to_string()).unwrap();
    let endpoint = cluster.endpoint.clone();
    sandbox.done("DELETE", &format!("accounts/{}", account.id), &Value::Null);
    let account = wait_for("the end of the cluster", || {
        let port = endpoint.rsplit(':').next().unwrap();
        std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_err().then(|| sandbox.account())
    });
    assert_ne!(account.cluster("workshop").kubeconfig, machine);
}
