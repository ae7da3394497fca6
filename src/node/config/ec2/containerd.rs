//! The `containerd` part of a `NodeConfig`.

use std::collections::BTreeMap;

use serde::ser::Serializer;

use super::super::ContainerdConfiguration;
use super::super::host::{check_numbers, emit_fields, is_pending};
use crate::node::shape::{Known, Reader, Shape, object};
use crate::node::tree::{Step, Tree};

object! {
    /// containerd settings.
    pub struct Containerd (ContainerdDraft) {
        /// containerd configuration, merged over the one that nodeadm writes.
        pub config: Option<ContainerdConfiguration>,
        /// Parts of the OCI runtime specification, spelled as in the specification, merged over the defaults of all
        /// containers: `{ process = { rlimits = […] } }`.
        pub base_runtime_spec: Option<BaseRuntimeSpec>,
    }
}

/// Parts of an OCI runtime specification, as the user spells them.
#[derive(Clone, Debug, PartialEq)]
pub struct BaseRuntimeSpec(BTreeMap<String, Tree>);

/// Source: `config.md` of github.com/opencontainers/runtime-spec, v1.3.
const FIELDS: [&str; 13] = [
    "ociVersion",
    "process",
    "root",
    "hostname",
    "domainname",
    "mounts",
    "hooks",
    "annotations",
    "linux",
    "solaris",
    "windows",
    "vm",
    "zos",
];

impl Shape for BaseRuntimeSpec {
    type Draft = Self;

    fn noun() -> String {
        "map".to_owned()
    }

    fn draft(tree: &Tree, reader: &mut Reader) -> Known<Self> {
        let Tree::Map(fields) = tree else {
            return reader.wrong_type("a map", tree);
        };
        let sound = reader.without_fault(|reader| {
            for (field, value) in fields {
                reader.inside(Step::Key(field.clone()), |reader| {
                    if !FIELDS.contains(&field.as_str()) {
                        let hint = names::meant(field, FIELDS).map(|meant| format!("; did you mean `{meant}`?"));
                        reader.fault(format!(
                            "is not a part of the OCI runtime specification{}",
                            hint.unwrap_or_default()
                        ));
                    }
                    check_numbers(value, reader);
                });
            }
        });
        if !sound {
            Known::Faulty
        } else if fields.values().any(is_pending) {
            Known::Later
        } else {
            Known::Ready(Self(fields.clone()))
        }
    }

    fn finish(draft: Self) -> Option<Self> {
        Some(draft)
    }

    fn emit<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        emit_fields(&self.0, serializer)
    }
}
