//! Uninstalling through Run Command. It removes the agent, which then reports nothing, so the host does it by itself,
//! detached from any command, and the provider watches the registration: nodeadm ends it. Where the host's role may not
//! deregister, the registration stays, and only the silence of the agent shows that it is removed.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Result};
use framework::resource::State;
use framework::wait::{self, Seen, Wait};
use secrecy::SecretString;

use super::reach::explain_host;
use super::{Dyn, activation, instance};
use crate::aws;
use crate::host::{Command, Error, File, Kind};
use crate::resources::node::Node;
use crate::session::{Context, explain};

/// What a failure on the host leaves.
pub(super) const LEFT: &str = "The node is cordoned and drained, and recorded in the state; another destroy continues.";
const SUMMARY: &str = "Could not remove the node from its host";
/// In memory, and so gone with the next start of the host.
const SCRIPT: &str = "/run/ekshybrid-leave.sh";
/// The exit status and the last lines of an uninstall that has failed.
const FAILURE: &str = "/run/ekshybrid-leave.failed";
/// How long an uninstall may take. With an API server that does not answer, nodeadm takes 42 seconds.
const LIMIT: Duration = Duration::from_mins(5);
/// How long the agent may take to answer. One that is removed never does.
const ANSWER: Duration = Duration::from_secs(20);
/// After so many questions without an answer, it counts as removed.
const SILENT: u32 = 2;

/// Seconds that the agent has for the report of the command that starts the uninstall.
const BEFORE: u32 = 3;

/// Starts in a unit of its own: what the agent started may end with the agent.
const START: &str = "\
if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null; then
  exec systemd-run --quiet --collect --unit=ekshybrid-leave sh /run/ekshybrid-leave.sh
fi
setsid sh /run/ekshybrid-leave.sh </dev/null >/dev/null 2>&1 &";

