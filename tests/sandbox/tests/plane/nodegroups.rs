//! Node groups of a real cluster: nodes created, waited for, timed out, deleted.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::sandbox::{Account, has_kubectl, programs, shared, text, wait_for};

fn settings(account: &Account<'_>, wanted: &Value) {
    account.sandbox.done("POST", &format!("accounts/{}/settings", account.id), wanted);
}

fn told(account: &Account<'_>, name: &str) -> Value {
    account.eks("GET", &format!("/clusters/workshop/node-groups/{name}"), &Value::Null)["nodegroup"].clone()
}

#[test]
fn a_node_group_is_active_when_its_nodes_are_ready() {
    let Some(programs) = programs() else { return };
    if !has_kubectl() {
        return;
    }
    let account = shared(&programs).account();
    account.sandbox.done(
        "POST",
        &format!("accounts/{}/roles", account.id),
        &json!({"name": "nodes", "trust_services": ["ec2.amazonaws.com"]}),
    );
    let cluster = account.cluster("workshop");
    let subnet = &account.told["holds"]["subnet_ids"][1];
    let dump = account.sandbox.done("GET", &format!("accounts/{}/dump", account.id), &Value::Null);
    let zone = dump["regions"]["us-west-2"]["ec2"]["subnets"][text(subnet)]["availabilityZone"].clone();
    let create = |name: &str, more: Value| {
        let mut wanted = json!({
            "nodegroupName": name,
            "nodeRole": format!("arn:aws:iam::{}:role/nodes", account.id),
            "subnets": [subnet],
            "scalingConfig": {"minSize": 0, "maxSize": 3, "desiredSize": 2},
        });
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        account.eks("POST", "/clusters/workshop/node-groups", &wanted)
    };
    let becomes = |name: &str, status: &str| {
        wait_for(&format!("{name}'s being {status}"), || {
            let told = told(&account, name);
            (told["status"] == status).then_some(told)
        })
    };
    let nodes = |name: &str| {
        let label = format!("eks.amazonaws.com/nodegroup={name}");
        cluster.json(&["get", "nodes", "--selector", &label])["items"].as_array().unwrap().clone()
    };

    let taint = json!({"key": "t", "value": "v", "effect": "NO_SCHEDULE"});
    create("blue", json!({"labels": {"a": "b"}, "taints": [taint], "instanceTypes": ["m7g.large"]}));
    becomes("blue", "ACTIVE");
    let made = nodes("blue");
    assert_eq!(made.len(), 2);
    for node in &made {
        assert_eq!(cluster.ready(&text(&node["metadata"]["name"])), "True");
        assert_eq!(node["metadata"]["labels"]["topology.kubernetes.io/zone"], zone);
        assert_eq!(node["metadata"]["labels"]["kubernetes.io/arch"], "arm64");
        assert_eq!(node["metadata"]["labels"]["a"], "b");
        assert_eq!(node["status"]["capacity"]["pods"], "29");
        let taints = node["spec"]["taints"].as_array().unwrap();
        assert!(taints.contains(&json!({"key": "t", "value": "v", "effect": "NoSchedule"})), "{taints:?}");
    }
    account.eks("DELETE", "/clusters/workshop/node-groups/blue", &Value::Null);
    wait_for("the end of the group", || {
        let told = account.eks("GET", "/clusters/workshop/node-groups", &Value::Null);
        (told["nodegroups"] == json!([])).then_some(())
    });
    assert_eq!(nodes("blue"), Vec::<Value>::new());

    // Waiting for nodes without their ENIConfig has a limit, and they are Ready as soon as it exists.
    let set = ["set", "env", "daemonset/aws-node", "--namespace", "kube-system"];
    cluster.kubectl(&[&set[..], &["AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG=true"]].concat(), "").unwrap();
    cluster.kubectl(&["rollout", "status", "daemonset/aws-node", "--namespace", "kube-system"], "").unwrap();
    settings(&account, &json!({"nodegroup_patience_seconds": 0}));
    let user_data = STANDARD.encode(
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b\"\n\n--b\nContent-Type: application/node.eks.aws\n\n\
         apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {kubelet: {config: {maxPods: 20}}}\n--b--\n",
    );
    account.ec2(&[
        ("Action", "CreateLaunchTemplate"),
        ("LaunchTemplateName", "nodes"),
        ("LaunchTemplateData.UserData", &user_data),
    ]);
    create("green", json!({"launchTemplate": {"name": "nodes"}}));
    let failed = becomes("green", "CREATE_FAILED");
    assert_eq!(failed["health"]["issues"][0]["code"], "NodeCreationFailure");
    assert!(text(&failed["health"]["issues"][0]["resourceIds"][0]).starts_with("i-0"));
    let made = nodes("green");
    assert!(made.iter().all(|node| node["status"]["capacity"]["pods"] == "20"));
    settings(&account, &json!({"nodegroup_patience_seconds": 900}));
    create("red", json!({"scalingConfig": {"minSize": 0, "maxSize": 1, "desiredSize": 1}}));
    let red = wait_for("the node", || nodes("red").first().map(|node| text(&node["metadata"]["name"])));
    wait_for("the ENIConfig's being missed", || {
        let missed = &cluster.done("GET", "nodes", &Value::Null)["nodes"][&red]["missed_eniconfigs"];
        (missed == &json!(["default"])).then_some(())
    });
    assert_eq!(told(&account, "red")["status"], "CREATING");
    let eniconfig = json!({
        "apiVersion": "crd.k8s.amazonaws.com/v1alpha1", "kind": "ENIConfig", "metadata": {"name": "default"},
        "spec": {"subnet": subnet},
    });
    cluster.kubectl(&["apply", "--filename", "-"], &eniconfig.to_string()).unwrap();
    becomes("red", "ACTIVE");
}
