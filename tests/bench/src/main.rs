//! `make bench`: measures the provider's figures and prints them beside their limits.
//!
//! No time is asserted. The exit status says only whether everything could be measured; a figure beyond its
//! limit is named in a line that begins with `missed:`. The programs are those of the release profile, beside this one.

mod cluster;
mod endpoints;
mod joins;
mod mirror;
mod plan;
mod process;
mod report;
mod runner;
mod samples;
mod upgrade;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use harness::sandbox::{Account, Sandbox};
use harness::suite::built;

use report::{Figure, Report};
use runner::{Bench, Costs};
use samples::Samples;

/// Why something could not be measured.
type Fault = Box<dyn Error + Send + Sync>;

/// Starts of the provider.
const STARTS: usize = 50;
/// Processes whose memory is looked at.
const MEMORIES: usize = 5;
/// Resources in the plan.
const RESOURCES: usize = 500;
/// Rounds of each plan.
const PLANS: usize = 5;

fn main() -> ExitCode {
    println!("{}", report::machine());
    let mut report = Report::default();
    let outcome = measure(&mut report);
    print!("{report}");
    println!("No other provider is measured beside this one: none is fetched for it.");
    println!("{}", report::machine());
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error: {}", harness::run::chain(&*fault));
            ExitCode::FAILURE
        }
    }
}

/// Puts one figure after the other into `report`, up to the first that cannot be measured.
fn measure(report: &mut Report) -> Result<(), Fault> {
    let provider = built("terraform-provider-ekshybrid", "terraform-provider-ekshybrid --release")?;
    let sandbox = built("sandbox", "sandbox --release")?;
    let runtime = tokio::runtime::Runtime::new()?;

    let starts = runtime.block_on(process::starts(&provider, STARTS))?;
    let line = starts.line.median();
    report.add(Figure {
        title: "process start to handshake line",
        measured: line,
        limit: 5.0,
        unit: "ms",
        more: format!(
            "{}; {:.1} × the start of /bin/true ({})",
            starts.line.spread("ms"),
            line / starts.nothing.median(),
            starts.nothing.whole("ms")
        ),
    });
    report.add(Figure {
        title: "process start to complete schema over mTLS",
        measured: starts.schema.median(),
        limit: 15.0,
        unit: "ms",
        more: format!("{}; {} KiB of schema", starts.schema.spread("ms"), starts.schema_size / 1024),
    });

    let control_plane = harness::suite::control_plane(&project());
    let hosts = harness::host::hosts(&project());
    let sandbox = Sandbox::start(&sandbox, control_plane.as_deref(), hosts.as_deref())?;
    let account = sandbox.account()?;
    let memory = runtime.block_on(process::memory(&provider, &account, MEMORIES))?;
    report.add(Figure {
        title: "resident memory after Configure (VmRSS)",
        measured: memory.resident.median(),
        limit: 15.0,
        unit: "MB",
        more: format!("{}; of it RssAnon {}", memory.resident.spread("MB"), memory.anonymous.whole("MB")),
    });
    report.add(Figure {
        title: "size of the program",
        measured: size(&provider)?,
        limit: 30.0,
        unit: "MB",
        more: String::new(),
    });

    let bench = Bench::new(&project(), &provider, &account)?;
    let plans = plan::plans(&bench, &account, RESOURCES, PLANS)?;
    report.add(Figure {
        title: "DescribeActivations calls of the plan of 500 activations",
        measured: plans.calls,
        limit: 12.0,
        unit: "calls",
        more: format!("the most of {} plans; {}", PLANS - 1, bench.title()),
    });
    let title = "time of that plan ÷ time of the plan of 500 terraform_data";
    report.add(ratio(title, &plans.activations, &plans.data));
    let applies = endpoints::applies(&bench, &account)?;
    let [all, one] = [&applies.all, &applies.one].map(|cost| cost.wall.as_secs_f64());
    report.add(Figure {
        title: "creating 11 VPC endpoints ÷ creating one",
        measured: all / one,
        limit: 1.2,
        unit: "×",
        more: format!("{all:.1} s ÷ {one:.1} s; each is pending for {} s", endpoints::PENDING_SECONDS),
    });
    images(report, &bench, &account)?;
    clusters(report, &sandbox, &provider, control_plane.is_some())
}

