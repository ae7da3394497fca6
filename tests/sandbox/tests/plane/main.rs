//! Real control planes of the sandbox: who gets access, with which permissions, and how nodes become Ready.
//!
//! Skipped, with a message, if the programs are not built or kubectl is missing.

// A test fails by panicking, including in its helpers.
#![allow(clippy::unwrap_used)]

mod addons;
mod again;
mod front;
mod hosts;
mod nodeadm;
mod nodegroups;
mod pods;
mod sandbox;
mod token;
mod whole;

use serde_json::{Value, json};

use crate::{
    sandbox::{Sandbox, has_kubectl, programs, shared, text, wait_for},
    token::{Key, Token, wrap},
};

#[test]
fn a_token_is_judged_as_eks_judges_it() {
    let Some(programs) = programs() else { return };
    let account = shared(&programs).account();
    let cluster = account.cluster("workshop");
    let key = &account.key;
    let usual = || Token::usual(key, "workshop");

    let status = cluster.review(&usual().text());
    assert_eq!(status["authenticated"], true, "{status}");
    assert_eq!(status["user"]["username"], account.told["principal_arn"]);
    assert_eq!(status["user"]["groups"], json!(["eks:access-policy:cluster-admin"]));
    assert_eq!(status["user"]["extra"]["arn"], json!([account.told["principal_arn"]]));
    // Minutes after X-Amz-Expires, and from the global endpoint.
    // Old versions of aws-iam-authenticator sign 60 nanoseconds.
    for token in [Token { age: 800, ..usual() }, Token { expires: 900, ..usual() }, Token { expires: 0, ..usual() }] {
        assert_eq!(cluster.review(&token.text())["authenticated"], true);
    }
    // A host's session, through the access entry of its role.
    assert_eq!(cluster.username(&account.principal("hybrid-nodes", Some(3600))), "system:node:sandbox");

    let stranger = Key { id: "AKIAAAAAAAAAAAAAAAAA".into(), ..key.clone() };
    let forger = Key { secret: "x".repeat(40), ..key.clone() };
    let without_entry = account.principal("limited", None);
    let ended = account.principal("hybrid-nodes", Some(-1));
    let elsewhere = shared(&programs).account();
    let url = usual().url();
    for (token, expected) in [
        (Token { age: 901, ..usual() }.text(), "accepted until 15 minutes"),
        (Token { cluster: Some("other"), ..usual() }.text(), "refuses the signature for this cluster"),
        (Token { cluster: None, ..usual() }.text(), "x-k8s-aws-id is not signed"),
        (Token { host: "sts.example.com", ..usual() }.text(), "`sts.example.com` is not a host of STS"),
        (Token { host: "sts.eu-west-1.amazonaws.com", ..usual() }.text(), "scope is not that of the host"),
        (Token { action: "AssumeRole", ..usual() }.text(), "not GetCallerIdentity"),
        (Token { expires: 901, ..usual() }.text(), "X-Amz-Expires is `901`"),
        (Token { more: &[("RoleArn", "x")], ..usual() }.text(), "`rolearn` is not one of a token"),
        (Token { age: -1000, ..usual() }.text(), "not yet current"),
        (Token::usual(&stranger, "workshop").text(), "access key is unknown"),
        (Token::usual(&forger, "workshop").text(), "refuses the signature"),
        (Token::usual(&ended, "workshop").text(), "have expired"),
        (Token::usual(&without_entry, "workshop").text(), "user/limited has no access entry"),
        (Token::usual(&elsewhere.key, "workshop").text(), "has no access entry"),
        (wrap(&url.replace("Version=2011-06-15", "Version=2011-06-16")), "refuses the signature"),
        (wrap(&format!("{url}&Action=GetCallerIdentity")), "`action` is not one of a token, or is there twice"),
        (wrap(&url.replace("https://", "http://")), "not an https URL"),
        (usual().text().replace("k8s-aws-v1.", "k8s-aws-v2."), "does not begin with"),
        ("k8s-aws-v1.%%%".to_owned(), "not base64"),
    ] {
        let status = cluster.review(&token);
        assert_eq!(status["authenticated"], false, "{expected}");
        let error = text(&status["error"]);
        assert!(error.contains(expected), "{error} instead of {expected}");
    }
    let reviews = cluster.done("GET", "token-reviews", &Value::Null);
    assert_eq!((&reviews["total"], &reviews["refused"]), (&json!(24), &json!(19)));
}

