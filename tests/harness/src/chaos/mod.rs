//! Random stops, kills and faults on real Terraform, and what must hold after them.
//!
//! A round takes a case and goes through its applies, its imports, a refresh and a destroy. Some of these are hit by a
//! fault; then they are repeated without one, as a person would, and must succeed within a few attempts. What holds:
//!
//! - the plan after each apply and import is empty, so that everything is as the configuration says;
//! - account and cluster have changed after each command as in the same case without faults, which is run once before,
//!   but for what a kill leaves by its nature: an activation whose creation nobody was there to note;
//! - nothing is left after the destroy, unless the case says why;
//! - what was there before the round is as it was: the case's outside changes put objects of others there;
//! - no process of the provider outlives its Terraform.
//!
//! What happens is drawn from a seed, so that a round can be repeated; when exactly it happens, the machine decides.

mod fault;
mod round;
mod seen;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::case::Case;
use crate::run::chain;
use crate::sandbox::Sandbox;
use crate::terraform::{Executable, ProviderBinary};

/// What the test binary brings along.
#[derive(Debug)]
pub struct Chaos {
    /// The folder of cases. Of a case only outside changes, imports and the configurations of its applies are used.
    pub cases: PathBuf,
    /// The sandbox's program.
    pub sandbox: PathBuf,
    /// The folder of a Kubernetes control plane's programs.
    pub control_plane: Option<PathBuf>,
    /// The provider block; `@{…}` places are filled in.
    pub prelude: String,
    /// Terraform.
    pub terraform: Executable,
    /// The provider's program.
    pub provider: ProviderBinary,
}

/// Rounds of a usual run.
const ROUNDS: u64 = 3;

impl Chaos {
    /// Runs EKSHYBRID_CHAOS_ROUNDS rounds (3) from the seed EKSHYBRID_CHAOS_SEED (1) on.
    pub fn main(self) -> ExitCode {
        let arguments = Arguments::from_args();
        let setting =
            |name: &str, default| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(default);
        let (first, rounds) = (setting("EKSHYBRID_CHAOS_SEED", 1), setting("EKSHYBRID_CHAOS_ROUNDS", ROUNDS));
        let cases = match self.load() {
            Ok(cases) if !cases.is_empty() => cases,
            Ok(_) => return refuse("there is no case"),
            Err(fault) => return refuse(&fault),
        };
        let sandbox = if arguments.list {
            None
        } else {
            Some(Sandbox::start(&self.sandbox, self.control_plane.as_deref(), None))
        };
        let shared = Arc::new((self, sandbox));
        // The course of each case without faults, for the rounds that take it.
        let calm: Vec<Arc<OnceLock<Result<round::Course, String>>>> = cases.iter().map(|_| Arc::default()).collect();
        let mut trials = Vec::new();
        for seed in first..first + rounds {
            // One after the other, so that a few rounds see different cases.
            let index = usize::try_from(seed).unwrap_or_default() % cases.len();
            let (case, shared, calm) = (Arc::clone(&cases[index]), Arc::clone(&shared), Arc::clone(&calm[index]));
            let name = format!("{} with seed {seed}", case.name);
            if case.needs.control_plane && shared.0.control_plane.is_none() {
                let text = format!("left out: chaos {name}: no control plane is built; `make control-plane` does it");
                println!("{text}");
                let ignored = !crate::strict::is_on();
                trials.push(Trial::test(name, move || Err(text.into())).with_ignored_flag(ignored));
                continue;
            }
            trials.push(Trial::test(name, move || {
                let (chaos, sandbox) = &*shared;
                let sandbox = match sandbox {
                    Some(Ok(sandbox)) => sandbox,
                    Some(Err(error)) => return Err(chain(error).into()),
                    None => return Ok(()),
                };
                let calm = calm.get_or_init(|| round::calm(chaos, sandbox, &case)).as_ref().map_err(Clone::clone)?;
                let mut told = Vec::new();
                let verdict = round::run(chaos, sandbox, &case, seed, calm, &mut told);
                println!("chaos: {} with seed {seed}: {}", case.name, told.join("; "));
                verdict.map_err(|fault| Failed::from(format!("{}\n{fault}", told.join("\n"))))
            }));
        }
        let conclusion = libtest_mimic::run(&arguments, trials);
        drop(shared);
        conclusion.exit_code()
    }

    fn load(&self) -> Result<Vec<Arc<Case>>, String> {
        let files = std::fs::read_dir(&self.cases).map_err(|error| format!("{}: {error}", self.cases.display()))?;
        let mut files: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
        files.retain(|file| file.extension().is_some_and(|kind| kind == "case"));
        files.sort();
        let load = |file: &PathBuf| Case::load(&self.cases, file).map(Arc::new).map_err(|error| error.to_string());
        files.iter().map(load).collect()
    }
}

fn refuse(fault: &str) -> ExitCode {
    eprintln!("error: {fault}");
    ExitCode::FAILURE
}
