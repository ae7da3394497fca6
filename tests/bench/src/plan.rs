//! The plan of many unchanged activations by real Terraform, beside the plan of as many objects that need no provider.

use harness::sandbox::Account;

use crate::Fault;
use crate::runner::{Bench, Costs};

/// The call that must not happen once for each activation.
const CALL: &str = "ssm:DescribeActivations";

/// A role that every account of the sandbox has, and that Systems Manager may use.
const ROLE: &str = "hybrid-nodes";

/// What the plans took.
pub struct Plans {
    /// The most DescribeActivations calls of one plan.
    pub calls: f64,
    /// Of the activations.
    pub activations: Costs,
    /// Of `terraform_data`.
    pub data: Costs,
}

/// Makes `count` objects of each kind, and plans each kind `rounds` times in turn. The account goes away with the
/// sandbox; removing them would only take time.
pub fn plans(bench: &Bench, account: &Account<'_>, count: usize, rounds: usize) -> Result<Plans, Fault> {
    let ours =
        format!("resource \"ekshybrid_activation\" \"a\" {{\n  count    = {count}\n  iam_role = \"{ROLE}\"\n}}\n");
    let ours = bench.folder(true, &ours)?;
    let theirs = bench.folder(false, &terraform_data(count))?;
    let calls = || Ok::<_, Fault>(account.counters()?.get(CALL).copied().unwrap_or(0));
    // The apply reads none of them: a new activation is described by itself, right after its creation.
    let (mut so_far, mut counts) = (None, Vec::new());
    let (activations, data) = Bench::compare(&ours, &theirs, rounds, || {
        let now = calls()?;
        // The first plan has the calls of the apply before it.
        if let Some(before) = so_far.replace(now) {
            counts.push(now - before);
        }
        Ok(())
    })?;
    let most = counts.into_iter().max().ok_or("only one plan was made")?;
    Ok(Plans { calls: f64::from(u32::try_from(most)?), activations, data })
}

/// As many objects that need no provider.
pub fn terraform_data(count: usize) -> String {
    format!("resource \"terraform_data\" \"a\" {{\n  count = {count}\n  input = \"{ROLE}\"\n}}\n")
}
