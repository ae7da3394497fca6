//! Hosts through Run Command of Systems Manager: no key, and no open port. The agent of the host runs everything as
//! root.
//!
//! What a command contains and prints is stored by AWS, and visible to everybody who may read it there; the agent keeps
//! the script on the host. Commands with secrets, and files and input that are not declared public, are therefore refused.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use futures::future::BoxFuture;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use super::error::{Attempt, BoxError, Error, Kind, Place};
use super::lines::Lines;
use super::output::{Capture, Exit, Output, Stream};
use super::redact::Redactor;
use super::{Command, File, Host, quote};

/// What Run Command returns of each stream: 24,000 and 8,000 characters from the beginning. The end says more, so the
/// script keeps that itself.
const STDOUT: usize = 20_000;
const STDERR: usize = 7_000;
/// Time limit of a command without one of its own, in which the agent must also receive it.
const LONGEST: Duration = Duration::from_hours(1);
/// How long AWS may take to deliver a command to the agent.
const DELIVERY: Duration = Duration::from_mins(2);
/// The first and the longest pause between looks at a command.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(5)];
/// For so many looks, the invocation of a new command may not exist yet: about 35 seconds.
const LOOKS: u32 = 10;
/// After so many looks at a command that has not ended, the agent is looked at as well: about each half minute.
const AGENT: u32 = 6;
/// So many times in a row, the agent must be away: Systems Manager calls it so after five minutes of silence.
const AWAY: u32 = 2;
/// How long a stop waits for AWS to take the cancellation of a command.
const CANCELLING: Duration = Duration::from_secs(1);
/// The largest script that fits into the parameters of a command.
const LARGEST: usize = 60_000;

/// Run Command for one instance; AWS is behind it.
pub trait Remote: Send + Sync {
    /// The ping status of the instance, such as `Online`; `None` if it is not registered.
    fn ping(&self) -> BoxFuture<'_, std::result::Result<Option<String>, BoxError>>;

    /// Sends a script that may take `limit` once it has begun, and returns the command's id. A command that is not
    /// delivered within `delivery` is given up.
    fn send<'a>(
        &'a self,
        script: &'a str,
        delivery: Duration,
        limit: Duration,
    ) -> BoxFuture<'a, std::result::Result<String, BoxError>>;

    /// How far the command is; `None` while AWS does not know its invocation yet.
    fn look<'a>(&'a self, command: &'a str) -> BoxFuture<'a, std::result::Result<Option<Invocation>, BoxError>>;

    /// Asks the agent to end the command.
    fn cancel<'a>(&'a self, command: &'a str) -> BoxFuture<'a, std::result::Result<(), BoxError>>;
}

/// How far a command is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Not finished, with the status as AWS names it.
    Unfinished(String),
    /// The script has ended.
    Ended {
        /// Its exit status.
        status: i64,
        /// The beginning of standard output.
        stdout: String,
        /// The beginning of standard error.
        stderr: String,
    },
    /// It did not run to its end, with the status as AWS names it: `DeliveryTimedOut`, `Undeliverable`,
    /// `ExecutionTimedOut`, `Cancelled`, `Terminated`. The API reference writes them with blanks.
    GivenUp(String),
}

/// A host through Run Command.
pub struct ManagedHost {
    remote: Arc<dyn Remote>,
    place: Place,
    cancel: CancellationToken,
    pauses: [Duration; 2],
}

impl std::fmt::Debug for ManagedHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManagedHost").field("place", &self.place).finish_non_exhaustive()
    }
}

impl ManagedHost {
    /// The host that is registered as `instance`. Nothing is sent.
    #[must_use]
    pub fn new(instance: &str, remote: Arc<dyn Remote>, cancel: CancellationToken) -> Self {
        Self { remote, place: Place::managed(instance), cancel, pauses: PAUSES }
    }

    /// The same, if Systems Manager reaches the host.
    ///
    /// # Errors
    /// [`Kind::NotOnline`], and an error of Systems Manager.
    pub async fn connect(instance: &str, remote: Arc<dyn Remote>, cancel: CancellationToken) -> super::Result<Self> {
        let host = Self::new(instance, remote, cancel);
        let pinged = tokio::select! {
            biased;
            () = host.cancel.cancelled() => Err(Kind::Cancelled.into()),
            pinged = host.remote.ping() => pinged.map_err(Failure::from),
        };
        let outcome = match pinged {
            Ok(Some(status)) if status == "Online" => return Ok(host),
            Ok(status) => Kind::NotOnline { status }.into(),
            Err(failure) => failure,
        };
        Err(host.error(outcome, Attempt::Connect))
    }

