//! What an upgrade of Cilium on the real control plane takes, beside the same by Helm's command line.
//!
//! Both begin from an installed 1.17.1 and are done when everything is ready. Ours is what `ekshybrid_cni` does for the
//! release itself, from the archive to the last wait; the preflight check that it runs before, and Terraform, are not
//! part of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use ekshybrid::kube::release::{Options, Releases, Removal};
use ekshybrid::kube::{self, Client, Credentials, Server, Target};
use harness::sandbox::Account;
use helm::{Chart, Values};
use serde_json::json;

use crate::Fault;
use crate::runner::{Bench, run};

/// How often each of the two does it.
pub const ROUNDS: usize = 3;
const NAME: &str = "cilium";
const NAMESPACE: &str = "kube-system";
/// The namespace that Cilium's chart creates.
const SECRETS: &str = "cilium-secrets";
const PATIENCE: Duration = Duration::from_mins(5);

/// What is needed from outside.
pub struct Tools {
    helm: PathBuf,
    charts: PathBuf,
}

impl Tools {
    /// Helm's command line by `EKSHYBRID_HELM`, published charts by `EKSHYBRID_CHARTS`; the text says what is missing.
    pub fn find() -> Result<Self, String> {
        let variable = |name: &str, what: &str| {
            std::env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("{name} names no {what}"))
        };
        Ok(Self {
            helm: variable("EKSHYBRID_HELM", "command line of Helm (`make helm`)")?,
            charts: variable("EKSHYBRID_CHARTS", "folder of published charts")?,
        })
    }
}

/// What the resource asks for and takes.
pub struct Resource {
    /// Requests of the plan of an upgrade to the API server.
    pub plan_requests: f64,
    /// A destroy by Terraform.
    pub destroy: Duration,
}

/// Installs Cilium by the resource, plans an upgrade, and destroys it. The cluster has a node of [`times`].
pub fn resource(bench: &Bench, account: &Account<'_>, tools: &Tools) -> Result<Resource, Fault> {
    let cluster = account.told["holds"]["cluster_names"][0].as_str().ok_or("the account holds no cluster")?;
    let terraform = bench.folder(
        true,
        &format!(
            "variable \"chart\" {{\n  type = string\n}}\n\nresource \"ekshybrid_cni\" \"a\" {{\n  cluster_name = \"{cluster}\"\n\n  \
             cilium = {{\n    chart             = var.chart\n    operator_replicas = 1\n  }}\n}}\n"
        ),
    )?;
    let chart = |version: &str| format!("-var=chart={}", tools.charts.join(format!("cilium-{version}.tgz")).display());
    let (old, new) = (chart("1.17.1"), chart("1.18.6"));
    run(&terraform, &["apply", "-input=false", "-no-color", "-auto-approve", &old])?;
    let requests = || Ok::<_, Fault>(account.counters()?.get("kubernetes:*").copied().unwrap_or_default());
    let before = requests()?;
    run(&terraform, &["plan", "-input=false", "-no-color", &new])?;
    let asked = requests()? - before;
    let destroyed = run(&terraform, &["destroy", "-input=false", "-no-color", "-auto-approve", &old])?;
    #[allow(clippy::cast_precision_loss, reason = "counts of requests are far below 2⁵²")]
    Ok(Resource { plan_requests: asked as f64, destroy: destroyed.wall })
}

/// Seconds of both, in each round.
#[derive(Default)]
pub struct Times {
    /// Our upgrades.
    pub ours: Vec<f64>,
    /// Helm's.
    pub theirs: Vec<f64>,
    /// Helm's removals.
    pub their_removals: Vec<f64>,
}

