//! Additional kubelet flags, as passed by `bootstrap.sh`.
//!
//! The script writes them to a systemd unit, `Environment='KUBELET_EXTRA_ARGS=…'`, where they are split into flags at
//! spaces. So a flag must not contain a space, a quote or a backslash, and `%` must be doubled.

use crate::node::shape::text;

text! {
    /// A kubelet flag.
    pub struct KubeletArgument;
    rule = "a flag in one piece such as `--system-reserved=memory=500Mi`, without spaces, quotes and backslashes";
    check = |text| {
        let splits = |letter: char| letter.is_whitespace() || letter.is_control() || "'\"\\".contains(letter);
        let name = text.strip_prefix("--").unwrap_or_default().split('=').next().unwrap_or_default();
        if text.contains(splits) || name.is_empty() {
            return Err(String::new());
        }
        match name {
            "max-pods" => Err("give `max_pods`".to_owned()),
            "node-labels" => Err("give `node_labels`".to_owned()),
            "register-with-taints" => Err("give `node_taints`".to_owned()),
            _ => Ok(()),
        }
    };
}

impl KubeletArgument {
    /// The flag in a systemd unit, where `%` starts a specifier.
    pub(super) fn for_systemd(&self) -> String {
        self.as_str().replace('%', "%%")
    }
}
