//! The layer of real Terraform: each case in a folder of its own, the provider by `dev_overrides`.

mod answer;
mod executable;
pub mod process;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use answer::messages;
pub use executable::{Executable, find};

use crate::layer::{Goal, Interruption, Layer, LayerError, Look};
use crate::outcome::{Outcome, Plan, State};

/// Providers that states of other types may name.
const STAND_INS: [&str; 5] =
    ["hashicorp/aws", "hashicorp/helm", "hashicorp/kubernetes", "hashicorp/null", "gavinbunney/kubectl"];

/// The provider's program, as Terraform gets to know it.
#[derive(Clone, Debug)]
pub struct ProviderBinary {
    /// Its local name: `ekshybrid`.
    pub name: String,
    /// Its source address, such as `example/ekshybrid`.
    pub source: String,
    /// The folder that holds `terraform-provider-NAME`.
    pub folder: PathBuf,
}

/// How long one command may take. Far above what is normal: a hung command must not hang the test run.
const PATIENCE: Duration = Duration::from_mins(5);

/// What a Terraform that is stopped may take itself, on a busy machine too: it ends its other work and writes the state.
const OWN_END: Duration = Duration::from_secs(28);

/// Terraform at work on one case.
pub struct RealTerraform<'a> {
    executable: &'a Executable,
    folder: TempDir,
    /// Environment of every command, beside the few variables that a program needs at all.
    environment: Vec<(String, String)>,
    /// The configuration that comes with every case, and the one of the step.
    prelude: String,
    /// What the types of the provider begin with.
    prefix: Option<String>,
    traces: bool,
    said: String,
    /// Whether the last plan is there to be applied.
    planned: bool,
}