/// Waits at first, because the agent still has to report the command that started this. Where the host's role may not
/// deregister, nodeadm fails half-way and succeeds when it is run again.
fn script(skipped: &str, clean: &str) -> String {
    format!(
        "export HOME=/root PATH=\"$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"
log=$(mktemp)
sleep {BEFORE}
tried=0 status=1
while [ \"$status\" != 0 ] && [ \"$tried\" -lt 2 ]; do
  tried=$((tried + 1)) status=0
  /usr/local/bin/nodeadm uninstall --skip {skipped} >\"$log\" 2>&1 || status=$?
  grep -q 'uninstalling SSM' \"$log\" || tried=2
done
if [ \"$status\" != 0 ]; then
  {{ echo \"exit status $status\"; tail -n 3 \"$log\"; }} >{FAILURE}.new
  mv -f {FAILURE}.new {FAILURE}
  rm -f \"$log\" {SCRIPT}
  exit
fi
rm -f \"$log\" {SCRIPT}
{clean}"
    )
}

pub(super) async fn leave(state: &State<Node>, host: Dyn<'_>, skipped: &str, clean: &str, cx: &Context) -> Result<()> {
    let Some(id) = instance(state) else {
        return Err(Diagnostic::bug("A node that is reached through Run Command has no instance.").into());
    };
    let file = File::new(SCRIPT, SecretString::from(script(skipped, clean))).mode(0o700).as_root().public();
    host.upload(&file).await.map_err(|error| explain_host(SUMMARY, &error))?;
    let start = Command::script("start nodeadm uninstall", &format!("rm -f {FAILURE}\n{START}")).as_root();
    // The agent may be removed before it has reported this. What follows finds out.
    if let Ok(started) = tokio::time::timeout(ANSWER, host.succeed(&start)).await {
        started.map_err(|error| explain_host(SUMMARY, &error))?;
    } else {
        tracing::info!("the agent of the host did not report that `nodeadm uninstall` was started");
    }
    let client = activation::ssm(&state.outputs.region, cx)?;
    let wait = Wait {
        what: format!("`nodeadm uninstall` on host `{id}`, which ends the registration"),
        timeout: cx.time_left(LIMIT).min(LIMIT),
        interval: Duration::from_secs(1),
        max_interval: Duration::from_secs(5),
    };
    let unanswered = AtomicU32::new(0);
    let look = || async {
        let wanted = crate::aws::ssm::InstanceFilter { ids: vec![id.to_owned()], ..Default::default() };
        let found = client.instances(&wanted).await.map_err(|error| explain(SUMMARY, &error, Some(LEFT)))?;
        if found.is_empty() {
            return Ok(Seen::Done(()));
        }
        match failure(host).await {
            Answer::Unknown(error) => Err(explain_host(SUMMARY, &error).left(LEFT)),
            Answer::Failed(failure) => {
                let cause = format!("nodeadm on host `{id}` ended with {failure}.");
                Err(Diagnostic::error(SUMMARY, cause).left(LEFT).into())
            }
            Answer::Running => {
                unanswered.store(0, Ordering::Relaxed);
                Ok(Seen::Pending("it is still running".to_owned()))
            }
            Answer::None if unanswered.fetch_add(1, Ordering::Relaxed) + 1 < SILENT => {
                Ok(Seen::Pending("the agent of the host does not answer".to_owned()))
            }
            Answer::None => {
                cx.report(unconfirmed(id));
                Ok(Seen::Done(()))
            }
        }
    };
    wait::until(cx, &wait, look).await.map_err(|failure| {
        failure
            .remedy("Look at the host. `force_destroy = true`, applied before the destroy, deregisters it in any case.")
    })
}

fn unconfirmed(id: &str) -> Diagnostic {
    Diagnostic::warning(
        "Uninstall is not confirmed",
        format!("Host `{id}` started `nodeadm uninstall`, and its agent does not answer any longer, but the host did not end its registration: its role may not be allowed to."),
    )
    .left("The Node is deleted and the instance deregistered by the provider.")
    .remedy("If in doubt, run `sudo nodeadm uninstall` on the host.")
}

/// What the host answers.
enum Answer {
    /// The uninstall has failed.
    Failed(String),
    /// It has not.
    Running,
    /// Nothing: the agent is silent.
    None,
    /// AWS did not pass the question on, so it says nothing of the agent.
    Unknown(Error),
}

async fn failure(host: Dyn<'_>) -> Answer {
    let command =
        Command::script("look at nodeadm uninstall", &format!("cat {FAILURE} 2>/dev/null && rm -f {FAILURE}"));
    match tokio::time::timeout(ANSWER, host.capture(&command)).await {
        Ok(Ok(printed)) if printed.stdout.trim().is_empty() => Answer::Running,
        Ok(Ok(printed)) => Answer::Failed(printed.stdout.trim().replacen('\n', ": ", 1)),
        Ok(Err(error)) if !is_silence(&error) => Answer::Unknown(error),
        Ok(Err(_)) | Err(_) => Answer::None,
    }
}

/// Whether an error comes of the agent's silence. A missing permission, expired credentials, throttling, a lost
/// connection to AWS and a stop do not: what becomes of the uninstall is then unknown.
fn is_silence(error: &Error) -> bool {
    let remote = error.remote().and_then(|error| error.downcast_ref::<aws::Error>());
    // Run Command answers InvalidInstanceId for an instance whose agent is gone.
    error.is_absent() || matches!(error.kind(), Kind::TimedOut(_)) || remote.is_some_and(aws::Error::is_not_found)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::future::BoxFuture;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::host::run_command::{Invocation, ManagedHost, Remote};
    use crate::host::{BoxError, Host};

    /// Systems Manager that takes no command, or delivers none.
    enum Manager {
        Refuses,
        CannotDeliver,
    }

    impl Remote for Manager {
        fn ping(&self) -> BoxFuture<'_, std::result::Result<Option<String>, BoxError>> {
            Box::pin(async { Ok(None) })
        }

        fn send<'a>(
            &'a self,
            _: &'a str,
            _: Duration,
            _: Duration,
        ) -> BoxFuture<'a, std::result::Result<String, BoxError>> {
            let sent = match self {
                Self::Refuses => Err("AccessDeniedException".into()),
                Self::CannotDeliver => Ok("id-1".to_owned()),
            };
            Box::pin(async move { sent })
        }

        fn look<'a>(&'a self, _: &'a str) -> BoxFuture<'a, std::result::Result<Option<Invocation>, BoxError>> {
            Box::pin(async { Ok(Some(Invocation::GivenUp("DeliveryTimedOut".to_owned()))) })
        }

        fn cancel<'a>(&'a self, _: &'a str) -> BoxFuture<'a, std::result::Result<(), BoxError>> {
            Box::pin(async { Ok(()) })
        }
    }

    #[tokio::test]
    async fn a_refused_question_is_no_silence_of_the_agent() {
        for (manager, is_unknown) in [(Manager::Refuses, true), (Manager::CannotDeliver, false)] {
            let host = ManagedHost::new("mi-0123456789abcdef0", Arc::new(manager), CancellationToken::new());
            let host: &dyn Host = &host;
            match failure(host).await {
                Answer::Unknown(_) => assert!(is_unknown),
                Answer::None => assert!(!is_unknown),
                Answer::Failed(_) | Answer::Running => panic!("the agent did not answer"),
            }
        }
    }
}
