//! Values that nodeadm, the kubelet or AWS would reject, each with its message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{anchor, by_certificate, by_ssm, certificate, fault, faults, parse, profile, ready, with};
use crate::node::tree::Tree;
use crate::node::tree::written::tree;

#[test]
fn cluster_names() {
    for name in ["a", "7", "Edge_1-x", &"a".repeat(100)] {
        ready(with(by_ssm(), "/cluster/name", json!(name)));
    }
    for name in ["", "-edge", "_edge", "edge.one", "edge one", &"a".repeat(101)] {
        let message = fault(with(by_ssm(), "/cluster/name", json!(name)));
        assert!(message.starts_with("cluster.name: must be the name of an EKS cluster: 1 to 100 letters"), "{message}");
        assert!(message.ends_with(&format!("got `{name}`")), "{message}");
    }
    let message = fault(with(by_ssm(), "/cluster/name", json!("arn:aws:eks:us-west-2:111122223333:cluster/edge")));
    assert!(message.ends_with("; that is an ARN, the name is `edge`"), "{message}");
}

#[test]
fn regions() {
    for (region, hint) in [
        ("oregon", "the nearest are `"),
        ("us-west-2a", "that is an Availability Zone of the region `us-west-2`"),
        // Looks like a region, but is none.
        ("us-wset-2", "the nearest are `us-west-2`"),
        ("xx-west-2", "the nearest are `"),
    ] {
        let message = fault(with(by_ssm(), "/cluster/region", json!(region)));
        let expected = format!("cluster.region: must be an AWS region such as `us-west-2`, got `{region}`; {hint}");
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn endpoints_are_https_without_a_path() {
    for endpoint in
        ["https://abc.eks.amazonaws.com", "https://10.0.0.4:6443/", "https://[fd00::1]:443", "https://[fd00::1]"]
    {
        ready(with(by_ssm(), "/cluster/api_server_endpoint", json!(endpoint)));
    }
    for (endpoint, hint) in [
        ("http://abc.eks.amazonaws.com", ""),
        ("abc.eks.amazonaws.com", "; it lacks `https://`"),
        ("https://", ""),
        ("https://:443", ""),
        ("https://abc/api", ""),
        ("https://abc?x", ""),
        ("https://me@abc", ""),
        ("https://abc:0", ""),
        ("https://abc:65536", ""),
        ("https://a b", ""),
    ] {
        let message = fault(with(by_ssm(), "/cluster/api_server_endpoint", json!(endpoint)));
        assert!(message.starts_with("cluster.api_server_endpoint: must be an https URL without a path"), "{message}");
        assert!(message.ends_with(&format!("got `{endpoint}`{hint}")), "{message}");
    }
}

#[test]
fn the_certificate_authority_is_pem_in_base64() {
    ready(with(by_ssm(), "/cluster/certificate_authority", json!(certificate())));
    for (text, hint) in [
        ("-----BEGIN CERTIFICATE-----\n".to_owned(), "that is PEM itself, put it through `base64encode`"),
        ("not base64!".to_owned(), "that is not base64"),
        (format!("{}\n", certificate()), "it has spaces or line breaks around it; `trimspace` removes them"),
        (STANDARD.encode([0xff, 0xfe]), "what it encodes is not PEM"),
        (STANDARD.encode("hello"), "what it encodes is not PEM"),
        (STANDARD.encode("-----BEGIN CERTIFICATE-----\nMAA="), "it is cut off"),
        (
            STANDARD.encode("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"),
            "it holds a private key, which does not belong here",
        ),
    ] {
        assert_eq!(
            fault(with(by_ssm(), "/cluster/certificate_authority", json!(text))),
            format!("cluster.certificate_authority: must be PEM certificates in base64, as EKS gives them; {hint}")
        );
    }
}

#[test]
fn the_service_range() {
    for (range, hint) in [
        ("10.100.0.0", "`10.100.0.0` has no prefix length; a single address is `10.100.0.0/32`"),
        ("10.100.0.1/16", "`10.100.0.1/16` has host bits set; the range is `10.100.0.0/16`"),
        ("10.100.0.0/25", "`10.100.0.0/25` is not between /12 and /24"),
        ("100.64.0.0/16", "`100.64.0.0/16` lies outside 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16"),
        ("fd00::/108", "`fd00::/108` is IPv6; EKS accepts only IPv4 here"),
    ] {
        let message = fault(with(by_ssm(), "/cluster/cidr", json!(range)));
        assert!(message.starts_with("cluster.cidr: must be the IPv4 range of the cluster's services"), "{message}");
        assert!(message.ends_with(hint), "{message}");
    }
}

#[test]
fn node_names() {
    let place = "/hybrid/iam_roles_anywhere/node_name";
    for name in ["n1", "rack-1.example", &"a".repeat(64)] {
        ready(with(by_certificate(), place, json!(name)));
    }
    for (name, end) in [
        ("a".repeat(65), "; that has 65 characters"),
        ("n".to_owned(), "got `n`"),
        ("Rack".to_owned(), "got `Rack`"),
        ("rack_1".to_owned(), "got `rack_1`"),
        ("-rack".to_owned(), "got `-rack`"),
        ("rack..1".to_owned(), "got `rack..1`"),
        ("rack.".to_owned(), "got `rack.`"),
    ] {
        let message = fault(with(by_certificate(), place, json!(name)));
        assert!(
            message.starts_with("hybrid.iam_roles_anywhere.node_name: must be a node name of 2 to 64"),
            "{message}"
        );
        assert!(message.ends_with(end), "{message}");
    }
}

#[test]
fn arns_are_of_the_right_service_and_kind() {
    for (attribute, arn, end) in [
        ("trust_anchor_arn", "anchor".to_owned(), "got `anchor`"),
        ("trust_anchor_arn", profile("us-west-2"), "; that is the ARN of a profile"),
        ("trust_anchor_arn", anchor(""), "; it has no region"),
        ("trust_anchor_arn", anchor("us-west-2").replace("89ab", "89AB"), "; its ID is not a UUID"),
        ("trust_anchor_arn", anchor("us-west-2").replace("arn:aws", "arn:azure"), "; `azure` is not a partition"),
        ("profile_arn", anchor("us-west-2"), "; that is the ARN of a trust-anchor"),
        ("profile_arn", profile("us-west-2").replace("111122223333", "1111"), "; the account is not 12 digits"),
        ("role_arn", profile("us-west-2"), "; that is an ARN of the service `rolesanywhere`"),
        ("role_arn", "arn:aws:iam::111122223333:user/Nodes".to_owned(), "; that is the ARN of a user"),
        ("role_arn", "arn:aws:iam::111122223333:role/".to_owned(), "got `arn:aws:iam::111122223333:role/`"),
        ("role_arn", "arn:aws:iam::111122223333:role/a b".to_owned(), "; `a b` is not the name of a role"),
        (
            "role_arn",
            "arn:aws:sts::111122223333:assumed-role/Nodes/x".to_owned(),
            "; that is a session of a role; the role is `arn:aws:iam::111122223333:role/Nodes`, with its path if it has one",
        ),
    ] {
        let message = fault(with(by_certificate(), &format!("/hybrid/iam_roles_anywhere/{attribute}"), json!(arn)));
        assert!(
            message.starts_with(&format!("hybrid.iam_roles_anywhere.{attribute}: must be the ARN of an I")),
            "{message}"
        );
        assert!(message.ends_with(end), "{message}");
    }
}

#[test]
fn arns_region_and_partition_agree() {
    assert_eq!(
        fault(with(by_certificate(), "/hybrid/iam_roles_anywhere/profile_arn", json!(profile("us-east-1")))),
        "hybrid.iam_roles_anywhere.profile_arn: is of the region `us-east-1`, but the trust anchor is of `us-west-2`"
    );
    let found = faults(with(by_certificate(), "/cluster/region", json!("cn-north-1")));
    assert_eq!(
        found,
        ["trust_anchor_arn", "profile_arn", "role_arn"].map(|attribute| format!(
            "hybrid.iam_roles_anywhere.{attribute}: is in the partition `aws`, but the region `cn-north-1` belongs to `aws-cn`"
        ))
    );
}

#[test]
fn paths_are_absolute_and_survive_a_command_line() {
    for attribute in ["certificate_path", "private_key_path", "aws_config_path"] {
        for path in ["server.pem", "./server.pem", "/etc/pki/", "/etc/my pki/a", "/etc/a\"b", ""] {
            let message =
                fault(with(by_certificate(), &format!("/hybrid/iam_roles_anywhere/{attribute}"), json!(path)));
            let start =
                format!("hybrid.iam_roles_anywhere.{attribute}: must be an absolute path of a file on the host");
            assert!(message.starts_with(&start), "{message}");
        }
    }
}

#[test]
fn flags_of_the_kubelet() {
    for (flag, hint) in [
        ("v=2", "got `v=2`"),
        ("-v=2", "got `-v=2`"),
        ("--", "got `--`"),
        ("--=2", "got `--=2`"),
        ("--node-labels=a=b --v=2", "got `--node-labels=a=b --v=2`"),
        ("--v=2\n", "got `--v=2\\n`"),
        ("--hostname-override=n1", "or `hybrid.iam_roles_anywhere.node_name`"),
        ("--hostname-override", "or `hybrid.iam_roles_anywhere.node_name`"),
        ("--node-ip", "; nodeadm reads the address only from `--node-ip=<address>`"),
        ("--node-ip=fd00::1", "; `--node-ip` takes one IPv4 address on hybrid nodes"),
        ("--node-ip=10.0.0.1,fd00::1", "; `--node-ip` takes one IPv4 address on hybrid nodes"),
        ("--node-ip=", "; `--node-ip` takes one IPv4 address on hybrid nodes"),
    ] {
        let message = fault(with(by_ssm(), "/kubelet/flags", json!(["--v=2", flag])));
        assert!(message.starts_with("kubelet.flags[1]: must be a flag in one piece"), "{message}");
        assert!(message.ends_with(hint), "{message}");
    }
}

#[test]
fn fields_of_the_kubelet() {
    assert_eq!(
        fault(with(by_ssm(), "/kubelet/config", json!({"max_pods": 60}))),
        "kubelet.config[\"max_pods\"]: is not a field of KubeletConfiguration, whose names are like `maxPods`; \
         did you mean `maxPods`?"
    );
    assert_eq!(
        fault(with(by_ssm(), "/kubelet/config", json!({"--max-pods": 60}))),
        "kubelet.config[\"--max-pods\"]: is not a field of KubeletConfiguration, whose names are like `maxPods`"
    );
    let huge = Tree::Number("18446744073709551616".to_owned());
    let Tree::Map(mut input) = tree(by_ssm()) else { unreachable!() };
    let numbers = Tree::Map([("deep".to_owned(), Tree::List(vec![huge]))].into());
    input.insert("kubelet".to_owned(), Tree::Map([("config".to_owned(), numbers)].into()));
    assert_eq!(
        parse(&Tree::Map(input)).unwrap_err().to_string(),
        "kubelet.config[\"deep\"][0]: is a number beyond 64 bits"
    );
}

#[test]
fn containerd_configuration_is_toml() {
    let message = fault(with(by_ssm(), "/containerd/config", json!("version = 2\npassword = hunter2\n")));
    assert!(message.starts_with("containerd.config: must be containerd configuration in TOML; line 2: "), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn local_storage() {
    assert_eq!(
        fault(with(by_ssm(), "/instance/local_storage/strategy", json!("RAID10"))),
        "instance.local_storage.strategy: must be `RAID0` or `Mount`, got `RAID10`"
    );
}

#[test]
fn fields_of_the_kubelet_take_the_type_that_the_kubelet_reads() {
    let given = json!({
        "maxPods": "60",
        "failSwapOn": "false",
        "memoryThrottlingFactor": "0.8",
        "featureGates": {"A": "true", "B": false, "C": null},
        "systemReserved": {"cpu": 1, "memory": "500Mi"},
        "reservedSystemCPUs": 0,
        "shutdownGracePeriod": "1h30m",
        "unknownField": "60",
    });
    let yaml = ready(with(by_ssm(), "/kubelet/config", given)).to_yaml();
    let config = yaml.split_once("    config:\n").expect("a configuration").1;
    let expected = "\
      failSwapOn: false
      featureGates:
        A: true
        B: false
      maxPods: 60
      memoryThrottlingFactor: 0.8
      reservedSystemCPUs: \"0\"
      shutdownGracePeriod: 1h30m
      systemReserved:
        cpu: \"1\"
        memory: 500Mi
      unknownField: \"60\"
";
    assert_eq!(config.trim_start(), expected);
}

#[test]
fn fields_that_stop_the_kubelet_are_refused() {
    for (field, value, message) in [
        ("maxPods", json!("many"), "[\"maxPods\"]: must be a whole number"),
        ("maxPods", json!(2.5), "[\"maxPods\"]: must be a whole number"),
        ("failSwapOn", json!("no"), "[\"failSwapOn\"]: must be true or false"),
        ("failSwapOn", json!(0), "[\"failSwapOn\"]: must be true or false"),
        ("syncFrequency", json!(60), "[\"syncFrequency\"]: must be a duration with a unit"),
        ("syncFrequency", json!("1d"), "[\"syncFrequency\"]: must be a duration with a unit"),
        ("featureGates", json!({"A": "on"}), "[\"featureGates\"][\"A\"]: must be true or false"),
        ("evictionHard", json!("memory.available<5%"), "[\"evictionHard\"]: must be a map of strings"),
        (
            "imageGCHighThresholdPercent",
            json!("80"),
            "[\"imageGCHighThresholdPercent\"]: makes `imageGCHighThresholdPercent` 80 and `imageGCLowThresholdPercent` 80",
        ),
        (
            "imageGCLowThresholdPercent",
            json!(85),
            "[\"imageGCLowThresholdPercent\"]: makes `imageGCHighThresholdPercent` 85 and `imageGCLowThresholdPercent` 85",
        ),
    ] {
        let found = fault(with(by_ssm(), "/kubelet/config", json!({ field: value })));
        assert!(found.starts_with(&format!("kubelet.config{message}")), "{found}");
    }
}

#[test]
fn labels_are_read_as_the_kubelet_reads_them() {
    for labels in
        ["", "example.com/rack=a,", "gpu,example.com/rack=a", ",,a=b", &format!("{}.example/a=b", "x".repeat(64))]
    {
        ready(with(by_ssm(), "/kubelet/flags", json!([format!("--node-labels={labels}")])));
    }
    for (labels, why) in [
        ("=a", "`=a` is not a label"),
        ("a b=c", ""),
        ("a=b=c", "`a=b=c` is not a label"),
        ("kubernetes.io/role=a", "the kubelet refuses to start with the label `kubernetes.io/role`"),
    ] {
        let found = fault(with(by_ssm(), "/kubelet/flags", json!([format!("--node-labels={labels}")])));
        assert!(found.contains(why), "{found}");
    }
}
