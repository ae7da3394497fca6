//! Commands and files on a host.

use std::time::{Duration, Instant};

use ekshybrid::host::{Command, Exit, File, Host, Kind, NoRoot, Output, Stream, Tail};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::ground::{Machine, PATIENCE, connect, connect_until, printed};
use ekshybrid::host::ssh::Connection;

#[tokio::test(flavor = "multi_thread")]
async fn a_command_prints_and_ends() {
    let Some(machine) = Machine::start("commands", &json!({})) else { return };
    let host = connect(&machine.connection()).await.expect("it lets us in");
    let host: &dyn Host = &host;
    let run = async |command: Command| host.capture(&command).await.unwrap_or_else(|error| panic!("{error}"));

    let done = run(Command::script("both", "echo out; echo err >&2; exit 7")).await;
    assert_eq!((done.exit, done.stdout.as_str(), done.stderr.as_str()), (Exit::Status(7), "out", "err"));
    let done = run(Command::script("signal", "kill -KILL $$")).await;
    assert!(!done.exit.is_success(), "{:?}", done.exit);
    let odd = "it's $HOME; `id`\n\"two\" \\ é";
    let done = run(Command::new("printf").arg("%s|%s").args([odd, ""]).env("ODD", odd)).await;
    assert_eq!(done.stdout, format!("{odd}|"));
    let done = run(Command::script("environment", "printf %s \"$ODD\"").env("ODD", odd).as_root()).await;
    assert_eq!(done.stdout, odd);
    assert_eq!(run(Command::new("id").arg("-un")).await.stdout, "ubuntu");
    assert_eq!(run(Command::new("id").arg("-un").as_root()).await.stdout, "root");
    assert_eq!(run(Command::new("cat")).await.stdout, "", "its input is empty");
    let large = "0123456789".repeat(100_000);
    let done = run(Command::new("sha256sum").input(large.clone().into())).await;
    assert_eq!(done.stdout, format!("{:x}  -", <sha2::Sha256 as sha2::Digest>::digest(large)));
    // A script's own background processes are its own affair.
    assert_eq!(run(Command::script("wait", "sleep 0.1 & wait; echo end")).await.stdout, "end");
    let begun = Instant::now();
    assert_eq!(run(Command::script("daemon", "sleep 1000 & echo begun")).await.stdout, "begun");
    assert!(begun.elapsed() < Duration::from_mins(1), "it does not wait for what the command left behind");
    // Programs in the folders that a login without a terminal may lack.
    assert!(run(Command::script("path", "echo $PATH").as_root()).await.stdout.contains("/usr/local/bin"));

    let secret = "s3cret-code+/=";
    let script = format!("echo 'code {secret} end'; echo '{{\"c\":\"{secret}\"}}' >&2");
    let done = run(Command::script("secret", &script).hiding(secret.into())).await;
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("code [sensitive] end", "{\"c\":\"[sensitive]\"}"));

    let error = host.succeed(&Command::script("fail on purpose", "echo why >&2; exit 3")).await.expect_err("it fails");
    assert_eq!(*error.kind(), Kind::Failed { exit: Exit::Status(3), stderr: "why".to_owned() });
    let place = format!("ubuntu@{}:22", machine.address());
    assert_eq!(error.to_string(), format!("run `fail on purpose` on {place}: exit status 3: why"));
}

/// Keeps the end, and cancels once enough has arrived.
struct Enough {
    bytes: u64,
    tail: Tail,
    cancel: CancellationToken,
}

const ENOUGH: u64 = 24 << 20;

impl Output for Enough {
    fn line(&mut self, _: Stream, line: &str) {
        self.bytes += line.len() as u64 + 1;
        self.tail.push(line);
        if self.bytes > ENOUGH {
            self.cancel.cancel();
        }
    }
}

