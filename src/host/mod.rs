//! Hosts outside AWS: running commands on them, and writing files.
//!
//! [`Host`] is what a type uses, whatever the way to the host. [`ssh`] is one way,
//! [`run_command`] the other. A [`Command`] describes what to run;
//! an [`Output`] receives each line while the command runs, after the command's secrets have been replaced. [`Error`]
//! is the error of the module.
//!
//! What is absent from this module: Terraform, AWS's SDK, and anything about Kubernetes or nodeadm.

mod command;
mod error;
mod file;
mod found;
mod lines;
mod output;
mod quote;
mod redact;
pub mod run_command;
pub mod ssh;

use futures::future::BoxFuture;

pub use command::Command;
pub use error::{Attempt, BoxError, Error, Fingerprint, Kind, NoRoot, Place, Result};
pub use file::File;
pub use found::{FoundFile, Removal, SecretBytes};
pub use output::{Captured, Exit, Output, Stream, Tail};
pub use quote::quote;

/// A way to one host.
///
/// Each call ends with [`Kind::Cancelled`] soon after the token that the host was opened with is cancelled.
pub trait Host: Send + Sync {
    /// Where this host is, for messages.
    fn place(&self) -> &Place;

    /// Runs `command` to its end and passes each line to `output` as it arrives, without secrets.
    ///
    /// A status other than 0 is no error: see [`Exit`]. Memory is bounded however much the command prints. If the
    /// connection breaks, the command keeps running on the host.
    ///
    /// # Errors
    /// [`Kind::NoRoot`], [`Kind::Lost`], [`Kind::TimedOut`], [`Kind::Cancelled`].
    fn run<'a>(&'a self, command: &'a Command, output: &'a mut dyn Output) -> BoxFuture<'a, Result<Exit>>;

    /// Writes a file. The file is either complete, with its owner and mode, or unchanged.
    ///
    /// # Errors
    /// [`Kind::NotWritten`] with what the host says, and the errors of [`Host::run`].
    fn upload<'a>(&'a self, file: &'a File) -> BoxFuture<'a, Result<()>>;
}

impl dyn Host + '_ {
    /// Runs `command` and returns what it printed, up to 1 MiB of standard output and the last 64 KiB of standard
    /// error.
    ///
    /// # Errors
    /// Those of [`Host::run`].
    pub async fn capture(&self, command: &Command) -> Result<Captured> {
        let mut captured = output::Capture::default();
        let exit = self.run(command, &mut captured).await?;
        Ok(captured.finish(exit))
    }

    /// The same, but a status other than 0 is an error.
    ///
    /// # Errors
    /// [`Kind::Failed`], and the errors of [`Host::run`].
    pub async fn succeed(&self, command: &Command) -> Result<Captured> {
        let captured = self.capture(command).await?;
        if captured.exit.is_success() {
            return Ok(captured);
        }
        let kind = Kind::Failed { exit: captured.exit, stderr: captured.stderr };
        Err(Error::new(kind, Attempt::Run(command.label().to_owned()), self.place().clone()))
    }
}
