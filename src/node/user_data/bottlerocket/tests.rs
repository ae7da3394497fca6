//! Settings as Bottlerocket reads them, and rejected input.

use serde_json::{Value, json};
use toml::de::{DeTable, DeValue};

use super::*;
use crate::node::tree::written::{LATER, tree};

const ENDPOINT: &str = "https://0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com";
/// `-----BEGIN CERTIFICATE-----`, `AAAA`, `-----END CERTIFICATE-----`, a line each.
const AUTHORITY: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBQUEKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----\n";
const PROFILE: &str = "arn:aws:rolesanywhere:us-west-2:111122223333:profile/01234567-89ab-cdef-0123-456789abcdef";
const ANCHOR: &str = "arn:aws:rolesanywhere:us-west-2:111122223333:trust-anchor/01234567-89ab-cdef-0123-456789abcdef";

fn by_ssm() -> Value {
    json!({
        "os": "bottlerocket",
        "hostname": "rack-7",
        "node_config": {
            "cluster": {
                "name": "plant", "region": "us-west-2", "api_server_endpoint": ENDPOINT,
                "certificate_authority": AUTHORITY, "cidr": "10.100.0.0/16",
            },
            "hybrid": {"ssm": {
                "activation_code": "s3cr3t'CodeOfTheActivation", "activation_id": "01234567-89ab-cdef-0123-456789abcdef",
            }},
        },
    })
}

fn by_certificate() -> Value {
    let mut input = by_ssm();
    input["node_config"]["hybrid"] = json!({"enable_credentials_file": true, "iam_roles_anywhere": {
        "node_name": "rack-7", "trust_anchor_arn": ANCHOR, "profile_arn": PROFILE,
        "role_arn": "arn:aws:iam::111122223333:role/Nodes",
    }});
    let object = input.as_object_mut().unwrap();
    object.remove("hostname");
    object.insert("certificate".to_owned(), json!(CERTIFICATE));
    object.insert("private_key".to_owned(), json!(KEY));
    input
}

fn with(mut input: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    input.pointer_mut(parent).unwrap()[name] = value;
    input
}

fn rendered(input: Value) -> String {
    match parse(&tree(input)) {
        Ok(Parsed::Ready(settings)) => settings.render(),
        other => panic!("{other:?}"),
    }
}

fn read(input: Value) -> Value {
    let text = rendered(input);
    as_json(&DeValue::Table(DeTable::parse(&text).expect("TOML").into_inner()))
}

fn as_json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => json!(text.as_ref()),
        DeValue::Boolean(value) => json!(value),
        DeValue::Array(items) => items.iter().map(|item| as_json(item.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(
            table.iter().map(|(key, value)| (key.get_ref().to_string(), as_json(value.get_ref()))).collect(),
        ),
        other => panic!("{other:?}"),
    }
}

fn decoded(value: &Value) -> String {
    String::from_utf8(STANDARD.decode(value.as_str().unwrap()).unwrap()).unwrap()
}

#[test]
fn a_host_with_an_activation() {
    let mut input = by_ssm();
    input["node_labels"] = json!({"example.com/rack": 7});
    input["authorized_keys"] = json!(["ssh-ed25519 AAAA me"]);
    input["settings"] = json!("[settings.ntp]\ntime-servers = [\"10.0.0.1\"]");
    let settings = &read(input)["settings"];
    let kubernetes = json!({
        "cluster-name": "plant",
        "api-server": ENDPOINT,
        "cluster-certificate": AUTHORITY,
        "cluster-dns-ip": "10.100.0.10",
        "hostname-override": "rack-7",
        "provider-id": "eks-hybrid:///us-west-2/plant/rack-7",
        "authentication-mode": "aws",
        "cloud-provider": "",
        "server-tls-bootstrap": true,
    });
    for (name, value) in kubernetes.as_object().unwrap() {
        assert_eq!(&settings["kubernetes"][name], value, "{name}");
    }
    let labels = json!({
        "eks.amazonaws.com/compute-type": "hybrid",
        "eks.amazonaws.com/hybrid-credential-provider": "ssm",
        "example.com/rack": "7",
    });
    assert_eq!(settings["kubernetes"]["node-labels"], labels);
    let ecr = &settings["kubernetes"]["credential-providers"]["ecr-credential-provider"];
    assert_eq!((&ecr["enabled"], &ecr["cache-duration"]), (&json!(true), &json!("12h")));
    assert_eq!(settings["network"], json!({"hostname": "rack-7"}));
    assert_eq!(settings["aws"], json!({"region": "us-west-2"}));
    assert_eq!(settings["host-containers"]["control"], json!({"enabled": true}));
    let admin = &settings["host-containers"]["admin"];
    assert_eq!(
        decoded(&admin["user-data"]),
        r#"{"user":"ec2-user","ssh":{"authorized-keys":["ssh-ed25519 AAAA me"]}}"#
    );
    let setup = &settings["bootstrap-containers"]["eks-hybrid-setup"];
    assert_eq!(setup["mode"], "always");
    assert_eq!(
        decoded(&setup["user-data"]),
        r"eks-hybrid-ssm-setup --activation-id='01234567-89ab-cdef-0123-456789abcdef' --activation-code='s3cr3t'\''CodeOfTheActivation' --region='us-west-2'"
    );
    assert_eq!(settings["ntp"], json!({"time-servers": ["10.0.0.1"]}));
}

