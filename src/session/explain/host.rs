//! Explains an error of a host: exactly what went wrong, what is left behind, what to do.

use framework::diagnostic::{Diagnostic, Diagnostics, sentence};
use framework::path::Path;

use super::explain;
use crate::aws;
use crate::host::{Attempt, Error, Kind, NoRoot};

/// Explains `error` under `summary`. `left_behind` says what exists nevertheless, and where it is recorded.
#[must_use]
pub fn explain_host(summary: &str, error: &Error, left_behind: Option<&str>) -> Diagnostics {
    if let Some(error) = error.remote().and_then(|error| error.downcast_ref::<aws::Error>()) {
        return explain(summary, error, left_behind);
    }
    let place = error.place();
    let text = match (error.kind(), error.attempt()) {
        (Kind::Cancelled, attempt) => format!("Terraform asked to stop, on the way to {attempt} on `{place}`"),
        (kind @ Kind::NotOnline { .. }, _) => format!("could not reach `{place}`: {kind}"),
        (kind, Attempt::Connect) => format!("could not log in to `{place}`: {kind}"),
        (kind, attempt) => format!("could not {attempt} on `{place}`: {kind}"),
    };
    let diagnostic = Diagnostic::error(summary, sentence(&text))
        .left(left_behind.unwrap_or_default())
        .remedy(remedy(error).unwrap_or_default());
    match error.kind() {
        Kind::Configuration { argument, .. } => diagnostic.at(Path::attribute("ssh").dot(*argument)),
        _ => diagnostic,
    }
    .into()
}

fn remedy(error: &Error) -> Option<String> {
    let place = error.place();
    let (host, port, user) = (&place.host, place.port, &place.user);
    Some(match error.kind() {
        Kind::Unresolved { .. } => {
            "Check `ssh.host`, and the name service of the machine that runs Terraform.".to_owned()
        }
        Kind::Refused => format!(
            "Start sshd on the host, or set the port on which it listens in `ssh.port` (now {port})."
        ),
        Kind::NoAnswer { .. } | Kind::Unreachable { .. } => format!(
            "Check that the host is on, and that routes and firewalls let the machine that runs Terraform reach port {port} of `{host}`. If another host leads to it, set `ssh.bastion`."
        ),
        Kind::BastionRefused { bastion, .. } => format!(
            "Check that the host is on, that `{bastion}` can reach port {port} of `{host}`, and that its sshd forwards connections (`AllowTcpForwarding yes`)."
        ),
        Kind::Dropped => "The server may have too many logins in progress (`MaxStartups` of sshd), or reject this machine's address (`fail2ban`, `sshguard`, TCP wrappers).".to_owned(),
        Kind::HostKeyUnknown { .. } => format!(
            "On the host's console, compare the fingerprint with that of `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` (or of the file of its type). If they are equal, set the public key in `ssh.host_key`, or add it to the file: `ssh-keyscan -p {port} {host}`."
        ),
        Kind::HostKeyChanged { .. } => "If the host was reinstalled, compare the new fingerprint on its console, then replace the old key. Otherwise another machine answers under this address: do not continue.".to_owned(),
        Kind::HostKeyRevoked { .. } => "Give the host a new key. Whoever has the revoked one can pretend to be this host.".to_owned(),
        Kind::HostCertificate { .. } => "Sign the host's key again, for the name or address in `ssh.host`: `ssh-keygen -s CA -h -I ID -n NAME KEY.pub`.".to_owned(),
        Kind::Unauthorized { .. } => format!(
            "Check the user, and that the key's public part is in `~{user}/.ssh/authorized_keys` on the host. The host's log (`journalctl -u ssh -u sshd`) gives the reason."
        ),
        Kind::NoRoot(NoRoot::TerminalRequired) => format!(
            "Remove `requiretty` for this user: `Defaults:{user} !requiretty` in /etc/sudoers.d/{user}. Or log in as root."
        ),
        Kind::NoRoot(NoRoot::NoSudo) => "Install sudo, or log in as root.".to_owned(),
        Kind::NoRoot(_) => format!(
            "Let the user run commands as root without a password: `{user} ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d/{user}. Or log in as root."
        ),
        Kind::NotWritten { stderr, .. } if stderr.contains("No space left on device") => {
            "Free space on the host's disk, and apply again.".to_owned()
        }
        Kind::NotOnline { status: None } => {
            "Check `run_command.instance_id` and the region. A host that was registered anew has another id.".to_owned()
        }
        Kind::NotRun { .. } | Kind::NotOnline { .. } => format!(
            "Check that `{host}` is online (`aws ssm describe-instance-information --filters Key=InstanceIds,Values={host}`), and on the host that the agent runs (`systemctl status '*amazon-ssm-agent*'`)."
        ),
        Kind::Secret => "Use `ssh` for this host: what Run Command runs is stored by AWS.".to_owned(),
        Kind::Lost { .. } => "The command may still be running on the host. Apply again to continue.".to_owned(),
        // Correct after an apply and after a destroy.
        Kind::Cancelled => "Run the same command again to continue.".to_owned(),
        _ => return None,
    })
}
