//! Which kind of machine is selected; and parsing an archive, for the tests of each kind.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::*;
use crate::node::tree::written::{LATER, tree};

/// The parts of an archive, as Python's email parser returns them to cloud-init: type, file name, content.
pub(in crate::node::user_data) fn parts(text: &str) -> Vec<(String, String, String)> {
    const READER: &str = "
import email, json, sys
message = email.message_from_string(sys.stdin.buffer.read().decode('utf-8'))
assert message.is_multipart() and not message.defects, message.defects
json.dump([[p.get_content_type(), p.get_filename(), p.get_payload(decode=True).decode('utf-8')]
       for p in message.walk() if not p.is_multipart()], sys.stdout)
";
    let mut reader = Command::new("python3")
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is a prerequisite of the tests");
    reader.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(input: Value) -> String {
    parse(&tree(input)).unwrap_err().to_string()
}

#[test]
fn the_system_says_which_kind_it_is() {
    let hybrid = refused(json!({}));
    assert_eq!(hybrid, "node_config: is required\nkubernetes_version: is required");
    assert_eq!(refused(json!({"os": null})), hybrid);
    assert_eq!(refused(json!({"os": "al2023"})), "node_config: is required");
    assert_eq!(refused(json!({"os": "al2"})), "bootstrap: is required");
    assert_eq!(parse(&tree(json!({"os": LATER}))), Ok(Parsed::Pending));
    assert_eq!(parse(&Tree::Later), Ok(Parsed::Pending));
    assert_eq!(refused(json!("al2023")), "must be an object, not a string");
    // Other attributes are checked once it is known which rules apply.
    assert_eq!(
        refused(json!({"os": "ubuntu", "kubernetes_version": 1.34})),
        "os: must be `al2023`, `al2` or `bottlerocket`, got `ubuntu`"
    );
    assert_eq!(refused(json!({"os": 2023})), "os: must be a string, not a number; put it in quotes");
}

#[test]
fn the_page_has_every_kind() {
    let page = description();
    for line in [
        "- `kubernetes_version` (string, required) Version of Kubernetes",
        "- `os` (string, required) Selects the operating system: `al2023`.",
        "- `node_config` (object, required) The `NodeConfig`, as for the function `node_config` with",
        "- `bootstrap` (object, required) How the node joins, as for the function `bootstrap_arguments`.",
        "- `scripts_after` (list of string, optional) Scripts that run",
    ] {
        assert!(page.lines().any(|found| found.starts_with(line)), "{line}\n{page}");
    }
    for described_elsewhere in ["feature_gates", "aws_api_retry_attempts", "activation_code"] {
        assert!(!page.contains(described_elsewhere), "{described_elsewhere}");
    }
}