/// Copies of images between two registries.
fn images(report: &mut Report, bench: &Bench, account: &Account<'_>) -> Result<(), Fault> {
    let (heads, others) = mirror::unchanged(bench, account)?;
    report.add(Figure {
        title: "HEAD requests of the plan of 20 unchanged images of a mirror",
        measured: heads,
        limit: 20.0,
        unit: "requests",
        more: format!("{others:.0} others"),
    });
    let tools = match mirror::Tools::find() {
        Ok(tools) => tools,
        Err(reason) => {
            println!("Copies of images are left out: {reason}.");
            return Ok(());
        }
    };
    let copies = mirror::copies(bench, &tools)?;
    let best = copies.theirs.iter().map(|(_, seconds)| *seconds).fold(f64::INFINITY, f64::min);
    let theirs: Vec<String> = copies.theirs.iter().map(|(name, seconds)| format!("{name} {seconds:.1} s")).collect();
    report.add(Figure {
        title: "apply that copies 20 images of 1 GiB in all ÷ the best of crane, regctl and oras",
        measured: copies.ours.wall.as_secs_f64() / best,
        limit: 1.0,
        unit: "×",
        more: format!("{:.1} s, Terraform's start included; {}", copies.ours.wall.as_secs_f64(), theirs.join(", ")),
    });
    report.add(Figure {
        title: "most resident memory of the provider while it copies them (VmHWM)",
        measured: copies.ours.memory(),
        limit: 60.0,
        unit: "MB",
        more: String::new(),
    });
    Ok(())
}

/// The cluster side, in an account of its own whose cluster has a control plane.
fn clusters(report: &mut Report, sandbox: &Sandbox, provider: &Path, control_plane: bool) -> Result<(), Fault> {
    if !control_plane {
        println!("The cluster side is left out: there is no control plane (`make control-plane` builds it).");
        return Ok(());
    }
    let mut account = sandbox.account()?;
    account.start_control_plane()?;
    let bench = Bench::new(&project(), provider, &account)?;
    let refresh = cluster::refresh(&bench, &account)?;
    for (title, measured, limit, unit) in [
        ("DescribeCluster calls of the plan of 60 cluster-side resources", refresh.describe_cluster, 1.0, "calls"),
        ("requests of that plan about the kinds that the cluster serves", refresh.discoveries, 1.0, "requests"),
        ("requests of that plan to the API server", refresh.requests, 65.0, "requests"),
    ] {
        report.add(Figure { title, measured, limit, unit, more: String::new() });
    }
    let (ours, theirs) = cluster::plans(&bench, &account, PLANS)?;
    report.add(ratio("time of the plan of 60 ENIConfigs ÷ time of the plan of 60 terraform_data", &ours, &theirs));
    let release = cluster::release(&bench, &account, &project())?;
    for (title, measured, limit) in [
        ("requests of the plan of an unchanged CNI to the API server", release.requests, 1.0),
        ("requests of that plan for its chart", release.downloads, 0.0),
    ] {
        report.add(Figure { title, measured, limit, unit: "requests", more: String::new() });
    }
    let binding = cluster::binding(&bench, &account)?;
    report.add(Figure {
        title: "annotating 1,000 nodes, Terraform's start included",
        measured: binding.wall.as_secs_f64(),
        limit: 30.0,
        unit: "s",
        more: String::new(),
    });
    report.add(Figure {
        title: "most resident memory of the provider while annotating them (VmHWM)",
        measured: binding.memory(),
        limit: 60.0,
        unit: "MB",
        more: String::new(),
    });
    upgrades(report, sandbox, provider)?;
    hosts(report, sandbox, provider)
}