    async fn execute(&self, script: &str, limit: Option<Duration>, output: &mut dyn Output) -> Result<Exit, Failure> {
        let script = trimmed(script);
        if script.len() > LARGEST {
            return Err(Kind::TooLarge { bytes: script.len(), limit: LARGEST }.into());
        }
        let sent = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(Kind::Cancelled.into()),
            sent = self.remote.send(&script, DELIVERY, limit.unwrap_or(LONGEST)) => sent?,
        };
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => {
                // Whether or not AWS takes it, nobody waits for this command any longer.
                let _ = tokio::time::timeout(CANCELLING, self.remote.cancel(&sent)).await;
                Err(Kind::Cancelled.into())
            }
            ended = self.watch(sent.clone(), limit, output) => ended,
        }
    }

    /// Waits for the end of a command. That of an agent that is gone never ends for AWS until its limit is over, so the
    /// agent is watched as well.
    async fn watch(&self, sent: String, limit: Option<Duration>, output: &mut dyn Output) -> Result<Exit, Failure> {
        let (mut looks, mut away, mut pause) = (0, 0, self.pauses[0]);
        loop {
            tokio::time::sleep(pause).await;
            looks += 1;
            match self.remote.look(&sent).await? {
                Some(Invocation::Unfinished(_)) if looks % AGENT == 0 => {
                    away = match self.remote.ping().await {
                        Ok(Some(status)) if status == "Online" => 0,
                        Ok(status) if away + 1 >= AWAY => return Err(left(status.as_deref(), &sent).into()),
                        Ok(_) => away + 1,
                        // Not allowed, or no answer: nothing is known of the agent.
                        Err(_) => away,
                    };
                }
                Some(Invocation::Unfinished(_)) => {}
                None if looks < LOOKS => {}
                None => return Err(Kind::NotRun { status: "no invocation".to_owned(), command: sent }.into()),
                Some(Invocation::Ended { status, stdout, stderr }) => {
                    let stderr = own(&stderr, status).to_owned();
                    for (stream, text) in [(Stream::Stdout, stdout), (Stream::Stderr, stderr)] {
                        let mut lines = Lines::new(stream);
                        lines.push(text.as_bytes(), &Redactor::default(), output);
                        lines.finish(&Redactor::default(), output);
                    }
                    return Ok(Exit::Status(status));
                }
                Some(Invocation::GivenUp(status)) if status.replace(' ', "") == "ExecutionTimedOut" => {
                    return Err(Kind::TimedOut(limit.unwrap_or(LONGEST)).into());
                }
                Some(Invocation::GivenUp(status)) => return Err(Kind::NotRun { status, command: sent }.into()),
            }
            pause = (pause * 2).min(self.pauses[1]);
        }
    }

    fn error(&self, failure: Failure, attempt: Attempt) -> Error {
        match failure {
            Failure::Kind(kind) => Error::new(kind, attempt, self.place.clone()),
            Failure::Remote(error) => Error::of_remote(error, attempt, self.place.clone()),
        }
    }
}

/// Why nothing came of it.
enum Failure {
    Kind(Kind),
    Remote(BoxError),
}

impl From<Kind> for Failure {
    fn from(kind: Kind) -> Self {
        Self::Kind(kind)
    }
}

impl From<BoxError> for Failure {
    fn from(error: BoxError) -> Self {
        Self::Remote(error)
    }
}

impl Host for ManagedHost {
    fn place(&self) -> &Place {
        &self.place
    }

