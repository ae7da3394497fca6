//! The acceptance cases in this process: the provider's gRPC service, driven by the harness's miniature Terraform.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use ekshybrid::registry::Ekshybrid;
use framework::provider::ProviderServer;
use harness::host::hosts;
use harness::suite::{Suite, Way, built, charts, control_plane};

fn main() -> ExitCode {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sandbox = match built("sandbox", "sandbox") {
        Ok(sandbox) => sandbox,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let way = Way::in_process(
        "ekshybrid",
        &["ekshybrid", "framework"],
        Arc::new(|| Arc::new(ProviderServer::<Ekshybrid>::new())),
    );
    let prelude = include_str!("acceptance/provider.tf").to_owned();
    Suite {
        cases: project.join("tests/acceptance"),
        sandbox: Some(sandbox),
        control_plane: control_plane(project),
        hosts: hosts(project),
        charts: charts(project),
        prelude,
    }
    .main(vec![way])
}
