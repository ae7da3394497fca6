//! Further flags of the kubelet, as `bootstrap.sh` passes them on.
//!
//! The script writes them into a unit of systemd, `Environment='KUBELET_EXTRA_ARGS=…'`, from where they are split at
//! spaces into flags. So no flag may hold a space, a quote or a backslash, and a `%` has to be written twice.

use crate::node::shape::text;

text! {
    /// A flag of the kubelet.
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
    /// The flag as a unit of systemd has it, where `%` begins a specifier.
    pub(super) fn for_systemd(&self) -> String {
        self.as_str().replace('%', "%%")
    }
}
