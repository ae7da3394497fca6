//! Input that is missing, misspelled, of a wrong type, or in conflict with another attribute.

use serde_json::{Value, json};

use super::{CODE, by_certificate, by_ssm, fault, faults, ready, with};

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
    let rule = "hybrid.ssm.activation_id: must be the ID of an activation, a UUID in lowercase such as \
                `01234567-89ab-cdef-0123-456789abcdef`";
    // The last one is the code in place of the id: it must not be repeated.
    for id in
        ["", "01234567-89AB-cdef-0123-456789abcdef", "0123456789abcdef0123456789abcdef", "mi-0123456789abcdef0", CODE]
    {
        assert_eq!(fault(with(by_ssm(), "/hybrid/ssm/activation_id", json!(id))), rule);
    }
}
