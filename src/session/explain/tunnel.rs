//! What to do when a tunnel does not lead to an API server.

use crate::aws;
use crate::host::{self, Kind};
use crate::kube;

/// What to do about an error of `kubernetes.tunnel`.
pub(super) fn remedy(error: &kube::Error) -> Option<String> {
    let source = error.tunnel_error()?.source.as_deref();
    let Some(source) = source else {
        return Some("Install `session-manager-plugin` 1.2.497 or later, or set `kubernetes.tunnel.ssm.plugin_path` of the provider, and try `aws ssm start-session` with the same node by hand.".to_owned());
    };
    if source.downcast_ref::<aws::Error>().is_some() {
        return Some("Check `kubernetes.tunnel.ssm.target` of the provider, that the node's agent is connected (`aws ssm describe-instance-information`), and that the caller has `ssm:StartSession` on the node and on the document `AWS-StartPortForwardingSessionToRemoteHost`.".to_owned());
    }
    let error = source.downcast_ref::<host::Error>()?;
    let place = error.place();
    Some(match error.kind() {
        Kind::NotForwarded { target, .. } => format!(
            "Check that the sshd of `{}` forwards connections (`AllowTcpForwarding`, `PermitOpen`), that its name server knows the host, and that routes and security groups let it reach `{target}`: the cluster security group must allow port 443 from the bastion.",
            place.host
        ),
        Kind::HostKeyUnknown { .. } => format!(
            "On the console of `{}`, compare the fingerprint with that of `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` (or of the file of its type). If they are equal, set the public key in `kubernetes.tunnel.ssh.host_key` of the provider.",
            place.host
        ),
        Kind::HostKeyChanged { .. } | Kind::HostKeyRevoked { .. } | Kind::HostCertificate { .. } => "If the bastion was reinstalled, compare the new fingerprint on its console, then replace the old key. Otherwise another machine answers under this address: do not continue.".to_owned(),
        Kind::Unauthorized { .. } => format!(
            "Check `kubernetes.tunnel.ssh.user` and its credentials, and that the key's public part is in `~{}/.ssh/authorized_keys` on `{}`.",
            place.user, place.host
        ),
        _ => format!(
            "Check that `{}` is on, and that this machine can reach its port {} (`kubernetes.tunnel.ssh` of the provider).",
            place.host, place.port
        ),
    })
}
