//! Serves the provider to Terraform; everything else is in the library.

use std::process::ExitCode;

use ekshybrid::provider::Ekshybrid;
use framework::provider::ProviderServer;
use framework::wire::{ServeOptions, serve};

fn main() -> ExitCode {
    let options = ServeOptions {
        name: "ekshybrid",
        address: "registry.terraform.io/ekshybrid/ekshybrid",
        version: env!("CARGO_PKG_VERSION"),
        log_targets: &["ekshybrid", "framework"],
    };
    serve(ProviderServer::<Ekshybrid>::new, &options)
}
