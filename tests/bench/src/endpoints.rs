//! The VPC endpoints of a private cluster, beside a single one: an endpoint takes AWS a while, and together they should
//! take no longer than the slowest.

use harness::sandbox::Account;
use serde_json::json;

use crate::Fault;
use crate::runner::{APPLY, Bench, Cost, DESTROY, run};

/// How long each endpoint is pending. AWS needs a minute or two.
pub const PENDING_SECONDS: u64 = 20;

/// What the applies took.
pub struct Applies {
    /// Of eleven endpoints.
    pub all: Cost,
    /// Of one.
    pub one: Cost,
}

/// Creates one endpoint, and then eleven, each in a state of its own.
pub fn applies(bench: &Bench, account: &Account<'_>) -> Result<Applies, Fault> {
    account.ask("POST", "/settings", Some(&json!({"vpc_endpoint_seconds": PENDING_SECONDS})))?;
    let one = created(bench, account, "additional_services = [\"ec2\"]")?;
    let all = created(bench, account, "profile = \"private_cluster\"\n  s3      = \"interface\"")?;
    Ok(Applies { all, one })
}

fn created(bench: &Bench, account: &Account<'_>, services: &str) -> Result<Cost, Fault> {
    let holds = &account.told["holds"];
    let (vpc, subnet, group) = (&holds["vpc_ids"][0], &holds["subnet_ids"][0], &holds["security_group_ids"][0]);
    let folder = bench.folder(
        true,
        &format!(
            "resource \"ekshybrid_vpc_endpoints\" \"e\" {{\n  vpc_id = {vpc}\n  {services}\n  subnet_ids = [{subnet}]\n  security_group_ids = [{group}]\n  client_cidrs = []\n}}\n"
        ),
    )?;
    let cost = run(&folder, APPLY)?;
    run(&folder, DESTROY)?;
    Ok(cost)
}