#[test]
fn a_cluster_of_create_cluster_is_reached_with_a_token_and_as_its_policies_allow() {
    let Some(programs) = programs() else { return };
    if !has_kubectl() {
        return;
    }
    let account = shared(&programs).account();
    account.sandbox.done("POST", &format!("accounts/{}/settings", account.id), &json!({"control_plane": true}));
    let wanted = json!({
        "name": "made",
        "roleArn": format!("arn:aws:iam::{}:role/eks-cluster", account.id),
        "resourcesVpcConfig": {"subnetIds": account.told["holds"]["subnet_ids"]},
        "accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"},
        "bootstrapSelfManagedAddons": false,
    });
    let made = account.eks("POST", "/clusters", &wanted);
    assert_eq!(made["cluster"]["status"], "CREATING");
    wait_for("the cluster's being ACTIVE", || {
        let told = account.eks("GET", "/clusters/made", &Value::Null);
        assert_ne!(told["cluster"]["status"], "FAILED");
        (told["cluster"]["status"] == "ACTIVE").then_some(())
    });
    let cluster = account.cluster("made");
    let token = Token::usual(&account.key, "made").text();

    let version: Value =
        serde_json::from_str(&cluster.kubectl_with(&token, &["get", "--raw", "/version"]).unwrap()).unwrap();
    assert_eq!(version["gitVersion"], "v1.34.3-eks-f69f56f");
    assert_eq!(cluster.json(&["get", "daemonsets", "--all-namespaces"])["items"], json!([]));

    // Requests are listed, except those of the administrator and the control plane.
    cluster.kubectl_with(&token, &["get", "configmaps", "--namespace", "default"]).unwrap();
    let user = text(&account.told["principal_arn"]);
    let asked = wait_for("the request in the log", || {
        let told = cluster.done("GET", "requests", &Value::Null)["users"].clone();
        told[&user]["counters"]["list configmaps"].is_number().then_some(told)
    });
    assert_eq!(asked[&user]["counters"]["list configmaps"], 1);
    assert_eq!(asked.as_object().unwrap().len(), 1, "{asked}");
    cluster.done("DELETE", "requests", &Value::Null);
    assert_eq!(cluster.done("GET", "requests", &Value::Null)["total"], 0);

    // Another user: first without access, then through the aws-auth map, then through an access entry, which takes
    // precedence over the map.
    let ann = account.principal("ann", None);
    // The API server caches an accepted token, so each request uses another one: dates only increase.
    let asked = std::cell::Cell::new(0);
    let can = |verb: &str, what: &str, namespace: &str| {
        asked.set(asked.get() + 1);
        let token = Token { age: -asked.get(), ..Token::usual(&ann, "made") }.text();
        cluster.kubectl_with(&token, &["auth", "can-i", verb, what, "--namespace", namespace])
    };
    let refused = can("get", "pods", "default").unwrap_err();
    assert!(refused.contains("Unauthorized") || refused.contains("must be logged in"), "{refused}");
    let arn = format!("arn:aws:iam::{}:user/ann", account.id);
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": {"mapUsers": format!("- userarn: {arn}\n  username: ann\n  groups:\n  - system:masters\n")},
    });
    cluster.kubectl(&["apply", "--filename", "-"], &map.to_string()).unwrap();
    assert_eq!(cluster.username(&ann), "ann");
    assert_eq!(can("delete", "nodes", "default").unwrap().trim(), "yes");
    account.eks("POST", "/clusters/made/access-entries", &json!({"principalArn": arn, "username": "ann-by-entry"}));
    assert_eq!(cluster.username(&ann), "ann-by-entry");
    assert!(can("get", "pods", "default").is_err());
    let policies =
        format!("/clusters/made/access-entries/{}/access-policies", arn.replace(':', "%3A").replace('/', "%2F"));
    let policy = |name: &str, scope: Value| {
        let arn = format!("arn:aws:eks::aws:cluster-access-policy/{name}");
        account.eks("POST", &policies, &json!({"policyArn": arn, "accessScope": scope}));
    };
    policy("AmazonEKSEditPolicy", json!({"type": "namespace", "namespaces": ["default"]}));
    assert_eq!(wait_for("the right in a namespace", || can("create", "pods", "default").ok()).trim(), "yes");
    assert!(can("create", "pods", "kube-system").is_err());
    policy("AmazonEKSClusterAdminPolicy", json!({"type": "cluster"}));
    assert_eq!(can("create", "pods", "kube-system").unwrap().trim(), "yes");

    // The account's clock applies to a token created earlier.
    let old = Token { age: 1, ..Token::usual(&account.key, "made") }.text();
    assert_eq!(cluster.review(&old)["authenticated"], true);
    account.sandbox.done("POST", &format!("accounts/{}/clock", account.id), &json!({"advance_seconds": 901}));
    assert!(text(&cluster.review(&old)["error"]).contains("accepted until 15 minutes"));
    assert_eq!(cluster.username(&account.key), text(&account.told["principal_arn"]));

    // A restart keeps endpoint and objects; the end of the cluster ends the control plane.
    let restarted = cluster.done("POST", "control-plane/restart", &Value::Null);
    assert_eq!(restarted["endpoint"], cluster.endpoint);
    assert!(cluster.kubectl(&["get", "configmap", "aws-auth", "--namespace", "kube-system"], "").is_ok());
    account.eks("DELETE", "/clusters/made", &Value::Null);
    wait_for("the end of the control plane", || cluster.kubectl(&["get", "nodes"], "").err());
}