    fn run<'a>(&'a self, command: &'a Command, output: &'a mut dyn Output) -> BoxFuture<'a, super::Result<Exit>> {
        Box::pin(async move {
            let result = match command.given_input() {
                _ if !command.is_public() => Err(Kind::Secret.into()),
                None => self.execute(&command.text(), command.limit(), output).await,
                Some(input) => {
                    let script = fed(&command.text(), input.expose_secret());
                    self.execute(&script, command.limit(), output).await
                }
            };
            result.map_err(|failure| self.error(failure, Attempt::Run(command.label().to_owned())))
        })
    }

    fn upload<'a>(&'a self, file: &'a File) -> BoxFuture<'a, super::Result<()>> {
        Box::pin(async move {
            let result = async {
                if !file.is_public() {
                    return Err(Kind::Secret.into());
                }
                let script = fed(&file.script(), file.content().expose_secret());
                let mut output = Capture::default();
                let exit = self.execute(&script, None, &mut output).await?;
                if exit.is_success() {
                    return Ok(());
                }
                let stderr = output.finish(exit.clone()).stderr;
                Err(Failure::from(Kind::NotWritten { exit, stderr }))
            };
            result.await.map_err(|failure| self.error(failure, Attempt::Upload(file.path().to_owned())))
        })
    }
}

/// The agent is away from a command that it has begun, or was to begin.
fn left(status: Option<&str>, command: &str) -> Kind {
    let status = status.map_or_else(
        || "the host is no longer registered with Systems Manager".to_owned(),
        |status| format!("the agent of the host does not answer (ping status {status})"),
    );
    Kind::Lost { cause: format!("{status}, and command `{command}` has not ended") }
}

/// A script with its input.
fn fed(script: &str, input: &str) -> String {
    let input = base64::engine::general_purpose::STANDARD.encode(input);
    format!("printf %s {input} | base64 -d | sh -c {}", quote(script))
}

/// What the script itself printed: the agent appends a line of its own. Source: agent/plugins/runscript of
/// github.com/aws/amazon-ssm-agent.
fn own(stderr: &str, status: i64) -> &str {
    let stderr = stderr.trim_end_matches('\n');
    stderr.strip_suffix(&format!("failed to run commands: exit status {status}")).unwrap_or(stderr)
}

