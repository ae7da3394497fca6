//! User data of EC2 nodes.
//!
//! On Amazon Linux 2023, nodeadm itself reads a `NodeConfig` from a part with its own content type: its service
//! `nodeadm-config` runs before cloud-init, and `nodeadm-run`, which starts the node, after cloud-init. On Amazon
//! Linux 2, a script runs `bootstrap.sh`. cloud-init runs scripts in the order of their file names, and continues
//! after one that fails.
//!
//! Source: `templates/al2023/runtime/rootfs/etc/systemd/system` and `nodeadm/internal/configprovider` of
//! github.com/awslabs/amazon-eks-ami; cloud-init's module `scripts_user`. Limit: EC2 accepts 16 KiB, which
//! `base64gzip` may help to meet, so nothing is rejected for its size.

use super::System;
use super::mime::{Part, archive};
use super::own::{SCRIPT, Script, scripts, scripts_named as named};
use crate::node::bootstrap::Bootstrap;
use crate::node::config::ec2::NodeConfig;
use crate::node::shape::object;

object! {
    /// User data of a node on Amazon Linux 2023.
    pub struct Al2023 (Al2023Draft) {
        /// Selects the operating system: `al2023`.
        pub os: System,
        /// The `NodeConfig`, as for the function `node_config` with `os = "al2023"`.
        pub node_config: NodeConfig,
        /// Scripts that run in order before the kubelet starts. A failed script does not stop the others, and a
        /// `NodeConfig` that they write to `/etc/eks/nodeadm.d` is merged over this one. Scripts cannot run later:
        /// nodeadm starts the kubelet after cloud-init has finished.
        pub scripts_before: Option<Vec<Script>>,
    }
}

object! {
    /// User data of a node on Amazon Linux 2.
    pub struct Al2 (Al2Draft) {
        /// Selects the operating system: `al2`.
        pub os: System,
        /// How the node joins, as for the function `bootstrap_arguments`. With `api_server_endpoint` and
        /// `certificate_authority`, the node does not need to reach EKS.
        pub bootstrap: Bootstrap,
        /// Scripts that run in order before `bootstrap.sh`. A failed script does not stop the others.
        pub scripts_before: Option<Vec<Script>>,
        /// Scripts that run in order after `bootstrap.sh`, even if it failed.
        pub scripts_after: Option<Vec<Script>>,
    }
}

impl Al2023 {
    /// The text for cloud-init and nodeadm.
    #[must_use]
    pub fn render(&self) -> String {
        let node_config = self.node_config.to_yaml();
        let before = named("ekshybrid-before", self.scripts_before.as_deref());
        let config = Part {
            content_type: "application/node.eks.aws",
            name: "node-config.yaml",
            content: &node_config,
            merge: None,
        };
        archive(&[vec![config], scripts(&before)].concat())
    }
}

impl Al2 {
    /// The text for cloud-init.
    #[must_use]
    pub fn render(&self) -> String {
        let join = format!(
            "#!/bin/bash\n# Joins this instance to an EKS cluster.\nset -euo pipefail\n/etc/eks/bootstrap.sh {}\n",
            self.bootstrap.render()
        );
        // The numbers define the order, since cloud-init sorts the names.
        let before = named("ekshybrid-1-before", self.scripts_before.as_deref());
        let after = named("ekshybrid-3-after", self.scripts_after.as_deref());
        let join = Part { content_type: SCRIPT, name: "ekshybrid-2-join", content: &join, merge: None };
        archive(&[scripts(&before), vec![join], scripts(&after)].concat())
    }
}

#[cfg(test)]
mod tests;
