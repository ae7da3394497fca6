//! `NodeConfig` as YAML, in the order and spelling of the API.
//!
//! nodeadm reads the file by YAML 1.1 (through JSON, unknown fields refused), people and editors often by 1.2: whatever
//! is not a string to either is quoted. Several lines are written as a block, long lines are never folded.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::NodeConfig;
use crate::node::shape::Emitted;

struct Document<'a>(&'a NodeConfig);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("apiVersion", "node.eks.aws/v1alpha1")?;
        map.serialize_entry("kind", "NodeConfig")?;
        map.serialize_entry("spec", &Emitted(self.0))?;
        map.end()
    }
}

pub(super) fn render(config: &NodeConfig) -> String {
    render_value(&Document(config))
}

/// Any value as a YAML document in this room's style.
pub(in crate::node) fn render_value(value: &impl Serialize) -> String {
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    // Fails only for values that YAML cannot hold, such as a map as a key, and for a broken writer: neither occurs.
    serde_saphyr::to_string_with_options(value, options).unwrap_or_else(|error| unreachable!("YAML: {error}"))
}
