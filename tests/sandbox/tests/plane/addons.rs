//! Add-ons in a real cluster: applied, in conflict, preserved, reset, removed.

use serde_json::{Value, json};

use crate::sandbox::{Account, Cluster, has_kubectl, programs, shared, text, wait_for};

const KUBE_SYSTEM: [&str; 2] = ["--namespace", "kube-system"];

/// The add-on once nothing is in progress.
fn settled(account: &Account<'_>) -> Value {
    wait_for("the end of the add-on's work", || {
        let told = account.eks("GET", "/clusters/workshop/addons/vpc-cni", &Value::Null)["addon"].clone();
        (!text(&told["status"]).ends_with("ING")).then_some(told)
    })
}

fn aws_node(cluster: &Cluster<'_>) -> Value {
    cluster.json(&[&["get", "daemonset", "aws-node"], &KUBE_SYSTEM[..]].concat())
}

/// The value of one of aws-node's variables.
fn variable(cluster: &Cluster<'_>, name: &str) -> Option<String> {
    let found = aws_node(cluster);
    let variables = found["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap().clone();
    variables.iter().find(|one| one["name"] == name).map(|one| text(&one["value"]))
}

fn set(cluster: &Cluster<'_>, variables: &[&str]) {
    cluster.kubectl(&[&["set", "env", "daemonset/aws-node"], &KUBE_SYSTEM[..], variables].concat(), "").unwrap();
}

fn eniconfigs(cluster: &Cluster<'_>) -> Value {
    cluster.json(&["get", "eniconfigs"])["items"].clone()
}

#[test]
fn an_addon_is_applied_as_its_conflicts_are_to_be_resolved() {
    let Some(programs) = programs() else { return };
    if !has_kubectl() {
        return;
    }
    let account = shared(&programs).account();
    // For machines under load.
    let patient = json!({"addon_patience_seconds": 600});
    account.sandbox.done("POST", &format!("accounts/{}/settings", account.id), &patient);
    let cluster = account.cluster("workshop");
    cluster.done("POST", "nodes", &json!({"kind": "ec2"}));
    let create = |wanted: Value| account.eks("POST", "/clusters/workshop/addons", &wanted);
    let update = |wanted: Value| {
        account.eks("POST", "/clusters/workshop/addons/vpc-cni/update", &wanted);
        settled(&account)
    };

    // Changes by others conflict, and nothing is changed.
    set(&cluster, &["AWS_VPC_K8S_CNI_EXTERNALSNAT=true", "THEIR_OWN=1"]);
    let before = aws_node(&cluster)["metadata"]["generation"].clone();
    create(json!({"addonName": "vpc-cni"}));
    let told = settled(&account);
    assert_eq!(told["status"], "CREATE_FAILED");
    assert_eq!(told["health"]["issues"][0]["code"], "ConfigurationConflict");
    let message = text(&told["health"]["issues"][0]["message"]);
    let field = "DaemonSet.apps aws-node - .spec.template.spec.containers[name=\"aws-node\"].env[name=\"AWS_VPC_K8S_CNI_EXTERNALSNAT\"].value";
    assert!(message.ends_with(&format!("Conflicts:\n{field}")), "{message}");
    assert_eq!(aws_node(&cluster)["metadata"]["generation"], before);
    account.eks("DELETE", "/clusters/workshop/addons/vpc-cni", &Value::Null);
    assert_eq!(variable(&cluster, "AWS_VPC_K8S_CNI_EXTERNALSNAT").as_deref(), Some("true"));

    // Overwritten: fields of the add-on are reset, those of others are kept.
    let subnet = &account.told["holds"]["subnet_ids"][0];
    let values = json!({
        "env": {"ENI_CONFIG_LABEL_DEF": "topology.kubernetes.io/zone"},
        "eniConfig": {"create": true, "region": "us-west-2", "subnets": {"us-west-2a": {"id": subnet}}},
    });
    create(json!({
        "addonName": "vpc-cni", "resolveConflicts": "OVERWRITE", "configurationValues": values.to_string(),
    }));
    let told = settled(&account);
    assert_eq!(told["status"], "ACTIVE", "{told}");
    assert_eq!(told["configurationValues"], values.to_string());
    assert_eq!(variable(&cluster, "AWS_VPC_K8S_CNI_EXTERNALSNAT").as_deref(), Some("false"));
    assert_eq!(variable(&cluster, "ENI_CONFIG_LABEL_DEF").as_deref(), Some("topology.kubernetes.io/zone"));
    assert_eq!(variable(&cluster, "THEIR_OWN").as_deref(), Some("1"));
    assert_eq!(eniconfigs(&cluster)[0]["spec"]["subnet"], *subnet);
    let managers = eniconfigs(&cluster)[0]["metadata"]["managedFields"].clone();
    assert!(managers.is_null(), "kubectl hides them: {managers}");

    // Settings that are no longer configured are removed, with another version.
    let told = update(json!({
        "addonVersion": "v1.21.1-eksbuild.1", "resolveConflicts": "OVERWRITE", "configurationValues": "{}",
    }));
    assert_eq!((&told["status"], &told["addonVersion"]), (&json!("ACTIVE"), &json!("v1.21.1-eksbuild.1")), "{told}");
    let image = text(&aws_node(&cluster)["spec"]["template"]["spec"]["containers"][0]["image"]);
    assert!(image.ends_with("amazon-k8s-cni:v1.21.1-eksbuild.1"), "{image}");
    assert_eq!(variable(&cluster, "ENI_CONFIG_LABEL_DEF"), None);
    assert_eq!(eniconfigs(&cluster), json!([]));

    // Preserved, in conflict, overwritten.
    set(&cluster, &["WARM_ENI_TARGET=3"]);
    let snat = json!({"env": {"AWS_VPC_K8S_CNI_EXTERNALSNAT": "true"}}).to_string();
    let told = update(json!({"resolveConflicts": "PRESERVE", "configurationValues": snat}));
    assert_eq!(told["status"], "ACTIVE", "{told}");
    assert_eq!(variable(&cluster, "WARM_ENI_TARGET").as_deref(), Some("3"));
    assert_eq!(variable(&cluster, "AWS_VPC_K8S_CNI_EXTERNALSNAT").as_deref(), Some("true"));
    let told = update(json!({"configurationValues": "{}"}));
    assert_eq!(told["status"], "UPDATE_FAILED");
    assert_eq!(variable(&cluster, "AWS_VPC_K8S_CNI_EXTERNALSNAT").as_deref(), Some("true"));
    let told = update(json!({"resolveConflicts": "OVERWRITE"}));
    assert_eq!(told["status"], "ACTIVE", "{told}");
    assert_eq!(variable(&cluster, "WARM_ENI_TARGET").as_deref(), Some("1"));
    assert_eq!(variable(&cluster, "AWS_VPC_K8S_CNI_EXTERNALSNAT").as_deref(), Some("false"));

    // Deleted: first only the record, then everything but the CRD.
    account.eks("DELETE", "/clusters/workshop/addons/vpc-cni?preserve=true", &Value::Null);
    assert_eq!(account.eks("GET", "/clusters/workshop/addons", &Value::Null)["addons"], json!([]));
    assert_eq!(variable(&cluster, "THEIR_OWN").as_deref(), Some("1"));
    cluster.done("POST", "addons", &json!({"name": "vpc-cni"}));
    account.eks("DELETE", "/clusters/workshop/addons/vpc-cni", &Value::Null);
    wait_for("the end of the add-on", || {
        let told = account.eks("GET", "/clusters/workshop/addons", &Value::Null);
        (told["addons"] == json!([])).then_some(())
    });
    assert!(cluster.kubectl(&["get", "daemonset", "aws-node", "--namespace", "kube-system"], "").is_err());
    assert_eq!(eniconfigs(&cluster), json!([]));
}

#[test]
fn a_cluster_can_begin_with_addons_and_with_an_old_vpc_cni() {
    let Some(programs) = programs() else { return };
    if !has_kubectl() {
        return;
    }
    let account = shared(&programs).account();
    let call = format!("accounts/{}/clusters/workshop/addons", account.id);
    let on = json!({"env": {"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": "true"}}).to_string();
    let wanted = json!({"name": "vpc-cni", "version": "v1.19.2-eksbuild.1", "configuration_values": on});
    let told = account.sandbox.done("POST", &call, &wanted);
    assert_eq!(told["addon"]["status"], "ACTIVE");
    let (status, _) = account.sandbox.control("POST", &call, &wanted);
    assert_eq!(status, 400);

    let cluster = account.cluster("workshop");
    assert_eq!(variable(&cluster, "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG").as_deref(), Some("true"));
    let image = text(&aws_node(&cluster)["spec"]["template"]["spec"]["containers"][0]["image"]);
    assert!(image.ends_with(":v1.19.2-eksbuild.1"), "{image}");
    let old = format!("accounts/{}/clusters/workshop/vpc-cni", account.id);
    let wanted = json!({"version": "v1.6.2-eksbuild.1"});
    assert_eq!(account.sandbox.control("POST", &old, &wanted).0, 400, "the add-on owns aws-node");

    // Without nodes, coredns is unhealthy; with one, it recovers.
    account.sandbox.done("POST", &format!("accounts/{}/settings", account.id), &json!({"addon_patience_seconds": 0}));
    account.eks("POST", "/clusters/workshop/addons", &json!({"addonName": "coredns"}));
    let coredns = |status: &str| {
        wait_for(&format!("coredns' being {status}"), || {
            let told = account.eks("GET", "/clusters/workshop/addons/coredns", &Value::Null)["addon"].clone();
            (told["status"] == status).then_some(told)
        })
    };
    assert_eq!(coredns("DEGRADED")["health"]["issues"][0]["code"], "InsufficientNumberOfReplicas");
    cluster.done("POST", "nodes", &json!({"kind": "ec2", "ready": "at_once"}));
    assert_eq!(coredns("ACTIVE")["health"]["issues"], json!([]));

    account.eks("DELETE", "/clusters/workshop/addons/vpc-cni?preserve=true", &Value::Null);
    account.sandbox.done("POST", &old, &wanted);
    let image = text(&aws_node(&cluster)["spec"]["template"]["spec"]["containers"][0]["image"]);
    assert!(image.ends_with(":v1.6.2-eksbuild.1"), "{image}");
    assert_eq!(variable(&cluster, "ENABLE_PREFIX_DELEGATION"), None, "it came with 1.9");
    assert_eq!(account.sandbox.control("POST", &old, &json!({"version": "1.6"})).0, 400);
}