#[test]
fn nodes_wait_for_what_their_cni_needs() {
    let Some(programs) = programs() else { return };
    if !has_kubectl() {
        return;
    }
    let account = shared(&programs).account();
    let cluster = account.cluster("workshop");
    let make = |wanted: Value| {
        let made = cluster.done("POST", "nodes", &wanted);
        made["nodes"].as_array().unwrap().iter().map(text).collect::<Vec<_>>()
    };
    let becomes = |node: &str, status: &str| {
        wait_for(&format!("Ready={status} of {node}"), || (cluster.ready(node) == status).then_some(()));
    };

    // EC2: aws-node is sufficient.
    let [first] = &make(json!({"kind": "ec2", "zone": "us-west-2b", "node_group": "blue"}))[..] else { panic!() };
    becomes(first, "True");
    let node = cluster.json(&["get", "node", first]);
    assert_eq!(node["metadata"]["labels"]["topology.kubernetes.io/zone"], "us-west-2b");
    assert_eq!(node["metadata"]["labels"]["eks.amazonaws.com/nodegroup"], "blue");
    assert!(text(&node["spec"]["providerID"]).starts_with("aws:///us-west-2b/i-0"));
    wait_for("coredns", || {
        let told = cluster.json(&["get", "deployment", "coredns", "--namespace", "kube-system"]);
        (told["status"]["readyReplicas"] == 2).then_some(())
    });

    // EC2 with custom networking: not before its ENIConfig exists.
    let set = ["set", "env", "daemonset/aws-node", "--namespace", "kube-system"];
    let on = ["AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG=true", "ENI_CONFIG_LABEL_DEF=topology.kubernetes.io/zone"];
    cluster.kubectl(&[&set[..], &on].concat(), "").unwrap();
    cluster.kubectl(&["rollout", "status", "daemonset/aws-node", "--namespace", "kube-system"], "").unwrap();
    let [second] = &make(json!({"kind": "ec2", "zone": "us-west-2a"}))[..] else { panic!() };
    wait_for("the ENIConfig's being missed", || {
        let missed = &cluster.done("GET", "nodes", &Value::Null)["nodes"][second]["missed_eniconfigs"];
        (missed == &json!(["us-west-2a"])).then_some(())
    });
    assert_eq!(cluster.ready(second), "False");
    let eniconfig = json!({
        "apiVersion": "crd.k8s.amazonaws.com/v1alpha1", "kind": "ENIConfig", "metadata": {"name": "us-west-2a"},
        "spec": {"subnet": account.told["holds"]["subnet_ids"][0]},
    });
    cluster.kubectl(&["apply", "--filename", "-"], &eniconfig.to_string()).unwrap();
    becomes(second, "True");
    assert_eq!(cluster.done("GET", "nodes", &Value::Null)["nodes"][second]["eniconfig"], "us-west-2a");

    // A hybrid host: aws-node does not run on it, a CNI's DaemonSet does.
    let [hybrid] = &make(json!({"kind": "hybrid"}))[..] else { panic!() };
    let told = wait_for("a node that kwok plays", || {
        let pods =
            cluster.json(&["get", "pods", "--all-namespaces", "--field-selector", &format!("spec.nodeName={hybrid}")]);
        let pods = pods["items"].as_array().unwrap().clone();
        pods.iter().any(|pod| pod["status"]["phase"] == "Running").then_some(pods)
    });
    assert!(told.iter().all(|pod| pod["metadata"]["labels"]["k8s-app"] == "kube-proxy"), "{told:?}");
    assert_eq!(cluster.ready(hybrid), "False");
    let node = cluster.json(&["get", "node", hybrid]);
    assert_eq!(node["metadata"]["labels"]["eks.amazonaws.com/compute-type"], "hybrid");
    assert_eq!(text(&node["spec"]["providerID"]), format!("eks-hybrid:///us-west-2/workshop/{hybrid}"));
    let cilium = json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "cilium", "namespace": "kube-system"},
        "spec": {
            "selector": {"matchLabels": {"k8s-app": "cilium"}},
            "template": {
                "metadata": {"labels": {"k8s-app": "cilium"}},
                "spec": {
                    "hostNetwork": true,
                    "tolerations": [{"operator": "Exists"}],
                    "nodeSelector": {"eks.amazonaws.com/compute-type": "hybrid"},
                    "containers": [{"name": "cilium-agent", "image": "cilium"}],
                },
            },
        },
    });
    cluster.kubectl(&["apply", "--filename", "-"], &cilium.to_string()).unwrap();
    becomes(hybrid, "True");

    // Nodes with `ready: told` change only on request.
    let [told] = &make(json!({"kind": "ec2", "ready": "told"}))[..] else { panic!() };
    assert_eq!(cluster.ready(told), "False");
    cluster.done("POST", &format!("nodes/{told}"), &json!({"ready": true}));
    assert_eq!(cluster.ready(told), "True");
}

