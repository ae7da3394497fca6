//! NodeConfig from input to file: what is rendered, and each refused input.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::node::tree::written::{LATER, tree};

const CODE: &str = "s3cr3tCodeOfTheActivation";

fn by_ssm() -> Value {
    json!({
        "cluster": {"name": "edge", "region": "us-west-2"},
        "hybrid": {"ssm": {"activation_code": CODE, "activation_id": "01234567-89ab-cdef-0123-456789abcdef"}},
    })
}

fn by_certificate() -> Value {
    json!({
        "cluster": {"name": "edge", "region": "us-west-2"},
        "hybrid": {"iam_roles_anywhere": {
            "node_name": "rack-1.example",
            "trust_anchor_arn": anchor("us-west-2"),
            "profile_arn": profile("us-west-2"),
            "role_arn": "arn:aws:iam::111122223333:role/hybrid/Nodes",
        }},
    })
}

fn anchor(region: &str) -> String {
    format!("arn:aws:rolesanywhere:{region}:111122223333:trust-anchor/01234567-89ab-cdef-0123-456789abcdef")
}

fn profile(region: &str) -> String {
    format!("arn:aws:rolesanywhere:{region}:111122223333:profile/01234567-89ab-cdef-0123-456789abcdef")
}

fn certificate() -> String {
    STANDARD.encode("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")
}

/// The input with one value set; the path is a JSON pointer whose objects are made on the way.
fn with(mut input: Value, pointer: &str, value: Value) -> Value {
    let mut place = &mut input;
    for name in pointer.split('/').skip(1) {
        place = &mut place[name];
    }
    *place = value;
    input
}

fn ready(input: Value) -> NodeConfig {
    match parse(&tree(input)) {
        Ok(Parsed::Ready(config)) => config,
        other => panic!("{other:?}"),
    }
}

fn faults(input: Value) -> Vec<String> {
    let printed: Vec<String> = match parse(&tree(input)) {
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
        Ok(parsed) => panic!("{parsed:?}"),
    };
    assert!(!printed.concat().contains(CODE), "the code is printed: {printed:?}");
    printed
}

/// The one fault of the input.
fn fault(input: Value) -> String {
    let found = faults(input);
    assert_eq!(found.len(), 1, "{found:?}");
    found.concat()
}

fn read_back(config: &NodeConfig) -> Value {
    serde_yaml_ng::from_str(&config.to_yaml()).unwrap()
}

#[test]
fn the_least_that_joins_by_an_activation() {
    let expected = "\
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: edge
    region: us-west-2
  hybrid:
    ssm:
      activationCode: s3cr3tCodeOfTheActivation
      activationId: 01234567-89ab-cdef-0123-456789abcdef
";
    let config = ready(by_ssm());
    assert_eq!(config.to_yaml(), expected);
    assert_eq!(config.credential_provider().flag(), "ssm");
}

