//! The number of pods compared with AWS's figures, and rejected input.

use serde_json::{Value, json};

use super::*;
use crate::node::tree::written::{LATER, tree};

fn pods(instance_type: &str, options: &Value) -> u32 {
    match parse(&tree(json!(instance_type)), &tree(options.clone())) {
        Ok(Parsed::Ready(pods)) => pods,
        other => panic!("{instance_type} {options}: {other:?}"),
    }
}

/// The faults of the type, a separator line, and the faults of the options.
fn refused(instance_type: Value, options: Value) -> String {
    let Refusal { instance_type, options } = parse(&tree(instance_type), &tree(options)).unwrap_err();
    let lines: Vec<String> = [instance_type, options].iter().flatten().map(ToString::to_string).collect();
    lines.join("\n")
}

/// Calculated with AWS's calculator. Type, interfaces, addresses, vCPUs, then pairs without and with the limit:
/// default, custom networking, prefixes, custom networking with prefixes.
const VECTORS: &[(&str, u32, u32, u32, [u32; 8])] = &[
    ("t3.medium", 3, 6, 2, [17, 17, 12, 12, 242, 110, 162, 110]),
    ("t3.small", 3, 4, 2, [11, 11, 8, 8, 146, 110, 98, 98]),
    ("t3.large", 3, 12, 2, [35, 35, 24, 24, 530, 110, 354, 110]),
    ("m5.large", 3, 10, 2, [29, 29, 20, 20, 434, 110, 290, 110]),
    ("m5.xlarge", 4, 15, 4, [58, 58, 44, 44, 898, 110, 674, 110]),
    ("c6i.xlarge", 4, 15, 4, [58, 58, 44, 44, 898, 110, 674, 110]),
    ("m5.24xlarge", 15, 50, 96, [737, 250, 688, 250, 11762, 250, 10978, 250]),
    ("m5.8xlarge", 8, 30, 32, [234, 234, 205, 205, 3714, 250, 3250, 250]),
    ("p5.48xlarge", 2, 50, 192, [100, 100, 51, 51, 1570, 250, 786, 250]),
    ("m4.large", 2, 10, 2, [20, 20, 11, 11, 20, 20, 11, 11]),
];

#[test]
fn as_the_calculator_of_aws() {
    for &(name, interfaces, addresses, vcpus, expected) in VECTORS {
        for (position, expected) in expected.into_iter().enumerate() {
            let options = json!({
                "uncapped": position % 2 == 0,
                "custom_networking": matches!(position, 2 | 3 | 6 | 7),
                "prefix_delegation": position >= 4,
            });
            assert_eq!(pods(name, &options), expected, "{name} {options}");
            let with = |more: Value| {
                let mut options = options.clone();
                options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                options
            };
            assert_eq!(pods(name, &with(json!({"vcpus": vcpus}))), expected, "{name} with its vCPUs");
            if name != "m4.large" {
                let limits =
                    with(json!({"interfaces": interfaces, "addresses_per_interface": addresses, "vcpus": vcpus}));
                assert_eq!(pods("x99.large", &limits), expected, "the limits of {name} in the options");
            }
        }
    }
}

#[test]
fn options_and_their_effect() {
    for (name, options, expected) in [
        ("m5.large", Value::Null, 29),
        ("m5.large", json!({"max_enis": 2}), 20),
        ("m5.large", json!({"max_enis": 9}), 29),
        ("m5.large", json!({"max_enis": 2, "custom_networking": true}), 11),
        // An instance with 32 vCPUs is below the threshold if some are disabled.
        ("m5.8xlarge", json!({"vcpus": 30}), 110),
        ("m5.8xlarge", json!({"vcpus": 31}), 234),
        ("m5.large", json!({"prefix_delegation": true, "cni_version": "1.8.0"}), 29),
        ("m5.large", json!({"prefix_delegation": true, "cni_version": "v1.9.0-eksbuild.1"}), 110),
        ("m5.large", json!({"prefix_delegation": true, "cni_version": "1.20"}), 110),
        ("m5.large", json!({"prefix_delegation": true, "cni_version": "2.0.0"}), 110),
        ("m5.large", json!({"prefix_delegation": null, "custom_networking": null}), 29),
        // The VPC CNI also assigns prefixes on bare metal: 8·29·16 + 2.
        ("a1.metal", json!({"prefix_delegation": true, "uncapped": true}), 3714),
        ("a1.metal", json!({"prefix_delegation": true}), 110),
        // 24 vCPUs, unlike every other 12xlarge.
        ("hpc7a.12xlarge", json!({"prefix_delegation": true}), 110),
        ("u-24tb1.metal", json!({"vcpus": 448}), 250),
        ("u-24tb1.metal", json!({"uncapped": true}), 737),
        // Given values override the table's; values not given are kept.
        ("m4.large", json!({"interfaces": 3, "addresses_per_interface": 10, "prefix_delegation": true}), 29),
        ("x99.large", json!({"interfaces": 3, "addresses_per_interface": 10}), 29),
    ] {
        assert_eq!(pods(name, &options), expected, "{name} {options}");
    }
}