/// Resident memory of this process in bytes.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).expect("a number") * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_output_needs_little_memory() {
    let Some(machine) = Machine::start("endless", &json!({})) else { return };
    for script in ["exec yes 'a line of some length'", "exec cat /dev/zero"] {
        let cancel = CancellationToken::new();
        let host = connect_until(&machine.connection(), &cancel).await.expect("it lets us in");
        // Other tests run at the same time, but none of them keeps much.
        let before = memory();
        let mut seen = Enough { bytes: 0, tail: Tail::new(10_000), cancel };
        let error = host.run(&Command::script("print", script).as_root(), &mut seen).await;
        assert_eq!(*error.expect_err("it is cancelled").kind(), Kind::Cancelled);
        assert!(seen.bytes > ENOUGH && seen.tail.text().len() <= 10_000);
        let grown = memory().saturating_sub(before);
        assert!(grown < ENOUGH / 2, "{script}: {grown} bytes more after {} bytes of output", seen.bytes);
        machine.wait_for("! pgrep -x yes && ! pgrep -x cat");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_ends_at_its_time_limit() {
    let Some(machine) = Machine::start("limited", &json!({})) else { return };
    let host = connect(&machine.connection()).await.expect("it lets us in");
    let limit = Duration::from_secs(1);
    let command = Command::script("sleep", "sleep 1234").timeout(limit).as_root();
    let error = host.run(&command, &mut ()).await.expect_err("it is stopped");
    assert_eq!(*error.kind(), Kind::TimedOut(limit));
    machine.wait_for("! pgrep -f 'sleep 123[4]'");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_command_ends_on_the_host() {
    let Some(machine) = Machine::start("cancelled", &json!({})) else { return };
    for as_root in [false, true] {
        let cancel = CancellationToken::new();
        let host = connect_until(&machine.connection(), &cancel).await.expect("it lets us in");
        let command = Command::script("sleep", "touch /tmp/begun; sleep 1234");
        let command = if as_root { command.as_root() } else { command };
        let running = tokio::spawn(async move { host.run(&command, &mut ()).await });
        machine.wait_for("test -e /tmp/begun");
        cancel.cancel();
        let ended = tokio::time::timeout(PATIENCE, running).await.expect("it ends").expect("no panic");
        assert_eq!(*ended.expect_err("it is cancelled").kind(), Kind::Cancelled);
        machine.wait_for("! pgrep -f 'sleep 123[4]' && rm /tmp/begun");
    }
    let cancel = CancellationToken::new();
    cancel.cancel();
    let refused = connect_until(&machine.connection(), &cancel).await.expect_err("it is cancelled");
    assert_eq!(*refused.kind(), Kind::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_be_root_learns_why() {
    let users = json!([
        {"name": "free"}, {"name": "asked", "password": "s3cret", "sudo": "password"}, {"name": "plain", "sudo": "none"},
    ]);
    let Some(machine) = Machine::start("sudo", &json!({"users": users})) else { return };
    let root = Command::new("id").arg("-un").as_root();
    for (user, reason) in [
        ("free", None),
        ("root", None),
        ("asked", Some(NoRoot::PasswordRequired)),
        // sudo asks before it looks.
        ("plain", Some(NoRoot::PasswordRequired)),
    ] {
        let host = connect(&Connection { user: user.to_owned(), ..machine.connection() }).await.expect("it lets us in");
        let host: &dyn Host = &host;
        match (host.succeed(&root).await, reason) {
            (Ok(done), None) => assert_eq!(done.stdout, "root"),
            (Err(error), Some(reason)) => assert_eq!(*error.kind(), Kind::NoRoot(reason), "{user}"),
            (result, _) => panic!("{user}: {result:?}"),
        }
    }
    assert!(machine.run("mv /usr/bin/sudo /usr/bin/sudo.away").0);
    let host = connect(&machine.connection()).await.expect("it lets us in");
    let error = host.run(&root, &mut ()).await.expect_err("there is no sudo");
    assert_eq!(*error.kind(), Kind::NoRoot(NoRoot::NoSudo));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_written_whole_or_not_at_all() {
    let Some(machine) = Machine::start("files", &json!({"disk_megabytes": 8})) else { return };
    let host = connect(&machine.connection()).await.expect("it lets us in");
    let content = "first\nsecond 'quoted' é\n";
    let path = "/etc/eks hybrid/node.yaml";
    let file = File::new(path, content.into()).as_root().owner("root:ubuntu").mode(0o640).with_folders();
    host.upload(&file).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(machine.run(&format!("stat -c '%a %U:%G' '{path}'")).1, "640 root:ubuntu");
    assert_eq!(printed(&host, &format!("cat '{path}'")).await, content.trim_end());
    host.upload(&File::new("/home/ubuntu/own", "".into())).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(machine.run("stat -c '%a %U %s' /home/ubuntu/own").1, "600 ubuntu 0");

    for (file, expected) in [
        (File::new(path, "x".repeat(20 << 20).into()).as_root(), "No space left on device"),
        (File::new("/etc/own", "x".into()), "Permission denied"),
        (File::new("/nowhere/own", "x".into()).as_root(), "No such file or directory"),
        (File::new("/etc/ssh", "x".into()).as_root(), "it is a folder"),
    ] {
        let error = host.upload(&file).await.expect_err(expected);
        let Kind::NotWritten { stderr, .. } = error.kind() else { panic!("{error}") };
        assert!(stderr.contains(expected), "{stderr}");
        assert!(error.to_string().starts_with(&format!("write `{}` on ", file.path())), "{error}");
    }
    assert_eq!(printed(&host, &format!("cat '{path}'")).await, content.trim_end(), "what was there stays");
    assert_eq!(machine.run("find /etc /home -name '.ekshybrid*'").1, "", "nothing is left behind");
}
