//! The acceptance cases on every Terraform of this machine: the provider's program, run by the real one.

use std::path::Path;
use std::process::ExitCode;

use harness::host::hosts;
use harness::suite::{Suite, Way, built, charts, control_plane};
use harness::terraform::{ProviderBinary, find};

fn main() -> ExitCode {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (sandbox, provider) =
        match (built("sandbox", "sandbox"), built("terraform-provider-ekshybrid", "terraform-provider-ekshybrid")) {
            (Ok(sandbox), Ok(provider)) => (sandbox, provider),
            (sandbox, provider) => {
                for error in [sandbox.err(), provider.err()].into_iter().flatten() {
                    eprintln!("{error}");
                }
                return ExitCode::FAILURE;
            }
        };
    let provider = ProviderBinary {
        name: "ekshybrid".to_owned(),
        source: "registry.terraform.io/ekshybrid/ekshybrid".to_owned(),
        folder: provider.parent().map(Path::to_owned).unwrap_or_default(),
    };
    let ways = find(project).into_iter().map(|found| Way::terraform(found, Some(provider.clone()))).collect();
    let prelude = include_str!("acceptance/provider.tf").to_owned();
    Suite {
        cases: project.join("tests/acceptance"),
        sandbox: Some(sandbox),
        control_plane: control_plane(project),
        hosts: hosts(project),
        charts: charts(project),
        prelude,
    }
    .main(ways)
}