#[test]
fn nothing_outlives_a_sandbox_however_it_ends() {
    let Some(programs) = programs() else { return };
    for signal in ["TERM", "KILL"] {
        let folder = std::env::temp_dir().join(format!("plane-test-{}-{signal}", std::process::id()));
        let file = folder.join("kubeconfig").display().to_string();
        let mut sandbox = Sandbox::start(&programs, &["--kubeconfig", &file]);
        assert_eq!(sandbox.line["kubeconfig"], file.as_str());
        let kubeconfig: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let port = text(&kubeconfig["clusters"][0]["cluster"]["server"]).rsplit(':').next().unwrap().to_owned();
        let address = format!("127.0.0.1:{port}");
        assert!(std::net::TcpStream::connect(&address).is_ok());
        let id = sandbox.child.id().to_string();
        let children = children_of(&id);
        assert_eq!(children.len(), 5, "{children:?}");
        assert!(std::process::Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        sandbox.child.wait().unwrap();
        wait_for("the end of the API server", || std::net::TcpStream::connect(&address).err());
        wait_for("the end of all", || children.iter().all(|child| !is_running(child)).then_some(()));
    }
}

/// Process IDs of all children of a process, of all its threads.
fn children_of(id: &str) -> Vec<String> {
    let run = std::process::Command::new("ps").args(["-o", "pid=", "--ppid", id]).output().unwrap();
    String::from_utf8(run.stdout).unwrap().split_whitespace().map(ToOwned::to_owned).collect()
}

fn is_running(id: &str) -> bool {
    let run = std::process::Command::new("ps").args(["-o", "stat=", "-p", id]).output().unwrap();
    let state = String::from_utf8(run.stdout).unwrap();
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

#[test]
fn what_is_wrong_is_refused_with_its_reason() {
    let Some(programs) = programs() else { return };
    let sandbox = shared(&programs);
    let account = sandbox.account();
    let path = |rest: &str| format!("accounts/{}/clusters/{rest}", account.id);
    for (method, rest, body, status, expected) in [
        ("POST", "none/control-plane", Value::Null, 404, "there is no cluster `none`"),
        ("GET", "workshop/kubeconfig", Value::Null, 404, "has no control plane"),
        ("POST", "workshop/nodes", json!({"kind": "ec2"}), 404, "has no control plane"),
        // From here on it has a control plane.
        ("POST", "workshop/control-plane", Value::Null, 200, ""),
        ("POST", "workshop/nodes", json!({"kind": "fargate"}), 400, "the body is not as documented"),
        ("POST", "workshop/nodes", json!({"kind": "ec2", "zone": "us-west-2c"}), 400, "no subnet in that zone"),
        ("POST", "workshop/nodes", json!({"kind": "ec2", "count": 5001}), 400, "at most 5000"),
        ("POST", "workshop/nodes", json!({"kind": "hybrid", "names": ["No Name"]}), 422, "Invalid value"),
        ("POST", "workshop/nodes/none", json!({"ready": true}), 404, "not found"),
        ("POST", "workshop/token-reviews", Value::Null, 404, "there is no POST"),
    ] {
        let (was, answer) = sandbox.control(method, &path(rest), &body);
        assert_eq!(was, status, "{answer}");
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.contains(expected), "{error} instead of {expected}");
    }
}
