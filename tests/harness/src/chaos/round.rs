//! One round: a case's life with faults in it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fastrand::Rng;
use regex::Regex;
use serde_json::{Value as Json, json};

use super::Chaos;
use super::fault::{Fault, To};
use crate::case::{Case, Outside, StepKind};
use crate::difference::difference;
use crate::layer::Layer as _;
use crate::outcome::Outcome;
use crate::places::Places;
use crate::run::chain;
use crate::sandbox::{Account, Sandbox};
use crate::terraform::{self, RealTerraform};

/// How often a command is repeated after a fault: twice for what was under way, and once more for each object that a
/// killed Terraform has made and not noted, which is then imported.
const ATTEMPTS: u32 = 6;
/// Far more than any command takes.
const PATIENCE: Duration = Duration::from_mins(4);
/// How long a provider may go on without its Terraform.
const FAREWELL: Duration = Duration::from_secs(10);

/// Lists of objects whose names must be the same at the end, beside what [`Account::dump`] holds.
const LISTS: [&str; 9] = [
    "/api/v1/namespaces",
    "/api/v1/configmaps",
    "/api/v1/secrets",
    "/api/v1/serviceaccounts",
    "/apis/apps/v1/daemonsets",
    "/apis/apps/v1/deployments",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
];

struct Round<'a> {
    account: &'a Account<'a>,
    layer: RealTerraform<'a>,
    random: Rng,
    /// Where the API server's faults are set.
    cluster: Option<String>,
    folder: tempfile::TempDir,
    /// A kill may leave an activation that no state knows.
    loses: bool,
    told: &'a mut Vec<String>,
}

/// Runs a round and says in `told` what happened. The error says what does not hold.
pub fn run(chaos: &Chaos, sandbox: &Sandbox, case: &Case, seed: u64, told: &mut Vec<String>) -> Result<(), String> {
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
    let random = Rng::with_seed(seed);
    let mut round = Round { account: &account, layer, random, cluster, folder, loses: false, told };

    for (name, content) in &case.files {
        round.layer.put_file(name, &places.fill(content)?).map_err(|error| chain(&error))?;
    }
    let mut before = None;
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
                if before.is_none() {
                    before = Some(round.seen()?);
                }
                let text = step.configuration.as_deref().ok_or("an apply of chaos has a configuration")?;
                round.layer.configure(&places.fill(text)?).map_err(|error| chain(&error))?;
                round.phase("apply", &["apply", "-auto-approve"])?;
                round.expect_empty_plan()?;
            }
            _ => return Err(format!("`=== {}` has no place in chaos", step.heading)),
        }
    }
    round.phase("refresh", &["apply", "-refresh-only", "-auto-approve"])?;
    round.phase("destroy", &["apply", "-destroy", "-auto-approve"])?;
    let (before, mut after) = (before.ok_or("the case has no apply")?, round.seen()?);
    if round.loses {
        forget_orphans(&before, &mut after);
    }
    // What is null and what is not there are the same here.
    let difference = difference("", &before, &after);
    if difference.is_empty() {
        Ok(())
    } else {
        Err(format!("the end (right) is not as the beginning (left):\n{difference}"))
    }
}

/// An outside change with its places filled in.
fn filled(change: &Outside, places: &Places) -> Result<Outside, String> {
    let fill = |text: &str| places.fill(text);
    Ok(match change {
        Outside::Call { method, path, body, name } => Outside::Call {
            method: method.clone(),
            path: fill(path)?,
            body: body.as_deref().map(fill).transpose()?,
            name: name.clone(),
        },
        Outside::Kube { method, path, body, name } => Outside::Kube {
            method: method.clone(),
            path: fill(path)?,
            body: body.as_deref().map(fill).transpose()?,
            name: name.clone(),
        },
        Outside::Aws { service, what, body, name } => Outside::Aws {
            service: service.clone(),
            what: fill(what)?,
            body: body.as_deref().map(fill).transpose()?,
            name: name.clone(),
        },
        other => other.clone(),
    })
}

/// Takes out the activations that came in the round: the answer to their creation went to a process that was killed.
fn forget_orphans(before: &Json, after: &mut Json) {
    let Some(regions) = after["regions"].as_object_mut() else { return };
    for (name, region) in regions {
        let there = before["regions"][name]["ssm"]["activations"].as_object().cloned().unwrap_or_default();
        let activations = region.get_mut("ssm").and_then(|ssm| ssm.get_mut("activations"));
        if let Some(activations) = activations.and_then(Json::as_object_mut) {
            activations.retain(|id, _| there.contains_key(id));
        }
    }
}

/// Takes out who has written to an object: somebody else's keeps the name of everybody who ever did.
fn forget_managers(value: &mut Json) {
    if let Some(members) = value.as_object_mut() {
        members.remove("managers");
        members.values_mut().for_each(forget_managers);
    }
}

