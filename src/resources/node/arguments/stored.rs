//! What Run Command must not store: it keeps each command, and whoever may read commands reads it.

use std::collections::BTreeMap;

use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::path::Path;
use framework::value::Value;

use crate::resources::node::Args;

/// Refuses what cannot go through Run Command, as far as it is known. The attributes are those of a node, or of an action
/// that has some of them.
pub(crate) fn check_stored(attributes: &BTreeMap<String, Value>, faults: &mut Diagnostics) {
    if !attributes.get(Args::NAMES.run_command).is_some_and(|way| matches!(way, Value::Map(_))) {
        return;
    }
    let text = |name: &str, member: &str| attributes.get(name)?.attribute(member).and_then(Value::as_str);
    let names = Args::NAMES;
    let mut fault = |at: Path, cause: &str, remedy: &str| {
        faults.push(Diagnostic::error("Argument cannot be used with `run_command`", cause).remedy(remedy).at(at));
    };
    let ssm = attributes.get(names.ssm);
    for member in ["activation_id", "activation_code"] {
        if ssm.and_then(|ssm| ssm.attribute(member)).is_some_and(|value| !matches!(value, Value::Null)) {
            fault(
                Path::attribute(names.ssm).dot(member),
                "The host is registered already, which Run Command requires, and would not use an activation; Systems Manager would store its code.",
                "Set `ssm = { iam_role = \"ROLE\" }` with the role of the host.",
            );
        }
    }
    if attributes.get(names.iam_roles_anywhere).is_some_and(|value| !matches!(value, Value::Null)) {
        fault(
            Path::attribute(names.iam_roles_anywhere),
            "A host with a certificate of IAM Roles Anywhere is not registered with Systems Manager, which Run Command requires.",
            "Use `ssh`.",
        );
    }
    let is_secret = |url: &str| url.contains('@') || url.contains('?');
    for (name, member) in [(names.nodeadm, "source"), (names.proxy, "http"), (names.proxy, "https")] {
        if text(name, member).is_some_and(is_secret) {
            fault(
                Path::attribute(name).dot(member),
                "This URL has credentials or a signature in it, which Systems Manager would store.",
                "Use a URL without them, or `ssh`.",
            );
        }
    }
    if text_of(attributes.get(names.manifest_override)).is_some_and(is_secret) {
        fault(
            Path::attribute(names.manifest_override),
            "This URL has credentials or a signature in it, which Systems Manager would store.",
            "Use a URL without them, or `ssh`.",
        );
    }
}

fn text_of(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str)
}
