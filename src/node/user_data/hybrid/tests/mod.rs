//! User data from input to a joined host: Python's email parser parses the archive, as cloud-init does, and the
//! script runs in a directory of its own with fakes for nodeadm, systemd and the clock.

mod archive;
mod command;
mod downloads;
mod host;
mod input;
mod joins;

use serde_json::{Value, json};

use super::*;
use crate::node::tree::written::{LATER, tree};

const CODE: &str = "s3cr3tCodeOfTheActivation";

fn by_ssm() -> Value {
    json!({
        "node_config": {
            "cluster": {"name": "edge", "region": "us-west-2"},
            "hybrid": {"ssm": {"activation_code": CODE, "activation_id": "01234567-89ab-cdef-0123-456789abcdef"}},
        },
        "kubernetes_version": "1.34",
    })
}

fn by_certificate() -> Value {
    json!({
        "node_config": {
            "cluster": {"name": "edge", "region": "us-west-2"},
            "hybrid": {"iam_roles_anywhere": {
                "node_name": "rack-1",
                "trust_anchor_arn":
                    "arn:aws:rolesanywhere:us-west-2:111122223333:trust-anchor/01234567-89ab-cdef-0123-456789abcdef",
                "profile_arn": "arn:aws:rolesanywhere:us-west-2:111122223333:profile/01234567-89ab-cdef-0123-456789abcdef",
                "role_arn": "arn:aws:iam::111122223333:role/Nodes",
            }},
        },
        "kubernetes_version": "1.34.2",
    })
}

/// The input with more top-level attributes.
fn and(input: Value, more: Value) -> Value {
    let (Value::Object(mut input), Value::Object(more)) = (input, more) else { panic!("two objects are needed") };
    input.extend(more);
    Value::Object(input)
}

fn ready(input: Value) -> UserData {
    match parse(&tree(input)) {
        Ok(Parsed::Ready(user_data)) => user_data,
        other => panic!("{other:?}"),
    }
}

fn fault(input: Value) -> String {
    let faults = parse(&tree(input)).unwrap_err();
    assert_eq!(faults.iter().count(), 1, "{faults}");
    faults.to_string()
}