impl<'a> RealTerraform<'a> {
    /// Prepares a folder for a case. `prelude` is the provider block that is used when a configuration has none.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub fn new(
        executable: &'a Executable,
        provider: Option<&ProviderBinary>,
        prelude: String,
        traces: bool,
    ) -> Result<Self, LayerError> {
        let folder = TempDir::with_prefix("acceptance-").map_err(LayerError::io("make a folder for the case"))?;
        let mut cli = "disable_checkpoint = true\n".to_owned();
        let mut header = String::new();
        if let Some(ProviderBinary { name, source, folder: binaries }) = provider {
            // Terraform loads the schemas of every provider that a state names, and asks little more of one whose objects
            // all leave the state: `stand_in` serves as any of them.
            let mut overrides = format!("    {source:?} = {:?}\n", binaries.display().to_string());
            for other in STAND_INS {
                let (_, other_name) = other.rsplit_once('/').unwrap_or_default();
                let stand_in = folder.path().join(other_name);
                fs::create_dir(&stand_in).map_err(LayerError::io("make a folder for a stand-in"))?;
                #[cfg(unix)]
                std::os::unix::fs::symlink(
                    binaries.join("stand_in"),
                    stand_in.join(format!("terraform-provider-{other_name}")),
                )
                .map_err(LayerError::io("link a stand-in"))?;
                // OpenTofu reads the one registry as the other.
                for registry in ["registry.terraform.io", "registry.opentofu.org"] {
                    let place = stand_in.display().to_string();
                    overrides.push_str(&format!("    \"{registry}/{other}\" = {place:?}\n"));
                }
            }
            cli.push_str(&format!(
                "provider_installation {{\n  dev_overrides {{\n{overrides}  }}\n  direct {{}}\n}}\n"
            ));
            header = format!(
                "terraform {{\n  required_providers {{\n    {name} = {{\n      source = {source:?}\n    }}\n  }}\n}}\n"
            );
        }
        let write = |name: &str, content: &str| {
            fs::write(folder.path().join(name), content).map_err(LayerError::io(format!("write {name}")))
        };
        fs::create_dir(folder.path().join("work")).map_err(LayerError::io("make a folder for the configuration"))?;
        write("cli.tfrc", &cli)?;
        write("work/harness.tf", &header)?;
        let prefix = provider.map(|provider| format!("{}_", provider.name));
        let environment = Vec::new();
        Ok(Self { executable, folder, environment, prelude, prefix, traces, said: String::new(), planned: false })
    }

    /// Adds a variable to the environment of every command.
    pub fn set_environment(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.environment.push((name.into(), value.into()));
    }

    /// The folder of configuration and state.
    pub fn folder(&self) -> PathBuf {
        self.work()
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("terraform.log")
    }

    fn write(&self, name: &str, content: &str) -> Result<(), LayerError> {
        let path = self.work().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(LayerError::io(format!("make the folder of {name}")))?;
        }
        fs::write(path, content).map_err(LayerError::io(format!("write {name}")))
    }

    fn remove(&self, name: &str) {
        // It need not be there.
        let _ = fs::remove_file(self.work().join(name));
    }

    /// Runs a command to its end and gives its standard output.
    fn run(&mut self, arguments: &[&str], interruption: Option<&mut Interruption<'_>>) -> Result<Ran, LayerError> {
        let command = format!("{} {}", self.executable.title, arguments.join(" "));
        let output = |name: &str| {
            let path = self.folder.path().join(name);
            fs::File::create(&path).map_err(LayerError::io(format!("write {name}"))).map(|file| (path, file))
        };
        // Files, not pipes: a chatty command must not block on a full one.
        let ((stdout_path, stdout), (stderr_path, stderr)) = (output("stdout")?, output("stderr")?);
        let mut child = self
            .command(arguments)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .map_err(LayerError::io(format!("start `{command}`")))?;
        let waited = wait(&mut child, interruption, &command);
        let read = |path: &Path| fs::read_to_string(path).map_err(LayerError::io(format!("read {}", path.display())));
        let (stdout, stderr) = (read(&stdout_path)?, read(&stderr_path)?);
        // `show -json` is how state is read, and state holds secrets by Terraform's own design.
        if arguments.first() != Some(&"show") {
            self.said.push_str(&without_excerpts(&stdout));
        }
        self.said.push_str(&stderr);
        let status = waited?.code();
        Ok(Ran { command, status, stdout, stderr })
    }

    /// A command as this layer starts it, for those who watch it themselves.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.executable.program);
        command.args(&self.executable.arguments).args(arguments).current_dir(self.work());
        // What the person who runs the tests has set must not change their result.
        command.env_clear();
        for name in ["PATH", "LANG", "LD_LIBRARY_PATH", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("HOME", self.folder.path())
            .env("TF_CLI_CONFIG_FILE", self.folder.path().join("cli.tfrc"))
            .env("TF_IN_AUTOMATION", "1")
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_LOG_PATH", self.log_path())
            .env(if self.traces { "TF_LOG" } else { "TF_LOG_PROVIDER" }, if self.traces { "TRACE" } else { "DEBUG" })
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command that answers with JSON lines.
    fn told(&mut self, arguments: &[&str], interruption: Option<&mut Interruption<'_>>) -> Result<Outcome, LayerError> {
        let ran = self.run(arguments, interruption)?;
        let outcome = answer::messages(&ran.stdout);
        if !ran.success() && !outcome.failed() {
            return Err(ran.not_understood("it failed without an error message"));
        }
        Ok(outcome)
    }

    fn plan_into(&mut self, goal: &Goal, look: Look) -> Result<Outcome, LayerError> {
        let mut arguments = vec!["plan", "-json", "-input=false", "-no-color", "-detailed-exitcode", "-out=plan"];
        match goal {
            Goal::Destroy => arguments.push("-destroy"),
            Goal::Refresh => arguments.push("-refresh-only"),
            // Terraform writes a configuration for what has none, and plans with it.
            Goal::Generate { .. } => arguments.push("-generate-config-out=generated.tf"),
            Goal::Change | Goal::ImportById { .. } | Goal::ImportByIdentity { .. } => {}
        }
        let ran = self.run(&arguments, None)?;
        let mut outcome = answer::messages(&ran.stdout);
        // With this flag a plan that is not empty ends with 2.
        if !matches!(ran.status, Some(0 | 2)) && !outcome.failed() {
            return Err(ran.not_understood("it failed without an error message"));
        }
        if outcome.failed() {
            return Ok(outcome);
        }
        self.planned = true;
        let told = answer::planned(&ran.stdout);
        // What it reports and its exit status must agree; otherwise the whole plan is read.
        let agrees = told.is_empty() == (ran.status == Some(0));
        if look == Look::Emptiness && ran.status == Some(0) {
            outcome.plan = Some(Plan::default());
        } else if look == Look::Actions && agrees {
            outcome.plan = Some(told);
        } else if look != Look::Messages {
            let ran = self.run(&["show", "-json", "-no-color", "plan"], None)?;
            let shown = serde_json::from_str(&ran.stdout).map_err(|error| ran.not_understood(&error.to_string()))?;
            outcome.plan = Some(answer::plan(&shown));
        }
        Ok(outcome)
    }
}

