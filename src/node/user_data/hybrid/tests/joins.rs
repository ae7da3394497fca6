//! The script from a new host to a joined one, and each way to fail.

use serde_json::json;

use super::host::{Defect, Host, NODEADM};
use super::{CODE, and, by_certificate, by_ssm};

const NEXT_BOOT: &str = "var/lib/cloud/scripts/per-boot/ekshybrid-join";

#[test]
fn a_host_joins_by_an_activation() {
    let host = Host::new();
    let boot = host.boot(host.local(by_ssm()), Defect::None);
    boot.assert_joined("joined as node mi-0123456789abcdef0");
    let config = host.path("etc/nodeadm/nodeConfig.yaml");
    assert_eq!(
        host.calls("nodeadm"),
        [
            "--version".to_owned(),
            "install 1.34 --credential-provider ssm --region us-west-2".to_owned(),
            format!("init --config-source file://{}", config.display()),
        ]
    );
    assert_eq!([host.mode("etc/nodeadm"), host.mode("etc/nodeadm/nodeConfig.yaml")], [0o700, 0o600]);
    assert_eq!(host.mode("usr/local/bin/nodeadm"), 0o755);
    assert_eq!(host.read("umask"), "0022\n", "what nodeadm installs is for everyone");
    assert!(!host.path(NEXT_BOOT).exists(), "a join that succeeded is not tried again");
}

#[test]
fn a_host_joins_by_a_certificate() {
    let host = Host::new();
    host.boot(host.local(by_certificate()), Defect::NotRegistered).assert_joined("joined as node rack-1");
    assert_eq!(host.calls("nodeadm")[1], "install 1.34.2 --credential-provider iam-ra --region us-west-2");
}

#[test]
fn options_reach_nodeadm() {
    let host = Host::new();
    let input = and(
        host.local(by_ssm()),
        json!({
            "region": "us-east-1",
            "containerd_source": "none",
            "manifest_override": "https://mirror.example.com/manifest.yaml?a=b&c='d".replace('\'', ""),
            "private_mode": true,
            "skip_validations": ["cni-validation", "node-ip-validation"],
        }),
    );
    host.boot(input, Defect::None).assert_joined("joined as node");
    let manifest = "--manifest-override https://mirror.example.com/manifest.yaml?a=b&c=d --private-mode";
    let calls = host.calls("nodeadm");
    assert_eq!(
        calls[1],
        format!("install 1.34 --credential-provider ssm --region us-east-1 --containerd-source none {manifest}")
    );
    assert!(calls[2].ends_with(&format!(" {manifest} --skip cni-validation --skip node-ip-validation")), "{calls:?}");
}

#[test]
fn a_joined_host_is_left_alone() {
    let host = Host::new();
    host.boot(host.local(by_ssm()), Defect::None).assert_joined("joined as node");
    let calls = host.calls("nodeadm");
    host.boot(host.local(by_ssm()), Defect::None).assert_joined("the kubelet already runs");
    assert_eq!(host.calls("nodeadm"), calls);
}

#[test]
fn silent_successes_are_failures() {
    for (defect, message) in [
        (Defect::InstallDoesNothing, "nodeadm install reported success, but left no "),
        (Defect::InitDoesNothing, "nodeadm init reported success, but left no "),
        (Defect::KubeletStops, "nodeadm init reported success, but the kubelet does not run"),
        (Defect::NotRegistered, "nodeadm init reported success, but the host is not registered with Systems Manager"),
        (Defect::NoNode, "the kubelet runs, but the cluster has no node mi-0123456789abcdef0 after 10 minutes"),
    ] {
        let host = Host::new();
        host.boot(host.local(by_ssm()), defect).assert_failed(message);
        assert!(host.path(NEXT_BOOT).exists(), "{message}");
    }
}

#[test]
fn failures_of_nodeadm_are_tried_three_times() {
    let host = Host::new();
    host.boot(host.local(by_ssm()), Defect::InstallFailsTwice).assert_joined("joined as node");
    assert_eq!(host.calls("sleep"), ["15", "60"]);
    for (defect, message) in
        [(Defect::InstallFails, "nodeadm install failed"), (Defect::InitFails, "nodeadm init failed")]
    {
        let host = Host::new();
        host.boot(host.local(by_ssm()), defect).assert_failed(message);
        assert_eq!(host.calls("sleep"), ["15", "60"]);
    }
}

#[test]
fn a_refused_activation_is_tried_once() {
    for defect in [Defect::InvalidActivation, Defect::ExpiredActivation] {
        let host = Host::new();
        host.write_node_config(by_ssm());
        host.boot(host.local(by_ssm()), defect).assert_failed("Systems Manager refuses the activation in ");
        let inits = host.calls("nodeadm").iter().filter(|call| call.starts_with("init")).count();
        assert_eq!((inits, host.calls("sleep")), (1, Vec::new()));
        assert!(!host.path(NEXT_BOOT).exists(), "the next boot would have the same activation");
    }
}

#[test]
fn the_activation_code_is_in_no_log() {
    // The second one is quoted: YAML would read it as a number.
    for code in [CODE, "12345678901234567890"] {
        let input = || {
            let mut input = by_ssm();
            input["node_config"]["hybrid"]["ssm"]["activation_code"] = code.into();
            input
        };
        for defect in [Defect::InvalidActivation, Defect::Unreachable] {
            let host = Host::new();
            host.write_node_config(input());
            let boot = host.boot(host.local(input()), defect);
            assert!(!boot.joined && boot.log.contains("-code [redacted] -id 0123"), "{}", boot.log);
            for log in [boot.log, host.read("etc/nodeadm/init.log")] {
                assert!(log.contains("Command failed") && !log.contains(code), "{log}");
            }
        }
    }
    // Failures that may be temporary are retried.
    let host = Host::new();
    host.write_node_config(by_ssm());
    host.boot(host.local(by_ssm()), Defect::Unreachable).assert_failed("nodeadm init failed");
    assert_eq!(host.calls("sleep"), ["15", "60"]);
    assert!(host.path(NEXT_BOOT).exists());
}