/// Seconds, ours and Helm's.
pub fn times(account: &Account<'_>, tools: &Tools) -> Result<Times, Fault> {
    let cluster = account.told["holds"]["cluster_names"][0].as_str().ok_or("the account holds no cluster")?;
    let node = json!({"kind": "hybrid", "names": ["bench-host"], "ready": "at_once"});
    account.ask("POST", &format!("/clusters/{cluster}/nodes"), Some(&node))?;
    let told = account.ask("GET", &format!("/clusters/{cluster}/kubeconfig"), None)?;
    let folder = std::env::temp_dir().join(format!("ekshybrid-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let kubeconfig = folder.join("kubeconfig");
    std::fs::write(&kubeconfig, told["content"].as_str().unwrap_or_default())?;
    let outcome = tokio::runtime::Runtime::new()?.block_on(rounds(&folder, &kubeconfig, cluster, tools));
    std::fs::remove_dir_all(&folder)?;
    outcome
}

async fn rounds(folder: &Path, kubeconfig: &Path, cluster: &str, tools: &Tools) -> Result<Times, Fault> {
    let text = std::fs::read_to_string(tools.charts.join("values-eks-hybrid.json"))?;
    let mut values = Values::from_yaml(&text)?;
    values.set("operator.replicas", json!(1))?;
    values.set("upgradeCompatibility", json!("1.17"))?;
    let file = folder.join("values.json");
    let plain: serde_json::Map<String, serde_json::Value> =
        values.as_map().iter().map(|(key, value)| (key.clone(), value.into())).collect();
    std::fs::write(&file, serde_json::Value::Object(plain).to_string())?;
    let [old, new] = ["1.17.1", "1.18.6"].map(|version| tools.charts.join(format!("cilium-{version}.tgz")));
    let target = Target {
        cluster: cluster.to_owned(),
        server: Server::Kubeconfig {
            path: kubeconfig.to_owned(),
            context: None,
            url: None,
            authority: None,
            insecure: false,
        },
        credentials: Credentials::Kubeconfig,
        tls_server_name: None,
        proxy: None,
        tunnel: None,
    };
    let options = Options { wait: true, timeout: PATIENCE, ..Options::new(NAMESPACE, NAME) };
    let line = CommandLine { program: &tools.helm, kubeconfig, folder, values: &file };
    let mut times = Times::default();
    for _ in 0..ROUNDS {
        // A client of its own, as each run of Terraform and of the command line has it.
        let releases = Releases::new(&Client::new(&target).await?);
        releases.install(&Chart::load(&old)?, &values, &options, &|_| {}).await?;
        let started = Instant::now();
        let releases = Releases::new(&Client::new(&target).await?);
        releases.upgrade(&Chart::load(&new)?, &values, &options, &|_| {}).await?;
        times.ours.push(started.elapsed().as_secs_f64());
        releases.uninstall(NAMESPACE, NAME, &Removal::default(), &|_| {}).await?;

        // Ours does not wait for the end of namespaces, and Helm's installation fails while one is terminating.
        let client = Client::new(&target).await?;
        let begun = Instant::now();
        while client.get(&kube::Resource::NAMESPACE, None, SECRETS).await?.is_some() {
            if begun.elapsed() > PATIENCE {
                return Err(format!("namespace {SECRETS} is still terminating").into());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        line.run(&["install", NAME], Some(&old))?;
        let started = Instant::now();
        line.run(&["upgrade", NAME], Some(&new))?;
        times.theirs.push(started.elapsed().as_secs_f64());
        let started = Instant::now();
        line.run(&["uninstall", NAME], None)?;
        times.their_removals.push(started.elapsed().as_secs_f64());
    }
    Ok(times)
}

/// Helm's command line on the cluster.
struct CommandLine<'a> {
    program: &'a Path,
    kubeconfig: &'a Path,
    folder: &'a Path,
    values: &'a Path,
}

impl CommandLine<'_> {
    fn run(&self, what: &[&str], chart: Option<&Path>) -> Result<(), Fault> {
        let mut command = Command::new(self.program);
        command.args(what).args(["--namespace", NAMESPACE, "--wait"]).env("KUBECONFIG", self.kubeconfig);
        if let Some(chart) = chart {
            command.arg(chart).arg("--values").arg(self.values);
        }
        for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(variable, self.folder);
        }
        let output = command.output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("helm {}: {}", what.join(" "), String::from_utf8_lossy(&output.stderr)).into())
    }
}