impl Layer for RealTerraform<'_> {
    fn configure(&mut self, configuration: &str) -> Result<(), LayerError> {
        // What was generated belongs to the step that asked for it.
        self.remove("generated.tf");
        self.write("main.tf", configuration)?;
        if answer::has_provider_block(configuration) {
            self.remove("provider.tf");
            Ok(())
        } else {
            self.write("provider.tf", &self.prelude)
        }
    }

    fn put_file(&mut self, name: &str, content: &str) -> Result<(), LayerError> {
        self.write(name, content)
    }

    fn validate(&mut self) -> Result<Outcome, LayerError> {
        let ran = self.run(&["validate", "-json", "-no-color"], None)?;
        answer::validation(&ran.stdout).map_err(|fault| ran.not_understood(&fault))
    }

    fn plan(&mut self, goal: &Goal, look: Look) -> Result<Outcome, LayerError> {
        self.planned = false;
        match goal {
            Goal::ImportById { address, id } | Goal::Generate { address, id } => {
                self.remove("generated.tf");
                self.write("import.tf", &format!("import {{\n  to = {address}\n  id = {}\n}}\n", quoted(id)))?;
            }
            Goal::ImportByIdentity { address, identity } => {
                // JSON is also an HCL expression, but for `${` in texts.
                let identity = identity.to_string().replace("${", "$${");
                self.write("import.tf", &format!("import {{\n  to       = {address}\n  identity = {identity}\n}}\n"))?;
            }
            Goal::Change | Goal::Destroy | Goal::Refresh => {}
        }
        let outcome = self.plan_into(goal, look);
        self.remove("import.tf");
        outcome
    }

    fn apply(&mut self, interruption: Option<&mut Interruption<'_>>) -> Result<Outcome, LayerError> {
        if !std::mem::take(&mut self.planned) {
            return Err(LayerError::Configuration("there is no plan to apply".to_owned()));
        }
        self.told(&["apply", "-json", "-input=false", "-no-color", "plan"], interruption)
    }

    fn query(&mut self, configuration: &str) -> Result<Outcome, LayerError> {
        self.write("query.tfquery.hcl", configuration)?;
        let ran = self.run(&["query", "-json", "-no-color"], None);
        self.remove("query.tfquery.hcl");
        let ran = ran?;
        let mut outcome = answer::messages(&ran.stdout);
        outcome.found = answer::found(&ran.stdout);
        if !ran.success() && !outcome.failed() {
            return Err(ran.not_understood("it failed without an error message"));
        }
        Ok(outcome)
    }

    fn invoke(&mut self, address: &str) -> Result<Outcome, LayerError> {
        let invoke = format!("-invoke={address}");
        let ran = self.run(&["apply", "-json", "-input=false", "-no-color", "-auto-approve", &invoke], None)?;
        let mut outcome = answer::messages(&ran.stdout);
        outcome.progress = answer::progress(&ran.stdout);
        if !ran.success() && !outcome.failed() {
            return Err(ran.not_understood("it failed without an error message"));
        }
        Ok(outcome)
    }

    fn forget(&mut self, address: &str) -> Result<(), LayerError> {
        let (state, kept) = (self.work().join("terraform.tfstate"), self.folder.path().join("kept.tfstate"));
        fs::copy(state, kept).map_err(LayerError::io("keep the state"))?;
        let ran = self.run(&["state", "rm", address], None)?;
        if ran.success() { Ok(()) } else { Err(ran.not_understood("it failed")) }
    }

    fn taint(&mut self, address: &str) -> Result<(), LayerError> {
        let ran = self.run(&["taint", address], None)?;
        if ran.success() { Ok(()) } else { Err(ran.not_understood("it failed")) }
    }

    fn put_back(&mut self) -> Result<(), LayerError> {
        let (state, kept) = (self.work().join("terraform.tfstate"), self.folder.path().join("kept.tfstate"));
        fs::copy(kept, state).map(drop).map_err(LayerError::io("put the state back"))
    }

    fn is_empty(&mut self) -> Result<bool, LayerError> {
        let path = self.work().join("terraform.tfstate");
        if !path.exists() {
            return Ok(true);
        }
        let text = fs::read_to_string(&path).map_err(LayerError::io("read the state"))?;
        let state: serde_json::Value = serde_json::from_str(&text)
            .map_err(|error| LayerError::io("read the state")(std::io::Error::other(error)))?;
        Ok(state["resources"].as_array().is_none_or(Vec::is_empty))
    }

    fn state(&mut self, marks: bool) -> Result<State, LayerError> {
        let path = self.work().join("terraform.tfstate");
        if !path.exists() {
            return Ok(State::default());
        }
        if let (false, Some(prefix)) = (marks, &self.prefix) {
            let text = fs::read_to_string(&path).map_err(LayerError::io("read the state"))?;
            let stored = serde_json::from_str(&text)
                .map_err(|error| LayerError::io("read the state")(std::io::Error::other(error)))?;
            if let Some(state) = answer::stored(&stored, prefix) {
                return Ok(state);
            }
        }
        let ran = self.run(&["show", "-json", "-no-color"], None)?;
        let shown = serde_json::from_str(&ran.stdout).map_err(|error| ran.not_understood(&error.to_string()))?;
        Ok(answer::state(&shown))
    }

    fn logs(&self) -> String {
        let all = fs::read_to_string(self.log_path()).unwrap_or_default();
        let own = all.lines().filter(|line| line.contains("provider.terraform-provider"));
        own.flat_map(|line| [line, "\n"]).collect()
    }

    fn said(&self) -> String {
        format!("{}{}", self.said, fs::read_to_string(self.log_path()).unwrap_or_default())
    }
}

