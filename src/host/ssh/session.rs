//! Commands and files over an open connection.

use std::time::Duration;

use futures::future::BoxFuture;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::settings::Connection;
use crate::host::error::{self, Attempt, Error, Kind, NoRoot, Place};
use crate::host::lines::Lines;
use crate::host::output::{Capture, Exit, Output, Stream};
use crate::host::redact::Redactor;
use crate::host::{Command, File, Host, quote};

/// How long a command that was asked to stop may take.
const GRACE: Duration = Duration::from_secs(10);
/// How long a command that has ended may still print: a process that it left behind may hold its output for ever.
const AFTERMATH: Duration = Duration::from_secs(2);
/// Number of the stream of standard error (RFC 4254, section 5.2).
const STDERR: u32 = 1;

/// A host over SSH, logged in. The connection is closed when it is dropped.
pub struct SshHost {
    client: Client,
    place: Place,
    cancel: CancellationToken,
    /// Set once root is known to be possible.
    root: OnceCell<()>,
}

impl std::fmt::Debug for SshHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SshHost").field("place", &self.place).finish_non_exhaustive()
    }
}

/// What to run on one channel.
struct Job<'a> {
    text: String,
    input: Option<&'a SecretString>,
    redactor: Redactor,
    limit: Option<Duration>,
}

impl Host for SshHost {
    fn place(&self) -> &Place {
        &self.place
    }

    fn run<'a>(&'a self, command: &'a Command, output: &'a mut dyn Output) -> BoxFuture<'a, error::Result<Exit>> {
        Box::pin(async move {
            let result = async {
                let job = Job {
                    text: self.text(&command.text(), command.needs_root(), command.given_input().is_none()).await?,
                    input: command.given_input(),
                    redactor: Redactor::new(command.secrets()),
                    limit: command.limit(),
                };
                self.execute(&job, output).await
            };
            result.await.map_err(|kind| self.error(kind, Attempt::Run(command.label().to_owned())))
        })
    }

    fn upload<'a>(&'a self, file: &'a File) -> BoxFuture<'a, error::Result<()>> {
        Box::pin(async move {
            let result = async {
                let job = Job {
                    text: self.text(&file.script(), file.needs_root(), false).await?,
                    input: Some(file.content()),
                    redactor: Redactor::default(),
                    limit: None,
                };
                let mut output = Capture::default();
                let exit = self.execute(&job, &mut output).await?;
                if exit.is_success() {
                    return Ok(());
                }
                let stderr = output.finish(exit.clone()).stderr;
                Err(Kind::NotWritten { exit, stderr })
            };
            result.await.map_err(|kind| self.error(kind, Attempt::Upload(file.path().to_owned())))
        })
    }
}

impl SshHost {
    pub(super) fn new(client: Client, connection: &Connection, cancel: CancellationToken) -> Self {
        Self { client, place: connection.place(), cancel, root: OnceCell::new() }
    }

    fn error(&self, kind: Kind, attempt: Attempt) -> Error {
        Error::new(kind, attempt, self.place.clone())
    }

    /// The text for the user's login shell, whichever it is: one program with one quoted argument.
    async fn text(&self, script: &str, as_root: bool, can_stop: bool) -> Result<String, Kind> {
        let script = if can_stop { stoppable(script) } else { script.to_owned() };
        if !as_root || self.place.user == "root" {
            return Ok(format!("exec sh -c {}", quote(&script)));
        }
        self.root.get_or_try_init(|| self.try_root()).await?;
        Ok(format!("exec sudo -n -- sh -c {}", quote(&script)))
    }

    /// Whether `sudo` lets the user run anything.
    async fn try_root(&self) -> Result<(), Kind> {
        let job = Job {
            text: format!("exec sh -c {}", quote("LC_ALL=C exec sudo -n -- sh -c :")),
            input: None,
            redactor: Redactor::default(),
            limit: Some(Duration::from_mins(1)),
        };
        let mut output = Capture::default();
        let exit = self.execute(&job, &mut output).await?;
        if exit.is_success() {
            return Ok(());
        }
        let stderr = output.finish(exit.clone()).stderr;
        Err(Kind::NoRoot(no_root(&exit, &stderr)))
    }

