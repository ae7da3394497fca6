//! One round: a case's life, with faults in it or without.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fastrand::Rng;
use regex::Regex;
use serde_json::{Value as Json, json};

use super::Chaos;
use super::fault::{Fault, To};
use super::seen;
use crate::case::{Case, StepKind};
use crate::difference::difference;
use crate::layer::Layer as _;
use crate::outcome::Outcome;
use crate::places::Places;
use crate::run::{chain, filled};
use crate::sandbox::{Account, Sandbox};
use crate::terraform::{self, RealTerraform, process};

/// How often a command is repeated after a fault: twice for what was under way, and once more for each object that a
/// killed Terraform has created and not noted, which is then imported.
const ATTEMPTS: u32 = 6;
/// Far more than any command takes.
const PACE: process::Pace = process::Pace { interval: Duration::from_millis(10), patience: Duration::from_mins(4) };
/// How long a provider may outlive its Terraform.
const FAREWELL: Duration = Duration::from_secs(10);

/// What a round has changed in its account and cluster after each of its commands, with the command's name.
pub type Course = Vec<(String, Json)>;

struct Round<'a> {
    account: &'a Account<'a>,
    layer: RealTerraform<'a>,
    /// Draws the faults. `None` = there are none.
    random: Option<Rng>,
    /// The course of the same case without faults.
    calm: Option<&'a Course>,
    /// The world before the first command.
    before: Option<Json>,
    course: Course,
    /// Where the API server's faults are set.
    cluster: Option<String>,
    folder: tempfile::TempDir,
    /// A kill may leave an activation that no state knows.
    loses: bool,
    told: &'a mut Vec<String>,
}

/// Runs a case without faults and returns what it changes. The error says which rule is broken.
pub fn calm(chaos: &Chaos, sandbox: &Sandbox, case: &Case) -> Result<Course, String> {
    live(chaos, sandbox, case, None, None, &mut Vec::new()).map_err(|fault| format!("without any fault: {fault}"))
}

/// Runs a round and reports in `told` what happened. The error says which rule is broken.
pub fn run(
    chaos: &Chaos,
    sandbox: &Sandbox,
    case: &Case,
    seed: u64,
    calm: &Course,
    told: &mut Vec<String>,
) -> Result<(), String> {
    live(chaos, sandbox, case, Some(Rng::with_seed(seed)), Some(calm), told).map(drop)
}

fn live(
    chaos: &Chaos,
    sandbox: &Sandbox,
    case: &Case,
    random: Option<Rng>,
    calm: Option<&Course>,
    told: &mut Vec<String>,
) -> Result<Course, String> {
    let mut account = sandbox.account().map_err(|error| chain(&error))?;
    let mut cluster = None;
    if case.needs.control_plane {
        account.start_control_plane().map_err(|error| chain(&error))?;
        let name = account.told["holds"]["cluster_names"][0].as_str().unwrap_or_default();
        cluster = Some(format!("/clusters/{name}"));
    }
    let cases = chaos.cases.parent().unwrap_or(&chaos.cases).join("acceptance");
    account.told["cases"] = cases.display().to_string().into();
    let mut places = Places::default();
    places.add_members(&account.told);
    places.add("endpoint", account.endpoint().into());
    let prelude = places.fill(&chaos.prelude)?;
    let layer = RealTerraform::new(&chaos.terraform, Some(&chaos.provider), prelude, false).map_err(|e| chain(&e))?;
    let folder = tempfile::TempDir::with_prefix("chaos-").map_err(|error| error.to_string())?;
    let (before, course, loses) = (None, Vec::new(), false);
    let mut round = Round { account: &account, layer, random, calm, before, course, cluster, folder, loses, told };

    for (name, content) in &case.files {
        round.layer.put_file(name, &places.fill(content)?).map_err(|error| chain(&error))?;
    }
    for step in &case.steps {
        match &step.kind {
            StepKind::Outside(changes) => {
                for (_, change) in changes {
                    if let Some((name, answer)) = account.change(&filled(change, &places)?).map_err(|e| chain(&e))? {
                        places.add(name, answer);
                    }
                }
            }
            StepKind::Apply => {
                let text = step.configuration.as_deref().ok_or("an apply of chaos has a configuration")?;
                round.layer.configure(&places.fill(text)?).map_err(|error| chain(&error))?;
                round.apply("apply")?;
            }
            StepKind::ImportById { address, id } => {
                places.set_state(round.layer.state(false).map_err(|error| chain(&error))?);
                let id = places.fill(id)?;
                round.layer.forget(address).map_err(|error| chain(&error))?;
                let block = format!("import {{\n  to = {address}\n  id = {id:?}\n}}\n");
                round.layer.put_file("import.tf", &block).map_err(|error| chain(&error))?;
                round.apply(&format!("import of {address}"))?;
                round.layer.put_file("import.tf", "").map_err(|error| chain(&error))?;
            }
            _ => return Err(format!("`=== {}` has no place in chaos", step.heading)),
        }
    }
    round.phase("refresh", &["apply", "-refresh-only", "-auto-approve"])?;
    round.compare("refresh")?;
    round.phase("destroy", &["apply", "-destroy", "-auto-approve"])?;
    let left = round.compare("destroy")?;
    match &case.leaves {
        None if !left.is_null() => Err(format!("destroy leaves something behind:\n{left:#}")),
        Some(why) if left.is_null() => {
            Err(format!("the case says that it leaves something because {why}, but it leaves nothing"))
        }
        _ => Ok(round.course),
    }
}