/// A script that keeps the end of what `script` prints, as much as Run Command returns.
fn trimmed(script: &str) -> String {
    format!(
        "folder=$(mktemp -d) || exit
trap 'rm -rf -- \"$folder\"' EXIT
sh -c {} >\"$folder/1\" 2>\"$folder/2\" </dev/null
status=$?
tail -c {STDOUT} \"$folder/1\"
tail -c {STDERR} \"$folder/2\" >&2
exit $status",
        quote(script)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::process::Command as Program;
    use std::sync::Mutex;

    use super::*;

    /// Answers from a list, and records what it is asked.
    #[derive(Default)]
    struct Scripted {
        answers: Mutex<VecDeque<Option<Invocation>>>,
        asked: Mutex<Vec<String>>,
    }

    impl Scripted {
        fn with(answers: impl IntoIterator<Item = Option<Invocation>>) -> Arc<Self> {
            Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), asked: Mutex::default() })
        }

        fn asked(&self) -> Vec<String> {
            self.asked.lock().expect("no panic").clone()
        }

        fn ask(&self, what: &str) {
            self.asked.lock().expect("no panic").push(what.to_owned());
        }
    }

    impl Remote for Scripted {
        fn ping(&self) -> BoxFuture<'_, std::result::Result<Option<String>, BoxError>> {
            let status = self.asked().last().cloned();
            Box::pin(async move { Ok(status) })
        }

        fn send<'a>(
            &'a self,
            script: &'a str,
            _: Duration,
            limit: Duration,
        ) -> BoxFuture<'a, std::result::Result<String, BoxError>> {
            self.ask(&format!("send {} s", limit.as_secs()));
            let is_refused = script.contains("refuse me");
            Box::pin(async move { if is_refused { Err("InvalidInstanceId".into()) } else { Ok("id-1".to_owned()) } })
        }

        fn look<'a>(&'a self, command: &'a str) -> BoxFuture<'a, std::result::Result<Option<Invocation>, BoxError>> {
            self.ask(&format!("look {command}"));
            let answer = self.answers.lock().expect("no panic").pop_front().unwrap_or(None);
            Box::pin(async move { Ok(answer) })
        }

        fn cancel<'a>(&'a self, command: &'a str) -> BoxFuture<'a, std::result::Result<(), BoxError>> {
            self.ask(&format!("cancel {command}"));
            Box::pin(async { Ok(()) })
        }
    }

    fn host(remote: &Arc<Scripted>, cancel: &CancellationToken) -> ManagedHost {
        let host = ManagedHost::new("mi-0123456789abcdef0", Arc::clone(remote) as Arc<dyn Remote>, cancel.clone());
        ManagedHost { pauses: [Duration::from_millis(1); 2], ..host }
    }

    async fn captured(remote: &Arc<Scripted>, command: Command) -> super::super::Result<super::super::Captured> {
        let host = host(remote, &CancellationToken::new());
        let host: &dyn Host = &host;
        host.capture(&command).await
    }

    fn ended(status: i64) -> Invocation {
        Invocation::Ended {
            status,
            stdout: "one\ntwo\n".to_owned(),
            stderr: format!("why\nfailed to run commands: exit status {status}"),
        }
    }

    fn unfinished(status: &str) -> Invocation {
        Invocation::Unfinished(status.to_owned())
    }

    #[tokio::test]
    async fn a_command_is_watched_to_its_end() {
        let remote =
            Scripted::with([None, None, Some(unfinished("Pending")), Some(unfinished("InProgress")), Some(ended(3))]);
        let done = captured(&remote, Command::new("id")).await.expect("it ends");
        assert_eq!((done.exit, done.stdout.as_str(), done.stderr.as_str()), (Exit::Status(3), "one\ntwo", "why"));
        assert_eq!(remote.asked().len(), 6, "{:?}", remote.asked());
    }

    #[tokio::test]
    async fn what_never_ran_says_why() {
        let gone = captured(&Scripted::with([]), Command::new("id")).await.expect_err("there is no invocation");
        assert!(matches!(gone.kind(), Kind::NotRun { .. }) && gone.is_absent(), "{gone}");
        for (status, expected) in [
            ("DeliveryTimedOut", "Systems Manager did not run it: DeliveryTimedOut (command `id-1`)"),
            ("Execution Timed Out", "it did not end within 5 seconds, and was stopped"),
            ("ExecutionTimedOut", "it did not end within 5 seconds, and was stopped"),
        ] {
            let remote = Scripted::with([Some(Invocation::GivenUp(status.to_owned()))]);
            let error = captured(&remote, Command::new("id").timeout(Duration::from_secs(5))).await.expect_err(status);
            assert_eq!(error.to_string(), format!("run `id` on mi-0123456789abcdef0: {expected}"));
        }
        let refused = captured(&Scripted::with([]), Command::script("refuse", "refuse me")).await.expect_err("refused");
        assert_eq!(refused.remote().map(ToString::to_string).as_deref(), Some("InvalidInstanceId"));
    }

    #[tokio::test]
    async fn a_host_that_is_not_online_is_absent() {
        let connect = async |status: Option<&str>| {
            let remote = Scripted::with([]);
            if let Some(status) = status {
                remote.ask(status);
            }
            let remote = Arc::clone(&remote) as Arc<dyn Remote>;
            ManagedHost::connect("mi-0123456789abcdef0", remote, CancellationToken::new()).await
        };
        assert!(connect(Some("Online")).await.is_ok());
        for status in [Some("ConnectionLost"), None] {
            let error = connect(status).await.expect_err("it is not online");
            assert_eq!(*error.kind(), Kind::NotOnline { status: status.map(str::to_owned) });
            assert!(error.is_absent());
        }
    }

    #[tokio::test]
    async fn a_cancelled_command_is_cancelled_there_too() {
        let (remote, cancel) = (Scripted::with([]), CancellationToken::new());
        let host = host(&remote, &cancel);
        let running = tokio::spawn(async move { host.run(&Command::new("sleep"), &mut ()).await });
        while remote.asked().is_empty() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
        let error = running.await.expect("no panic").expect_err("it is cancelled");
        assert_eq!(*error.kind(), Kind::Cancelled);
        assert_eq!(remote.asked().last().map(String::as_str), Some("cancel id-1"));
    }

    /// A command that never ends, of an agent with a ping status; AWS may stop answering, too.
    struct Endless {
        pings: Mutex<VecDeque<Result<Option<&'static str>, &'static str>>>,
        is_silent: bool,
        asked: CancellationToken,
    }

    impl Endless {
        fn host(self, cancel: &CancellationToken) -> ManagedHost {
            let host = ManagedHost::new("mi-0123456789abcdef0", Arc::new(self), cancel.clone());
            ManagedHost { pauses: [Duration::from_millis(1); 2], ..host }
        }
    }

    impl Remote for Endless {
        fn ping(&self) -> BoxFuture<'_, std::result::Result<Option<String>, BoxError>> {
            let next = self.pings.lock().expect("no panic").pop_front().expect("one more answer than needed");
            Box::pin(async move { next.map(|status| status.map(str::to_owned)).map_err(BoxError::from) })
        }

        fn send<'a>(
            &'a self,
            _: &'a str,
            _: Duration,
            _: Duration,
        ) -> BoxFuture<'a, std::result::Result<String, BoxError>> {
            Box::pin(async { Ok("id-1".to_owned()) })
        }

        fn look<'a>(&'a self, _: &'a str) -> BoxFuture<'a, std::result::Result<Option<Invocation>, BoxError>> {
            self.asked.cancel();
            Box::pin(async {
                if self.is_silent {
                    std::future::pending::<()>().await;
                }
                Ok(Some(unfinished("InProgress")))
            })
        }

        fn cancel<'a>(&'a self, _: &'a str) -> BoxFuture<'a, std::result::Result<(), BoxError>> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test]
    async fn a_command_of_an_agent_that_is_gone_is_given_up() {
        let limit = Duration::from_secs(20);
        for (status, expected) in [
            (Some("ConnectionLost"), "the agent of the host does not answer (ping status ConnectionLost)"),
            (None, "the host is no longer registered with Systems Manager"),
        ] {
            // Away only once, and a question that is refused, are no proof.
            let pings = [Ok(status), Ok(Some("Online")), Err("denied"), Ok(status), Err("denied"), Ok(status)];
            let remote = Endless { pings: Mutex::new(pings.into()), is_silent: false, asked: CancellationToken::new() };
            let host = remote.host(&CancellationToken::new());
            let command = Command::new("id");
            let ended = tokio::time::timeout(limit, host.run(&command, &mut ())).await;
            let error = ended.expect("it is given up").expect_err("the agent is away");
            assert!(matches!(error.kind(), Kind::Lost { .. }) && error.to_string().contains(expected), "{error}");
        }
    }

    #[tokio::test]
    async fn a_stop_does_not_wait_for_aws() {
        let (asked, cancel) = (CancellationToken::new(), CancellationToken::new());
        let remote = Endless { pings: Mutex::default(), is_silent: true, asked: asked.clone() };
        let host = remote.host(&cancel);
        let running = tokio::spawn(async move { host.run(&Command::new("sleep"), &mut ()).await });
        asked.cancelled().await;
        cancel.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(5), running).await;
        let error = ended.expect("it ends soon").expect("no panic").expect_err("it is cancelled");
        assert_eq!(*error.kind(), Kind::Cancelled);
    }

    #[tokio::test]
    async fn public_input_is_a_part_of_the_script() {
        let remote = Scripted::with([Some(ended(0))]);
        let command = Command::new("cat").input("it's\npublic\n".into()).public();
        assert!(captured(&remote, command).await.is_ok());
        let output = Program::new("sh").args(["-c", &fed("cat", "it's\npublic\n")]).output().expect("sh runs");
        assert_eq!(output.stdout, b"it's\npublic\n");
    }

    #[tokio::test]
    async fn secrets_and_large_files_are_never_sent() {
        let remote = Scripted::with([]);
        let host = host(&remote, &CancellationToken::new());
        let secret = || secrecy::SecretString::from("s3cret");
        for command in [
            Command::new("cat").input(secret()),
            Command::new("id").hiding(secret()),
            Command::new("id").hiding(secret()).public(),
        ] {
            assert_eq!(*host.run(&command, &mut ()).await.expect_err("a secret").kind(), Kind::Secret);
        }
        assert_eq!(*host.upload(&File::new("/a", secret())).await.expect_err("a secret").kind(), Kind::Secret);
        let large = File::new("/a", "x".repeat(LARGEST).into()).public();
        assert!(matches!(host.upload(&large).await.expect_err("too large").kind(), Kind::TooLarge { .. }));
        assert!(remote.asked().is_empty());
    }

    /// A real shell is the judge.
    #[test]
    fn the_end_of_long_output_is_kept() {
        let script = trimmed("seq 1 100000; seq 1 100000 >&2; exit 7");
        let output = Program::new("sh").args(["-c", &script]).output().expect("sh runs");
        assert_eq!(output.status.code(), Some(7));
        assert_eq!((output.stdout.len(), output.stderr.len()), (STDOUT, STDERR));
        assert!(output.stdout.ends_with(b"\n100000\n") && output.stderr.ends_with(b"\n100000\n"));
    }
}
