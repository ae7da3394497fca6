//! The acceptance cases in this process: the provider's gRPC service, driven by the harness's miniature Terraform.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::SUCCESS
}
