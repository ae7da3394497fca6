//! What the agent of a host does with Run Command: it receives a command, runs its script as root, reports the end.

use std::{sync::Arc, time::Duration};

use super::{Hosts, host::Host};
use crate::{
    random,
    ssm::commands::{Command, Outcome, Script, Sent, Stage},
    store::Shared,
    world::World,
};

/// Pause between two looks for a command.
const BETWEEN: Duration = Duration::from_millis(100);
/// Where the agent keeps the id that Systems Manager gave it.
const REGISTRATION: &str = "var/lib/amazon/ssm/registration";
/// Its unit: Ubuntu's snap names it in its own way.
const AGENT_RUNS: &str = "systemctl is-active --quiet amazon-ssm-agent || systemctl is-active --quiet snap.amazon-ssm-agent.amazon-ssm-agent";

/// Delivers commands to the agents of their instances. One whose instance is on no host of this process stays pending.
pub fn deliver(hosts: &Arc<Hosts>, shared: &Arc<Shared>, sent: Vec<Sent>) {
    for sent in sent {
        let (hosts, shared) = (Arc::clone(hosts), Arc::clone(shared));
        tokio::spawn(async move { follow(&hosts, &shared, &sent).await });
    }
}

async fn follow(hosts: &Hosts, shared: &Shared, sent: &Sent) {
    let (host, script) = loop {
        // A command that was forgotten with its account ends this, too.
        if stage(shared, sent) != Some(Stage::Pending) {
            return;
        }
        if let Some(host) = agent(hosts, sent).await
            && let Some(script) = receive(shared, sent)
        {
            break (host, script);
        }
        tokio::time::sleep(BETWEEN).await;
    };
    let outcome = run(&host, shared, sent, script).await;
    // An agent repeats its report until it is heard. One that was removed meanwhile, or lost its registration, reports
    // nothing, although its scripts run on.
    while agent(hosts, sent).await.is_none() {
        if stage(shared, sent).is_none_or(Stage::is_final) {
            return;
        }
        tokio::time::sleep(BETWEEN).await;
    }
    shared.change(|world| {
        let invocation = command(world, sent).and_then(|command| command.invocations.get_mut(&sent.instance));
        if let Some(invocation) = invocation.filter(|invocation| !invocation.stage.is_final()) {
            invocation.end(outcome);
        }
    });
}

fn command<'a>(world: &'a mut World, sent: &Sent) -> Option<&'a mut Command> {
    let region = world.accounts.get_mut(&sent.account)?.regions.get_mut(&sent.region)?;
    region.ssm.commands.get_mut(&sent.command)
}

/// Where the command is, up to date; nothing if it does not exist any more.
fn stage(shared: &Shared, sent: &Sent) -> Option<Stage> {
    shared.look(|world| {
        let account = world.accounts.get(&sent.account)?;
        let store = &account.regions.get(&sent.region)?.ssm;
        let mut command = store.commands.get(&sent.command)?.clone();
        command.settle(account.advanced, |instance| store.instances.contains_key(instance));
        command.invocations.get(&sent.instance).map(|invocation| invocation.stage)
    })
}

/// The host whose agent is registered as the instance, runs, and hears.
async fn agent(hosts: &Hosts, sent: &Sent) -> Option<Arc<Host>> {
    let all: Vec<Arc<Host>> = hosts
        .all()
        .iter()
        .filter(|((account, _), _)| *account == sent.account)
        .map(|(_, host)| Arc::clone(host))
        .collect();
    let id = format!("\"{}\"", sent.instance);
    let host = all.into_iter().find(|host| {
        host.is_connected() && host.read(REGISTRATION).is_some_and(|registration| registration.contains(&id))
    })?;
    let asked = Arc::clone(&host);
    let runs = tokio::task::spawn_blocking(move || asked.command(AGENT_RUNS)).await;
    matches!(runs, Ok(Ok(done)) if done.status == 0).then_some(host)
}

/// The agent has the command; nothing if it was cancelled in the meantime.
fn receive(shared: &Shared, sent: &Sent) -> Option<Script> {
    shared.change(|world| {
        let command = command(world, sent)?;
        let script = Script::of(&command.parameters)?;
        let invocation = command.invocations.get_mut(&sent.instance).filter(|it| it.stage == Stage::Pending)?;
        invocation.start();
        Some(script)
    })
}

/// Runs the script to its end, its time limit, or its cancellation.
async fn run(host: &Arc<Host>, shared: &Shared, sent: &Sent, script: Script) -> Outcome {
    let limit = Duration::from_secs(u64::try_from(script.seconds).unwrap_or_default());
    // Where the agent keeps scripts, for good. Source: aws/amazon-ssm-agent, agent/appconfig.
    let folder = format!(
        "/var/lib/amazon/ssm/{}/document/orchestration/{}/awsrunShellScript/0.awsrunShellScript",
        sent.instance, sent.command
    );
    let file = format!("{folder}/_script.sh");
    if host.write(&file, &script.text).is_err() {
        return Outcome::TimedOut;
    }
    // The session is known by a file, for whoever ends it.
    let session = format!("/run/sandbox/command-{}", random::hex(16));
    let place = if script.folder.is_empty() { "/usr/bin" } else { &script.folder };
    let text = format!(
        "exec setsid --wait sh -c 'echo $$ >{session}; cd -- \"$1\" || exit; exec sh {file}' sh {}",
        quoted(place)
    );
    let running = Arc::clone(host);
    let mut running = tokio::task::spawn_blocking(move || running.command(&text));
    let begun = tokio::time::Instant::now();
    let mut ending = None;
    let done = loop {
        tokio::select! {
            done = &mut running => break done,
            () = tokio::time::sleep(BETWEEN) => {}
        }
        let stop = match stage(shared, sent) {
            Some(Stage::Cancelling) | None => Some(Outcome::Cancelled),
            _ if begun.elapsed() >= limit => Some(Outcome::TimedOut),
            _ => None,
        };
        // Until it has ended: the file may not be there at the first attempt.
        if let Some(outcome) = stop {
            ending.get_or_insert(outcome);
            let (host, session) = (Arc::clone(host), session.clone());
            let _ = tokio::task::spawn_blocking(move || host.command(&format!("pkill -KILL -s \"$(cat {session})\"")))
                .await;
        }
    };
    let (host, file) = (Arc::clone(host), session);
    let _ = tokio::task::spawn_blocking(move || host.command(&format!("rm -f {file}"))).await;
    match (ending, done) {
        (Some(outcome), _) => outcome,
        (None, Ok(Ok(done))) => {
            Outcome::Ended { status: i64::from(done.status), stdout: done.stdout, stderr: done.stderr }
        }
        // The host is gone.
        (None, _) => Outcome::TimedOut,
    }
}

/// One word for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