#[test]
fn a_host_with_a_certificate() {
    let settings = &read(by_certificate())["settings"];
    assert_eq!(settings["kubernetes"]["hostname-override"], "rack-7");
    assert_eq!(settings["kubernetes"]["node-labels"]["eks.amazonaws.com/hybrid-credential-provider"], "iam-ra");
    assert_eq!(
        decoded(&settings["aws"]["config"]),
        format!(
            "[default]\ncredential_process = aws_signing_helper credential-process --certificate /root/.aws/node.crt \
             --private-key /root/.aws/node.key --profile-arn {PROFILE} --role-arn arn:aws:iam::111122223333:role/Nodes \
             --trust-anchor-arn {ANCHOR} --role-session-name rack-7\n"
        )
    );
    assert_eq!(
        decoded(&settings["bootstrap-containers"]["eks-hybrid-setup"]["user-data"]),
        format!(
            "eks-hybrid-iam-ra-setup --certificate='{}' --key='{}' --enable-credentials-file=true",
            CERTIFICATE.trim(),
            KEY.trim()
        )
    );
    assert_eq!(settings["host-containers"], Value::Null);
}

#[test]
fn refused_inputs() {
    let cluster = json!({"name": "plant", "region": "us-west-2"});
    let mut bare = by_ssm();
    bare.as_object_mut().unwrap().remove("hostname");
    for (input, expected) in [
        (
            with(by_ssm(), "/node_config/cluster", cluster),
            "node_config.cluster.api_server_endpoint: is required on Bottlerocket, which does not ask EKS for it\n\
             node_config.cluster.certificate_authority: is required on Bottlerocket, which does not ask EKS for it",
        ),
        (bare, "hostname: is required with `ssm`"),
        (
            with(by_ssm(), "/node_config/kubelet", json!({"flags": ["--v=2"]})),
            "node_config.kubelet: does not exist on Bottlerocket; use `settings`",
        ),
        (with(by_ssm(), "/certificate", json!(CERTIFICATE)), "certificate: is for `iam_roles_anywhere` alone"),
        (with(by_certificate(), "/private_key", json!(null)), "private_key: is required with `iam_roles_anywhere`"),
        (
            with(by_certificate(), "/private_key", json!("-----BEGIN ENCRYPTED PRIVATE KEY-----\nx")),
            "private_key: must be a private key in PEM, without a passphrase; it is encrypted, and nobody enters a \
             passphrase at boot",
        ),
        (
            with(by_certificate(), "/hostname", json!("other")),
            "hostname: differs from `node_name` of `iam_roles_anywhere`, which names the node",
        ),
        (with(by_ssm(), "/user", json!("me")), "user: needs `authorized_keys`"),
        (
            with(by_ssm(), "/settings", json!("[other]\na = 1\n")),
            "settings: must be TOML whose tables begin with `settings`",
        ),
    ] {
        assert_eq!(parse(&tree(input)).unwrap_err().to_string(), expected);
    }
    let twice = with(by_ssm(), "/settings", json!("[settings.network]\nhostname = \"other\"\n"));
    let fault = parse(&tree(twice)).unwrap_err().to_string();
    assert!(fault.starts_with("settings: defines again what is defined here: "), "{fault}");
}

#[test]
fn unknown_values_make_it_pending() {
    for pointer in ["/hostname", "/settings", "/node_config/cluster/api_server_endpoint", "/node_config/hybrid/ssm"] {
        assert_eq!(parse(&tree(with(by_ssm(), pointer, json!(LATER)))), Ok(Parsed::Pending), "{pointer}");
    }
}
