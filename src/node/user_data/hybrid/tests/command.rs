//! The line for a person, run by a shell on a host in a directory.

use serde_json::{Value, json};

use super::host::{Defect, Host};
use super::{CODE, and, by_certificate, by_ssm};
use crate::node::tree::written::{LATER, tree};
use crate::node::user_data::hybrid::{Parsed, parse_join_command};

fn command(input: Value) -> String {
    match parse_join_command(&tree(input)) {
        Ok(Parsed::Ready(command)) => command.render(),
        other => panic!("{other:?}"),
    }
}

/// A host with sudo, and a curl that reads files.
fn host() -> Host {
    let host = Host::new();
    host.program("bin/sudo", "#!/bin/bash\nprintf '%s\\n' \"$*\" >>\"$HOST/arguments\"\nexec \"$@\"\n");
    host
}

#[test]
fn one_line_joins_a_host() {
    let host = host();
    let line = command(host.local(by_ssm()));
    assert!(!line.contains('\n') && line.starts_with(" printf %s "), "{line}");
    assert!(!line.contains(CODE));
    let boot = host.paste(&line, Defect::None);
    boot.assert_joined("joined; the node is Ready once a CNI runs on it");
    assert_eq!(
        host.calls("nodeadm"),
        [
            "install 1.34 --credential-provider ssm --region us-west-2".to_owned(),
            format!("init --config-source file://{}", host.path("etc/nodeadm/nodeConfig.yaml").display()),
        ]
    );
    assert!(host.read("etc/nodeadm/nodeConfig.yaml").contains(CODE));
    assert_eq!([host.mode("etc/nodeadm/nodeConfig.yaml"), host.mode("usr/local/bin/nodeadm")], [0o600, 0o755]);
    assert_eq!(host.read("umask"), "0022\n", "what nodeadm installs is for everyone");
    let encoded = line.split_whitespace().nth(2).unwrap();
    let arguments = host.read("arguments");
    assert!(!arguments.contains(CODE) && !arguments.contains(encoded), "the list of processes shows it: {arguments}");
}

#[test]
fn options_reach_nodeadm() {
    let host = host();
    let input = and(
        host.local(by_certificate()),
        json!({
            "region": "us-east-1", "containerd_source": "none", "architecture": "arm64",
            "manifest_override": "https://mirror.example.com/manifest.yaml?a=b&c=d", "private_mode": true,
            "skip_validations": ["cni-validation"],
        }),
    );
    host.paste(&command(input), Defect::NotRegistered).assert_joined("joined;");
    let manifest = "--manifest-override https://mirror.example.com/manifest.yaml?a=b&c=d --private-mode";
    let calls = host.calls("nodeadm");
    assert_eq!(
        calls[0],
        format!("install 1.34.2 --credential-provider iam-ra --region us-east-1 --containerd-source none {manifest}")
    );
    assert!(calls[1].ends_with(&format!(" {manifest} --skip cni-validation")), "{calls:?}");
}

#[test]
fn a_program_with_another_checksum_is_not_run() {
    let host = host();
    let mut input = host.local(by_ssm());
    input["nodeadm"]["sha256"] = json!("a".repeat(64));
    let boot = host.paste(&command(input), Defect::None);
    assert!(!boot.joined, "{}", boot.log);
    assert!(host.calls("nodeadm").is_empty());
    assert!(!host.path("usr/local/bin/nodeadm").exists());
}

#[test]
fn what_fails_silently_and_what_fails_aloud() {
    for (defect, message) in [
        (Defect::InstallDoesNothing, "nodeadm install has installed nothing"),
        (Defect::KubeletStops, "nodeadm init succeeded, but the kubelet does not run"),
        (Defect::InvalidActivation, "-code [redacted] -id 0123"),
    ] {
        let host = host();
        let boot = host.paste(&command(host.local(by_ssm())), defect);
        assert!(!boot.joined && boot.log.contains(message), "{message}: {}", boot.log);
        assert!(!boot.log.contains(CODE), "{}", boot.log);
    }
}

#[test]
fn what_is_refused_and_what_is_known_later() {
    let fault = parse_join_command(&tree(and(by_ssm(), json!({"private_mode": true})))).unwrap_err();
    assert_eq!(fault.to_string(), "private_mode: needs `manifest_override`, which says where the components are");
    let proxy = parse_join_command(&tree(and(by_ssm(), json!({"proxy": {}})))).unwrap_err();
    assert!(proxy.to_string().starts_with("proxy: there is no such attribute"), "{proxy}");
    let later = and(by_ssm(), json!({"kubernetes_version": LATER}));
    assert_eq!(parse_join_command(&tree(later)), Ok(Parsed::Pending));
}