/// A command that came to its end.
struct Ran {
    command: String,
    /// The exit status; `None` when a signal ended it.
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn success(&self) -> bool {
        self.status == Some(0)
    }

    fn not_understood(&self, fault: &str) -> LayerError {
        LayerError::Answer {
            command: self.command.clone(),
            fault: fault.to_owned(),
            output: format!("{}{}", self.stdout, self.stderr),
        }
    }
}

/// Waits for the end of a command, and stops it or kills its providers when that is due.
fn wait(
    child: &mut Child,
    mut interruption: Option<&mut Interruption<'_>>,
    command: &str,
) -> Result<std::process::ExitStatus, LayerError> {
    let mut stopped: Option<Instant> = None;
    let interval = Duration::from_millis(if interruption.is_some() { 20 } else { 5 });
    let status = process::watch(child, process::Pace { interval, patience: PATIENCE }, |child, _| {
        if let (Some(interruption), None) = (&mut interruption, stopped)
            && (interruption.due)()
        {
            stopped = Some(Instant::now());
            if interruption.kill {
                return process::providers_of(child.id())
                    .into_iter()
                    .try_for_each(|provider| process::signal("KILL", &provider.to_string()));
            }
            // As the terminal does for Ctrl-C.
            return process::signal("INT", &child.id().to_string());
        }
        Ok(())
    });
    let status = status.map_err(LayerError::io(format!("wait for `{command}`")))?;
    if let (Some(interruption), Some(stopped)) = (interruption, stopped) {
        interruption.took = Some(stopped.elapsed().saturating_sub(OWN_END));
    }
    Ok(status)
}

/// A text as an HCL string literal.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace("${", "$${").replace("%{", "%%{")
}

/// What Terraform prints as JSON, without its excerpts of the configuration: a case may write a secret into that in
/// clear, and what Terraform quotes of it is not said by the provider.
fn without_excerpts(stdout: &str) -> String {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(members) => {
                members.remove("snippet");
                members.values_mut().for_each(strip);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let stripped = |text: &str| {
        let mut value = serde_json::from_str(text).ok()?;
        strip(&mut value);
        Some(value.to_string())
    };
    // One document over many lines, as of `validate`, or one for each line.
    stripped(stdout).unwrap_or_else(|| {
        stdout.lines().map(|line| stripped(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
    })
}
