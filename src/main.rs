//! Serves the provider to Terraform; everything else is in the library.

use std::process::ExitCode;

use ekshybrid::registry::Ekshybrid;
use framework::provider::ProviderServer;
use framework::wire::{ServeOptions, log, serve};

fn main() -> ExitCode {
    let options = ServeOptions {
        name: "ekshybrid",
        address: "registry.terraform.io/ekshybrid/ekshybrid",
        version: env!("CARGO_PKG_VERSION"),
        log_targets: &["ekshybrid", "framework"],
    };
    // The chart engine catches what its YAML parser does to broken input.
    log::expect_panics(helm::is_catching);
    serve(ProviderServer::<Ekshybrid>::new, &options)
}