#[test]
fn everything_at_once() {
    let input =
        with(by_certificate(), "/cluster/api_server_endpoint", json!("https://abc.gr7.us-west-2.eks.amazonaws.com"));
    let input = with(input, "/cluster/certificate_authority", json!(STANDARD.encode(
        "-----BEGIN CERTIFICATE-----\nMAAwADAAMAAwADAAMAAwADAAMAAwADAAMAAwADAAMAAwADAAMAAwADAAMAAwADAA\n-----END CERTIFICATE-----\n"
    )));
    let input = with(input, "/cluster/cidr", json!("10.100.0.0/16"));
    let input = with(input, "/hybrid/enable_credentials_file", json!(true));
    let input = with(input, "/hybrid/iam_roles_anywhere/aws_config_path", json!("/etc/aws/other"));
    let input = with(input, "/hybrid/iam_roles_anywhere/certificate_path", json!("/etc/pki/node.pem"));
    let input = with(input, "/hybrid/iam_roles_anywhere/private_key_path", json!("/etc/pki/node.key"));
    let input = with(
        input,
        "/kubelet/config",
        json!({
            "maxPods": 60,
            "evictionHard": {"memory.available": "5%", "nodefs.available": null},
            "allowedUnsafeSysctls": ["net.core.somaxconn"],
            "imageGCHighThresholdPercent": 80,
            "cpuCFSQuota": false,
            "logging": {"verbosity": 2, "ratio": 0.5},
            "clusterDomain": "on",
        }),
    );
    let input = with(input, "/kubelet/flags", json!(["--node-ip=10.80.0.4", "--v=2"]));
    let input = with(
        input,
        "/containerd/config",
        json!("version = 2\n\n[plugins.\"io.containerd.grpc.v1.cri\"]\nsandbox = \"x\"\n"),
    );
    let input = with(input, "/instance/local_storage/strategy", json!("RAID0"));
    let expected = "\
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: edge
    region: us-west-2
    apiServerEndpoint: https://abc.gr7.us-west-2.eks.amazonaws.com
    certificateAuthority: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1BQXdBREFBTUFBd0FEQUFNQUF3QURBQU1BQXdBREFBTUFBd0FEQUFNQUF3QURBQU1BQXdBREFBTUFBd0FEQUEKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=
    cidr: 10.100.0.0/16
  hybrid:
    iamRolesAnywhere:
      nodeName: rack-1.example
      trustAnchorArn: arn:aws:rolesanywhere:us-west-2:111122223333:trust-anchor/01234567-89ab-cdef-0123-456789abcdef
      profileArn: arn:aws:rolesanywhere:us-west-2:111122223333:profile/01234567-89ab-cdef-0123-456789abcdef
      roleArn: arn:aws:iam::111122223333:role/hybrid/Nodes
      awsConfigPath: /etc/aws/other
      certificatePath: /etc/pki/node.pem
      privateKeyPath: /etc/pki/node.key
    enableCredentialsFile: true
  kubelet:
    config:
      allowedUnsafeSysctls:
      - net.core.somaxconn
      clusterDomain: \"on\"
      cpuCFSQuota: false
      evictionHard:
        memory.available: 5%
      imageGCHighThresholdPercent: 80
      logging:
        ratio: 0.5
        verbosity: 2
      maxPods: 60
    flags:
    - --node-ip=10.80.0.4
    - --v=2
  containerd:
    config: |
      version = 2

      [plugins.\"io.containerd.grpc.v1.cri\"]
      sandbox = \"x\"
  instance:
    localStorage:
      strategy: RAID0
";
    let config = ready(input);
    assert_eq!(config.to_yaml(), expected);
    assert_eq!(config.credential_provider().flag(), "iam-ra");
    assert_eq!(config.cluster.cidr.as_ref().unwrap().range().to_string(), "10.100.0.0/16");
}

/// Words that YAML 1.1 or 1.2 would take for something else, and layouts that blocks get wrong easily.
#[test]
fn every_string_comes_back_as_it_was() {
    let texts = vec![
        "on",
        "No",
        "y",
        "~",
        "null",
        "1_000",
        "012",
        "0o17",
        "0x1F",
        "0b1",
        "12:30:45",
        "2026-11-21",
        "1e3",
        ".5",
        ".inf",
        "=",
        "<<",
        "-",
        "? x",
        "a: b",
        "a #b",
        "# a",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a",
        "'a'",
        "\"a\"",
        "{a",
        "[a",
        "",
        " a",
        "a ",
        "a\tb",
        "a\nb",
        "a\nb\n",
        "a\n\n\n",
        "\n a",
        " a\nb",
        "a\r\nb\r\n",
        "a \nb\t\n",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{7}",
        "---",
        "...",
        "--- a\n...\n",
        "é😀",
        "\\",
    ];
    let config = ready(with(
        by_ssm(),
        "/kubelet/config",
        json!({"texts": texts, "keys": {
            "on": 1, "12": 2, "a: b": 3, "": 4, "# a": 5, "1.5": 6, "é": 7,
        }}),
    ));
    let read = read_back(&config);
    assert_eq!(read["spec"]["kubelet"]["config"]["texts"], json!(texts));
    assert_eq!(
        read["spec"]["kubelet"]["config"]["keys"],
        json!({"on": 1, "12": 2, "a: b": 3, "": 4, "# a": 5, "1.5": 6, "é": 7})
    );
}

#[test]
fn numbers_stay_numbers() {
    let config = ready(with(
        by_ssm(),
        "/kubelet/config",
        json!({"numbers": [0, -1, 18_446_744_073_709_551_615_u64, 1.25, -2.5e-3]}),
    ));
    let read = read_back(&config);
    assert_eq!(
        read["spec"]["kubelet"]["config"]["numbers"],
        json!([0, -1, 18_446_744_073_709_551_615_u64, 1.25, -0.0025])
    );
}

#[test]
fn a_code_in_lines_of_its_own_type_is_not_printed() {
    let config = ready(by_ssm());
    let printed = format!("{config:?} {config:#?}");
    assert!(!printed.contains(CODE), "{printed}");
    assert!(printed.contains("[sensitive]"), "{printed}");
}

#[test]
fn exactly_one_credential_provider() {
    let both = with(by_certificate(), "/hybrid/ssm", by_ssm()["hybrid"]["ssm"].clone());
    assert_eq!(fault(both), "hybrid: `ssm` and `iam_roles_anywhere` exclude each other; give one of them");
    let neither = with(by_ssm(), "/hybrid/ssm", Value::Null);
    assert_eq!(fault(neither), "hybrid: one of `ssm` and `iam_roles_anywhere` is required");
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(faults(json!({})), ["cluster: is required", "hybrid: is required"]);
    assert_eq!(
        faults(json!({"cluster": {"name": null}, "hybrid": {"ssm": {}}})),
        [
            "cluster.name: is required",
            "cluster.region: is required",
            "hybrid.ssm.activation_code: is required",
            "hybrid.ssm.activation_id: is required",
        ]
    );
    assert_eq!(
        faults(with(by_ssm(), "/hybrid", json!({"iam_roles_anywhere": {}}))),
        ["node_name", "trust_anchor_arn", "profile_arn", "role_arn"]
            .map(|name| format!("hybrid.iam_roles_anywhere.{name}: is required"))
    );
    assert_eq!(fault(Value::Null), "must be an object, not null");
}

#[test]
fn a_wrong_name_is_answered_with_the_right_one() {
    for (pointer, wrong, right) in [
        ("/cluster/apiServerEndpoint", "cluster.apiServerEndpoint", "api_server_endpoint"),
        ("/cluster/regoin", "cluster.regoin", "region"),
        ("/hybrid/ssm/activationcode", "hybrid.ssm.activationcode", "activation_code"),
        ("/kublet", "kublet", "kubelet"),
    ] {
        let message = fault(with(by_ssm(), pointer, json!("x")));
        let start = format!("{wrong}: there is no such attribute; did you mean `{right}`? There are `");
        assert!(message.starts_with(&start), "{message}");
    }
    assert_eq!(
        fault(with(by_ssm(), "/containerd/version", json!("2"))),
        "containerd.version: there is no such attribute; there are `config`"
    );
}

#[test]
fn wrong_types_are_refused() {
    for (pointer, value, message) in [
        ("/cluster", json!("edge"), "cluster: must be an object, not a string"),
        ("/cluster/name", json!(7), "cluster.name: must be a string, not a number; put it in quotes"),
        ("/cluster/name", json!(["edge"]), "cluster.name: must be a string, not a list"),
        ("/hybrid/ssm/activation_code", json!([CODE]), "hybrid.ssm.activation_code: must be a string, not a list"),
        (
            "/hybrid/enable_credentials_file",
            json!("yes"),
            "hybrid.enable_credentials_file: must be a bool, not a string",
        ),
        ("/kubelet/flags", json!("--v=2"), "kubelet.flags: must be a list, not a string"),
        ("/kubelet/flags", json!([null]), "kubelet.flags[0]: must not be null"),
        ("/kubelet/config", json!([]), "kubelet.config: must be a map, not a list"),
    ] {
        assert_eq!(fault(with(by_ssm(), pointer, value)), message);
    }
}

#[test]
fn the_rules_of_an_activation() {
    let place = "/hybrid/ssm/activation_code";
    for length in [20, 250] {
        ready(with(by_ssm(), place, json!("x".repeat(length))));
    }
    for (code, message) in [
        ("x".repeat(19), "must have 20 to 250 characters, has 19"),
        ("x".repeat(251), "must have 20 to 250 characters, has 251"),
        (format!("{CODE}\n"), "must not contain spaces or line breaks; `trimspace` removes those around it"),
    ] {
        assert_eq!(fault(with(by_ssm(), place, json!(code))), format!("hybrid.ssm.activation_code: {message}"));
    }
    let rule = "hybrid.ssm.activation_id: must be the id of an activation, a UUID in lower case such as \
                `01234567-89ab-cdef-0123-456789abcdef`";
    // The last one is the code where the id belongs: it must not be repeated.
    for id in
        ["", "01234567-89AB-cdef-0123-456789abcdef", "0123456789abcdef0123456789abcdef", "mi-0123456789abcdef0", CODE]
    {
        assert_eq!(fault(with(by_ssm(), "/hybrid/ssm/activation_id", json!(id))), rule);
    }
}

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
    for (region, end) in [
        ("oregon", "got `oregon`"),
        ("us-west-2a", "got `us-west-2a`; that is an availability zone, its region is `us-west-2`"),
    ] {
        let message = fault(with(by_ssm(), "/cluster/region", json!(region)));
        assert_eq!(message, format!("cluster.region: must be an AWS region such as `us-west-2`, {end}"));
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
        ("fd00::/108", "`fd00::/108` is IPv6; EKS takes IPv4 here"),
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
        ("trust_anchor_arn", anchor("us-west-2").replace("89ab", "89AB"), "; its id is not a UUID"),
        ("trust_anchor_arn", anchor("us-west-2").replace("arn:aws", "arn:azure"), "; `azure` is not a partition"),
        ("profile_arn", anchor("us-west-2"), "; that is the ARN of a trust-anchor"),
        ("profile_arn", profile("us-west-2").replace("111122223333", "1111"), "; the account is not 12 digits"),
        ("role_arn", profile("us-west-2"), "; that is an ARN of the service `rolesanywhere`"),
        ("role_arn", "arn:aws:iam::111122223333:user/Nodes".to_owned(), "; that is the ARN of a user"),
        ("role_arn", "arn:aws:iam::111122223333:role/".to_owned(), "got `arn:aws:iam::111122223333:role/`"),
        ("role_arn", "arn:aws:iam::111122223333:role/a b".to_owned(), "got `arn:aws:iam::111122223333:role/a b`"),
        (
            "role_arn",
            "arn:aws:sts::111122223333:assumed-role/Nodes/x".to_owned(),
            "; that is a session of a role, the role itself has an ARN of the service `iam`",
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
fn all_faults_are_found_at_once() {
    let input = json!({
        "cluster": {"name": "-", "region": "x"},
        "hybrid": {"ssm": {"activation_code": "short", "activation_id": "x"}},
        "kubelet": {"flags": ["a", "b"]},
        "extra": 1,
    });
    let places: Vec<String> =
        faults(input).iter().map(|fault| fault.split(": ").next().unwrap_or_default().to_owned()).collect();
    assert_eq!(
        places,
        [
            "extra",
            "cluster.name",
            "cluster.region",
            "hybrid.ssm.activation_code",
            "hybrid.ssm.activation_id",
            "kubelet.flags[0]",
            "kubelet.flags[1]",
        ]
    );
}

/// Values to come pass every check, and what is known beside them is still checked.
#[test]
fn unknown_values_make_it_pending() {
    for pointer in [
        "/cluster",
        "/cluster/name",
        "/cluster/region",
        "/hybrid",
        "/hybrid/ssm",
        "/hybrid/ssm/activation_code",
        "/hybrid/iam_roles_anywhere",
        "/kubelet",
        "/kubelet/flags",
        "/kubelet/config",
        "/containerd/config",
    ] {
        let parsed = parse(&tree(with(by_ssm(), pointer, json!(LATER))));
        assert_eq!(parsed, Ok(Parsed::Pending), "{pointer}");
    }
    for value in [json!({"maxPods": LATER}), json!({"list": [{"deep": LATER}]})] {
        assert_eq!(parse(&tree(with(by_ssm(), "/kubelet/config", value))), Ok(Parsed::Pending));
    }
    assert_eq!(parse(&tree(with(by_ssm(), "/kubelet/flags", json!(["--v=2", LATER])))), Ok(Parsed::Pending));
    assert_eq!(parse(&Tree::Later), Ok(Parsed::Pending));

    let only_provider_unknown = with(by_ssm(), "/hybrid", json!({"ssm": LATER}));
    assert_eq!(parse(&tree(only_provider_unknown)), Ok(Parsed::Pending));
    let region_unknown = with(by_certificate(), "/cluster/region", json!(LATER));
    let wrong_beside = with(region_unknown, "/hybrid/iam_roles_anywhere/profile_arn", json!(profile("us-east-1")));
    assert!(fault(wrong_beside).starts_with("hybrid.iam_roles_anywhere.profile_arn: is of the region"));
}

/// The page is made from the declarations: every attribute that the types have is there, with type, presence and rule.
#[test]
fn the_description_lists_every_attribute() {
    let page = description();
    for line in [
        "- `cluster` (object, required) The EKS cluster that the host joins.",
        "  - `name` (string, required) Name of the EKS cluster. Must be the name of an EKS cluster: 1 to 100",
        "    - `activation_code` (string, sensitive, required) Code of the activation.",
        "  - `flags` (list of string, optional) Flags, appended to those that nodeadm sets.",
        "  - `config` (map, optional) Fields of KubeletConfiguration, spelled as there (`maxPods`)",
        "    - `strategy` (string, optional) `RAID0` joins the disks into one volume",
    ] {
        assert!(page.lines().any(|found| found.starts_with(line)), "{line}\n{page}");
    }
}
