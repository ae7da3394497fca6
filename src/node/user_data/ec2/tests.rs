//! Archives for EC2 nodes, parsed as cloud-init does, and rejected input.

use std::process::Command;

use serde_json::{Value, json};

use crate::node::tree::written::{LATER, tree};
use crate::node::user_data::tests::parts;
use crate::node::user_data::{Parsed, parse};

const ENDPOINT: &str = "https://0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com";
/// `-----BEGIN CERTIFICATE-----`, `AAAA`, `-----END CERTIFICATE-----`, a line each.
const AUTHORITY: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBQUEKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=";

fn al2023(more: Value) -> Value {
    let base = json!({
        "os": "al2023",
        "node_config": {
            "cluster": {
                "name": "plant",
                "api_server_endpoint": ENDPOINT,
                "certificate_authority": AUTHORITY,
                "cidr": "10.100.0.0/16",
            },
            "kubelet": {"max_pods": 20},
        },
    });
    with(base, more)
}

fn al2(more: Value) -> Value {
    with(json!({"os": "al2", "bootstrap": {"cluster_name": "plant", "max_pods": 20}}), more)
}

fn with(mut base: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("an object is needed") };
    base.as_object_mut().unwrap().extend(more);
    base
}

fn rendered(input: Value) -> String {
    match parse(&tree(input)) {
        Ok(Parsed::Ready(user_data)) => user_data.render(),
        other => panic!("{other:?}"),
    }
}

fn refused(input: Value) -> String {
    parse(&tree(input)).unwrap_err().to_string()
}

#[test]
fn a_node_config_is_a_part_of_its_own_kind() {
    let scripts = json!(["#!/bin/bash\necho 1\n", "#! /usr/bin/python3\nprint('é')"]);
    let text = rendered(al2023(json!({"scripts_before": scripts})));
    assert!(text.starts_with("Content-Type: multipart/mixed; boundary=\""), "{text}");
    let found = parts(&text);
    let names: Vec<[&str; 2]> = found.iter().map(|(kind, name, _)| [kind.as_str(), name.as_str()]).collect();
    assert_eq!(
        names,
        [
            ["application/node.eks.aws", "node-config.yaml"],
            ["text/x-shellscript", "ekshybrid-before-000"],
            ["text/x-shellscript", "ekshybrid-before-001"],
        ]
    );
    assert_eq!([&found[1].2, &found[2].2], [scripts[0].as_str().unwrap(), scripts[1].as_str().unwrap()]);
    let config = Value::from(&helm::from_yaml(&found[0].2).unwrap());
    assert_eq!(
        config,
        json!({
            "apiVersion": "node.eks.aws/v1alpha1",
            "kind": "NodeConfig",
            "spec": {
                "cluster": {
                    "name": "plant",
                    "apiServerEndpoint": ENDPOINT,
                    "certificateAuthority": AUTHORITY,
                    "cidr": "10.100.0.0/16",
                },
                "kubelet": {"config": {"maxPods": 20}, "maxPodsExpression": "20"},
            },
        })
    );
    assert_eq!(parts(&rendered(al2023(json!({})))).len(), 1);
}

/// A real shell runs the script, with a fake bootstrap.sh that prints its arguments.
#[test]
fn bootstrap_gets_its_arguments() {
    let bootstrap = json!({
        "cluster_name": "plant",
        "api_server_endpoint": ENDPOINT,
        "certificate_authority": AUTHORITY,
        "max_pods": 20,
        "containerd_config_file": "/etc/$(id);a&b.toml",
        "node_labels": {"tier": "web"},
    });
    let text = rendered(al2(json!({
        "bootstrap": bootstrap,
        "scripts_before": ["#!/bin/sh\necho a\n", "#!/bin/sh\necho b\n"],
        "scripts_after": ["#!/bin/sh\necho c\n"],
    })));
    let found = parts(&text);
    assert!(found.iter().all(|(kind, _, _)| kind == "text/x-shellscript"), "{found:?}");
    let names: Vec<&str> = found.iter().map(|(_, name, _)| name.as_str()).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(names, sorted, "cloud-init runs scripts in the order of their names");
    let contents: Vec<&str> = found.iter().map(|(_, _, content)| content.as_str()).collect();
    assert_eq!(
        [contents[0], contents[1], contents[3]],
        ["#!/bin/sh\necho a\n", "#!/bin/sh\necho b\n", "#!/bin/sh\necho c\n"]
    );

    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("join");
    let stand_in = folder.path().join("bootstrap.sh");
    std::fs::write(&stand_in, "printf '%s\\n' \"$@\"\n").unwrap();
    let command = format!("bash {}", stand_in.display());
    std::fs::write(&script, contents[2].replace("/etc/eks/bootstrap.sh", &command)).unwrap();
    let output = Command::new("bash").arg(&script).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().lines().collect::<Vec<_>>(),
        [
            "plant",
            "--apiserver-endpoint",
            ENDPOINT,
            "--b64-cluster-ca",
            AUTHORITY,
            "--containerd-config-file",
            "/etc/$(id);a&b.toml",
            "--use-max-pods",
            "false",
            "--kubelet-extra-args",
            "--max-pods=20 --node-labels=tier=web",
        ]
    );
}