#[test]
fn refused_inputs() {
    const NEWER: &str = "for a newer type, give `interfaces` and `addresses_per_interface`";
    for (name, options, expected) in [
        (json!(5), json!({}), "must be a string, not a number; put it in quotes".to_owned()),
        (json!(null), json!({}), "must be a string, not null".to_owned()),
        (
            json!("M5.Large"),
            json!({}),
            "must be an EC2 instance type such as `m5.large`, got `M5.Large`; did you mean `m5.large`?".to_owned(),
        ),
        (
            json!("a1"),
            json!({}),
            "must be an EC2 instance type such as `m5.large`, got `a1`; the size is missing, such as in `a1.medium`"
                .to_owned(),
        ),
        (json!(""), json!({}), "must be an EC2 instance type such as `m5.large`, got ``".to_owned()),
        (
            json!("a1.8xlarge"),
            json!({}),
            format!(
                "`a1.8xlarge` is not in the built-in table of instance types; `a1` has the sizes `medium`, `large`, \
                 `xlarge`, `2xlarge`, `4xlarge`, `metal`; {NEWER}"
            ),
        ),
        (
            json!("zzzzzzzzzzzz.zzzzzzzzz"),
            json!({}),
            format!("`zzzzzzzzzzzz.zzzzzzzzz` is not in the built-in table of instance types; {NEWER}"),
        ),
        (json!("m5.large"), json!("custom"), "must be an object, not a string".to_owned()),
        (
            json!("m5.large"),
            json!({"max_enis": 0}),
            "max_enis: must be a whole number from 1 to 1000, got `0`".to_owned(),
        ),
        (
            json!("m5.large"),
            json!({"max_enis": 1.5, "vcpus": "4"}),
            "max_enis: must be a whole number from 1 to 1000, got `1.5`\nvcpus: must be a number, not a string"
                .to_owned(),
        ),
        (
            json!("m5.large"),
            json!({"max_enis": 1, "custom_networking": true}),
            "max_enis: leaves no interface for pods, since `custom_networking` does not use the first".to_owned(),
        ),
        (
            json!("m5.large"),
            json!({"cni_version": "latest"}),
            "cni_version: must be a version of the VPC CNI such as `1.20.4` or `v1.20.4-eksbuild.2`, got `latest`"
                .to_owned(),
        ),
        (json!("m5.large"), json!({"interfaces": 3}), "interfaces: needs `addresses_per_interface`".to_owned()),
        (
            json!("x99.large"),
            json!({"addresses_per_interface": 3, "interfaces": 2, "custom_networking": true, "vcpus": 0}),
            "vcpus: must be a whole number from 1 to 100000, got `0`".to_owned(),
        ),
        (
            json!("x99.large"),
            json!({"addresses_per_interface": 9, "interfaces": 1, "custom_networking": true}),
            "custom_networking: needs a second network interface, the instance type has only one for pods".to_owned(),
        ),
        (
            json!("u-24tb1.metal"),
            json!({}),
            "vcpus: is needed: the instance type has 737 addresses for pods, the limit is 110 up to 30 vCPUs and 250 \
             beyond, and the built-in table does not say how many vCPUs the type has"
                .to_owned(),
        ),
    ] {
        assert_eq!(refused(name, options), expected);
    }
    assert_eq!(
        refused(json!("m5.large"), json!({"addresses_per_interface": 3})),
        "addresses_per_interface: needs `interfaces`"
    );
    for version in ["", "1", "v", "1.", "1.+9", "1.9.0.1", "1.9.0-", "1.9 "] {
        assert!(refused(json!("m5.large"), json!({"cni_version": version})).starts_with("cni_version:"), "{version}");
    }
    let near = refused(json!("m55.large"), json!({}));
    assert!(
        near.contains("did you mean `m5.large`")
            && near.ends_with("? For a newer type, give `interfaces` and `addresses_per_interface`"),
        "{near}"
    );
}

#[test]
fn faults_of_both_are_told_at_once() {
    let both = parse(&tree(json!("a1.8xlarge")), &tree(json!({"max_eni": 2, "uncapped": "yes"}))).unwrap_err();
    assert_eq!(both.instance_type.unwrap().iter().count(), 1);
    let options = both.options.unwrap();
    assert_eq!(options.iter().count(), 2, "{options}");
    assert!(options.to_string().contains("did you mean `max_enis`?"), "{options}");
}

#[test]
fn unknown_values_make_it_pending() {
    for (name, options) in [
        (json!(LATER), json!({})),
        (json!("m5.large"), json!(LATER)),
        (json!("m5.large"), json!({"custom_networking": LATER})),
        (json!("x99.large"), json!({"interfaces": LATER, "addresses_per_interface": 4})),
        // A type missing from the table may have limits that are known later.
        (json!("x99.large"), json!(LATER)),
    ] {
        assert_eq!(parse(&tree(name.clone()), &tree(options.clone())), Ok(Parsed::Pending), "{name} {options}");
    }
    assert!(refused(json!("m55.large"), json!({"custom_networking": LATER})).contains("`m55.large`"));
    assert!(refused(json!(LATER), json!({"max_enis": 0})).starts_with("max_enis:"));
}
