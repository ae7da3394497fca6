//! What the cluster side costs: refreshing 60 resources of one cluster, planning 60 ENIConfigs, annotating 1,000 nodes,
//! planning a CNI.

use std::collections::BTreeMap;
use std::path::Path;

use harness::places::Places;
use harness::sandbox::Account;
use serde_json::json;

use crate::Fault;
use crate::plan::terraform_data;
use crate::runner::{APPLY, Bench, Cost, Costs, DESTROY, PLAN, run};

/// Resources of the refresh, and ENIConfigs of the plan.
pub const RESOURCES: usize = 60;
/// Nodes to annotate.
pub const NODES: usize = 1000;

/// What one plan of [`RESOURCES`] unchanged cluster-side resources asked for.
pub struct Refresh {
    /// DescribeCluster calls.
    pub describe_cluster: f64,
    /// Requests to the API server about the kinds that it serves.
    pub discoveries: f64,
    /// All requests to the API server.
    pub requests: f64,
}

/// Makes settings of aws-node, an entry of aws-auth and ENIConfigs, and counts what a plan of them asks for.
pub fn refresh(bench: &Bench, account: &Account<'_>) -> Result<Refresh, Fault> {
    let cluster = cluster(account)?;
    let others = format!(
        "resource \"ekshybrid_vpc_cni\" \"a\" {{\n  cluster_name = \"{cluster}\"\n  \
         environment  = {{ ANNOTATE_POD_IP = \"true\" }}\n}}\n\n\
         resource \"ekshybrid_aws_auth_entry\" \"a\" {{\n  cluster_name = \"{cluster}\"\n  \
         role_arn     = \"arn:aws:iam::111122223333:role/bench\"\n  username     = \"bench\"\n  \
         groups       = [\"bench\"]\n}}\n"
    );
    let terraform = bench.folder(true, &format!("{}{others}", eniconfigs(account, RESOURCES - 2)?))?;
    run(&terraform, APPLY)?;
    let before = account.counters()?;
    run(&terraform, PLAN)?;
    let after = account.counters()?;
    run(&terraform, DESTROY)?;
    let asked = |wanted: &dyn Fn(&str) -> bool| counted(&after, wanted) - counted(&before, wanted);
    Ok(Refresh {
        describe_cluster: asked(&|name| name == "eks:DescribeCluster"),
        discoveries: asked(&|name| name.starts_with("kubernetes:get/api")),
        requests: asked(&|name| name == "kubernetes:*"),
    })
}

/// Plans [`RESOURCES`] unchanged ENIConfigs and as many `terraform_data`, in turn.
pub fn plans(bench: &Bench, account: &Account<'_>, rounds: usize) -> Result<(Costs, Costs), Fault> {
    let ours = bench.folder(true, &eniconfigs(account, RESOURCES)?)?;
    let theirs = bench.folder(false, &terraform_data(RESOURCES))?;
    let costs = Bench::compare(&ours, &theirs, rounds, || Ok(()))?;
    run(&ours, DESTROY)?;
    Ok(costs)
}

/// What one plan of an unchanged CNI asked for.
pub struct Release {
    /// All requests to the API server.
    pub requests: f64,
    /// Requests to the registry that the chart came from, and for its password.
    pub downloads: f64,
}