/// Many hosts that join at once, in an account of their own.
fn hosts(report: &mut Report, sandbox: &Sandbox, provider: &Path) -> Result<(), Fault> {
    let answer = sandbox.hosts()?;
    if answer["available"] != true {
        println!("Joins of hosts are left out: {}.", answer["why"].as_str().unwrap_or("the sandbox has no hosts"));
        return Ok(());
    }
    let ansible = joins::ansible();
    if let Err(reason) = &ansible {
        println!("Joins by Ansible are left out: {reason}.");
    }
    let mut account = sandbox.account()?;
    account.reach_hosts()?;
    account.start_control_plane()?;
    let bench = Bench::new(&project(), provider, &account)?;
    let joined = joins::joins(&bench, &account, ansible.as_deref().ok())?;
    let all = joined.all.wall.as_secs_f64();
    report.add(Figure {
        title: "apply that joins 50 hosts ÷ the slowest of these joins",
        measured: all / joined.slowest()?,
        limit: 1.1,
        unit: "×",
        more: format!("{all:.1} s; one host alone {:.1} s", joined.one.wall.as_secs_f64()),
    });
    if let Some(theirs) = joined.ansible {
        report.add(Figure {
            title: "that apply ÷ the same commands on the same hosts by ansible-core with 50 forks",
            measured: all / theirs.as_secs_f64(),
            limit: 0.5,
            unit: "×",
            more: format!("{:.1} s", theirs.as_secs_f64()),
        });
    }
    report.add(Figure {
        title: "processor time of the provider in that apply",
        measured: joined.all.provider().as_secs_f64(),
        limit: 5.0,
        unit: "s",
        more: String::new(),
    });
    report.add(Figure {
        title: "most resident memory of the provider in that apply (VmHWM)",
        measured: joined.all.memory(),
        limit: 80.0,
        unit: "MB",
        more: String::new(),
    });
    Ok(())
}

/// In an account of its own, whose cluster has no other nodes.
fn upgrades(report: &mut Report, sandbox: &Sandbox, provider: &Path) -> Result<(), Fault> {
    let tools = match upgrade::Tools::find() {
        Ok(tools) => tools,
        Err(reason) => {
            println!("The upgrade of Cilium is left out: {reason}.");
            return Ok(());
        }
    };
    let mut account = sandbox.account()?;
    account.start_control_plane()?;
    let times = upgrade::times(&account, &tools)?;
    let [ours, theirs, removals] = [times.ours, times.theirs, times.their_removals].map(Samples::new);
    report.add(Figure {
        title: "upgrade of Cilium 1.17.1 to 1.18.6 until ready ÷ the same by Helm's command line",
        measured: ours.median() / theirs.median(),
        limit: 1.0,
        unit: "×",
        more: format!("medians of {}: {} ÷ {}", upgrade::ROUNDS, ours.whole("s"), theirs.whole("s")),
    });
    let bench = Bench::new(&project(), provider, &account)?;
    let resource = upgrade::resource(&bench, &account, &tools)?;
    report.add(Figure {
        title: "requests of the plan of an upgrade of Cilium to the API server",
        measured: resource.plan_requests,
        limit: 4.0,
        unit: "requests",
        more: String::new(),
    });
    report.add(Figure {
        title: "destroy of Cilium, Terraform's start included",
        measured: resource.destroy.as_secs_f64(),
        limit: 3.0,
        unit: "s",
        more: format!("{} for `helm uninstall --wait`", removals.whole("s")),
    });
    Ok(())
}

/// The cost of one kind of plan relative to another; the two alternate.
fn ratio(title: &'static str, ours: &Costs, theirs: &Costs) -> Figure {
    Figure {
        title,
        measured: ours.wall.median() / theirs.wall.median(),
        limit: 1.5,
        unit: "×",
        more: format!(
            "medians of {PLANS}: {} ÷ {}; processor time: Terraform {:.2} s and the provider {:.2} s ÷ Terraform {:.2} s",
            ours.wall.whole("s"),
            theirs.wall.whole("s"),
            ours.terraform.median(),
            ours.provider.median(),
            theirs.terraform.median()
        ),
    }
}

/// In megabytes (10⁶ bytes), as memory.
#[allow(clippy::cast_precision_loss, reason = "sizes of programs are far below 2⁵² bytes")]
fn size(program: &Path) -> Result<f64, Fault> {
    Ok(std::fs::metadata(program)?.len() as f64 / 1e6)
}

/// The root of the work tree.
fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