    async fn execute(&self, job: &Job<'_>, output: &mut dyn Output) -> Result<Exit, Kind> {
        let channel = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(Kind::Cancelled),
            channel = self.client.session() => channel?,
        };
        let (mut read, write) = channel.split();
        write.exec(true, job.text.as_str()).await.map_err(|error| self.lost(&error))?;
        let running =
            Running { job, output, exit: None, lines: [Lines::new(Stream::Stdout), Lines::new(Stream::Stderr)] };
        self.follow(running, &mut read, &write).await
    }

    async fn follow(
        &self,
        mut running: Running<'_>,
        read: &mut ChannelReadHalf,
        write: &ChannelWriteHalf<Msg>,
    ) -> Result<Exit, Kind> {
        let job = running.job;
        let send = async {
            if let Some(input) = job.input {
                write.data(input.expose_secret().as_bytes()).await?;
                write.eof().await?;
            }
            Ok::<_, russh::Error>(())
        };
        tokio::pin!(send);
        let mut is_sent = false;
        let limit = job.limit;
        let too_long = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(too_long);
        loop {
            // Restarted by each message.
            let aftermath = async {
                match running.exit {
                    Some(_) => tokio::time::sleep(AFTERMATH).await,
                    None => std::future::pending().await,
                }
            };
            let message = tokio::select! {
                biased;
                () = self.cancel.cancelled() => {
                    stop(read, write).await;
                    return Err(Kind::Cancelled);
                }
                () = &mut too_long => {
                    stop(read, write).await;
                    return Err(Kind::TimedOut(limit.unwrap_or_default()));
                }
                // An error means that the command no longer reads; how it ended says more.
                _ = &mut send, if !is_sent => {
                    is_sent = true;
                    continue;
                }
                message = read.wait() => message,
                () = aftermath => None,
            };
            match message {
                Some(ChannelMsg::Failure) => {
                    return Err(Kind::NoSession { cause: "it does not run commands".to_owned() });
                }
                Some(message) => running.take(&message),
                None => break,
            }
        }
        // Closed already, unless something that was left behind holds it.
        let _ = write.close().await;
        let exit = running.finish();
        exit.ok_or_else(|| Kind::Lost {
            cause: self.ending().unwrap_or_else(|| "it ended without a status".to_owned()),
        })
    }

    fn lost(&self, error: &russh::Error) -> Kind {
        Kind::Lost { cause: self.ending().unwrap_or_else(|| error.to_string()) }
    }

    fn ending(&self) -> Option<String> {
        self.client.ending()
    }
}

/// A command whose output arrives.
struct Running<'a> {
    job: &'a Job<'a>,
    output: &'a mut dyn Output,
    exit: Option<Exit>,
    lines: [Lines; 2],
}

impl Running<'_> {
    fn take(&mut self, message: &ChannelMsg) {
        match message {
            ChannelMsg::Data { data } => self.lines[0].push(data, &self.job.redactor, self.output),
            ChannelMsg::ExtendedData { data, ext: STDERR } => self.lines[1].push(data, &self.job.redactor, self.output),
            ChannelMsg::ExitStatus { exit_status } => self.exit = Some(Exit::Status(i64::from(*exit_status))),
            ChannelMsg::ExitSignal { signal_name, .. } => self.exit = Some(Exit::Signal(signal(signal_name))),
            _ => {}
        }
    }

    fn finish(mut self) -> Option<Exit> {
        for lines in &mut self.lines {
            lines.finish(&self.job.redactor, self.output);
        }
        self.exit
    }
}

/// Asks a command to stop, and waits for its end for a while.
async fn stop(read: &mut ChannelReadHalf, write: &ChannelWriteHalf<Msg>) {
    let ended = async {
        // The server may not signal processes of root: the script listens for this word. See `stoppable`.
        let _ = write.data(&b"stop\n"[..]).await;
        let _ = write.signal(Sig::TERM).await;
        while read.wait().await.is_some() {}
    };
    let _ = tokio::time::timeout(GRACE, ended).await;
    let _ = write.close().await;
}

/// A script that ends when the word `stop` arrives on its standard input, and only then: if the connection breaks, it
/// keeps running. The command itself has an empty standard input. It gets a shell of its own, because `wait` in it must
/// not wait for the one that listens.
fn stoppable(script: &str) -> String {
    format!(
        "exec 3<&0 </dev/null
{{ read -r word <&3 && [ \"$word\" = stop ] && kill -TERM 0; }} >/dev/null 2>&1 &
exec 3<&-
sh -c {}",
        quote(script)
    )
}

fn no_root(exit: &Exit, stderr: &str) -> NoRoot {
    let says = |text: &str| stderr.contains(text);
    if *exit == Exit::Status(127) {
        NoRoot::NoSudo
    } else if says("must have a tty") {
        NoRoot::TerminalRequired
    } else if says("a password is required") || says("a terminal is required") {
        NoRoot::PasswordRequired
    } else if says("is not in the sudoers file") || says("is not allowed to") || says("may not run sudo") {
        NoRoot::NotAllowed
    } else {
        NoRoot::Other(format!("{exit}: {}", stderr.trim()))
    }
}

fn signal(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.clone(),
        signal => format!("{signal:?}"),
    }
}