/// Installs a CNI from a registry and plans it again.
pub fn release(bench: &Bench, account: &Account<'_>, project: &Path) -> Result<Release, Fault> {
    let chart = project.join("tests/sandbox/charts/cilium");
    let file = |name: &str| std::fs::read_to_string(chart.join(name)).map(|text| (name.to_owned(), json!(text)));
    let files = ["Chart.yaml", "values.yaml", "templates/cni.yaml"].map(file);
    let files: serde_json::Map<_, _> = files.into_iter().collect::<Result<_, _>>()?;
    let registry = account.ask("POST", "/registry", None)?;
    account.ask(
        "POST",
        "/registry/charts",
        Some(&json!({"repository": "charts/cilium", "tag": "0.1.0", "files": files})),
    )?;
    let proxy = account.ask("POST", "/proxies", Some(&json!({"hosts": registry["hosts"]})))?;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut places = Places::default();
    places.add_members(&account.told);
    for (name, value) in [
        ("endpoint", account.endpoint().to_owned()),
        ("cluster", cluster(account)?.to_owned()),
        ("proxy", text(&proxy["url"])),
        ("authorities", text(&registry["ca_bundle"])),
        ("registry", text(&registry["host"])),
    ] {
        places.add(name, value.into());
    }
    let terraform = bench.folder(true, &places.fill(RELEASE)?)?;
    run(&terraform, APPLY)?;
    let before = account.counters()?;
    run(&terraform, PLAN)?;
    let after = account.counters()?;
    run(&terraform, DESTROY)?;
    let asked = |wanted: &dyn Fn(&str) -> bool| counted(&after, wanted) - counted(&before, wanted);
    if counted(&before, &|name| name == "registry:GetLayer") == 0.0 {
        return Err("the chart did not come from the registry".into());
    }
    Ok(Release {
        requests: asked(&|name| name == "kubernetes:*"),
        downloads: asked(&|name| name.starts_with("registry:") || name.starts_with("ecr:")),
    })
}

/// A CNI whose chart lies in a registry that is reached through a proxy.
const RELEASE: &str = r#"
provider "ekshybrid" {
  region           = "@{region}"
  access_key       = "@{access_key}"
  secret_key       = "@{secret_key}"
  https_proxy      = "@{proxy}"
  custom_ca_bundle = "@{authorities}"

  endpoints = {
    ecr = "@{endpoint}"
    eks = "@{endpoint}"
    sts = "@{endpoint}"
  }
}

resource "ekshybrid_cni" "a" {
  cluster_name = "@{cluster}"

  cilium = {
    repository = "oci://@{registry}/charts"
    version    = "0.1.0"
  }
}
"#;

/// Annotates [`NODES`] nodes that kwok plays.
pub fn binding(bench: &Bench, account: &Account<'_>) -> Result<Cost, Fault> {
    let cluster = cluster(account)?;
    let nodes = json!({"kind": "ec2", "count": NODES, "ready": "at_once"});
    account.ask("POST", &format!("/clusters/{cluster}/nodes"), Some(&nodes))?;
    let terraform = bench.folder(
        true,
        &format!(
            "{}resource \"ekshybrid_eniconfig_binding\" \"a\" {{\n  cluster_name  = \"{cluster}\"\n  eniconfig     = ekshybrid_eniconfig.a[0].name\n  \
             node_selector = {{ \"kubernetes.io/os\" = \"linux\" }}\n\n  lifecycle {{\n    postcondition {{\n      \
             condition     = length(self.bound_nodes) == {NODES}\n      error_message = \"Not all nodes are annotated.\"\n    \
             }}\n  }}\n}}\n",
            eniconfigs(account, 1)?
        ),
    )?;
    run(&terraform, APPLY)
}

fn cluster<'a>(account: &'a Account<'_>) -> Result<&'a str, Fault> {
    account.told["holds"]["cluster_names"][0].as_str().ok_or_else(|| "the account holds no cluster".into())
}

fn eniconfigs(account: &Account<'_>, count: usize) -> Result<String, Fault> {
    let subnet = account.told["holds"]["subnet_ids"][0].as_str().ok_or("the account holds no subnet")?;
    let cluster = cluster(account)?;
    Ok(format!(
        "resource \"ekshybrid_eniconfig\" \"a\" {{\n  count        = {count}\n  cluster_name = \"{cluster}\"\n  \
         name         = \"bench-${{count.index}}\"\n  subnet_id    = \"{subnet}\"\n}}\n\n"
    ))
}

#[allow(clippy::cast_precision_loss, reason = "counts of requests are far below 2⁵²")]
fn counted(counters: &BTreeMap<String, u64>, wanted: &dyn Fn(&str) -> bool) -> f64 {
    counters.iter().filter(|(name, _)| wanted(name)).map(|(_, count)| count).sum::<u64>() as f64
}
