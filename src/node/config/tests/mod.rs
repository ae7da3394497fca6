//! `NodeConfig` from input to file: the rendered file, and each rejected input.

mod structure;
mod values;

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

/// The input with one value set; the path is a JSON pointer whose objects are created as needed.
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
    Value::from(&helm::from_yaml(&config.to_yaml()).unwrap())
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
            "imageGCHighThresholdPercent": 90,
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
      imageGCHighThresholdPercent: 90
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

/// Words that YAML 1.1 or 1.2 would read as another type, and layouts that block scalars easily get wrong.
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

/// Unknown values pass every check, and known ones next to them are still checked.
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

/// The page is generated from the declarations: it lists every attribute of the types, with type, presence and rule.
#[test]
fn the_description_lists_every_attribute() {
    let page = description();
    for line in [
        "- `cluster` (object, required) The EKS cluster that the host joins.",
        "  - `name` (string, required) Name of the EKS cluster. Must be the name of an EKS cluster: 1 to 100",
        "    - `activation_code` (string, sensitive, required) Code of the activation.",
        "  - `flags` (list of string, optional) Flags, appended to those that nodeadm sets.",
        "  - `config` (map, optional) Fields of `KubeletConfiguration`, spelled as in the API (`maxPods`)",
        "    - `strategy` (string, optional) `RAID0` joins the disks into one volume",
    ] {
        assert!(page.lines().any(|found| found.starts_with(line)), "{line}\n{page}");
    }
}