#[test]
fn the_next_boot_goes_on_where_a_join_failed() {
    let host = Host::new();
    host.boot(host.local(by_ssm()), Defect::InitFails).assert_failed("nodeadm init failed");
    assert_eq!(host.mode(NEXT_BOOT), 0o700);
    let boot = host.run(NEXT_BOOT, Defect::None);
    boot.assert_joined("the components are already installed");
    boot.assert_joined("nodeadm is already there");
    boot.assert_joined("joined as node");
    assert!(!host.path(NEXT_BOOT).exists());
}

#[test]
fn an_old_registration_is_said_and_one_of_another_region_refused() {
    let host = Host::new();
    let registration = "var/lib/amazon/ssm/registration";
    host.write(registration, r#"{"ManagedInstanceID":"mi-00000000000000001","Region":"us-west-2"}"#);
    let boot = host.boot(host.local(by_ssm()), Defect::None);
    boot.assert_joined("already registered as mi-00000000000000001; the activation in its NodeConfig is not used");
    boot.assert_joined("joined as node mi-00000000000000001");

    let host = Host::new();
    host.write(registration, r#"{"ManagedInstanceID": "mi-00000000000000001", "Region": "eu-west-1"}"#);
    host.boot(host.local(by_ssm()), Defect::None)
        .assert_failed("this host is registered with Systems Manager as mi-00000000000000001 in eu-west-1, but the");
    assert!(!host.calls("nodeadm").iter().any(|call| call.starts_with("install")));
}

#[test]
fn without_a_node_config_nothing_is_done() {
    let host = Host::new();
    host.write("etc/nodeadm/nodeConfig.yaml", "");
    host.boot(host.local(by_ssm()), Defect::None)
        .assert_failed(&format!("{} is missing or empty", host.path("etc/nodeadm/nodeConfig.yaml").display()));
    assert_eq!(host.calls("nodeadm"), Vec::<String>::new());
}

#[test]
fn the_proxy_is_where_nodeadm_looks_for_it() {
    let host = Host::new();
    host.write("etc/apt/apt.conf.d/90other", "");
    host.write("etc/dnf/dnf.conf", "[main]\ngpgcheck=1\n");
    let proxy =
        json!({"http": "http://proxy:3128", "https": "http://proxy:3129", "no_proxy": ["localhost", "10.0.0.0/8"]});
    host.boot(and(host.local(by_ssm()), json!({"proxy": proxy})), Defect::None).assert_joined("joined as node");

    let unit = "[Service]\nEnvironment=\"HTTP_PROXY=http://proxy:3128\"\nEnvironment=\"HTTPS_PROXY=http://proxy:3129\"\n\
                Environment=\"NO_PROXY=localhost,10.0.0.0/8\"\n";
    for service in [
        "etc/systemd/system/kubelet.service.d",
        "usr/lib/systemd/system/containerd.service.d",
        "etc/systemd/system/amazon-ssm-agent.service.d",
        "etc/systemd/system/snap.amazon-ssm-agent.amazon-ssm-agent.service.d",
    ] {
        assert_eq!(host.read(&format!("{service}/http-proxy.conf")), unit);
    }
    assert_eq!(
        host.read("etc/apt/apt.conf.d/proxy.conf"),
        "Acquire::http::Proxy \"http://proxy:3128\";\nAcquire::https::Proxy \"http://proxy:3129\";\n"
    );
    assert_eq!(host.mode("etc/apt/apt.conf.d/proxy.conf"), 0o644);
    assert_eq!(host.read("etc/dnf/dnf.conf"), "[main]\ngpgcheck=1\n\nproxy=http://proxy:3128\n");
    assert_eq!(
        host.calls("snap"),
        ["set system proxy.http=http://proxy:3128", "set system proxy.https=http://proxy:3129"]
    );
    assert_eq!(host.calls("systemctl")[0], "daemon-reload");
}

#[test]
fn findings_of_nodeadm_debug_are_logged_and_fail_nothing() {
    for (answers, expected) in [("exit 0", None), ("echo \"-code $CODE\" >&2; exit 1", Some("has found faults"))] {
        let host = Host::new();
        let program = NODEADM.replace("  --version)", &format!("  debug) CODE={CODE}; {answers} ;;\n  --version)"));
        host.program("source/nodeadm", &program);
        host.write_node_config(by_ssm());
        let boot = host.boot(and(host.local(by_ssm()), json!({"debug_after_join": true})), Defect::None);
        boot.assert_joined("joined as node mi-0123456789abcdef0");
        boot.assert_joined("checking the node with nodeadm debug");
        assert_eq!(boot.log.contains("has found faults"), expected.is_some(), "{}", boot.log);
        assert!(!boot.log.contains(CODE), "{}", boot.log);
        let calls = host.calls("nodeadm");
        let config = host.path("etc/nodeadm/nodeConfig.yaml");
        let debug = format!("debug --config-source file://{} --no-color", config.display());
        assert_eq!(calls.last(), Some(&debug));
    }
    let host = Host::new();
    host.boot(host.local(by_ssm()), Defect::None).assert_joined("joined as node");
    assert!(!host.calls("nodeadm").iter().any(|call| call.starts_with("debug")));
}