impl Round<'_> {
    /// A command, maybe with a fault, and then without until it succeeds.
    fn phase(&mut self, name: &str, arguments: &[&str]) -> Result<(), String> {
        if self.random.u8(0..10) < 7 {
            let fault = Fault::draw(&mut self.random, self.cluster.is_some());
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
                None => "it ended without a word".clone_into(&mut last),
            }
        }
        Err(format!("{name} does not succeed any more:\n{last}"))
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
        let begun = Instant::now();
        let mut due = fault.map(events).unwrap_or_default();
        let status = loop {
            if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
                break status;
            }
            if begun.elapsed() > PATIENCE {
                signal("KILL", To::Group, &child)?;
                return Err(format!("`{}` does not end", arguments.join(" ")));
            }
            while due.first().is_some_and(|(at, _)| begun.elapsed() >= *at) {
                let (_, event) = due.remove(0);
                self.happen(&event, &child)?;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        drop(full);
        let outcome = terraform::messages(&fs::read_to_string(&output).unwrap_or_default());
        Ok(match status.code() {
            Some(0) => Some(outcome),
            _ if outcome.failed() => Some(outcome),
            _ => None,
        })
    }

    fn happen(&mut self, event: &Event, child: &Child) -> Result<(), String> {
        match event {
            Event::Signal(name, to) => signal(name, *to, child),
            Event::Clock(seconds) => self.ask("POST", "/clock", Some(&json!({"advance_seconds": seconds}))).map(drop),
            Event::Restart(down) => {
                let path = format!("{}/control-plane/restart", self.cluster.clone().unwrap_or_default());
                let down = u64::try_from(down.as_millis()).unwrap_or_default();
                self.ask("POST", &path, Some(&json!({"down_milliseconds": down}))).map(drop)
            }
        }
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
                return Err(format!("the import that was told fails: {}", String::from_utf8_lossy(&output.stderr)));
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

    /// No provider of this round's Terraform goes on after it.
    fn expect_no_provider(&self) -> Result<(), String> {
        let home = format!("HOME={}", self.layer.folder().parent().unwrap_or(Path::new("/")).display());
        let begun = Instant::now();
        loop {
            let going = processes("terraform-provi").into_iter().find(|process| {
                let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
                environment.split(|byte| *byte == 0).any(|variable| variable == home.as_bytes())
            });
            match going {
                None => return Ok(()),
                Some(process) if begun.elapsed() > FAREWELL => {
                    return Err(format!("the provider {process} goes on without its Terraform"));
                }
                Some(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// What must be at the end as it was at the beginning.
    fn seen(&self) -> Result<Json, String> {
        let mut seen = self.account.dump().map_err(|error| chain(&error))?;
        if self.cluster.is_some() {
            let mut names = BTreeMap::new();
            for list in LISTS {
                let (method, path) = ("GET".to_owned(), list.to_owned());
                let asked = Outside::Kube { method, path, body: None, name: Some("list".to_owned()) };
                let answer = self.account.change(&asked).map_err(|error| chain(&error))?;
                let items = answer.map(|(_, answer)| answer["items"].clone()).unwrap_or_default();
                let name = |item: &Json| {
                    let part = |name: &str| item["metadata"][name].as_str().unwrap_or_default().to_owned();
                    format!("{}/{}", part("namespace"), part("name"))
                };
                let there = items.as_array().into_iter().flatten().map(|item| (name(item), true));
                names.insert(list, there.collect::<BTreeMap<_, _>>());
            }
            seen["names"] = json!(names);
        }
        forget_managers(&mut seen["kubernetes"]);
        Ok(seen)
    }
}

/// Something that happens while a command runs.
enum Event {
    Signal(&'static str, To),
    Clock(i64),
    Restart(Duration),
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
        Fault::Aws { .. } | Fault::Kube { .. } | Fault::FullDisk => Vec::new(),
    }
}

/// Sends a signal by the `kill` program, which does it without unsafe code. Who has gone gets none.
fn signal(name: &str, to: To, child: &Child) -> Result<(), String> {
    let receivers = match to {
        To::Terraform => vec![child.id().to_string()],
        To::Group => vec![format!("-{}", child.id())],
        To::Provider => {
            let parent = |process: &u32| parent_of(*process) == Some(child.id());
            processes("terraform-provi").into_iter().filter(parent).map(|process| process.to_string()).collect()
        }
    };
    for receiver in receivers {
        let status = Command::new("kill").args(["-s", name, "--", &receiver]).stderr(Stdio::null()).status();
        status.map_err(|error| format!("could not send a signal: {error}"))?;
    }
    Ok(())
}

/// The processes whose name begins so; names are cut to 15 letters.
fn processes(name: &str) -> Vec<u32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    all.filter(|process| {
        let comm = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
        comm.starts_with(name)
    })
    .collect()
}

fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
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