#[test]
fn the_first_of_many_scripts_stays_the_first() {
    let scripts: Vec<String> = (0..12).map(|number| format!("#!/bin/sh\necho {number}\n")).collect();
    let mut found = parts(&rendered(al2(json!({"scripts_before": scripts}))));
    found.sort_by(|(_, one, _), (_, other, _)| one.cmp(other));
    let contents: Vec<String> = found.into_iter().map(|(_, _, content)| content).collect();
    assert_eq!(contents[..12], scripts);
}

#[test]
fn refused_inputs() {
    const SCRIPT: &str = "must be a script that begins with `#!` and its interpreter, such as `#!/bin/bash`";
    for (input, expected) in [
        (al2023(json!({"scripts_before": ["echo"]})), format!("scripts_before[0]: {SCRIPT}")),
        (al2023(json!({"scripts_before": "#!/bin/sh"})), "scripts_before: must be a list, not a string".to_owned()),
        (al2(json!({"scripts_after": [""]})), format!("scripts_after[0]: {SCRIPT}")),
        (
            al2(json!({"scripts_after": ["\n#!/bin/sh\n"]})),
            format!("scripts_after[0]: {SCRIPT}; there is something before `#!`"),
        ),
        (
            al2(json!({"scripts_before": ["#!bash\n"]})),
            format!("scripts_before[0]: {SCRIPT}; the interpreter needs an absolute path"),
        ),
        (
            al2(json!({"scripts_before": ["#!/bin/sh\r\necho\r\n"]})),
            format!(
                "scripts_before[0]: {SCRIPT}; it has Windows line endings, which become a part of the \
                 interpreter's name; use `replace(…, \"\\r\\n\", \"\\n\")`"
            ),
        ),
        (
            al2(json!({"bootstrap": {"cluster_name": "plant", "api_server_endpoint": ENDPOINT}})),
            "bootstrap.api_server_endpoint: needs `certificate_authority`: with one of the two alone the script asks \
             EKS and drops it"
                .to_owned(),
        ),
        (al2(json!({"bootstrap": "plant"})), "bootstrap: must be an object, not a string".to_owned()),
        (
            al2023(json!({"node_config": {"cluster": {"name": "plant", "cidr": "10.100.0.0/16"}}})),
            "node_config.cluster.api_server_endpoint: is required\n\
             node_config.cluster.certificate_authority: is required"
                .to_owned(),
        ),
    ] {
        assert_eq!(refused(input), expected);
    }
    // Nothing can run after the node has started, unlike on Amazon Linux 2.
    let after = refused(al2023(json!({"scripts_after": ["#!/bin/sh\n"]})));
    assert!(
        after.starts_with("scripts_after: there is no such attribute; there are `os`, `node_config`, `scr"),
        "{after}"
    );
    let secret = refused(al2(json!({"scripts_before": ["export PASSWORD=hunter2"]})));
    assert!(!secret.contains("hunter2"), "{secret}");
}

#[test]
fn unknown_values_make_it_pending() {
    for input in [
        al2023(json!({"node_config": LATER})),
        al2023(json!({"scripts_before": LATER})),
        al2023(json!({"scripts_before": ["#!/bin/sh\n", LATER]})),
        al2(json!({"bootstrap": {"cluster_name": LATER}})),
        al2(json!({"scripts_after": [LATER]})),
    ] {
        assert_eq!(parse(&tree(input.clone())), Ok(Parsed::Pending), "{input}");
    }
    let beside = refused(al2023(json!({"node_config": LATER, "scripts_before": ["echo"]})));
    assert!(beside.starts_with("scripts_before[0]: must be a script"), "{beside}");
}