impl Round<'_> {
    /// An apply, after which the plan is empty and the world as without faults.
    fn apply(&mut self, name: &str) -> Result<(), String> {
        if self.before.is_none() {
            self.before = Some(seen::seen(self.account, self.cluster.is_some())?);
        }
        self.phase(name, &["apply", "-auto-approve"])?;
        self.expect_empty_plan()?;
        self.compare(name).map(drop)
    }

    /// What has changed since the beginning; it must be the same without faults.
    fn compare(&mut self, name: &str) -> Result<Json, String> {
        let before = self.before.as_ref().ok_or("the case has no apply")?;
        let mut after = seen::seen(self.account, self.cluster.is_some())?;
        if self.loses {
            let state = self.layer.state(false).map_err(|error| chain(&error))?;
            let ids = state.objects.values().filter_map(|object| object.values["id"].as_str());
            let known: BTreeSet<String> = ids.map(str::to_owned).collect();
            seen::forget_orphans(before, &known, &mut after);
        }
        let changes = seen::changes(before, &after, self.account);
        if let Some((_, expected)) = self.calm.and_then(|calm| calm.get(self.course.len())) {
            let difference = difference("", expected, &changes);
            if !difference.is_empty() {
                return Err(format!(
                    "the world after {name} is another one (right) than without faults:\n{difference}"
                ));
            }
        }
        self.course.push((name.to_owned(), changes.clone()));
        Ok(changes)
    }

    /// A command, maybe with a fault, and then without until it succeeds.
    fn phase(&mut self, name: &str, arguments: &[&str]) -> Result<(), String> {
        let has_cluster = self.cluster.is_some();
        let drawn = self.random.as_mut().and_then(|random| {
            let strikes = random.u8(0..10) < 7;
            strikes.then(|| Fault::draw(random, has_cluster))
        });
        if let Some(fault) = drawn {
            self.told.push(format!("{name} with {fault}"));
            self.loses |= fault.loses_answers();
            self.strike(&fault)?;
            let output = self.attempt(arguments, Some(&fault))?;
            self.calm()?;
            self.expect_no_provider()?;
            if output.is_some_and(|outcome| !outcome.failed()) {
                return Ok(());
            }
        }
        let mut last = String::new();
        for attempt in 1..=ATTEMPTS {
            match self.attempt(arguments, None)? {
                Some(outcome) if !outcome.failed() => {
                    if attempt > 1 {
                        self.told.push(format!("{name} succeeds at attempt {attempt}"));
                    }
                    return Ok(());
                }
                Some(outcome) => {
                    last = outcome.messages.iter().map(crate::check::show_message).collect::<Vec<_>>().join("\n");
                    if !self.import_what_is_told(&outcome)? && attempt >= 3 {
                        break;
                    }
                }
                None => "it ended without a message".clone_into(&mut last),
            }
        }
        Err(format!("{name} no longer succeeds:\n{last}"))
    }

    /// Sets what is to hit requests.
    fn strike(&mut self, fault: &Fault) -> Result<(), String> {
        let body = |kind: &str, times: u64, skip: u64| {
            let mut body = json!({"kind": kind, "times": times, "skip": skip});
            if kind == "slow" {
                body["milliseconds"] = 2_500.into();
            }
            body
        };
        match fault {
            Fault::Aws { kind, times, skip } => {
                let mut body = body(kind, *times, *skip);
                body["service"] = "*".into();
                body["operation"] = "*".into();
                self.ask("POST", "/faults", Some(&body)).map(drop)
            }
            Fault::Kube { kind, times, skip } => {
                let path = format!("{}/faults", self.cluster.clone().unwrap_or_default());
                self.ask("POST", &path, Some(&body(kind, *times, *skip))).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// No fault any more.
    fn calm(&mut self) -> Result<(), String> {
        self.ask("DELETE", "/faults", None)?;
        if let Some(cluster) = self.cluster.clone() {
            self.ask("DELETE", &format!("{cluster}/faults"), None)?;
        }
        Ok(())
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Json>) -> Result<Json, String> {
        self.account.ask(method, path, body).map_err(|error| chain(&error))
    }

    /// Runs a command to its end. `None` = a signal or a full disk ended it before it said how it went.
    fn attempt(&mut self, arguments: &[&str], fault: Option<&Fault>) -> Result<Option<Outcome>, String> {
        self.mend_state()?;
        let full = match fault {
            Some(Fault::FullDisk) => FullDisk::mount(&self.folder.path().join("full")),
            _ => None,
        };
        let output = self.folder.path().join("output");
        let file = |path: &Path| fs::File::create(path).map_err(|error| format!("{}: {error}", path.display()));
        let mut command = self.layer.command(&[arguments, &["-json", "-input=false"]].concat());
        command.stdin(Stdio::null()).stdout(file(&output)?).stderr(file(&self.folder.path().join("errors"))?);
        command.process_group(0);
        if let Some(full) = &full {
            command.env("TMPDIR", &full.0);
        }
        let mut child = command.spawn().map_err(|error| format!("could not start Terraform: {error}"))?;
        let mut due = fault.map(events).unwrap_or_default();
        let status = process::watch(&mut child, PACE, |child, elapsed| {
            while due.first().is_some_and(|(at, _)| elapsed >= *at) {
                let (_, event) = due.remove(0);
                self.happen(&event, child)?;
            }
            Ok(())
        });
        let status = status.map_err(|error| format!("`{}`: {error}", arguments.join(" ")))?;
        drop(full);
        let outcome = terraform::messages(&fs::read_to_string(&output).unwrap_or_default());
        Ok(match status.code() {
            Some(0) => Some(outcome),
            _ if outcome.failed() => Some(outcome),
            _ => None,
        })
    }

    fn happen(&self, event: &Event, child: &Child) -> io::Result<()> {
        let control_plane = |path: &str, name: &str, time: &Duration| {
            let path = format!("{}/control-plane/{path}", self.cluster.clone().unwrap_or_default());
            let milliseconds = u64::try_from(time.as_millis()).unwrap_or_default();
            self.ask("POST", &path, Some(&json!({ name: milliseconds })))
        };
        let asked = match event {
            Event::Signal(name, to) => return signal(name, *to, child),
            Event::Clock(seconds) => self.ask("POST", "/clock", Some(&json!({"advance_seconds": seconds}))),
            Event::Restart(down) => control_plane("restart", "down_milliseconds", down),
            Event::Pause(silent) => control_plane("pause", "milliseconds", silent),
        };
        asked.map(drop).map_err(io::Error::other)
    }

    /// A Terraform that is killed while it writes leaves half a state, and the one before beside it.
    fn mend_state(&mut self) -> Result<(), String> {
        let state = self.layer.folder().join("terraform.tfstate");
        let is_whole = |path: &Path| fs::read(path).is_ok_and(|text| serde_json::from_slice::<Json>(&text).is_ok());
        if state.exists() && !is_whole(&state) {
            self.told.push("the state was cut off, its backup is taken".to_owned());
            let backup = state.with_extension("tfstate.backup");
            if is_whole(&backup) {
                fs::copy(backup, state).map_err(|error| error.to_string())?;
            } else {
                fs::remove_file(state).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// Imports the objects that messages say to import. False = none said so.
    fn import_what_is_told(&mut self, outcome: &Outcome) -> Result<bool, String> {
        let told = Regex::new("terraform import [a-z_]+\\.[A-Za-z_]+ '?([^`']+)'?`|import it with the id `([^`]+)`");
        let told = told.map_err(|error| error.to_string())?;
        let mut imported = false;
        for message in &outcome.messages {
            let (Some(address), Some(found)) = (&message.address, told.captures(&message.detail)) else { continue };
            let id = found.get(1).or_else(|| found.get(2)).map_or("", |id| id.as_str());
            let output = self.layer.command(&["import", "-input=false", address, id]).output();
            let output = output.map_err(|error| error.to_string())?;
            self.told.push(format!("import {address} {id}"));
            if !output.status.success() {
                return Err(format!(
                    "the import that the message names fails: {}",
                    String::from_utf8_lossy(&output.stderr)
                ));
            }
            imported = true;
        }
        Ok(imported)
    }

    fn expect_empty_plan(&mut self) -> Result<(), String> {
        let output = self.layer.command(&["plan", "-detailed-exitcode", "-input=false", "-no-color"]).output();
        let output = output.map_err(|error| error.to_string())?;
        if output.status.code() == Some(0) {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        Err(format!("the plan after the apply is not empty:\n{text}"))
    }

    /// No provider outlives this round's Terraform.
    fn expect_no_provider(&self) -> Result<(), String> {
        let home = format!("HOME={}", self.layer.folder().parent().unwrap_or(Path::new("/")).display());
        let begun = Instant::now();
        loop {
            let going = process::providers().find(|process| {
                let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
                environment.split(|byte| *byte == 0).any(|variable| variable == home.as_bytes())
            });
            match going {
                None => return Ok(()),
                Some(process) if begun.elapsed() > FAREWELL => {
                    return Err(format!("the provider {process} still runs without its Terraform"));
                }
                Some(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

/// Something that happens while a command runs.
enum Event {
    Signal(&'static str, To),
    Clock(i64),
    Restart(Duration),
    Pause(Duration),
}

/// The events of a fault, in their order.
fn events(fault: &Fault) -> Vec<(Duration, Event)> {
    match fault {
        Fault::Signal { name, to, after, again } => {
            let mut events = vec![(*after, Event::Signal(name, *to))];
            events.extend(again.map(|again| (*after + again, Event::Signal(name, *to))));
            events
        }
        Fault::Clock { after, seconds } => vec![(*after, Event::Clock(*seconds))],
        Fault::Restart { after, down } => vec![(*after, Event::Restart(*down))],
        Fault::Pause { after, silent } => vec![(*after, Event::Pause(*silent))],
        Fault::Aws { .. } | Fault::Kube { .. } | Fault::FullDisk => Vec::new(),
    }
}

fn signal(name: &str, to: To, child: &Child) -> io::Result<()> {
    let receivers = match to {
        To::Terraform => vec![child.id().to_string()],
        To::Group => vec![format!("-{}", child.id())],
        To::Provider => process::providers_of(child.id()).iter().map(ToString::to_string).collect(),
    };
    receivers.iter().try_for_each(|receiver| process::signal(name, receiver))
}

/// A file system without room. It needs the right to mount; `None` where that is missing.
struct FullDisk(PathBuf);

impl FullDisk {
    fn mount(folder: &Path) -> Option<Self> {
        fs::create_dir_all(folder).ok()?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4k", "tmpfs"]).arg(folder).stderr(Stdio::null());
        if !mount.status().ok()?.success() {
            return None;
        }
        let full = Self(folder.to_owned());
        // Until nothing fits any more.
        let _ = fs::write(folder.join("full"), vec![0; 64 << 10]);
        Some(full)
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        // What stays mounted goes with the machine.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
