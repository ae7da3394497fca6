//! A command on a host.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use secrecy::SecretString;

use super::quote;

/// Folders of programs that a login without a terminal may lack.
const FOLDERS: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What to run on a host.
///
/// It runs in the `C` locale, with the usual folders of programs in `PATH`, and with an empty standard input unless
/// [`Command::input`] sets one. Others on the host can read a program's arguments and environment: pass a secret by
/// [`Command::input`] or by a file, never by [`Command::arg`] or [`Command::env`].
#[derive(Clone)]
pub struct Command {
    label: String,
    script: String,
    environment: BTreeMap<String, String>,
    is_root: bool,
    input: Option<SecretString>,
    secrets: Vec<SecretString>,
    timeout: Option<Duration>,
    is_public: bool,
}

impl Command {
    /// A program, by name or path. Messages name it; see [`Command::called`].
    #[must_use]
    pub fn new(program: &str) -> Self {
        Self { label: program.to_owned(), ..Self::script("", &quote(program)) }
    }

    /// A script for `sh`. `label` names it in messages, such as `check the host`.
    #[must_use]
    pub fn script(label: &str, script: &str) -> Self {
        Self {
            label: label.to_owned(),
            script: script.to_owned(),
            environment: BTreeMap::new(),
            is_root: false,
            input: None,
            secrets: Vec::new(),
            timeout: None,
            is_public: false,
        }
    }

    /// Adds an argument, quoted.
    #[must_use]
    pub fn arg(mut self, argument: &str) -> Self {
        self.script.push(' ');
        self.script += &quote(argument);
        self
    }

    /// Adds arguments, quoted.
    #[must_use]
    pub fn args<'a>(self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// Sets an environment variable. Its name must be one that a shell can export.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Runs it as root: directly if root logged in, otherwise by `sudo -n`.
    #[must_use]
    pub fn as_root(mut self) -> Self {
        self.is_root = true;
        self
    }

    /// Passes `input` on standard input.
    #[must_use]
    pub fn input(mut self, input: SecretString) -> Self {
        self.input = Some(input);
        self
    }

    /// Declares that the input is no secret. Run Command, whose commands AWS stores, takes no other input.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.is_public = true;
        self
    }

    /// Replaces `secret` by `[sensitive]` in each line that the command prints, before anything sees it.
    #[must_use]
    pub fn hiding(mut self, secret: SecretString) -> Self {
        self.secrets.push(secret);
        self
    }

    /// Stops the command after `timeout`, with [`Kind::TimedOut`](super::Kind::TimedOut). Default: never.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The command's name in messages, such as `nodeadm init`. It must not contain a secret.
    #[must_use]
    pub fn called(mut self, label: &str) -> Self {
        label.clone_into(&mut self.label);
        self
    }

    /// The command's name in messages.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    pub(super) fn needs_root(&self) -> bool {
        self.is_root
    }

    pub(super) fn given_input(&self) -> Option<&SecretString> {
        self.input.as_ref()
    }

    /// Whether everything of it may be stored by others.
    pub(super) fn is_public(&self) -> bool {
        self.secrets.is_empty() && (self.is_public || self.input.is_none())
    }

    pub(super) fn secrets(&self) -> &[SecretString] {
        &self.secrets
    }

    pub(super) fn limit(&self) -> Option<Duration> {
        self.timeout
    }

    /// The script with its environment.
    pub(super) fn text(&self) -> String {
        let mut text = format!("LC_ALL=C PATH=\"$PATH\":{FOLDERS}; export LC_ALL PATH\n");
        for (name, value) in &self.environment {
            let _ = writeln!(text, "{name}={}; export {name}", quote(value));
        }
        text + &self.script
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("label", &self.label).field("is_root", &self.is_root).finish_non_exhaustive()
    }
}
